//! Historical logs into the log of a service, at a speed: `plumbline replay --into-kafka`.
//!
//! What a replay would judge is written as the normalise stage writes it: the same keys, bytes and partitions, and what
//! cannot be read to the dead letter. A service that detects answers it as if it happened now, so that a team can
//! rehearse an incident with the bots that it has.
//!
//! **At least once**: the end is told once Kafka has confirmed all of it. What is written twice the engine knows by its
//! id.
//!
//! **Interrupted**, it waits for what is on its way, and says up to which event time the log has arrived.
//!
//! **A broker that goes away** meanwhile is waited for, as a service does; reading waits for room in the producer.

mod fed;
mod newest;
mod pace;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use plumbline_schemas::event::{Event, EventKind};
use plumbline_schemas::reject::Reject;
use plumbline_schemas::time::EventTime;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::feed::Taken;
use super::inputs::Inputs;
use super::log::Log;
use super::progress::Progress;
use super::{ReplayError, interruption};
use crate::config::Config;
use crate::enrich::Enricher;
use crate::kafka::{
    Clients, ConnectError, Failure, Place, connect, drop_aside, now_millis, too_far_ahead,
};
use crate::run::{Counters, DeadLetter, LogRecord, LogWriter, Shutdown};
pub use fed::{Fed, IntoKafkaError, Reached};
use pace::Pace;
pub use pace::Speed;

/// Deliveries are taken note of after so many events.
const EVENTS_PER_LOOK: u64 = 64;
/// How long is waited for a delivery at a time.
const DELIVERY_POLL: Duration = Duration::from_millis(5);
/// How long for all of them once it is to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// Writes `config.replay.input` into `kafka.topics.events`, until a signal comes.
pub fn into_kafka(config: &Config) -> Result<Fed, IntoKafkaError> {
    into_kafka_until(config, &interruption()?)
}

/// The same, until this is requested.
pub fn into_kafka_until(config: &Config, shutdown: &Shutdown) -> Result<Fed, IntoKafkaError> {
    let replay = &config.replay;
    let enricher = Enricher::open(&config.geo).map_err(ReplayError::from)?;
    let mut log = Log::new(replay, Inputs::expand(&replay.input)?, Arc::new(enricher))?;
    if replay.speed != Speed::Max {
        log.hand_on_singly();
    }
    // A file that cannot be opened is known before anything is written.
    let feeds = log.feeds(&super::place::Place::default())?;
    let topics = &config.kafka.topics;
    let clients = Clients::new(&config.kafka).map_err(ConnectError::from)?;
    let observer = connect(
        &config.kafka,
        &clients,
        &[&topics.events, &topics.deadletter],
    )?;
    let newest = match replay.force {
        true => None,
        false => newest::newest(&clients, &observer, &topics.events)?,
    };
    drop_aside(observer);
    tracing::info!(
        topic = topics.events,
        brokers = config.kafka.bootstrap_servers,
        speed = %replay.speed,
        "history is written into the log: a service that reads it answers it"
    );
    let counters = Counters::default();
    let writer = LogWriter {
        producer: clients.producer().map_err(ConnectError::from)?,
        topics,
        counters: &counters,
        stop: shutdown.flag(),
        epoch: 0,
    };
    let mut feeder = Feeder::new(config, newest, writer, log.progress());
    let read = log.read((feeds, 0), &mut |source, taken| {
        Ok(match feeder.take(source, taken) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        })
    });
    feeder.end(read)
}

/// Events that were sent, and when the last of them happened.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    events: u64,
    time: Option<EventTime>,
}

/// A record of which parts were refused, and more of them may be.
struct Refused {
    source: String,
    line: u64,
    raw: Vec<u8>,
    first: Reject,
    parts: usize,
}

/// Writes one event after the other.
struct Feeder<'c> {
    config: &'c Config,
    /// How far the log had come before.
    newest: Option<EventTime>,
    writer: LogWriter<'c>,
    progress: &'c Progress,
    pace: Pace,
    begun: Instant,
    /// When the first event was written.
    paced_from: Option<Instant>,
    refused: Option<Refused>,
    /// Why no more can be written.
    failure: Option<IntoKafkaError>,
    /// Whether it was to stop before the log had ended.
    is_cut_short: bool,
    sent: Sent,
    /// What had been sent when the last epoch of the writer ended.
    closing: Sent,
    /// What has arrived, and all before it.
    confirmed: Sent,
    fed: Fed,
}

impl<'c> Feeder<'c> {
    fn new(
        config: &'c Config,
        newest: Option<EventTime>,
        writer: LogWriter<'c>,
        progress: &'c Progress,
    ) -> Self {
        Self {
            config,
            newest,
            writer,
            progress,
            pace: Pace::new(config.replay.speed),
            begun: Instant::now(),
            paced_from: None,
            refused: None,
            failure: None,
            is_cut_short: false,
            sent: Sent::default(),
            closing: Sent::default(),
            confirmed: Sent::default(),
            fed: Fed {
                topic: config.kafka.topics.events.clone(),
                ..Fed::default()
            },
        }
    }

    /// Takes what comes next; false if it is to be the last.
    fn take(&mut self, source: &str, taken: Taken<'_>) -> bool {
        if self.is_stopping() {
            self.is_cut_short = true;
            return false;
        }
        let written = match taken {
            Taken::Event(event) if event.kind != EventKind::Context => self.event(source, &event),
            Taken::Rejected(line, reject, raw) => self.refuse(source, line, reject, &raw),
            other => {
                self.fed.count(&other);
                Ok(())
            }
        };
        self.failure = written.err();
        self.failure.is_none()
    }

    fn event(&mut self, source: &str, event: &Event<'_>) -> Result<(), IntoKafkaError> {
        let name = source;
        let place = Place::File { name, line: None };
        let record = match too_far_ahead(event.time, Some(now_millis())) {
            Some(reject) => Err(reject),
            None => LogRecord::of(event),
        };
        let record = match record {
            Ok(record) => record,
            Err(reject) => {
                let raw = serde_json::to_vec(event).unwrap_or_default();
                let letter = DeadLetter::of(b"", &raw, &reject, 1, place);
                return self.bury(&letter);
            }
        };
        self.check(event.time)?;
        if !self.wait_for(event.time)? {
            self.is_cut_short = true;
            return Ok(());
        }
        let written = self.writer.event(&record, place);
        written.map_err(|error| self.failed(error))?;
        self.fed.saw(event.time);
        self.sent.time = Some(event.time);
        self.sent.events += 1;
        if self.sent.events.is_multiple_of(EVENTS_PER_LOOK) {
            self.look()?;
        }
        Ok(())
    }

    /// Looks whether a service would judge what begins with this event.
    fn check(&mut self, first: EventTime) -> Result<(), IntoKafkaError> {
        let Some(newest) = self.newest.take() else {
            return Ok(());
        };
        let (topic, behind) = (&self.fed.topic, newest.since(first));
        if behind > self.config.engine.lateness.as_millis() {
            let topic = topic.clone();
            return Err(IntoKafkaError::Late {
                topic,
                newest,
                first,
            });
        }
        if behind > 0 {
            tracing::warn!(
                topic,
                "the log has come to {newest} already, and what is written into it begins at {first}"
            );
        }
        Ok(())
    }

    /// Waits until an event of this time is due; false if it is to stop before.
    fn wait_for(&mut self, time: EventTime) -> Result<bool, IntoKafkaError> {
        let due = self.pace.due(time);
        let from = *self.paced_from.get_or_insert_with(Instant::now);
        if due <= from.elapsed() {
            return Ok(true);
        }
        self.bury_refused()?;
        let stop = self.writer.stop;
        pace::wait_until(
            due,
            stop,
            || from.elapsed(),
            |most| {
                self.writer.producer.poll(most);
                self.tell(from.elapsed());
                self.look()
            },
        )
    }

    fn tell(&self, elapsed: Duration) {
        let Some(now) = self.pace.now(elapsed) else {
            return;
        };
        self.progress.tell(|| {
            let events = self.sent.events;
            let rate = events as f64 / elapsed.as_secs_f64().max(0.001);
            format!("{events} events, {rate:.0}/s, at {now}")
        });
    }

    /// Takes note of a part that cannot be read: of a record with several there is one dead letter.
    fn refuse(
        &mut self,
        source: &str,
        line: u64,
        reject: Reject,
        raw: &[u8],
    ) -> Result<(), IntoKafkaError> {
        if let Some(refused) = &mut self.refused
            && refused.line == line
            && refused.source == source
        {
            refused.parts += 1;
            return Ok(());
        }
        self.bury_refused()?;
        self.refused = Some(Refused {
            source: source.to_owned(),
            line,
            raw: raw.to_owned(),
            first: reject,
            parts: 1,
        });
        Ok(())
    }

    fn bury_refused(&mut self) -> Result<(), IntoKafkaError> {
        let Some(refused) = self.refused.take() else {
            return Ok(());
        };
        let place = Place::File {
            name: &refused.source,
            line: Some(refused.line),
        };
        let Refused {
            raw, first, parts, ..
        } = &refused;
        self.bury(&DeadLetter::of(b"", raw, first, *parts, place))
    }

    fn bury(&mut self, letter: &DeadLetter) -> Result<(), IntoKafkaError> {
        let written = self.writer.dead_letter(letter);
        written.map_err(|error| self.failed(error))
    }

    /// Takes note of what has arrived.
    fn look(&mut self) -> Result<(), IntoKafkaError> {
        let taken = self.writer.take_deliveries();
        taken.map_err(|error| self.failed(error))?;
        if self.writer.is_delivered(self.writer.epoch ^ 1) {
            self.confirmed = self.closing;
            self.closing = self.sent;
            self.writer.epoch ^= 1;
        }
        Ok(())
    }

    /// Waits until all has arrived.
    fn deliver(&mut self) -> Result<(), IntoKafkaError> {
        let mut stopping_since = None;
        while !self.writer.is_all_delivered() {
            if self.is_stopping() {
                let since: &mut Instant = stopping_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= STOP_PATIENCE {
                    return Ok(());
                }
            }
            self.writer.producer.poll(DELIVERY_POLL);
            self.look()?;
        }
        self.confirmed = self.sent;
        Ok(())
    }

    /// Sees to it that what was sent arrives, and says what came of the log.
    fn end(mut self, read: Result<(), ReplayError>) -> Result<Fed, IntoKafkaError> {
        let written = match self.failure.take() {
            Some(error) => Err(error),
            None => self.bury_refused().and_then(|()| self.deliver()),
        };
        let reached = self.reached();
        let counts = self.writer.counters.snapshot();
        let has_all = !self.is_cut_short && self.writer.is_all_delivered();
        self.writer.close();
        written?;
        read.map_err(|error| IntoKafkaError::broken_off(error, &reached))?;
        if !has_all {
            return Err(IntoKafkaError::Interrupted(Box::new(reached)));
        }
        Ok(Fed {
            events: counts.normalised,
            dead_letters: counts.dead_letters,
            wall_ms: self.begun.elapsed().as_millis() as u64,
            ..self.fed
        })
    }

    fn failed(&self, error: KafkaError) -> IntoKafkaError {
        let reached = Box::new(self.reached());
        let is_full = error.rdkafka_error_code() == Some(Code::QueueFull);
        match Failure::of(&error) {
            Failure::Forbidden => ConnectError::about("a topic of the line", error).into(),
            // There was no room until the patience of who is to stop was at its end.
            _ if is_full && self.is_stopping() => IntoKafkaError::Interrupted(reached),
            _ => IntoKafkaError::Write {
                reached,
                source: error,
            },
        }
    }

    fn reached(&self) -> Reached {
        Reached {
            topic: self.fed.topic.clone(),
            sent: self.sent.events,
            confirmed: self.confirmed.events,
            up_to: self.confirmed.time,
        }
    }

    fn is_stopping(&self) -> bool {
        self.writer.stop.load(Ordering::Relaxed)
    }
}
