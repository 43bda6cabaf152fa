//! When to commit: at once where it matters, otherwise now and then.

use std::time::{Duration, Instant};

use crate::kafka::IDLE_POLL;

/// Outputs beyond this are committed without waiting for the interval.
const MOST_BYTES: usize = 4 << 20;
/// While a commit is under way records are waited for no longer than this: what it leaves to do is done then.
const COMMIT_LOOK: Duration = Duration::from_millis(1);

/// Decides when a batch ends.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    begun: Option<Instant>,
    is_urgent: bool,
    bytes: usize,
    not_before: Option<Instant>,
}

impl Pace {
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            begun: None,
            is_urgent: false,
            bytes: 0,
            not_before: None,
        }
    }

    /// A record was applied that led to so many bytes of output.
    pub(super) fn applied(&mut self, now: Instant, bytes: usize, has_command: bool) {
        self.begun.get_or_insert(now);
        self.bytes += bytes;
        self.is_urgent |= has_command;
    }

    /// Whether to commit now, where no commit is under way. What comes while one is goes with the next.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let Some(begun) = self.begun else {
            return false;
        };
        if let Some(at) = self.not_before {
            return now >= at;
        }
        self.is_urgent || now.duration_since(begun) >= self.interval || self.is_full()
    }

    /// Whether no more should be added before something is committed.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= MOST_BYTES
    }

    /// How long a poll may wait for the next record.
    pub(super) fn patience(&self, now: Instant, is_committing: bool) -> Duration {
        if is_committing {
            return COMMIT_LOOK;
        }
        let wait = match (self.begun, self.not_before) {
            (_, Some(at)) => at.saturating_duration_since(now),
            (Some(_), None) if self.is_urgent => Duration::ZERO,
            (Some(begun), None) => (begun + self.interval).saturating_duration_since(now),
            (None, None) => IDLE_POLL,
        };
        wait.min(IDLE_POLL)
    }

    /// All there is goes its way; what comes now is of the next batch.
    pub(super) fn begun(&mut self) {
        *self = Self::new(self.interval);
    }

    /// The batch could not be committed, and is to be tried again at that moment.
    pub(super) fn postpone(&mut self, now: Instant, by: Duration) {
        self.begun.get_or_insert(now);
        self.not_before = Some(now + by);
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
        assert!(!pace.is_due(later(start, 1000)));
        pace.applied(start, 500, false);
        assert!(!pace.is_due(later(start, 99)));
        let patience = pace.patience(later(start, 60), false);
        assert_eq!(patience, Duration::from_millis(40));
        assert!(pace.is_due(later(start, 100)));
    }

    #[test]
    fn a_command_is_committed_at_once_and_what_follows_waits_again() {
        let start = Instant::now();
        let mut pace = Pace::new(INTERVAL);
        pace.applied(start, 500, true);
        assert!(pace.is_due(start));
        assert_eq!(pace.patience(start, false), Duration::ZERO);
        assert_eq!(pace.patience(start, true), COMMIT_LOOK);
        pace.begun();
        pace.applied(start, 500, false);
        assert!(!pace.is_due(start));
    }

    #[test]
    fn much_output_is_committed_early() {
        let start = Instant::now();
        let mut pace = Pace::new(INTERVAL);
        pace.applied(start, MOST_BYTES, false);
        assert!(pace.is_due(start) && pace.is_full());
    }

    #[test]
    fn a_failed_commit_is_tried_again_at_its_time_though_nothing_comes() {
        let start = Instant::now();
        let mut pace = Pace::new(INTERVAL);
        pace.applied(start, 500, true);
        pace.begun();
        pace.postpone(start, Duration::from_millis(50));
        assert!(!pace.is_due(later(start, 49)));
        let patience = pace.patience(later(start, 20), false);
        assert_eq!(patience, Duration::from_millis(30));
        assert!(pace.is_due(later(start, 50)));
    }
}
