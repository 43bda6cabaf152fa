//! The normalise stage: raw topics and feedback in, the log out.
//!
//! At least once is enough: the log knows each event by its id. Offsets of a source are committed
//! once everything that was read from it has arrived in the log or in the dead letter.

mod ownership;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::log_writer::LogWriter;
use super::merge::{Merge, Turn};
use super::others::{self, ASK_EVERY, Others};
use super::raw_partition::{Given, RawPartition};
use super::raw_record::Source;
use super::{Counters, RunError};
use crate::config::{Config, TopicsConfig};
use crate::enrich::Enricher;
use crate::kafka::{
    Clients, ConnectError, Context, Failure, GroupConsumer, IDLE_POLL, Origin, Progress, close,
    ends_of, now_millis, positions, retry_after,
};
use crate::log_format::{FormatError, LogFormat};
use crate::normalise::Normaliser;

/// How long is waited for a record while deliveries are awaited.
const BUSY_POLL: Duration = Duration::from_millis(5);
/// Deliveries are taken note of after so many records, if nothing else gives occasion to.
const RECORDS_PER_ROUND: u32 = 64;
/// How long is waited for the brokers to say where partitions end.
const ENDS_TIMEOUT: Duration = Duration::from_secs(1);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the thread of the stage is given.
pub(super) struct NormaliseStage {
    clients: Clients,
    topics: TopicsConfig,
    sources: Vec<Source>,
    lateness: Duration,
    commit_interval: Duration,
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    progress: Arc<Progress>,
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

/// What reads the raw topics and the feedback.
pub(super) fn sources(config: &Config, enricher: &Arc<Enricher>) -> Result<Vec<Source>, RunError> {
    let source = |topic: &str, format: Result<LogFormat, FormatError>, tenant, feedback| {
        let normaliser = format.and_then(|it| Normaliser::new(it, tenant, Arc::clone(enricher)));
        let normaliser = normaliser.map_err(|source| RunError::Format {
            topic: topic.to_owned(),
            source,
        })?;
        Ok(Source {
            topic: topic.to_owned(),
            normaliser,
            feedback,
        })
    };
    let configured = config
        .source
        .iter()
        .map(|it| source(&it.topic, LogFormat::of(it), it.tenant.as_deref(), false));
    let feedback = &config.kafka.topics.feedback;
    let native = || LogFormat::open("native", None);
    let feedback = std::iter::once_with(|| source(feedback, native(), None, true));
    configured.chain(feedback).collect()
}

impl NormaliseStage {
    pub(super) fn new(
        config: &Config,
        clients: Clients,
        sources: Vec<Source>,
        stop: Arc<AtomicBool>,
        counters: Arc<Counters>,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            clients,
            topics: config.kafka.topics.clone(),
            sources,
            lateness: super::supervise::span(config.engine.lateness),
            commit_interval: super::supervise::span(config.run.commit_interval),
            stop,
            counters,
            progress,
        }
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
    /// Asks for the ends of partitions. On the connections of the consumer the answer would wait behind
    /// a fetch that waits for records.
    observer: BaseConsumer<Context>,
    partitions: Merge<RawPartition>,
    others: Others,
    /// Whether what is next waits for others.
    is_held: bool,
    log: LogWriter<'s>,
    /// Offsets that may be committed once their epoch is complete.
    closing: Option<(usize, TopicPartitionList)>,
    epoch_begun: Instant,
    /// When the last raw record came that is written.
    came: Option<i64>,
}

impl<'s> Session<'s> {
    fn start(stage: &'s NormaliseStage) -> Result<Self, SessionError> {
        let hopeless = |error| SessionError::Hopeless(ConnectError::from(error));
        let clients = &stage.clients;
        let consumer = clients
            .consumer_of_partitions(&clients.normalise_group())
            .map_err(hopeless)?;
        let topics: Vec<&str> = stage.sources.iter().map(|source| &*source.topic).collect();
        consumer.client().subscribe(&topics)?;
        Ok(Self {
            stage,
            consumer,
            observer: clients
                .observer(&clients.normalise_group())
                .map_err(hopeless)?,
            partitions: Merge::new(stage.lateness),
            others: Others::new(stage.lateness),
            is_held: false,
            log: LogWriter {
                producer: clients.producer().map_err(hopeless)?,
                topics: &stage.topics,
                counters: &stage.counters,
                stop: &stage.stop,
                epoch: 0,
            },
            closing: None,
            epoch_begun: Instant::now(),
            came: None,
        })
    }

    fn run(mut self) -> Result<(), SessionError> {
        let ended = self.work().and_then(|()| self.leave());
        // Their queues belong to the consumer.
        drop(self.partitions);
        self.consumer.close();
        self.log.close();
        close(self.observer, CLOSE_TIMEOUT);
        ended
    }

    fn work(&mut self) -> Result<(), SessionError> {
        while !self.stage.is_stopping() {
            let idle = self.write_in_turn()?;
            if let Some(came) = self.came.take() {
                self.stage.counters.normalised_after(now_millis() - came);
            }
            self.serve()?;
            self.log.take_deliveries()?;
            self.answer_rebalances()?;
            self.commit_delivered()?;
            if idle {
                self.wait_for_records();
            }
        }
        Ok(())
    }

    /// Writes what is next in event time, until there is nothing more or a round is full. Says
    /// whether there was nothing more.
    fn write_in_turn(&mut self) -> Result<bool, SessionError> {
        for _ in 0..RECORDS_PER_ROUND {
            self.poll_partitions()?;
            match self.partitions.turn(Instant::now()) {
                Turn::Take(number) if self.may_pass(number) => self.write(number)?,
                Turn::Ask(numbers) => self.ask_for_ends(&numbers)?,
                Turn::Take(_) | Turn::Wait => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Whether the record that waits there would not be too far ahead of what other processes read.
    fn may_pass(&mut self, number: usize) -> bool {
        let others = &mut self.others;
        let passes = self.partitions.head(number).is_none_or(|time| {
            let known = others.let_pass(time, Instant::now());
            known.unwrap_or_else(|| {
                others.ask(&self.observer, time);
                others.let_pass(time, Instant::now()).unwrap_or(true)
            })
        });
        self.is_held = !passes;
        passes
    }

    /// Has every partition of which no record waits give its next one.
    fn poll_partitions(&mut self) -> Result<(), SessionError> {
        let mut from = 0;
        while let Some(number) = self.partitions.next_open(from) {
            from = number + 1;
            let Some(partition) = self.partitions.partition_mut(number) else {
                continue;
            };
            match partition.poll(&self.stage.sources, &self.stage.counters) {
                Given::Nothing => {}
                Given::End => self.partitions.ended(number, Instant::now()),
                Given::Failed(error) => self.poll_failed(error)?,
                Given::Record(record) => {
                    let (time, offset) = (record.time, record.offset);
                    partition.waiting = Some(record);
                    self.partitions.arrived(number, time, offset);
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, number: usize) -> Result<(), SessionError> {
        if let Some(partition) = self.partitions.partition_mut(number)
            && let Some(record) = partition.waiting.take()
        {
            let origin = Origin {
                topic: &partition.topic,
                partition: partition.partition,
                offset: record.offset,
            };
            self.log.write(&record, origin)?;
            self.came = record.broker_millis;
        }
        self.partitions.taken(number);
        Ok(())
    }

    /// Learns whether these partitions have more. Who asks for live records of a source that is
    /// always somewhat behind another does so often: it is one request for all of them.
    fn ask_for_ends(&mut self, numbers: &[usize]) -> Result<(), SessionError> {
        let read = positions(self.consumer.client())?;
        let partitions = numbers.iter().filter_map(|number| {
            let partition = self.partitions.partition(*number)?;
            Some((&*partition.topic, partition.partition))
        });
        let ends = match ends_of(&self.observer, partitions, ENDS_TIMEOUT) {
            Ok(ends) => ends,
            Err(error) => {
                tracing::warn!(%error, "it is not known where raw partitions end: nobody waits for them");
                self.partitions.given_up(numbers);
                return Ok(());
            }
        };
        for number in numbers {
            let Some(RawPartition {
                topic, partition, ..
            }) = self.partitions.partition(*number)
            else {
                continue;
            };
            let of = |list: &[(String, i32, i64)]| {
                let mut list = list.iter();
                list.find(|(name, at, _)| name == topic && at == partition)
                    .map(|(_, _, offset)| *offset)
            };
            let position = of(&read).unwrap_or(i64::MIN);
            match of(&ends) {
                Some(end) => self
                    .partitions
                    .learnt(*number, position, end, Instant::now()),
                None => self.partitions.given_up(&[*number]),
            }
        }
        Ok(())
    }

    /// Waits until a partition has given something, no longer than it may take to notice the rest.
    fn wait_for_records(&mut self) {
        let awaiting = self.closing.is_some() || !self.log.is_all_delivered();
        let patience = match (awaiting, self.is_held) {
            (true, _) => BUSY_POLL,
            (false, true) => ASK_EVERY,
            (false, false) => IDLE_POLL,
        };
        let begun = Instant::now();
        thread::park_timeout(patience);
        let waited = begun.elapsed();
        if waited >= IDLE_POLL {
            self.partitions
                .partitions()
                .for_each(RawPartition::look_again);
        }
        let given_up = self.partitions.waited(waited, Instant::now());
        if given_up > 0 {
            tracing::warn!(
                partitions = given_up,
                "raw partitions have records and do not give them: others go on without them"
            );
        }
    }

    /// Lets the client call back. What was fetched before a partition had its own queue is read here.
    fn serve(&mut self) -> Result<(), SessionError> {
        while let Some(polled) = self.consumer.poll(Duration::ZERO) {
            let message = match polled {
                Ok(message) => message,
                Err(KafkaError::PartitionEOF(_)) => continue,
                Err(error) => {
                    self.poll_failed(error)?;
                    continue;
                }
            };
            let mut sources = self.stage.sources.iter();
            if let Some(source) = sources.find(|source| source.topic == message.topic()) {
                let record = source.read(&message, &self.stage.counters);
                let origin = Origin {
                    topic: message.topic(),
                    partition: message.partition(),
                    offset: message.offset(),
                };
                self.log.write(&record, origin)?;
            }
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
            if self.log.is_delivered(epoch) {
                self.commit(&offsets);
            } else {
                self.closing = Some((epoch, offsets));
                return Ok(());
            }
        }
        // Who waits tells at once how far it has come: others may wait for that.
        let interval = match self.is_held {
            true => ASK_EVERY.min(self.stage.commit_interval),
            false => self.stage.commit_interval,
        };
        if self.epoch_begun.elapsed() < interval {
            return Ok(());
        }
        self.epoch_begun = Instant::now();
        let offsets = self.uncommitted()?;
        if offsets.count() > 0 {
            self.closing = Some((self.log.epoch, offsets));
            self.log.epoch ^= 1;
        }
        Ok(())
    }

    /// Offsets below which everything has been handed to the producer: what has been polled, except
    /// for the records that wait for their turn. With each its event time, for the other processes.
    fn uncommitted(&self) -> Result<TopicPartitionList, SessionError> {
        let mut list = TopicPartitionList::new();
        for (topic, partition, polled) in positions(self.consumer.client())? {
            let number = self.number_of(&topic, partition);
            let owned = number.and_then(|number| self.partitions.partition(number));
            let waiting = owned.and_then(|owned| owned.waiting.as_ref());
            let offset = waiting.map_or(polled, |record| record.offset.min(polled));
            let time = number.and_then(|number| self.partitions.next_time(number));
            let is_told = owned.is_none_or(|owned| owned.told == Some((offset, time)));
            if self.stage.progress.is_new(&topic, partition, offset)
                || self.others.are_there() && !is_told
            {
                let mut element = list.add_partition(&topic, partition);
                element.set_offset(Offset::Offset(offset))?;
                if let Some(time) = time {
                    element.set_metadata(others::told(time));
                }
            }
        }
        Ok(list)
    }

    fn number_of(&self, topic: &str, partition: i32) -> Option<usize> {
        let mut owned = self.partitions.partitions();
        owned.position(|owned| owned.partition == partition && owned.topic == topic)
    }

    fn commit(&mut self, offsets: &TopicPartitionList) {
        match self.consumer.client().commit(offsets, CommitMode::Sync) {
            Ok(()) => {
                self.stage.counters.standing().failing = false;
                for element in offsets.elements() {
                    if let Offset::Offset(offset) = element.offset() {
                        let (topic, partition) = (element.topic(), element.partition());
                        self.stage.progress.committed(topic, partition, offset);
                        let number = self.number_of(topic, partition);
                        if let Some(owned) = number.and_then(|it| self.partitions.partition_mut(it))
                        {
                            owned.told = Some((offset, others::read(element.metadata())));
                        }
                    }
                }
            }
            // The next commit covers these as well; if there is none, some records are read again.
            Err(error) => {
                self.stage.counters.standing().failing = true;
                tracing::debug!(%error, "offsets are not committed yet");
            }
        }
    }
}
