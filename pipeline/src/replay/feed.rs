//! One input file as a sequence of events, each on its line, with the clock of the file; or files that are read one
//! behind the other.
//!
//! A file has no broker that says when a record arrived. A record whose time is more than 24 hours
//! ahead of all before it in its file is a *jump*, and is believed only when the next valid record
//! confirms it by being no more than 24 hours behind it. Otherwise it is refused, and moves no clock.
//! The first record of a file jumps from nowhere and needs no confirmation. A jump that ends its file
//! is believed too, unless it is more than three years. What other partitions have told this one neither jumps nor
//! confirms.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::PathBuf;

use plumbline_detectors::context::is_news;
use plumbline_schemas::drift::Drift;
use plumbline_schemas::event::{Event, MAX_AHEAD_MILLIS};
use plumbline_schemas::flat::Flat;
use plumbline_schemas::formats::Decoded;
use plumbline_schemas::reject::{Reason, Reject};
use plumbline_schemas::time::EventTime;

use super::ReplayError;
use super::place::{At, FeedPlace, Place, Since};
use super::reader::{Opener, Reader};
use super::records::Next;
use crate::normalise::Normaliser;

/// The longest jump that nothing confirms: no log of one organisation rests for three years.
const LONGEST_LAST_JUMP_MILLIS: i64 = 3 * 366 * 86_400_000;

/// What a file holds, in its order.
pub(super) enum Taken<'t> {
    /// An event that may be applied.
    Event(Box<Event<'t>>),
    /// What goes to the dead letter: line, why, and the raw record.
    Rejected(u64, Reject, Cow<'t, [u8]>),
    /// A record that says nothing of any identity.
    Skipped,
    /// An event of another time, or of somebody else, than is asked for.
    LeftOut,
    /// A field in which the next record is not what its format expects.
    Drift(Drift),
    /// Nothing of the log, but where the reading of it is.
    Place(Box<Place>),
}

/// Takes what a file holds.
pub(super) type Taker<'s> = dyn FnMut(Taken<'_>) -> Result<(), ReplayError> + 's;

/// A record that jumped ahead and waits for the next to confirm it, as often as it was delivered.
struct Jump {
    events: Flat,
    time: EventTime,
    /// Lines and raw records.
    records: Vec<(u64, Vec<u8>)>,
}

impl Jump {
    fn add(&mut self, event: &Event<'_>, line: u64, raw: &[u8]) {
        self.events.push(event);
        self.records.push((line, raw.to_vec()));
    }

    /// Whether it is the same event again, which confirms nothing.
    fn is(&self, event: &Event<'_>) -> bool {
        let first = self.events.events().next();
        first.is_some_and(|first| {
            first.id == event.id
                && first.source == event.source
                && first.tenant() == event.tenant()
                && first.time == event.time
        })
    }
}

/// One input file, or several in a sequence.
pub(super) struct Feed<'o> {
    path: PathBuf,
    reader: Reader,
    may_be_reopened: bool,
    opener: &'o Opener,
    /// What comes behind it, and how many files and lines came before.
    following: VecDeque<PathBuf>,
    files_before: usize,
    lines_before: u64,
    record: Vec<u8>,
    clock: Option<EventTime>,
    jump: Option<Jump>,
    /// From where another process reads on, and what it does not hand on a second time.
    mark: FeedPlace,
    /// What is still not to be handed on a second time.
    again: Since,
}

impl<'o> Feed<'o> {
    /// From a place on. Each file is opened in its turn: there may be thousands.
    pub(super) fn at(files: &[PathBuf], opener: &'o Opener, place: &FeedPlace) -> Self {
        let (before, rest) = files.split_at(place.file.min(files.len()));
        let mut following = VecDeque::from_iter(rest.iter().cloned());
        let path = following.pop_front().unwrap_or_default();
        opener.pass(before);
        let reader = match place.is_over {
            // What was read before need not be unpacked again.
            true => {
                opener.pass(std::slice::from_ref(&path));
                Reader::Ended(0)
            }
            false => Reader::Resting(place.at),
        };
        Self {
            reader,
            may_be_reopened: false,
            path,
            opener,
            following,
            files_before: place.file,
            lines_before: place.lines_before,
            record: Vec::new(),
            clock: place.clock.map(EventTime::from_millis),
            jump: None,
            mark: *place,
            again: place.since,
        }
    }

    /// Opens its file before its turn: one that cannot be is known then.
    pub(super) fn open(&mut self) -> Result<(), ReplayError> {
        if let Reader::Resting(at) = self.reader {
            self.may_be_reopened = self.opener.inputs.may_be_reopened(&self.path);
            self.reader = self.opener.open(&self.path, at)?;
        }
        Ok(())
    }

    /// Whether its file is open.
    pub(super) fn is_open(&self) -> bool {
        self.reader.is_open()
    }

    /// Whether it could do without its file for a while.
    pub(super) fn may_rest(&self) -> bool {
        self.is_open() && self.may_be_reopened
    }

    /// Closes its file, to go on from there when it is its turn again.
    pub(super) fn rest(&mut self) {
        self.reader = Reader::Resting(self.reader.at());
    }

    /// From where it can be read on.
    pub(super) fn place(&self) -> FeedPlace {
        self.mark
    }

    /// So many of its events were handed on.
    pub(super) fn handed_on(&mut self, events: u64) {
        self.mark.since.events += events;
    }

    /// Reads one record and hands on everything it settles; false at the end of the last file.
    pub(super) fn pump(
        &mut self,
        normaliser: &Normaliser,
        take: &mut Taker<'_>,
    ) -> Result<bool, ReplayError> {
        let is_settled = self.jump.is_none();
        if is_settled {
            self.mark = FeedPlace {
                file: self.files_before,
                at: self.reader.at(),
                lines_before: self.lines_before,
                clock: self.clock.map(EventTime::as_millis),
                ..FeedPlace::START
            };
        }
        let (mut since, mut again) = (self.mark.since, self.again);
        let more = self.read(normaliser, &mut |taken| {
            let is_event = matches!(taken, Taken::Event(_));
            let left = match is_event {
                true => &mut again.events,
                false => &mut again.others,
            };
            let is_again = *left > 0;
            *left -= u64::from(is_again);
            // Other events are counted once they have gone their way.
            since.events += u64::from(is_event && is_again);
            since.others += u64::from(!is_event);
            match is_again {
                true => Ok(()),
                false => take(taken),
            }
        })?;
        (self.mark.since, self.again) = (since, again);
        self.mark.is_over = is_settled && !more;
        Ok(more)
    }

    fn read(&mut self, normaliser: &Normaliser, take: &mut Taker<'_>) -> Result<bool, ReplayError> {
        self.open()?;
        let Self {
            path,
            reader,
            record,
            clock,
            jump,
            ..
        } = self;
        let next = reader.next(path, record)?;
        let line = self.lines_before + reader.line();
        match next {
            Next::Record => {
                let raw = record.trim_ascii();
                let mut result = Ok(());
                if reader.is_archive() {
                    normaliser.decode_native(raw, &mut |decoded| {
                        if result.is_ok() {
                            result = hand_on(decoded, line, raw, take);
                        }
                    });
                    return result.map(|()| true);
                }
                normaliser.decode(raw, &mut |decoded| {
                    if result.is_ok() {
                        result = settle(decoded, line, raw, clock, jump, take);
                    }
                });
                result.map(|()| true)
            }
            Next::CutOff => {
                let reject = Reject::new(
                    Reason::NotJson,
                    "record: the file ends inside an array, it was cut off",
                );
                take(Taken::Rejected(line, reject, Cow::Borrowed(b""))).map(|()| true)
            }
            Next::End if let Some(following) = self.following.pop_front() => {
                self.opener.ended(path);
                *reader = Reader::Resting(At::START);
                *path = following;
                self.files_before += 1;
                self.lines_before = line;
                Ok(true)
            }
            Next::End => {
                if reader.is_open() {
                    self.opener.ended(path);
                }
                *reader = Reader::Ended(reader.line());
                if let Some(jump) = jump.take() {
                    let behind = clock.map_or(0, |clock| jump.time.since(clock));
                    end_jump(jump, behind <= LONGEST_LAST_JUMP_MILLIS, clock, take)?;
                }
                Ok(false)
            }
        }
    }
}

/// Hands on what a replay or a service has believed before: its archive holds no time that was not confirmed.
fn hand_on(
    decoded: Decoded<'_>,
    line: u64,
    raw: &[u8],
    take: &mut Taker<'_>,
) -> Result<(), ReplayError> {
    match decoded {
        Decoded::Event(event) => take(Taken::Event(event)),
        Decoded::Rejected(reject) => take(Taken::Rejected(line, reject, raw.into())),
        Decoded::Skipped(_) => take(Taken::Skipped),
        Decoded::Drift(drift) => take(Taken::Drift(drift)),
    }
}

fn settle(
    decoded: Decoded<'_>,
    line: u64,
    raw: &[u8],
    clock: &mut Option<EventTime>,
    jump: &mut Option<Jump>,
    take: &mut Taker<'_>,
) -> Result<(), ReplayError> {
    let event = match decoded {
        Decoded::Event(event) => event,
        Decoded::Rejected(reject) => return take(Taken::Rejected(line, reject, raw.into())),
        Decoded::Skipped(_) => return take(Taken::Skipped),
        Decoded::Drift(drift) => return take(Taken::Drift(drift)),
    };
    // Other partitions may be days ahead.
    if is_news(&event) {
        return take(Taken::Event(event));
    }
    if let Some(jump) = jump.as_mut().filter(|jump| jump.is(&event)) {
        jump.add(&event, line, raw);
        return Ok(());
    }
    if let Some(jump) = jump.take() {
        let confirmed = event.time.since(jump.time) >= -MAX_AHEAD_MILLIS;
        end_jump(jump, confirmed, clock, take)?;
    }
    if clock.is_some_and(|clock| event.time.since(clock) > MAX_AHEAD_MILLIS) {
        let began = jump.insert(Jump {
            events: Flat::default(),
            time: event.time,
            records: Vec::new(),
        });
        began.add(&event, line, raw);
        return Ok(());
    }
    *clock = (*clock).max(Some(event.time));
    take(Taken::Event(event))
}

fn end_jump(
    jump: Jump,
    believed: bool,
    clock: &mut Option<EventTime>,
    take: &mut Taker<'_>,
) -> Result<(), ReplayError> {
    if !believed {
        let was = clock.map_or_else(String::new, |clock| format!(", which was at {clock}"));
        let detail = format!(
            "time: more than 24 h ahead of the log's clock{was}, and the next record does not confirm it"
        );
        return jump.records.into_iter().try_for_each(|(line, raw)| {
            let reject = Reject::new(Reason::TimeAhead, detail.clone());
            take(Taken::Rejected(line, reject, raw.into()))
        });
    }
    *clock = (*clock).max(Some(jump.time));
    jump.events
        .events()
        .try_for_each(|event| take(Taken::Event(Box::new(event))))
}
