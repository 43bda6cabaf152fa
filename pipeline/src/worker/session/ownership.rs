//! What a worker owns: the group gives partitions and takes them back, and their state comes and goes with them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Commit, GROUP_PAUSE, Partition, Session, SessionError};
use crate::kafka::{ConnectError, Failure, Rebalance, START_TIMEOUT, ends_of, partition_count};
use crate::worker::restore::{RestoreError, Source};

/// How long a commit is tried while the group waits for it.
const REVOKE_PATIENCE: Duration = Duration::from_secs(5);
/// How long the offsets of new partitions are asked for.
const OFFSETS_PATIENCE: Duration = Duration::from_secs(60);

impl Session<'_> {
    /// Answers the group: what is given is taken, what is taken back is let go of.
    pub(super) fn answer_rebalances(&mut self) -> Result<(), SessionError> {
        while let Some(rebalance) = self.consumer.next_rebalance() {
            match rebalance {
                Rebalance::Assigned(partitions) => {
                    self.take(partitions)?;
                    self.worker.counters.standing().joined = true;
                }
                Rebalance::Revoked { partitions, lost } => self.release(&partitions, lost)?,
            }
            self.stand();
        }
        Ok(())
    }

    /// Takes partitions: their state is read, and they themselves from where it ends.
    fn take(&mut self, assigned: TopicPartitionList) -> Result<(), SessionError> {
        let committed = self.committed(&assigned)?;
        if committed.is_empty() && self.has_published_before(&assigned) {
            tracing::warn!(
                group = self.worker.clients.detect_group(),
                log = self.worker.topics.events,
                "this group has committed nothing of the log, and there are findings already: everything \
                 that follows from the log is published again, with the same ids. If its offsets have \
                 expired, stop, set them with kafka-consumer-groups.sh --reset-offsets to where it had \
                 come (or --to-latest), and start again; offsets.retention.minutes of the brokers says \
                 how long they are kept"
            );
        }
        let source = Source {
            clients: self.worker.clients.clone(),
            topics: self.worker.topics.clone(),
            engine: Arc::clone(&self.worker.engine),
            partitions: self.partitions_of_log()?,
            standby: self.worker.standby.clone(),
        };
        let mut partitions = Vec::with_capacity(assigned.count());
        for element in assigned.elements() {
            let number = element.partition();
            let committed = committed.get(&number).copied();
            tracing::info!(partition = number, committed, "partition assigned");
            if let Some(offset) = committed {
                let progress = &self.worker.progress;
                progress.committed(&self.worker.topics.events, number, offset);
            }
            if let Some(standby) = &self.worker.standby {
                standby.taken(number);
                self.taken.insert(number);
            }
            partitions.push((number, committed));
        }
        self.restorations
            .begin(&source, partitions)
            .map_err(|error| SessionError::Broken(error.to_string()))?;
        // The group waits for an answer. What is to be read comes when it is known from where.
        let none = TopicPartitionList::new();
        self.consumer
            .assign(&none)
            .map_err(|error| SessionError::Broken(error.to_string()))
    }

    /// Reads on where the state of a partition ends, once it has been read.
    pub(super) fn go_live(&mut self) -> Result<(), SessionError> {
        while let Some(restored) = self.restorations.next() {
            let number = restored.partition;
            let known = restored.known.map_err(|error| match error {
                RestoreError::Connect(error) => SessionError::Hopeless(error),
                error => SessionError::Hopeless(ConnectError::State(error.to_string())),
            })?;
            let position = match known.position {
                0 => Offset::Beginning,
                position => Offset::Offset(position),
            };
            let partition =
                Partition::new(known, restored.committed, self.worker.topics.ocsf.is_some());
            self.partitions.insert(number, partition);
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&self.worker.topics.events, number, position)
                .and_then(|()| self.consumer.assign(&list))
                .map_err(|error| SessionError::Broken(error.to_string()))?;
            self.stand();
        }
        Ok(())
    }

    /// From now on others may follow it.
    pub(super) fn stood_down(&mut self, number: i32) {
        if self.taken.remove(&number)
            && let Some(standby) = &self.worker.standby
        {
            standby.released(number);
        }
    }

    /// How many partitions the log has: each of the others is told what concerns it.
    fn partitions_of_log(&self) -> Result<i32, SessionError> {
        let log = &*self.worker.topics.events;
        let count = partition_count(self.consumer.client(), log)
            .map_err(|error| SessionError::Broken(error.to_string()))?;
        count.ok_or_else(|| SessionError::Broken(format!("topic {log} is gone")))
    }

    /// Whether the log holds records of these partitions and somebody has already published findings.
    fn has_published_before(&self, assigned: &TopicPartitionList) -> bool {
        let client = self.consumer.client();
        let holds_any = |partitions: Vec<(&str, i32)>| {
            let ends = ends_of(client, partitions.into_iter(), START_TIMEOUT);
            ends.is_ok_and(|ends| ends.iter().any(|(_, _, end)| *end > 0))
        };
        let log = &*self.worker.topics.events;
        let owned = assigned.elements();
        if !holds_any(owned.iter().map(|owned| (log, owned.partition())).collect()) {
            return false;
        }
        let findings = &*self.worker.topics.findings;
        let count = partition_count(client, findings).ok().flatten();
        holds_any(
            (0..count.unwrap_or(0))
                .map(|number| (findings, number))
                .collect(),
        )
    }

    /// What the group has committed of these partitions. The broker answers only once no transaction
    /// on these offsets is open.
    pub(super) fn committed(
        &self,
        list: &TopicPartitionList,
    ) -> Result<BTreeMap<i32, i64>, SessionError> {
        let deadline = Instant::now() + OFFSETS_PATIENCE;
        loop {
            let asked = self.ask_committed(list);
            match asked {
                Ok(committed) => return Ok(committed),
                Err(error) if Failure::of(&error) == Failure::Forbidden => {
                    let group = self.worker.clients.detect_group();
                    let error = ConnectError::about(&format!("group {group}"), error);
                    return Err(SessionError::Hopeless(error));
                }
                Err(error) if Instant::now() >= deadline => {
                    return Err(SessionError::Broken(error.to_string()));
                }
                Err(_) => thread::sleep(GROUP_PAUSE),
            }
        }
    }

    fn ask_committed(&self, list: &TopicPartitionList) -> KafkaResult<BTreeMap<i32, i64>> {
        let consumer = self.consumer.client();
        let committed = consumer.committed_offsets(list.clone(), START_TIMEOUT)?;
        let mut known = BTreeMap::new();
        for element in committed.elements() {
            element.error()?;
            if let Offset::Offset(offset) = element.offset() {
                known.insert(element.partition(), offset);
            }
        }
        Ok(known)
    }

    /// Lets go of partitions: with the batch committed if they are still ours.
    pub(super) fn release(
        &mut self,
        revoked: &TopicPartitionList,
        lost: bool,
    ) -> Result<(), SessionError> {
        if lost {
            self.finish_commit()?;
        } else if self.commit(REVOKE_PATIENCE)? == Commit::Kept {
            tracing::warn!(
                "partitions are given away with a batch that is not committed; their next owner does it again"
            );
        }
        let is_revoked = |number| {
            let topic = &self.worker.topics.events;
            revoked.find_partition(topic, number).is_some()
        };
        self.checkpoints.release(is_revoked);
        for element in revoked.elements() {
            self.let_go(element.partition(), lost);
        }
        self.consumer
            .unassign(revoked)
            .map_err(|error| SessionError::Broken(error.to_string()))
    }

    /// Forgets a partition that others own from now on.
    pub(super) fn let_go(&mut self, number: i32, lost: bool) {
        self.restorations.give_up(number);
        self.stood_down(number);
        let progress = &self.worker.progress;
        progress.released(&self.worker.topics.events, number);
        if let Some(partition) = self.partitions.remove(&number) {
            let (identities, bytes) = partition.size();
            tracing::info!(
                partition = number,
                lost,
                identities,
                bytes,
                "partition released"
            );
        }
    }
}
