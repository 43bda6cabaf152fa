//! One membership of a worker in the consumer group, from joining to leaving.

mod ownership;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use plumbline_detectors::engine::Output;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Worker;
use super::checkpoint::Checkpoints;
use super::committer::{Committer, Outcome, Transaction};
use super::pace::Pace;
use super::partition::{Partition, Record};
use super::restore::Restorations;
use super::transaction::{AttemptError, Transactor};
use crate::kafka::{
    ConnectError, Failure, GroupConsumer, Origin, TRANSACTION_TIMEOUT, now_millis, positions,
    retry_after,
};

/// How long a commit is tried otherwise; well within `max.poll.interval.ms`.
const COMMIT_PATIENCE: Duration = Duration::from_secs(120);
/// How long leaving the group may take.
const LEAVE_PATIENCE: Duration = Duration::from_secs(10);
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

/// What became of what was to be committed.
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
    committer: Committer,
    partitions: BTreeMap<i32, Partition>,
    pace: Pace,
    checkpoints: Checkpoints,
    restorations: Restorations,
    /// What the standby was told that this worker has.
    taken: BTreeSet<i32>,
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
        let no_thread = |error: io::Error| SessionError::Broken(error.to_string());
        let committer = Committer::start(transactor).map_err(no_thread)?;
        let checkpoints = Checkpoints::start(worker).map_err(no_thread)?;
        Ok(Self {
            worker,
            consumer,
            committer,
            partitions: BTreeMap::new(),
            pace: Pace::new(worker.commit_interval),
            checkpoints,
            restorations: Restorations::new(),
            taken: BTreeSet::new(),
            restore_reported: Instant::now(),
            stood: Instant::now(),
        })
    }

    /// Works until the worker is told to stop, then leaves the group.
    pub(super) fn run(mut self) -> Result<(), SessionError> {
        let worked = self.work();
        let left = worked.and_then(|()| self.leave());
        self.restorations.give_up_all();
        while let Some(number) = self.taken.first().copied() {
            self.stood_down(number);
        }
        // First of all: the group waits for it.
        self.consumer.close();
        self.committer.close();
        self.checkpoints.close();
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
            }
            // Also while there is more to read of the others than there is time.
            if self.restorations.len() > 0 {
                self.go_live()?;
            }
            let now = Instant::now();
            self.step_commit(now)?;
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
        if self.checkpoints.is_writing() {
            return Duration::ZERO;
        }
        let is_committing = self.committer.is_busy();
        let patience = self.pace.patience(Instant::now(), is_committing);
        if self.restorations.len() > 0 {
            return patience.min(RESTORE_LOOK);
        }
        patience
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
                if partition.has_more() {
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
        standing.identities = partitions.clone().map(Partition::identities).sum();
        standing.state_bytes = partitions.map(Partition::bytes_about).sum();
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

    /// Lets time go on in partitions that are quiet.
    fn tick(&mut self) {
        let now = Instant::now();
        for (number, partition) in &mut self.partitions {
            if partition.tick(*number, now) {
                self.pace.applied(now, 0, true);
            }
        }
    }

    /// Commits what is there, if it is time, while judging goes on; and hears what became of the last of it.
    fn step_commit(&mut self, now: Instant) -> Result<(), SessionError> {
        if self.committer.is_busy() {
            // Whoever is a whole batch ahead waits.
            let wait = match self.pace.is_full() {
                true => COMMIT_PATIENCE,
                false => Duration::ZERO,
            };
            match self.committer.hear(wait) {
                Some(outcome) => self.settle(outcome, COMMIT_PATIENCE)?,
                None => return Ok(()),
            };
        }
        if self.pace.is_due(now) {
            self.begin_commit()?;
        }
        Ok(())
    }

    /// Commits all there is, and waits for it.
    fn commit(&mut self, patience: Duration) -> Result<Commit, SessionError> {
        loop {
            if !self.committer.is_busy() && !self.begin_commit()? {
                return Ok(Commit::Done);
            }
            let outcome = self.committer.wait();
            if self.settle(outcome, patience)? == Commit::Kept {
                return Ok(Commit::Kept);
            }
        }
    }

    /// Waits for what is under way, so that nothing is committed of partitions that are let go of.
    fn finish_commit(&mut self) -> Result<(), SessionError> {
        if self.committer.is_busy() {
            let outcome = self.committer.wait();
            self.settle(outcome, Duration::ZERO)?;
        }
        Ok(())
    }

    /// Begins to commit what there is, and says whether there is anything.
    fn begin_commit(&mut self) -> Result<bool, SessionError> {
        let mut batches = Vec::new();
        for partition in self.partitions.values_mut() {
            batches.extend(partition.close_batch().map(Arc::clone));
        }
        self.pace.begun();
        if batches.is_empty() {
            return Ok(false);
        }
        // Where a batch was kept, what came after it is still to go.
        if self.partitions.values().any(Partition::has_more) {
            self.pace.applied(Instant::now(), 0, true);
        }
        // There is none where the consumer is closed.
        let group = self.consumer.client().group_metadata();
        let group = group.ok_or_else(|| SessionError::Broken("no membership".to_owned()))?;
        self.committer.commit(Transaction {
            batches,
            offsets: self.closed_offsets()?,
            group,
        });
        Ok(true)
    }

    /// Up to where the log is committed once what is closed is.
    fn closed_offsets(&self) -> Result<TopicPartitionList, SessionError> {
        let mut list = TopicPartitionList::with_capacity(self.partitions.len());
        for (number, partition) in &self.partitions {
            if let Some(batch) = partition.closed_batch() {
                let offset = Offset::Offset(batch.next);
                list.add_partition_offset(&self.worker.topics.events, *number, offset)
                    .map_err(|error| SessionError::Broken(error.to_string()))?;
            }
        }
        Ok(list)
    }

    /// Takes in what became of a commit. What was serialised for it is sent as it is, as often as it takes.
    fn settle(&mut self, mut outcome: Outcome, patience: Duration) -> Result<Commit, SessionError> {
        let begun = Instant::now();
        let mut failures = 0;
        loop {
            match outcome.result {
                Ok(()) => {
                    self.committed_all();
                    self.worker.counters.committed(outcome.took);
                    return Ok(Commit::Done);
                }
                Err(AttemptError::Group(error)) => {
                    tracing::debug!(%error, "the group is being rebalanced");
                    self.pace.postpone(Instant::now(), GROUP_PAUSE);
                    return Ok(Commit::Kept);
                }
                Err(error) if error.is_forbidden() => return Err(broken(&error)),
                Err(error) => {
                    self.worker.counters.standing().failing = true;
                    tracing::warn!(%error, "a batch is not committed yet");
                    if matches!(error, AttemptError::Unknown(_)) && self.was_committed()? {
                        self.committed_all();
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
                self.pace.postpone(Instant::now(), GROUP_PAUSE);
                return Ok(Commit::Kept);
            }
            thread::sleep(retry_after(failures));
            failures += 1;
            // There is nothing left of it where all its partitions are lost.
            if !self.begin_commit()? {
                return Ok(Commit::Done);
            }
            outcome = self.committer.wait();
        }
    }

    /// What was closed is committed.
    fn committed_all(&mut self) {
        let counters = &self.worker.counters;
        counters.standing().failing = false;
        let now = now_millis();
        for (number, partition) in &mut self.partitions {
            let Some(batch) = partition.set_committed() else {
                continue;
            };
            let progress = &self.worker.progress;
            progress.committed(&self.worker.topics.events, *number, batch.next);
            if let Some(came) = batch.came {
                counters.judged(now - came);
            }
            for came in &batch.answers {
                counters.answered(now - came);
            }
        }
    }

    /// Whether a transaction of unknown end has been committed. A new producer under the same id has
    /// the coordinator end it first; after that the committed offsets tell.
    fn was_committed(&mut self) -> Result<bool, SessionError> {
        let offsets = self.closed_offsets()?;
        let deadline = Instant::now() + COMMIT_PATIENCE;
        let mut failures = 0;
        while let Err(error) = self.committer.end_all() {
            if error.is_forbidden() || Instant::now() >= deadline {
                return Err(broken(&error));
            }
            thread::sleep(retry_after(failures));
            failures += 1;
        }
        let committed = self.committed(&offsets)?;
        Ok(offsets.elements().iter().any(|element| {
            let now = committed.get(&element.partition());
            matches!((element.offset(), now), (Offset::Offset(ours), Some(now)) if *now >= ours)
        }))
    }

    /// Commits what there is and lets go of everything, so that others take over as soon as the consumer is closed.
    fn leave(&mut self) -> Result<(), SessionError> {
        if self.commit(LEAVE_PATIENCE)? == Commit::Kept {
            tracing::warn!("the last batch is not committed; the next start does it again");
        }
        // The group waits for every answer, also of who leaves: to what it is still being given.
        self.answer_rebalances()?;
        self.checkpoints.release(|_| true);
        while let Some(number) = self.partitions.keys().next().copied() {
            self.let_go(number, false);
        }
        Ok(())
    }
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
