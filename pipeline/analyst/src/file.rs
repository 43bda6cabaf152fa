//! One Parquet file of a table: rows are put together in batches, and batches in row groups.
//!
//! A row group holds [`GROUP_ROWS`] rows. Every column has statistics; ids, identities and
//! sessions have Bloom filters, so that what concerns one identity is found without reading the
//! groups in which it does not occur. The same rows give the same bytes, as long as no row group is ended early.
//!
//! A file that is not complete has no footer, and cannot be read. Who wants to go on with it later keeps what its
//! footer would be so far ([`Begun`]).

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataWriter};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use tempfile::tempfile_in;

use crate::batch::{self, Batch};
use crate::table::Table;

/// Rows of a row group: what is read or skipped as a whole.
pub const GROUP_ROWS: usize = 1 << 15;

/// Columns by which one looks up. Their filters shrink to the values that a row group truly has.
pub(crate) const LOOKED_UP: [&str; 8] = [
    "id",
    "identity_id",
    "session_id",
    "credential_id",
    "target_identity",
    "target_session_id",
    "target_credential_id",
    "supersedes",
];

/// Why the archive cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file or directory that cannot be written or moved.
    #[error("{path} cannot be written")]
    Write {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that cannot be encoded.
    #[error("{path} cannot be written as Parquet")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
    /// A file of the archive that cannot be read, to make one of it and others.
    #[error(
        "{path} cannot be read, and so stays apart from the others of its day; see what became of it"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
    /// A partition that another process archives.
    #[error("{path} is locked: another process archives that partition into this directory")]
    Locked {
        /// The file that is locked.
        path: PathBuf,
    },
    /// A defect of this program.
    #[error("a row of table {table} does not have its columns; please report it")]
    Row {
        /// The table.
        table: Table,
        /// Why.
        source: ArrowError,
    },
    /// A defect of this program.
    #[error("the evidence of a finding cannot be written as JSON; please report it")]
    Evidence(#[source] serde_json::Error),
}

impl ArchiveError {
    /// The exit status for it.
    pub fn exit_code(&self) -> u8 {
        1
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            source,
        }
    }
}

/// How much of a file is written, and with what behind that it can be read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) bytes: u64,
    footer: Vec<u8>,
}

/// A file that is being written.
pub(crate) struct TableFile {
    table: Table,
    path: PathBuf,
    batch: Batch,
    writer: ArrowWriter<File>,
    rows: usize,
}

impl TableFile {
    /// Begins a file at that path, in the place of what may be there.
    pub(crate) fn create(table: Table, path: PathBuf) -> Result<Self, ArchiveError> {
        let file = File::create(&path).map_err(|source| ArchiveError::write(&path, source))?;
        let writer = ArrowWriter::try_new(file, table.schema(), Some(properties(table)));
        Ok(Self {
            batch: Batch::new(table.schema()).map_err(|source| row(table, source))?,
            writer: writer.map_err(|source| encoding(&path, source))?,
            table,
            path,
            rows: 0,
        })
    }

    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.rows + self.batch.rows()
    }

    /// Where the next row goes.
    pub(crate) fn room(&mut self) -> Result<&mut Batch, ArchiveError> {
        if self.batch.rows() == batch::ROWS {
            self.flush()?;
        }
        Ok(&mut self.batch)
    }

    /// Appends rows that are put together already, of this table.
    pub(crate) fn append(&mut self, batch: &RecordBatch) -> Result<(), ArchiveError> {
        self.rows += batch.num_rows();
        self.writer
            .write(batch)
            .map_err(|source| encoding(&self.path, source))
    }

    /// Encodes the rows that wait to be a batch.
    pub(crate) fn flush(&mut self) -> Result<(), ArchiveError> {
        let batch = self.batch.finish();
        self.append(&batch.map_err(|source| row(self.table, source))?)
    }

    /// Ends the row group, and gives back the memory that it took.
    pub(crate) fn end_group(&mut self) -> Result<(), ArchiveError> {
        self.flush()?;
        self.writer
            .flush()
            .map_err(|source| encoding(&self.path, source))
    }

    /// Brings all rows to the disk, and says how much that is.
    pub(crate) fn keep(&mut self) -> Result<Begun, ArchiveError> {
        self.end_group()?;
        let synced = { self.writer.sync() }.and_then(|()| self.writer.inner().sync_data());
        synced.map_err(|source| ArchiveError::write(&self.path, source))?;
        Ok(Begun {
            bytes: self.writer.bytes_written() as u64,
            footer: self
                .footer()
                .map_err(|source| encoding(&self.path, source))?,
        })
    }

    /// Of the row groups that are complete.
    fn footer(&self) -> Result<Vec<u8>, ParquetError> {
        let schema = ArrowSchemaConverter::new().convert(&self.table.schema())?;
        let rows = i64::try_from(self.rows).unwrap_or(i64::MAX);
        let file = FileMetaData::new(2, rows, None, None, schema.into(), None);
        let groups = self.writer.flushed_row_groups().to_vec();
        let mut footer = Vec::new();
        ParquetMetaDataWriter::new(&mut footer, &ParquetMetaData::new(file, groups)).finish()?;
        Ok(footer)
    }

    /// Appends the rows that stood in so much of another file.
    pub(crate) fn append_begun(&mut self, path: &Path, begun: &Begun) -> Result<(), ArchiveError> {
        let failed = |source| ArchiveError::write(&self.path, source);
        let readable = || {
            let mut readable = tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
            io::copy(&mut File::open(path)?.take(begun.bytes), &mut readable)?;
            readable.write_all(&begun.footer)?;
            readable.rewind()?;
            Ok(readable)
        };
        let readable = readable().map_err(failed)?;
        let damaged = |source| ArchiveError::Read {
            path: path.to_owned(),
            source,
        };
        // The words of dictionaries are told from other texts by the schema alone.
        let options = ArrowReaderOptions::new().with_schema(self.table.schema());
        let rows = ParquetRecordBatchReaderBuilder::try_new_with_options(readable, options);
        let rows = rows.and_then(|rows| rows.with_batch_size(batch::ROWS).build());
        for batch in rows.map_err(damaged)? {
            self.append(&batch.map_err(|source| row(self.table, source))?)?;
        }
        Ok(())
    }

    /// Completes the file.
    pub(crate) fn finish(mut self) -> Result<File, ArchiveError> {
        self.flush()?;
        let Self { writer, path, .. } = self;
        writer
            .into_inner()
            .map_err(|source| encoding(&path, source))
    }
}

fn properties(table: Table) -> WriterProperties {
    let level = ZstdLevel::try_new(3).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("plumbline ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(batch::ROWS)
        .set_key_value_metadata(Some(table.metadata()));
    for name in LOOKED_UP {
        if table.schema().column_with_name(name).is_some() {
            let column = ColumnPath::from(name);
            properties = properties
                .set_column_bloom_filter_enabled(column.clone(), true)
                .set_column_bloom_filter_max_ndv(column, GROUP_ROWS as u64);
        }
    }
    properties.build()
}

fn encoding(path: &Path, source: ParquetError) -> ArchiveError {
    ArchiveError::Parquet {
        path: path.to_owned(),
        source,
    }
}

fn row(table: Table, source: ArrowError) -> ArchiveError {
    ArchiveError::Row { table, source }
}
