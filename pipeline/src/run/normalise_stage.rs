//! The normalise stage: raw topics and feedback in, the log out.
//!
//! At least once is enough: the log knows each event by its id. Offsets of a source are committed
//! once everything that was read from it has arrived in the log or in the dead letter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use plumbline_schemas::event::{Event, EventKind};
use plumbline_schemas::formats::Decoded;
use plumbline_schemas::log_key;
use plumbline_schemas::reject::{Reason, Reject};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Counters, RunError};
use crate::config::{Config, TopicsConfig};
use crate::enrich::Enricher;
use crate::kafka::{
    Clients, ConnectError, Deliveries, Failure, GroupConsumer, IDLE_POLL, Origin, Progress,
    Rebalance, close, dead_letter, headers, positions, retry_after, too_far_ahead,
};
use crate::normalise::Normaliser;

/// How long a poll waits for a record while deliveries are awaited.
const BUSY_POLL: Duration = Duration::from_millis(5);
/// Deliveries are taken note of after so many records, if nothing else gives occasion to.
const RECORDS_PER_ROUND: u32 = 64;
/// How long is waited for deliveries when partitions are given away, or at the end.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the thread of the stage is given.
pub(super) struct NormaliseStage {
    clients: Clients,
    topics: TopicsConfig,
    sources: Vec<Source>,
    commit_interval: Duration,
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    progress: Arc<Progress>,
}

struct Source {
    topic: String,
    normaliser: Normaliser,
    feedback: bool,
}

/// Why a session ended before its time.
enum SessionError {
    /// A new session goes on from what is committed.
    Broken(String),
    /// No new session will do better.
    Hopeless(ConnectError),
}

impl From<KafkaError> for SessionError {
    fn from(error: KafkaError) -> Self {
        match Failure::of(&error) {
            Failure::Forbidden => Self::Hopeless(ConnectError::about("a topic of the line", error)),
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl NormaliseStage {
    pub(super) fn new(
        config: &Config,
        clients: Clients,
        enricher: Arc<Enricher>,
        stop: Arc<AtomicBool>,
        counters: Arc<Counters>,
        progress: Arc<Progress>,
    ) -> Result<Self, RunError> {
        let topics = config.kafka.topics.clone();
        let feedback = (topics.feedback.as_str(), "native", None, true);
        let configured = config.source.iter().map(|source| {
            let tenant = source.tenant.as_deref();
            (source.topic.as_str(), source.format.as_str(), tenant, false)
        });
        let mut sources: Vec<Source> = Vec::new();
        for (topic, format, tenant, feedback) in configured.chain([feedback]) {
            let normaliser =
                Normaliser::new(format, tenant, Arc::clone(&enricher)).ok_or_else(|| {
                    RunError::Format {
                        topic: topic.to_owned(),
                        format: format.to_owned(),
                    }
                })?;
            sources.push(Source {
                topic: topic.to_owned(),
                normaliser,
                feedback,
            });
        }
        Ok(Self {
            clients,
            topics,
            sources,
            commit_interval: super::supervise::span(config.run.commit_interval),
            stop,
            counters,
            progress,
        })
    }

    /// Works until it is told to stop. Whatever Kafka does meanwhile is waited out.
    pub(super) fn run(&self) -> Result<(), ConnectError> {
        let mut failures = 0;
        while !self.is_stopping() {
            let started = Instant::now();
            match Session::start(self).and_then(Session::run) {
                Ok(()) => return Ok(()),
                Err(SessionError::Hopeless(error)) => return Err(error),
                Err(SessionError::Broken(reason)) => {
                    if started.elapsed() > Duration::from_secs(60) {
                        failures = 0;
                    }
                    let wait = retry_after(failures);
                    failures += 1;
                    tracing::warn!(reason, "normalising starts again from what is committed");
                    let deadline = Instant::now() + wait;
                    while !self.is_stopping() && Instant::now() < deadline {
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            }
        }
        Ok(())
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// One membership in the consumer group.
struct Session<'s> {
    stage: &'s NormaliseStage,
    consumer: GroupConsumer,
    out: Out<'s>,
    /// Offsets that may be committed once their epoch is complete.
    closing: Option<(usize, TopicPartitionList)>,
    epoch_begun: Instant,
}

/// The way into the log.
struct Out<'s> {
    producer: BaseProducer<Deliveries>,
    topics: &'s TopicsConfig,
    counters: &'s Counters,
    stop: &'s AtomicBool,
    epoch: usize,
    buffer: Vec<u8>,
}

impl<'s> Session<'s> {
    fn start(stage: &'s NormaliseStage) -> Result<Self, SessionError> {
        let hopeless = |error| SessionError::Hopeless(ConnectError::from(error));
        let clients = &stage.clients;
        let consumer = clients
            .consumer(&clients.normalise_group())
            .map_err(hopeless)?;
        let topics: Vec<&str> = stage.sources.iter().map(|source| &*source.topic).collect();
        consumer.client().subscribe(&topics)?;
        Ok(Self {
            stage,
            consumer,
            out: Out {
                producer: clients.producer().map_err(hopeless)?,
                topics: &stage.topics,
                counters: &stage.counters,
                stop: &stage.stop,
                epoch: 0,
                buffer: Vec::with_capacity(4096),
            },
            closing: None,
            epoch_begun: Instant::now(),
        })
    }

    fn run(mut self) -> Result<(), SessionError> {
        let ended = self.work().and_then(|()| self.leave());
        self.consumer.close();
        close(self.out.producer, CLOSE_TIMEOUT);
        ended
    }

    fn work(&mut self) -> Result<(), SessionError> {
        let mut round = 0;
        while !self.stage.is_stopping() {
            let awaiting = self.closing.is_some() || !self.out.is_complete();
            let patience = if awaiting { BUSY_POLL } else { IDLE_POLL };
            match self.consumer.poll(patience) {
                Some(Ok(message)) => {
                    self.stage.normalise(&message, &mut self.out)?;
                    round += 1;
                    if round < RECORDS_PER_ROUND {
                        continue;
                    }
                }
                Some(Err(error)) => self.poll_failed(error)?,
                None => {}
            }
            round = 0;
            self.out.take_deliveries()?;
            self.answer_rebalances()?;
            self.commit_delivered()?;
        }
        Ok(())
    }

    fn poll_failed(&self, error: KafkaError) -> Result<(), SessionError> {
        let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        if fatal || Failure::of(&error) == Failure::Forbidden {
            return Err(error.into());
        }
        // Anything else is reported, and librdkafka goes on by itself.
        Ok(())
    }

    /// Commits an epoch that has been delivered, and begins to close the next one.
    fn commit_delivered(&mut self) -> Result<(), SessionError> {
        if let Some((epoch, offsets)) = self.closing.take() {
            if self.out.producer.context().is_complete(epoch) {
                self.commit(&offsets);
            } else {
                self.closing = Some((epoch, offsets));
                return Ok(());
            }
        }
        if self.epoch_begun.elapsed() < self.stage.commit_interval {
            return Ok(());
        }
        self.epoch_begun = Instant::now();
        let offsets = self.uncommitted()?;
        if offsets.count() > 0 {
            self.closing = Some((self.out.epoch, offsets));
            self.out.epoch ^= 1;
        }
        Ok(())
    }

    /// Offsets below which everything has been handed to the producer: every record is, before the
    /// next one is polled.
    fn uncommitted(&self) -> Result<TopicPartitionList, SessionError> {
        let mut list = TopicPartitionList::new();
        for (topic, partition, offset) in positions(self.consumer.client())? {
            if self.stage.progress.is_new(&topic, partition, offset) {
                list.add_partition_offset(&topic, partition, Offset::Offset(offset))?;
            }
        }
        Ok(list)
    }

    fn commit(&self, offsets: &TopicPartitionList) {
        match self.consumer.client().commit(offsets, CommitMode::Sync) {
            Ok(()) => {
                for element in offsets.elements() {
                    if let Offset::Offset(offset) = element.offset() {
                        let progress = &self.stage.progress;
                        progress.committed(element.topic(), element.partition(), offset);
                    }
                }
            }
            // The next commit covers these as well; if there is none, some records are read again.
            Err(error) => tracing::debug!(%error, "offsets are not committed yet"),
        }
    }

    fn answer_rebalances(&mut self) -> Result<(), SessionError> {
        while let Some(rebalance) = self.consumer.next_rebalance() {
            match rebalance {
                Rebalance::Assigned(partitions) => self.consumer.assign(&partitions)?,
                Rebalance::Revoked { partitions, lost } => {
                    if lost {
                        self.closing = None;
                    } else {
                        self.drain()?;
                    }
                    self.consumer.unassign(&partitions)?;
                }
            }
        }
        Ok(())
    }

    /// Waits until everything has been delivered, and commits it.
    fn drain(&mut self) -> Result<(), SessionError> {
        self.closing = None;
        let deadline = Instant::now() + DRAIN_PATIENCE;
        while !self.out.is_complete() {
            self.out.take_deliveries()?;
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

    fn leave(&mut self) -> Result<(), SessionError> {
        self.drain()?;
        self.consumer.client().unsubscribe();
        let deadline = Instant::now() + DRAIN_PATIENCE;
        while self.consumer.client().assignment()?.count() > 0 && Instant::now() < deadline {
            let _ = self.consumer.poll(IDLE_POLL);
            while let Some(rebalance) = self.consumer.next_rebalance() {
                if let Rebalance::Revoked { partitions, .. } = rebalance {
                    self.consumer.unassign(&partitions)?;
                }
            }
        }
        Ok(())
    }
}

impl NormaliseStage {
    /// Sends everything that a raw record holds on its way.
    fn normalise(
        &self,
        message: &BorrowedMessage<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), SessionError> {
        let topic = message.topic();
        let Some(source) = self.sources.iter().find(|source| source.topic == topic) else {
            return Ok(());
        };
        self.counters.record();
        let broker_millis = message.timestamp().to_millis();
        let raw = message.payload().unwrap_or_default();
        let (mut refused, mut first) = (0, None);
        let mut sent = Ok(());
        source.normaliser.decode(raw, &mut |decoded| {
            let reject = match decoded {
                Decoded::Event(event) => match source.refuses(&event, broker_millis) {
                    None if sent.is_err() => return,
                    None => match out.event(&event) {
                        Ok(reject) => reject,
                        Err(error) => {
                            sent = Err(error);
                            return;
                        }
                    },
                    reject => reject,
                },
                Decoded::Rejected(reject) => Some(reject),
                Decoded::Skipped(_) => {
                    self.counters.skipped();
                    None
                }
            };
            if let Some(reject) = reject {
                refused += 1;
                first.get_or_insert(reject);
            }
        });
        sent?;
        let Some(reject) = first else {
            return Ok(());
        };
        let origin = Origin {
            topic,
            partition: message.partition(),
            offset: message.offset(),
        };
        let (value, pairs) = dead_letter(raw, &reject, refused, origin);
        out.dead_letter(message.key().unwrap_or_default(), &value, &pairs)
    }
}

impl Source {
    fn refuses(&self, event: &Event<'_>, broker_millis: Option<i64>) -> Option<Reject> {
        if self.feedback && event.kind != EventKind::Feedback {
            // Who may answer commands may not therefore write any event.
            let detail = "kind: only `feedback` is taken from the feedback topic";
            return Some(Reject::new(Reason::WrongFormat, detail));
        }
        too_far_ahead(event.time, broker_millis)
    }
}

impl Out<'_> {
    /// Sends an event to the log, or says why it cannot be there.
    fn event(&mut self, event: &Event<'_>) -> Result<Option<Reject>, SessionError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let written = serde_json::to_writer(&mut buffer, event);
        let key = log_key(event.tenant(), &event.identity.id);
        let sent = match written {
            Err(error) => Ok(Some(Reject::new(Reason::NotJson, error.to_string()))),
            Ok(()) => {
                let topic = &self.topics.events;
                let record = BaseRecord::with_opaque_to(topic, self.epoch)
                    .key(key.as_bytes())
                    .payload(buffer.as_slice());
                self.send(record)
            }
        };
        self.buffer = buffer;
        if matches!(sent, Ok(None)) {
            self.counters.normalised();
        }
        sent
    }

    fn dead_letter(
        &self,
        key: &[u8],
        value: &[u8],
        pairs: &[(&'static str, String)],
    ) -> Result<(), SessionError> {
        self.counters.dead_letter();
        let record = BaseRecord::with_opaque_to(&self.topics.deadletter, self.epoch)
            .key(key)
            .payload(value)
            .headers(headers(pairs));
        self.send(record).map(|_| ())
    }

    fn send(
        &self,
        mut record: BaseRecord<'_, [u8], [u8], usize>,
    ) -> Result<Option<Reject>, SessionError> {
        let mut stopping_since = None;
        let deliveries = self.producer.context();
        let epoch = record.delivery_opaque;
        deliveries.sent(epoch);
        loop {
            let Err((error, refused)) = self.producer.send(record) else {
                return Ok(None);
            };
            match error.rdkafka_error_code() {
                Some(Code::QueueFull) => {
                    self.producer.poll(BUSY_POLL);
                    if self.stop.load(Ordering::Relaxed) {
                        let since = *stopping_since.get_or_insert_with(Instant::now);
                        if since.elapsed() > DRAIN_PATIENCE {
                            return Err(error.into());
                        }
                    }
                    record = refused;
                }
                Some(Code::MessageSizeTooLarge) => {
                    deliveries.settled(epoch);
                    return Ok(Some(oversized()));
                }
                _ => return Err(error.into()),
            }
        }
    }

    /// Takes note of what has been delivered and what has not.
    fn take_deliveries(&self) -> Result<(), SessionError> {
        self.producer.poll(Duration::ZERO);
        let deliveries = self.producer.context();
        for (epoch, message) in deliveries.take_oversized() {
            self.replace(epoch, &message)?;
            deliveries.settled(epoch);
        }
        deliveries
            .failure()
            .map_or(Ok(()), |error| Err(error.into()))
    }

    /// What the broker refuses for its size becomes a dead letter, and a dead letter a shorter one.
    fn replace(&self, epoch: usize, message: &OwnedMessage) -> Result<(), SessionError> {
        let value = message.payload().unwrap_or_default();
        let origin = Origin {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
        };
        let (value, pairs) = dead_letter(value, &oversized(), 1, origin);
        let mut value = &*value;
        if message.topic() == self.topics.deadletter {
            value = value.get(..value.len() / 2).unwrap_or_default();
        } else {
            self.counters.dead_letter();
        }
        let headers = match message.headers() {
            Some(original) => original.clone(),
            None => headers(&pairs),
        };
        let record = BaseRecord::with_opaque_to(&self.topics.deadletter, epoch)
            .key(message.key().unwrap_or_default())
            .payload(value)
            .headers(headers);
        self.send(record).map(|_| ())
    }

    fn is_complete(&self) -> bool {
        let deliveries = self.producer.context();
        deliveries.is_complete(0) && deliveries.is_complete(1)
    }
}

fn oversized() -> Reject {
    Reject::new(
        Reason::TooLarge,
        "the event is larger than its topic takes; raise max.message.bytes of the topic",
    )
}
