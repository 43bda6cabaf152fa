//! The tables, and how a file says of which it is a part.

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use parquet::file::metadata::{FileMetaData, KeyValue};
use parquet::file::reader::{FileReader, SerializedFileReader};

/// The entry of a file's metadata that names its table.
const TABLE_KEY: &str = "plumbline.table";

/// A table of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// The log.
    Events,
    /// What was found.
    Findings,
    /// What is to be done about it.
    Commands,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 3] = [Self::Events, Self::Findings, Self::Commands];

    /// Its name in SQL, and that of its directory.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Findings => "findings",
            Self::Commands => "commands",
        }
    }

    /// Its columns.
    pub fn schema(self) -> SchemaRef {
        Arc::new(match self {
            Self::Events => plumbline_schemas::arrow::events(),
            Self::Findings => plumbline_schemas::arrow::findings(),
            Self::Commands => plumbline_schemas::arrow::commands(),
        })
    }

    /// What a file of this table says in its metadata.
    pub(crate) fn metadata(self) -> Vec<KeyValue> {
        vec![KeyValue::new(
            TABLE_KEY.to_owned(),
            Some(self.name().to_owned()),
        )]
    }

    /// The table of which a file is a part; none of what the archive did not write, or what cannot be read.
    pub fn of_file(path: &Path) -> Option<Self> {
        let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
        Self::of(reader.metadata().file_metadata())
    }

    /// The same of what is open already.
    pub(crate) fn of(file: &FileMetaData) -> Option<Self> {
        let entries = file.key_value_metadata()?;
        let entry = entries.iter().find(|entry| entry.key == TABLE_KEY)?;
        let name = entry.value.as_deref()?;
        Self::ALL.into_iter().find(|table| table.name() == name)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
