//! One input file as raw records: text cut into records, or the rows of a Parquet file.

use std::io;
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
}

impl Opener {
    pub(super) fn open(&self, path: &Path, at: At) -> Result<Reader, ReplayError> {
        Reader::open(&self.inputs, path, at, &self.format, &self.progress)
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
    Parquet { rows: Rows, counter: Counter },
}

impl Reader {
    /// Of a file that was read to its end before.
    pub(super) fn ended() -> Self {
        Self::Text(Records::new(Box::new(io::empty()), Openings::None))
    }

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
        }
    }

    /// Where the next record is looked for.
    pub(super) fn at(&self) -> At {
        match self {
            Self::Text(records) => At::Text(records.position()),
            Self::Parquet { rows, .. } => At::Row(rows.row()),
        }
    }

    /// Line of the record, or its row, from 1.
    pub(super) fn line(&self) -> u64 {
        match self {
            Self::Text(records) => records.line,
            Self::Parquet { rows, .. } => rows.row(),
        }
    }

    /// Whether the records are native events that a replay has written, whatever the format of the
    /// others.
    pub(super) fn is_archive(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Parquet { rows, .. } => rows.is_archive(),
        }
    }
}
