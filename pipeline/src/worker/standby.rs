//! Warm standby: a process reads the state of the partitions that others work on as it is written. Who takes
//! one over has to read only what came last.
//!
//! The price is memory: that of an engine for every partition of the group, in every process that stands by.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;

use super::restore::{Reader, Reading, Source, is_final};
use crate::kafka::{ConnectError, Failure, IDLE_POLL, retry_after};
use crate::run::Counters;

/// A follower that has not seen the end of its partition for so long may have missed that an entry was
/// dropped: tombstones are kept for a day unless the topic says otherwise.
const TRUSTED_FOR: Duration = Duration::from_secs(12 * 3600);
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The state of the partitions that no worker of this process owns.
pub(crate) struct Standby {
    source: Source,
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    followed: Mutex<Followed>,
}

#[derive(Default)]
struct Followed {
    followers: BTreeMap<i32, Follower>,
    /// How many workers of this process have been given each partition.
    owners: BTreeMap<i32, usize>,
    /// Whether the client has yet to be told what it is to read.
    has_changed: bool,
}

/// What has been read of the state of a partition.
pub(super) struct Follower {
    pub(super) reading: Reading,
    /// The offset in the state topic from which on it has not been read.
    pub(super) next: Offset,
    /// Whether the client reads from there: what comes before that is of an earlier reading.
    is_being_read: bool,
    at_end: Option<Instant>,
}

impl Standby {
    pub(crate) fn new(source: Source, stop: Arc<AtomicBool>, counters: Arc<Counters>) -> Self {
        // It has no share of the work to wait for.
        counters.standing().joined = true;
        let mut followed = Followed::default();
        for partition in 0..source.partitions {
            followed.begin(partition, Reading::begin(&source));
        }
        Self {
            source,
            stop,
            counters,
            followed: Mutex::new(followed),
        }
    }

    /// Follows until it is told to stop. An error is something that waiting does not mend.
    pub(crate) fn run(&self) -> Result<(), ConnectError> {
        let mut failures = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let Err(error) = self.follow() else { continue };
            if Failure::of(&error) == Failure::Forbidden {
                let what = format!("topic {}", self.source.topics.state);
                return Err(ConnectError::about(&what, error));
            }
            if begun.elapsed() > Duration::from_secs(60) {
                failures = 0;
            }
            tracing::warn!(%error, "state cannot be followed yet");
            thread::sleep(retry_after(failures));
            failures += 1;
        }
        Ok(())
    }

    fn follow(&self) -> Result<(), KafkaError> {
        let reader = Reader::open(&self.source)?;
        self.followed().has_changed = true;
        let mut looked = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            if let Some(wanted) = self.followed().changed() {
                reader.assign(&self.source, wanted)?;
            }
            self.take_next(&reader)?;
            if looked.elapsed() >= LOOK_INTERVAL {
                looked = Instant::now();
                let warm = self.followed().warm().count();
                self.counters.standing().standing_by = warm;
            }
        }
        Ok(())
    }

    fn take_next(&self, reader: &Reader) -> Result<(), KafkaError> {
        match reader.client()?.poll(IDLE_POLL) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                if let Some(follower) = self.followed().being_read(partition) {
                    follower.at_end = Some(Instant::now());
                }
            }
            Some(Err(error)) if is_final(&error) => return Err(error),
            // Reported, and librdkafka goes on by itself.
            Some(Err(_)) => {}
            Some(Ok(message)) => {
                if let Some(follower) = self.followed().being_read(message.partition()) {
                    let key = message.key().unwrap_or_default();
                    follower.take(message.offset(), key, message.payload());
                }
            }
        }
        Ok(())
    }

    fn followed(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker of this process has been given a partition.
    pub(super) fn taken(&self, partition: i32) {
        *self.followed().owners.entry(partition).or_default() += 1;
    }

    /// It begins to read its state: what is known of it already, if that can be relied on.
    pub(super) fn hand_over(&self, partition: i32) -> Option<Follower> {
        let mut followed = self.followed();
        // It may have been given away again meanwhile.
        followed.owners.get(&partition)?;
        let follower = followed.followers.remove(&partition)?;
        followed.has_changed = true;
        follower.is_warm().then_some(follower)
    }

    /// It has let go of it.
    pub(super) fn released(&self, partition: i32) {
        let mut followed = self.followed();
        // Who has lost a partition may learn it only after another has been given it.
        if let Some(owners) = followed.owners.get_mut(&partition) {
            *owners -= 1;
            if *owners == 0 {
                followed.owners.remove(&partition);
                followed.begin(partition, Reading::begin(&self.source));
            }
        }
    }
}

impl Followed {
    fn begin(&mut self, partition: i32, reading: Reading) {
        let follower = Follower {
            reading,
            next: Offset::Beginning,
            is_being_read: false,
            at_end: None,
        };
        self.followers.insert(partition, follower);
        self.has_changed = true;
    }

    /// What to read from where, if that is not what is being read.
    fn changed(&mut self) -> Option<Vec<(i32, Offset)>> {
        if !std::mem::take(&mut self.has_changed) {
            return None;
        }
        let followers = self.followers.iter_mut().map(|(partition, follower)| {
            follower.is_being_read = true;
            (*partition, follower.next)
        });
        Some(followers.collect())
    }

    fn being_read(&mut self, partition: i32) -> Option<&mut Follower> {
        let follower = self.followers.get_mut(&partition)?;
        follower.is_being_read.then_some(follower)
    }

    fn warm(&self) -> impl Iterator<Item = &Follower> {
        self.followers
            .values()
            .filter(|follower| follower.is_warm())
    }
}

impl Follower {
    fn take(&mut self, offset: i64, key: &[u8], value: Option<&[u8]>) {
        // What was on its way when the client was told to read something else comes again.
        let is_next = match self.next {
            Offset::Offset(next) => offset >= next,
            _ => true,
        };
        if is_next {
            self.reading.take(key, value);
            self.next = Offset::Offset(offset + 1);
        }
    }

    fn is_warm(&self) -> bool {
        self.at_end.is_some_and(|at| at.elapsed() < TRUSTED_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        Reading::of_partition(Arc::default(), 1)
    }

    #[test]
    fn what_an_earlier_reading_left_on_its_way_is_not_taken_for_the_beginning() {
        let mut followed = Followed::default();
        followed.begin(0, reading());
        assert_eq!(followed.changed(), Some(vec![(0, Offset::Beginning)]));
        // Given away and taken back before the client was told: it still reads where it was.
        followed.followers.remove(&0);
        followed.begin(0, reading());
        assert!(followed.being_read(0).is_none());
        assert_eq!(followed.changed(), Some(vec![(0, Offset::Beginning)]));
        let follower = followed.being_read(0).expect("the client was told");
        follower.take(4, b"x", None);
        follower.take(2, b"x", None);
        assert_eq!(follower.next, Offset::Offset(5));
        assert_eq!(followed.changed(), None);
    }

    #[test]
    fn who_has_not_seen_the_end_is_not_relied_on() {
        let mut followed = Followed::default();
        followed.begin(0, reading());
        assert_eq!(followed.warm().count(), 0);
        let _ = followed.changed();
        followed.being_read(0).expect("the client was told").at_end = Some(Instant::now());
        assert_eq!(followed.warm().count(), 1);
    }
}
