//! What librdkafka calls back.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message, OwnedMessage};
use rdkafka::producer::ProducerContext;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use super::errors::{ErrorLog, lock};

/// A change of the partitions that a consumer owns.
#[derive(Debug)]
pub(crate) enum Rebalance {
    /// These are ours from now on.
    Assigned(TopicPartitionList),
    /// These are ours until we let go of them; if they are lost, somebody else may own them already.
    Revoked {
        partitions: TopicPartitionList,
        lost: bool,
    },
}

/// The context of every client.
///
/// Rebalances are not answered inside the callback, where neither the engines nor the producer can be
/// reached, but queued for the thread that polls: it takes them as soon as `poll` returns.
#[derive(Debug)]
pub(crate) struct Context {
    errors: Arc<ErrorLog>,
    rebalances: Mutex<VecDeque<Rebalance>>,
    closing: AtomicBool,
}

impl Context {
    pub(crate) fn new(errors: Arc<ErrorLog>) -> Self {
        Self {
            errors,
            rebalances: Mutex::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// The next rebalance to be answered.
    pub(crate) fn next_rebalance(&self) -> Option<Rebalance> {
        lock(&self.rebalances).pop_front()
    }

    /// From now on nobody takes rebalances from the queue: they are answered at once.
    pub(crate) fn start_closing(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        forward_error(&self.errors, &error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let assigned = event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let partitions = partitions.clone();
        let rebalance = if assigned {
            Rebalance::Assigned(partitions)
        } else {
            Rebalance::Revoked {
                partitions,
                lost: consumer.assignment_lost(),
            }
        };
        match self.closing.load(Ordering::Acquire) {
            true => answer(consumer, &rebalance),
            false => lock(&self.rebalances).push_back(rebalance),
        }
    }
}

/// Answers for who closes: what is given now is taken, to be released at once, for the group waits for every answer.
pub(super) fn answer(consumer: &BaseConsumer<Context>, rebalance: &Rebalance) {
    let answered = match rebalance {
        Rebalance::Assigned(partitions) => assign(consumer, partitions),
        Rebalance::Revoked { partitions, .. } => unassign(consumer, partitions),
    };
    if let Err(error) = answered {
        tracing::warn!(%error, "a rebalance could not be answered");
    }
}

/// Takes partitions, as the group's protocol wants it.
pub(super) fn assign(
    consumer: &BaseConsumer<Context>,
    partitions: &TopicPartitionList,
) -> Result<(), KafkaError> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(partitions),
        _ => consumer.assign(partitions),
    }
}

/// Lets go of partitions, as the group's protocol wants it: also of such as were not taken yet.
pub(super) fn unassign(
    consumer: &BaseConsumer<Context>,
    partitions: &TopicPartitionList,
) -> Result<(), KafkaError> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => {
            let taken = consumer.assignment()?;
            let mut released = TopicPartitionList::new();
            for element in partitions.elements() {
                let (topic, partition) = (element.topic(), element.partition());
                if taken.find_partition(topic, partition).is_some() {
                    released.add_partition(topic, partition);
                }
            }
            consumer.incremental_unassign(&released)
        }
        _ => consumer.unassign(),
    }
}

/// Counts what a producer has yet to deliver, per epoch: offsets of the source may be committed once
/// everything sent in their epoch has arrived.
#[derive(Debug)]
pub(crate) struct Deliveries {
    errors: Arc<ErrorLog>,
    outstanding: [AtomicI64; 2],
    failed: Mutex<Option<KafkaError>>,
    oversized: Mutex<Vec<(usize, OwnedMessage)>>,
}

impl Deliveries {
    pub(crate) fn new(errors: Arc<ErrorLog>) -> Self {
        Self {
            errors,
            outstanding: [AtomicI64::new(0), AtomicI64::new(0)],
            failed: Mutex::default(),
            oversized: Mutex::default(),
        }
    }

    /// One more record is to be delivered in this epoch, 0 or 1.
    pub(crate) fn sent(&self, epoch: usize) {
        self.outstanding[epoch & 1].fetch_add(1, Ordering::Relaxed);
    }

    /// A record of this epoch is settled.
    pub(crate) fn settled(&self, epoch: usize) {
        self.outstanding[epoch & 1].fetch_sub(1, Ordering::Relaxed);
    }

    /// How many records are on their way.
    pub(crate) fn outstanding(&self) -> i64 {
        let of = |epoch: &AtomicI64| epoch.load(Ordering::Relaxed);
        self.outstanding.iter().map(of).sum()
    }

    /// Whether everything sent in this epoch has arrived.
    pub(crate) fn is_complete(&self, epoch: usize) -> bool {
        self.outstanding[epoch & 1].load(Ordering::Relaxed) == 0
    }

    /// What was lost for good, if anything.
    pub(crate) fn failure(&self) -> Option<KafkaError> {
        lock(&self.failed).clone()
    }

    /// Records that the broker refuses for their size. They still count as outstanding.
    pub(crate) fn take_oversized(&self) -> Vec<(usize, OwnedMessage)> {
        std::mem::take(&mut *lock(&self.oversized))
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        forward_log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        forward_error(&self.errors, &error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, epoch: usize) {
        match result {
            Ok(_) => self.settled(epoch),
            Err((error, message))
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
                    && message.payload().is_some() =>
            {
                lock(&self.oversized).push((epoch, message.detach()));
            }
            Err((error, _)) => {
                lock(&self.failed).get_or_insert_with(|| error.clone());
            }
        }
    }
}

fn forward_error(errors: &ErrorLog, error: &KafkaError, reason: &str) {
    let code = error.rdkafka_error_code();
    // Whoever asked to be told of ends is told by `poll`.
    if code == Some(RDKafkaErrorCode::PartitionEOF) {
        return;
    }
    errors.report(code.unwrap_or(RDKafkaErrorCode::Unknown), reason);
}

/// librdkafka's own lines. What it also reports as an error is told there, once in a while.
fn forward_log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        _ if matches!(facility, "FAIL" | "ERROR" | "CONFWARN") => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "librdkafka", facility, "{message}");
        }
        _ => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_complete_when_all_that_was_sent_in_it_has_arrived() {
        let deliveries = Deliveries::new(Arc::default());
        deliveries.sent(0);
        deliveries.sent(1);
        assert!(!deliveries.is_complete(0));
        deliveries.settled(0);
        assert!(deliveries.is_complete(0));
        assert!(!deliveries.is_complete(1));
    }
}
