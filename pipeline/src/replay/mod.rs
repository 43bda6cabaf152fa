//! `plumbline replay`: historical logs through the same engine, without Kafka.
//!
//! **Inputs** are files, globs, directories (every file below, by name; hidden ones are left out) and
//! `-` for stdin; plain, gzip, Zstandard or Parquet, known by their first bytes. A file holds one record a
//! line, or a JSON array, or documents of several lines, or, for CloudTrail, `{"Records":[…]}`. A row of
//! Parquet is a record; the `events` of an earlier replay are native events, whatever the format.
//!
//! **Order**: one file keeps the order of its lines; several are merged by event time ([`merge`]).
//! A time that jumps ahead of its file is believed only when the next record confirms it ([`feed`]).
//!
//! **Results**, in the directory given: `findings.ndjson`, `commands.ndjson`, `deadletter.ndjson`
//! (`reason`, `detail`, `source`, `line`, `raw` without secrets), `access.ndjson` (what every identity is
//! granted against what it uses, [`Access`](plumbline_detectors::access::Access)) and `summary.json`
//! ([`Summary`]); with `parquet` also the tables `events/` (the log as it was read), `findings/` and
//! `commands/`, replaced as a whole. The same inputs and configuration give the same bytes, but for `wall_ms`.

mod feed;
mod inputs;
mod merge;
mod progress;
mod reader;
mod records;
mod results;
mod summary;
mod tables;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use plumbline_detectors::{Disposition, Engine, Output};
use plumbline_schemas::event::Event;

use crate::analyst::{ArchiveError, RowsError};
use crate::config::Config;
use crate::enrich::{EnrichError, Enricher};
use crate::normalise::Normaliser;
use feed::{Feed, Taken};
use progress::Progress;
use reader::Reader;
use results::Results;
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
        "{0} holds other files than the Parquet of a replay, which would be replaced; name another --out"
    )]
    Occupied(PathBuf),
    /// An input that the results would replace.
    #[error(
        "{0} is read, and belongs to the tables that the results would replace; name another --out"
    )]
    InputInOutput(PathBuf),
    /// A log format that this build does not have.
    #[error("there is no log format `{0}`; `plumbline replay --help` names those there are")]
    Format(String),
    /// A file of `[geo]`.
    #[error(transparent)]
    Enrich(#[from] EnrichError),
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
    /// A defect of this program.
    #[error("an event or a result cannot be written as JSON; please report it")]
    Encode(#[source] serde_json::Error),
}

impl ReplayError {
    /// The exit status for it: 2 for usage and configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. } | Self::Write { .. } | Self::Encode(_) => 1,
            Self::Parquet { source, .. } => source.exit_code(),
            Self::Archive(source) => source.exit_code(),
            _ => 2,
        }
    }
}

/// Replays `config.replay.input` into `config.replay.out`.
pub fn replay(config: &Config) -> Result<Summary, ReplayError> {
    let started = Instant::now();
    let out = config.replay.out.as_deref().ok_or(ReplayError::NoOutput)?;
    if out.is_file() {
        return Err(ReplayError::NotADirectory(out.to_owned()));
    }
    let files = inputs::expand(&config.replay.input)?;
    tables::check(out, &files)?;
    let format = &config.replay.format;
    let enricher = Arc::new(Enricher::open(&config.geo)?);
    let normaliser = Normaliser::new(format, config.replay.tenant.as_deref(), enricher)
        .ok_or_else(|| ReplayError::Format(format.clone()))?;
    let progress = Progress::new(inputs::total_bytes(&files));
    let mut feeds = Vec::with_capacity(files.len());
    for path in &files {
        feeds.push(Feed::new(path, Reader::open(path, format, &progress)?));
    }
    let names: Vec<String> = files
        .iter()
        .map(|path| path.display().to_string())
        .collect();

    let mut run = Run {
        engine: Engine::new(Arc::new(config.engine_config())),
        outputs: Vec::new(),
        results: Results::begin(out, config.replay.parquet)?,
        summary: Summary {
            inputs: files.len() as u64,
            ..Summary::default()
        },
    };
    merge::merge(&mut feeds, &normaliser, &mut |file, taken| {
        progress.events(run.summary.events);
        run.take(&names[file], taken)
    })?;
    progress.finish();
    let Run {
        engine,
        mut results,
        mut summary,
        ..
    } = run;
    results.access(engine.access())?;
    results.publish(&mut summary, |summary| {
        summary.identities = engine.identities() as u64;
        summary.state_bytes = engine.state_bytes() as u64;
        summary.wall_ms = started.elapsed().as_millis() as u64;
    })?;
    Ok(summary)
}

/// The engine, and where its outputs go.
struct Run {
    engine: Engine,
    outputs: Vec<Output>,
    results: Results,
    summary: Summary,
}

impl Run {
    fn take(&mut self, source: &str, taken: Taken<'_>) -> Result<(), ReplayError> {
        self.summary.events += 1;
        match taken {
            Taken::Event(event) => self.apply(event),
            Taken::Rejected(line, reject, raw) => {
                self.summary.dead_letters += 1;
                *self
                    .summary
                    .dead_letters_by_reason
                    .entry(reject.reason.as_str())
                    .or_default() += 1;
                self.results.reject(source, line, &reject, raw)
            }
            Taken::Skipped => {
                self.summary.skipped += 1;
                Ok(())
            }
        }
    }

    fn apply(&mut self, event: &Event<'_>) -> Result<(), ReplayError> {
        self.summary.saw(event.time);
        self.summary.unrecognised_words += event.unrecognised_words() as u64;
        self.results.event(event)?;
        match self.engine.apply(event, &mut self.outputs) {
            Disposition::Applied | Disposition::Told => {}
            Disposition::Duplicate => self.summary.duplicates += 1,
            Disposition::Late => self.summary.late += 1,
        }
        self.results
            .take(event.time, &mut self.outputs, &mut self.summary)
    }
}
