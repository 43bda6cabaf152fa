//! Records in and out of a broker, as any other program would write and read them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::wait;

const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// Reading a whole topic, however much else the machine does.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// A record to be written.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// Its key.
    pub key: Option<String>,
    /// Its value; none is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Where it goes; by its key otherwise.
    pub partition: Option<i32>,
}

impl Raw {
    /// A record with this key and value.
    pub fn new(key: &str, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: Some(key.to_owned()),
            value: Some(value.into()),
            partition: None,
        }
    }
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Vec<u8>,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// When its producer took it, in milliseconds since 1970.
    pub millis: i64,
}

impl Read {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: text(message.key().unwrap_or_default()),
            value: message.payload().unwrap_or_default().to_vec(),
            headers: headers
                .map(|header| {
                    (
                        header.key.to_owned(),
                        text(header.value.unwrap_or_default()),
                    )
                })
                .collect(),
            millis: message.timestamp().to_millis().unwrap_or_default(),
        }
    }

    /// The value as text.
    pub fn text(&self) -> &str {
        str::from_utf8(&self.value).expect("UTF-8")
    }

    /// The value as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.value)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    /// One of the headers.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers))
    }
}

/// Who writes. Keys choose partitions as the Java client has them choose.
pub struct Writer(BaseProducer);

impl Writer {
    /// Writes to this broker.
    pub fn new(bootstrap: &str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("message.max.bytes", "8388608")
            .create();
        Self(producer.expect("a producer"))
    }

    /// Writes these, in order, and waits until all have arrived.
    pub fn write(&self, topic: &str, records: &[Raw]) {
        for record in records {
            let mut base: BaseRecord<'_, String, Vec<u8>> = BaseRecord::to(topic);
            base.key = record.key.as_ref();
            base.payload = record.value.as_ref();
            base.partition = record.partition;
            while let Err((error, refused)) = self.0.send(base) {
                let full =
                    error.rdkafka_error_code() == Some(rdkafka::error::RDKafkaErrorCode::QueueFull);
                assert!(full, "{topic} takes no record: {error}");
                self.0.poll(Duration::from_millis(10));
                base = refused;
            }
        }
        let deadline = Instant::now() + REQUEST_LIMIT;
        while self.0.in_flight_count() > 0 {
            self.0.poll(Duration::from_millis(1));
            assert!(
                Instant::now() < deadline,
                "records do not arrive in {topic}"
            );
        }
    }
}

/// Who reads topics from their beginning, and asks how far they and their readers are.
pub struct Reader {
    bootstrap: String,
    observer: BaseConsumer,
}

impl Reader {
    /// Reads from this broker.
    pub fn new(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            observer: consumer(bootstrap, "plumbline-tests"),
        }
    }

    /// All that has been committed to a topic by now, partition by partition. What an open transaction hides is
    /// waited for.
    pub fn read(&self, topic: &str) -> Vec<Read> {
        let consumer = consumer(&self.bootstrap, "plumbline-tests");
        let mut list = TopicPartitionList::new();
        let mut open = BTreeMap::new();
        for (partition, (start, end)) in (0..).zip(self.bounds(topic)) {
            if start < end {
                list.add_partition_offset(topic, partition, Offset::Beginning)
                    .expect("an offset");
                open.insert(partition, end);
            }
        }
        consumer.assign(&list).expect("an assignment");
        let mut records = Vec::new();
        let deadline = Instant::now() + READ_LIMIT;
        while !open.is_empty() {
            assert!(
                Instant::now() < deadline,
                "{topic} cannot be read to its ends {open:?}: a transaction is open, or the broker is away"
            );
            match consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => records.push(Read::of(&message)),
                // The end for who reads what is committed, be it before an open transaction.
                Some(Err(KafkaError::PartitionEOF(_))) | None => {
                    for element in consumer.position().expect("positions").elements() {
                        if let Offset::Offset(position) = element.offset() {
                            open.retain(|at, end| *at != element.partition() || position < *end);
                        }
                    }
                }
                Some(Err(error)) => panic!("{topic} cannot be read: {error}"),
            }
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// Reads a topic again and again until it holds so many records.
    pub fn await_count(&self, topic: &str, count: usize, limit: Duration) -> Vec<Read> {
        wait::until(&format!("{count} records in {topic}"), limit, || {
            let ends: i64 = self.ends(topic).iter().sum();
            // Markers of transactions count as well: the end is at most a hint.
            if usize::try_from(ends).is_ok_and(|ends| ends < count) {
                return Err(format!("{ends} so far"));
            }
            let records = self.read(topic);
            match records.len() >= count {
                true => Ok(records),
                false => Err(format!("{} so far", records.len())),
            }
        })
    }

    /// How many partitions a topic has.
    pub fn partitions(&self, topic: &str) -> i32 {
        let metadata = self
            .observer
            .fetch_metadata(Some(topic), REQUEST_LIMIT)
            .expect("metadata");
        let found = metadata.topics().first().expect("the topic asked for");
        assert!(found.error().is_none(), "{topic}: {:?}", found.error());
        i32::try_from(found.partitions().len()).expect("few partitions")
    }

    /// The end of each partition, markers of transactions included.
    pub fn ends(&self, topic: &str) -> Vec<i64> {
        self.bounds(topic).into_iter().map(|(_, end)| end).collect()
    }

    fn bounds(&self, topic: &str) -> Vec<(i64, i64)> {
        let bounds = |partition| {
            self.observer
                .fetch_watermarks(topic, partition, REQUEST_LIMIT)
                .unwrap_or_else(|error| panic!("{topic}: {error}"))
        };
        (0..self.partitions(topic)).map(bounds).collect()
    }

    /// What a group has committed of each partition of a topic, 0 where that is nothing. An error
    /// while a transaction is open.
    pub fn committed(&self, group: &str, topic: &str) -> Result<Vec<i64>, String> {
        let asker = consumer(&self.bootstrap, group);
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions(topic) {
            list.add_partition(topic, partition);
        }
        let committed = asker
            .committed_offsets(list, Duration::from_secs(5))
            .map_err(|error| error.to_string())?;
        let offset = |offset| match offset {
            Offset::Offset(offset) => offset,
            _ => 0,
        };
        let elements = committed.elements();
        Ok(elements
            .iter()
            .map(|element| offset(element.offset()))
            .collect())
    }

    /// How many members a group has, and whether it is at rest.
    pub fn members(&self, group: &str) -> (usize, bool) {
        let groups = self
            .observer
            .fetch_group_list(Some(group), REQUEST_LIMIT)
            .expect("the group");
        groups.groups().first().map_or((0, true), |group| {
            let is_at_rest = matches!(group.state(), "Stable" | "Empty");
            (group.members().len(), is_at_rest)
        })
    }
}

fn consumer(bootstrap: &str, group: &str) -> BaseConsumer {
    let consumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "50")
        .set("allow.auto.create.topics", "false")
        .create();
    consumer.expect("a consumer")
}
