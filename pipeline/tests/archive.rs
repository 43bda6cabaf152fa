//! The archive of a service, on a real Apache Kafka: whatever is killed when, every record is in it once, and what is
//! in it replays to what the service has published.

#![cfg(feature = "analyst")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use plumbline_schemas::archive::Segment;
use plumbline_tests::cluster::Read;
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::story::{Person, Told, in_order};
use plumbline_tests::vendor::{LONDON, OSLO};
use plumbline_tests::{Line, Random, feed, program, wait};
use serde_json::Value;

const PEOPLE: i64 = 10;
const DAYS: i64 = 16;
const KILLS: usize = 3;
/// In so many pieces the story goes on between two kills.
const PIECES: usize = 8;

/// Ordinary days of some people, at whose end each is impersonated.
fn story() -> Vec<Told> {
    let people = (0..PEOPLE).map(|number| {
        let home = [OSLO, LONDON][number as usize % 2];
        Person::new(&format!("00u-{number:02}"), home)
    });
    in_order(people.flat_map(|person| [person.days(0..DAYS, 6), person.is_impersonated(DAYS)]))
}

/// Rows of the archive.
fn query(line: &Line, sql: &str) -> Vec<Value> {
    let asked = ["query", sql, "--data", "archive", "--format", "json"];
    let rows = line.run(&asked).well().stdout;
    let rows = rows.lines().map(serde_json::from_str);
    rows.collect::<Result<_, _>>().expect("JSON")
}

fn ids(records: &[Read]) -> Vec<String> {
    let of = |record: &Read| record.json()["id"].as_str().expect("an id").to_owned();
    let mut ids: Vec<String> = records.iter().map(of).collect();
    ids.sort_unstable();
    ids
}

/// Up to which offset of each partition the log is archived. Files come and go.
fn reached(line: &Line) -> BTreeMap<i32, i64> {
    let mut reached = BTreeMap::new();
    let files = line.path("archive/events").read_dir();
    for entry in files.into_iter().flatten() {
        if let Some(segment) = Segment::of(&entry.unwrap().path()) {
            let last: &mut i64 = reached.entry(segment.partition).or_default();
            *last = segment.last.max(*last);
        }
    }
    reached
}

/// Where the archive cannot be written nothing else stands still, and it is written once it can be.
fn tell_while_it_cannot_be_written(line: &Line, part: &[Told]) {
    let archive = line.path("archive");
    fs::write(&archive, "in the way").unwrap();
    let service = line.start_service(&[]);
    feed::write(line, part);
    line.await_log(part.len());
    line.await_detected();
    let said = service.stderr();
    assert!(
        said.contains("nothing is archived for the moment"),
        "{said}"
    );
    fs::remove_file(&archive).unwrap();
    wait::until("the log in the archive", WORK_LIMIT, || {
        match reached(line) {
            now if now.is_empty() => Err("nothing".to_owned()),
            _ => Ok(()),
        }
    });
    service.terminate();
    service.wait(WORK_LIMIT).well();
}

/// Starts the service, goes on with the story once it archives, and kills it at some moment of that.
fn tell_and_kill(line: &Line, part: &[Told], random: &mut Random) {
    let before = reached(line);
    let mut service = Some(line.start_service(&[]));
    let last = random.below(PIECES as u64 / 2) as usize + PIECES / 2;
    for (number, piece) in part.chunks(part.len().div_ceil(PIECES)).enumerate() {
        feed::write(line, piece);
        if number == 0 {
            wait::until(
                "more of the log in the archive",
                WORK_LIMIT,
                || match reached(line) {
                    now if now != before => Ok(()),
                    now => Err(format!("{now:?}")),
                },
            );
        }
        thread::sleep(Duration::from_millis(random.below(300)));
        if number == last
            && let Some(service) = service.take()
        {
            service.kill();
        }
    }
}

#[test]
fn every_record_is_archived_once_and_replays_to_what_was_published() {
    program::use_binary(env!("CARGO_BIN_EXE_plumbline"));
    let line = Line::new("archive", 3)
        .source("okta")
        .with("[archive]\ndir = \"archive\"\nroll_after = \"300ms\"")
        .created();
    let story = story();
    let mut random = Random::new(0x5eed);
    let mut parts = story.chunks(story.len().div_ceil(KILLS + 1));
    tell_while_it_cannot_be_written(&line, parts.next().expect("the first part"));
    // Another one shares the directory, and takes over what the killed ones had.
    let flags = ["run", "--config", "plumbline.toml"];
    let other = line.start_with(&flags, &[("PLUMBLINE_INSTANCE", "other")]);
    for part in parts {
        tell_and_kill(&line, part, &mut random);
    }
    other.terminate();
    other.wait(WORK_LIMIT).well();
    line.run_until_end(&[]);

    let log = line.read("events");
    let mut places: Vec<(i64, i64, String)> =
        query(&line, "SELECT partition, \"offset\", id FROM events")
            .iter()
            .map(|row| {
                let number = |name: &str| row[name].as_i64().expect("a number");
                let id = row["id"].as_str().expect("an id").to_owned();
                (number("partition"), number("offset"), id)
            })
            .collect();
    places.sort_unstable();
    let mut expected: Vec<(i64, i64, String)> = log
        .iter()
        .map(|record| {
            let id = record.json()["id"].as_str().expect("an id").to_owned();
            (i64::from(record.partition), record.offset, id)
        })
        .collect();
    expected.sort_unstable();
    assert!(log.len() >= story.len());
    assert!(places == expected, "{places:?}\n{expected:?}");
    for (table, topic) in [("findings", "findings"), ("commands", "control")] {
        let rows = query(&line, &format!("SELECT id FROM {table} ORDER BY id"));
        let rows: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
        assert_eq!(rows, ids(&line.read(topic)), "{table}");
    }

    let live = Outputs::of(&line);
    live.assert_none_twice();
    live.assert_same(&line.replay_of(&[line.path("archive/events")]));
    can_be_read(&line);
}

/// What else reads an archive, and what must not replace it.
fn can_be_read(line: &Line) {
    let command = line.read("control").first().expect("a command").json();
    let id = command["id"].as_str().expect("an id");
    let told = line.run(&["explain", id, "--data", "archive"]).well();
    let summary = command["reason"]["summary"].as_str().expect("a summary");
    assert!(told.stdout.contains(summary), "{}", told.stdout);
    let session = command["target"]["session_id"].as_str().expect("a session");
    let traced = line
        .run(&["trace", "--session", session, "--data", "archive"])
        .well();
    assert!(traced.stdout.contains(session), "{}", traced.stdout);
    fs::write(line.path("log.ndjson"), "").unwrap();
    let over = ["replay", "--input", "log.ndjson", "--out", "archive"];
    line.run(&over).refused(2, &["would be replaced"]);
    let names = fs::read_dir(line.path("archive/events")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = names
        .filter(|name| name.ends_with(".partial") || name.ends_with(".merging"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
