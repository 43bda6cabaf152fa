//! Why something was decided, from the results of a small replay; and that everything can be explained.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use plumbline::config::Config;
use plumbline::explain::{ExplainError, explain};
use plumbline::replay::replay;
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;
use serde_json::{Value, json};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Replays these events, and gives the directory of the results.
    fn replay(&self, events: &[Value]) -> PathBuf {
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        let input = self.0.path().join("log.ndjson");
        fs::write(&input, lines.join("\n")).unwrap();
        let mut config = Config::default();
        config.replay.input = vec![input.display().to_string()];
        self.replay_with(config)
    }

    fn replay_with(&self, mut config: Config) -> PathBuf {
        let out = self.0.path().join("out");
        config.replay.out = Some(out.clone());
        replay(&config).unwrap();
        out
    }

    /// An error with the name of the directory taken out, which is another in each run.
    fn said(&self, error: &ExplainError) -> String {
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
fn theft() -> Vec<Value> {
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

fn lines(directory: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(directory.join(name)).unwrap();
    let parsed = text.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().unwrap()
}

fn id(line: &Value) -> &str {
    line["id"].as_str().unwrap()
}

#[test]
fn a_command_is_told_with_what_it_replaces_and_every_finding_behind_it() {
    let out = Place::new();
    let data = out.replay(&theft());
    let commands = lines(&data, "commands.ndjson");
    assert_eq!(commands.len(), 2, "{commands:#?}");
    insta::assert_snapshot!("first_command", explain(id(&commands[0]), &data).unwrap());
    insta::assert_snapshot!("last_command", explain(id(&commands[1]), &data).unwrap());
}

#[test]
fn a_finding_is_told_with_what_it_led_to() {
    let out = Place::new();
    let data = out.replay(&theft());
    let findings = lines(&data, "findings.ndjson");
    let travel = |finding: &&Value| finding["detector"] == "impossible_travel";
    let travel = findings.iter().find(travel).unwrap();
    insta::assert_snapshot!("finding", explain(id(travel), &data).unwrap());
}

#[test]
fn nothing_of_a_log_reaches_the_terminal_as_it_is() {
    let out = Place::new();
    let data = out.replay(&theft());
    for name in ["findings.ndjson", "commands.ndjson"] {
        for line in lines(&data, name) {
            let told = explain(id(&line), &data).unwrap();
            assert!(
                !told.contains(|c: char| c.is_control() && c != '\n'),
                "{told}"
            );
        }
    }
}

#[test]
fn what_is_missing_is_said_with_what_to_do() {
    let out = Place::new();
    let data = out.replay(&theft());
    let nowhere = out.0.path().join("nowhere");
    let mut told = Vec::new();
    for (wanted, directory) in [
        ("e1", &data),
        ("c-0000000000000000", &data),
        ("f-0000000000000000", &data),
        ("c-1", &nowhere),
    ] {
        let error = explain(wanted, directory).unwrap_err();
        told.push(format!("{} {}", error.exit_code(), out.said(&error)));
    }
    let finding = id(&lines(&data, "findings.ndjson")[0]).to_owned();
    fs::write(
        data.join("commands.ndjson"),
        format!("\n{{\"x\":\"{finding}\"}}\n"),
    )
    .unwrap();
    let error = explain(&finding, &data).unwrap_err();
    told.push(format!("{} {}", error.exit_code(), out.said(&error)));
    fs::remove_file(data.join("commands.ndjson")).unwrap();
    let error = explain(&finding, &data).unwrap_err();
    told.push(format!("{} {}", error.exit_code(), out.said(&error)));
    insta::assert_snapshot!("errors", told.join("\n"));
}

#[test]
fn the_directory_can_be_named_by_a_variable_and_the_status_says_how_it_ended() {
    let out = Place::new();
    let data = out.replay(&theft());
    let command = id(&lines(&data, "commands.ndjson")[0]).to_owned();
    let ended = |arguments: &[&str], data: Option<&Path>| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_plumbline"));
        program.arg("explain").args(arguments).env_clear();
        program.envs(data.map(|data| ("PLUMBLINE_DATA", data)));
        let output = program.output().unwrap();
        (
            output.status.code().unwrap(),
            !output.stdout.is_empty(),
            !output.stderr.is_empty(),
        )
    };
    assert_eq!(ended(&[&command], Some(&data)), (0, true, false));
    assert_eq!(ended(&[&command], None), (2, false, true));
    assert_eq!(ended(&["c-1"], Some(&data)), (1, false, true));
    assert_eq!(
        ended(&["c-1"], Some(Path::new("nowhere"))),
        (2, false, true)
    );
    assert_eq!(ended(&[], Some(&data)), (2, false, true));
}

#[test]
fn whatever_the_samples_lead_to_says_what_would_have_made_it_silent() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../replay-data");
    let out = Place::new();
    for (name, format) in [
        ("okta-system-log", "okta"),
        ("cloudtrail", "cloudtrail"),
        ("kong", "kong"),
        ("agents", "native"),
    ] {
        let mut config = Config::default();
        let input = root.join("samples").join(format!("{name}.ndjson.gz"));
        config.replay.input = vec![input.display().to_string()];
        config.replay.format = format.to_owned();
        config.replay.tenant = Some("acme".to_owned());
        config.geo.city = vec![root.join("geo/documentation-city.mmdb")];
        config.geo.asn = vec![root.join("geo/documentation-asn.mmdb")];
        let data = out.replay_with(config);
        let findings = lines(&data, "findings.ndjson");
        assert!(!findings.is_empty(), "{name} led to nothing");
        for line in findings {
            let finding: Finding = serde_json::from_value(line).unwrap();
            let silent = finding.evidence.get("silent_if").and_then(Value::as_str);
            assert!(
                silent.is_some_and(|text| !text.trim().is_empty()),
                "{finding:#?}"
            );
        }
        for line in lines(&data, "commands.ndjson") {
            explain(id(&line), &data).unwrap();
        }
    }
}
