//! Starts the stages, watches them, tells how far they are, and ends them in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use plumbline_detectors::config::{Config as EngineConfig, Span};
use rdkafka::consumer::BaseConsumer;

use super::archive_stage::ArchiveStage;
use super::normalise_stage::{self, NormaliseStage};
use super::{Counts, RunError, Shutdown, Tally, raw_record};
use crate::analyst;
use crate::config::{Config, Stage};
use crate::enrich::Enricher;
use crate::kafka::{
    Clients, ConnectError, Context, Ends, Progress, connect, fit_together, lag, partition_count,
};
use crate::serve::{PAGES, Server, pages};
use crate::worker::{Source, Standby, Worker};

/// How often the stages are looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);
/// How often the group is asked how far others have come.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
/// How often progress is told.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// Part of a transactional id where `run.instance` is not set.
const DEFAULT_INSTANCE: &str = "0";

type Observer = BaseConsumer<Context>;

/// The threads of one stage.
#[derive(Default)]
struct Threads {
    stop: Arc<AtomicBool>,
    running: Vec<(String, JoinHandle<Result<(), ConnectError>>)>,
}

pub(super) fn supervise(
    config: &Config,
    enricher: Arc<Enricher>,
    shutdown: &Shutdown,
    tally: &Tally,
) -> Result<Counts, RunError> {
    // First of all: who starts it wants to see what it waits for.
    let served = config.run.listen.map(|address| {
        let started = Server::start(address, PAGES, pages(tally.clone()));
        started.map_err(|source| RunError::Listen { address, source })
    });
    let _served = served.transpose()?;
    let archive = config.archive.dir.as_deref();
    if let Some(directory) = archive.filter(|_| !analyst::IS_BUILT_IN) {
        analyst::Location::at(directory)?;
    }
    // Programs are compiled before anything is waited for.
    let read_by = match config.run.stage {
        Stage::Detect => Vec::new(),
        Stage::Normalise | Stage::All => normalise_stage::sources(config, &enricher)?,
    };
    let clients = Clients::new(&config.kafka).map_err(ConnectError::from)?;
    let sources = source_topics(config);
    let mut needed: Vec<&str> = match config.run.stage {
        Stage::Detect => Vec::new(),
        Stage::Normalise | Stage::All => sources.clone(),
    };
    let topics = &config.kafka.topics;
    needed.extend([topics.events.as_str(), topics.deadletter.as_str()]);
    if config.run.stage != Stage::Normalise {
        needed.extend([&*topics.findings, &*topics.control, &*topics.state]);
        needed.extend(topics.ocsf.as_deref());
    }
    let observer = connect(&config.kafka, &clients, &needed)?;
    if config.run.stage != Stage::Normalise {
        fit_together(&observer, &topics.state, &topics.events)?;
    }
    let mut service = Service {
        config,
        clients,
        observer,
        normalise: Threads::default(),
        detect: Threads::default(),
        archive: Threads::default(),
        tally: tally.clone(),
        progress: Arc::default(),
        archived: Arc::default(),
        reported: Report::new(),
    };
    let started = service.start(read_by, &sources);
    let watched = started.and_then(|target| service.watch(target, shutdown));
    let ended = watched.and(service.end());
    let counts = service.counts();
    tell(&counts, "stopped");
    ended.map(|()| counts)
}

struct Service<'c> {
    config: &'c Config,
    clients: Clients,
    observer: Observer,
    normalise: Threads,
    detect: Threads,
    archive: Threads,
    tally: Tally,
    progress: Arc<Progress>,
    archived: Arc<Progress>,
    reported: Report,
}

/// With `until_end`: what the stage that is watched has to reach.
enum Target {
    Never,
    Normalised(Ends),
    Detected(Ends),
    Archived(Ends),
}

struct Report {
    at: Instant,
    counts: Counts,
}

impl Report {
    fn new() -> Self {
        Self {
            at: Instant::now(),
            counts: Counts::default(),
        }
    }
}

impl Service<'_> {
    fn start(
        &mut self,
        read_by: Vec<raw_record::Source>,
        sources: &[&str],
    ) -> Result<Target, RunError> {
        let stage = self.config.run.stage;
        let target = match stage {
            _ if !self.config.run.until_end => Target::Never,
            Stage::Detect => Target::Detected(self.ends_of_log()?),
            Stage::Normalise | Stage::All => Target::Normalised(Ends::fetch(
                &self.clients,
                &self.clients.normalise_group(),
                sources,
            )?),
        };
        if stage != Stage::Detect {
            self.start_normalising(read_by)?;
        }
        if stage != Stage::Normalise {
            self.start_detecting()?;
            self.start_archiving()?;
        }
        tracing::info!(%stage, workers = self.config.run.workers, "running");
        Ok(target)
    }

    fn start_normalising(&mut self, sources: Vec<raw_record::Source>) -> Result<(), RunError> {
        let stage = NormaliseStage::new(
            self.config,
            self.clients.clone(),
            sources,
            Arc::clone(&self.normalise.stop),
            self.tally.new_counters("normalise"),
            Arc::clone(&self.progress),
        );
        self.normalise
            .spawn("normalise".to_owned(), move || stage.run())
    }

    fn start_detecting(&mut self) -> Result<(), RunError> {
        let run = &self.config.run;
        let instance = run.instance.as_deref().unwrap_or(DEFAULT_INSTANCE);
        let group = self.clients.detect_group();
        let engine = Arc::new(self.config.engine_config());
        let standby = self.start_standing_by(&engine)?;
        for slot in 0..run.workers {
            let name = format!("detect-{slot}");
            let worker = Worker {
                clients: self.clients.clone(),
                topics: self.config.kafka.topics.clone(),
                engine: Arc::clone(&engine),
                commit_interval: span(run.commit_interval),
                checkpoint_interval: span(run.checkpoint_interval),
                transactional_id: format!("{group}-{instance}-{slot}"),
                stop: Arc::clone(&self.detect.stop),
                counters: self.tally.new_counters(&name),
                progress: Arc::clone(&self.progress),
                standby: standby.clone(),
            };
            self.detect.spawn(name, move || worker.run())?;
        }
        Ok(())
    }

    fn start_archiving(&mut self) -> Result<(), RunError> {
        let Some(directory) = &self.config.archive.dir else {
            return Ok(());
        };
        let stage = ArchiveStage {
            clients: self.clients.clone(),
            topics: self.config.kafka.topics.clone(),
            directory: directory.clone(),
            roll_after: span(self.config.archive.roll_after),
            stop: Arc::clone(&self.archive.stop),
            kinds: self.tally.kinds(),
            progress: Arc::clone(&self.archived),
        };
        self.archive.spawn("archive".to_owned(), move || {
            stage.run();
            Ok(())
        })
    }

    fn start_standing_by(
        &mut self,
        engine: &Arc<EngineConfig>,
    ) -> Result<Option<Arc<Standby>>, RunError> {
        if !self.config.run.standby {
            return Ok(None);
        }
        let topics = self.config.kafka.topics.clone();
        let partitions = partition_count(&self.observer, &topics.events);
        let partitions = partitions.map_err(|error| ConnectError::about(&topics.events, error))?;
        let source = Source {
            clients: self.clients.clone(),
            topics,
            engine: Arc::clone(engine),
            partitions: partitions.unwrap_or(0),
            standby: None,
        };
        let counters = self.tally.new_counters("standby");
        let standby = Arc::new(Standby::new(
            source,
            Arc::clone(&self.detect.stop),
            counters,
        ));
        let following = Arc::clone(&standby);
        self.detect
            .spawn("standby".to_owned(), move || following.run())?;
        Ok(Some(standby))
    }

    fn ends_of_log(&self) -> Result<Ends, RunError> {
        let topic = self.config.kafka.topics.events.as_str();
        let group = self.clients.detect_group();
        Ok(Ends::fetch(&self.clients, &group, &[topic])?)
    }

    /// Where the topics that are archived end.
    fn ends_of_archived(&self) -> Result<Ends, RunError> {
        let topics = &self.config.kafka.topics;
        let topics = [&*topics.events, &topics.findings, &topics.control];
        let group = self.clients.archive_group();
        Ok(Ends::fetch_all(&self.clients, &group, &topics)?)
    }

    /// Waits for the end: asked for, reached, or a thread that has failed.
    fn watch(&mut self, mut target: Target, shutdown: &Shutdown) -> Result<(), RunError> {
        let mut asked = Instant::now();
        while !shutdown.is_requested() {
            self.normalise.check()?;
            self.detect.check()?;
            if let Err(error) = self.archive.check() {
                // It is no reason to let anybody go on who is to be stopped.
                tracing::error!(%error, "nothing is archived any more until a restart");
                self.tally.kinds().archive_failed();
            }
            self.tally.looked();
            self.report();
            let ask = asked.elapsed() >= ASK_INTERVAL;
            if ask {
                asked = Instant::now();
            }
            let reached = match &mut target {
                Target::Never => false,
                Target::Normalised(ends) | Target::Detected(ends) => {
                    ends.are_reached(&self.progress, ask)
                }
                Target::Archived(ends) => ends.are_reached(&self.archived, ask),
            };
            if reached {
                match target {
                    Target::Normalised(_) if self.config.run.stage == Stage::All => {
                        self.normalise.join()?;
                        target = Target::Detected(self.ends_of_log()?);
                    }
                    Target::Detected(_) if self.archive.is_running() => {
                        self.detect.join()?;
                        target = Target::Archived(self.ends_of_archived()?);
                    }
                    _ => return Ok(()),
                }
            }
            thread::sleep(WATCH_INTERVAL);
        }
        tracing::info!("asked to stop: draining");
        Ok(())
    }

    fn end(&mut self) -> Result<(), RunError> {
        self.tally.stopping();
        // All are joined, whatever the first one says.
        let normalised = self.normalise.join();
        let detected = self.detect.join();
        let archived = self.archive.join();
        normalised.and(detected).and(archived)
    }

    fn counts(&self) -> Counts {
        self.tally.counts()
    }

    fn report(&mut self) {
        let elapsed = self.reported.at.elapsed();
        if elapsed < REPORT_INTERVAL {
            return;
        }
        let counts = self.counts();
        let seconds = elapsed.as_secs_f64();
        let rate = |now: u64, before: u64| ((now - before) as f64 / seconds).round();
        let before = self.reported.counts;
        let lag = lag(
            &self.observer,
            &self.config.kafka.topics.events,
            &self.progress,
        )
        .ok();
        self.tally.set_lag(lag);
        tracing::info!(
            records_per_s = rate(counts.records, before.records),
            events_per_s = rate(counts.events, before.events),
            lag,
            "rate"
        );
        tell(&counts, "progress");
        self.reported = Report {
            at: Instant::now(),
            counts,
        };
    }
}

impl Threads {
    fn spawn(
        &mut self,
        name: String,
        work: impl FnOnce() -> Result<(), ConnectError> + Send + 'static,
    ) -> Result<(), RunError> {
        let builder = thread::Builder::new().name(name.clone());
        let handle = builder.spawn(work).map_err(|source| RunError::Thread {
            stage: name.clone(),
            source,
        })?;
        self.running.push((name, handle));
        Ok(())
    }

    /// Takes the error of a thread that has ended although nobody asked it to.
    fn check(&mut self) -> Result<(), RunError> {
        let ended = self
            .running
            .iter()
            .position(|(_, thread)| thread.is_finished());
        ended.map_or(Ok(()), |at| finish(self.running.swap_remove(at)))
    }

    fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Stops all and waits for them.
    fn join(&mut self) -> Result<(), RunError> {
        self.stop.store(true, Ordering::Relaxed);
        let ended: Vec<_> = self.running.drain(..).map(finish).collect();
        ended.into_iter().collect()
    }
}

fn finish((name, thread): (String, JoinHandle<Result<(), ConnectError>>)) -> Result<(), RunError> {
    match thread.join() {
        Ok(ended) => Ok(ended?),
        Err(_) => Err(RunError::Defect(name)),
    }
}

/// The raw topics and the feedback: what is normalised.
fn source_topics(config: &Config) -> Vec<&str> {
    let mut topics: Vec<&str> = config.source.iter().map(|source| &*source.topic).collect();
    topics.push(&config.kafka.topics.feedback);
    topics.sort_unstable();
    topics.dedup();
    topics
}

pub(crate) fn span(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(0))
}

fn tell(counts: &Counts, what: &str) {
    tracing::info!(
        records = counts.records,
        normalised = counts.normalised,
        events = counts.events,
        findings = counts.findings,
        commands = counts.commands,
        dead_letters = counts.dead_letters,
        duplicates = counts.duplicates,
        late = counts.late,
        restored = counts.restored,
        skipped = counts.skipped,
        "{what}"
    );
}
