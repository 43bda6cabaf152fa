//! Reads back what the service writes to the broker, as anybody outside would: with consumers of its
//! own that know nothing of the service.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use plumbline_schemas::event::{Event, EventKind};
use plumbline_schemas::log_key;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::DemoError;
use super::plan::EventKey;
use crate::config::TopicsConfig;

const POLL: Duration = Duration::from_millis(20);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long reading the last records may take.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// Something published, as it was read.
#[derive(Debug)]
pub(super) struct Published {
    /// The record's value.
    pub(super) value: Vec<u8>,
    /// When it was first read.
    pub(super) at: Instant,
    /// How often it was read.
    pub(super) times: u32,
}

/// What is published under an id.
pub(super) type ById = BTreeMap<String, Published>;

/// All that was read so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Records of the log.
    pub(super) records: u64,
    /// Records of the log, per identity.
    pub(super) records_of: HashMap<String, u64>,
    /// When each event was first read.
    pub(super) events: HashMap<EventKey, Instant>,
    /// Findings.
    pub(super) findings: ById,
    /// Commands.
    pub(super) commands: ById,
    /// Why there are dead letters, one reason each.
    pub(super) dead_letters: Vec<String>,
    /// What the broker said when reading failed.
    pub(super) failed: Option<KafkaError>,
    /// Nothing more will come.
    pub(super) service_ended: bool,
}

/// What was read, for who waits for it.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: Mutex<Seen>,
    changed: Condvar,
}

impl Watch {
    /// What was read so far.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        // What is behind the lock is valid at any time, also after a panic elsewhere.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has come of which this is true, but no longer than that. Whether it is.
    pub(super) fn wait(
        &self,
        patience: Duration,
        mut is_enough: impl FnMut(&Seen) -> bool,
    ) -> Result<bool, DemoError> {
        let waited = self
            .changed
            .wait_timeout_while(self.seen(), patience, |seen| {
                seen.failed.is_none() && !seen.service_ended && !is_enough(seen)
            });
        let (mut seen, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        match seen.failed.take() {
            Some(error) => Err(DemoError::Broker(error)),
            None if seen.service_ended => Err(DemoError::ServiceEnded),
            None => Ok(!timeout.timed_out()),
        }
    }

    /// Whether everything could be read.
    pub(super) fn check_read(&self) -> Result<(), KafkaError> {
        self.seen().failed.take().map_or(Ok(()), Err)
    }

    /// Nothing more will come of the service.
    pub(super) fn service_ended(&self) {
        self.update(|seen| seen.service_ended = true);
    }

    fn update(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen());
        self.changed.notify_all();
    }
}

/// The consumers: one for the log, one for everything that is published.
#[derive(Debug)]
pub(super) struct Readers {
    to_end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts reading from the beginning.
    pub(super) fn start(
        servers: &str,
        topics: &TopicsConfig,
        watch: &Arc<Watch>,
    ) -> Result<Self, DemoError> {
        let mut readers = Self {
            to_end: Arc::default(),
            threads: Vec::new(),
        };
        readers.spawn(servers, "demo-log", &[&topics.events], watch, read_log)?;
        let published = [&topics.control, &topics.findings, &topics.deadletter];
        let control = topics.control.clone();
        let findings = topics.findings.clone();
        let read = move |seen: &mut Seen, message: &BorrowedMessage<'_>| match message.topic() {
            topic if topic == control => read_published(&mut seen.commands, message),
            topic if topic == findings => read_published(&mut seen.findings, message),
            _ => seen.dead_letters.push(reason_of(message)),
        };
        readers.spawn(
            servers,
            "demo-published",
            &published.map(String::as_str),
            watch,
            read,
        )?;
        Ok(readers)
    }

    fn spawn(
        &mut self,
        servers: &str,
        name: &str,
        topics: &[&str],
        watch: &Arc<Watch>,
        read: impl Fn(&mut Seen, &BorrowedMessage<'_>) + Send + 'static,
    ) -> Result<(), DemoError> {
        let consumer = consumer(servers, name)?;
        let partitions = partitions(&consumer, topics)?;
        consumer.assign(&partitions)?;
        let reader = Reader {
            consumer,
            partitions,
            to_end: Arc::clone(&self.to_end),
            watch: Arc::clone(watch),
        };
        let builder = thread::Builder::new().name(name.to_owned());
        let thread = builder
            .spawn(move || reader.run(read))
            .map_err(DemoError::System)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Reads everything that is there now, and stops.
    pub(super) fn finish(mut self) {
        self.join();
    }

    fn join(&mut self) {
        self.to_end.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            // A thread that has panicked has said so, and what it read is there.
            let _ = thread.join();
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.join();
    }
}

struct Reader {
    consumer: BaseConsumer,
    partitions: TopicPartitionList,
    to_end: Arc<AtomicBool>,
    watch: Arc<Watch>,
}

impl Reader {
    fn run(self, read: impl Fn(&mut Seen, &BorrowedMessage<'_>)) {
        while !self.to_end.load(Ordering::Acquire) {
            self.poll(&read);
        }
        if let Err(error) = self.drain(&read) {
            self.failed(error);
        }
    }

    fn drain(&self, read: &impl Fn(&mut Seen, &BorrowedMessage<'_>)) -> Result<(), KafkaError> {
        let deadline = Instant::now() + END_PATIENCE;
        let mut open = Vec::new();
        for element in self.partitions.elements() {
            let (topic, partition) = (element.topic().to_owned(), element.partition());
            let (_, end) = self
                .consumer
                .fetch_watermarks(&topic, partition, REQUEST_TIMEOUT)?;
            open.push((topic, partition, end));
        }
        loop {
            let positions = self.consumer.position()?;
            open.retain(|(topic, partition, end)| {
                let at = positions.find_partition(topic, *partition);
                let at = at.map(|element| element.offset());
                // Nothing read yet is no position.
                *end > 0 && !matches!(at, Some(Offset::Offset(at)) if at >= *end)
            });
            if open.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::OperationTimedOut,
                ));
            }
            self.poll(read);
        }
    }

    fn poll(&self, read: &impl Fn(&mut Seen, &BorrowedMessage<'_>)) {
        match self.consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => self.watch.update(|seen| read(seen, &message)),
            Some(Err(error)) => self.failed(error),
        }
    }

    fn failed(&self, error: KafkaError) {
        self.watch.update(|seen| seen.failed = Some(error));
    }
}

fn consumer(servers: &str, name: &str) -> Result<BaseConsumer, KafkaError> {
    ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("client.id", name)
        .set("group.id", name)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        // The embedded broker does not wake a fetch that waits.
        .set("fetch.wait.max.ms", "1")
        .create()
}

/// Every partition of these topics, from its beginning.
fn partitions(consumer: &BaseConsumer, topics: &[&str]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
        for found in metadata.topics() {
            for partition in found.partitions() {
                list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
            }
        }
    }
    Ok(list)
}

fn read_log(seen: &mut Seen, message: &BorrowedMessage<'_>) {
    let now = Instant::now();
    let event = Event::parse(message.payload().unwrap_or_default());
    // What the engines tell each other stands in no raw record.
    if event
        .as_ref()
        .is_ok_and(|event| event.kind == EventKind::Context)
    {
        return;
    }
    seen.records += 1;
    let Ok(event) = event else {
        // The service will say so in a dead letter.
        return;
    };
    let name = log_key(event.tenant(), &event.identity.id);
    *seen.records_of.entry(name).or_default() += 1;
    seen.events.entry(EventKey::of(&event)).or_insert(now);
}

fn read_published(published: &mut ById, message: &BorrowedMessage<'_>) {
    /// The one field that this needs of a finding or a command.
    #[derive(serde::Deserialize)]
    struct Id {
        id: String,
    }
    let value = message.payload().unwrap_or_default();
    let id = serde_json::from_slice(value).map_or_else(|_| "not JSON".to_owned(), |Id { id }| id);
    let entry = published.entry(id).or_insert_with(|| Published {
        value: value.to_vec(),
        at: Instant::now(),
        times: 0,
    });
    entry.times += 1;
}

fn reason_of(message: &BorrowedMessage<'_>) -> String {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let mut reasons = headers.filter(|header| header.key == "plumbline_detail");
    let reason = reasons.find_map(|header| header.value);
    String::from_utf8_lossy(reason.unwrap_or(b"no reason given")).into_owned()
}
