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

use std::io;
use std::path::Path;

use plumbline_schemas::command::Command;
use plumbline_schemas::event::Event;
use plumbline_schemas::finding::Finding;
use serde::{Deserialize, Serialize};

use crate::file::ArchiveError;
use crate::growing::{Growing, TableExtent};
use crate::records::{self, Place};
use crate::table::Table;

/// A file of fewer rows goes on over the end of the day.
pub const FILE_ROWS: usize = 1 << 18;

/// The three tables of one replay, as they are written.
pub struct Archive {
    events: Growing,
    findings: Growing,
    commands: Growing,
    offset: i64,
}

/// How much of the tables is written at a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ArchiveExtent {
    events: TableExtent,
    findings: TableExtent,
    commands: TableExtent,
    offset: i64,
}

impl ArchiveExtent {
    /// Whether all of it is there.
    pub fn check(&self, directory: &Path) -> io::Result<()> {
        self.events.check(directory, Table::Events)?;
        self.findings.check(directory, Table::Findings)?;
        self.commands.check(directory, Table::Commands)
    }
}

impl Archive {
    /// Begins the tables of this directory, which exists.
    pub fn begin(directory: &Path) -> Result<Self, ArchiveError> {
        Self::with_files_of(FILE_ROWS, directory)
    }

    fn with_files_of(rows: usize, directory: &Path) -> Result<Self, ArchiveError> {
        let begin = |table| Growing::begin(directory, table, rows);
        Ok(Self {
            events: begin(Table::Events)?,
            findings: begin(Table::Findings)?,
            commands: begin(Table::Commands)?,
            offset: 0,
        })
    }

    /// Goes on where a checkpoint was made: a complete file is left alone, and what stood in one that was not is
    /// written again.
    pub fn resume(directory: &Path, extent: &ArchiveExtent) -> Result<Self, ArchiveError> {
        Self::resume_with_files_of(FILE_ROWS, directory, extent)
    }

    fn resume_with_files_of(
        rows: usize,
        directory: &Path,
        extent: &ArchiveExtent,
    ) -> Result<Self, ArchiveError> {
        let resume = |table, extent| Growing::resume(directory, table, rows, extent);
        Ok(Self {
            events: resume(Table::Events, &extent.events)?,
            findings: resume(Table::Findings, &extent.findings)?,
            commands: resume(Table::Commands, &extent.commands)?,
            offset: extent.offset,
        })
    }

    /// Brings all rows to the disk, and says how much that is.
    pub fn keep(&mut self) -> Result<ArchiveExtent, ArchiveError> {
        Ok(ArchiveExtent {
            events: self.events.keep()?,
            findings: self.findings.keep()?,
            commands: self.commands.keep()?,
            offset: self.offset,
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
        self.tables().into_iter().try_for_each(Growing::finish)
    }

    /// Puts the tables under their names, where nothing stands any more.
    pub fn publish(mut self) -> Result<(), ArchiveError> {
        self.tables()
            .into_iter()
            .try_for_each(|table| table.publish())
    }

    fn tables(&mut self) -> [&mut Growing; 3] {
        [&mut self.events, &mut self.findings, &mut self.commands]
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::PathBuf;

    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use plumbline_schemas::event::{Delegate, EventKind, IdentityKind, Outcome};
    use plumbline_schemas::time::EventTime;

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
        files(directory).into_iter().map(read).collect()
    }

    fn read(path: PathBuf) -> Vec<String> {
        let mut rows = Rows::open(File::open(&path).unwrap(), 0).unwrap();
        assert!(rows.is_archive());
        let (mut found, mut record) = (Vec::new(), Vec::new());
        while rows.next(&mut record).unwrap() {
            found.push(String::from_utf8(record.clone()).unwrap());
        }
        assert_eq!(found.len() as u64, rows.row());
        found
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
    fn what_another_process_goes_on_with_holds_the_same_rows() {
        let events: Vec<Event<'_>> = (0..40)
            .map(|at| event(at, NOON.plus_millis(at as i64 * 7_200_000)))
            .collect();
        let whole = tempfile::tempdir().unwrap();
        let expected = archived(whole.path(), 9, &events);
        assert!(expected.len() > 2, "several files");
        for at in 0..events.len() {
            let place = tempfile::tempdir().unwrap();
            let (before, after) = events.split_at(at);
            let mut archive = Archive::with_files_of(9, place.path()).unwrap();
            { before.iter() }.for_each(|event| archive.event(event).unwrap());
            let extent = archive.keep().unwrap();
            // What was written since is not known to it; half of them have their results published too.
            { after.iter().take(5) }.for_each(|event| archive.event(event).unwrap());
            if at % 2 == 0 {
                archive.finish().unwrap();
                archive.publish().unwrap();
            } else {
                drop(archive);
            }
            extent.check(place.path()).unwrap();
            let mut archive = Archive::resume_with_files_of(9, place.path(), &extent).unwrap();
            { after.iter() }.for_each(|event| archive.event(event).unwrap());
            archive.finish().unwrap();
            for table in ["events", "findings", "commands"] {
                let _ = fs::remove_dir_all(place.path().join(table));
            }
            archive.publish().unwrap();
            let names = |place: &Path| {
                let files = files(place).into_iter();
                let names = files.map(|path| path.file_name().unwrap().to_owned());
                names.collect::<Vec<_>>()
            };
            assert_eq!(names(place.path()), names(whole.path()), "{at}");
            let stored: Vec<_> = files(place.path()).into_iter().map(read).collect();
            assert_eq!(stored, expected, "{at}");
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
