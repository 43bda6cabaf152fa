//! Reading, decoding and merging run ahead of judging, on a thread of their own: events come out in the order in
//! which one thread would have them, so that what is judged of them is the same.

use std::sync::mpsc::{SendError, SyncSender, sync_channel};
use std::{mem, panic, thread};

use plumbline_schemas::drift::Drift;
use plumbline_schemas::flat::Flat;
use plumbline_schemas::reject::Reject;

use super::ReplayError;
use super::feed::{Feed, Taken};
use super::merge::{self, Taker};
use super::selection::Selection;
use crate::normalise::Normaliser;

/// So many are handed over at once, or so many bytes of them: a record may have a mebibyte.
const PORTION: usize = 512;
const PORTION_BYTES: usize = 1 << 20;
/// So many portions wait at most.
const PORTIONS: usize = 8;

/// What comes one after the other.
#[derive(Default)]
struct Portion {
    /// With the file it is of.
    taken: Vec<(usize, Held)>,
    events: Flat,
    refused_bytes: usize,
}

/// What was taken, without the record it came from.
enum Held {
    /// The next of the portion's events.
    Event,
    Rejected(u64, Reject, Vec<u8>),
    Skipped,
    LeftOut,
    Drift(Drift),
}

impl Portion {
    fn push(&mut self, file: usize, taken: Taken<'_>) {
        let held = match taken {
            Taken::Event(event) => {
                self.events.push(&event);
                Held::Event
            }
            Taken::Rejected(line, reject, raw) => {
                self.refused_bytes += raw.len();
                Held::Rejected(line, reject, raw.into_owned())
            }
            Taken::Skipped => Held::Skipped,
            Taken::LeftOut => Held::LeftOut,
            Taken::Drift(drift) => Held::Drift(drift),
        };
        self.taken.push((file, held));
    }

    fn is_full(&self) -> bool {
        let bytes = self.events.bytes() + self.refused_bytes;
        self.taken.len() >= PORTION || bytes >= PORTION_BYTES
    }

    fn hand_on(self, take: &mut Taker<'_>) -> Result<(), ReplayError> {
        let mut events = self.events.events();
        for (file, held) in self.taken {
            let taken = match held {
                Held::Event => {
                    let event = events.next().ok_or(ReplayError::Ended)?;
                    Taken::Event(Box::new(event))
                }
                Held::Rejected(line, reject, raw) => Taken::Rejected(line, reject, raw.into()),
                Held::Skipped => Taken::Skipped,
                Held::LeftOut => Taken::LeftOut,
                Held::Drift(drift) => Taken::Drift(drift),
            };
            take(file, taken)?;
        }
        Ok(())
    }
}

/// Hands on all that the files hold, in one order, while what comes next is read.
pub(super) fn read_ahead(
    feeds: &mut [Feed<'_>],
    normaliser: &Normaliser,
    selection: &Selection<'_>,
    take: &mut Taker<'_>,
) -> Result<(), ReplayError> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(PORTIONS);
        let reading = scope.spawn(move || read(feeds, normaliser, selection, &sender));
        // Where that fails the receiver goes, which ends the reading.
        receiver
            .into_iter()
            .try_for_each(|portion| portion.hand_on(take))?;
        reading
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    })
}

fn read(
    feeds: &mut [Feed<'_>],
    normaliser: &Normaliser,
    selection: &Selection<'_>,
    sender: &SyncSender<Portion>,
) -> Result<(), ReplayError> {
    let mut portion = Portion::default();
    merge::merge(feeds, normaliser, &mut |file, taken| {
        let taken = match taken {
            Taken::Event(event) if !selection.has(&event) => Taken::LeftOut,
            taken => taken,
        };
        portion.push(file, taken);
        if !portion.is_full() {
            return Ok(());
        }
        let full = mem::take(&mut portion);
        sender.send(full).map_err(nobody_takes)
    })?;
    sender.send(portion).map_err(nobody_takes)
}

fn nobody_takes(_: SendError<Portion>) -> ReplayError {
    ReplayError::Ended
}
