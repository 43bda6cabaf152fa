//! The main job: raw vendor logs in, commands for the bots out.

use std::collections::{BTreeMap, BTreeSet};

use plumbline_tests::cluster::Read;
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::story::{Machine, Person, in_order};
use plumbline_tests::vendor::{CloudTrail, LONDON, OSLO};
use plumbline_tests::{Line, feed};
use serde_json::Value;

const COMMAND_SCHEMA: &str = include_str!("../../../schemas/json/command.schema.json");
const FINDING_SCHEMA: &str = include_str!("../../../schemas/json/finding.schema.json");
const EVENT_SCHEMA: &str = include_str!("../../../schemas/json/event.schema.json");

#[test]
fn stolen_identities_are_commanded_and_all_others_left_alone() {
    let line = Line::new("main-job", 3)
        .source("okta")
        .source("cloudtrail")
        .source("kong")
        .with_ocsf()
        .created();
    let ann = Person::new("00u-ann", OSLO);
    let bob = Person::new("00u-bob", LONDON);
    let exporter = Machine::Role("billing-exporter".to_owned());
    let backup = Machine::Role("backup".to_owned());
    let orders = Machine::Service(
        "svc-orders".to_owned(),
        "a-bearer-token-of-orders".to_owned(),
    );
    let story = in_order([
        ann.days(0..17, 16),
        bob.days(0..18, 16),
        exporter.days(0..18),
        backup.days(0..18),
        orders.days(0..18),
        ann.is_impersonated(17),
        exporter.is_stolen(17),
        orders.is_stolen(17),
    ]);

    let service = line.start_service(&[]);
    feed::day_by_day(&line, &story);
    line.await_detected();
    service.terminate();
    service.wait(WORK_LIMIT).well();

    let commands = line.read("control");
    let mut actions: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for command in &commands {
        let action = text(&command.json()["action"]).to_owned();
        actions.entry(&command.key).or_default().push(action);
    }
    let role = format!("acme/{}", CloudTrail::identity("billing-exporter"));
    let stolen: BTreeSet<&str> = BTreeSet::from(["acme/00u-ann", "acme/svc-orders", &role]);
    let commanded: BTreeSet<&str> = actions.keys().copied().collect();
    assert_eq!(commanded, stolen, "{actions:?}");
    assert_eq!(actions["acme/00u-ann"], ["revoke_session"]);
    for machine in [&*role, "acme/svc-orders"] {
        assert_eq!(
            actions[machine],
            ["step_up", "revoke_credential"],
            "{machine}"
        );
    }
    assert_eq!(line.read("deadletter"), []);
    let findings = line.read("findings");
    check_commands(&commands, &findings, &line.read("events"));
    check_ocsf(&line.read("ocsf"), &findings);
}

/// What a SIEM relies on: each finding once, under the same key, in the same order.
fn check_ocsf(told: &[Read], findings: &[Read]) {
    let uid = |record: &Read| text(&record.json()["finding_info"]["uid"]).to_owned();
    let id = |record: &Read| text(&record.json()["id"]).to_owned();
    let told: Vec<_> = told.iter().map(|it| (it.key.clone(), uid(it))).collect();
    let findings: Vec<_> = findings.iter().map(|it| (it.key.clone(), id(it))).collect();
    assert_eq!(told, findings);
}

/// What a bot relies on: key, headers, schema, and findings and events that exist.
fn check_commands(commands: &[Read], findings: &[Read], events: &[Read]) {
    let event_ids = valid_ids(events, EVENT_SCHEMA);
    let finding_ids = valid_ids(findings, FINDING_SCHEMA);
    let command_ids = valid_ids(commands, COMMAND_SCHEMA);
    for finding in findings {
        for id in list(&finding.json()["event_ids"]) {
            assert!(event_ids.contains(&id), "{id} is not in the log");
        }
    }
    for record in commands {
        let command = record.json();
        let target = &command["target"];
        let (tenant, identity) = (text(&target["tenant"]), text(&target["identity"]));
        assert_eq!(record.key, format!("{tenant}/{identity}"));
        assert_eq!(command["mode"], "enforce");
        for id in list(&command["reason"]["finding_ids"]) {
            assert!(finding_ids.contains(&id), "{id} is not among the findings");
        }
        if let Some(superseded) = command["supersedes"].as_str() {
            assert!(command_ids.contains(superseded), "{superseded}");
        }
        let attributes = [
            ("ce_specversion", "1.0"),
            ("ce_id", text(&command["id"])),
            ("ce_source", "/plumbline"),
            (
                "ce_type",
                &format!("plumbline.command.{}", text(&command["action"])),
            ),
            ("ce_time", text(&command["time"])),
            ("ce_subject", &record.key),
            ("content-type", "application/json"),
        ];
        for (name, value) in attributes {
            assert_eq!(record.header(name), value, "{name}");
        }
    }
}

/// The ids of records that keep to their schema.
fn valid_ids(records: &[Read], schema: &str) -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(schema).expect("a schema");
    let schema = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("a schema");
    assert!(!records.is_empty());
    let ids = records.iter().map(|record| {
        let value = record.json();
        if let Err(error) = schema.validate(&value) {
            panic!("{error} at {} in {value}", error.instance_path());
        }
        text(&value["id"]).to_owned()
    });
    ids.collect()
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

fn list(value: &Value) -> Vec<String> {
    let items = value.as_array().expect("a list");
    items.iter().map(|item| text(item).to_owned()).collect()
}
