//! What has been read for one receiver and is not settled yet.
//!
//! Tokens about one identity are handed out one after another: the next only once the one before is
//! settled, however often that has to be tried. Those about different identities do not wait for each
//! other. An offset is committed when everything below it is settled, so what was not settled when the
//! process died is read again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use plumbline_schemas::signals::Claims;
use plumbline_schemas::time::EventTime;

/// A token that is to reach the receiver, and the command it is made of.
#[derive(Debug)]
pub(super) struct Signal {
    pub(super) claims: Claims,
    /// Whose turn it waits for: tenant and identity.
    pub(super) subject: String,
    /// The wall-clock time after which it may not be sent.
    pub(super) expires_at: EventTime,
    /// The record as it was read.
    pub(super) record: Vec<u8>,
}

/// Where a signal stands: a partition of the control topic and the offset of its command.
pub(super) type Place = (i32, i64);

/// Where signals stand that come from no record, such as verifications. Nothing of it is committed.
pub(super) const ASIDE: i32 = -1;

#[derive(Debug)]
struct Entry {
    offset: i64,
    signal: Arc<Signal>,
    tries: Tries,
    state: State,
}

/// What has become of a signal so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tries {
    /// How often it was tried in vain.
    pub(super) failed: u32,
    /// When for the first time.
    pub(super) since: Option<Instant>,
}

#[derive(Debug)]
enum State {
    /// It may be handed out from then on.
    Waiting(Option<Instant>),
    /// Somebody is sending it.
    Sending,
    /// It is given up, for this reason: a dead letter is owed.
    GivenUp(String),
    Settled,
}

#[derive(Debug, Default)]
struct Partition {
    entries: VecDeque<Entry>,
    /// Everything below this offset has been read.
    read: Option<i64>,
}

/// All of it, by partition and in order.
#[derive(Debug, Default)]
pub(super) struct Window {
    partitions: BTreeMap<i32, Partition>,
}

/// A signal that has its turn.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) place: Place,
    pub(super) signal: Arc<Signal>,
    pub(super) tries: Tries,
}

impl Window {
    /// This partition is ours from now on.
    pub(super) fn own(&mut self, partition: i32) {
        self.partitions.insert(partition, Partition::default());
    }

    /// This partition is somebody else's: its next owner reads what is not settled.
    pub(super) fn disown(&mut self, partition: i32) {
        self.partitions.remove(&partition);
    }

    /// The record there was read, and this is to be sent; nothing if the receiver is not to be told.
    pub(super) fn read(&mut self, (partition, offset): Place, signal: Option<Signal>) {
        let partition = self.partitions.entry(partition).or_default();
        partition.read = Some(offset + 1);
        if let Some(signal) = signal {
            partition.entries.push_back(Entry {
                offset,
                signal: Arc::new(signal),
                tries: Tries::default(),
                state: State::Waiting(None),
            });
        }
    }

    /// Puts in a signal that comes from no record.
    pub(super) fn read_aside(&mut self, signal: Signal) {
        let next = self.partitions.get(&ASIDE).and_then(|aside| aside.read);
        self.read((ASIDE, next.unwrap_or(0)), Some(signal));
    }

    /// How many it holds: all from the oldest one on that is not settled.
    pub(super) fn len(&self) -> usize {
        let partitions = self.partitions.values();
        partitions.map(|partition| partition.entries.len()).sum()
    }

    /// How many of them are not settled.
    pub(super) fn unsettled(&self) -> usize {
        let partitions = self.partitions.values();
        let entries = partitions.flat_map(|partition| &partition.entries);
        entries
            .filter(|entry| !matches!(entry.state, State::Settled))
            .count()
    }

    /// Those that have their turn, oldest first within a partition: nothing before them about the
    /// same identity is unsettled, nobody is sending them, and their time to be tried again has come.
    pub(super) fn turns(&self, now: Instant) -> Vec<Turn> {
        let mut turns = Vec::new();
        for (number, partition) in &self.partitions {
            let mut taken = BTreeSet::new();
            for entry in &partition.entries {
                if matches!(entry.state, State::Settled) || !taken.insert(&*entry.signal.subject) {
                    continue;
                }
                if let State::Waiting(from) = entry.state
                    && from.is_none_or(|from| from <= now)
                {
                    turns.push(Turn {
                        place: (*number, entry.offset),
                        signal: Arc::clone(&entry.signal),
                        tries: entry.tries,
                    });
                }
            }
        }
        turns
    }

    /// Somebody sends it now.
    pub(super) fn sending(&mut self, place: Place) {
        if let Some(entry) = self.entry(place) {
            entry.state = State::Sending;
        }
    }

    /// It did not work; it is tried again at that time.
    pub(super) fn failed(&mut self, place: Place, now: Instant, again: Instant) {
        if let Some(entry) = self.entry(place) {
            entry.tries.failed = entry.tries.failed.saturating_add(1);
            entry.tries.since.get_or_insert(now);
            entry.state = State::Waiting(Some(again));
        }
    }

    /// It never will work.
    pub(super) fn give_up(&mut self, place: Place, reason: String) {
        if let Some(entry) = self.entry(place) {
            entry.state = State::GivenUp(reason);
        }
    }

    /// Those for which a dead letter is owed, and why.
    pub(super) fn given_up(&self) -> Vec<(Place, Arc<Signal>, String)> {
        let mut owed = Vec::new();
        for (number, partition) in &self.partitions {
            for entry in &partition.entries {
                if let State::GivenUp(reason) = &entry.state {
                    let place = (*number, entry.offset);
                    owed.push((place, Arc::clone(&entry.signal), reason.clone()));
                }
            }
        }
        owed
    }

    /// It has reached the receiver, or never will and that is known.
    pub(super) fn settle(&mut self, place: Place) {
        if let Some(entry) = self.entry(place) {
            entry.state = State::Settled;
        }
        if let Some(partition) = self.partitions.get_mut(&place.0) {
            let settled = |entry: &Entry| matches!(entry.state, State::Settled);
            while partition.entries.front().is_some_and(settled) {
                partition.entries.pop_front();
            }
        }
    }

    /// The place of an unsettled token.
    pub(super) fn place_of(&self, jti: &str) -> Option<Place> {
        self.partitions.iter().find_map(|(number, partition)| {
            let mut entries = partition.entries.iter();
            let found = entries.find(|entry| {
                !matches!(entry.state, State::Settled) && entry.signal.claims.jti == jti
            })?;
            Some((*number, found.offset))
        })
    }

    /// Up to where each partition may be committed: the oldest record that is not settled, or the next
    /// to be read.
    pub(super) fn committable(&self) -> Vec<Place> {
        let of_topic = self
            .partitions
            .iter()
            .filter(|(number, _)| **number != ASIDE);
        let settled = of_topic.filter_map(|(number, partition)| {
            let oldest = partition.entries.front().map(|entry| entry.offset);
            Some((*number, oldest.or(partition.read)?))
        });
        settled.collect()
    }

    fn entry(&mut self, (partition, offset): Place) -> Option<&mut Entry> {
        let entries = &mut self.partitions.get_mut(&partition)?.entries;
        let at = entries.binary_search_by_key(&offset, |entry| entry.offset);
        at.ok().and_then(|at| entries.get_mut(at))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::signals::tests::signal;

    fn offsets(window: &Window, now: Instant) -> Vec<i64> {
        let turns = window.turns(now);
        turns.into_iter().map(|turn| turn.place.1).collect()
    }

    /// Ann's at 0 and 2, Bob's at 1.
    fn three() -> Window {
        let mut window = Window::default();
        for (offset, who) in [(0, "ann"), (1, "bob"), (2, "ann")] {
            window.read((7, offset), Some(signal(who, &format!("c-{offset}"))));
        }
        window
    }

    #[test]
    fn tokens_about_one_identity_wait_for_each_other() {
        let (mut window, now) = (three(), Instant::now());
        assert_eq!(offsets(&window, now), [0, 1]);
        window.sending((7, 0));
        assert_eq!(offsets(&window, now), [1]);
        let later = now + Duration::from_secs(5);
        window.failed((7, 0), now, later);
        assert_eq!(offsets(&window, now), [1]);
        assert_eq!(offsets(&window, later), [0, 1]);
        window.give_up((7, 0), "no".to_owned());
        assert_eq!(offsets(&window, later), [1]);
        window.settle((7, 0));
        assert_eq!(offsets(&window, later), [1, 2]);
    }

    #[test]
    fn what_is_not_settled_is_not_committed() {
        let mut window = three();
        window.read((7, 9), None);
        assert_eq!(window.committable(), [(7, 0)]);
        window.settle((7, 1));
        assert_eq!((window.committable(), window.len()), (vec![(7, 0)], 3));
        assert_eq!(window.unsettled(), 2);
        window.settle((7, 0));
        assert_eq!((window.committable(), window.len()), (vec![(7, 2)], 1));
        window.settle((7, 2));
        assert_eq!(window.committable(), [(7, 10)]);
    }

    #[test]
    fn a_partition_that_is_given_away_takes_its_signals_along() {
        let mut window = three();
        window.disown(7);
        window.settle((7, 0));
        assert_eq!((window.len(), window.committable()), (0, Vec::new()));
    }

    #[test]
    fn what_comes_from_no_record_is_sent_and_never_committed() {
        let mut window = Window::default();
        window.read_aside(signal("", "v-1"));
        window.read_aside(signal("", "v-2"));
        assert_eq!(offsets(&window, Instant::now()), [0]);
        assert_eq!(window.committable(), []);
        assert_eq!(window.place_of("v-2"), Some((ASIDE, 1)));
    }

    proptest! {
        /// Whatever order they are settled in: what is committed is settled, and of no identity a later one
        /// has been handed out before an earlier one.
        #[test]
        fn nothing_is_committed_or_overtaken_before_it_is_settled(
            who in prop::collection::vec(0..4_u8, 1..30), picks in prop::collection::vec(0..9_usize, 200),
        ) {
            let now = Instant::now();
            let mut window = Window::default();
            for (offset, who) in who.iter().enumerate() {
                let signal = signal(&who.to_string(), &offset.to_string());
                window.read((0, i64::try_from(offset).expect("few")), Some(signal));
            }
            let mut settled = BTreeSet::new();
            for pick in picks {
                let turns = window.turns(now);
                if turns.is_empty() { break }
                let offset = turns[pick % turns.len()].place.1;
                let at = |offset: i64| who[usize::try_from(offset).expect("positive")];
                prop_assert!((0..offset).all(|earlier| at(earlier) != at(offset) || settled.contains(&earlier)));
                window.settle((0, offset));
                settled.insert(offset);
                let (_, committed) = window.committable()[0];
                prop_assert!((0..committed).all(|offset| settled.contains(&offset)));
            }
            if window.turns(now).is_empty() {
                prop_assert_eq!(window.len(), 0);
            }
        }
    }
}
