//! One membership of a worker in the consumer group, from joining to leaving.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use plumbline_detectors::engine::Output;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Worker;
use super::checkpoint::Checkpoints;
use super::pace::Pace;
use super::partition::{Partition, Record};
use super::restore::{Restorations, RestoreError, Source};
use super::transaction::{AttemptError, Transactor};
use crate::kafka::{
    ConnectError, Failure, GroupConsumer, IDLE_POLL, Origin, Rebalance, START_TIMEOUT,
    TRANSACTION_TIMEOUT, ends_of, partition_count, positions, retry_after,
};

/// How long a commit is tried while the group waits for it.
const REVOKE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a commit is tried otherwise; well within `max.poll.interval.ms`.
const COMMIT_PATIENCE: Duration = Duration::from_secs(120);
/// How long leaving the group may take.
const LEAVE_PATIENCE: Duration = Duration::from_secs(10);
/// How long the offsets of new partitions are asked for.
const OFFSETS_PATIENCE: Duration = Duration::from_secs(60);
/// While the group is being rebalanced a commit is refused. It is tried again after this long.
const GROUP_PAUSE: Duration = Duration::from_millis(100);
/// How often to look whether the state of a partition has been read.
const RESTORE_LOOK: Duration = Duration::from_millis(10);
const RESTORE_REPORT: Duration = Duration::from_secs(5);
/// How often a worker says what it is at.
const STAND_EVERY: Duration = Duration::from_secs(1);

/// Why a session ended before its time.
#[derive(Debug)]
pub(super) enum SessionError {
    /// A new session goes on from what is committed.
    Broken(String),
    /// No new session will do better.
    Hopeless(ConnectError),
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
enum Commit {
    /// It is committed.
    Done,
    /// The group has moved on, or there was not enough time. It is kept.
    Kept,
}

pub(super) struct Session<'w> {
    worker: &'w Worker,
    consumer: GroupConsumer,
    transactor: Transactor,
    partitions: BTreeMap<i32, Partition>,
    pace: Pace,
    checkpoints: Checkpoints,
    restorations: Restorations,
    restore_reported: Instant,
    stood: Instant,
}

impl<'w> Session<'w> {
    pub(super) fn start(worker: &'w Worker) -> Result<Self, SessionError> {
        let hopeless = |error: ConnectError| SessionError::Hopeless(error);
        let clients = &worker.clients;
        let mut transactor = Transactor::new(
            clients.clone(),
            worker.topics.clone(),
            worker.transactional_id.clone(),
            TRANSACTION_TIMEOUT,
        );
        transactor.ready().map_err(|error| broken(&error))?;
        let consumer = clients
            .consumer(&clients.detect_group())
            .map_err(|error| hopeless(error.into()))?;
        consumer
            .client()
            .subscribe(&[&worker.topics.events])
            .map_err(|error| hopeless(ConnectError::about(&worker.topics.events, error)))?;
        let checkpoints =
            Checkpoints::start(worker).map_err(|error| SessionError::Broken(error.to_string()))?;
        Ok(Self {
            worker,
            consumer,
            transactor,
            partitions: BTreeMap::new(),
            pace: Pace::new(worker.commit_interval),
            checkpoints,
            restorations: Restorations::new(),
            restore_reported: Instant::now(),
            stood: Instant::now(),
        })
    }

    /// Works until the worker is told to stop, then leaves the group.
    pub(super) fn run(mut self) -> Result<(), SessionError> {
        let worked = self.work();
        let left = worked.and_then(|()| self.leave());
        self.restorations.give_up_all();
        self.checkpoints.close();
        self.consumer.close();
        self.transactor.close();
        left
    }

    fn work(&mut self) -> Result<(), SessionError> {
        let mut scratch = Vec::new();
        while !self.worker.is_stopping() {
            let patience = self.patience();
            let idle = match self.consumer.poll(patience) {
                None => true,
                Some(Err(error)) => {
                    self.poll_failed(&error)?;
                    true
                }
                Some(Ok(message)) => {
                    apply(
                        self.worker,
                        &mut self.partitions,
                        &mut self.pace,
                        &message,
                        &mut scratch,
                    );
                    false
                }
            };
            if idle {
                self.advance()?;
                self.answer_rebalances()?;
                self.go_live()?;
            }
            let now = Instant::now();
            if self.pace.is_due(now, idle) {
                self.commit(COMMIT_PATIENCE)?;
            }
            let group = || self.consumer.client().group_metadata();
            let counters = &self.worker.counters;
            self.checkpoints
                .step(&mut self.partitions, group, counters, (now, idle))
                .map_err(|error| broken(&error))?;
            if now.duration_since(self.stood) >= STAND_EVERY {
                self.stood = now;
                self.stand();
            }
        }
        Ok(())
    }

    /// How long to wait for a record: not at all while there is something else to do.
    fn patience(&self) -> Duration {
        let patience = self.pace.patience(Instant::now());
        match () {
            () if self.checkpoints.is_writing() => Duration::ZERO,
            () if self.restorations.len() > 0 => patience.min(RESTORE_LOOK),
            () => patience,
        }
    }

    fn poll_failed(&self, error: &KafkaError) -> Result<(), SessionError> {
        match error {
            KafkaError::PartitionEOF(_) => Ok(()),
            _ if Failure::of(error) == Failure::Forbidden => Err(SessionError::Hopeless(
                ConnectError::about(&self.worker.topics.events, error.clone()),
            )),
            KafkaError::MessageConsumptionFatal(_) => Err(SessionError::Broken(error.to_string())),
            // Reported, and librdkafka goes on by itself.
            _ => Ok(()),
        }
    }

    /// With nothing more at hand, the consumer's position may be past markers of transactions.
    fn advance(&mut self) -> Result<(), SessionError> {
        if self.restore_reported.elapsed() >= RESTORE_REPORT {
            self.restore_reported = Instant::now();
            self.report_restoring();
        }
        if self.partitions.is_empty() {
            return Ok(());
        }
        let positions = positions(self.consumer.client())
            .map_err(|error| SessionError::Broken(error.to_string()))?;
        self.tick();
        let now = Instant::now();
        for (_, number, position) in positions {
            if let Some(partition) = self.partitions.get_mut(&number) {
                partition.advance(number, position);
                if partition.to_commit().is_some() {
                    self.pace.applied(now, 0, false);
                }
            }
        }
        Ok(())
    }

    /// Says what this worker is at.
    fn stand(&self) {
        let partitions = self.partitions.values();
        let left = |partition: &Partition| match partition.restoring() {
            Some((next, live_from)) => live_from - next,
            None => 0,
        };
        let mut standing = self.worker.counters.standing();
        standing.to_restore = partitions.clone().map(left).sum();
        standing.identities = partitions.map(Partition::identities).sum();
        standing.partitions = self.partitions.len();
        standing.reading_state = self.restorations.len();
    }

    fn report_restoring(&self) {
        for (number, partition) in &self.partitions {
            if let Some((next, live_from)) = partition.restoring() {
                tracing::info!(
                    partition = number,
                    next,
                    live_from,
                    "restoring state from the log"
                );
            }
        }
    }

    fn answer_rebalances(&mut self) -> Result<(), SessionError> {
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
            engine: std::sync::Arc::clone(&self.worker.engine),
            partitions: self.partitions_of_log()?,
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
    fn go_live(&mut self) -> Result<(), SessionError> {
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
            let count = self.partitions_of_log()?;
            let partition = Partition::new(known, restored.committed, count);
            self.partitions.insert(number, partition);
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&self.worker.topics.events, number, position)
                .and_then(|()| self.consumer.assign(&list))
                .map_err(|error| SessionError::Broken(error.to_string()))?;
            self.stand();
        }
        Ok(())
    }

    /// How many partitions the log has: each of the others is told what concerns it.
    fn partitions_of_log(&self) -> Result<i32, SessionError> {
        let log = &*self.worker.topics.events;
        let count = partition_count(self.consumer.client(), log)
            .map_err(|error| SessionError::Broken(error.to_string()))?;
        count.ok_or_else(|| SessionError::Broken(format!("topic {log} is gone")))
    }

    /// Lets time go on in partitions that are quiet.
    fn tick(&mut self) {
        let now = Instant::now();
        for (number, partition) in &mut self.partitions {
            if partition.tick(*number, now) {
                self.pace.applied(now, 0, true);
            }
        }
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
    fn committed(&self, list: &TopicPartitionList) -> Result<BTreeMap<i32, i64>, SessionError> {
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
    fn release(&mut self, revoked: &TopicPartitionList, lost: bool) -> Result<(), SessionError> {
        if !lost && self.commit(REVOKE_PATIENCE)? == Commit::Kept {
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
            let number = element.partition();
            self.restorations.give_up(number);
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
        self.consumer
            .unassign(revoked)
            .map_err(|error| SessionError::Broken(error.to_string()))
    }

    /// Commits the batch. What was serialised for it is sent as it is, as often as it takes.
    fn commit(&mut self, patience: Duration) -> Result<Commit, SessionError> {
        let begun = Instant::now();
        let mut failures = 0;
        loop {
            let offsets = self.offsets()?;
            if offsets.count() == 0 {
                self.pace.committed(Duration::ZERO);
                return Ok(Commit::Done);
            }
            let started = Instant::now();
            match self.attempt(&offsets) {
                Ok(()) => {
                    self.committed_all();
                    self.pace.committed(started.elapsed());
                    self.worker.counters.committed(started.elapsed());
                    return Ok(Commit::Done);
                }
                Err(AttemptError::Group(error)) => {
                    tracing::debug!(%error, "the group is being rebalanced");
                    self.pace.postpone(Instant::now() + GROUP_PAUSE);
                    return Ok(Commit::Kept);
                }
                Err(error) if error.is_forbidden() => return Err(broken(&error)),
                Err(error) => {
                    self.worker.counters.standing().failing = true;
                    tracing::warn!(%error, "a batch is not committed yet");
                    if matches!(error, AttemptError::Unknown(_)) && self.was_committed(&offsets)? {
                        self.committed_all();
                        self.pace.committed(Duration::ZERO);
                        return Ok(Commit::Done);
                    }
                }
            }
            let stopping = self.worker.is_stopping();
            let patience = if stopping {
                patience.min(LEAVE_PATIENCE)
            } else {
                patience
            };
            if begun.elapsed() >= patience {
                self.pace.postpone(Instant::now() + GROUP_PAUSE);
                return Ok(Commit::Kept);
            }
            thread::sleep(retry_after(failures));
            failures += 1;
        }
    }

    fn attempt(&mut self, offsets: &TopicPartitionList) -> Result<(), AttemptError> {
        let Some(group) = self.consumer.client().group_metadata() else {
            return Err(AttemptError::Group(KafkaError::Canceled));
        };
        let outputs = self.partitions.values().flat_map(Partition::outputs);
        self.transactor.commit(outputs, offsets, group)
    }

    fn offsets(&self) -> Result<TopicPartitionList, SessionError> {
        let mut list = TopicPartitionList::with_capacity(self.partitions.len());
        for (number, partition) in &self.partitions {
            if let Some(offset) = partition.to_commit() {
                list.add_partition_offset(
                    &self.worker.topics.events,
                    *number,
                    Offset::Offset(offset),
                )
                .map_err(|error| SessionError::Broken(error.to_string()))?;
            }
        }
        Ok(list)
    }

    fn committed_all(&mut self) {
        let counters = &self.worker.counters;
        counters.standing().failing = false;
        let now = now_millis();
        for (number, partition) in &mut self.partitions {
            if let Some(offset) = partition.to_commit() {
                let progress = &self.worker.progress;
                progress.committed(&self.worker.topics.events, *number, offset);
                for came in partition.set_committed() {
                    counters.answered(now - came);
                }
            }
        }
    }

    /// Whether a transaction of unknown end has been committed. A new producer under the same id has
    /// the coordinator end it first; after that the committed offsets tell.
    fn was_committed(&mut self, offsets: &TopicPartitionList) -> Result<bool, SessionError> {
        let deadline = Instant::now() + COMMIT_PATIENCE;
        let mut failures = 0;
        while let Err(error) = self.transactor.ready() {
            if error.is_forbidden() || Instant::now() >= deadline {
                return Err(broken(&error));
            }
            thread::sleep(retry_after(failures));
            failures += 1;
        }
        let committed = self.committed(offsets)?;
        Ok(offsets.elements().iter().any(|element| {
            let now = committed.get(&element.partition());
            matches!((element.offset(), now), (Offset::Offset(ours), Some(now)) if *now >= ours)
        }))
    }

    /// Commits what there is and leaves the group, so that others take over at once.
    fn leave(&mut self) -> Result<(), SessionError> {
        if self.commit(LEAVE_PATIENCE)? == Commit::Kept {
            tracing::warn!("the last batch is not committed; the next start does it again");
        }
        // The group waits for every answer, also of who leaves: to what it is still being given.
        self.answer_rebalances()?;
        self.restorations.give_up_all();
        self.consumer.client().unsubscribe();
        let deadline = Instant::now() + LEAVE_PATIENCE;
        while !self.partitions.is_empty() && Instant::now() < deadline {
            // Records that still arrive are read again by the next owner.
            let _ = self.consumer.poll(IDLE_POLL);
            self.answer_rebalances()?;
        }
        Ok(())
    }
}

/// The time of day, as brokers stamp records.
fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Applies a record in place: the message is borrowed from the consumer and never copied.
fn apply(
    worker: &Worker,
    partitions: &mut BTreeMap<i32, Partition>,
    pace: &mut Pace,
    message: &BorrowedMessage<'_>,
    scratch: &mut Vec<Output>,
) {
    // A record that was fetched before its partition was released belongs to the next owner.
    let Some(partition) = partitions.get_mut(&message.partition()) else {
        return;
    };
    let record = Record {
        key: message.key(),
        value: message.payload().unwrap_or_default(),
        broker_millis: message.timestamp().to_millis(),
        origin: Origin {
            topic: &worker.topics.events,
            partition: message.partition(),
            offset: message.offset(),
        },
    };
    if let Some(added) = partition.apply(&record, scratch, &worker.counters) {
        pace.applied(Instant::now(), added.bytes, added.command);
    }
}

fn broken(error: &AttemptError) -> SessionError {
    match error {
        AttemptError::Client(error) => {
            SessionError::Hopeless(ConnectError::Properties(error.to_string()))
        }
        AttemptError::Aborted(source)
        | AttemptError::Group(source)
        | AttemptError::Unknown(source)
        | AttemptError::NoProducer(source)
            if error.is_forbidden() =>
        {
            let what = "its transactional id, or a topic it writes to";
            SessionError::Hopeless(ConnectError::about(what, source.clone()))
        }
        _ => SessionError::Broken(error.to_string()),
    }
}
