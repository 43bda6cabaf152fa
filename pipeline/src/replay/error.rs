//! Why a replay did not end well.

use std::io;
use std::path::PathBuf;

use super::labels::LabelError;
use crate::analyst::{ArchiveError, RowsError};
use crate::enrich::EnrichError;
use crate::log_format::FormatError;
use crate::worker::SeedError;

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
    #[error("{0} is read, and belongs to what the results would replace; name another --out")]
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
        "interrupted: the results are of the first {events} records, as summary.json says; {next}"
    )]
    Interrupted {
        /// How many records were read.
        events: u64,
        /// How to have the rest.
        next: &'static str,
    },
    /// What cannot be resumed, and why.
    #[error("--resume: {0}")]
    CannotResume(String),
    /// Checkpoints of another log, or of another configuration.
    #[error(
        "--resume: what was begun in {out} is another replay: {what}: {how}; say the same as before, or leave --resume \
         out to begin anew"
    )]
    OtherReplay {
        /// Where the results are.
        out: PathBuf,
        /// What is another.
        what: String,
        /// How it was, and how it is.
        how: String,
    },
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
pub(super) const INTERRUPTED: u8 = 130;

impl ReplayError {
    /// The exit status for it: 2 for usage and configuration, 130 if interrupted, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Encode(_)
            | Self::Ended
            | Self::Signals(_) => 1,
            Self::Interrupted { .. } => INTERRUPTED,
            Self::Parquet { source, .. } => source.exit_code(),
            Self::Archive(source) => source.exit_code(),
            Self::Seed(source) => source.exit_code(),
            _ => 2,
        }
    }
}
