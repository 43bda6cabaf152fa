//! Why something was decided, from the results of a small replay; and that everything can be explained.

#![allow(clippy::unwrap_used, missing_docs)]

mod theft;

use std::fs;
use std::path::Path;
use std::process::Command;

use plumbline::config::Config;
use plumbline::explain::explain;
use plumbline_schemas::finding::Finding;
use serde_json::Value;
use theft::{Place, theft};

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
    assert_eq!(before, lines.iter().map(told).collect::<Vec<_>>());
    let error = explain("f-unheard-of", &data).unwrap_err().to_string();
    assert!(error.contains("findings ("), "{error}");
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
