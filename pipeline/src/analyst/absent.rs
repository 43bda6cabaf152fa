//! What stands for Parquet and SQL in a build without them: nothing can be opened.

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use plumbline_schemas::command::Command;
use plumbline_schemas::event::Event;
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;
use serde::{Deserialize, Serialize};

/// What was asked for is not part of this build.
#[derive(Debug, thiserror::Error)]
#[error(
    "this build of plumbline has neither Parquet nor SQL nor S3; build it with its default features, or with `--features analyst`"
)]
pub struct Absent;

/// No archive can be written.
pub type ArchiveError = Absent;
/// No Parquet can be read.
pub type RowsError = Absent;
/// No query can be answered.
pub type QueryError = Absent;

impl Absent {
    /// The exit status for it.
    pub fn exit_code(&self) -> u8 {
        2
    }
}

/// An archive that never is.
pub enum Archive {}

/// How much is written of it: of nothing, nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ArchiveExtent {}

impl ArchiveExtent {
    /// Never called.
    pub fn check(&self, _: &Path) -> io::Result<()> {
        match *self {}
    }
}

impl Archive {
    /// Fails.
    pub fn begin(_: &Path) -> Result<Self, Absent> {
        Err(Absent)
    }

    /// Never called.
    pub fn resume(_: &Path, extent: &ArchiveExtent) -> Result<Self, Absent> {
        match *extent {}
    }

    /// Never called.
    pub fn keep(&mut self) -> Result<ArchiveExtent, Absent> {
        match *self {}
    }

    /// Never called.
    pub fn event(&mut self, _: &Event<'_>) -> Result<(), Absent> {
        match *self {}
    }

    /// Never called.
    pub fn finding(&mut self, _: &Finding) -> Result<(), Absent> {
        match *self {}
    }

    /// Never called.
    pub fn command(&mut self, _: &Command) -> Result<(), Absent> {
        match *self {}
    }

    /// Never called.
    pub fn finish(&mut self) -> Result<(), Absent> {
        match *self {}
    }

    /// Never called.
    pub fn publish(self) -> Result<(), Absent> {
        match self {}
    }
}

/// No place for an archive.
pub enum Location {}

impl Location {
    /// Fails.
    pub fn at(_: &Path) -> Result<Self, Absent> {
        Err(Absent)
    }
}

/// Never called.
pub fn prepare(location: &Location) -> Result<(), Absent> {
    match *location {}
}

/// Buckets that nobody can ask.
pub enum Buckets {}

impl Buckets {
    /// Fails.
    pub fn new() -> io::Result<Self> {
        Err(io::Error::other(Absent))
    }

    /// Never called.
    pub fn list(&self, _: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        match *self {}
    }

    /// Never called.
    pub fn size(&self, _: &Path) -> io::Result<Option<u64>> {
        match *self {}
    }

    /// Never called.
    pub fn read(&self, _: &Path) -> io::Result<Box<dyn Read + Send>> {
        match *self {}
    }

    /// Never called.
    pub fn bytes(&self, _: &Path, _: Range<u64>) -> io::Result<Vec<u8>> {
        match *self {}
    }

    /// Never called.
    pub fn fetch(&self, _: &Path) -> io::Result<File> {
        match *self {}
    }

    /// Never called.
    pub fn upload(&self, _: &Path, _: &Path) -> io::Result<()> {
        match *self {}
    }
}

/// A partition that never is archived.
pub enum PartitionArchive {}

impl PartitionArchive {
    /// Fails.
    pub fn open(_: &Location, _: Table, _: i32) -> Result<Self, Absent> {
        Err(Absent)
    }

    /// Never called.
    pub fn next(&self) -> Option<i64> {
        match *self {}
    }

    /// Never called.
    pub fn is_new(&self, _: i64) -> bool {
        match *self {}
    }

    /// Never called.
    pub fn waiting(&self) -> Option<(i64, Instant)> {
        match *self {}
    }

    /// Never called.
    pub fn take_named_rows(&mut self) -> u64 {
        match *self {}
    }

    /// Never called.
    pub fn event(&mut self, _: &Event<'_>, _: i64, _: Option<EventTime>) -> Result<(), Absent> {
        match *self {}
    }

    /// Never called.
    pub fn finding(&mut self, _: &Finding, _: i64) -> Result<(), Absent> {
        match *self {}
    }

    /// Never called.
    pub fn command(&mut self, _: &Command, _: i64) -> Result<(), Absent> {
        match *self {}
    }

    /// Never called.
    pub fn spill(&mut self) -> Result<(), Absent> {
        match *self {}
    }

    /// Never called.
    pub fn close(&mut self) -> Result<(), Absent> {
        match *self {}
    }

    /// Never called.
    pub fn tidy(&mut self) -> Result<(), Absent> {
        match *self {}
    }
}

/// A table of the archive, of which no file can be a part here: none is read.
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
    /// None.
    pub fn of_file(_: &Path) -> Option<Self> {
        None
    }

    /// Never called.
    pub fn name(self) -> &'static str {
        ""
    }
}

/// Rows that never are.
pub enum Rows {}

impl Rows {
    /// Fails.
    pub fn open(_: File, _: u64) -> Result<Self, Absent> {
        Err(Absent)
    }

    /// Never called.
    pub fn is_archive(&self) -> bool {
        match *self {}
    }

    /// Never called.
    pub fn total(&self) -> u64 {
        match *self {}
    }

    /// Never called.
    pub fn row(&self) -> u64 {
        match *self {}
    }

    /// Never called.
    pub fn next(&mut self, _: &mut Vec<u8>) -> Result<bool, Absent> {
        match *self {}
    }
}

/// How an answer would be written.
#[derive(Clone, Copy)]
pub enum Format {
    /// An aligned table.
    Table,
    /// Comma-separated values.
    Csv,
    /// A JSON object for each row.
    Json,
    /// A Parquet file.
    Parquet,
}

/// Who would read an answer.
#[derive(Clone, Copy)]
pub enum Audience {
    /// What takes every character as it is.
    Program,
    /// What obeys some.
    Terminal,
}

/// Tables that never are.
pub enum Database {}

impl Database {
    /// Fails.
    pub fn open(_: &[PathBuf]) -> Result<Self, Absent> {
        Err(Absent)
    }

    /// Never called.
    pub fn tables(&self) -> Vec<String> {
        match *self {}
    }

    /// Never called.
    pub fn rows(&self, _: &str) -> Result<Vec<Vec<Option<String>>>, Absent> {
        match *self {}
    }

    /// Never called.
    pub fn answer(
        &self,
        _: &str,
        _: Format,
        _: Audience,
        _: &mut (dyn Write + Send),
    ) -> Result<u64, Absent> {
        match *self {}
    }
}
