//! Why something was decided, from the results of a small replay; and that everything can be explained.

#![allow(clippy::unwrap_used, missing_docs)]

mod theft;

use std::fs;
use std::path::Path;
use std::process::Command;

use plumbline::config::Config;
use plumbline::explain::{ExplainError, Explanation, Recompute};
use plumbline_detectors::config::PolicyMode;
use plumbline_replay_data::{Options, Simulation};
use plumbline_schemas::finding::Finding;
use serde_json::Value;
use theft::{Place, theft};

fn lines(directory: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(directory.join(name)).unwrap();
    let parsed = text.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().unwrap()
}

/// The defaults, with the log that the results were made of.
fn defaults(directory: &Path) -> Config {
    let mut config = Config::default();
    let log = directory.with_file_name("log.ndjson");
    config.replay.input = vec![log.display().to_string()];
    config
}

/// Explained, and recomputed from the input of this configuration or, without one, from the archive.
fn explained(id: &str, directory: &Path, config: &Config) -> Result<Explanation, ExplainError> {
    let by = Recompute {
        config,
        from_input: !config.replay.input.is_empty(),
    };
    plumbline::explain::explain(id, directory, by)
}

/// The words, without the name of the directory, which is another in each run.
fn explain_by(id: &str, directory: &Path, config: &Config) -> Result<String, ExplainError> {
    let text = explained(id, directory, config)?.text;
    let parent = directory.parent().unwrap().display().to_string();
    Ok(text.replace(&parent, "TMP"))
}

fn explain(id: &str, directory: &Path) -> Result<String, ExplainError> {
    explain_by(id, directory, &defaults(directory))
}

/// The part of an explanation that was recomputed.
fn recomputed(text: &str) -> &str {
    let begins = ["\nRecomputed: ", "\nNot recomputed: "];
    let at = begins.iter().find_map(|begins| text.find(begins)).unwrap();
    &text[at + 1..]
}

/// Takes something in a file for something else.
fn alter(directory: &Path, name: &str, from: &str, to: &str) {
    let path = directory.join(name);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
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

#[cfg(feature = "analyst")]
#[test]
fn tables_alone_tell_the_same() {
    let out = Place::new();
    let data = out.replay(&theft());
    let names = ["findings.ndjson", "commands.ndjson"];
    let lines: Vec<Value> = names.iter().flat_map(|name| lines(&data, name)).collect();
    let told = |line: &Value| explain(id(line), &data).unwrap();
    let before: Vec<String> = lines.iter().map(told).collect();
    for name in names {
        fs::remove_file(data.join(name)).unwrap();
    }
    // A table has fields and no bytes.
    let before = before.iter();
    let before =
        before.map(|text| text.replace("the same, byte for byte", "the same in every field"));
    assert!(before.eq(lines.iter().map(told)));
    let error = explain("f-unheard-of", &data).unwrap_err().to_string();
    assert!(error.contains("findings ("), "{error}");
}

#[test]
fn what_is_stored_and_not_what_the_log_leads_to_is_told_with_the_fields() {
    let out = Place::new();
    let data = out.replay(&theft());
    let last = id(&lines(&data, "commands.ndjson")[1]).to_owned();
    alter(
        &data,
        "findings.ndjson",
        "\"distance_km\":11033.0,",
        "\"distance_km\":110.0,\"more\":[1],",
    );
    insta::assert_snapshot!("altered", recomputed(&explain(&last, &data).unwrap()));
    alter(&data, "commands.ndjson", &last, "c-0000000000000001");
    let told = explain("c-0000000000000001", &data).unwrap();
    insta::assert_snapshot!("unheard_of", recomputed(&told));
    let is_same = |id: &str| explained(id, &data, &defaults(&data)).unwrap().is_same;
    assert_eq!(is_same("c-0000000000000001"), Some(false));
    assert_eq!(is_same(id(&lines(&data, "findings.ndjson")[0])), Some(true));
}

#[test]
fn another_configuration_and_a_part_of_the_log_are_told_apart() {
    let out = Place::new();
    let data = out.replay(&theft());
    let first = id(&lines(&data, "commands.ndjson")[0]).to_owned();
    let mut other = defaults(&data);
    other.policy.mode = PolicyMode::Observe;
    let told = explain_by(&first, &data, &other).unwrap();
    insta::assert_snapshot!("another_configuration", recomputed(&told));
    let log = data.with_file_name("log.ndjson");
    let part: Vec<String> = fs::read_to_string(&log)
        .unwrap()
        .lines()
        .take(100)
        .map(str::to_owned)
        .collect();
    fs::write(log, part.join("\n")).unwrap();
    insta::assert_snapshot!(
        "part_of_the_log",
        recomputed(&explain(&first, &data).unwrap())
    );
}

#[test]
fn what_time_leads_to_is_the_same_and_has_no_account() {
    let out = Place::new();
    let mut events = theft();
    for (at, (minute, class)) in [("10:00", "admin"), ("12:00", "read")].iter().enumerate() {
        let mut event = events[0].clone();
        event["id"] = format!("bob-{at}").into();
        event["time"] = format!("2026-11-16T{minute}:00Z").into();
        event["identity"] = serde_json::json!({ "id": "bob" });
        event["session"]["id"] = format!("bob-{at}").into();
        event["action"]["class"] = (*class).into();
        events.push(event);
    }
    let data = out.replay(&events);
    let rested = lines(&data, "commands.ndjson").into_iter();
    let mut rested = rested.filter(|command| command["target"]["identity"] == "bob");
    let rested = rested.next().unwrap();
    insta::assert_snapshot!("timer", recomputed(&explain(id(&rested), &data).unwrap()));
}

#[test]
fn without_a_log_it_is_said_what_to_name() {
    let out = Place::new();
    let data = out.replay(&theft());
    let _ = fs::remove_dir_all(data.join("events"));
    let first = id(&lines(&data, "commands.ndjson")[0]).to_owned();
    let told = explained(&first, &data, &Config::default()).unwrap();
    assert_eq!(told.is_same, None);
    insta::assert_snapshot!(recomputed(&told.text), @r"
    Not recomputed: there is no log beside the results. --input names the log, --config what it was
    judged by.
    ");
    let mut nowhere = Config::default();
    nowhere.replay.input = vec!["nowhere".to_owned()];
    let error = explained(&first, &data, &nowhere).unwrap_err();
    assert_eq!(error.exit_code(), 2);
}

/// Explains so many commands, and as many findings, evenly from all of them.
fn all_are_the_same(data: &Path, config: &Config, most: usize) {
    for name in ["commands.ndjson", "findings.ndjson"] {
        let lines = lines(data, name);
        let step = lines.len().div_ceil(most).max(1);
        for line in lines.iter().step_by(step) {
            let explained = explained(id(line), data, config).unwrap();
            let words = "\nRecomputed: the same, byte for byte\n";
            assert!(explained.text.contains(words), "{}", explained.text);
            assert_eq!(explained.is_same, Some(true));
        }
    }
}

#[test]
fn whatever_a_simulated_organisation_leads_to_is_recomputed_to_the_byte() {
    let out = Place::new();
    let options = Options {
        identities: 24,
        days: 12,
        ..Options::default()
    };
    let simulated = Simulation::new(&options).unwrap();
    let log: Vec<Value> = simulated
        .map(|arrival| serde_json::to_value(&arrival.event).unwrap())
        .collect();
    let data = out.replay(&log);
    assert!(lines(&data, "commands.ndjson").len() > 4);
    all_are_the_same(&data, &defaults(&data), 12);
    #[cfg(feature = "analyst")]
    all_are_the_same(&data, &Config::default(), 12);
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
    // Whoever has the tables needs no lines.
    let _ = fs::remove_dir_all(data.join("commands"));
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
    // What differs is told, and is a failure.
    alter(&data, "commands.ndjson", "\"risk\":", "\"risk\":1");
    let log = data.with_file_name("log.ndjson").display().to_string();
    assert_eq!(
        ended(&[&command, "--input", &log], Some(&data)),
        (1, true, true)
    );
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
        let data = out.replay_with(config.clone());
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
        all_are_the_same(&data, &config, 6);
    }
}
