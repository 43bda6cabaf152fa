//! When to commit: at once where it matters, otherwise now and then.

use std::time::{Duration, Instant};

use crate::kafka::IDLE_POLL;

/// Outputs beyond this are committed without waiting for the interval.
const MOST_BYTES: usize = 4 << 20;
/// A batch with a command waits for more records no longer than this.
const LONGEST_LINGER: Duration = Duration::from_millis(10);

/// Decides when a batch ends.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    begun: Option<Instant>,
    urgent: Option<Instant>,
    bytes: usize,
    last_cost: Duration,
    not_before: Option<Instant>,
}

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            begun: None,
            urgent: None,
            bytes: 0,
            last_cost: Duration::ZERO,
            not_before: None,
        }
    }

    /// A record was applied that led to so many bytes of output.
    pub(super) fn applied(&mut self, now: Instant, bytes: usize, has_command: bool) {
        self.begun.get_or_insert(now);
        self.bytes += bytes;
        if has_command {
            self.urgent.get_or_insert(now);
        }
    }

    /// Whether to commit now. `idle`: no further record is at hand.
    ///
    /// Nothing is processed while a commit goes its round trips. A batch with a command therefore
    /// goes on taking what is at hand for as long as the last commit took: under load at most half
    /// of the time is spent on commits, and without load a command waits for nothing.
    pub(super) fn is_due(&self, now: Instant, idle: bool) -> bool {
        let Some(begun) = self.begun else {
            return false;
        };
        if self.not_before.is_some_and(|at| now < at) {
            return false;
        }
        let linger = self.last_cost.min(LONGEST_LINGER);
        self.urgent
            .is_some_and(|since| idle || now.duration_since(since) >= linger)
            || now.duration_since(begun) >= self.interval
            || self.bytes >= MOST_BYTES
    }

    /// How long a poll may wait for the next record.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        let wait = match (self.begun, self.not_before) {
            (_, Some(at)) => at.saturating_duration_since(now),
            (Some(_), None) if self.urgent.is_some() => Duration::ZERO,
            (Some(begun), None) => (begun + self.interval).saturating_duration_since(now),
            (None, None) => IDLE_POLL,
        };
        wait.min(IDLE_POLL)
    }

    /// The batch is committed; that took so long.
    pub(super) fn committed(&mut self, cost: Duration) {
        *self = Self {
            last_cost: cost,
            ..Self::new(self.interval)
        };
    }

    /// The batch could not be committed, and is to be tried again at that moment.
    pub(super) fn postpone(&mut self, until: Instant) {
        self.not_before = Some(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    fn later(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn a_batch_without_a_command_waits_for_the_interval() {
        let start = Instant::now();
        let mut pace = Pace::new(INTERVAL);
        assert!(!pace.is_due(later(start, 1000), true));
        pace.applied(start, 500, false);
        assert!(!pace.is_due(later(start, 99), true));
        assert_eq!(pace.patience(later(start, 60)), Duration::from_millis(40));
        assert!(pace.is_due(later(start, 100), false));
    }

    #[test]
    fn a_command_is_committed_as_soon_as_nothing_else_is_at_hand() {
        let start = Instant::now();
        let mut pace = Pace::new(INTERVAL);
        pace.committed(Duration::from_millis(4));
        pace.applied(start, 500, true);
        assert!(pace.is_due(start, true));
        assert_eq!(pace.patience(start), Duration::ZERO);
    }

    #[test]
    fn under_load_a_command_waits_for_as_long_as_a_commit_takes() {
        let start = Instant::now();
        let mut pace = Pace::new(INTERVAL);
        pace.committed(Duration::from_millis(4));
        pace.applied(start, 500, true);
        assert!(!pace.is_due(later(start, 3), false));
        assert!(pace.is_due(later(start, 4), false));
        pace.committed(Duration::from_secs(3));
        pace.applied(start, 500, true);
        assert!(pace.is_due(later(start, 10), false), "bounded");
    }

    #[test]
    fn much_output_is_committed_early() {
        let start = Instant::now();
        let mut pace = Pace::new(INTERVAL);
        pace.applied(start, MOST_BYTES, false);
        assert!(pace.is_due(start, false));
    }

    #[test]
    fn a_failed_commit_is_not_tried_again_before_its_time() {
        let start = Instant::now();
        let mut pace = Pace::new(INTERVAL);
        pace.applied(start, 500, true);
        pace.postpone(later(start, 50));
        assert!(!pace.is_due(later(start, 49), true));
        assert_eq!(pace.patience(later(start, 20)), Duration::from_millis(30));
        assert!(pace.is_due(later(start, 50), true));
        pace.committed(Duration::ZERO);
        assert!(!pace.is_due(later(start, 60), true));
    }
}
