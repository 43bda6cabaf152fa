//! `plumbline run`: the stages of the line, from the first connection to the last commit.

mod archive_stage;
mod counters;
mod log_writer;
mod merge;
mod metrics;
mod normalise_stage;
mod others;
mod raw_partition;
mod raw_record;
mod shutdown;
mod supervise;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::analyst::ArchiveError;
use crate::config::{Config, Stage};
use crate::enrich::{EnrichError, Enricher};
use crate::kafka::ConnectError;
use crate::log_format::FormatError;

pub(crate) use counters::Counters;
pub use counters::{Counts, Tally};
pub(crate) use log_writer::LogWriter;
pub(crate) use metrics::Standing;
pub(crate) use raw_record::{DeadLetter, LogRecord};
pub use shutdown::Shutdown;
pub(crate) use supervise::span;

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The cluster, or what is configured of it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A file of `[geo]`.
    #[error(transparent)]
    Enrich(#[from] EnrichError),
    /// An archive, which this build cannot write.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A source whose format this build does not read.
    #[error("the log format of the source {topic} cannot be had")]
    Format {
        /// Topic of the source.
        topic: String,
        /// Why.
        source: FormatError,
    },
    /// Where metrics are to be served.
    #[error(
        "nothing can be served at {address} ({source}); another process may listen there: give each \
         process its own run.listen"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The signals.
    #[error("SIGTERM and SIGINT cannot be waited for")]
    Signals(#[source] io::Error),
    /// No thread for a stage.
    #[error("no thread can be started for {stage}")]
    Thread {
        /// Which one.
        stage: String,
        /// What the system said.
        source: io::Error,
    },
    /// A defect of this program.
    #[error("{0} has ended by a defect of this program; please report it with the log")]
    Defect(String),
}

impl RunError {
    /// The exit status for it: 2 for the configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect(error) => error.exit_code(),
            Self::Archive(error) => error.exit_code(),
            Self::Enrich(_) | Self::Format { .. } => 2,
            Self::Signals(_) | Self::Listen { .. } | Self::Thread { .. } | Self::Defect(_) => 1,
        }
    }
}

/// Runs the stages that `[run]` asks for until a signal comes, or with `until_end` the end.
pub fn run(config: &Config) -> Result<(), RunError> {
    let shutdown = Shutdown::on_signals().map_err(RunError::Signals)?;
    let enricher = match config.run.stage {
        Stage::Detect => Enricher::none(),
        Stage::Normalise | Stage::All => Enricher::open(&config.geo)?,
    };
    run_until(config, Arc::new(enricher), &shutdown).map(|_| ())
}

/// The same inside another program: with its own enricher, and until it asks to stop.
///
/// Blocks. The counts are those of all stages, from start to end.
pub fn run_until(
    config: &Config,
    enricher: Arc<Enricher>,
    shutdown: &Shutdown,
) -> Result<Counts, RunError> {
    run_counted(config, enricher, shutdown, &Tally::default())
}

/// The same, and the tally says meanwhile how far it is.
pub fn run_counted(
    config: &Config,
    enricher: Arc<Enricher>,
    shutdown: &Shutdown,
    tally: &Tally,
) -> Result<Counts, RunError> {
    supervise::supervise(config, enricher, shutdown, tally)
}
