//! The archive of a service: the same tables as those of a replay, written one partition of a topic at a time
//! and for as long as the service runs, into a directory or a bucket.
//!
//! **The files are the truth.** A file comes under its name once it is complete and kept, and its name says
//! which offsets it holds ([`Segment`]): whoever archives a partition looks what is there and goes on behind the last
//! of them. So every record is archived exactly once, whatever is killed when. A named file is never changed.
//!
//! **One at a time** archives a partition; how that is kept true the module [`shelf`](crate::shelf) tells.
//!
//! **Days.** A file holds rows of one day, by the clock of its partition: the largest time so far. Once there are
//! later days, the files of a day become one, or several of [`FILE_ROWS`]. The new file spans the offsets of those
//! that it is made of, so that they count no more ([`counted`]) as soon as it has its name. They are removed the next
//! time: who has looked up their names can still open them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use plumbline_schemas::archive::{Day, Segment, counted, to_merge};
use plumbline_schemas::command::Command;
use plumbline_schemas::event::Event;
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;

use crate::archive::FILE_ROWS;
use crate::batch::Batch;
use crate::file::{ArchiveError, TableFile};
use crate::records::{self, Place};
use crate::shelf::{Location, Shelf, ensure};
use crate::table::Table;

/// So many days that are over are looked at for small files: the rest was, while the service ran.
const DAYS_LOOKED_AT: usize = 2;

/// What has no name yet: rows that come in, and files that become one.
const TEMPORARY: &str = "partial";
const MERGING: &str = "merging";

/// Sees to it that an archive has every table, be it without rows, so that it can be queried.
pub fn prepare(archive: &Location) -> Result<(), ArchiveError> {
    for table in Table::ALL {
        if let Location::Directory(archive) = archive {
            let directory = archive.join(table.name());
            fs::create_dir_all(&directory)
                .map_err(|source| ArchiveError::write(&directory, source))?;
        }
        let name = Path::new(table.name()).join("empty.parquet");
        ensure(archive, &name, |path| {
            TableFile::create(table, path)?.finish()
        })?;
    }
    Ok(())
}

/// One partition of a topic, as it is archived. Whoever was told of an error drops it, and opens it again: what had
/// no name yet is to be appended once more.
pub struct PartitionArchive {
    table: Table,
    shelf: Shelf,
    partition: i32,
    /// The last of the named files.
    last: Option<Segment>,
    open: Option<Open>,
    file_rows: usize,
    named_rows: u64,
}

/// A file that has no name yet.
struct Open {
    file: TableFile,
    day: Day,
    first: i64,
    last: i64,
    since: Instant,
}

impl PartitionArchive {
    /// Looks what there is of a partition, if nobody else archives it.
    pub fn open(archive: &Location, table: Table, partition: i32) -> Result<Self, ArchiveError> {
        Self::with_files_of(FILE_ROWS, archive, table, partition)
    }

    fn with_files_of(
        file_rows: usize,
        archive: &Location,
        table: Table,
        partition: i32,
    ) -> Result<Self, ArchiveError> {
        let mut opened = Self {
            table,
            shelf: Shelf::open(archive, table.name(), partition)?,
            partition,
            last: None,
            open: None,
            file_rows,
            named_rows: 0,
        };
        // What a process left that was killed.
        for what in [TEMPORARY, MERGING] {
            let _ = fs::remove_file(opened.temporary(what));
        }
        let counted = counted(opened.files()?);
        opened.last = counted.last().map(|(segment, _)| *segment);
        Ok(opened)
    }

    /// The offset behind all that has a name.
    pub fn next(&self) -> Option<i64> {
        self.last.map(|last| last.last + 1)
    }

    /// Whether that offset is behind all that was appended.
    pub fn is_new(&self, offset: i64) -> bool {
        let last = self.open.as_ref().map(|open| open.last);
        let last = last.or(self.last.map(|last| last.last));
        last.is_none_or(|last| last < offset)
    }

    /// The first offset that was appended and has no name yet, and since when it waits.
    pub fn waiting(&self) -> Option<(i64, Instant)> {
        self.open.as_ref().map(|open| (open.first, open.since))
    }

    /// How many rows have come under a name since this was last asked.
    pub fn take_named_rows(&mut self) -> u64 {
        std::mem::take(&mut self.named_rows)
    }

    /// Appends the event at this offset.
    pub fn event(
        &mut self,
        event: &Event<'_>,
        offset: i64,
        broker_time: Option<EventTime>,
    ) -> Result<(), ArchiveError> {
        let place = Place::of_topic(self.partition, offset, broker_time);
        records::append_event(self.room(event.time, offset)?, event, place);
        Ok(())
    }

    /// Appends the finding at this offset.
    pub fn finding(&mut self, finding: &Finding, offset: i64) -> Result<(), ArchiveError> {
        records::append_finding(self.room(finding.time, offset)?, finding)
            .map_err(ArchiveError::Evidence)
    }

    /// Appends the command at this offset.
    pub fn command(&mut self, command: &Command, offset: i64) -> Result<(), ArchiveError> {
        records::append_command(self.room(command.time, offset)?, command);
        Ok(())
    }

    /// Where the row at that offset goes.
    fn room(&mut self, time: EventTime, offset: i64) -> Result<&mut Batch, ArchiveError> {
        let is_over = |open: &Open| open.day < Day::of(time) || open.file.rows() >= self.file_rows;
        if self.open.as_ref().is_some_and(is_over) {
            self.close()?;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open {
                file: TableFile::create(self.table, self.temporary(TEMPORARY))?,
                day: Day::of(time).max(self.last.map_or(Day::of(time), |last| last.day)),
                first: offset,
                last: offset,
                since: Instant::now(),
            },
        };
        open.last = offset;
        self.open.insert(open).file.room()
    }

    /// Gives back most of the memory that rows without a name take.
    pub fn spill(&mut self) -> Result<(), ArchiveError> {
        self.open
            .as_mut()
            .map_or(Ok(()), |open| open.file.end_group())
    }

    /// Puts all that was appended under a name, unless it has to go further first.
    pub fn close(&mut self) -> Result<(), ArchiveError> {
        let least = self.shelf.least();
        let may_close = |open: &mut Open| least.is_none_or(|least| open.last >= least);
        let Some(open) = self.open.take_if(may_close) else {
            return Ok(());
        };
        let rows = open.file.rows() as u64;
        let segment = Segment {
            partition: self.partition,
            first: open.first,
            last: open.last,
            day: open.day,
        };
        let file = open.file.finish()?;
        let temporary = self.temporary(TEMPORARY);
        self.shelf.publish(&file, &temporary, segment)?;
        self.last = Some(segment);
        self.named_rows += rows;
        Ok(())
    }

    /// Removes files that were merged into others, and merges what is small and of a day that is over.
    pub fn tidy(&mut self) -> Result<(), ArchiveError> {
        let all = self.files()?;
        let counted = counted(all.clone());
        for (_, path) in all.iter().filter(|file| !counted.contains(file)) {
            self.shelf.remove(path)?;
        }
        let recent = recent(&counted);
        let rows = recent
            .iter()
            .map(|(segment, path)| Ok((*segment, self.shelf.rows(path)?)))
            .collect::<Result<Vec<_>, ArchiveError>>()?;
        for group in to_merge(&rows, self.file_rows) {
            self.merge(&recent[group])?;
        }
        Ok(())
    }

    fn merge(&mut self, files: &[(Segment, PathBuf)]) -> Result<(), ArchiveError> {
        let (Some((first, _)), Some((last, _))) = (files.first(), files.last()) else {
            return Ok(());
        };
        let whole = Segment {
            last: last.last,
            ..*first
        };
        let temporary = self.temporary(MERGING);
        let mut merged = TableFile::create(self.table, temporary.clone())?;
        for (_, path) in files {
            for batch in self.shelf.read(path)? {
                let batch = batch.map_err(|source| ArchiveError::Read {
                    path: path.clone(),
                    source: source.into(),
                })?;
                merged.append(&batch)?;
            }
        }
        self.shelf.publish(&merged.finish()?, &temporary, whole)
    }

    /// Every file of the partition, in no order.
    fn files(&self) -> Result<Vec<(Segment, PathBuf)>, ArchiveError> {
        let mut files = self.shelf.files()?;
        files.retain(|(segment, _)| segment.partition == self.partition);
        Ok(files)
    }

    fn temporary(&self, what: &str) -> PathBuf {
        self.shelf
            .temporary(&format!(".p{:03}.{what}", self.partition))
    }
}

impl Drop for PartitionArchive {
    fn drop(&mut self) {
        // The lock is still held: it is of nobody else.
        let _ = fs::remove_file(self.temporary(TEMPORARY));
    }
}

/// The files of the last day and of some that are over.
fn recent(files: &[(Segment, PathBuf)]) -> &[(Segment, PathBuf)] {
    let mut days = files.chunk_by(|(a, _), (b, _)| a.day == b.day).rev();
    let recent = days.by_ref().take(DAYS_LOOKED_AT + 1).map(<[_]>::len);
    &files[files.len() - recent.sum::<usize>()..]
}

#[cfg(test)]
mod tests;
