//! What goes to Kafka for a receiver: dead letters, and tokens where its delivery is a topic.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plumbline_schemas::reject::{Reason, Reject};
use plumbline_schemas::signals::Claims;
use plumbline_schemas::time::EventTime;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::kafka::{Clients, ConnectError, Deliveries, Origin, close, dead_letter, headers};

/// Everything is waited for before the next is sent: there is one epoch.
const EPOCH: usize = 0;
const DELIVERY_POLL: Duration = Duration::from_millis(5);
/// How long is waited for deliveries once the transmitter is to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Outbox<'s> {
    producer: BaseProducer<Deliveries>,
    stop: &'s AtomicBool,
}

impl<'s> Outbox<'s> {
    pub(super) fn new(clients: &Clients, stop: &'s AtomicBool) -> Result<Self, ConnectError> {
        Ok(Self {
            producer: clients.producer()?,
            stop,
        })
    }

    /// A token on its way to a topic, as a CloudEvent in binary content mode.
    pub(super) fn token(
        &self,
        topic: &str,
        subject: &str,
        claims: &Claims,
        token: &str,
    ) -> Result<(), KafkaError> {
        let pairs = cloud_event(subject, claims);
        self.send(topic, subject.as_bytes(), token.as_bytes(), &pairs)
    }

    /// A command that cannot be delivered, on its way to the dead letter.
    pub(super) fn dead_letter(
        &self,
        topic: &str,
        receiver: &str,
        key: &[u8],
        record: &[u8],
        reject: &Reject,
        origin: Origin<'_>,
    ) -> Result<(), KafkaError> {
        let (value, mut pairs) = dead_letter(record, reject, 1, origin);
        pairs.push(("plumbline_receiver", receiver.to_owned()));
        self.send(topic, key, &value, &pairs)
    }

    fn send(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        pairs: &[(&'static str, String)],
    ) -> Result<(), KafkaError> {
        let mut record = BaseRecord::with_opaque_to(topic, EPOCH)
            .key(key)
            .payload(value)
            .headers(headers(pairs));
        let deliveries = self.producer.context();
        deliveries.sent(EPOCH);
        loop {
            let Err((error, refused)) = self.producer.send(record) else {
                return Ok(());
            };
            deliveries.settled(EPOCH);
            if error.rdkafka_error_code() != Some(Code::QueueFull) || self.is_stopping() {
                return Err(error);
            }
            self.producer.poll(DELIVERY_POLL);
            deliveries.sent(EPOCH);
            record = refused;
        }
    }

    /// Waits until everything has arrived. Gives back what the broker refuses for its size.
    pub(super) fn deliver(&self) -> Result<Vec<OwnedMessage>, KafkaError> {
        let deliveries = self.producer.context();
        let mut refused = Vec::new();
        let mut stopping_since = None;
        while !deliveries.is_complete(EPOCH) {
            self.producer.poll(DELIVERY_POLL);
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

    pub(super) fn close(self) {
        close(self.producer, CLOSE_TIMEOUT);
    }
}

/// Whether this is the record of that token.
pub(super) fn holds(message: &OwnedMessage, token: &str) -> bool {
    message.payload() == Some(token.as_bytes())
}

/// Why a command is given up.
pub(super) fn undeliverable(receiver: &str, reason: &str) -> Reject {
    Reject::new(
        Reason::Undeliverable,
        format!("receiver {receiver}: {reason}"),
    )
}

/// There is no standard for tokens on Kafka. A CloudEvent can be routed and told from an earlier one
/// without the token being parsed.
fn cloud_event(subject: &str, claims: &Claims) -> Vec<(&'static str, String)> {
    let issued = EventTime::from_millis(claims.iat.saturating_mul(1000));
    let mut pairs = vec![
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", claims.jti.clone()),
        ("ce_source", claims.iss.clone()),
        ("ce_type", claims.event_type().to_owned()),
        ("ce_time", issued.to_string()),
        ("ce_subject", subject.to_owned()),
        ("content-type", "application/secevent+jwt".to_owned()),
    ];
    if let Some(txn) = &claims.txn {
        pairs.push(("ce_txn", txn.clone()));
    }
    pairs
}
