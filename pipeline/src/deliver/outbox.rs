//! What goes to Kafka for a recipient: dead letters, what is said of commands, and tokens where a topic
//! takes them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plumbline_schemas::reject::{Reason, Reject};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::kafka::{Clients, ConnectError, Deliveries, Origin, close, dead_letter, headers};

/// Everything is waited for before the next is sent: there is one epoch.
const EPOCH: usize = 0;
const DELIVERY_POLL: Duration = Duration::from_millis(5);
/// How long is waited for deliveries once the program is to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) struct Outbox<'s> {
    /// None in a rehearsal, which writes nothing.
    producer: Option<BaseProducer<Deliveries>>,
    stop: &'s AtomicBool,
}

impl<'s> Outbox<'s> {
    pub(crate) fn new(clients: &Clients, stop: &'s AtomicBool) -> Result<Self, ConnectError> {
        Ok(Self {
            producer: Some(clients.producer()?),
            stop,
        })
    }

    /// One from which nothing goes anywhere.
    pub(super) fn shut(stop: &'s AtomicBool) -> Self {
        Self {
            producer: None,
            stop,
        }
    }

    /// A command that cannot be delivered, on its way to the dead letter.
    pub(super) fn dead_letter(
        &self,
        topic: &str,
        recipient: (&'static str, &str),
        key: &[u8],
        record: &[u8],
        reject: &Reject,
        origin: Origin<'_>,
    ) -> Result<(), KafkaError> {
        let (value, mut pairs) = dead_letter(record, reject, 1, origin);
        pairs.push((recipient.0, recipient.1.to_owned()));
        self.send(topic, key, &value, &pairs)
    }

    /// A record on its way to a topic.
    pub(crate) fn send(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        pairs: &[(&'static str, String)],
    ) -> Result<(), KafkaError> {
        let Some(producer) = &self.producer else {
            return Ok(());
        };
        let mut record = BaseRecord::with_opaque_to(topic, EPOCH)
            .key(key)
            .payload(value)
            .headers(headers(pairs));
        let deliveries = producer.context();
        deliveries.sent(EPOCH);
        loop {
            let Err((error, refused)) = producer.send(record) else {
                return Ok(());
            };
            deliveries.settled(EPOCH);
            if error.rdkafka_error_code() != Some(Code::QueueFull) || self.is_stopping() {
                return Err(error);
            }
            producer.poll(DELIVERY_POLL);
            deliveries.sent(EPOCH);
            record = refused;
        }
    }

    /// Waits until everything has arrived. Gives back what the broker refuses for its size.
    pub(crate) fn deliver(&self) -> Result<Vec<OwnedMessage>, KafkaError> {
        let Some(producer) = &self.producer else {
            return Ok(Vec::new());
        };
        let deliveries = producer.context();
        let mut refused = Vec::new();
        let mut stopping_since = None;
        while !deliveries.is_complete(EPOCH) {
            producer.poll(DELIVERY_POLL);
            for (epoch, message) in deliveries.take_oversized() {
                deliveries.settled(epoch);
                refused.push(message);
            }
            if let Some(error) = deliveries.failure() {
                return Err(error);
            }
            if self.is_stopping() {
                let since = *stopping_since.get_or_insert_with(Instant::now);
                if since.elapsed() > STOP_PATIENCE {
                    return Err(KafkaError::MessageProduction(Code::MessageTimedOut));
                }
            }
        }
        deliveries.failure().map_or(Ok(refused), Err)
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn close(self) {
        if let Some(producer) = self.producer {
            close(producer, CLOSE_TIMEOUT);
        }
    }
}

/// Why a command is given up.
pub(super) fn undeliverable(kind: &str, name: &str, reason: &str) -> Reject {
    Reject::new(Reason::Undeliverable, format!("{kind} {name}: {reason}"))
}
