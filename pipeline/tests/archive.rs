//! The archive of a service, on a real Apache Kafka: whatever is killed when, every record is in it once, and what is
//! in it replays to what the service has published.

#![cfg(feature = "analyst")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, missing_docs)]

mod s3;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
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

/// An archive in a directory or a bucket.
struct Kept {
    line: Line,
    /// What it is called.
    name: &'static str,
    /// Where its files are.
    files: PathBuf,
}

impl Kept {
    /// Of a service that reads from three partitions.
    fn at(name: &'static str, variables: Vec<(String, String)>, files: Option<PathBuf>) -> Self {
        program::use_binary(env!("CARGO_BIN_EXE_plumbline"));
        let archive = format!("[archive]\ndir = \"{name}\"\nroll_after = \"300ms\"");
        let line = Line::new("archive", 3)
            .source("okta")
            .variables(variables)
            .with(&archive)
            .created();
        let files = files.unwrap_or_else(|| line.path(name));
        Self { line, name, files }
    }

    /// Its rows.
    fn query(&self, sql: &str) -> Vec<Value> {
        let asked = ["query", sql, "--data", self.name, "--format", "json"];
        let rows = self.line.run(&asked).well().stdout;
        let rows = rows.lines().map(serde_json::from_str);
        rows.collect::<Result<_, _>>().expect("JSON")
    }

    /// Up to which offset of each partition the log is archived. Files come and go.
    fn reached(&self) -> BTreeMap<i32, i64> {
        let mut reached = BTreeMap::new();
        let files = self.files.join("events").read_dir();
        for entry in files.into_iter().flatten() {
            if let Some(segment) = Segment::of(&entry.unwrap().path()) {
                let last: &mut i64 = reached.entry(segment.partition).or_default();
                *last = segment.last.max(*last);
            }
        }
        reached
    }
}

fn ids(records: &[Read]) -> Vec<String> {
    let of = |record: &Read| record.json()["id"].as_str().expect("an id").to_owned();
    let mut ids: Vec<String> = records.iter().map(of).collect();
    ids.sort_unstable();
    ids
}

/// Where the archive cannot be written nothing else stands still, and it is written once it can be.
fn tell_while_it_cannot_be_written(kept: &Kept, part: &[Told], mend: &dyn Fn()) {
    let line = &kept.line;
    let service = line.start_service(&[]);
    feed::write(line, part);
    line.await_log(part.len());
    line.await_detected();
    wait::until("word of it", WORK_LIMIT, || match service.stderr() {
        said if said.contains("nothing is archived for the moment") => Ok(()),
        said => Err(said),
    });
    mend();
    wait::until("the log in the archive", WORK_LIMIT, || {
        match kept.reached() {
            now if now.is_empty() => Err("nothing".to_owned()),
            _ => Ok(()),
        }
    });
    service.terminate();
    service.wait(WORK_LIMIT).well();
}

/// Starts the service, goes on with the story once it archives, and kills it at some moment of that.
fn tell_and_kill(kept: &Kept, part: &[Told], random: &mut Random) {
    let before = kept.reached();
    let mut service = Some(kept.line.start_service(&[]));
    let last = random.below(PIECES as u64 / 2) as usize + PIECES / 2;
    for (number, piece) in part.chunks(part.len().div_ceil(PIECES)).enumerate() {
        feed::write(&kept.line, piece);
        if number == 0 {
            wait::until(
                "more of the log in the archive",
                WORK_LIMIT,
                || match kept.reached() {
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

/// The whole story into an archive that cannot be written at first.
fn archive_and_kill(kept: &Kept, seed: u64, mend: &dyn Fn()) {
    let (line, story) = (&kept.line, story());
    let mut random = Random::new(seed);
    let mut parts = story.chunks(story.len().div_ceil(KILLS + 1));
    tell_while_it_cannot_be_written(kept, parts.next().expect("the first part"), mend);
    // Another one shares the archive, and takes over what the killed ones had.
    let flags = ["run", "--config", "plumbline.toml"];
    let other = line.start_with(&flags, &[("PLUMBLINE_INSTANCE", "other")]);
    for part in parts {
        tell_and_kill(kept, part, &mut random);
    }
    other.terminate();
    other.wait(WORK_LIMIT).well();
    line.run_until_end(&[]);
    assert!(line.read("events").len() >= story.len());
}

/// Whether every record of the topics is in it, once, and replays to what was published.
fn is_whole(kept: &Kept, log: PathBuf) {
    let line = &kept.line;
    let mut places: Vec<(i64, i64, String)> = kept
        .query("SELECT partition, \"offset\", id FROM events")
        .iter()
        .map(|row| {
            let number = |name: &str| row[name].as_i64().expect("a number");
            let id = row["id"].as_str().expect("an id").to_owned();
            (number("partition"), number("offset"), id)
        })
        .collect();
    places.sort_unstable();
    let mut expected: Vec<(i64, i64, String)> = line
        .read("events")
        .iter()
        .map(|record| {
            let id = record.json()["id"].as_str().expect("an id").to_owned();
            (i64::from(record.partition), record.offset, id)
        })
        .collect();
    expected.sort_unstable();
    assert!(places == expected, "{places:?}\n{expected:?}");
    for (table, topic) in [("findings", "findings"), ("commands", "control")] {
        let rows = kept.query(&format!("SELECT id FROM {table} ORDER BY id"));
        let rows: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
        assert_eq!(rows, ids(&line.read(topic)), "{table}");
    }
    let live = Outputs::of(line);
    live.assert_none_twice();
    live.assert_same(&line.replay_of(&[log]));
}

#[test]
fn every_record_is_archived_once_and_replays_to_what_was_published() {
    let kept = Kept::at("archive", Vec::new(), None);
    fs::write(&kept.files, "in the way").unwrap();
    archive_and_kill(&kept, 0x5eed, &|| fs::remove_file(&kept.files).unwrap());
    is_whole(&kept, kept.files.join("events"));
    can_be_read(&kept);
    let line = &kept.line;
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

/// The same in a bucket that is none at first.
#[test]
fn every_record_is_in_a_bucket_once_and_replays_to_what_was_published() {
    const NAME: &str = "s3://logs/of/plumbline";
    let server = s3::Server::start();
    let files = server.path("logs").join("of/plumbline");
    let kept = Kept::at(NAME, server.variables(), Some(files));
    let bucket = server.path("logs");
    fs::write(&bucket, "in the way").unwrap();
    archive_and_kill(&kept, 0xb0c4e7, &|| fs::remove_file(&bucket).unwrap());
    is_whole(&kept, PathBuf::from(NAME).join("events"));
    can_be_read(&kept);
    replays_into_a_bucket(&kept);
}

/// From one prefix of a bucket into another, which nothing replaces.
fn replays_into_a_bucket(kept: &Kept) {
    let (line, log) = (&kept.line, format!("{}/ev*/2*.parquet", kept.name));
    let (config, out) = ("plumbline.toml", "s3://logs/replayed");
    let replay = ["replay", "--config", config, "--input", &log, "--out", out];
    line.run(&replay).well();
    let answer = "SELECT count(*) AS rows FROM commands";
    let asked = ["query", answer, "--data", out, "--format", "json"];
    let rows = line.run(&asked).well().stdout;
    let commands = line.read("control").len();
    assert_eq!(rows.trim(), format!("{{\"rows\":{commands}}}"));
    line.run(&replay).refused(2, &[out, "nothing is replaced"]);
    let nothing = ["query", answer, "--data", "s3://logs/nowhere"];
    line.run(&nothing).refused(2, &["s3://logs/nowhere"]);
    let nothing = ["replay", "--input", "s3://logs/*.gz", "--out", "out"];
    line.run(&nothing)
        .refused(2, &["s3://logs/*.gz", "names no file"]);
}

/// What else reads an archive.
fn can_be_read(kept: &Kept) {
    let line = &kept.line;
    let command = line.read("control").first().expect("a command").json();
    let id = command["id"].as_str().expect("an id");
    let explain = ["explain", id, "--data", kept.name];
    let explain = [&explain[..], &["--config", "plumbline.toml"]].concat();
    let told = line.run(&explain).well();
    let same = "\nRecomputed: the same in every field\n";
    assert!(told.stdout.contains(same), "{}", told.stdout);
    let summary = command["reason"]["summary"].as_str().expect("a summary");
    assert!(told.stdout.contains(summary), "{}", told.stdout);
    let session = command["target"]["session_id"].as_str().expect("a session");
    let traced = line
        .run(&["trace", "--session", session, "--data", kept.name])
        .well();
    assert!(traced.stdout.contains(session), "{}", traced.stdout);
}
