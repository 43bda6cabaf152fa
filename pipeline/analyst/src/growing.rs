//! A table of a replay while it is written: a hidden directory, whose files get their names at the end.
//!
//! A replay that is killed may be gone on with, so no file is changed of which a checkpoint knows, but by what is
//! appended to it. Each process writes files of its own, which carry its number (`2026-11-20.parquet.1`): what stood
//! in a file that was not complete is written again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use plumbline_schemas::archive::Day;
use plumbline_schemas::time::EventTime;
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::file::{ArchiveError, Begun, TableFile};
use crate::table::Table;

/// How much of a table is written at a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TableExtent {
    /// Of the process that wrote it.
    number: u32,
    clock: Option<i64>,
    complete: Vec<Complete>,
    begun: Option<(FileName, Begun)>,
}

/// What a file is called, now and at the end.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FileName {
    now: String,
    at_last: String,
}

/// A file that is complete.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Complete {
    name: FileName,
    bytes: u64,
}

impl TableExtent {
    /// Whether all of it is there.
    pub(crate) fn check(&self, parent: &Path, table: Table) -> io::Result<()> {
        let bytes =
            |name: &FileName| Ok::<_, io::Error>(name.find(parent, table)?.metadata()?.len());
        let missing = |name: &FileName| {
            let name = &name.at_last;
            Err(io::Error::other(format!(
                "{table}/{name} is not what was written of it"
            )))
        };
        for file in &self.complete {
            if bytes(&file.name)? != file.bytes {
                return missing(&file.name);
            }
        }
        match &self.begun {
            Some((name, begun)) if bytes(name)? < begun.bytes => missing(name),
            _ => Ok(()),
        }
    }
}

impl FileName {
    /// Where the file is: one whose results were published has its last name.
    fn find(&self, parent: &Path, table: Table) -> io::Result<PathBuf> {
        let (growing, published) = (growing(parent, table), parent.join(table.name()));
        let places = [
            growing.join(&self.now),
            growing.join(&self.at_last),
            published.join(&self.at_last),
        ];
        let found = places.into_iter().find(|place| place.is_file());
        found.ok_or_else(|| io::Error::other(format!("{table}/{} is missing", self.at_last)))
    }
}

fn growing(parent: &Path, table: Table) -> PathBuf {
    parent.join(format!(".{table}.partial"))
}

/// A table that is being written.
pub(crate) struct Growing {
    table: Table,
    directory: PathBuf,
    temporary: PathBuf,
    /// How often the replay was gone on with.
    number: u32,
    clock: Option<EventTime>,
    /// With fewer rows a file goes on over the end of the day.
    file_rows: usize,
    file: Option<(FileName, TableFile)>,
    complete: Vec<Complete>,
    /// So many of them are on the disk for certain.
    synced: usize,
    /// Whether a checkpoint rests on it: then it stays when the replay fails.
    is_kept: bool,
}

impl Growing {
    pub(crate) fn begin(
        parent: &Path,
        table: Table,
        file_rows: usize,
    ) -> Result<Self, ArchiveError> {
        let begun = Self::of(parent, table, file_rows);
        let temporary = &begun.temporary;
        let failed = |source| ArchiveError::write(temporary, source);
        // What a replay left that was killed.
        if temporary.exists() {
            fs::remove_dir_all(temporary).map_err(failed)?;
        }
        fs::create_dir(temporary).map_err(failed)?;
        Ok(begun)
    }

    fn of(parent: &Path, table: Table, file_rows: usize) -> Self {
        Self {
            table,
            directory: parent.join(table.name()),
            temporary: growing(parent, table),
            number: 0,
            clock: None,
            file_rows,
            file: None,
            complete: Vec::new(),
            synced: 0,
            is_kept: false,
        }
    }

    /// Goes on where a checkpoint was made. What was published since stays as it is.
    pub(crate) fn resume(
        parent: &Path,
        table: Table,
        file_rows: usize,
        extent: &TableExtent,
    ) -> Result<Self, ArchiveError> {
        let mut resumed = Self::of(parent, table, file_rows);
        resumed.is_kept = true;
        resumed.number = extent.number + 1;
        resumed.clock = extent.clock.map(EventTime::from_millis);
        let failed = |source| ArchiveError::write(&resumed.temporary, source);
        fs::create_dir_all(&resumed.temporary).map_err(failed)?;
        for file in &extent.complete {
            let found = file.name.find(parent, table).map_err(failed)?;
            let now = resumed.temporary.join(&file.name.now);
            if found != now {
                // Not every file system has links.
                fs::hard_link(&found, &now)
                    .or_else(|_| fs::copy(&found, &now).map(drop))
                    .map_err(failed)?;
            }
        }
        resumed.complete.clone_from(&extent.complete);
        if let Some((name, begun)) = &extent.begun {
            let found = name.find(parent, table).map_err(failed)?;
            let (name, mut file) = resumed.open(&name.at_last)?;
            file.append_begun(&found, begun)?;
            resumed.file = Some((name, file));
        }
        Ok(resumed)
    }

    /// Where a row of that time goes.
    pub(crate) fn room(&mut self, time: EventTime) -> Result<&mut Batch, ArchiveError> {
        let new_day = self
            .clock
            .is_none_or(|clock| Day::of(clock) < Day::of(time));
        self.clock = self.clock.max(Some(time));
        let is_full = |(_, file): &(_, TableFile)| file.rows() >= self.file_rows;
        if new_day && self.file.as_ref().is_some_and(is_full) {
            self.close()?;
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => self.open(&format!("{}.parquet", Day::of(time)))?,
        };
        self.file.insert(file).1.room()
    }

    fn open(&self, name: &str) -> Result<(FileName, TableFile), ArchiveError> {
        let name = FileName {
            now: format!("{name}.{}", self.number),
            at_last: name.to_owned(),
        };
        let file = TableFile::create(self.table, self.temporary.join(&name.now))?;
        Ok((name, file))
    }

    fn close(&mut self) -> Result<(), ArchiveError> {
        let Some((name, file)) = self.file.take() else {
            return Ok(());
        };
        let written = file.finish()?.metadata();
        let written = written.map_err(|source| ArchiveError::write(&self.temporary, source))?;
        self.complete.push(Complete {
            name,
            bytes: written.len(),
        });
        Ok(())
    }

    /// Brings all rows to the disk, and says how much that is.
    pub(crate) fn keep(&mut self) -> Result<TableExtent, ArchiveError> {
        for file in &self.complete[self.synced..] {
            let path = self.temporary.join(&file.name.now);
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(|source| ArchiveError::write(&path, source))?;
        }
        self.synced = self.complete.len();
        let begun = match &mut self.file {
            Some((name, file)) => Some((name.clone(), file.keep()?)),
            None => None,
        };
        let directory = File::open(&self.temporary).and_then(|directory| directory.sync_all());
        directory.map_err(|source| ArchiveError::write(&self.temporary, source))?;
        self.is_kept = true;
        Ok(TableExtent {
            number: self.number,
            clock: self.clock.map(EventTime::as_millis),
            complete: self.complete.clone(),
            begun,
        })
    }

    /// Completes the files, which get the names that they have at last.
    pub(crate) fn finish(&mut self) -> Result<(), ArchiveError> {
        if self.clock.is_none() {
            self.file = Some(self.open("empty.parquet")?);
        }
        self.close()?;
        let named = self.give_names();
        named.map_err(|source| ArchiveError::write(&self.temporary, source))
    }

    /// And removes what another process has begun.
    fn give_names(&self) -> io::Result<()> {
        for entry in self.temporary.read_dir()? {
            let path = entry?.path();
            let is_ours = |file: &Complete| path.ends_with(&file.name.now);
            if !self.complete.iter().any(is_ours) {
                fs::remove_file(path)?;
            }
        }
        let path = |name: &str| self.temporary.join(name);
        let mut names = self.complete.iter().map(|file| &file.name);
        names.try_for_each(|name| fs::rename(path(&name.now), path(&name.at_last)))
    }

    /// Puts the table under its name, where nothing stands any more.
    pub(crate) fn publish(&self) -> Result<(), ArchiveError> {
        fs::rename(&self.temporary, &self.directory)
            .map_err(|source| ArchiveError::write(&self.directory, source))
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        if !self.is_kept {
            // Gone already when it was published.
            let _ = fs::remove_dir_all(&self.temporary);
        }
    }
}
