//! Whose turn it is among the raw partitions: they are read side by side in event time.
//!
//! The clock of the log is the largest event time in it. A partition that is read weeks ahead of
//! another would make everything in that one late. So the next record of each partition waits until
//! its time has come: until every partition of which more is to be had has come as far, within
//! [`LEAD`]. What has nothing to give holds nobody back: a partition that was read to its end, one
//! that tells no time, one that keeps silent although there is more.
//!
//! Nothing here reads, waits or looks at a clock.

use std::time::{Duration, Instant};

/// How far a record may be ahead of a partition that is about to give its next one. Nothing waits for
/// partitions that keep this close, as they do when nothing is behind.
const LEAD: Duration = Duration::from_secs(60);
/// How long a partition that was at its end counts as being there, although it has given more since.
const RECHECK: Duration = Duration::from_millis(100);
/// How long others wait for a partition that has more and does not give it.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many records in a row that tell no time, and nobody waits for that partition.
const TIMELESS: u32 = 1_000;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The waiting record of this partition goes into the log.
    Take(usize),
    /// A record waits for these partitions, and it is not known whether they have more.
    Ask(Vec<usize>),
    /// There is nothing to be taken before more has arrived.
    Wait,
}

/// The partitions that are read, each with what belongs to it.
pub(super) struct Merge<P> {
    lanes: Vec<Lane<P>>,
    lead: i64,
}

struct Lane<P> {
    partition: P,
    /// Time of the record that waits; the smallest for one that tells none.
    head: Option<i64>,
    /// The largest time that has gone into the log.
    reached: i64,
    /// Offset after the last record that has arrived.
    position: i64,
    /// Up to where there are records, as far as is known.
    end: i64,
    /// Position and moment at which that was learnt.
    learnt: Option<(i64, Instant)>,
    waited: Duration,
    timeless: u32,
}

impl<P> Merge<P> {
    /// For a log in which what is this far behind its clock is late.
    pub(super) fn new(lateness: Duration) -> Self {
        let lead = LEAD.min(lateness / 10);
        Self {
            lanes: Vec::new(),
            lead: i64::try_from(lead.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// One more partition. It is waited for until it has given something or shown that it is empty.
    pub(super) fn add(&mut self, partition: P) {
        self.lanes.push(Lane {
            partition,
            head: None,
            reached: i64::MIN,
            position: i64::MIN,
            end: i64::MAX,
            learnt: None,
            waited: Duration::ZERO,
            timeless: 0,
        });
    }

    /// Keeps the partitions for which this holds; what waits of the others is dropped.
    pub(super) fn retain(&mut self, keep: impl Fn(&P) -> bool) {
        self.lanes.retain(|lane| keep(&lane.partition));
    }

    /// All partitions; the numbers of others change when one goes.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &P> {
        self.lanes.iter().map(|lane| &lane.partition)
    }

    pub(super) fn partition(&self, number: usize) -> Option<&P> {
        self.lanes.get(number).map(|lane| &lane.partition)
    }

    pub(super) fn partition_mut(&mut self, number: usize) -> Option<&mut P> {
        self.lanes.get_mut(number).map(|lane| &mut lane.partition)
    }

    /// The time of the record that waits, if it tells one.
    pub(super) fn head(&self, number: usize) -> Option<i64> {
        let head = self.lanes.get(number)?.head;
        head.filter(|time| *time > i64::MIN)
    }

    /// The time of what this partition gives next: of the record that waits, else, as far as is known, of what it has
    /// given.
    pub(super) fn next_time(&self, number: usize) -> Option<i64> {
        let reached = self.lanes.get(number)?.reached;
        let head = self.head(number);
        head.or(Some(reached).filter(|time| *time > i64::MIN))
    }

    /// The next partition at or after this one of which no record waits.
    pub(super) fn next_open(&self, from: usize) -> Option<usize> {
        let open = self
            .lanes
            .iter()
            .skip(from)
            .position(|lane| lane.head.is_none());
        open.map(|at| from + at)
    }

    /// A record has arrived, and waits for its turn.
    pub(super) fn arrived(&mut self, number: usize, time: Option<i64>, offset: i64) {
        let Some(lane) = self.lanes.get_mut(number) else {
            return;
        };
        lane.position = offset.saturating_add(1);
        if lane.end == i64::MAX {
            lane.end = lane.position;
        }
        lane.head = Some(time.unwrap_or(i64::MIN));
        match time {
            Some(_) => (lane.waited, lane.timeless) = (Duration::ZERO, 0),
            None => lane.timeless = lane.timeless.saturating_add(1),
        }
    }

    /// The partition has been read to its end.
    pub(super) fn ended(&mut self, number: usize, now: Instant) {
        if let Some(lane) = self.lanes.get_mut(number) {
            lane.end = lane.position;
            lane.learnt = Some((lane.position, now));
        }
    }

    /// The answer to [`Turn::Ask`]: how far the partition has been read, and where it ends.
    pub(super) fn learnt(&mut self, number: usize, position: i64, end: i64, now: Instant) {
        if let Some(lane) = self.lanes.get_mut(number) {
            lane.position = lane.position.max(position);
            lane.end = end;
            lane.learnt = Some((lane.position, now));
        }
    }

    /// There was no answer: these are not waited for until they give something.
    pub(super) fn given_up(&mut self, numbers: &[usize]) {
        for number in numbers {
            if let Some(lane) = self.lanes.get_mut(*number) {
                lane.waited = PATIENCE;
            }
        }
    }

    /// After [`Turn::Wait`], so long has been waited in vain. Says for how many partitions nobody
    /// waits any longer.
    pub(super) fn waited(&mut self, time: Duration, now: Instant) -> usize {
        let Some(first) = self.first().map(|(_, time)| time) else {
            return 0;
        };
        let mut given_up = 0;
        for lane in &mut self.lanes {
            if lane.reached.saturating_add(self.lead) < first && lane.supply(now) == Supply::More {
                lane.waited += time;
                given_up += usize::from(lane.waited >= PATIENCE);
            }
        }
        given_up
    }

    /// Whose turn it is.
    pub(super) fn turn(&self, now: Instant) -> Turn {
        let Some((number, first)) = self.first() else {
            return Turn::Wait;
        };
        let mut wait = false;
        let mut doubtful = Vec::new();
        for (other, lane) in self.lanes.iter().enumerate() {
            if lane.reached.saturating_add(self.lead) >= first {
                continue;
            }
            match lane.supply(now) {
                Supply::More => wait = true,
                Supply::Unknown => doubtful.push(other),
                Supply::None => {}
            }
        }
        match (wait, doubtful.is_empty()) {
            (true, _) => Turn::Wait,
            (false, true) => Turn::Take(number),
            (false, false) => Turn::Ask(doubtful),
        }
    }

    /// The waiting record of this partition is on its way into the log.
    pub(super) fn taken(&mut self, number: usize) {
        if let Some(lane) = self.lanes.get_mut(number)
            && let Some(time) = lane.head.take()
        {
            lane.reached = lane.reached.max(time);
        }
    }

    /// The record with the smallest time.
    fn first(&self) -> Option<(usize, i64)> {
        let heads = self.lanes.iter().enumerate();
        heads
            .filter_map(|(number, lane)| Some((number, lane.head?)))
            .min_by_key(|(_, time)| *time)
    }
}

/// Whether a partition is about to give a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supply {
    More,
    Unknown,
    None,
}

impl<P> Lane<P> {
    fn supply(&self, now: Instant) -> Supply {
        // Its next record is here, and no smaller than the one whose turn it is.
        if self.head.is_some() || self.waited >= PATIENCE || self.timeless >= TIMELESS {
            return Supply::None;
        }
        if self.position < self.end {
            return Supply::More;
        }
        match self.learnt {
            Some((position, _)) if position == self.position => Supply::None,
            Some((_, at)) if now.saturating_duration_since(at) < RECHECK => Supply::None,
            _ => Supply::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const HOUR: i64 = 3_600_000;

    fn merge(partitions: u8) -> Merge<u8> {
        let mut merge = Merge::new(DAY);
        (0..partitions).for_each(|partition| merge.add(partition));
        merge
    }

    #[test]
    fn nobody_is_overtaken_before_its_first_record_has_been_seen() {
        let (mut merge, now) = (merge(2), Instant::now());
        merge.arrived(0, Some(500 * HOUR), 0);
        assert_eq!(merge.turn(now), Turn::Wait);
        merge.arrived(1, Some(HOUR), 0);
        assert_eq!(merge.turn(now), Turn::Take(1));
        merge.taken(1);
        assert_eq!(merge.turn(now), Turn::Ask(vec![1]));
        merge.learnt(1, 1, 9, now);
        assert_eq!(merge.turn(now), Turn::Wait);
        merge.ended(1, now);
        assert_eq!(merge.turn(now), Turn::Take(0));
    }

    #[test]
    fn an_empty_partition_holds_nobody_back() {
        let (mut merge, now) = (merge(2), Instant::now());
        merge.arrived(0, Some(HOUR), 0);
        merge.ended(1, now);
        assert_eq!(merge.turn(now), Turn::Take(0));
        merge.taken(0);
        merge.arrived(0, Some(50 * HOUR), 1);
        assert_eq!(merge.turn(now + DAY), Turn::Take(0));
    }

    #[test]
    fn partitions_that_keep_together_wait_for_nothing_and_ask_nobody() {
        let (mut merge, now) = (merge(2), Instant::now());
        for second in 0..100 {
            for number in 0..2 {
                merge.arrived(number, Some(HOUR + second * 1_000), second);
                if second > 0 {
                    assert_eq!(merge.turn(now), Turn::Take(number));
                }
                merge.taken(number);
            }
        }
    }

    #[test]
    fn who_was_at_the_end_a_moment_ago_is_not_asked_again() {
        let (mut merge, now) = (merge(2), Instant::now());
        merge.ended(1, now);
        merge.arrived(1, Some(HOUR), 7);
        merge.taken(1);
        merge.arrived(0, Some(2 * HOUR), 0);
        assert_eq!(merge.turn(now + RECHECK / 2), Turn::Take(0));
        assert_eq!(merge.turn(now + RECHECK), Turn::Ask(vec![1]));
        merge.given_up(&[1]);
        assert_eq!(merge.turn(now + RECHECK), Turn::Take(0));
    }

    #[test]
    fn who_has_more_and_gives_nothing_is_waited_for_only_so_long() {
        let (mut merge, now) = (merge(2), Instant::now());
        merge.arrived(0, Some(HOUR), 0);
        assert_eq!(merge.waited(PATIENCE / 2, now), 0);
        assert_eq!(merge.turn(now), Turn::Wait);
        assert_eq!(merge.waited(PATIENCE / 2, now), 1);
        assert_eq!(merge.turn(now), Turn::Take(0));
        // What it gives at last still comes first, and then it is waited for again.
        merge.arrived(1, Some(0), 0);
        assert_eq!(merge.turn(now), Turn::Take(1));
        merge.taken(1);
        assert_eq!(merge.turn(now), Turn::Ask(vec![1]));
    }

    #[test]
    fn records_that_tell_no_time_go_at_once_and_at_last_hold_nobody_back() {
        let (mut merge, now) = (merge(2), Instant::now());
        merge.arrived(0, Some(HOUR), 0);
        for offset in 0..i64::from(TIMELESS) {
            assert_ne!(merge.turn(now), Turn::Take(0), "offset {offset}");
            merge.arrived(1, None, offset);
            assert_eq!(merge.turn(now), Turn::Take(1));
            merge.taken(1);
        }
        assert_eq!(merge.turn(now), Turn::Take(0));
    }

    #[test]
    fn who_has_been_given_away_holds_nobody_back() {
        let (mut merge, now) = (merge(2), Instant::now());
        merge.arrived(1, Some(HOUR), 0);
        assert_eq!(merge.turn(now), Turn::Wait);
        merge.retain(|partition| *partition != 0);
        assert_eq!(merge.turn(now), Turn::Take(0));
        assert_eq!(merge.partition(0), Some(&1));
    }

    #[test]
    fn the_lead_is_always_far_below_what_is_late() {
        let short = Merge::<u8>::new(Duration::from_secs(60));
        assert_eq!(short.lead, 6_000);
        assert_eq!(merge(0).lead, 60_000);
    }

    proptest! {
        /// However the partitions are filled and in whatever order they give what they have: nothing is
        /// behind what has gone into the log by more than within its own partition, and the lead.
        #[test]
        fn what_is_in_order_in_its_partition_is_never_late(
            steps in prop::collection::vec(prop::collection::vec(0_i64..300 * HOUR, 0..20), 1..6),
            givers in prop::collection::vec(0_usize..6, 0..400),
        ) {
            let now = Instant::now();
            let mut merge = merge(0);
            let mut left: Vec<VecDeque<i64>> = Vec::new();
            for (number, mut times) in steps.into_iter().enumerate() {
                times.sort_unstable();
                merge.add(u8::try_from(number).unwrap_or(u8::MAX));
                left.push(times.into());
            }
            let all: usize = left.iter().map(VecDeque::len).sum();
            let ends: Vec<i64> = left.iter().map(|times| times.len() as i64).collect();
            let (mut clock, mut taken) = (i64::MIN, 0);
            let mut waiting = vec![None; left.len()];
            let mut givers = givers.into_iter().chain((0..left.len()).cycle());
            while taken < all {
                match merge.turn(now) {
                    Turn::Take(number) => {
                        let time: i64 = waiting[number].take().expect("a record");
                        merge.taken(number);
                        prop_assert!(time.saturating_add(merge.lead) >= clock);
                        clock = clock.max(time);
                        taken += 1;
                    }
                    Turn::Ask(numbers) => for number in numbers {
                        let read = ends[number] - left[number].len() as i64;
                        merge.learnt(number, read, ends[number], now);
                    },
                    Turn::Wait => {
                        let number = givers.next().expect("endless") % left.len();
                        if waiting[number].is_some() {
                            continue;
                        }
                        let offset = ends[number] - left[number].len() as i64;
                        match left[number].pop_front() {
                            Some(time) => {
                                waiting[number] = Some(time);
                                merge.arrived(number, Some(time), offset);
                            }
                            None => merge.ended(number, now),
                        }
                    }
                }
            }
        }
    }
}
