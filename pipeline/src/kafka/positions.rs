//! How far a consumer has come, and how far it is to go.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::START_TIMEOUT;
use super::clients::Clients;
use super::connect::{ConnectError, partition_count};
use super::context::Context;
use super::errors::lock;

/// Where the next record comes from, for every partition that has delivered any: unlike the offset
/// of the last record plus one, it is past the markers at the end of a transaction.
pub(crate) fn positions(
    consumer: &BaseConsumer<Context>,
) -> Result<Vec<(String, i32, i64)>, KafkaError> {
    let list = consumer.position()?;
    let known = list.elements().into_iter().filter_map(|element| {
        let Offset::Offset(offset) = element.offset() else {
            return None;
        };
        Some((element.topic().to_owned(), element.partition(), offset))
    });
    Ok(known.collect())
}

/// Where these partitions end for who reads committed records: one request per broker.
pub(crate) fn ends_of<'p>(
    consumer: &BaseConsumer<Context>,
    partitions: impl Iterator<Item = (&'p str, i32)>,
    timeout: Duration,
) -> Result<Vec<(String, i32, i64)>, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in partitions {
        // In the place of a timestamp it asks for the end.
        list.add_partition_offset(topic, partition, Offset::End)?;
    }
    let ends = consumer.offsets_for_times(list, timeout)?;
    let known = ends.elements().into_iter().filter_map(|element| {
        let Offset::Offset(offset) = element.offset() else {
            return None;
        };
        Some((element.topic().to_owned(), element.partition(), offset))
    });
    Ok(known.collect())
}

/// What this process has committed.
#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<BTreeMap<String, BTreeMap<i32, i64>>>);

impl Progress {
    /// Everything below this offset is committed.
    pub(crate) fn committed(&self, topic: &str, partition: i32, offset: i64) {
        let mut topics = lock(&self.0);
        let partitions = match topics.get_mut(topic) {
            Some(partitions) => partitions,
            None => topics.entry(topic.to_owned()).or_default(),
        };
        partitions.insert(partition, offset);
    }

    /// This partition is somebody else's now.
    pub(crate) fn released(&self, topic: &str, partition: i32) {
        if let Some(partitions) = lock(&self.0).get_mut(topic) {
            partitions.remove(&partition);
        }
    }

    /// Whether that offset is beyond what is committed.
    pub(crate) fn is_new(&self, topic: &str, partition: i32, offset: i64) -> bool {
        self.get(topic, partition).is_none_or(|at| offset > at)
    }

    fn get(&self, topic: &str, partition: i32) -> Option<i64> {
        lock(&self.0).get(topic)?.get(&partition).copied()
    }
}

/// Where the topics ended at some moment, and who has yet to come there.
pub(crate) struct Ends {
    group: BaseConsumer<Context>,
    open: Vec<(String, i32, i64)>,
}

impl Ends {
    /// Asks the brokers. Partitions without records have no end to reach.
    pub(crate) fn fetch(
        clients: &Clients,
        group: &str,
        topics: &[&str],
    ) -> Result<Self, ConnectError> {
        Self::seen_by(clients.observer(group)?, topics)
    }

    /// The same, with what is being committed at that moment.
    pub(crate) fn fetch_all(
        clients: &Clients,
        group: &str,
        topics: &[&str],
    ) -> Result<Self, ConnectError> {
        Self::seen_by(clients.observer_of_all(group)?, topics)
    }

    fn seen_by(group: BaseConsumer<Context>, topics: &[&str]) -> Result<Self, ConnectError> {
        let mut open = Vec::new();
        for topic in topics {
            let ends = ends(&group, topic)
                .map_err(|error| ConnectError::about(&format!("topic {topic}"), error))?;
            open.extend(
                ends.into_iter()
                    .map(|(partition, end)| ((*topic).to_owned(), partition, end)),
            );
        }
        Ok(Self { group, open })
    }

    /// Whether everything is committed up to the ends. `ask`: whoever in the group has done it;
    /// otherwise only what this process has done counts.
    pub(crate) fn are_reached(&mut self, progress: &Progress, ask: bool) -> bool {
        settle(&mut self.open, |topic, partition| {
            progress.get(topic, partition)
        });
        if ask
            && !self.open.is_empty()
            && let Err(error) = self.ask_group()
        {
            tracing::warn!(%error, "the group cannot be asked how far it has come");
        }
        self.open.is_empty()
    }

    fn ask_group(&mut self) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(self.open.len());
        for (topic, partition, _) in &self.open {
            list.add_partition(topic, *partition);
        }
        let committed = self.group.committed_offsets(list, START_TIMEOUT)?;
        settle(&mut self.open, |topic, partition| {
            match committed.find_partition(topic, partition)?.offset() {
                Offset::Offset(at) => Some(at),
                _ => None,
            }
        });
        Ok(())
    }
}

fn ends(observer: &BaseConsumer<Context>, topic: &str) -> Result<Vec<(i32, i64)>, KafkaError> {
    let mut ends = Vec::new();
    for partition in 0..partition_count(observer, topic)?.unwrap_or(0) {
        let (low, high) = observer.fetch_watermarks(topic, partition, START_TIMEOUT)?;
        if low < high {
            ends.push((partition, high));
        }
    }
    Ok(ends)
}

/// Keeps the partitions whose end has not been reached.
fn settle(open: &mut Vec<(String, i32, i64)>, at: impl Fn(&str, i32) -> Option<i64>) {
    open.retain(|(topic, partition, end)| at(topic, *partition).is_none_or(|at| at < *end));
}

/// Records of a topic that the group has yet to commit.
pub(crate) fn lag(
    observer: &BaseConsumer<Context>,
    topic: &str,
    progress: &Progress,
) -> Result<i64, KafkaError> {
    let mut lag = 0;
    for partition in 0..partition_count(observer, topic)?.unwrap_or(0) {
        let Some(at) = progress.get(topic, partition) else {
            continue;
        };
        let (_, high) = observer.fetch_watermarks(topic, partition, START_TIMEOUT)?;
        lag += (high - at).max(0);
    }
    Ok(lag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_reached_when_every_partition_is_committed_up_to_it() {
        let mut open = vec![("a".to_owned(), 0, 5), ("a".to_owned(), 1, 3)];
        let progress = Progress::default();
        let mut left = || {
            settle(&mut open, |topic, partition| progress.get(topic, partition));
            open.len()
        };
        assert_eq!(left(), 2);
        progress.committed("a", 0, 9);
        progress.committed("a", 1, 2);
        assert_eq!(left(), 1);
        progress.committed("a", 1, 3);
        assert_eq!(left(), 0);
    }
}
