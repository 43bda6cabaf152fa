//! Weeks of raw logs of several sources, there all at once when the line starts.

use std::collections::HashMap;
use std::time::Duration;
use std::{fs, thread};

use plumbline_tests::cluster::Raw;
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::story::{Machine, Person, Told, in_order};
use plumbline_tests::vendor::{LONDON, OSLO};
use plumbline_tests::{Ended, Line, Running, admin, feed};
use serde_json::Value;

/// Within the session timeout of the tests, and long enough for all of a story to be read.
const ASLEEP: Duration = Duration::from_millis(1500);

/// Three weeks in two sources. One of them is silent from Friday evening to Monday morning, the other never.
fn three_weeks() -> Vec<Told> {
    let ann = Person::new("00u-ann", OSLO);
    let bob = Person::new("00u-bob", LONDON);
    let exporter = Machine::Role("billing-exporter".to_owned());
    let backup = Machine::Role("backup".to_owned());
    let weeks = [0..5, 7..12, 14..19];
    let people = weeks
        .into_iter()
        .flat_map(|week| [ann.days(week.clone(), 16), bob.days(week, 16)]);
    let machines = [
        exporter.days(0..20),
        backup.days(0..20),
        ann.is_impersonated(17),
        bob.is_impersonated(9),
        exporter.is_stolen(17),
    ];
    in_order(people.chain(machines))
}

/// A count of the line that the program ends with.
fn counted(stderr: &str, name: &str) -> u64 {
    let counts = stderr.lines().rfind(|line| line.contains("stopped"));
    let counts = counts.expect("the counts at the end");
    let value = counts.split_whitespace().find_map(|word| {
        let (key, value) = word.split_once('=')?;
        (key == name).then(|| value.parse().expect("a number"))
    });
    value.unwrap_or_else(|| panic!("no {name} in {counts}"))
}

/// What replay makes of a story if its log is in the order of time.
fn replayed_in_order(line: &Line, story: &[Told]) -> Outputs {
    let log: HashMap<String, Vec<u8>> = line
        .read("events")
        .into_iter()
        .map(|record| {
            let id = record.json()["id"].as_str().expect("an id").to_owned();
            (id, record.value)
        })
        .collect();
    let mut merged = Vec::new();
    for told in story {
        let value = told.raw.value.as_deref().unwrap_or_default();
        let raw: Value = serde_json::from_slice(value).expect("JSON");
        let id = [&raw["uuid"], &raw["eventID"]]
            .into_iter()
            .find_map(Value::as_str);
        merged.extend_from_slice(&log[id.expect("an id")]);
        merged.push(b'\n');
    }
    let file = line.path("merged.ndjson");
    fs::write(&file, merged).expect("a file");
    line.replay_of(&[file])
}

fn assert_worked_off_in_order(line: &Line, story: &[Told], stderr: &str) {
    assert_eq!(counted(stderr, "late"), 0, "{stderr}");
    assert_eq!(counted(stderr, "events"), story.len() as u64);
    let live = Outputs::of(line);
    live.assert_none_twice();
    let replayed = replayed_in_order(line, story);
    assert_eq!(live.commands, replayed.commands);
    assert!(!live.commands.is_empty(), "nothing was commanded at all");
}

#[test]
fn no_source_runs_ahead_of_another_and_makes_it_late() {
    let line = Line::new("backlog", 3)
        .source("okta")
        .source("cloudtrail")
        .source("kong")
        .created();
    let story = three_weeks();
    feed::write(&line, &story);
    let ended = line.run_until_end(&[]);
    assert_worked_off_in_order(&line, &story, &ended.stderr);
}

#[test]
fn what_cannot_be_read_holds_nobody_back() {
    let line = Line::new("backlog-unreadable", 2)
        .source("okta")
        .source("cloudtrail")
        .source("kong")
        .created();
    let story = three_weeks();
    let unreadable: Vec<Raw> = (0..3_000)
        .map(|number| Raw::new(&format!("key-{number}"), "no log record".to_owned()))
        .collect();
    line.write_raw("kong", &unreadable);
    feed::write(&line, &story);
    let ended = line.run_until_end(&[]);
    assert_worked_off_in_order(&line, &story, &ended.stderr);
    assert_eq!(
        counted(&ended.stderr, "dead_letters"),
        unreadable.len() as u64
    );
}

/// Two processes that share the raw partitions of a line.
fn two_normalise(line: &Line) -> [Running; 2] {
    let start = || line.start_service(&["--stage", "normalise"]);
    let services = [start(), start()];
    line.await_members_of(&format!("{}-normalise", line.group()), services.len());
    services
}

fn ended(service: Running) -> Ended {
    service.terminate();
    service.wait(WORK_LIMIT).well()
}

/// Raw topics are rarely divided as the log is.
fn dealt(partitions: i32) -> Vec<Told> {
    let mut story = three_weeks();
    for (partition, told) in (0..partitions).cycle().zip(&mut story) {
        told.raw.partition = Some(partition);
    }
    story
}

/// A process that has fallen behind, as one of many does, is waited for: nothing of its partitions is late in a log into
/// which others could have written weeks meanwhile.
#[test]
fn no_process_runs_ahead_of_another_and_makes_it_late() {
    let line = Line::new("side-by-side", 6)
        .source("okta")
        .source("cloudtrail")
        .created();
    let services = two_normalise(&line);
    services[1].freeze();
    let story = dealt(6);
    feed::write(&line, &story);
    thread::sleep(ASLEEP);
    services[1].thaw();
    line.await_log(story.len());
    for service in services {
        ended(service);
    }
    let detected = line.run_until_end(&["--stage", "detect"]);
    assert_eq!(counted(&detected.stderr, "late"), 0, "{}", detected.stderr);
    let published = Outputs::of(&line);
    assert_eq!(published.commands.len(), 3, "{:?}", published.commands);
    published.assert_same(&line.replay());
}

#[test]
fn a_partition_of_which_all_was_deleted_is_not_waited_for() {
    let line = Line::new("deleted-raw", 4)
        .source("okta")
        .source("cloudtrail")
        .created();
    let of_old = |partition| Raw {
        partition: Some(partition),
        ..Raw::new("old", "of old".to_owned())
    };
    line.write_raw("okta", &[of_old(3)]);
    admin::delete_below(line.bootstrap(), &line.topic("raw-okta"), &[0, 0, 0, 1]);
    let services = two_normalise(&line);
    let story = dealt(3);
    feed::write(&line, &story);
    line.await_log(story.len());
    for service in services {
        let ended = ended(service);
        assert!(
            !ended.stderr.contains("nobody waits for it"),
            "{}",
            ended.stderr
        );
    }
}
