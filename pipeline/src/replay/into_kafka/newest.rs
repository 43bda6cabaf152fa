//! How far a log has come that is to be written to.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use plumbline_schemas::formats::read_event;
use plumbline_schemas::time::EventTime;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::kafka::{
    Clients, ConnectError, Context, Failure, IDLE_POLL, START_TIMEOUT, close, partition_count,
};

/// So much of the end of each partition is looked at: beside events there are markers of transactions.
const TAIL: i64 = 64;
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The latest event time at the ends of this topic, if there is any.
pub(super) fn newest(
    clients: &Clients,
    observer: &BaseConsumer<Context>,
    topic: &str,
) -> Result<Option<EventTime>, ConnectError> {
    let about = |error| ConnectError::about(&format!("topic {topic}"), error);
    let partitions = partition_count(observer, topic).map_err(about)?;
    let reader = clients.reader()?;
    let read = read_ends(&reader, topic, partitions.unwrap_or(0));
    close(reader, CLOSE_TIMEOUT);
    read.map_err(about)
}

fn read_ends(
    reader: &BaseConsumer<Context>,
    topic: &str,
    partitions: i32,
) -> Result<Option<EventTime>, KafkaError> {
    let mut ends = TopicPartitionList::new();
    let mut open = BTreeSet::new();
    for partition in 0..partitions {
        let (first, end) = reader.fetch_watermarks(topic, partition, START_TIMEOUT)?;
        if first < end {
            let from = Offset::Offset(first.max(end - TAIL));
            ends.add_partition_offset(topic, partition, from)?;
            open.insert(partition);
        }
    }
    reader.assign(&ends)?;
    let deadline = Instant::now() + START_TIMEOUT;
    let mut newest = None;
    while !open.is_empty() {
        if Instant::now() >= deadline {
            return Err(KafkaError::MessageConsumption(Code::OperationTimedOut));
        }
        match reader.poll(IDLE_POLL) {
            Some(Ok(message)) => {
                let event = message.payload().and_then(|value| read_event(value).ok());
                newest = newest.max(event.map(|event| event.time));
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(error)) if Failure::of(&error) == Failure::Forbidden => return Err(error),
            // Reported, and librdkafka goes on by itself.
            Some(Err(_)) | None => {}
        }
    }
    Ok(newest)
}
