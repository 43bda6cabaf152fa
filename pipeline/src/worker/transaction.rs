//! The transactional producer: outputs and offsets become visible together, or not at all.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::outgoing::{Destination, Outgoing};
use crate::config::TopicsConfig;
use crate::kafka::{ClientError, Clients, Deliveries, Failure, START_TIMEOUT, close};

/// A call of a transaction that takes longer has failed. Shorter than the transaction's own limit,
/// so that the coordinator never gives up first.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How often to look whether everything has been delivered.
const DRAIN_PAUSE: Duration = Duration::from_micros(200);
/// Adding offsets takes no longer, by librdkafka's word,
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(5);
/// and is given up after this: it may hang for ever where the group's coordinator goes away meanwhile
/// (librdkafka issues 5456 and 5511).
const OFFSETS_PATIENCE: Duration = Duration::from_secs(12);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why an attempt to commit failed, and what is known of its effect.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttemptError {
    /// Nothing of it will ever be visible: send the same again.
    #[error("the transaction was given up: {0}")]
    Aborted(KafkaError),
    /// The group has moved on: nothing of it will ever be visible, and it may not be ours any more.
    #[error("the consumer group has moved on: {0}")]
    Group(KafkaError),
    /// It may be committed or not: ask, once a new producer has ended it.
    #[error("the end of the transaction is not known: {0}")]
    Unknown(KafkaError),
    /// The group's coordinator has not answered: nothing of it will ever be visible.
    #[error("the coordinator of the consumer group does not answer")]
    Unanswered,
    /// The thread that commits has ended, which it never should.
    #[error("the thread that commits has ended")]
    Lost,
    /// No producer can be had for the moment.
    #[error("no transactional producer: {0}")]
    NoProducer(KafkaError),
    /// No producer can be had at all.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl AttemptError {
    /// Whether trying again cannot help.
    pub(super) fn is_forbidden(&self) -> bool {
        match self {
            Self::Aborted(error)
            | Self::Group(error)
            | Self::Unknown(error)
            | Self::NoProducer(error) => Failure::of(error) == Failure::Forbidden,
            Self::Unanswered => false,
            Self::Client(_) | Self::Lost => true,
        }
    }
}

/// Publishes batches. Makes itself a new producer whenever the old one is in doubt.
pub(super) struct Transactor {
    clients: Clients,
    topics: TopicsConfig,
    id: String,
    timeout: Duration,
    takeovers: u32,
    producer: Option<Arc<BaseProducer<Deliveries>>>,
}

impl Transactor {
    /// The producer of one worker. The id is the same after a restart, so that the coordinator ends
    /// at once what a crash has left open. No transaction of it takes longer than the timeout.
    pub(super) fn new(
        clients: Clients,
        topics: TopicsConfig,
        id: String,
        timeout: Duration,
    ) -> Self {
        Self {
            clients,
            topics,
            id,
            timeout,
            takeovers: 0,
            producer: None,
        }
    }

    /// Makes sure that there is a producer, and with it that no earlier transaction of this worker
    /// is open.
    pub(super) fn ready(&mut self) -> Result<(), AttemptError> {
        if self.producer.is_some() {
            return Ok(());
        }
        let producer = self
            .clients
            .transactional_producer(&self.id, self.timeout)?;
        match producer.init_transactions(START_TIMEOUT) {
            Ok(()) => {
                self.producer = Some(Arc::new(producer));
                Ok(())
            }
            Err(error) => {
                close(producer, CLOSE_TIMEOUT);
                self.step_aside(&error);
                Err(AttemptError::NoProducer(error))
            }
        }
    }

    /// Publishes these records and commits these offsets, in one transaction.
    pub(super) fn commit<'o>(
        &mut self,
        outputs: impl Iterator<Item = &'o Outgoing>,
        offsets: &TopicPartitionList,
        group: ConsumerGroupMetadata,
    ) -> Result<(), AttemptError> {
        self.begin()?;
        for outgoing in outputs {
            self.send(outgoing)?;
        }
        self.finish(Some((offsets, group)))
    }

    /// Begins a transaction.
    pub(super) fn begin(&mut self) -> Result<(), AttemptError> {
        self.ready()?;
        let begun = self.producer()?.begin_transaction();
        begun.map_err(|error| self.aborted(error))
    }

    /// Sends a record in the transaction that was begun.
    pub(super) fn send(&mut self, outgoing: &Outgoing) -> Result<(), AttemptError> {
        let sent = send(self.producer()?, &self.topics, outgoing);
        sent.map_err(|error| self.aborted(error))
    }

    /// Commits the transaction that was begun, with these offsets where it rests on any.
    pub(super) fn finish(
        &mut self,
        offsets: Option<(&TopicPartitionList, ConsumerGroupMetadata)>,
    ) -> Result<(), AttemptError> {
        // The records are on their way meanwhile.
        let added = match offsets {
            Some((offsets, group)) => add_offsets(self.producer()?, offsets, group),
            None => Some(Ok(())),
        };
        match added {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(self.abort(error)),
            // The next producer under this id ends what this one has begun.
            None => {
                self.producer = None;
                return Err(AttemptError::Unanswered);
            }
        }
        let producer = self.producer()?;
        if let Err(error) = drain(producer) {
            return Err(self.aborted(error));
        }
        // Nothing is in flight any more: with anything left, this call would wait 100 ms for it.
        match retrying(|| producer.commit_transaction(CALL_TIMEOUT)) {
            Ok(()) => Ok(()),
            Err(error) if requires_abort(&error) => Err(self.abort(error)),
            Err(error) => {
                self.give_up(&error);
                Err(AttemptError::Unknown(error))
            }
        }
    }

    /// Ends a transaction that nobody wants to be committed any more.
    pub(super) fn abandon(&mut self) {
        let aborted = self
            .producer
            .as_ref()
            .map(|producer| producer.abort_transaction(CALL_TIMEOUT));
        if let Some(Err(error)) = aborted {
            self.give_up(&error);
        }
    }

    fn producer(&self) -> Result<&Arc<BaseProducer<Deliveries>>, AttemptError> {
        let none = || AttemptError::NoProducer(KafkaError::Canceled);
        self.producer.as_ref().ok_or_else(none)
    }

    fn aborted(&mut self, error: KafkaError) -> AttemptError {
        self.give_up(&error);
        AttemptError::Aborted(error)
    }

    /// Ends a transaction that has not been asked to commit. Whatever happens here, it never will.
    fn abort(&mut self, error: KafkaError) -> AttemptError {
        let aborted = match &self.producer {
            Some(producer) if requires_abort(&error) => producer.abort_transaction(CALL_TIMEOUT),
            _ => Err(error.clone()),
        };
        if aborted.is_err() {
            self.give_up(&error);
        }
        match Failure::of(&error) {
            Failure::Group => AttemptError::Group(error),
            _ => AttemptError::Aborted(error),
        }
    }

    /// Closes a producer in doubt. The next one under its id ends what it has left open.
    fn give_up(&mut self, error: &KafkaError) {
        if let Some(producer) = self.producer.take() {
            close(producer, CLOSE_TIMEOUT);
        }
        self.step_aside(error);
    }

    /// Two processes with one transactional id would take it from each other for ever. The one that
    /// has lost it goes on under another; what belongs to whom is decided by the consumer group.
    fn step_aside(&mut self, error: &KafkaError) {
        if Failure::of(error) != Failure::Fenced {
            return;
        }
        self.takeovers += 1;
        let id = format!("{}-{}-{}", self.id, std::process::id(), self.takeovers);
        tracing::warn!(
            lost = self.id,
            continues_as = id,
            "another process uses this transactional id; give each process its own run.instance"
        );
        self.id = id;
    }

    /// Closes the producer.
    pub(super) fn close(mut self) {
        if let Some(producer) = self.producer.take() {
            close(producer, CLOSE_TIMEOUT);
        }
    }
}

fn send(
    producer: &BaseProducer<Deliveries>,
    topics: &TopicsConfig,
    outgoing: &Outgoing,
) -> Result<(), KafkaError> {
    let (topic, partition) = match outgoing.destination {
        Destination::Findings => (&*topics.findings, None),
        // Only made where there is a topic for it.
        Destination::Ocsf => (topics.ocsf.as_deref().unwrap_or_default(), None),
        Destination::Control => (&*topics.control, None),
        Destination::DeadLetter => (&*topics.deadletter, None),
        Destination::Log(partition) => (&*topics.events, Some(partition)),
        Destination::State(partition) => (&*topics.state, Some(partition)),
    };
    let mut record = BaseRecord::with_opaque_to(topic, 0).key(&outgoing.key);
    record.payload = outgoing.value.as_ref();
    record.partition = partition;
    record.headers.clone_from(&outgoing.headers);
    let deadline = Instant::now() + CALL_TIMEOUT;
    while let Err((error, refused)) = producer.send(record) {
        let full = error.rdkafka_error_code() == Some(Code::QueueFull);
        if !full || Instant::now() >= deadline {
            return Err(error);
        }
        record = refused;
        producer.poll(Duration::ZERO);
        thread::sleep(DRAIN_PAUSE);
    }
    Ok(())
}

/// Adds offsets to the transaction, on a thread that can be left behind. Nothing if it had to be.
fn add_offsets(
    producer: &Arc<BaseProducer<Deliveries>>,
    offsets: &TopicPartitionList,
    group: ConsumerGroupMetadata,
) -> Option<Result<(), KafkaError>> {
    let (producer, offsets) = (Arc::clone(producer), offsets.clone());
    let (done, answer) = channel();
    let thread = thread::Builder::new().name("offsets".to_owned());
    let spawned = thread.spawn(move || {
        let add = || producer.send_offsets_to_transaction(&offsets, &group, OFFSETS_TIMEOUT);
        let added = retrying(add);
        // Before the answer: who hears it may close the producer, and then nothing else is to hold it.
        drop(producer);
        let _ = done.send(added);
    });
    match spawned {
        Ok(_) => answer.recv_timeout(OFFSETS_PATIENCE).ok(),
        Err(_) => None,
    }
}

/// Waits until everything sent has arrived. `flush`, which `commit_transaction` would call for the
/// same purpose, looks only every 100 ms.
fn drain(producer: &BaseProducer<Deliveries>) -> Result<(), KafkaError> {
    let deadline = Instant::now() + CALL_TIMEOUT;
    loop {
        producer.poll(Duration::ZERO);
        if producer.in_flight_count() == 0 {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(KafkaError::Flush(Code::MessageTimedOut));
        }
        thread::sleep(DRAIN_PAUSE);
    }
}

/// Calls again what librdkafka wants called again. A call that has timed out is not among that: its
/// producer is in doubt.
fn retrying(mut call: impl FnMut() -> Result<(), KafkaError>) -> Result<(), KafkaError> {
    let deadline = Instant::now() + CALL_TIMEOUT;
    loop {
        match call() {
            Err(KafkaError::Transaction(error))
                if error.is_retriable()
                    && error.code() != Code::OperationTimedOut
                    && Instant::now() < deadline =>
            {
                thread::sleep(Duration::from_millis(20));
            }
            result => return result,
        }
    }
}

fn requires_abort(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(error) if error.txn_requires_abort() && !error.is_fatal())
}
