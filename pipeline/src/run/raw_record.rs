//! A raw record in the shape in which it goes on: decoded once, when it arrives.

use plumbline_schemas::event::{Event, EventKind};
use plumbline_schemas::formats::Decoded;
use plumbline_schemas::log_key;
use plumbline_schemas::reject::{Reason, Reject};
use rdkafka::message::{BorrowedMessage, Message};

use super::Counters;
use crate::kafka::{Origin, Place, dead_letter, too_far_ahead};
use crate::normalise::Normaliser;

/// What reads the records of one raw topic.
pub(super) struct Source {
    pub(super) topic: String,
    pub(super) normaliser: Normaliser,
    pub(super) feedback: bool,
}

/// What a raw record holds, while it waits for its turn.
#[derive(Debug, Default)]
pub(super) struct RawRecord {
    pub(super) offset: i64,
    /// When it came into its topic.
    pub(super) broker_millis: Option<i64>,
    /// The earliest time of its events; none where nothing in it could be read.
    pub(super) time: Option<i64>,
    pub(super) events: Vec<LogRecord>,
    pub(super) dead_letter: Option<DeadLetter>,
}

/// A record of the log.
#[derive(Debug)]
pub(crate) struct LogRecord {
    pub(super) key: String,
    pub(super) value: Vec<u8>,
}

impl LogRecord {
    /// An event as it stands in the log.
    pub(crate) fn of(event: &Event<'_>) -> Result<Self, Reject> {
        let value = serde_json::to_vec(event)
            .map_err(|error| Reject::new(Reason::NotJson, error.to_string()))?;
        let key = log_key(event.tenant(), &event.identity.id);
        Ok(Self { key, value })
    }
}

/// What could not be read, with its headers.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(super) reason: Reason,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl DeadLetter {
    /// That of a raw record with this key, of which so many parts were refused, this one first.
    pub(crate) fn of<'r>(
        key: &[u8],
        raw: &'r [u8],
        reject: &Reject,
        refused: usize,
        place: impl Into<Place<'r>>,
    ) -> Self {
        let (value, headers) = dead_letter(raw, reject, refused, place);
        Self {
            reason: reject.reason,
            key: key.to_vec(),
            value: value.into_owned(),
            headers,
        }
    }
}

impl Source {
    pub(super) fn read(&self, message: &BorrowedMessage<'_>, counters: &Counters) -> RawRecord {
        counters.record();
        let broker_millis = message.timestamp().to_millis();
        let raw = message.payload().unwrap_or_default();
        let mut record = RawRecord {
            offset: message.offset(),
            broker_millis,
            ..RawRecord::default()
        };
        let (mut refused, mut first) = (0, None);
        self.normaliser.decode(raw, &mut |decoded| {
            let reject = match decoded {
                Decoded::Event(event) => match self.refuses(&event, broker_millis) {
                    None => record.push(&event).err(),
                    reject => reject,
                },
                Decoded::Rejected(reject) => Some(reject),
                Decoded::Skipped(_) => {
                    counters.skipped();
                    None
                }
                Decoded::Drift(drift) => {
                    counters.drifted(&self.topic, &drift);
                    None
                }
            };
            if let Some(reject) = reject {
                refused += 1;
                first.get_or_insert(reject);
            }
        });
        record.dead_letter = first.map(|reject| {
            let origin = Origin {
                topic: message.topic(),
                partition: message.partition(),
                offset: message.offset(),
            };
            let key = message.key().unwrap_or_default();
            DeadLetter::of(key, raw, &reject, refused, origin)
        });
        record
    }

    fn refuses(&self, event: &Event<'_>, broker_millis: Option<i64>) -> Option<Reject> {
        if self.feedback && event.kind != EventKind::Feedback {
            // Who may answer commands may not therefore write any event.
            let detail = "kind: only `feedback` is taken from the feedback topic";
            return Some(Reject::new(Reason::WrongFormat, detail));
        }
        if event.kind == EventKind::Context {
            // What engines tell each other nobody else may say.
            let detail = "kind: `context` is written to the log by Plumbline alone";
            return Some(Reject::new(Reason::UnknownKind, detail));
        }
        too_far_ahead(event.time, broker_millis)
    }
}

impl RawRecord {
    fn push(&mut self, event: &Event<'_>) -> Result<(), Reject> {
        self.events.push(LogRecord::of(event)?);
        let time = event.time.as_millis();
        self.time = Some(self.time.map_or(time, |first| first.min(time)));
        Ok(())
    }
}
