//! One Parquet file of a table: rows are put together in batches, and batches in row groups.
//!
//! A row group holds [`GROUP_ROWS`] rows. Every column has statistics; ids, identities and
//! sessions have Bloom filters, so that what concerns one identity is found without reading the
//! groups in which it does not occur. The same rows give the same bytes.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

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
