//! Reading, decoding and merging run ahead of judging, on a thread of their own: events come out in the order in
//! which one thread would have them, so that what is judged of them is the same.

use std::sync::mpsc::{SendError, SyncSender, sync_channel};
use std::{mem, panic, thread};

use plumbline_schemas::drift::Drift;
use plumbline_schemas::flat::Flat;
use plumbline_schemas::reject::Reject;

use super::ReplayError;
use super::feed::{Feed, Taken};
use super::merge::{self, Sink};
use super::place::Place;
use super::selection::Selection;
use crate::normalise::Normaliser;

/// So many are handed over at once, where many are to come at all, or so many bytes of them: a record may have a
/// mebibyte.
pub(super) const PORTION: usize = 512;
const PORTION_BYTES: usize = 1 << 20;
/// So many portions wait at most.
const PORTIONS: usize = 8;
/// After so many it is said where the reading is. To be resumed costs reading as many again.
const PLACE_EVERY: u64 = 4096;

/// Takes what comes out, with the number of its file.
pub(super) type Taker<'s> = dyn FnMut(usize, Taken<'_>) -> Result<(), ReplayError> + 's;

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
    Place(Box<Place>),
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
            Taken::Place(place) => Held::Place(place),
        };
        self.taken.push((file, held));
    }

    fn is_full(&self, most: usize) -> bool {
        let bytes = self.events.bytes() + self.refused_bytes;
        self.taken.len() >= most || bytes >= PORTION_BYTES
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
                Held::Place(place) => Taken::Place(place),
            };
            take(file, taken)?;
        }
        Ok(())
    }
}

/// Hands on all that the files hold, in one order, while what comes next is read; `taken` came before. Now and then
/// it is said where the reading is.
pub(super) fn read_ahead(
    (feeds, taken): (&mut [Feed<'_>], u64),
    normaliser: &Normaliser,
    selection: &Selection<'_>,
    portion: usize,
    take: &mut Taker<'_>,
) -> Result<(), ReplayError> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(PORTIONS);
        let reading = scope.spawn(move || {
            let mut ahead = Ahead {
                sender,
                selection,
                portion: Portion::default(),
                most: portion,
                taken,
                place_at: taken + PLACE_EVERY,
            };
            merge::merge(feeds, normaliser, &mut ahead)?;
            ahead.send()
        });
        // Where that fails the receiver goes, which ends the reading.
        receiver
            .into_iter()
            .try_for_each(|portion| portion.hand_on(take))?;
        reading
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    })
}

/// The end that reads.
struct Ahead<'s> {
    sender: SyncSender<Portion>,
    selection: &'s Selection<'s>,
    portion: Portion,
    /// So many are handed over at once.
    most: usize,
    taken: u64,
    /// When to say the place again.
    place_at: u64,
}

impl Ahead<'_> {
    fn push(&mut self, file: usize, taken: Taken<'_>) -> Result<(), ReplayError> {
        self.portion.push(file, taken);
        match self.portion.is_full(self.most) {
            true => self.send(),
            false => Ok(()),
        }
    }

    fn send(&mut self) -> Result<(), ReplayError> {
        let full = mem::take(&mut self.portion);
        self.sender.send(full).map_err(nobody_takes)
    }
}

impl Sink for Ahead<'_> {
    fn take(&mut self, file: usize, taken: Taken<'_>) -> Result<(), ReplayError> {
        self.taken += 1;
        match taken {
            Taken::Event(event) if !self.selection.has(&event) => self.push(file, Taken::LeftOut),
            taken => self.push(file, taken),
        }
    }

    fn rest(&mut self, feeds: &[Feed<'_>]) -> Result<(), ReplayError> {
        if self.taken < self.place_at {
            return Ok(());
        }
        self.place_at = self.taken + PLACE_EVERY;
        let place = Place {
            taken: self.taken,
            feeds: feeds.iter().map(Feed::place).collect(),
        };
        self.push(0, Taken::Place(Box::new(place)))
    }
}

fn nobody_takes(_: SendError<Portion>) -> ReplayError {
    ReplayError::Ended
}
