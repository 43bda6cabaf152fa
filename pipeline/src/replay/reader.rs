//! One input file as raw records: text cut into records, or the rows of a Parquet file.

use std::path::Path;

use super::ReplayError;
use super::inputs::Inputs;
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
    pub(super) fn open(&self, path: &Path) -> Result<Reader, ReplayError> {
        Reader::open(&self.inputs, path, &self.format, &self.progress)
    }
}

/// An input file that is read.
pub(super) enum Reader {
    Text(Records),
    Parquet { rows: Rows, counter: Counter },
}

impl Reader {
    /// Opens a file. Parquet is known by its first bytes, whatever the name says.
    pub(super) fn open(
        inputs: &Inputs,
        path: &Path,
        format: &str,
        progress: &Progress,
    ) -> Result<Self, ReplayError> {
        let failed = |source| ReplayError::Read {
            path: path.to_owned(),
            offset: 0,
            source,
        };
        if let Some(file) = inputs.parquet(path).map_err(failed)? {
            let rows = Rows::open(file).map_err(|source| ReplayError::Parquet {
                path: path.to_owned(),
                row: 0,
                source,
            })?;
            let bytes = inputs.bytes(path).unwrap_or(0);
            let counter = progress.counter(bytes, rows.total());
            return Ok(Self::Parquet { rows, counter });
        }
        let input = inputs.open(path, progress).map_err(failed)?;
        let openings = match format {
            VRL => Openings::None,
            "cloudtrail" | "auto" => Openings::Trails,
            _ => Openings::Records,
        };
        Ok(Self::Text(Records::new(input, openings)))
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
