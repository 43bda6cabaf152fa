//! What has been read for one recipient and is not settled yet.
//!
//! Jobs about one identity are handed out one after another: the next only once the one before is
//! settled, however often that has to be tried. Those about different identities do not wait for each
//! other. An offset is committed when everything below it is settled, so what was not settled when the
//! process died is read again, and with it what was settled behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline_schemas::time::EventTime;

/// The waits between tries: the first, doubled each time up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What is to be done for one command.
pub(crate) trait Job: Send + Sync + 'static {
    /// By what it is known: whoever withdraws it names it so.
    fn id(&self) -> &str;
    /// Whose turn it waits for: tenant and identity.
    fn subject(&self) -> &str;
    /// The wall-clock time after which it may not be done.
    fn expires_at(&self) -> EventTime;
    /// The record as it was read.
    fn record(&self) -> &[u8];
}

/// Where a job stands: a partition of the control topic and the offset of its command.
pub(crate) type Place = (i32, i64);

/// Where jobs stand that come from no record, such as verifications. Nothing of it is committed.
pub(crate) const ASIDE: i32 = -1;

#[derive(Debug)]
struct Entry<J> {
    job: Arc<J>,
    tries: Tries,
    state: State,
}

/// What has become of a job so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tries {
    /// How often it was tried in vain.
    pub(crate) failed: u32,
    /// When that was first known.
    pub(crate) since: Option<Instant>,
}

/// How long a job waits after so many tries in vain, and one more.
pub(crate) fn wait_after(failed: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1_u32 << failed.min(16));
    doubled.min(LONGEST_WAIT)
}

#[derive(Debug)]
enum State {
    /// It may be handed out from then on.
    Waiting(Option<Instant>),
    /// Somebody is at it.
    Sending,
    /// It is given up, for this reason: a dead letter is owed.
    GivenUp(String),
}

#[derive(Debug)]
struct Partition<J> {
    /// What is not settled, by offset. What is settled takes no room, however long it stands behind
    /// something that is not.
    entries: BTreeMap<i64, Entry<J>>,
    /// Everything below this offset has been read.
    read: Option<i64>,
}

impl<J> Default for Partition<J> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            read: None,
        }
    }
}

/// All of it, by partition and in order.
#[derive(Debug)]
pub(crate) struct Window<J> {
    partitions: BTreeMap<i32, Partition<J>>,
}

impl<J> Default for Window<J> {
    fn default() -> Self {
        Self {
            partitions: BTreeMap::new(),
        }
    }
}

/// A job that has its turn.
#[derive(Debug)]
pub(crate) struct Turn<J> {
    pub(crate) place: Place,
    pub(crate) job: Arc<J>,
    pub(crate) tries: Tries,
}

impl<J: Job> Window<J> {
    /// This partition is ours from now on.
    pub(crate) fn own(&mut self, partition: i32) {
        self.partitions.insert(partition, Partition::default());
    }

    /// This partition is somebody else's: its next owner reads what is not settled.
    pub(crate) fn disown(&mut self, partition: i32) {
        self.partitions.remove(&partition);
    }

    /// The record there was read, and this is to be done; nothing if it is none of the recipient's business.
    pub(crate) fn read(&mut self, (partition, offset): Place, job: Option<J>) {
        let partition = self.partitions.entry(partition).or_default();
        if partition.read.is_some_and(|read| offset < read) {
            // Offsets only go backwards when the topic was created anew: nothing of the old one stands
            // anywhere any more.
            partition.entries.clear();
        }
        partition.read = Some(offset + 1);
        if let Some(job) = job {
            let entry = Entry {
                job: Arc::new(job),
                tries: Tries::default(),
                state: State::Waiting(None),
            };
            partition.entries.insert(offset, entry);
        }
    }

    /// Puts in a job that comes from no record.
    pub(crate) fn read_aside(&mut self, job: J) {
        let next = self.partitions.get(&ASIDE).and_then(|aside| aside.read);
        self.read((ASIDE, next.unwrap_or(0)), Some(job));
    }

    /// How many are not settled.
    pub(crate) fn len(&self) -> usize {
        let partitions = self.partitions.values();
        partitions.map(|partition| partition.entries.len()).sum()
    }

    /// Those that have their turn, oldest first within a partition: nothing before them about the
    /// same identity is unsettled, nobody is at them, and their time to be tried again has come.
    pub(crate) fn turns(&self, now: Instant) -> Vec<Turn<J>> {
        let mut turns = Vec::new();
        for (number, partition) in &self.partitions {
            let mut taken = BTreeSet::new();
            for (offset, entry) in &partition.entries {
                if !taken.insert(entry.job.subject()) {
                    continue;
                }
                if let State::Waiting(from) = entry.state
                    && from.is_none_or(|from| from <= now)
                {
                    turns.push(Turn {
                        place: (*number, *offset),
                        job: Arc::clone(&entry.job),
                        tries: entry.tries,
                    });
                }
            }
        }
        turns
    }

    /// Somebody is at it now.
    pub(crate) fn sending(&mut self, place: Place) {
        if let Some(entry) = self.entry(place) {
            entry.state = State::Sending;
        }
    }

    /// It did not work; it is tried again at that time.
    pub(crate) fn failed(&mut self, place: Place, now: Instant, again: Instant) {
        if let Some(entry) = self.entry(place) {
            entry.tries.failed = entry.tries.failed.saturating_add(1);
            entry.tries.since.get_or_insert(now);
            entry.state = State::Waiting(Some(again));
        }
    }

    /// It was handed to who polls, and it is on him to say that he has it. That he has not is known when
    /// it has to be handed out once more.
    pub(crate) fn handed_out(&mut self, place: Place, now: Instant) {
        if let Some(entry) = self.entry(place) {
            if entry.tries.failed > 0 {
                entry.tries.since.get_or_insert(now);
            }
            entry.tries.failed = entry.tries.failed.saturating_add(1);
        }
    }

    /// Who polls has it and cannot use it yet. That it did not work was counted when it was handed out.
    pub(crate) fn put_off(&mut self, place: Place, now: Instant) {
        if let Some(entry) = self.entry(place) {
            entry.tries.since.get_or_insert(now);
            let again = now + wait_after(entry.tries.failed.saturating_sub(1));
            entry.state = State::Waiting(Some(again));
        }
    }

    /// It never will work.
    pub(crate) fn give_up(&mut self, place: Place, reason: String) {
        if let Some(entry) = self.entry(place) {
            entry.state = State::GivenUp(reason);
        }
    }

    /// Those for which a dead letter is owed, and why.
    pub(crate) fn given_up(&self) -> Vec<(Place, Arc<J>, String)> {
        let mut owed = Vec::new();
        for (number, partition) in &self.partitions {
            for (offset, entry) in &partition.entries {
                if let State::GivenUp(reason) = &entry.state {
                    let place = (*number, *offset);
                    owed.push((place, Arc::clone(&entry.job), reason.clone()));
                }
            }
        }
        owed
    }

    /// It is done, or never will be and that is known.
    pub(crate) fn settle(&mut self, (partition, offset): Place) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.entries.remove(&offset);
        }
    }

    /// This need not be done any more. What somebody is at stays.
    pub(crate) fn withdraw(&mut self, id: &str) {
        let is_withdrawn =
            |entry: &Entry<J>| matches!(entry.state, State::Waiting(_)) && entry.job.id() == id;
        for partition in self.partitions.values_mut() {
            partition.entries.retain(|_, entry| !is_withdrawn(entry));
        }
    }

    /// The place of what is not settled.
    pub(crate) fn place_of(&self, id: &str) -> Option<Place> {
        self.partitions.iter().find_map(|(number, partition)| {
            let mut entries = partition.entries.iter();
            let (offset, _) = entries.find(|(_, entry)| entry.job.id() == id)?;
            Some((*number, *offset))
        })
    }

    /// Up to where each partition may be committed: the oldest record that is not settled, or the next
    /// to be read.
    pub(crate) fn committable(&self) -> Vec<Place> {
        let of_topic = self
            .partitions
            .iter()
            .filter(|(number, _)| **number != ASIDE);
        let settled = of_topic.filter_map(|(number, partition)| {
            let oldest = partition.entries.keys().next().copied();
            Some((*number, oldest.or(partition.read)?))
        });
        settled.collect()
    }

    fn entry(&mut self, (partition, offset): Place) -> Option<&mut Entry<J>> {
        self.partitions
            .get_mut(&partition)?
            .entries
            .get_mut(&offset)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug)]
    struct Chore {
        subject: String,
        id: String,
    }

    impl Job for Chore {
        fn id(&self) -> &str {
            &self.id
        }
        fn subject(&self) -> &str {
            &self.subject
        }
        fn expires_at(&self) -> EventTime {
            EventTime::from_millis(i64::MAX)
        }
        fn record(&self) -> &[u8] {
            &[]
        }
    }

    fn chore(subject: &str, id: &str) -> Chore {
        Chore {
            subject: subject.to_owned(),
            id: id.to_owned(),
        }
    }

    fn offsets(window: &Window<Chore>, now: Instant) -> Vec<i64> {
        let turns = window.turns(now);
        turns.into_iter().map(|turn| turn.place.1).collect()
    }

    /// Ann's at 0 and 2, Bob's at 1.
    fn three() -> Window<Chore> {
        let mut window = Window::default();
        for (offset, who) in [(0, "ann"), (1, "bob"), (2, "ann")] {
            window.read((7, offset), Some(chore(who, &format!("c-{offset}"))));
        }
        window
    }

    #[test]
    fn waits_between_tries_grow_to_a_minute() {
        let waits: Vec<u64> = (0..11)
            .map(|failed| wait_after(failed).as_millis() as u64)
            .collect();
        let grown = [
            200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000,
        ];
        assert_eq!(waits, grown);
        assert_eq!(wait_after(u32::MAX), LONGEST_WAIT);
    }

    #[test]
    fn jobs_about_one_identity_wait_for_each_other() {
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
        assert_eq!((window.committable(), window.len()), (vec![(7, 0)], 2));
        window.settle((7, 0));
        assert_eq!((window.committable(), window.len()), (vec![(7, 2)], 1));
        window.settle((7, 2));
        assert_eq!(window.committable(), [(7, 10)]);
    }

    #[test]
    fn a_partition_that_is_given_away_takes_its_jobs_along() {
        let mut window = three();
        window.disown(7);
        window.settle((7, 0));
        assert_eq!((window.len(), window.committable()), (0, Vec::new()));
    }

    #[test]
    fn what_is_withdrawn_is_settled_unless_it_is_on_its_way() {
        let (mut window, now) = (three(), Instant::now());
        // Sent once more by the engine: it is the same token.
        window.read((7, 3), Some(chore("ann", "c-0")));
        window.sending((7, 1));
        window.withdraw("c-0");
        window.withdraw("c-1");
        window.withdraw("c-unknown");
        assert_eq!((offsets(&window, now), window.len()), (vec![2], 2));
        assert_eq!(window.committable(), [(7, 1)]);
        // It was not taken, and by now nobody wants it.
        window.failed((7, 1), now, now);
        window.withdraw("c-1");
        assert_eq!(window.committable(), [(7, 2)]);
    }

    #[test]
    fn of_a_topic_that_was_created_anew_nothing_old_is_left() {
        let mut window = Window::default();
        window.read((7, 500), Some(chore("ann", "old")));
        window.read((7, 0), Some(chore("ann", "new")));
        assert_eq!(offsets(&window, Instant::now()), [0]);
        assert_eq!(window.committable(), [(7, 0)]);
        window.settle((7, 0));
        assert_eq!(window.committable(), [(7, 1)]);
    }

    #[test]
    fn who_polls_has_failed_when_he_has_to_be_handed_it_again() {
        let (mut window, now) = (three(), Instant::now());
        let tries = |window: &Window<Chore>| window.turns(now)[0].tries;
        window.handed_out((7, 0), now);
        let once = tries(&window);
        assert_eq!((once.failed, once.since), (1, None));
        window.handed_out((7, 0), now);
        let twice = tries(&window);
        assert_eq!((twice.failed, twice.since), (2, Some(now)));
    }

    #[test]
    fn what_comes_from_no_record_is_sent_and_never_committed() {
        let mut window = Window::default();
        window.read_aside(chore("", "v-1"));
        window.read_aside(chore("", "v-2"));
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
                let chore = chore(&who.to_string(), &offset.to_string());
                window.read((0, i64::try_from(offset).expect("few")), Some(chore));
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
