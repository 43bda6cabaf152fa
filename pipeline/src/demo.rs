//! `plumbline demo`: the main job in one process. Sample logs go through an embedded broker and the
//! stages of the service, and the commands are read back as a bot would read them.
//!
//! What comes through the broker is compared with what the engine gives for the same records without
//! one, and with the attacks that were planted in them.

mod feed;
mod observe;
mod plan;
mod progress;
mod report;
mod sample;
mod service;
mod setup;
mod summary;
mod verdict;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use crate::config::{Config, ConfigError};
use crate::enrich::EnrichError;
use crate::kafka::embedded::EmbeddedBroker;
use crate::run::RunError;
use feed::Feeder;
use observe::{Readers, Watch};
use plan::Plan;
use sample::{Attack, Sample};
use service::Service;
use setup::Setup;

pub use progress::Progress;
pub use report::{Answer, AttackRow, CommandRow, Latencies, Latency, Report, SourceCounts};
pub use summary::render;

/// Tenant of the sample logs.
const TENANT: &str = "acme";
/// Partitions of the log and of what is published. Each source has one, which keeps its order.
const PARTITIONS: i32 = 4;
/// How many events a second are fed from the first planted attack on: queues stay short, so that
/// the latencies are those of the line.
const PACE: u32 = 2_000;
/// Nothing moves for this long: something is wrong.
const STALLED_AFTER: Duration = Duration::from_secs(20);
/// Findings are committed with the next batch, commands at once.
const LAST_COMMIT_PATIENCE: Duration = Duration::from_secs(3);

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The embedded broker, or a client of it.
    #[error("the embedded broker fails; the demo needs a free port on 127.0.0.1 and nothing else")]
    Broker(#[from] KafkaError),
    /// The temporary directory.
    #[error(
        "no temporary directory for a moment; set TMPDIR to a directory that can be written to"
    )]
    Files(#[source] io::Error),
    /// A thread.
    #[error("no thread can be started; free some memory or raise the limit of processes")]
    System(#[source] io::Error),
    /// The demo's own configuration.
    #[error(
        "the demo's configuration is refused, which is a defect of this program; please report it"
    )]
    Config(#[from] ConfigError),
    /// The demo's own geolocation.
    #[error(
        "the demo's geolocation is refused, which is a defect of this program; please report it"
    )]
    Enrich(#[from] EnrichError),
    /// A sample log.
    #[error(
        "the sample log {topic} cannot be read ({reason}), which is a defect of this program; please report it"
    )]
    Sample {
        /// Its topic.
        topic: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The service.
    #[error("the service failed")]
    Service(#[from] RunError),
    /// The service, without saying why.
    #[error(
        "the service has ended before everything was read; PLUMBLINE_LOG_LEVEL=info shows more"
    )]
    ServiceEnded,
    /// Nothing moves any more.
    #[error(
        "for {seconds} s nothing more was {what}: {events} of {sent} events; try again when this machine has less to do, PLUMBLINE_LOG_LEVEL=info shows more"
    )]
    Stalled {
        /// What did not happen to the events.
        what: &'static str,
        /// How long that was waited for.
        seconds: u64,
        /// To how many it happened.
        events: u64,
        /// To how many it should have.
        sent: u64,
    },
    /// It came to its end, which was not the right one.
    #[error("the demo did not show what it should; the summary says what is missing")]
    Bad,
}

/// Runs the demo. Takes less than a minute and leaves nothing behind.
pub fn demo(progress: &Progress) -> Result<Report, DemoError> {
    let begun = Instant::now();
    let broker = EmbeddedBroker::start()?;
    let setup = Setup::make(&broker.bootstrap_servers())?;
    create_topics(&broker, &setup.config)?;
    let samples = Sample::all()?;
    let attacks = sample::attacks()?;

    let enricher = Arc::new(setup.enricher);
    let watch = Arc::new(Watch::default());
    let servers = &setup.config.kafka.bootstrap_servers;
    let readers = Readers::start(servers, &setup.config.kafka.topics, &watch)?;
    let service = Service::start(
        setup.config.clone(),
        Arc::clone(&enricher),
        Arc::clone(&watch),
    )?;

    // The consumer groups need some seconds to form.
    progress.phase("the engine alone, to compare with");
    let engine = Arc::new(setup.config.engine_config());
    let plan = Plan::make(&samples, &enricher, engine)?;
    let mut feeder = Feeder::new(servers, &plan, &watch, progress);
    let fed = feed(&mut feeder, &attacks, &service, &watch, progress);
    let stopped = service.stop();
    progress.finish();
    // Why the service ended says more than that it did.
    let (counts, paced_from) = match (fed, stopped) {
        (Ok(paced_from), Ok(counts)) => (counts, paced_from),
        (_, Err(error)) | (Err(error), _) => return Err(error),
    };
    readers.finish();
    watch.check_read()?;
    let seen = watch.seen();
    let commands = verdict::commands(&seen, &attacks);
    Ok(Report {
        latency: verdict::latencies(&plan, &seen, &feeder.sent_at, paced_from, PACE),
        differences: verdict::differences(&plan, &seen, &counts),
        attacks: verdict::attacks(&attacks, &commands),
        innocent_commanded: verdict::innocent_commanded(&commands),
        events: seen.events.len() as u64,
        findings: seen.findings.len(),
        commands,
        config: setup.text,
        sources: plan.sources.clone(),
        identities: plan.identities,
        period: plan.period,
        wall: begun.elapsed(),
    })
}

fn create_topics(broker: &EmbeddedBroker, config: &Config) -> Result<(), KafkaError> {
    for source in &config.source {
        broker.create_topic(&source.topic, 1)?;
    }
    for (_, topic) in config.kafka.topics.named() {
        broker.create_topic(topic, PARTITIONS)?;
    }
    Ok(())
}

/// Feeds everything and waits for what comes of it. From which step on it was fed at a pace.
fn feed(
    feeder: &mut Feeder<'_>,
    attacks: &[Attack],
    service: &Service,
    watch: &Watch,
    progress: &Progress,
) -> Result<usize, DemoError> {
    let plan = feeder.plan;
    let first_attack = attacks.iter().map(|attack| attack.start).min();
    let paced_from = first_attack.map_or(0, |start| plan.step_at(start));
    progress.phase("history, as fast as it is taken");
    feeder.feed_history(paced_from)?;
    service.wait_until_judged(feeder.sent())?;
    progress.phase("with the attacks, at a measured pace");
    feeder.feed_at_pace(plan.steps.len(), PACE)?;
    service.wait_until_judged(feeder.sent())?;
    progress.phase("reading the last commands");
    // If they do not come, the report says so.
    watch.wait(LAST_COMMIT_PATIENCE, |seen| {
        seen.findings.len() + seen.commands.len() >= plan.expected.len()
    })?;
    Ok(paced_from)
}
