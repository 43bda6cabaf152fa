//! What is owned of the raw topics: taken over when it is given, and let go of once all of it is in the log.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::topic_partition_list::TopicPartitionList;

use super::{Session, SessionError};
use crate::kafka::Rebalance;
use crate::run::raw_partition::RawPartition;

/// How long is waited for deliveries when partitions are given away, or at the end.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);

impl Session<'_> {
    pub(super) fn answer_rebalances(&mut self) -> Result<(), SessionError> {
        let mut is_shared_anew = false;
        while let Some(rebalance) = self.consumer.next_rebalance() {
            is_shared_anew = true;
            match rebalance {
                Rebalance::Assigned(partitions) => {
                    self.own(&partitions);
                    self.consumer.assign(&partitions)?;
                    self.stage.counters.standing().joined = true;
                }
                Rebalance::Revoked { partitions, lost } => {
                    if lost {
                        self.closing = None;
                    } else {
                        self.drain()?;
                    }
                    self.disown(&partitions);
                    self.consumer.unassign(&partitions)?;
                }
            }
        }
        if is_shared_anew {
            let topics = self.stage.sources.iter().map(|source| &*source.topic);
            let owned: Vec<_> = self.partitions.partitions().collect();
            let is_own = |topic: &str, partition| {
                let mut owned = owned.iter();
                owned.any(|owned| owned.partition == partition && owned.topic == topic)
            };
            self.others.share(&self.observer, topics, is_own);
        }
        Ok(())
    }

    fn own(&mut self, partitions: &TopicPartitionList) {
        self.disown(partitions);
        for element in partitions.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            // Without a queue of its own it is read from the common one, whoever is ahead.
            if let Some(partition) = RawPartition::new(&self.consumer, topic, partition) {
                self.partitions.add(partition);
            }
        }
    }

    /// What waits of these has not been committed: their next owner reads it.
    fn disown(&mut self, partitions: &TopicPartitionList) {
        self.partitions.retain(|owned| {
            let given = partitions.find_partition(&owned.topic, owned.partition);
            given.is_none()
        });
    }

    /// Waits until everything has been delivered, and commits it.
    fn drain(&mut self) -> Result<(), SessionError> {
        self.closing = None;
        let deadline = Instant::now() + DRAIN_PATIENCE;
        while !self.log.is_all_delivered() {
            self.log.take_deliveries()?;
            if Instant::now() >= deadline {
                tracing::warn!("what is not delivered yet is read again by the next owner");
                return Ok(());
            }
            thread::sleep(Duration::from_millis(1));
        }
        let offsets = self.uncommitted()?;
        if offsets.count() > 0 {
            self.commit(&offsets);
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) -> Result<(), SessionError> {
        self.drain()?;
        // The group waits for every answer, also of who leaves: to what it is still being given.
        self.answer_rebalances()
    }
}
