//! One input file as raw records: text cut into records, or the rows of a Parquet file.

use std::path::{Path, PathBuf};

use super::ReplayError;
use super::inputs::Inputs;
use super::place::At;
use super::progress::{Counter, Progress};
use super::records::{Next, Openings, Records};
use crate::analyst::Rows;
use crate::log_format::VRL;

/// What opens the files of a log.
pub(super) struct Opener {
    pub(super) inputs: Inputs,
    pub(super) format: String,
    pub(super) progress: Progress,
    /// Where files may be opened more than once they are shown as read at their end, and not as they are.
    pub(super) uncounted: Option<Progress>,
}

impl Opener {
    pub(super) fn open(&self, path: &Path, at: At) -> Result<Reader, ReplayError> {
        let progress = self.uncounted.as_ref().unwrap_or(&self.progress);
        Reader::open(&self.inputs, path, at, &self.format, progress)
    }

    /// A file was read to its end.
    pub(super) fn ended(&self, path: &Path) {
        if self.uncounted.is_some() {
            self.progress.read(self.inputs.bytes(path).unwrap_or(0));
        }
    }

    /// What was read by the process before counts as read.
    pub(super) fn pass(&self, files: &[PathBuf]) {
        let bytes = files.iter().filter_map(|path| self.inputs.bytes(path));
        self.progress.pass(bytes.sum());
    }
}

/// An input file that is read.
pub(super) enum Reader {
    Text(Records),
    Parquet {
        rows: Rows,
        counter: Counter,
    },
    /// Closed, to be read on from there.
    Resting(At),
    /// Closed, and read to its end, of so many lines.
    Ended(u64),
}

impl Reader {
    /// Opens a file, from there on. Parquet is known by its first bytes, whatever the name says.
    pub(super) fn open(
        inputs: &Inputs,
        path: &Path,
        at: At,
        format: &str,
        progress: &Progress,
    ) -> Result<Self, ReplayError> {
        let failed = |source| ReplayError::Read {
            path: path.to_owned(),
            offset: 0,
            source,
        };
        if let Some(file) = inputs.parquet(path).map_err(failed)? {
            let rows = Rows::open(file, at.row()).map_err(|source| ReplayError::Parquet {
                path: path.to_owned(),
                row: at.row(),
                source,
            })?;
            let bytes = inputs.bytes(path).unwrap_or(0);
            let counter = progress.counter(bytes, rows.total(), at.row());
            return Ok(Self::Parquet { rows, counter });
        }
        let position = at.position();
        let input = inputs
            .open(path, position.offset, progress)
            .map_err(failed)?;
        let openings = match format {
            VRL => Openings::None,
            "cloudtrail" | "auto" => Openings::Trails,
            _ => Openings::Records,
        };
        Ok(Self::Text(Records::from(input, openings, position)))
    }

    /// Reads the next record into `record`.
    pub(super) fn next(&mut self, path: &Path, record: &mut Vec<u8>) -> Result<Next, ReplayError> {
        match self {
            Self::Text(records) => records.next(record).map_err(|source| ReplayError::Read {
                path: path.to_owned(),
                offset: records.offset,
                source,
            }),
            Self::Parquet { rows, counter } => match rows.next(record) {
                Ok(true) => {
                    counter.row();
                    Ok(Next::Record)
                }
                Ok(false) => Ok(Next::End),
                Err(source) => Err(ReplayError::Parquet {
                    path: path.to_owned(),
                    row: rows.row(),
                    source,
                }),
            },
            Self::Resting(_) | Self::Ended(_) => Ok(Next::End),
        }
    }

    /// Whether it takes a file descriptor.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Text(_) | Self::Parquet { .. })
    }

    /// Where the next record is looked for.
    pub(super) fn at(&self) -> At {
        match self {
            Self::Text(records) => At::Text(records.position()),
            Self::Parquet { rows, .. } => At::Row(rows.row()),
            Self::Resting(at) => *at,
            Self::Ended(_) => At::START,
        }
    }

    /// Line of the record, or its row, from 1.
    pub(super) fn line(&self) -> u64 {
        match self {
            Self::Text(records) => records.line,
            Self::Parquet { rows, .. } => rows.row(),
            Self::Resting(At::Text(position)) => position.line,
            Self::Resting(At::Row(row)) => *row,
            Self::Ended(lines) => *lines,
        }
    }

    /// Whether the records are native events that a replay has written, whatever the format of the
    /// others.
    pub(super) fn is_archive(&self) -> bool {
        match self {
            Self::Parquet { rows, .. } => rows.is_archive(),
            Self::Text(_) | Self::Resting(_) | Self::Ended(_) => false,
        }
    }
}
