//! The queue to the collector: bounded, and what does not fit is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::LogRecord;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchLogProcessor, LogProcessor, SdkLogRecord};

/// Records that are kept for a collector, with those that are on their way.
pub(super) const CAPACITY: usize = 2048;

/// How many records wait, and how many were given up. Clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    waiting: AtomicUsize,
    dropped: AtomicUsize,
}

impl Counts {
    /// Whether there is room for one more, which is then taken.
    fn enter(&self) -> bool {
        let enters = |waiting| (waiting < CAPACITY).then_some(waiting + 1);
        let Inner { waiting, dropped } = &*self.0;
        let entered = waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enters);
        if entered.is_err() {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
        entered.is_ok()
    }

    /// A batch is done with; so many records of it were given up.
    pub(super) fn leave(&self, records: usize, dropped: usize) {
        self.0.dropped.fetch_add(dropped, Ordering::Relaxed);
        self.0.waiting.fetch_sub(records, Ordering::Relaxed);
    }

    /// Records that the collector will never be given.
    pub(super) fn dropped(&self) -> usize {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Those, and the ones that still wait.
    pub(super) fn left(&self) -> usize {
        self.dropped() + self.0.waiting.load(Ordering::Relaxed)
    }
}

/// Lets no more into the batches than there is room for. Their own queue is as long, but what it drops is nowhere
/// told.
#[derive(Debug)]
pub(super) struct Bounded {
    batches: BatchLogProcessor,
    counts: Counts,
}

impl Bounded {
    pub(super) fn new(batches: BatchLogProcessor, counts: Counts) -> Self {
        Self { batches, counts }
    }
}

impl LogProcessor for Bounded {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if !self.counts.enter() {
            return;
        }
        if let Some(time) = record.observed_timestamp() {
            record.set_timestamp(time);
        }
        // It would be the file and line, and make an event of OpenTelemetry's own kind of the record.
        record.set_event_name("");
        self.batches.emit(record, scope);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_what_has_left_makes_room() {
        let counts = Counts::default();
        let entered = (0..CAPACITY + 3).filter(|_| counts.enter()).count();
        assert_eq!(entered, CAPACITY);
        assert_eq!((counts.dropped(), counts.left()), (3, CAPACITY + 3));
        counts.leave(512, 12);
        assert_eq!((counts.dropped(), counts.left()), (15, CAPACITY - 497));
        assert!(counts.enter());
    }
}
