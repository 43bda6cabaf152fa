//! The state that a service begins with which has learnt from history: written by `plumbline replay
//! --export-state`, read by the first `plumbline run` as any state is.
//!
//! History is divided as the log is, and each partition has an engine of its own, which tells the others what
//! concerns them: what is written is what the workers would know that had read it. Of the log itself it is the
//! state at its beginning. What history would have led to was never commanded, so nothing is: its commands are
//! only observed ones, which stand in the way of none.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use plumbline_detectors::config::{Config as Engines, PolicyMode};
use plumbline_detectors::engine::{Engine, Output};
use plumbline_detectors::state::Restorer;
use plumbline_schemas::event::{Event, EventKind};
use plumbline_schemas::formats::read_event;
use plumbline_schemas::log_key;
use rdkafka::error::KafkaError;

use super::outgoing::Outgoing;
use super::restore::{Reader, Source};
use super::transaction::{AttemptError, Transactor};
use crate::config::Config;
use crate::kafka::{Clients, ConnectError, connect, fit_together, partition_count};

/// The coordinator ends a transaction that takes longer.
const LONGEST: Duration = Duration::from_secs(600);
/// Identities are written in so large portions.
const PORTION: usize = 512;

/// Why a service cannot be given a state to begin with.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The cluster, or what is configured of it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A service has written there.
    #[error(
        "topic {0} holds state already, which a service would go on with; name a new one in kafka.topics.state, or \
         leave --export-state out"
    )]
    Occupied(String),
    /// What is there cannot be read.
    #[error("topic {0} cannot be read")]
    Read(String, #[source] KafkaError),
    /// It cannot be written.
    #[error(
        "no state is written to topic {topic} ({reason}); the results of the replay are complete"
    )]
    Write {
        /// The topic.
        topic: String,
        /// What has failed.
        reason: String,
    },
}

impl SeedError {
    /// The exit status for it: 2 for the configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect(error) => error.exit_code(),
            Self::Occupied(_) => 2,
            Self::Read(..) | Self::Write { .. } => 1,
        }
    }
}

/// Engines that learn for the partitions of a log, and where their state goes.
pub(crate) struct Seed {
    engines: Vec<Engine>,
    outputs: Vec<Output>,
    transactor: Transactor,
    topic: String,
    config: Arc<Engines>,
}

impl Seed {
    /// Looks whether there is a place for it.
    pub(crate) fn prepare(config: &Config) -> Result<Self, SeedError> {
        let topics = &config.kafka.topics;
        let clients = Clients::new(&config.kafka).map_err(ConnectError::from)?;
        let observer = connect(&config.kafka, &clients, &[&topics.events, &topics.state])?;
        fit_together(&observer, &topics.state, &topics.events)?;
        let count = partition_count(&observer, &topics.events);
        let count = count.map_err(|error| ConnectError::about(&topics.events, error))?;
        let partitions = count.unwrap_or(0);
        let mut engine = config.engine_config();
        engine.policy.mode = PolicyMode::Observe;
        let source = Source {
            clients: clients.clone(),
            topics: topics.clone(),
            engine: Arc::new(engine),
            partitions,
            standby: None,
        };
        if Reader::holds_anything(&source)
            .map_err(|error| SeedError::Read(topics.state.clone(), error))?
        {
            return Err(SeedError::Occupied(topics.state.clone()));
        }
        let one = || Engine::of_partition(Arc::clone(&source.engine), partitions.unsigned_abs());
        Ok(Self {
            engines: (0..partitions).map(|_| one()).collect(),
            outputs: Vec::new(),
            transactor: Transactor::new(
                clients,
                topics.clone(),
                format!("{}-export", config.kafka.group_id),
                LONGEST,
            ),
            topic: topics.state.clone(),
            config: Arc::clone(&source.engine),
        })
    }

    /// Learns from the next event of history.
    pub(crate) fn take(&mut self, event: &Event<'_>) {
        // What the partitions of another log have told each other; these tell each other themselves.
        if event.kind == EventKind::Context {
            return;
        }
        let tenant = event.tenant.as_deref().unwrap_or_default();
        let key = log_key(tenant, &event.identity.id);
        let at = partition_of(key.as_bytes(), self.engines.len());
        self.apply(at, event);
        let mut told: VecDeque<(usize, Vec<u8>)> = VecDeque::new();
        loop {
            told.extend(self.outputs.drain(..).filter_map(|output| match output {
                Output::Context(value) => Some((at, value)),
                Output::Finding(_) | Output::Command(_) => None,
            }));
            let Some((from, value)) = told.pop_front() else {
                return;
            };
            // What an engine has written, an engine can read.
            let Ok(context) = read_event(&value) else {
                continue;
            };
            for other in (0..self.engines.len()).filter(|other| *other != from) {
                self.apply(other, &context);
            }
        }
    }

    /// The engines that have learnt.
    pub(crate) fn engines(&mut self) -> impl Iterator<Item = &mut Engine> {
        self.engines.iter_mut()
    }

    /// What takes in what each of them had learnt at a checkpoint.
    pub(crate) fn restorers(&self) -> impl Iterator<Item = Restorer> {
        let partitions = self.engines.len() as u32;
        { self.engines.iter() }.map(move |_| Restorer::new(Arc::clone(&self.config), partitions))
    }

    /// Goes on with those of a checkpoint.
    pub(crate) fn resume(&mut self, engines: Vec<Engine>) {
        self.engines = engines;
    }

    /// Where it is going to be written.
    pub(crate) fn place(&self) -> String {
        format!("{} of {} partitions", self.topic, self.engines.len())
    }

    fn apply(&mut self, at: usize, event: &Event<'_>) {
        if let Some(engine) = self.engines.get_mut(at) {
            engine.apply(event, &mut self.outputs);
        }
    }

    /// Writes all of it, or nothing.
    pub(crate) fn write(mut self) -> Result<(), SeedError> {
        let written = self.try_write();
        let (topic, partitions) = (self.topic.clone(), self.engines.len());
        let written = written.map_err(|error| {
            self.transactor.abandon();
            SeedError::Write {
                topic: topic.clone(),
                reason: error.to_string(),
            }
        });
        let identities: usize = self.engines.iter().map(Engine::identities).sum();
        self.transactor.close();
        let bytes = written?;
        tracing::info!(
            topic,
            partitions,
            identities,
            bytes,
            "state written: `plumbline run` begins with it"
        );
        Ok(())
    }

    fn try_write(&mut self) -> Result<usize, AttemptError> {
        self.transactor.begin()?;
        let mut bytes = 0;
        for (partition, engine) in (0..).zip(&mut self.engines) {
            engine.keep_account();
            let mut entries = engine.begin_checkpoint(0);
            while let Some(more) = {
                for entry in entries.drain(..) {
                    let outgoing = Outgoing::to_state(partition, entry);
                    bytes += outgoing.bytes();
                    self.transactor.send(&outgoing)?;
                }
                engine.write_checkpoint(PORTION)
            } {
                entries = more;
            }
        }
        self.transactor.finish(None)?;
        Ok(bytes)
    }
}

/// The partition in which Kafka's own clients put a record with this key: murmur2 of it, without the sign.
fn partition_of(key: &[u8], partitions: usize) -> usize {
    const SEED: u32 = 0x9747_b28c;
    const FACTOR: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        word ^= word >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ word.wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^= hash >> 15;
    (hash & 0x7fff_ffff) as usize % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::partition_of;

    /// Those of Kafka's own test of `Utils.murmur2`, without the sign.
    #[test]
    fn a_key_is_where_kafka_puts_it() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            let expected = (hash as u32 & 0x7fff_ffff) as usize % 1_000_003;
            assert_eq!(partition_of(key.as_bytes(), 1_000_003), expected, "{key}");
        }
    }
}
