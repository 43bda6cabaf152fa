//! What a partition has yet to publish: what is on its way, and what has come since.

use std::sync::Arc;

use super::outgoing::Outgoing;

/// What is published together, and of how much of the log it is all.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) outputs: Vec<Outgoing>,
    /// The offset up to which it follows from the log.
    pub(super) next: i64,
    /// When the records came into the log that led to commands among the outputs.
    pub(super) answers: Vec<i64>,
    /// When the last of all its records came into the log.
    pub(super) came: Option<i64>,
}

/// The batches of a partition. One is closed and stays as it is until it is committed; the other grows.
#[derive(Debug)]
pub(super) struct Batches {
    committed: i64,
    closed: Option<Arc<Batch>>,
    pub(super) open: Batch,
}

impl Batches {
    /// Everything below this offset is committed.
    pub(super) fn from(committed: i64) -> Self {
        Self {
            committed,
            closed: None,
            open: Batch::default(),
        }
    }

    /// Whether there is more than what is closed, with everything below this offset applied.
    pub(super) fn has_more(&self, next: i64) -> bool {
        let closed = self.closed.as_ref();
        let before = closed.map_or(self.committed, |batch| batch.next);
        next > before || !self.open.outputs.is_empty()
    }

    /// What is to be committed now: what was closed before and is not committed yet, else all there is.
    pub(super) fn close(&mut self, next: i64) -> Option<&Arc<Batch>> {
        if self.closed.is_none() && self.has_more(next) {
            let batch = std::mem::take(&mut self.open);
            self.closed = Some(Arc::new(Batch { next, ..batch }));
        }
        self.closed.as_ref()
    }

    /// What is closed.
    pub(super) fn closed(&self) -> Option<&Arc<Batch>> {
        self.closed.as_ref()
    }

    /// What is closed is committed.
    pub(super) fn set_committed(&mut self) -> Option<Arc<Batch>> {
        let batch = self.closed.take()?;
        self.committed = self.committed.max(batch.next);
        Some(batch)
    }

    /// Whether everything below this offset is committed.
    pub(super) fn is_committed(&self, offset: i64) -> bool {
        self.committed >= offset
    }
}

#[cfg(test)]
mod tests {
    use plumbline_schemas::time::EventTime;

    use super::*;

    #[test]
    fn a_closed_batch_stays_as_it_is_while_more_comes() {
        let mut batches = Batches::from(4);
        assert!(batches.close(4).is_none());
        batches
            .open
            .outputs
            .push(Outgoing::tick(0, EventTime::from_millis(1)));
        let first = Arc::clone(batches.close(6).expect("an output"));
        assert_eq!((first.next, first.outputs.len()), (6, 1));
        assert!(!batches.has_more(6));
        assert!(batches.has_more(7));
        let again = batches.close(7).expect("not committed yet");
        assert!(Arc::ptr_eq(&first, again));
        assert!(!batches.is_committed(6));
        batches.set_committed();
        assert!(batches.is_committed(6) && !batches.is_committed(7));
        assert_eq!(batches.close(7).map(|batch| batch.next), Some(7));
    }
}
