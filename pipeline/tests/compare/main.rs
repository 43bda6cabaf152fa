//! Two configurations over one log: what differs is found, all of it, and nothing else.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod golden;
mod labels;
mod laws;
mod program;
mod simulated;

use std::fs;
use std::path::{Path, PathBuf};

use plumbline::compare::{Comparison, compare, replay_both};
use plumbline::config::{CompareConfig, Config};
use plumbline_schemas::time::EventTime;
use serde_json::{Value, json};

/// A directory with logs, configurations and results.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = self.read(name);
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// A configuration of this text that replays `log.ndjson` to `out`.
    fn config(&self, text: &str, out: &str) -> Config {
        let file = self.write("config.toml", text);
        let mut config = Config::load(Some(&file)).unwrap();
        config.replay.input = vec![self.shown("log.ndjson")];
        config.replay.out = Some(self.path(out));
        config
    }

    fn both(&self, a: &str, b: &str, out: &str) -> Comparison {
        let (a, b) = (self.config(a, out), self.config(b, out));
        replay_both(&a, &b).unwrap().1
    }

    fn compare(&self, a: &str, b: &str, out: &str) -> Comparison {
        let out = self.path(out);
        let config = CompareConfig::default();
        compare(&self.path(a), &self.path(b), &config, Some(&out)).unwrap()
    }
}

const OSLO: (&str, f64, f64) = ("Oslo", 59.91, 10.75);
const LONDON: (&str, f64, f64) = ("London", 51.51, -0.13);
const LIMA: (&str, f64, f64) = ("Lima", -12.05, -77.04);

/// One event of a person, so many minutes after the beginning.
fn event(identity: &str, minute: i64, place: (&str, f64, f64)) -> Value {
    let start = EventTime::parse("2026-11-02T09:00:00Z").unwrap();
    let (city, lat, lon) = place;
    let device = format!("{identity}-{city}");
    json!({
        "id": format!("{identity}-{minute}"), "time": start.plus_millis(minute * 60_000),
        "kind": "api", "tenant": "acme",
        "identity": { "id": identity }, "session": { "id": format!("s-{identity}") },
        "network": { "lat": lat, "lon": lon, "accuracy_km": 20, "city": city },
        "device": { "id": device },
        "action": { "name": "mail.read", "class": "read" },
    })
}

const DAY: i64 = 24 * 60;

/// Twelve office days of three people in Oslo. Then somebody in Lima has `ann`'s session, `bob` is in
/// London within the hour, which no airliner does, and `cid` goes on as ever.
fn office() -> Vec<Value> {
    let mut events = Vec::new();
    for day in 0..12 {
        for minute in (0..480).step_by(30) {
            for (at, person) in (0..).zip(["ann", "bob", "cid"]) {
                events.push(event(person, day * DAY + minute + at, OSLO));
            }
        }
    }
    for minute in [461, 463, 470] {
        let mut stolen = event("ann", 11 * DAY + minute, LIMA);
        stolen["labels"] = json!({ "attack": "A6" });
        events.push(stolen);
    }
    events.push(event("bob", 11 * DAY + 491, LONDON));
    events
}

fn ndjson(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

/// A place whose log is that of the office.
fn at_the_office() -> Place {
    let place = Place::new();
    place.write("log.ndjson", &ndjson(&office()));
    place
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
