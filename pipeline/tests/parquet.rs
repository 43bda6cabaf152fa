//! Parquet out and in: what a replay archives, a replay reads again, and nothing is lost on the way.

#![cfg(feature = "analyst")]
#![allow(clippy::unwrap_used, missing_docs)]

mod theft;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use plumbline::analyst::{Audience, Database, Format, Location, PartitionArchive, Table, prepare};
use plumbline::config::Config;
use plumbline::replay::{ReplayError, Summary, replay};
use plumbline_replay_data::{Options, Simulation};
use plumbline_schemas::event::Event;
use theft::{Place, theft};

const NDJSON: [&str; 3] = ["findings.ndjson", "commands.ndjson", "access.ndjson"];

fn replayed(inputs: &[&Path], out: &Path, parquet: bool) -> Result<Summary, ReplayError> {
    let mut config = Config::default();
    config.replay.input = inputs
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    config.replay.out = Some(out.to_owned());
    config.replay.parquet = parquet;
    replay(&config)
}

fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in directory.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name().unwrap() != "summary.json" {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// The same, with names relative to the directory.
fn results(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let named = files(directory).into_iter();
    named
        .map(|(path, bytes)| (path.strip_prefix(directory).unwrap().to_owned(), bytes))
        .collect()
}

fn ndjson(directory: &Path) -> [String; 3] {
    NDJSON.map(|name| fs::read_to_string(directory.join(name)).unwrap())
}

/// Everything that events can carry, with late ones, duplicates, and a jump that is believed.
fn organisation() -> Vec<String> {
    let options = Options {
        identities: 40,
        days: 16,
        seed: 5,
        rate: Some(12.0),
        catalogue: true,
        ..Options::default()
    };
    let simulation = Simulation::new(&options).unwrap();
    let mut lines: Vec<String> = simulation
        .map(|arrival| serde_json::to_string(&arrival.event).unwrap())
        .collect();
    let first: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    for (at, time) in ["2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"]
        .iter()
        .enumerate()
    {
        let mut later = first.clone();
        later["id"] = format!("later-{at}").into();
        later["time"] = (*time).into();
        lines.push(later.to_string());
    }
    lines
}

#[test]
fn a_log_and_its_archive_lead_to_the_same_bytes() {
    let place = Place::new();
    let root = place.0.path();
    let lines = organisation();
    let halves = lines.split_at(lines.len() / 2);
    for (name, lines) in [("a.ndjson", halves.0), ("b.ndjson", halves.1)] {
        fs::write(root.join(name), lines.join("\n")).unwrap();
    }
    let inputs = [root.join("a.ndjson"), root.join("b.ndjson")];
    let inputs = [inputs[0].as_path(), inputs[1].as_path()];
    let plain = replayed(&inputs, &root.join("plain"), false).unwrap();
    let first = replayed(&inputs, &root.join("first"), true).unwrap();
    let again = replayed(&[&root.join("first/events")], &root.join("again"), true).unwrap();

    assert!(
        plain.duplicates > 0 && plain.commands.len() > 3,
        "{plain:?}"
    );
    assert_eq!(ndjson(&root.join("plain")), ndjson(&root.join("first")));
    assert_eq!(results(&root.join("first")), results(&root.join("again")));
    let counts = |summary: &Summary| (summary.events, summary.duplicates, summary.late);
    assert_eq!(counts(&plain), counts(&first));
    assert_eq!(counts(&plain), counts(&again));
    assert_eq!(again.dead_letters, 0);
}

/// Files end anywhere: in the midst of what comes late, and where the next one begins at an earlier time.
#[test]
fn the_archive_of_a_partition_leads_to_the_bytes_of_its_log() {
    let place = Place::new();
    let root = place.0.path();
    let lines = organisation();
    fs::write(root.join("log.ndjson"), lines.join("\n")).unwrap();
    let archive = root.join("archive");
    let location = Location::at(&archive).unwrap();
    prepare(&location).unwrap();
    let mut partition = PartitionArchive::open(&location, Table::Events, 0).unwrap();
    for (offset, line) in lines.iter().enumerate() {
        let event = Event::parse(line.as_bytes()).unwrap();
        partition.event(&event, offset as i64, None).unwrap();
        if offset % 61 == 0 {
            partition.close().unwrap();
            partition.tidy().unwrap();
        }
    }
    partition.close().unwrap();
    assert_eq!(partition.next(), Some(lines.len() as i64));
    drop(partition);
    replayed(&[&root.join("log.ndjson")], &root.join("plain"), false).unwrap();
    let events = archive.join("events");
    let again = replayed(&[&events], &root.join("again"), false).unwrap();
    assert_eq!(ndjson(&root.join("plain")), ndjson(&root.join("again")));
    assert_eq!((again.events, again.dead_letters), (lines.len() as u64, 0));
    let database = Database::open(std::slice::from_ref(&archive)).unwrap();
    let counted = "SELECT count(*), count(DISTINCT \"offset\"), max(\"offset\") + 1 FROM events";
    let count = Some(lines.len().to_string());
    assert_eq!(database.rows(counted).unwrap(), [vec![count; 3]]);
    // It is nobody's to replace.
    let refused = replayed(&[&root.join("log.ndjson")], &archive, true);
    assert!(matches!(refused, Err(ReplayError::Occupied(_))));
}

#[test]
fn the_same_log_gives_the_same_files_and_the_next_replay_replaces_them() {
    let place = Place::new();
    let data = place.replay(&theft());
    let log = place.0.path().join("log.ndjson");
    let first = results(&data);
    replayed(&[&log], &data, true).unwrap();
    assert_eq!(first, results(&data));
    let tables = ["events", "findings", "commands"];
    assert!(tables.iter().all(|table| data.join(table).is_dir()));
    // Tables of another replay than the other results would be answers to another question.
    replayed(&[&log], &data, false).unwrap();
    assert!(tables.iter().all(|table| !data.join(table).exists()));
    assert!(data.join("findings.ndjson").exists());
}

#[test]
fn any_parquet_is_read_through_its_format_and_known_by_its_first_bytes() {
    let place = Place::new();
    let root = place.0.path();
    let data = place.replay(&theft());
    let foreign = root.join("no-name-for-it");
    let mut file = fs::File::create(&foreign).unwrap();
    let sql = "SELECT id, time, kind, tenant, \
         named_struct('id', identity_id, 'groups', identity_groups) AS identity, \
         named_struct('id', session_id) AS session, \
         named_struct('kind', credential_kind, 'scopes', credential_scopes) AS credential, \
         named_struct('lat', network_lat, 'lon', network_lon, 'accuracy_km', network_accuracy_km, \
                      'city', network_city, 'country', network_country, \
                      'anonymizer', network_anonymizer) AS network, \
         named_struct('id', device_id) AS device, \
         named_struct('name', action_name, 'class', action_class, 'scopes', action_scopes) AS action \
         FROM events ORDER BY \"offset\"";
    let database = Database::open(std::slice::from_ref(&data)).unwrap();
    database
        .answer(sql, Format::Parquet, Audience::Program, &mut file)
        .unwrap();
    replayed(&[&foreign], &root.join("foreign"), true).unwrap();
    assert_eq!(results(&data), results(&root.join("foreign")));
}

#[test]
fn what_cannot_be_read_or_replaced_is_said_and_nothing_is_lost() {
    let place = Place::new();
    let root = place.0.path();
    let data = place.replay(&theft());
    let before = files(&data);
    let mut told = Vec::new();
    let mut refused = |inputs: &[&Path], out: &Path| {
        let error = replayed(inputs, out, true).unwrap_err();
        let mut text = format!("{} {}", error.exit_code(), place.said(&error));
        if let Some(cause) = std::error::Error::source(&error) {
            text.push_str(&format!("\n    because {}", place.said(&cause)));
        }
        told.push(text);
    };
    let elsewhere = root.join("elsewhere");
    refused(&[&data.join("findings")], &elsewhere);
    refused(&[&data.join("events")], &data);
    fs::write(root.join("broken.parquet"), b"PAR1 and no more").unwrap();
    refused(&[&root.join("broken.parquet")], &elsewhere);
    fs::create_dir_all(root.join("taken/events")).unwrap();
    fs::write(root.join("taken/events/notes.txt"), b"mine").unwrap();
    refused(&[&root.join("log.ndjson")], &root.join("taken"));
    // Parquet of somebody else, and a link to a table of another replay.
    fs::create_dir_all(root.join("lake/events")).unwrap();
    let mut foreign = fs::File::create(root.join("lake/events/mine.parquet")).unwrap();
    let database = Database::open(std::slice::from_ref(&data)).unwrap();
    let sql = "SELECT id FROM events";
    database
        .answer(sql, Format::Parquet, Audience::Program, &mut foreign)
        .unwrap();
    refused(&[&root.join("log.ndjson")], &root.join("lake"));
    fs::create_dir_all(root.join("linked")).unwrap();
    std::os::unix::fs::symlink(data.join("events"), root.join("linked/events")).unwrap();
    refused(&[&root.join("log.ndjson")], &root.join("linked"));
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(before, files(&data));
    assert!(root.join("taken/events/notes.txt").exists());
    assert!(root.join("lake/events/mine.parquet").exists());
    let left = |name: &str| root.join(name).read_dir().map_or(0, Iterator::count);
    assert_eq!((left("elsewhere"), left("taken")), (0, 1));
}

#[test]
fn a_log_without_events_has_tables_without_rows() {
    let place = Place::new();
    let data = place.replay(&[]);
    let database = Database::open(&[data]).unwrap();
    for table in database.tables() {
        let rows = database.rows(&format!("SELECT * FROM {table}")).unwrap();
        assert!(rows.is_empty(), "{table}");
    }
    assert_eq!(
        database.tables(),
        ["commands", "events", "findings", "sessions"]
    );
}
