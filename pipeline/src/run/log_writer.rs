//! The way into the log and the dead letter, at least once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plumbline_schemas::reject::{Reason, Reject};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use super::Counters;
use super::raw_record::{DeadLetter, LogRecord, RawRecord};
use crate::config::TopicsConfig;
use crate::kafka::{Deliveries, Origin, Place, close, dead_letter, headers};

/// How long is waited for room in the producer's queue at a time.
const ROOM_POLL: Duration = Duration::from_millis(5);
/// How long for all of it once the line is to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A producer, and what it has yet to deliver: in two epochs that take turns, so that offsets can be
/// committed while more is sent.
pub(crate) struct LogWriter<'s> {
    pub(crate) producer: BaseProducer<Deliveries>,
    pub(crate) topics: &'s TopicsConfig,
    pub(crate) counters: &'s Counters,
    pub(crate) stop: &'s AtomicBool,
    pub(crate) epoch: usize,
}

impl LogWriter<'_> {
    /// Sends everything that a raw record holds on its way.
    pub(super) fn write(&self, record: &RawRecord, origin: Origin<'_>) -> Result<(), KafkaError> {
        let mut events = record.events.iter();
        events.try_for_each(|event| self.event(event, origin.into()))?;
        let letter = record.dead_letter.as_ref();
        letter.map_or(Ok(()), |letter| self.dead_letter(letter))
    }

    /// Sends an event on its way into the log.
    pub(crate) fn event(&self, event: &LogRecord, place: Place<'_>) -> Result<(), KafkaError> {
        let sent = BaseRecord::with_opaque_to(&self.topics.events, self.epoch)
            .key(event.key.as_bytes())
            .payload(event.value.as_slice());
        match self.send(sent)? {
            Sent::Yes => {
                self.counters.normalised();
                Ok(())
            }
            Sent::Oversized => {
                let key = event.key.as_bytes();
                self.dead_letter(&DeadLetter::of(key, &event.value, &oversized(), 1, place))
            }
        }
    }

    /// Sends what could not be read on its way into the dead letter.
    pub(crate) fn dead_letter(&self, letter: &DeadLetter) -> Result<(), KafkaError> {
        self.counters.refused(letter.reason);
        let record = BaseRecord::with_opaque_to(&self.topics.deadletter, self.epoch)
            .key(letter.key.as_slice())
            .payload(letter.value.as_slice())
            .headers(headers(&letter.headers));
        self.send(record).map(|_| ())
    }

    fn send(&self, mut record: BaseRecord<'_, [u8], [u8], usize>) -> Result<Sent, KafkaError> {
        let mut stopping_since = None;
        let deliveries = self.producer.context();
        let epoch = record.delivery_opaque;
        deliveries.sent(epoch);
        loop {
            let Err((error, refused)) = self.producer.send(record) else {
                return Ok(Sent::Yes);
            };
            match error.rdkafka_error_code() {
                Some(Code::QueueFull) => {
                    self.producer.poll(ROOM_POLL);
                    if self.stop.load(Ordering::Relaxed) {
                        let since = *stopping_since.get_or_insert_with(Instant::now);
                        if since.elapsed() > STOP_PATIENCE {
                            return Err(error);
                        }
                    }
                    record = refused;
                }
                Some(Code::MessageSizeTooLarge) => {
                    deliveries.settled(epoch);
                    return Ok(Sent::Oversized);
                }
                _ => return Err(error),
            }
        }
    }

    /// Takes note of what has been delivered and what has not.
    pub(crate) fn take_deliveries(&self) -> Result<(), KafkaError> {
        let deliveries = self.producer.context();
        // One poll takes the report of one batch, and batches are small where identities alternate.
        let mut outstanding = deliveries.outstanding();
        loop {
            self.producer.poll(Duration::ZERO);
            let left = deliveries.outstanding();
            if left == 0 || left >= outstanding {
                break;
            }
            outstanding = left;
        }
        for (epoch, message) in deliveries.take_oversized() {
            self.replace(epoch, &message)?;
            deliveries.settled(epoch);
        }
        deliveries.failure().map_or(Ok(()), Err)
    }

    /// What the broker refuses for its size becomes a dead letter, and a dead letter a shorter one.
    fn replace(&self, epoch: usize, message: &OwnedMessage) -> Result<(), KafkaError> {
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
            self.counters.refused(Reason::TooLarge);
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

    /// Whether everything that was sent in this epoch has arrived.
    pub(crate) fn is_delivered(&self, epoch: usize) -> bool {
        self.producer.context().is_complete(epoch)
    }

    pub(crate) fn is_all_delivered(&self) -> bool {
        self.is_delivered(0) && self.is_delivered(1)
    }

    pub(crate) fn close(self) {
        close(self.producer, CLOSE_TIMEOUT);
    }
}

enum Sent {
    Yes,
    /// More than the producer takes, whatever the broker would say.
    Oversized,
}

fn oversized() -> Reject {
    Reject::new(
        Reason::TooLarge,
        "the event is larger than its topic takes; raise max.message.bytes of the topic",
    )
}
