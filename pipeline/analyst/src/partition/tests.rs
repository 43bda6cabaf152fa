use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use object_store::memory::InMemory;
use plumbline_schemas::event::EventKind;
use tempfile::TempDir;

use super::*;
use crate::bucket::Buckets;
use crate::rows::Rows;

const NOON: EventTime = EventTime::from_millis(1_795_176_000_000);
const HOUR: i64 = 3_600_000;
const FILE_ROWS: usize = 6;

fn event(offset: i64, hours: i64) -> Event<'static> {
    let time = NOON.plus_millis(hours * HOUR);
    Event::bare(
        format!("e{offset}"),
        time,
        EventKind::Api,
        "ann",
        "mail.read",
    )
}

fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    prepare(&location(&place)).unwrap();
    place
}

fn location(place: &TempDir) -> Location {
    Location::at(place.path()).unwrap()
}

fn open(place: &TempDir) -> PartitionArchive {
    PartitionArchive::with_files_of(FILE_ROWS, &location(place), Table::Events, 3).unwrap()
}

fn append(archive: &mut PartitionArchive, offset: i64, hours: i64) {
    archive
        .event(&event(offset, hours), offset, Some(NOON))
        .unwrap();
}

/// A file for each of these: the offsets, and how many hours after noon it was.
fn archived(place: &TempDir, files: &[(Range<i64>, i64)]) {
    let mut archive = open(place);
    for (offsets, hours) in files {
        for offset in offsets.clone() {
            append(&mut archive, offset, *hours);
        }
        archive.close().unwrap();
    }
}

/// The names of the partition's files, all of them.
fn names(place: &TempDir) -> Vec<String> {
    let entries = place.path().join("events").read_dir().unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.contains("-p003-")).collect();
    names.sort();
    names
}

/// The ids of the events, as whoever reads the archive finds them.
fn ids(place: &TempDir) -> Vec<String> {
    let mut ids = Vec::new();
    let mut record = Vec::new();
    let archive = place.path().join("events");
    let files = archive.read_dir().unwrap().map(|file| file.unwrap().path());
    let files = files.filter_map(|path| Some((Segment::of(&path)?, path)));
    for (_, path) in counted(files.collect()) {
        let mut rows = Rows::open(File::open(&path).unwrap(), 0).unwrap();
        while rows.next(&mut record).unwrap() {
            ids.push(Event::parse(&record).unwrap().id.into_owned());
        }
    }
    ids
}

fn upto(end: i64) -> Vec<String> {
    (0..end).map(|offset| format!("e{offset}")).collect()
}

#[test]
fn what_has_a_name_is_where_the_next_one_goes_on() {
    let place = place();
    let mut archive = open(&place);
    assert_eq!((archive.next(), archive.waiting()), (None, None));
    for offset in 0..3 {
        append(&mut archive, offset, 0);
    }
    archive.close().unwrap();
    assert_eq!(archive.take_named_rows(), 3);
    append(&mut archive, 3, 0);
    assert_eq!(archive.next(), Some(3));
    assert_eq!(archive.waiting().map(|(first, _)| first), Some(3));
    // As if it had been killed: what is left of it stands there for ever.
    let partial = archive.temporary(TEMPORARY);
    let left = fs::read(&partial).unwrap();
    drop(archive);
    fs::write(&partial, left).unwrap();

    let mut archive = open(&place);
    assert!(!partial.exists());
    assert_eq!(archive.next(), Some(3));
    assert!(archive.is_new(3) && !archive.is_new(2));
    append(&mut archive, 3, 0);
    assert!(archive.is_new(4) && !archive.is_new(3));
    archive.close().unwrap();
    assert_eq!(ids(&place), upto(4));
    assert_eq!(
        names(&place),
        [
            "2026-11-20-p003-000000000000-000000000002.parquet",
            "2026-11-20-p003-000000000003-000000000003.parquet"
        ]
    );
}

#[test]
fn a_partition_is_archived_by_one_at_a_time() {
    let place = place();
    let first = open(&place);
    let refused = PartitionArchive::open(&location(&place), Table::Events, 3);
    let refused = refused.err().map(|error| error.to_string());
    assert!(
        refused.is_some_and(|error| error.contains("another process")),
        "it is locked"
    );
    assert!(PartitionArchive::open(&location(&place), Table::Events, 4).is_ok());
    assert!(PartitionArchive::open(&location(&place), Table::Findings, 3).is_ok());
    drop(first);
    open(&place);
}

#[test]
fn a_file_is_of_one_day_and_days_never_go_back() {
    let place = place();
    let mut archive = open(&place);
    // Two hours before and after midnight, and one that came late.
    for (offset, hours) in [(0, 10), (1, 14), (2, 10)] {
        append(&mut archive, offset, hours);
    }
    archive.close().unwrap();
    drop(archive);
    let mut archive = open(&place);
    append(&mut archive, 7, 10);
    archive.close().unwrap();
    assert_eq!(
        names(&place),
        [
            "2026-11-20-p003-000000000000-000000000000.parquet",
            "2026-11-21-p003-000000000001-000000000002.parquet",
            "2026-11-21-p003-000000000007-000000000007.parquet"
        ]
    );
}

#[test]
fn a_file_of_many_rows_ends_by_itself() {
    let place = place();
    let mut archive = open(&place);
    for offset in 0..14 {
        append(&mut archive, offset, 0);
        archive.spill().unwrap();
    }
    assert_eq!(archive.take_named_rows(), 12);
    archive.close().unwrap();
    assert_eq!((names(&place).len(), ids(&place)), (3, upto(14)));
}

#[test]
fn small_files_of_a_day_that_is_over_become_one() {
    let place = place();
    archived(
        &place,
        &[
            (0..2, 0),
            (2..3, 0),
            (3..6, 0),
            (6..8, 1),
            (8..9, 24),
            (9..10, 24),
        ],
    );
    open(&place).tidy().unwrap();
    assert_eq!(ids(&place), upto(10));
    assert_eq!(
        names(&place).len(),
        7,
        "who knows their names can read them"
    );
    open(&place).tidy().unwrap();
    assert_eq!(
        names(&place),
        [
            "2026-11-20-p003-000000000000-000000000005.parquet",
            "2026-11-20-p003-000000000006-000000000007.parquet",
            "2026-11-21-p003-000000000008-000000000008.parquet",
            "2026-11-21-p003-000000000009-000000000009.parquet",
        ]
    );
    assert_eq!(ids(&place), upto(10));
    let before = names(&place);
    open(&place).tidy().unwrap();
    assert_eq!(names(&place), before, "there is nothing left to do");
}

/// Whatever it was at when it was killed, the next one ends where it would have.
#[test]
fn a_merge_that_is_killed_loses_nothing_and_doubles_nothing() {
    let files = [(0..2, 0), (2..3, 0), (3..5, 0), (5..6, 24)];
    let merged = "2026-11-20-p003-000000000000-000000000004.parquet";
    let small: Vec<String> = {
        let place = place();
        archived(&place, &files);
        names(&place).into_iter().take(3).collect()
    };
    // Before it has its name; with none, one, two and all of the others removed.
    for removed in [None, Some(0), Some(1), Some(2), Some(3)] {
        let place = place();
        archived(&place, &files);
        let directory = place.path().join("events");
        match removed {
            None => fs::write(directory.join(".p003.merging"), "half of it").unwrap(),
            Some(removed) => {
                open(&place).tidy().unwrap();
                assert!(directory.join(merged).exists());
                for name in &small[..removed] {
                    fs::remove_file(directory.join(name)).unwrap();
                }
            }
        }
        assert_eq!(ids(&place), upto(6), "{removed:?}");
        let mut next = open(&place);
        assert_eq!(next.next(), Some(6));
        next.tidy().unwrap();
        next.tidy().unwrap();
        assert_eq!(ids(&place), upto(6), "{removed:?}");
        assert_eq!(names(&place).len(), 2, "{removed:?}");
        assert!(!directory.join(".p003.merging").exists());
    }
}

#[test]
fn what_cannot_be_read_stays_where_it_is() {
    let place = place();
    archived(&place, &[(0..2, 0), (2..3, 0), (3..4, 24)]);
    let damaged = place.path().join("events").join(&names(&place)[0]);
    fs::write(&damaged, "no Parquet").unwrap();
    let before = names(&place);
    let error = open(&place).tidy().unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
    assert_eq!(names(&place), before);
    assert_eq!(open(&place).next(), Some(4));
}

/// An archive in a bucket, and the ids of the events that are in it.
fn bucket() -> (Location, impl Fn() -> Vec<String>) {
    let buckets = Arc::new(Buckets::with("logs", Arc::new(InMemory::new())));
    let location = Location::Bucket(Arc::clone(&buckets), PathBuf::from("s3://logs/kept"));
    prepare(&location).unwrap();
    let ids = move || {
        let (mut ids, mut record) = (Vec::new(), Vec::new());
        let files = buckets.list(Path::new("s3://logs/kept/events")).unwrap();
        let files = files.into_iter().map(|(path, _)| path);
        let files = files.filter_map(|path| Some((Segment::of(&path)?, path)));
        for (_, path) in counted(files.collect()) {
            let mut rows = Rows::open(buckets.fetch(&path).unwrap(), 0).unwrap();
            while rows.next(&mut record).unwrap() {
                ids.push(Event::parse(&record).unwrap().id.into_owned());
            }
        }
        ids
    };
    (location, ids)
}

fn open_in(location: &Location) -> PartitionArchive {
    PartitionArchive::with_files_of(FILE_ROWS, location, Table::Events, 3).unwrap()
}

#[test]
fn in_a_bucket_who_takes_over_goes_on_and_who_had_it_is_refused() {
    let (location, ids) = bucket();
    let mut first = open_in(&location);
    (0..3).for_each(|offset| append(&mut first, offset, 0));
    first.close().unwrap();
    (3..5).for_each(|offset| append(&mut first, offset, 0));
    let mut second = open_in(&location);
    assert_eq!(second.next(), Some(3));
    let refused = first.close().expect_err("it is taken");
    assert!(matches!(refused, ArchiveError::Locked { .. }), "{refused}");
    (3..8).for_each(|offset| append(&mut second, offset, 24));
    second.close().unwrap();
    second.tidy().unwrap();
    assert_eq!(ids(), upto(8));
}

#[test]
fn in_a_bucket_what_was_announced_may_come_late_and_counts_once() {
    let (location, ids) = bucket();
    let mut slept = open_in(&location);
    (0..4).for_each(|offset| append(&mut slept, offset, 0));
    let Shelf::Bucket(shelf) = &mut slept.shelf else {
        panic!("it is in a bucket");
    };
    shelf.announce(3).unwrap();
    let late = slept.open.take().expect("rows").file.finish();
    drop(late);

    let mut next = open_in(&location);
    assert_eq!(next.next(), None);
    (0..2).for_each(|offset| append(&mut next, offset, 0));
    next.close().unwrap();
    assert_eq!(next.waiting().map(|(first, _)| first), Some(0));
    (2..6).for_each(|offset| append(&mut next, offset, 0));
    next.close().unwrap();
    assert_eq!(ids(), upto(6));
    let temporary = slept.temporary(TEMPORARY);
    let Shelf::Bucket(shelf) = &slept.shelf else {
        panic!("it is in a bucket");
    };
    let day = Day::of(NOON);
    let segment = Segment {
        partition: 3,
        first: 0,
        last: 3,
        day,
    };
    shelf.send(&temporary, segment).unwrap();
    assert_eq!(ids(), upto(6));
    append(&mut next, 6, 24);
    next.close().unwrap();
    next.tidy().unwrap();
    assert_eq!(ids(), upto(7));
    assert_eq!(open_in(&location).next(), Some(7));
}

#[test]
fn in_a_bucket_small_files_of_a_day_that_is_over_become_one() {
    let (location, ids) = bucket();
    let mut archive = open_in(&location);
    for (offset, hours) in [(0, 0), (1, 0), (2, 1), (3, 24)] {
        append(&mut archive, offset, hours);
        archive.close().unwrap();
    }
    archive.tidy().unwrap();
    archive.tidy().unwrap();
    let files: Vec<String> = archive
        .files()
        .unwrap()
        .into_iter()
        .map(|(file, _)| file.to_string())
        .collect();
    assert_eq!(
        files,
        [
            "2026-11-20-p003-000000000000-000000000002.parquet",
            "2026-11-21-p003-000000000003-000000000003.parquet"
        ]
    );
    assert_eq!(ids(), upto(4));
}
