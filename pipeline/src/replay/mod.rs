//! `plumbline replay`: historical logs through the same engine, without Kafka.
//!
//! **Inputs** are files, globs, directories (every file below, by name; hidden ones are left out) and
//! `-` for stdin; plain, gzip, Zstandard or Parquet, known by their first bytes. A file holds one record a
//! line, or a JSON array, or documents of several lines, or, for CloudTrail, `{"Records":[…]}`. A row of
//! Parquet is a record; the `events` of an earlier replay or of a service are native events, whatever the format.
//!
//! **Order**: one file keeps the order of its lines; several are merged by event time ([`merge`]), of a service's
//! archive the partitions, each in the order of its offsets.
//! A time that jumps ahead of its file is believed only when the next record confirms it ([`feed`]).
//!
//! **Results**, in the directory given: `findings.ndjson`, `commands.ndjson`, `deadletter.ndjson`
//! (`reason`, `detail`, `source`, `line`, `raw` without secrets), `access.ndjson` (what every identity is
//! granted against what it uses, [`Access`](plumbline_detectors::access::Access)) and `summary.json`
//! ([`Summary`]); with `parquet` also the tables `events/` (the log as it was read), `findings/` and
//! `commands/`, replaced as a whole. The same inputs and configuration give the same bytes, but for `wall_ms`.
//! Where events of the input are known to be an attack's, `labels.ndjson` names them ([`labels`]).
//!
//! **A part of it**: a range of time, and identities with what is done on their behalf; the rest is read, counted
//! and left out ([`selection`]).
//!
//! **Interrupted**, a replay writes what came of the records before, and the summary says so; a second signal ends it at
//! once and leaves no result.
//!
//! **Several configurations** can be replayed in one pass ([`replay_sides`]).

mod ahead;
mod feed;
mod inputs;
pub mod labels;
mod log;
mod merge;
mod progress;
mod reader;
mod records;
mod remote;
mod results;
mod sample;
mod selection;
mod summary;
mod tables;

use std::fs::File;
use std::io::{self, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use plumbline_detectors::{Disposition, Engine, Output};
use plumbline_schemas::archive::is_in_bucket;
use plumbline_schemas::drift::DriftCounts;
use plumbline_schemas::event::Event;

use crate::analyst::{ArchiveError, RowsError};
use crate::config::{Config, ReplayConfig};
use crate::enrich::{EnrichError, Enricher};
use crate::log_format::FormatError;
use crate::run::Shutdown;
use crate::worker::{Seed, SeedError};
use feed::Taken;
use inputs::Inputs;
use labels::{LabelError, LabelFile, Labels};
use log::Log;
pub(crate) use log::events;
use remote::Remote;
use results::Results;
pub(crate) use results::Writing;
pub use sample::{Sampled, sample};
pub use summary::Summary;

/// Why a replay did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A path that is not there, or a glob or directory without files.
    #[error("`{0}` names no file; check the path, or quote the glob")]
    NoInput(String),
    /// Nowhere to write.
    #[error("no output directory; name one with --out DIR, or `out` in [replay]")]
    NoOutput,
    /// The output directory is a file.
    #[error("{0} is a file; --out names a directory")]
    NotADirectory(PathBuf),
    /// A directory of other files where a table belongs.
    #[error(
        "{0} would be replaced, and is not known to hold a replay's table and nothing else; name another --out"
    )]
    Occupied(PathBuf),
    /// A place in a bucket where something is.
    #[error("something is at {0} already, and in a bucket nothing is replaced; name another --out")]
    Taken(PathBuf),
    /// Results of a comparison in a bucket.
    #[error("{0} is in a bucket; a comparison is written into a directory")]
    InBucket(PathBuf),
    /// A file of somebody else under the name of a result.
    #[error("{0} would be replaced, and no replay has written it; name another --out")]
    Foreign(PathBuf),
    /// An input that the results would replace.
    #[error(
        "{0} is read, and belongs to the tables that the results would replace; name another --out"
    )]
    InputInOutput(PathBuf),
    /// The log format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A file of `[geo]`.
    #[error(transparent)]
    Enrich(#[from] EnrichError),
    /// The file of labels.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A file that cannot be read to its end.
    #[error("{path} cannot be read beyond byte {offset} of its content; no result was written")]
    Read {
        /// The file.
        path: PathBuf,
        /// Bytes that were read, after decompression.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// A Parquet file that cannot be read to its end.
    #[error("{path} cannot be read beyond row {row}; no result was written")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Rows that were read.
        row: u64,
        /// Why.
        source: RowsError,
    },
    /// Tables that cannot be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A result that cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Reading ended because nobody takes what is read: what came before it says why.
    #[error("the replay has ended before its input")]
    Ended,
    /// A signal asked for the end.
    #[error(
        "interrupted: the results are of the first {0} records, as summary.json says; replay the log again for all of it"
    )]
    Interrupted(u64),
    /// The system does not let signals be handled.
    #[error("signals cannot be handled")]
    Signals(#[source] io::Error),
    /// State for a service to begin with.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// A defect of this program.
    #[error("an event or a result cannot be written as JSON; please report it")]
    Encode(#[source] serde_json::Error),
}

/// The exit status of what Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;

impl ReplayError {
    /// The exit status for it: 2 for usage and configuration, 130 if interrupted, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Encode(_)
            | Self::Ended
            | Self::Signals(_) => 1,
            Self::Interrupted(_) => INTERRUPTED,
            Self::Parquet { source, .. } => source.exit_code(),
            Self::Archive(source) => source.exit_code(),
            Self::Seed(source) => source.exit_code(),
            _ => 2,
        }
    }
}

/// A configuration that a log is replayed under, and where its results go.
pub struct Side<'c> {
    /// Of it `[geo]`, `[engine]`, `[detectors]` and `[policy]` are read.
    pub config: &'c Config,
    /// The directory of its results.
    pub out: &'c Path,
    /// Whether the results are written as tables too, and the log with them.
    pub parquet: bool,
    /// Whether what is learnt of the log becomes the state that a service begins with.
    pub export_state: bool,
}

/// What is made of results, and does not belong to those that replace them; each with a member that it has.
const OUTDATED: [(&str, &str); 4] = [
    (labels::FILE, "event_id"),
    ("comparison.json", "same_log"),
    ("differences.ndjson", "change"),
    ("sweep.json", "values"),
];

/// Refuses what is there under such a name and is somebody else's: a simulator writes a `labels.ndjson` too.
fn check_outdated(out: &Path) -> Result<(), ReplayError> {
    for (name, member) in OUTDATED {
        let path = out.join(name);
        let file = match File::open(&path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ReplayError::Write { path, source }),
        };
        let first = serde_json::Deserializer::from_reader(file)
            .into_iter::<serde_json::Value>()
            .next();
        // One without differences is empty.
        let is_ours = first.is_none_or(|first| first.is_ok_and(|it| it.get(member).is_some()));
        if !is_ours {
            return Err(ReplayError::Foreign(path));
        }
    }
    Ok(())
}

fn remove_outdated(out: &Path) -> Result<(), ReplayError> {
    for path in OUTDATED.map(|(name, _)| out.join(name)) {
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(ReplayError::Write { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Replays `config.replay.input` into `config.replay.out`, until a signal comes.
pub fn replay(config: &Config) -> Result<Summary, ReplayError> {
    replay_until(config, &interruption()?)
}

/// The signals that end a replay before its log does.
pub(crate) fn interruption() -> Result<Shutdown, ReplayError> {
    Shutdown::on_signals().map_err(ReplayError::Signals)
}

/// The same, until this is requested.
pub fn replay_until(config: &Config, shutdown: &Shutdown) -> Result<Summary, ReplayError> {
    let out = config.replay.out.as_deref().ok_or(ReplayError::NoOutput)?;
    let labels = config.compare.labels.as_deref();
    let remote = Remote::begin(out)?;
    let side = Side {
        config,
        out: remote.as_ref().map_or(out, Remote::spool),
        parquet: config.replay.parquet,
        export_state: config.replay.export_state,
    };
    let summaries = replay_sides(&config.replay, labels, &[side], shutdown);
    if matches!(summaries, Ok(_) | Err(ReplayError::Interrupted(_))) {
        remote.map_or(Ok(()), Remote::publish)?;
    }
    summaries?.into_iter().next().ok_or(ReplayError::NoOutput)
}

/// Replays one input under each of these configurations, in one pass: a record is decoded once and
/// handed to an engine of each. Every side gets the bytes that a replay of its own would write.
///
/// Enrichment belongs to decoding where all sides have the same `[geo]`; otherwise each side enriches
/// its own copy of the event. Memory is the state of all engines together.
///
/// Where a shutdown is requested, all sides have the results of the same records, and no state is exported.
pub fn replay_sides(
    input: &ReplayConfig,
    labels: Option<&Path>,
    sides: &[Side<'_>],
    shutdown: &Shutdown,
) -> Result<Vec<Summary>, ReplayError> {
    let started = Instant::now();
    if let Some(side) = sides.iter().find(|side| side.out.is_file()) {
        return Err(ReplayError::NotADirectory(side.out.to_owned()));
    }
    if let Some(side) = sides.iter().find(|side| is_in_bucket(side.out)) {
        return Err(ReplayError::InBucket(side.out.to_owned()));
    }
    let mut labels = Labels::new(labels.map(LabelFile::read).transpose()?);
    let (opened, files) = Inputs::expand(&input.input)?;
    for side in sides {
        tables::check(side.out, &files)?;
        check_outdated(side.out)?;
    }
    let enrichers = Enrichers::open(sides)?;
    let log = Log::new(input, (opened, files), enrichers.common)?;
    let feeds = log.feeds()?;

    let mut runs = Vec::with_capacity(sides.len());
    for (side, enricher) in sides.iter().zip(enrichers.own) {
        runs.push(Run::begin(side, enricher, log.files())?);
    }
    let mut drifted = DriftCounts::default();
    let mut is_interrupted = false;
    log.read(feeds, &mut |source, taken| {
        if shutdown.is_requested() {
            is_interrupted = true;
            return Ok(ControlFlow::Break(()));
        }
        match &taken {
            Taken::Drift(drift) => drifted.add(drift),
            Taken::Event(event) => labels.note(event),
            _ => {}
        }
        let mut runs = runs.iter_mut();
        runs.try_for_each(|run| run.take(source, &taken))?;
        Ok(ControlFlow::Continue(()))
    })?;
    labels.warn();
    // A record is decoded once for all sides.
    for run in &mut runs {
        run.summary.drifted(&drifted);
        run.summary.interrupted = is_interrupted;
    }
    // Either all sides have new results or none.
    runs.iter_mut().try_for_each(|run| run.finish(started))?;
    let mut summaries = Vec::with_capacity(sides.len());
    for (run, side) in runs.into_iter().zip(sides) {
        run.results.publish()?;
        remove_outdated(side.out)?;
        labels.publish(side.out)?;
        if let Some(seed) = run.seed.filter(|_| !is_interrupted) {
            seed.write()?;
        }
        summaries.push(run.summary);
    }
    match summaries.first().filter(|_| is_interrupted) {
        Some(summary) => Err(ReplayError::Interrupted(summary.events)),
        None => Ok(summaries),
    }
}

/// What adds places to events: for all sides at once, or for each its own.
struct Enrichers {
    common: Arc<Enricher>,
    own: Vec<Option<Enricher>>,
}

impl Enrichers {
    fn open(sides: &[Side<'_>]) -> Result<Self, ReplayError> {
        let mut geo = sides.iter().map(|side| &side.config.geo);
        let first = geo.next();
        if let Some(first) = first.filter(|first| geo.all(|geo| geo == *first)) {
            return Ok(Self {
                common: Arc::new(Enricher::open(first)?),
                own: sides.iter().map(|_| None).collect(),
            });
        }
        let own = sides
            .iter()
            .map(|side| Enricher::open(&side.config.geo).map(Some));
        Ok(Self {
            common: Arc::new(Enricher::none()),
            own: own.collect::<Result<_, _>>()?,
        })
    }
}

/// The engine of one side, and where its outputs go.
struct Run {
    engine: Engine,
    /// Of a side whose `[geo]` is another than that of the others.
    enricher: Option<Enricher>,
    outputs: Vec<Output>,
    results: Results,
    summary: Summary,
    /// What a service will begin with.
    seed: Option<Seed>,
}

impl Run {
    fn begin(
        side: &Side<'_>,
        enricher: Option<Enricher>,
        inputs: u64,
    ) -> Result<Self, ReplayError> {
        let seed = side.export_state.then(|| Seed::prepare(side.config));
        Ok(Self {
            seed: seed.transpose()?,
            engine: Engine::new(Arc::new(side.config.engine_config())),
            enricher,
            outputs: Vec::new(),
            results: Results::begin(side.out, side.parquet)?,
            summary: Summary {
                inputs,
                configuration: side.config.engine_digest(),
                ..Summary::default()
            },
        })
    }

    fn take(&mut self, source: &str, taken: &Taken<'_>) -> Result<(), ReplayError> {
        // A field that is not what it should be is no record of its own, and of no side alone.
        self.summary.events += u64::from(!matches!(taken, Taken::Drift(_)));
        match taken {
            Taken::Event(event) => match &self.enricher {
                None => self.apply(event),
                Some(enricher) => {
                    let mut event = Event::clone(event);
                    enricher.enrich(&mut event);
                    self.apply(&event)
                }
            },
            Taken::Rejected(line, reject, raw) => {
                self.summary.dead_letters += 1;
                *self
                    .summary
                    .dead_letters_by_reason
                    .entry(reject.reason.as_str())
                    .or_default() += 1;
                self.results.reject(source, *line, reject, raw)
            }
            Taken::Skipped => {
                self.summary.skipped += 1;
                Ok(())
            }
            Taken::LeftOut => {
                self.summary.left_out += 1;
                Ok(())
            }
            Taken::Drift(_) => Ok(()),
        }
    }

    fn apply(&mut self, event: &Event<'_>) -> Result<(), ReplayError> {
        self.summary.saw(event.time);
        self.results.event(event)?;
        if let Some(seed) = &mut self.seed {
            seed.take(event);
        }
        match self.engine.apply(event, &mut self.outputs) {
            Disposition::Applied | Disposition::Told => {}
            Disposition::Duplicate => self.summary.duplicates += 1,
            Disposition::Late => self.summary.late += 1,
        }
        self.results
            .take(event.time, &mut self.outputs, &mut self.summary)
    }

    fn finish(&mut self, started: Instant) -> Result<(), ReplayError> {
        self.results.access(self.engine.access())?;
        self.results.finish(&mut self.summary, |summary| {
            summary.identities = self.engine.identities() as u64;
            summary.state_bytes = self.engine.state_bytes() as u64;
            summary.wall_ms = started.elapsed().as_millis() as u64;
        })
    }
}
