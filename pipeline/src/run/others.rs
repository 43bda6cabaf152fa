//! How far those raw partitions have come that other processes of the group read.
//!
//! A process reads its own partitions side by side in event time ([`super::merge`]). Of a backlog one process may read
//! weeks ahead of another all the same, and everything that the other writes would then be late. So each tells, in the
//! metadata of the offsets that it commits, the event time of what comes next, and none goes further ahead of it than
//! a small part of what makes an event late. Who keeps up with what happens now never waits for anybody.
//!
//! As with one's own partitions: what was read to its end holds nobody back, nor does what tells no time, or keeps
//! silent although it has more.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::kafka::{Context, ends_of, partition_count};

/// How far others may be left behind: so small a part of what makes an event late.
const PART_OF_LATENESS: u32 = 24;
/// While somebody is behind it is asked this often whether that is still so.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(50);
/// How long a partition that was at its end counts as being there.
const RECHECK: Duration = Duration::from_secs(1);
/// How long is waited for a partition that has more and does not come further.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of a longer wait it is told for whom, and again from time to time.
const REPORT_AFTER: Duration = Duration::from_secs(3);
const REPORT_EVERY: Duration = Duration::from_secs(30);
/// How long is waited for the brokers' answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// The partitions of others.
pub(super) struct Others {
    list: Vec<Other>,
    lead: i64,
    /// No record up to that time is too far ahead of anybody.
    free_until: i64,
    learnt: Option<Instant>,
    /// Since when somebody is waited for.
    waiting: Option<Instant>,
    reported: Option<Instant>,
}

/// A partition of another process.
struct Other {
    topic: String,
    partition: i32,
    place: Place,
    /// How long it has been waited for in vain.
    waited: Duration,
}

impl Other {
    fn new(topic: &str, partition: i32) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            place: Place::UNKNOWN,
            waited: Duration::ZERO,
        }
    }
}

/// Where a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// What is committed, if anything is.
    offset: Option<i64>,
    /// Nothing behind it is of an earlier time, as far as is known.
    time: Option<i64>,
    end: i64,
}

impl Place {
    const UNKNOWN: Self = Self {
        offset: None,
        time: None,
        end: i64::MAX,
    };

    /// Up to what time a record is not too far ahead of it. Where nothing is committed, any is; where what is committed
    /// tells no time, none.
    fn free_until(self, lead: i64) -> i64 {
        match (self.offset, self.time) {
            (_, Some(reached)) => reached.saturating_add(lead),
            (None, None) => i64::MIN,
            (Some(_), None) => i64::MAX,
        }
    }

    /// Whether it is behind and has not been read to its end.
    fn holds(self, time: i64, lead: i64) -> bool {
        self.free_until(lead) < time && self.offset.unwrap_or(0) < self.end
    }
}

impl Others {
    /// For a log in which what is this far behind its clock is late.
    pub(super) fn new(lateness: Duration) -> Self {
        let lead = lateness / PART_OF_LATENESS;
        Self {
            list: Vec::new(),
            lead: i64::try_from(lead.as_millis()).unwrap_or(i64::MAX),
            free_until: i64::MAX,
            learnt: None,
            waiting: None,
            reported: None,
        }
    }

    /// Who they are, when the partitions have been shared out anew.
    pub(super) fn share<'t>(
        &mut self,
        observer: &BaseConsumer<Context>,
        topics: impl Iterator<Item = &'t str>,
        is_own: impl Fn(&str, i32) -> bool,
    ) {
        self.list.clear();
        self.learnt = None;
        for topic in topics {
            let partitions = match partition_count(observer, topic) {
                Ok(partitions) => partitions.unwrap_or(0),
                Err(error) => {
                    tracing::warn!(%error, topic, "it is not known who else reads this topic: nobody waits for them");
                    0
                }
            };
            let partitions = (0..partitions).filter(|partition| !is_own(topic, *partition));
            self.list
                .extend(partitions.map(|partition| Other::new(topic, partition)));
        }
        self.free_until = self.free();
    }

    fn free(&self) -> i64 {
        let others = self.list.iter();
        let free = others.map(|other| other.place.free_until(self.lead));
        free.min().unwrap_or(i64::MAX)
    }

    /// Whether there are any.
    pub(super) fn are_there(&self) -> bool {
        !self.list.is_empty()
    }

    /// Whether a record of that time may go into the log, as far as is known; nothing where that is known no longer.
    pub(super) fn let_pass(&self, time: i64, now: Instant) -> Option<bool> {
        if time <= self.free_until {
            return Some(true);
        }
        let age = now.saturating_duration_since(self.learnt?);
        match self.awaited(time) {
            Some(_) => (age < ASK_EVERY).then_some(false),
            None => (age < RECHECK).then_some(true),
        }
    }

    /// Who is waited for with a record of that time: of several, who is furthest behind.
    fn awaited(&self, time: i64) -> Option<&Other> {
        let others = self.list.iter();
        let awaited =
            others.filter(|other| other.waited < PATIENCE && other.place.holds(time, self.lead));
        awaited.min_by_key(|other| other.place.free_until(self.lead))
    }

    /// Asks how far they have come, for a record of that time. Where there is no answer they are where they were.
    pub(super) fn ask(&mut self, observer: &BaseConsumer<Context>, time: i64) {
        let places = self.places(observer).unwrap_or_else(|error| {
            tracing::warn!(%error, "it is not known how far the other processes are");
            self.list.iter().map(|other| other.place).collect()
        });
        self.learn(&places, time, Instant::now());
    }

    fn places(&self, observer: &BaseConsumer<Context>) -> Result<Vec<Place>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(self.list.len());
        for other in &self.list {
            list.add_partition(&other.topic, other.partition);
        }
        // What is committed first: it is then no further than the end.
        let committed = observer.committed_offsets(list, ANSWER_TIMEOUT)?;
        let named = self
            .list
            .iter()
            .map(|other| (&*other.topic, other.partition));
        let ends = ends_of(observer, named, ANSWER_TIMEOUT)?;
        let place = |other: &Other| {
            let committed = committed.find_partition(&other.topic, other.partition);
            let offset = committed.as_ref().and_then(|it| match it.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            });
            let mut ends = ends.iter();
            let end = ends.find(|(topic, at, _)| *topic == other.topic && *at == other.partition);
            let mut place = Place {
                offset,
                time: committed.and_then(|it| read(it.metadata())),
                end: end.map_or(i64::MAX, |(_, _, end)| *end),
            };
            // All that it ever held may have been deleted. Then nothing will ever be committed of that.
            if offset.is_none() && place.end > 0 {
                let (first, end) =
                    observer.fetch_watermarks(&other.topic, other.partition, ANSWER_TIMEOUT)?;
                place.offset = (first >= end).then_some(end);
            }
            Ok(place)
        };
        self.list.iter().map(place).collect()
    }

    fn learn(&mut self, places: &[Place], time: i64, now: Instant) {
        let before = self.learnt.replace(now).filter(|_| self.waiting.is_some());
        let waited = before.map_or(Duration::ZERO, |before| {
            now.saturating_duration_since(before)
        });
        for (other, place) in self.list.iter_mut().zip(places) {
            let had_patience = other.waited < PATIENCE;
            let before = (other.place.offset, other.place.time);
            other.place = *place;
            if before != (place.offset, place.time) {
                other.waited = Duration::ZERO;
            } else if other.place.holds(time, self.lead) {
                other.waited += waited;
            }
            if had_patience && other.waited >= PATIENCE {
                let (topic, partition) = (&other.topic, other.partition);
                tracing::warn!(
                    topic,
                    partition,
                    "another process has records to read and does not come further: nobody waits for it"
                );
            }
        }
        self.free_until = self.free();
        self.waiting = match self.awaited(time) {
            Some(_) => self.waiting.or(Some(now)),
            None => None,
        };
        self.report(time, now);
    }

    /// Says now and then for whom is waited, where that is long.
    fn report(&mut self, time: i64, now: Instant) {
        let since = |moment: Option<Instant>| moment.map(|it| now.saturating_duration_since(it));
        let is_long = since(self.waiting).is_some_and(|waits| waits >= REPORT_AFTER);
        let is_reported = since(self.reported).is_some_and(|ago| ago < REPORT_EVERY);
        let Some(awaited) = self.awaited(time).filter(|_| is_long && !is_reported) else {
            return;
        };
        tracing::info!(
            topic = awaited.topic,
            partition = awaited.partition,
            left = awaited.place.end - awaited.place.offset.unwrap_or(0),
            "waits for another process, which is further behind with this partition"
        );
        self.reported = Some(now);
    }
}

/// What is told of the event time of what comes next, beside a committed offset.
pub(super) fn told(time: i64) -> String {
    format!("event time {time}")
}

/// The event time that was told, if any was.
pub(super) fn read(told: &str) -> Option<i64> {
    told.strip_prefix("event time ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const HOUR: i64 = 3_600_000;

    fn others(places: &[Place], now: Instant) -> Others {
        let mut others = Others::new(DAY);
        let numbered = (0..).zip(places);
        others.list = numbered
            .map(|(partition, _)| Other::new("okta", partition))
            .collect();
        others.learn(places, i64::MAX, now);
        others
    }

    fn place(offset: Option<i64>, time: Option<i64>) -> Place {
        Place {
            offset,
            time,
            end: 9,
        }
    }

    #[test]
    fn nobody_goes_further_ahead_than_a_part_of_what_is_late() {
        let now = Instant::now();
        let others = others(
            &[place(Some(3), Some(5 * HOUR)), place(Some(4), Some(HOUR))],
            now,
        );
        assert_eq!(others.let_pass(2 * HOUR, now), Some(true));
        assert_eq!(others.let_pass(2 * HOUR + 1, now), Some(false));
        assert_eq!(others.let_pass(2 * HOUR + 1, now + ASK_EVERY), None);
        assert_eq!(others.let_pass(2 * HOUR, now + DAY), Some(true));
    }

    #[test]
    fn nobody_is_overtaken_before_it_has_told_where_it_begins() {
        let now = Instant::now();
        let others = others(&[place(None, None)], now);
        assert_eq!(others.let_pass(0, now), Some(false));
    }

    #[test]
    fn who_has_no_more_or_tells_no_time_holds_nobody_back() {
        let now = Instant::now();
        let all_read = place(Some(9), Some(HOUR));
        let timeless = place(Some(3), None);
        let empty = Place {
            end: 0,
            ..place(None, None)
        };
        let others = others(&[all_read, timeless, empty], now);
        assert_eq!(others.let_pass(90 * HOUR, now), Some(true));
        assert_eq!(
            others.let_pass(90 * HOUR, now + RECHECK),
            None,
            "there may be more now"
        );
    }

    #[test]
    fn who_has_more_and_comes_no_further_is_waited_for_only_so_long() {
        let start = Instant::now();
        let silent = [place(Some(3), Some(0))];
        let mut others = others(&silent, start);
        let mut now = start;
        while others.let_pass(9 * HOUR, now) == Some(false) {
            now += ASK_EVERY;
            others.learn(&silent, 9 * HOUR, now);
        }
        assert_eq!(now - start, PATIENCE);
        // Once it comes further it is waited for again.
        others.learn(&[place(Some(4), Some(1))], 9 * HOUR, now);
        assert_eq!(others.let_pass(9 * HOUR, now), Some(false));
    }

    #[test]
    fn what_is_told_is_what_is_read() {
        assert_eq!(read(&told(1_772_409_600_000)), Some(1_772_409_600_000));
        assert_eq!(read(&told(-1)), Some(-1));
        assert_eq!(read(""), None);
    }
}
