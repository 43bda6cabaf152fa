//! History that is written into the log at a speed is answered as a replay would have it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use plumbline_tests::Line;
use plumbline_tests::cluster::{Raw, Read};
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::program::{Ended, Running};
use plumbline_tests::story::{DAY, MONDAY, Told};
use plumbline_tests::vendor::rfc3339;

use crate::stories::impersonations;

/// Anything at start is given up after ten seconds; the rest is a loaded machine.
const LIMIT: Duration = Duration::from_secs(30);
/// Nobody waits for the log when the end is asked for; what is on its way is delivered.
const END_LIMIT: Duration = Duration::from_secs(15);

const RAW: &str = "raw.ndjson";

fn written_down(line: &Line, story: &[Told]) -> PathBuf {
    let values = story.iter().filter_map(|told| told.raw.value.as_deref());
    let lines: Vec<&[u8]> = values.collect();
    let path = line.path(RAW);
    fs::write(&path, lines.join(&b'\n')).expect("a log");
    path
}

fn start(line: &Line, flags: &[&str]) -> Running {
    let mut arguments = vec!["replay", "--config", "plumbline.toml", "--into-kafka"];
    arguments.extend(["--input", RAW, "--format", "okta", "--tenant", "acme"]);
    arguments.extend(flags);
    line.start(&arguments)
}

#[track_caller]
fn into_kafka(line: &Line, flags: &[&str]) -> Ended {
    start(line, flags).wait(WORK_LIMIT).well()
}

fn replayed(line: &Line) -> Outputs {
    let mut arguments = vec!["replay", "--config", "plumbline.toml", "--out", "replayed"];
    arguments.extend(["--input", RAW, "--format", "okta", "--tenant", "acme"]);
    line.run(&arguments).well();
    Outputs::of_replay(&line.path("replayed"))
}

/// Where a record stands and what it is, whatever came before it in another partition.
fn bytes(records: &[Read]) -> Vec<(i32, &str, &[u8])> {
    let records = records.iter();
    records
        .map(|read| (read.partition, &*read.key, &*read.value))
        .collect()
}

#[test]
fn what_is_written_is_what_the_normalise_stage_writes() {
    let mut story = impersonations(7);
    story.truncate(600);
    for (number, at) in [17, 18, 400].into_iter().enumerate() {
        story[at].raw.value = Some(format!("no record {number}").into_bytes());
    }
    let staged = Line::new("staged", 3).source("okta").created();
    let raw: Vec<Raw> = story
        .iter()
        .map(|told| Raw {
            key: None,
            partition: Some(0),
            ..told.raw.clone()
        })
        .collect();
    staged.write_raw("okta", &raw);
    staged.run_until_end(&["--stage", "normalise"]);

    let written = Line::new("written", 3).created();
    written_down(&written, &story);
    let said = into_kafka(&written, &[]).stderr;
    assert!(said.contains("597 events written"), "{said}");
    assert!(said.contains("3 dead letters"), "{said}");

    let (expected, found) = (staged.read("events"), written.read("events"));
    assert_eq!(bytes(&found), bytes(&expected));
    assert!((0..3).all(|partition| found.iter().any(|read| read.partition == partition)));
    let (expected, found) = (staged.read("deadletter"), written.read("deadletter"));
    assert_eq!(bytes(&found), bytes(&expected));
    for (letter, (like, line)) in found.iter().zip(expected.iter().zip(["18", "19", "401"])) {
        for same in ["plumbline_reason", "plumbline_detail"] {
            assert_eq!(letter.header(same), like.header(same));
        }
        assert_eq!(letter.header("plumbline_source_file"), RAW);
        assert_eq!(letter.header("plumbline_source_line"), line);
    }
}

#[test]
fn a_service_answers_history_as_a_replay_does() {
    let line = Line::new("rehearsal", 3).created();
    let story = impersonations(7);
    written_down(&line, &story);
    let service = line.start_service(&["--stage", "detect", "--workers", "2"]);
    let day = |number: i64| rfc3339(MONDAY + number * DAY);

    // Two weeks to learn from, and a day of seven hours and some minutes at a speed.
    into_kafka(&line, &["--to", &day(14)]);
    let speed = ["--from", &day(14), "--to", &day(15), "--speed", "7200"];
    let took = into_kafka(&line, &speed).took;
    let times = story.iter().map(|told| told.at - MONDAY - 14 * DAY);
    let of_day: Vec<i64> = times.filter(|at| (0..DAY).contains(at)).collect();
    let lasts = of_day.iter().max().zip(of_day.iter().min());
    let lasts = lasts.map_or(0, |(last, first)| last - first);
    assert!(lasts > 7 * 3_600_000, "{lasts}");
    let due = Duration::from_millis(lasts.unsigned_abs()) / 7200;
    assert!(took >= due, "{took:?} of {due:?}");
    assert!(took < due + LIMIT, "{took:?} of {due:?}");

    // At the pace of the wall the next day would take a day.
    let before = line.log().len();
    let slow = start(&line, &["--from", &day(15), "--speed", "1"]);
    line.await_log(before + 1);
    slow.terminate();
    let said = slow.wait(END_LIMIT).refused(130, &["interrupted"]).stderr;
    let (_, time) = said.split_once("--from ").expect("where to go on");
    let time = time.trim_end();
    assert!(time.starts_with("2026-03-17T09:00:00"), "{said}");
    into_kafka(&line, &["--from", time]);
    let all = line.log().len();
    assert!(all >= story.len(), "{all} of {}", story.len());

    // What is known by its id changes nothing.
    into_kafka(&line, &["--from", &day(20)]);
    assert!(line.log().len() > all);
    line.await_detected();
    service.terminate();
    service.wait(WORK_LIMIT).well();
    let live = Outputs::of(&line);
    live.assert_none_twice();
    live.assert_same(&replayed(&line));
}

#[test]
fn history_is_not_written_where_it_would_be_late() {
    let line = Line::new("late-history", 2).created();
    let story = impersonations(1);
    written_down(&line, &story);
    into_kafka(&line, &["--from", &rfc3339(MONDAY + 5 * DAY)]);
    let before = line.log().len();
    let topic = line.topic("events");
    start(&line, &[])
        .wait(LIMIT)
        .refused(2, &[&topic, "engine.lateness", "--from", "--force"]);
    assert_eq!(line.log().len(), before);
    into_kafka(&line, &["--force"]);
    assert_eq!(line.log().len(), before + story.len());
}

#[test]
fn what_is_missing_is_told_as_a_service_tells_it() {
    let nobody = Line::new("nobody-to-write-to", 1)
        .at("127.0.0.1:1")
        .written();
    written_down(&nobody, &impersonations(1));
    start(&nobody, &[])
        .wait(LIMIT)
        .refused(1, &["127.0.0.1:1", "bootstrap_servers"]);
    let line = Line::new("nothing-to-write-to", 1).written();
    written_down(&line, &impersonations(1));
    let (events, letters) = (line.topic("events"), line.topic("deadletter"));
    start(&line, &[])
        .wait(LIMIT)
        .refused(1, &[&events, &letters, "topics --config FILE --create"]);
    start(&line, &["--out", "result"])
        .wait(LIMIT)
        .refused(2, &["--out", "--into-kafka"]);
    assert!(!line.path("result").exists());
}
