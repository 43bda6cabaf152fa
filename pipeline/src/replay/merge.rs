//! Several files as one log: merged by event time, each in the order of its own lines.
//!
//! Of the next events of all files the one with the smallest time goes first; of equal times the one
//! with the shorter event id, then the smaller (so that `e9` comes before `e10`), then that of the file
//! named first. So the events of one log come out in one order, however they were split over files.

use std::collections::VecDeque;

use plumbline_schemas::event::Event;
use plumbline_schemas::flat::Flat;
use plumbline_schemas::time::EventTime;

use super::ReplayError;
use super::feed::{Feed, Taken};
use crate::normalise::Normaliser;

/// An event that waits for those of other files.
struct Waiting {
    key: Key,
    event: Flat,
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

/// What comes out: an event with the number of its file, or what the file holds beside events.
pub(super) type Taker<'s> = dyn FnMut(usize, Taken<'_>) -> Result<(), ReplayError> + 's;

/// Takes all that the files hold, in one order.
pub(super) fn merge(
    feeds: &mut [Feed<'_>],
    normaliser: &Normaliser,
    take: &mut Taker<'_>,
) -> Result<(), ReplayError> {
    let mut queues: Vec<VecDeque<Waiting>> = feeds.iter().map(|_| VecDeque::new()).collect();
    // Where there is only one file nothing ever waits.
    if feeds.len() > 1 {
        for (file, feed) in feeds.iter_mut().enumerate() {
            fill(feed, file, normaliser, &mut queues[file], None, take)?;
        }
    }
    let mut open: Vec<usize> = (0..feeds.len()).collect();
    open.retain(|file| feeds.len() == 1 || !queues[*file].is_empty());
    while let Some(next) =
        (0..open.len()).min_by(|a, b| head(&queues, open[*a]).cmp(&head(&queues, open[*b])))
    {
        let file = open[next];
        let limit = open
            .iter()
            .filter(|other| **other != file)
            .filter_map(|other| head(&queues, *other))
            .min()
            .cloned();
        let within = |key: &Key| limit.as_ref().is_none_or(|limit| key <= limit);
        while let Some(waiting) = queues[file].pop_front_if(|waiting| within(&waiting.key)) {
            let mut event = waiting.event.events();
            event.try_for_each(|event| take(file, Taken::Event(Box::new(event))))?;
        }
        if queues[file].is_empty() {
            fill(
                &mut feeds[file],
                file,
                normaliser,
                &mut queues[file],
                Some(limit.as_ref()),
                take,
            )?;
        }
        if queues[file].is_empty() {
            open.swap_remove(next);
        }
    }
    Ok(())
}

fn head(queues: &[VecDeque<Waiting>], file: usize) -> Option<&Key> {
    queues[file].front().map(|waiting| &waiting.key)
}

/// Reads on until an event has to wait or the file ends. With a limit, what comes no later than that
/// is taken at once; a limit of nothing lets everything through.
fn fill(
    feed: &mut Feed<'_>,
    file: usize,
    normaliser: &Normaliser,
    queue: &mut VecDeque<Waiting>,
    limit: Option<Option<&Key>>,
    take: &mut Taker<'_>,
) -> Result<(), ReplayError> {
    while queue.is_empty() {
        let more = feed.pump(normaliser, &mut |taken| {
            let Taken::Event(event) = taken else {
                return take(file, taken);
            };
            let at_once = match limit {
                Some(limit) => limit.is_none_or(|limit| limit.is_at_least(&event, file)),
                None => false,
            };
            if at_once && queue.is_empty() {
                return take(file, Taken::Event(event));
            }
            let key = Key {
                time: event.time,
                id_bytes: event.id.len(),
                id: event.id.as_ref().to_owned(),
                file,
            };
            let mut waiting = Waiting {
                key,
                event: Flat::default(),
            };
            waiting.event.push(&event);
            queue.push_back(waiting);
            Ok(())
        })?;
        if !more {
            break;
        }
    }
    Ok(())
}
