//! A small log with a stolen session, and what a replay makes of it.

use std::fmt::Display;
use std::fs;
use std::path::PathBuf;

use plumbline::config::Config;
use plumbline::replay::replay;
use plumbline_schemas::time::EventTime;
use serde_json::{Value, json};

pub(crate) struct Place(pub(crate) tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Replays these events, and gives the directory of the results.
    pub(crate) fn replay(&self, events: &[Value]) -> PathBuf {
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        let input = self.0.path().join("log.ndjson");
        fs::write(&input, lines.join("\n")).unwrap();
        let mut config = Config::default();
        config.replay.input = vec![input.display().to_string()];
        self.replay_with(config)
    }

    pub(crate) fn replay_with(&self, mut config: Config) -> PathBuf {
        let out = self.0.path().join("out");
        config.replay.out = Some(out.clone());
        replay(&config).unwrap();
        out
    }

    /// An error with the name of the directory taken out, which is another in each run.
    pub(crate) fn said(&self, error: &impl Display) -> String {
        let directory = self.0.path().display().to_string();
        error.to_string().replace(&directory, "TMP")
    }
}

const OSLO: (f64, f64, &str, &str) = (59.91, 10.75, "Oslo", "NO");
const LIMA: (f64, f64, &str, &str) = (-12.05, -77.04, "Lima", "PE");

fn call(number: usize, minute: i64, place: (f64, f64, &str, &str), device: &str) -> Value {
    let start = EventTime::parse("2026-11-02T09:00:00Z").unwrap();
    let (lat, lon, city, country) = place;
    json!({
        "id": format!("e{number}"), "time": start.plus_millis(minute * 60_000), "kind": "api",
        "tenant": "acme", "identity": { "id": "ann", "groups": ["finance"] },
        "session": { "id": format!("s-{}", minute / 1440) },
        "credential": { "kind": "session_cookie", "scopes": ["mail:read", "mail:send"] },
        "network": { "lat": lat, "lon": lon, "accuracy_km": 20, "city": city, "country": country },
        "device": { "id": device },
        "action": { "name": "mail.read", "class": "read", "scopes": ["mail:read"] },
    })
}

/// Two office weeks of ann in Oslo; on the last morning a VPN leaves in Lima, and then Lima itself.
pub(crate) fn theft() -> Vec<Value> {
    let mut events = Vec::new();
    for day in (0..15).filter(|day| day % 7 < 5) {
        for half_hour in 0..16 {
            events.push(call(
                events.len(),
                day * 1440 + half_hour * 30,
                OSLO,
                "ann-1",
            ));
        }
    }
    events.truncate(events.len() - 15);
    let mut vpn = call(events.len(), 14 * 1440 + 11, LIMA, "other");
    vpn["network"]["anonymizer"] = json!("vpn");
    events.push(vpn);
    let mut bare = call(events.len(), 14 * 1440 + 26, LIMA, "other");
    bare["action"]["name"] = json!("mail.forward\u{1b}[2J");
    bare["action"]["class"] = json!("admin");
    events.push(bare);
    events
}
