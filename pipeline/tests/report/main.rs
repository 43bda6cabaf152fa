//! The page of `plumbline report`: what it says, that nothing of a log can do anything in it, and that it
//! works in a browser.

#![cfg(feature = "analyst")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod browser;
mod page;
mod program;
#[path = "../theft/mod.rs"]
mod theft;

use std::fs;
use std::path::{Path, PathBuf};

use plumbline::config::{ReportConfig, limit_of_time};
use plumbline::report::{model_json, report};
use serde_json::{Value, json};
use theft::{Place, theft};

/// What a page about these results says.
fn model(data: &Path, config: &ReportConfig) -> Value {
    let text = model_json(&[data.to_owned()], config).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Without the map, which is always the same.
fn without_world(mut model: Value) -> Value {
    model.as_object_mut().unwrap().remove("world");
    model
}

#[test]
fn a_stolen_session_is_told() {
    let place = Place::new();
    let data = place.replay(&theft());
    let told = without_world(model(&data, &ReportConfig::default()));
    insta::assert_json_snapshot!("theft", told);
}

#[test]
fn without_the_log_the_results_are_told_as_far_as_they_go() {
    let place = Place::new();
    let data = place.replay(&theft());
    let lines = place.0.path().join("lines");
    fs::create_dir(&lines).unwrap();
    for name in ["findings.ndjson", "commands.ndjson"] {
        fs::copy(data.join(name), lines.join(name)).unwrap();
    }
    let (told, all) = (
        model(&lines, &ReportConfig::default()),
        model(&data, &ReportConfig::default()),
    );
    assert_eq!(told["figures"]["events"], Value::Null);
    assert_eq!(told["timelines"]["has_events"], false);
    for part in ["findings", "commands", "detectors", "travels"] {
        assert_eq!(told[part], all[part], "{part}");
    }
}

#[test]
fn a_part_of_the_time_is_a_part_of_the_findings() {
    let place = Place::new();
    let data = place.replay(&theft());
    let between = |from: Option<&str>, to: Option<&str>| {
        let time = |text: &str| limit_of_time(text).unwrap();
        let config = ReportConfig {
            from: from.map(time),
            to: to.map(time),
            ..ReportConfig::default()
        };
        let figures = model(&data, &config)["figures"].clone();
        let number = |name: &str| figures[name].as_u64();
        (
            number("events").unwrap_or(0),
            number("findings").unwrap(),
            number("enforced").unwrap(),
        )
    };
    let all = between(None, None);
    assert_eq!(all.0, 163);
    let days = ["2026-11-02", "2026-11-10", "2026-11-16", "2026-11-17"];
    let parts = days
        .windows(2)
        .map(|days| between(Some(days[0]), Some(days[1])));
    let sum = parts.fold((0, 0, 0), |sum, part| {
        (sum.0 + part.0, sum.1 + part.1, sum.2 + part.2)
    });
    assert_eq!(sum, all);
    // The end itself is not told, the beginning is.
    assert_eq!(between(Some("2026-11-16T09:26:00Z"), None).0, 1);
    assert_eq!(between(Some("2026-11-16T09:26:00.001Z"), None).0, 0);
    assert_eq!(between(None, Some("2026-11-02")), (0, 0, 0));
}

#[test]
fn a_quiet_log_has_a_page_too() {
    let place = Place::new();
    let data = place.replay(&theft()[..40]);
    let told = without_world(model(&data, &ReportConfig::default()));
    insta::assert_json_snapshot!("quiet", told);
}

/// A directory with these as the lines of a replay.
fn lines(place: &Place, name: &str, findings: &[Value], commands: &[Value]) -> PathBuf {
    let directory = place.0.path().join(name);
    fs::create_dir(&directory).unwrap();
    for (name, values) in [("findings.ndjson", findings), ("commands.ndjson", commands)] {
        let text: String = values.iter().map(|value| format!("{value}\n")).collect();
        fs::write(directory.join(name), text).unwrap();
    }
    directory
}

fn finding(id: &str, tenant: &str, identity: &str, severity: &str, bits: f64) -> Value {
    json!({
        "id": id, "time": "2026-11-16T09:00:00.000Z", "tenant": tenant,
        "identity": { "id": identity, "kind": "human" }, "detector": "scope_drift",
        "severity": severity, "surprise_bits": bits, "risk": { "session": 50, "identity": 50 },
        "technique": [], "summary": format!("saw {id}"), "evidence": {}, "event_ids": [],
    })
}

fn command(id: &str, time: &str, action: &str, mode: &str, supersedes: Option<&str>) -> Value {
    let mut command = json!({
        "id": id, "time": time, "expires_at": "2026-11-17T09:00:00.000Z", "action": action,
        "mode": mode, "target": { "tenant": "acme", "identity": "ann", "kind": "human" },
        "reason": { "summary": "saw", "risk": 50, "detectors": [], "finding_ids": ["f-1"] },
    });
    if let Some(supersedes) = supersedes {
        command["supersedes"] = json!(supersedes);
    }
    command
}

#[test]
fn what_is_in_the_log_twice_is_told_once() {
    let place = Place::new();
    let data = place.replay(&theft());
    let read = |name: &str| {
        let text = fs::read_to_string(data.join(name)).unwrap();
        let values: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        values
    };
    let (findings, commands) = (read("findings.ndjson"), read("commands.ndjson"));
    assert!(findings.len() > 1 && !commands.is_empty());
    let once = lines(&place, "once", &findings, &commands);
    let twice = lines(
        &place,
        "twice",
        &[&findings[..], &findings[1..]].concat(),
        &[&commands[..], &commands[..]].concat(),
    );
    let config = ReportConfig::default();
    let told = model(&once, &config);
    assert_eq!(model(&twice, &config), told);
    // So is what is in several results.
    let both = model_json(&[once, twice], &config).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&both).unwrap(), told);
}

#[test]
fn only_what_a_later_enforced_command_undid_is_told_as_undone() {
    let place = Place::new();
    let (before, after) = ("2026-11-16T09:00:00.000Z", "2026-11-16T10:00:00.000Z");
    let told = |name: &str, mode: &str, lift: Value| {
        let commands = [
            command("c-1", before, "step_up", "enforce", None),
            command("c-2", before, "pause", mode, None),
            lift,
        ];
        let data = lines(&place, name, &[], &commands);
        let told = model(&data, &ReportConfig::default());
        let row = &told["identities"]["rows"][0];
        assert_eq!(
            row["command"]["id"],
            if mode == "enforce" { "c-2" } else { "c-1" }
        );
        (row["undone"].clone(), told["figures"]["undone"].clone())
    };
    let lift = |mode: &str, of: &str| command("c-9", after, "resume", mode, Some(of));
    let undone = told("undone", "enforce", lift("enforce", "c-2"));
    assert_eq!(undone, (json!(1_794_823_200_000_i64), json!(1)));
    // Another one was, whatever is weaker.
    let other = told("other", "enforce", lift("enforce", "c-1"));
    assert_eq!(other, (Value::Null, json!(1)));
    // Nothing was taken, so nothing was given back.
    let observed = told("observed", "observe", lift("observe", "c-2"));
    assert_eq!(observed, (Value::Null, json!(0)));
}

#[test]
fn who_is_to_be_looked_at_is_counted_in_the_page_or_not() {
    let place = Place::new();
    let mut findings: Vec<Value> = (0..240)
        .map(|n| finding(&format!("f-{n}"), "acme", &format!("low{n}"), "low", 20.0))
        .collect();
    findings.push(finding("f-a", "acme", "grave", "high", 10.0));
    let commands = [command(
        "c-1",
        "2026-11-16T09:00:00.000Z",
        "pause",
        "observe",
        None,
    )];
    let data = lines(&place, "data", &findings, &commands);
    let told = model(&data, &ReportConfig::default());
    assert_eq!(told["urgent"], 2);
    assert_eq!(told["identities"]["left_out"], 42);
}

/// Findings and commands of many identities, each as long as it may be.
fn many(directory: &Path, identities: usize, each: usize) {
    let long = |sort: &str, n: usize| format!("{sort}{n}{}", "x".repeat(240));
    let mut findings = String::new();
    let mut commands = String::new();
    for n in 0..identities * each {
        let id = long("someone", n % identities);
        let time = format!(
            "2026-{:02}-{:02}T{:02}:00:00.000Z",
            1 + n % 9,
            1 + n % 28,
            n % 24
        );
        let evidence: serde_json::Map<String, Value> = (0..200)
            .map(|key| (long("key", key), json!(long("value", key))))
            .collect();
        let finding = json!({
            "id": format!("f-{n:016x}"), "time": time, "tenant": "acme",
            "identity": { "id": id, "kind": "human" }, "session_id": long("s", n),
            "detector": "scope_drift", "severity": "high", "surprise_bits": 10.0 + (n % 200) as f64 / 10.0,
            "risk": { "session": 50, "identity": 50 }, "technique": ["T1078"], "summary": long("saw", n),
            "evidence": evidence, "event_ids": (0..100).map(|at| long("e", at)).collect::<Vec<_>>(),
        });
        let command = json!({
            "id": format!("c-{n:016x}"), "time": time, "expires_at": time, "action": "step_up",
            "mode": "enforce", "target": { "tenant": "acme", "identity": id, "kind": "human" },
            "reason": { "summary": long("saw", n), "risk": 50, "detectors": ["scope_drift"],
                        "finding_ids": [format!("f-{n:016x}")] },
        });
        findings.push_str(&format!("{finding}\n"));
        commands.push_str(&format!("{command}\n"));
    }
    fs::write(directory.join("findings.ndjson"), findings).unwrap();
    fs::write(directory.join("commands.ndjson"), commands).unwrap();
}

#[test]
fn however_much_there_is_the_page_is_bounded_and_says_what_it_leaves_out() {
    let directory = tempfile::tempdir().unwrap();
    many(directory.path(), 450, 4);
    let told = model(directory.path(), &ReportConfig::default());
    let cut = |part: &str| {
        (
            told[part]["rows"].as_array().unwrap().len(),
            &told[part]["left_out"],
        )
    };
    assert_eq!(cut("findings"), (300, &json!(1500)));
    assert_eq!(cut("commands"), (200, &json!(1600)));
    assert_eq!(cut("identities"), (200, &json!(250)));
    assert_eq!(told["figures"]["findings"], 1800);
    assert_eq!(told["timelines"]["lives"].as_array().unwrap().len(), 24);
    let out = directory.path().join("report.html");
    let config = ReportConfig::default();
    let bytes = report(&[directory.path().to_owned()], &config, &out)
        .unwrap()
        .bytes;
    assert!(bytes < 5_000_000, "{bytes}");
    assert_eq!(fs::metadata(&out).unwrap().len(), bytes as u64);
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let place = Place::new();
    let data = place.replay(&theft());
    let page = |name: &str| {
        let out = place.0.path().join(name);
        report(std::slice::from_ref(&data), &ReportConfig::default(), &out).unwrap();
        fs::read(out).unwrap()
    };
    assert!(page("one.html") == page("two.html"));
}

/// What whoever writes logs could try, as the id of an identity, the name of an action and of a place.
const HOSTILE: &str = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\"'`${1}\u{2028}\u{202e}\u{7}";

fn hostile() -> Vec<Value> {
    let mut events = theft();
    for event in &mut events {
        event["identity"]["id"] = json!(HOSTILE);
        event["device"]["id"] = json!(format!("{}{}", event["device"]["id"], HOSTILE));
        event["action"]["name"] = json!(format!("{HOSTILE}{}", event["action"]["name"]));
        event["network"]["city"] = json!(format!(
            "{}{HOSTILE}",
            event["network"]["city"].as_str().unwrap()
        ));
        event["session"]["id"] = json!(format!(
            "{}{HOSTILE}",
            event["session"]["id"].as_str().unwrap()
        ));
    }
    events
}

/// A page about these events.
fn page_of(place: &Place, events: &[Value], title: &str) -> PathBuf {
    let data = place.replay(events);
    let out = place.0.path().join("report.html");
    let config = ReportConfig {
        title: Some(title.to_owned()),
        ..ReportConfig::default()
    };
    report(&[data], &config, &out).unwrap();
    out
}
