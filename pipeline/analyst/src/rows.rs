//! Reads Parquet as records: each row is a JSON object.
//!
//! A file that the archive wrote gives its events as they went in. A row of any other file becomes an
//! object with the names of its columns, structs as objects and maps too; what is null is left out.
//! Times are RFC 3339, those without a zone in UTC, as the logs that are kept so are.

use std::fs::File;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use crate::nested;
use crate::table::Table;

/// So many rows are decoded at once. Files that are merged are all open.
const ROWS_AT_ONCE: usize = 1024;
const WITHOUT_ZONE: &str = "%Y-%m-%dT%H:%M:%S%.3fZ";

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// A table of the archive that is no log.
    #[error("it is the table `{0}` of a replay and no log; the log of that replay is in `events`")]
    NotEvents(Table),
    /// A file that is no Parquet, or damaged.
    #[error("it is no Parquet, or damaged")]
    Parquet(#[from] ParquetError),
    /// Columns that JSON does not know.
    #[error("a row cannot be written as JSON")]
    Json(#[from] ArrowError),
}

impl RowsError {
    /// The exit status for it: 2 for wrong usage, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotEvents(_) => 2,
            Self::Parquet(_) | Self::Json(_) => 1,
        }
    }
}

/// The rows of a file.
pub struct Rows {
    reader: ParquetRecordBatchReader,
    is_archive: bool,
    total: u64,
    /// JSON of the rows of one batch, a line each, and how far it has been taken.
    lines: Vec<u8>,
    taken: usize,
    row: u64,
}

impl Rows {
    /// Reads a file from behind so many of its rows.
    pub fn open(file: File, row: u64) -> Result<Self, RowsError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
        let metadata = builder.metadata().file_metadata();
        let table = Table::of(metadata);
        if let Some(table @ (Table::Findings | Table::Commands)) = table {
            return Err(RowsError::NotEvents(table));
        }
        Ok(Self {
            is_archive: table.is_some(),
            total: u64::try_from(metadata.num_rows()).unwrap_or(0),
            reader: builder
                .with_batch_size(ROWS_AT_ONCE)
                .with_offset(usize::try_from(row).unwrap_or(usize::MAX))
                .build()?,
            lines: Vec::new(),
            taken: 0,
            row,
        })
    }

    /// Whether the archive wrote it: its rows are native events, of which each was believed when it was
    /// written, whatever its time.
    pub fn is_archive(&self) -> bool {
        self.is_archive
    }

    /// How many rows it has.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The number of the row that was read last, from 1.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// Reads the next row into `record`; false at the end.
    pub fn next(&mut self, record: &mut Vec<u8>) -> Result<bool, RowsError> {
        record.clear();
        while self.taken == self.lines.len() {
            let Some(batch) = self.reader.next() else {
                return Ok(false);
            };
            self.encode(&batch?)?;
        }
        let rest = &self.lines[self.taken..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.unwrap_or(rest.len());
        record.extend_from_slice(&rest[..end]);
        self.taken = (self.taken + end + 1).min(self.lines.len());
        self.row += 1;
        Ok(true)
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<(), RowsError> {
        self.lines.clear();
        self.taken = 0;
        let mut writer = WriterBuilder::new()
            .with_timestamp_format(WITHOUT_ZONE.to_owned())
            .build::<_, LineDelimited>(&mut self.lines);
        if self.is_archive {
            writer.write(&nested::events(batch)?)?;
        } else {
            writer.write(batch)?;
        }
        writer.finish()?;
        Ok(())
    }
}
