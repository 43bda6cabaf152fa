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
//! once and leaves no result. Either is gone on with where that is asked for ([`resume`]), as is what was killed.
//!
//! **Several configurations** can be replayed in one pass ([`replay_sides`]).
//!
//! **Into Kafka**: the same log can be written for a service to judge ([`into_kafka`](mod@into_kafka)).

mod ahead;
mod error;
mod feed;
mod inputs;
pub mod into_kafka;
pub mod labels;
mod log;
mod merge;
mod outdated;
mod pass;
mod place;
mod progress;
mod reader;
mod records;
mod remote;
mod results;
mod resume;
mod sample;
mod selection;
mod side;
mod summary;
mod tables;
mod writing;

use std::path::Path;

use plumbline_schemas::archive::is_in_bucket;

use crate::config::{Config, ReplayConfig};
use crate::run::Shutdown;
use error::INTERRUPTED;
pub use error::ReplayError;
pub(crate) use log::events;
use pass::Start;
use remote::Remote;
pub use sample::{Sampled, sample};
pub use summary::{Counts, Summary};
pub(crate) use writing::Writing;

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

/// Replays `config.replay.input` into `config.replay.out`, until a signal comes.
pub fn replay(config: &Config) -> Result<Summary, ReplayError> {
    let shutdown = interruption()?;
    replay_until(config, &mut || shutdown.is_requested())
}

/// The signals that end a replay before its log does.
pub(crate) fn interruption() -> Result<Shutdown, ReplayError> {
    Shutdown::on_signals().map_err(ReplayError::Signals)
}

/// The same, until this says so.
pub fn replay_until(
    config: &Config,
    stop: &mut dyn FnMut() -> bool,
) -> Result<Summary, ReplayError> {
    let out = config.replay.out.as_deref().ok_or(ReplayError::NoOutput)?;
    let labels = config.compare.labels.as_deref();
    let start = match config.replay.resume {
        true if is_in_bucket(out) => {
            let why = "results that belong into a bucket are put together in a temporary directory, of which nothing \
                       stays; name a directory as --out, and copy it";
            return Err(ReplayError::CannotResume(why.to_owned()));
        }
        true => Start::Resumed,
        false if is_in_bucket(out) => Start::Once,
        false => Start::Anew,
    };
    let remote = Remote::begin(out)?;
    let side = Side {
        config,
        out: remote.as_ref().map_or(out, Remote::spool),
        parquet: config.replay.parquet,
        export_state: config.replay.export_state,
    };
    let summaries = pass::replay(&config.replay, labels, &[side], start, stop);
    if matches!(summaries, Ok(_) | Err(ReplayError::Interrupted { .. })) {
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
/// Where a shutdown is requested, all sides have the results of the same records, and no state is exported. It cannot
/// be resumed.
pub fn replay_sides(
    input: &ReplayConfig,
    labels: Option<&Path>,
    sides: &[Side<'_>],
    shutdown: &Shutdown,
) -> Result<Vec<Summary>, ReplayError> {
    let stop = &mut || shutdown.is_requested();
    pass::replay(input, labels, sides, Start::Once, stop)
}
