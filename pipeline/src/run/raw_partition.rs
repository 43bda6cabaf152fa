//! A raw partition with a queue of its own, so that one can be read while another waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;

use super::Counters;
use super::raw_record::{RawRecord, Source};
use crate::kafka::{Context, GroupConsumer};

/// What the queue of a partition gave.
pub(super) enum Given {
    Nothing,
    /// The partition has been read to its end.
    End,
    Record(RawRecord),
    Failed(KafkaError),
}

/// A partition that this process owns.
///
/// Pausing it would throw away what the client has fetched ahead; a queue that nobody polls keeps it.
pub(super) struct RawPartition {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// The record that waits for its turn.
    pub(super) waiting: Option<RawRecord>,
    /// The offset that was committed last, and the event time that was told with it.
    pub(super) told: Option<(i64, Option<i64>)>,
    queue: PartitionQueue<Context>,
    /// Whether there may be something in the queue.
    filled: Arc<AtomicBool>,
}

impl RawPartition {
    /// To be called before the partition is assigned: what arrives earlier is in the common queue.
    /// Whenever its queue fills, it wakes the thread that called this.
    pub(super) fn new(consumer: &GroupConsumer, topic: &str, partition: i32) -> Option<Self> {
        let mut queue = consumer.split(topic, partition)?;
        let filled = Arc::new(AtomicBool::new(true));
        let reader = thread::current();
        queue.set_nonempty_callback({
            let filled = Arc::clone(&filled);
            move || {
                filled.store(true, Ordering::Release);
                reader.unpark();
            }
        });
        Some(Self {
            topic: topic.to_owned(),
            partition,
            waiting: None,
            told: None,
            queue,
            filled,
        })
    }

    /// What is next in its queue, without waiting for it.
    pub(super) fn poll(&self, sources: &[Source], counters: &Counters) -> Given {
        // Lowered before the look into the queue: what arrives after it raises the flag again.
        if !self.filled.swap(false, Ordering::AcqRel) {
            return Given::Nothing;
        }
        let given = match self.queue.poll(Duration::ZERO) {
            None => return Given::Nothing,
            Some(Err(KafkaError::PartitionEOF(_))) => Given::End,
            Some(Err(error)) => Given::Failed(error),
            Some(Ok(message)) => {
                let source = sources.iter().find(|source| source.topic == self.topic);
                source.map_or(Given::Nothing, |source| {
                    Given::Record(source.read(&message, counters))
                })
            }
        };
        self.look_again();
        given
    }

    /// Has the queue looked into, whether or not it has said that it has filled.
    pub(super) fn look_again(&self) {
        self.filled.store(true, Ordering::Release);
    }
}
