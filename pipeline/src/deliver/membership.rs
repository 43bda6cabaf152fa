//! The part of a [`Session`] that deals with the group: what is ours, how far it is settled, and leaving.

use std::collections::BTreeMap;
use std::time::Instant;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::session::{Session, SessionError};
use super::{Work, now};
use crate::kafka::{Rebalance, START_TIMEOUT};

impl<W: Work> Session<'_, W> {
    /// Commits what is settled, with the recipient's word.
    pub(super) fn commit(&mut self) -> Result<(), SessionError> {
        if self.with.post.rehearses {
            return Ok(());
        }
        let work = self.recipient();
        let mut offsets: BTreeMap<i32, i64> = work.window().committable().into_iter().collect();
        let is_new = |partition: &i32, at: i64| {
            let known = self.committed.get(partition);
            // Backwards as well: the topic may have been created anew.
            known.is_some_and(|known| *known != at)
        };
        offsets.retain(|partition, at| is_new(partition, *at));
        let (word, has_changed) = work.mark();
        if has_changed {
            // Every partition keeps it: nobody knows which of them the next owner looks at.
            for (partition, at) in &self.committed {
                offsets.entry(*partition).or_insert(*at);
            }
        }
        if offsets.is_empty() {
            // What failed before is somebody else's by now.
            work.counters().set_failing(false);
            return Ok(());
        }
        let list = self.list(&offsets, word)?;
        match self.consumer.client().commit(&list, CommitMode::Sync) {
            Ok(()) => {
                work.counters().set_failing(false);
                work.mark_kept(word);
                self.committed.append(&mut offsets);
            }
            // The next commit covers these as well; if there is none, some is done again.
            Err(error) => {
                work.counters().set_failing(true);
                tracing::debug!(%error, "offsets are not committed yet");
            }
        }
        Ok(())
    }

    fn list(
        &self,
        offsets: &BTreeMap<i32, i64>,
        word: &str,
    ) -> Result<TopicPartitionList, SessionError> {
        let topic = &self.with.topics.control;
        let mut list = TopicPartitionList::new();
        for (partition, at) in offsets {
            let mut element = list.add_partition(topic, *partition);
            element.set_offset(Offset::Offset(*at))?;
            element.set_metadata(word);
        }
        Ok(list)
    }

    pub(super) fn answer_rebalances(&mut self) -> Result<(), SessionError> {
        while let Some(rebalance) = self.consumer.next_rebalance() {
            match rebalance {
                Rebalance::Assigned(partitions) => {
                    let from = self.own(partitions)?;
                    self.consumer.assign(&from)?;
                    self.recipient().counters().set_joined(true);
                }
                Rebalance::Revoked { partitions, lost } => {
                    if !lost {
                        self.drain()?;
                    }
                    self.disown(&partitions);
                    self.consumer.unassign(&partitions)?;
                }
            }
            // What is assigned anew is not paused: all begin alike.
            if std::mem::take(&mut self.is_full) {
                let client = self.consumer.client();
                client.resume(&client.assignment()?)?;
            }
        }
        Ok(())
    }

    /// Learns how far the group has come, and its word then. Gives where to read on.
    fn own(&mut self, partitions: TopicPartitionList) -> Result<TopicPartitionList, SessionError> {
        self.disown(&partitions);
        if partitions.count() == 0 {
            return Ok(partitions);
        }
        let client = self.consumer.client();
        let committed = client.committed_offsets(partitions.clone(), START_TIMEOUT)?;
        for element in committed.elements() {
            // Where nothing is committed, reading begins at the oldest record there is.
            let at = match element.offset() {
                Offset::Offset(at) => at,
                _ => 0,
            };
            self.committed.insert(element.partition(), at);
            self.recipient().window().own(element.partition());
            self.recipient().recall_mark(element.metadata());
        }
        self.looking_back(partitions)
    }

    /// The same partitions, from the oldest record on that may still matter.
    fn looking_back(
        &mut self,
        partitions: TopicPartitionList,
    ) -> Result<TopicPartitionList, SessionError> {
        let Some(back) = self.recipient().looks_back() else {
            return Ok(partitions);
        };
        let back = i64::try_from(back.as_millis()).unwrap_or(i64::MAX);
        let since = now().plus_millis(-back).as_millis();
        let mut asked = partitions.clone();
        asked.set_all_offsets(Offset::Offset(since))?;
        let client = self.consumer.client();
        let found = client.offsets_for_times(asked, START_TIMEOUT)?;
        let mut from = partitions;
        for element in found.elements() {
            let (topic, number) = (element.topic(), element.partition());
            let (low, high) = client.fetch_watermarks(topic, number, START_TIMEOUT)?;
            let committed = self.committed.get(&number).copied().unwrap_or(0);
            // Behind the end nothing was settled: the topic was created anew.
            let end = if committed > high { 0 } else { committed };
            let old = match element.offset() {
                Offset::Offset(old) => old,
                _ => high,
            };
            let start = old.min(end).max(low);
            self.history.insert(number, end);
            from.set_partition_offset(topic, number, Offset::Offset(start))?;
        }
        Ok(from)
    }

    fn disown(&mut self, partitions: &TopicPartitionList) {
        for element in partitions.elements() {
            self.committed.remove(&element.partition());
            self.history.remove(&element.partition());
            self.recipient().window().disown(element.partition());
        }
    }

    /// Waits for the answers to what is on its way, and commits.
    fn drain(&mut self) -> Result<(), SessionError> {
        let deadline = Instant::now() + self.with.post.timeout;
        while !self.sending.is_empty() && Instant::now() < deadline {
            self.take_answers()?;
        }
        self.bury()?;
        self.commit()
    }

    pub(super) fn leave(&mut self) -> Result<(), SessionError> {
        self.drain()?;
        // The group waits for every answer, also of who leaves: to what it is still being given.
        self.answer_rebalances()
    }
}
