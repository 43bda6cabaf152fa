//! Several files as one log: merged by event time, each in the order of its own lines.
//!
//! Of the next events of all files the one with the smallest time goes first; of equal times the one
//! with the shorter event id, then the smaller (so that `e9` comes before `e10`), then that of the file
//! named first. So the events of one log come out in one order, however they were split over files.
//! What other partitions have told that of a file goes first: its time is theirs, and to wait for it would make all
//! that stands behind it late.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use plumbline_detectors::context::is_news;
use plumbline_schemas::event::Event;
use plumbline_schemas::flat::Flat;
use plumbline_schemas::time::EventTime;

use super::ReplayError;
use super::feed::{Feed, Taken};
use crate::normalise::Normaliser;

/// So many files are open at once: most systems let a program open a thousand.
pub(super) const MOST_OPEN: usize = 512;

/// An event that waits for those of other files.
struct Waiting {
    key: Key,
    event: Flat,
}

impl Waiting {
    fn new(event: &Event<'_>, file: usize) -> Self {
        let mut flat = Flat::default();
        flat.push(event);
        Self {
            key: Key {
                time: event.time,
                id_bytes: event.id.len(),
                id: event.id.as_ref().to_owned(),
                file,
            },
            event: flat,
        }
    }
}

/// What decides whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    time: EventTime,
    id_bytes: usize,
    id: String,
    file: usize,
}

impl Key {
    fn is_at_least(&self, event: &Event<'_>, file: usize) -> bool {
        (event.time, event.id.len(), &*event.id, file)
            <= (self.time, self.id_bytes, &*self.id, self.file)
    }
}

/// What comes out.
pub(super) trait Sink {
    /// An event with the number of its file, or what the file holds beside events.
    fn take(&mut self, file: usize, taken: Taken<'_>) -> Result<(), ReplayError>;

    /// The next record is going to be read: all that was handed on is what the feeds say.
    fn rest(&mut self, feeds: &[Feed<'_>]) -> Result<(), ReplayError>;
}

/// Takes all that the files hold, in one order.
pub(super) fn merge(
    feeds: &mut [Feed<'_>],
    normaliser: &Normaliser,
    sink: &mut dyn Sink,
) -> Result<(), ReplayError> {
    let mut queues: Vec<VecDeque<Waiting>> = feeds.iter().map(|_| VecDeque::new()).collect();
    // Where there is only one file nothing ever waits.
    if let [queue] = &mut *queues {
        return fill(feeds, 0, normaliser, queue, Some(None), sink);
    }
    let mut turns = BinaryHeap::with_capacity(feeds.len());
    for file in 0..feeds.len() {
        make_room(feeds, &queues, file);
        fill(feeds, file, normaliser, &mut queues[file], None, sink)?;
        turns.extend(head(&queues, file).cloned().map(Reverse));
    }
    while let Some(Reverse(Key { file, .. })) = turns.pop() {
        let limit = turns.peek().map(|Reverse(next)| next);
        let within = |key: &Key| limit.is_none_or(|limit| key <= limit);
        while let Some(waiting) = queues[file].pop_front_if(|waiting| within(&waiting.key)) {
            for event in waiting.event.events() {
                sink.take(file, Taken::Event(Box::new(event)))?;
                feeds[file].handed_on(1);
            }
        }
        if queues[file].is_empty() {
            make_room(feeds, &queues, file);
            let queue = &mut queues[file];
            fill(feeds, file, normaliser, queue, Some(limit), sink)?;
        }
        turns.extend(head(&queues, file).cloned().map(Reverse));
    }
    Ok(())
}

fn head(queues: &[VecDeque<Waiting>], file: usize) -> Option<&Key> {
    queues[file].front().map(|waiting| &waiting.key)
}

/// Before a file is read: where as many as may are open already, that whose turn comes last of all rests.
fn make_room(feeds: &mut [Feed<'_>], queues: &[VecDeque<Waiting>], file: usize) {
    if feeds.len() <= MOST_OPEN || feeds[file].is_open() {
        return;
    }
    if feeds.iter().filter(|feed| feed.is_open()).count() < MOST_OPEN {
        return;
    }
    let may_rest = (0..feeds.len()).filter(|other| feeds[*other].may_rest());
    let last = may_rest.max_by(|a, b| head(queues, *a).cmp(&head(queues, *b)));
    if let Some(last) = last {
        feeds[last].rest();
    }
}

/// Reads on until an event has to wait or the file ends. With a limit, what comes no later than that
/// is taken at once; a limit of nothing lets everything through.
fn fill(
    feeds: &mut [Feed<'_>],
    file: usize,
    normaliser: &Normaliser,
    queue: &mut VecDeque<Waiting>,
    limit: Option<Option<&Key>>,
    sink: &mut dyn Sink,
) -> Result<(), ReplayError> {
    while queue.is_empty() {
        sink.rest(feeds)?;
        let mut at_once = 0;
        let more = feeds[file].pump(normaliser, &mut |taken| {
            let Taken::Event(event) = taken else {
                return sink.take(file, taken);
            };
            let has_turn = match limit {
                Some(limit) => limit.is_none_or(|limit| limit.is_at_least(&event, file)),
                None => false,
            };
            if queue.is_empty() && (has_turn || is_news(&event)) {
                at_once += 1;
                return sink.take(file, Taken::Event(event));
            }
            queue.push_back(Waiting::new(&event, file));
            Ok(())
        })?;
        feeds[file].handed_on(at_once);
        if !more {
            break;
        }
    }
    Ok(())
}
