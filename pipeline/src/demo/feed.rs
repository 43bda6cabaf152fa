//! Feeds the raw records: the history as fast as it is taken, the rest at a measured pace.
//!
//! Days are squeezed into seconds here. What lies minutes apart in real life must not overtake each
//! other because of that: a record waits until what came before it of the same identities, at
//! another source, is in the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};

use super::observe::{Seen, Watch};
use super::plan::{Plan, Step};
use super::progress::Progress;
use super::{DemoError, STALLED_AFTER};

/// More events than this are never on their way: the embedded broker keeps 5 MiB of a partition and
/// drops what is older, read or not.
const MOST_ON_THE_WAY: u64 = 2_000;

/// Feeds the steps of a plan, in order.
pub(super) struct Feeder<'f> {
    pub(super) servers: &'f str,
    pub(super) plan: &'f Plan<'f>,
    pub(super) watch: &'f Watch,
    pub(super) progress: &'f Progress,
    /// When each step so far was handed to the producer.
    pub(super) sent_at: Vec<Instant>,
    sent: u64,
    all: u64,
    sent_of: HashMap<Arc<str>, Sent>,
}

/// What was sent of an identity.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    events: u64,
    last_source: usize,
}

impl<'f> Feeder<'f> {
    pub(super) fn new(
        servers: &'f str,
        plan: &'f Plan<'f>,
        watch: &'f Watch,
        progress: &'f Progress,
    ) -> Self {
        Self {
            servers,
            plan,
            watch,
            progress,
            sent_at: Vec::with_capacity(plan.steps.len()),
            sent: 0,
            all: plan.sources.iter().map(|source| source.events).sum(),
            sent_of: HashMap::new(),
        }
    }

    /// Feeds on up to this step, as fast as the events come out at the other end.
    pub(super) fn feed_history(&mut self, until: usize) -> Result<(), DemoError> {
        // Waiting a little makes larger batches; the embedded broker hands out one per fetch.
        let producer = self.producer("5")?;
        while let Some(step) = self.next(until) {
            self.make_room(step)?;
            self.send(&producer, step)?;
        }
        self.wait_for_all()
    }

    /// Feeds on up to this step, so many events a second.
    pub(super) fn feed_at_pace(&mut self, until: usize, pace: u32) -> Result<(), DemoError> {
        let producer = self.producer("0")?;
        let (begun, sent_before) = (Instant::now(), self.sent);
        while let Some(step) = self.next(until) {
            let events = (self.sent - sent_before) as f64;
            let due = begun + Duration::from_secs_f64(events / f64::from(pace));
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.make_room(step)?;
            self.send(&producer, step)?;
        }
        self.wait_for_all()
    }

    /// Events of everything sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    fn next(&self, until: usize) -> Option<&'f Step<'f>> {
        let next = self.sent_at.len();
        self.plan.steps.get(next).filter(|_| next < until)
    }

    fn producer(
        &self,
        linger_ms: &str,
    ) -> Result<ThreadedProducer<DefaultProducerContext>, KafkaError> {
        ClientConfig::new()
            .set("bootstrap.servers", self.servers)
            .set("client.id", "demo-feed")
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", linger_ms)
            .create()
    }

    /// Waits until the step may follow what is on its way.
    fn make_room(&self, step: &Step<'_>) -> Result<(), DemoError> {
        // A record that holds more than may be on its way goes alone.
        let with_it = self.sent + step.identities.len() as u64;
        let room_from = with_it.saturating_sub(MOST_ON_THE_WAY).min(self.sent);
        let elsewhere: Vec<(&str, u64)> = step
            .identities
            .iter()
            .filter_map(|name| {
                let sent = self.sent_of.get(name)?;
                (sent.last_source != step.source).then_some((&**name, sent.events))
            })
            .collect();
        self.wait(|seen| {
            let in_log = |(name, sent): &(&str, u64)| {
                seen.records_of.get(*name).copied().unwrap_or(0) >= *sent
            };
            seen.records >= room_from && elsewhere.iter().all(in_log)
        })
    }

    fn wait_for_all(&self) -> Result<(), DemoError> {
        self.wait(|seen| seen.records >= self.sent)
    }

    /// Waits for something to be read, as long as anything is.
    fn wait(&self, is_enough: impl Fn(&Seen) -> bool) -> Result<(), DemoError> {
        let mut before = None;
        loop {
            let records = self.watch.seen().records;
            self.progress.at(records, self.all);
            let patience = Duration::from_millis(100);
            if self.watch.wait(patience, &is_enough)? {
                return Ok(());
            }
            let (since, last) = *before.get_or_insert((Instant::now(), records));
            if records > last {
                before = None;
            } else if since.elapsed() > STALLED_AFTER {
                return Err(DemoError::Stalled {
                    what: "written to the log",
                    seconds: STALLED_AFTER.as_secs(),
                    events: records,
                    sent: self.sent,
                });
            }
        }
    }

    fn send(
        &mut self,
        producer: &ThreadedProducer<DefaultProducerContext>,
        step: &Step<'_>,
    ) -> Result<(), DemoError> {
        let topic = self
            .plan
            .sources
            .get(step.source)
            .map_or("", |source| source.topic);
        // Kafka's time of a record is when it was produced, which for these logs was in their days.
        let record: BaseRecord<'_, (), [u8]> = BaseRecord::to(topic)
            .payload(step.raw)
            .timestamp(step.arrival.as_millis());
        let mut record = record;
        self.sent_at.push(Instant::now());
        while let Err((error, refused)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            record = refused;
            thread::sleep(Duration::from_millis(1));
        }
        self.sent += step.identities.len() as u64;
        for name in &step.identities {
            let sent = self.sent_of.entry(Arc::clone(name)).or_default();
            sent.events += 1;
            sent.last_source = step.source;
        }
        Ok(())
    }
}

impl Drop for Feeder<'_> {
    fn drop(&mut self) {
        self.progress.finish();
    }
}
