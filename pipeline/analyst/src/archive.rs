//! Writes the tables of a replay: `DIR/events/`, `DIR/findings/` and `DIR/commands/`.
//!
//! Each is a directory of Parquet files (Zstandard), named after the day of their first row; of a table
//! without rows, one file without rows. **Rows stand in the order of the log**, which is the order
//! of time but for what arrived late; `offset` counts them from 0. A new file begins with the row
//! that takes the log's clock into a new day, once the last file has [`FILE_ROWS`]: whatever stands in
//! a file is older than the first row of the next, so that reading the files side by side, merged by
//! time, gives the order of the log again.
//!
//! Everything is written to hidden directories and renamed at the end.

use std::fs;
use std::path::{Path, PathBuf};

use plumbline_schemas::archive::Day;
use plumbline_schemas::command::Command;
use plumbline_schemas::event::Event;
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;

use crate::batch::Batch;
use crate::file::{ArchiveError, TableFile};
use crate::records::{self, Place};
use crate::table::Table;

/// A file of fewer rows goes on over the end of the day.
pub const FILE_ROWS: usize = 1 << 18;

/// The three tables of one replay, as they are written.
pub struct Archive {
    events: Writing,
    findings: Writing,
    commands: Writing,
    offset: i64,
}

impl Archive {
    /// Begins the tables of this directory, which exists.
    pub fn begin(directory: &Path) -> Result<Self, ArchiveError> {
        Self::with_files_of(FILE_ROWS, directory)
    }

    fn with_files_of(rows: usize, directory: &Path) -> Result<Self, ArchiveError> {
        Ok(Self {
            events: Writing::begin(directory, Table::Events, rows)?,
            findings: Writing::begin(directory, Table::Findings, rows)?,
            commands: Writing::begin(directory, Table::Commands, rows)?,
            offset: 0,
        })
    }

    /// Appends the next event of the log.
    pub fn event(&mut self, event: &Event<'_>) -> Result<(), ArchiveError> {
        let batch = self.events.room(event.time)?;
        records::append_event(batch, event, Place::of_file(self.offset));
        self.offset += 1;
        Ok(())
    }

    /// Appends a finding.
    pub fn finding(&mut self, finding: &Finding) -> Result<(), ArchiveError> {
        let batch = self.findings.room(finding.time)?;
        records::append_finding(batch, finding).map_err(ArchiveError::Evidence)
    }

    /// Appends a command.
    pub fn command(&mut self, command: &Command) -> Result<(), ArchiveError> {
        let batch = self.commands.room(command.time)?;
        records::append_command(batch, command);
        Ok(())
    }

    /// Completes the files, which do not yet stand under their names.
    pub fn finish(&mut self) -> Result<(), ArchiveError> {
        self.tables().into_iter().try_for_each(Writing::finish)
    }

    /// Puts the tables under their names, where nothing stands any more.
    pub fn publish(mut self) -> Result<(), ArchiveError> {
        self.tables()
            .into_iter()
            .try_for_each(|table| table.publish())
    }

    fn tables(&mut self) -> [&mut Writing; 3] {
        [&mut self.events, &mut self.findings, &mut self.commands]
    }
}

/// A table that is being written.
struct Writing {
    table: Table,
    directory: PathBuf,
    temporary: PathBuf,
    clock: Option<EventTime>,
    /// With fewer rows a file goes on over the end of the day.
    file_rows: usize,
    file: Option<TableFile>,
}

impl Writing {
    fn begin(parent: &Path, table: Table, file_rows: usize) -> Result<Self, ArchiveError> {
        let temporary = parent.join(format!(".{table}.partial"));
        let failed = |source| ArchiveError::write(&temporary, source);
        // What a replay left that was killed.
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(failed)?;
        }
        fs::create_dir(&temporary).map_err(failed)?;
        Ok(Self {
            table,
            directory: parent.join(table.name()),
            temporary,
            clock: None,
            file_rows,
            file: None,
        })
    }

    /// Where a row of that time goes.
    fn room(&mut self, time: EventTime) -> Result<&mut Batch, ArchiveError> {
        let new_day = self
            .clock
            .is_none_or(|clock| Day::of(clock) < Day::of(time));
        self.clock = self.clock.max(Some(time));
        let is_full = |file: &TableFile| file.rows() >= self.file_rows;
        if new_day && self.file.as_ref().is_some_and(is_full) {
            self.close()?;
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => self.open(&Day::of(time).to_string())?,
        };
        self.file.insert(file).room()
    }

    fn open(&self, name: &str) -> Result<TableFile, ArchiveError> {
        TableFile::create(self.table, self.temporary.join(format!("{name}.parquet")))
    }

    fn close(&mut self) -> Result<(), ArchiveError> {
        self.file
            .take()
            .map_or(Ok(()), |file| file.finish().map(drop))
    }

    fn finish(&mut self) -> Result<(), ArchiveError> {
        if self.clock.is_none() {
            self.file = Some(self.open("empty")?);
        }
        self.close()
    }

    fn publish(&self) -> Result<(), ArchiveError> {
        fs::rename(&self.temporary, &self.directory)
            .map_err(|source| ArchiveError::write(&self.directory, source))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // Gone already when it was published.
        let _ = fs::remove_dir_all(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use plumbline_schemas::event::{Delegate, EventKind, IdentityKind, Outcome};

    use super::*;
    use crate::file::LOOKED_UP;
    use crate::rows::Rows;

    const NOON: EventTime = EventTime::from_millis(1_795_176_000_000);

    fn event(number: usize, time: EventTime) -> Event<'static> {
        Event::bare(
            format!("e{number}"),
            time,
            EventKind::Api,
            "ann \"the\" admin",
            "mail.read",
        )
    }

    fn files(directory: &Path) -> Vec<PathBuf> {
        let entries = directory.join("events").read_dir().unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Writes the events in files of so many rows, and gives the JSON that each file holds.
    fn archived(directory: &Path, rows: usize, events: &[Event<'_>]) -> Vec<Vec<String>> {
        let mut archive = Archive::with_files_of(rows, directory).unwrap();
        events
            .iter()
            .for_each(|event| archive.event(event).unwrap());
        archive.finish().unwrap();
        archive.publish().unwrap();
        let read = |path: PathBuf| {
            let mut rows = Rows::open(File::open(&path).unwrap()).unwrap();
            assert!(rows.is_archive());
            let (mut found, mut record) = (Vec::new(), Vec::new());
            while rows.next(&mut record).unwrap() {
                found.push(String::from_utf8(record.clone()).unwrap());
            }
            assert_eq!(found.len() as u64, rows.row());
            found
        };
        files(directory).into_iter().map(read).collect()
    }

    #[test]
    fn an_event_comes_back_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let mut full = Event::parse(include_bytes!("../tests/full-event.json")).unwrap();
        let mut bare = event(1, NOON.plus_millis(1));
        let stored = archived(place.path(), 1, &[full.clone(), bare.clone()]);
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let back = |text: &String| {
            let event = Event::parse(text.as_bytes()).unwrap();
            serde_json::to_string(&event).unwrap()
        };
        let stored: Vec<String> = stored.iter().flatten().map(back).collect();
        // What is meant where nothing is said is said in the archive.
        for event in [&mut full, &mut bare] {
            event.tenant = Some(event.tenant().to_owned().into());
            event.identity.kind = event.identity_kind().into();
            event.action.outcome = event.outcome().into();
        }
        assert_eq!(bare.identity.kind, IdentityKind::Human.into());
        assert_eq!(bare.action.outcome, Outcome::Success.into());
        assert!(full.delegation.contains(&Delegate {
            id: "agent-7".into(),
            kind: IdentityKind::AiAgent.into()
        }));
        for (event, stored) in [full, bare].iter().zip(&stored) {
            assert_eq!(read(&serde_json::to_string(event).unwrap()), read(stored));
        }
        assert_eq!(stored.len(), 2);
    }

    #[test]
    fn the_full_event_leaves_no_column_empty() {
        let place = tempfile::tempdir().unwrap();
        let full = Event::parse(include_bytes!("../tests/full-event.json")).unwrap();
        archived(place.path(), 1, &[full]);
        let file = File::open(&files(place.path())[0]).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let batch = reader.build().unwrap().next().unwrap().unwrap();
        let schema = batch.schema();
        let empty: Vec<&str> = schema
            .fields()
            .iter()
            .zip(batch.columns())
            .filter(|(_, column)| column.null_count() > 0)
            .map(|(field, _)| field.name().as_str())
            .collect();
        assert_eq!(empty, ["partition", "broker_time"]);
    }

    #[test]
    fn a_file_ends_with_a_day_and_late_rows_stay_where_they_came() {
        let place = tempfile::tempdir().unwrap();
        let hour = 3_600_000;
        let hours = [0, 1, 13, -3, 14, 15, 80, 16];
        let events: Vec<Event<'_>> = hours
            .iter()
            .enumerate()
            .map(|(at, hours)| event(at, NOON.plus_millis(hours * hour)))
            .collect();
        let ids = |files: Vec<Vec<String>>| -> Vec<Vec<String>> {
            let id = |text: &String| Event::parse(text.as_bytes()).unwrap().id.into_owned();
            files
                .iter()
                .map(|file| file.iter().map(id).collect())
                .collect()
        };
        let stored = ids(archived(place.path(), 2, &events));
        assert_eq!(
            stored,
            [
                vec!["e0", "e1"],
                vec!["e2", "e3", "e4", "e5"],
                vec!["e6", "e7"]
            ]
        );
        let names: Vec<PathBuf> = files(place.path());
        assert!(names[0].ends_with("2026-11-20.parquet"), "{names:?}");
        fs::remove_dir_all(place.path().join("events")).unwrap();
        fs::remove_dir_all(place.path().join("findings")).unwrap();
        fs::remove_dir_all(place.path().join("commands")).unwrap();
        let stored = ids(archived(place.path(), 7, &events));
        assert_eq!(stored.len(), 1, "a short file goes on");
    }

    #[test]
    fn row_groups_can_be_skipped_by_time_and_by_identity() {
        let place = tempfile::tempdir().unwrap();
        archived(place.path(), 1, &[event(0, NOON)]);
        let file = File::open(&files(place.path())[0]).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let group = reader.metadata().row_group(0);
        for column in group.columns() {
            let name = column.column_path().string();
            assert!(column.statistics().is_some(), "{name}");
            let looked_up = LOOKED_UP.contains(&name.as_str());
            let is_filled = name != "session_id" && name != "credential_id";
            if is_filled {
                assert_eq!(column.bloom_filter_offset().is_some(), looked_up, "{name}");
            }
        }
    }

    #[test]
    fn what_was_not_published_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let mut archive = Archive::begin(place.path()).unwrap();
        archive.event(&event(0, NOON)).unwrap();
        archive.finish().unwrap();
        drop(archive);
        assert_eq!(place.path().read_dir().unwrap().count(), 0);
    }
}
