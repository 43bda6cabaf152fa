//! The clock of a machine that jumps: what is decided follows the times of events, and loses nothing.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use plumbline_tests::Line;
use plumbline_tests::cluster::Raw;
use plumbline_tests::outputs::Outputs;
use serde_json::json;

const PEOPLE: i64 = 6;
const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;

/// Calls of some people from now on back over three weeks, an hour apart by day; at the end of each part one of
/// them is in Lima, minutes after Oslo.
fn calls() -> Vec<Vec<Raw>> {
    let now = jiff::Timestamp::now().as_millisecond();
    let start = now - 21 * DAY;
    let mut parts = vec![Vec::new(), Vec::new(), Vec::new()];
    for step in 0..21 * 8 {
        let at = start + (step / 8) * DAY + (step % 8) * 60 * MINUTE;
        for person in 0..PEOPLE {
            let part = &mut parts[usize::try_from(step / 56).expect("a week")];
            part.push(call(person, at + person * 1000, "Oslo"));
        }
    }
    for (number, part) in (0..).zip(&mut parts) {
        let at = start + ((number + 1) * 7 - 1) * DAY + 7 * 60 * MINUTE;
        part.push(call(number, at + 8 * MINUTE, "Lima"));
    }
    // The last is of this moment: whoever believes a clock of days ago takes it for one of the future.
    parts[2].push(call(5, now, "Oslo"));
    parts
}

fn call(person: i64, at: i64, city: &str) -> Raw {
    let time = jiff::Timestamp::from_millisecond(at).expect("a time");
    let (lat, lon) = match city {
        "Oslo" => (59.91, 10.75),
        _ => (-12.05, -77.04),
    };
    let (person, event) = (format!("p{person}"), format!("{person}-{at}"));
    let value = json!({
        "id": event, "time": format!("{time:.3}"), "kind": "api", "tenant": "acme",
        "identity": { "id": person }, "session": { "id": format!("{person}-{city}") },
        "network": { "lat": lat, "lon": lon, "accuracy_km": 20, "city": city },
        "device": { "id": format!("{person}-{city}") },
        "action": { "name": "mail.read", "class": "read" },
    });
    Raw::new(&format!("acme/{person}"), value.to_string())
}

/// What gives a process a clock of its own.
fn library(directory: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clock/clock.c");
    let library = directory.join("clock.so");
    let compiler = std::env::var("CC").unwrap_or("cc".to_owned());
    let built = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .status();
    assert!(built.expect("a C compiler").success());
    library
}

#[test]
fn a_clock_that_jumps_days_ahead_and_days_back_changes_nothing() {
    let line = Line::new("clocks", 2).source("native").created();
    let (clock, library) = (line.path("clock"), library(&line.path("")));
    fs::write(&clock, 0_i64.to_ne_bytes()).expect("written");
    // In place: the process has mapped it.
    let file = OpenOptions::new().write(true).open(&clock).expect("there");
    let set = |days: i64| {
        let seconds = days * 86_400;
        file.write_all_at(&seconds.to_ne_bytes(), 0)
            .expect("written");
    };
    let variables = [
        ("LD_PRELOAD", library.to_str().expect("UTF-8")),
        ("PLUMBLINE_TEST_CLOCK", clock.to_str().expect("UTF-8")),
    ];
    let service = line.start_with(&["run", "--config", "plumbline.toml"], &variables);
    let mut written = 0;
    for (part, days) in calls().into_iter().zip([0, 3, -3]) {
        set(days);
        line.write_raw("native", &part);
        written += part.len();
        line.await_log(written);
        line.await_detected();
    }
    service.terminate();
    let said = service
        .wait(plumbline_tests::line::WORK_LIMIT)
        .well()
        .stderr;
    assert!(!said.contains("starts again"), "{said}");
    let dead = line.read("deadletter");
    assert!(dead.is_empty(), "{} dead letters", dead.len());
    let live = Outputs::of(&line);
    live.assert_none_twice();
    live.assert_same(&line.replay());
    assert!(live.counts().1 >= 3, "{:?}", live.counts());
    // Its own log tells that its clock was put back.
    let times = said
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let days: std::collections::BTreeSet<&str> = times
        .filter_map(|time| time.get(..10))
        .filter(|day| day.starts_with("20"))
        .collect();
    assert!(days.len() > 1, "{said}");
}
