//! The README names everything that crosses the edges.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use plumbline_schemas::command::{Action, Command, CommandReason, Mode, Params, Target};
use plumbline_schemas::event::{
    ActionClass, Anonymizer, CredentialKind, Event, EventKind, IdentityKind, Outcome, Posture,
    Verdict,
};
use plumbline_schemas::finding::Severity;
use plumbline_schemas::reject::{Reason, Reject};
use plumbline_schemas::time::EventTime;
use plumbline_schemas::{Vocabulary, formats, json_schema};

const README: &str = include_str!("../README.md");

/// The part of the page between two headings.
fn section(heading: &str) -> &'static str {
    let start = README
        .find(&format!("\n{heading}\n"))
        .expect("the heading is there");
    let level = heading.split(' ').next().unwrap();
    let body = &README[start + heading.len() + 2..];
    body.find(&format!("\n{level} "))
        .map_or(body, |end| &body[..end])
}

#[track_caller]
fn assert_names<'a>(heading: &str, words: impl IntoIterator<Item = &'a str>) {
    let section = section(heading);
    for word in words {
        assert!(
            section.contains(&format!("`{word}`")),
            "`{word}` is not under {heading}"
        );
    }
}

/// The fields that tables have a row for, in the order of the page.
fn rows(heading: &str) -> Vec<&'static str> {
    let lines = section(heading)
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    lines.filter_map(|line| line.split('`').next()).collect()
}

#[test]
fn every_field_has_a_row_and_every_row_a_field() {
    for (heading, schema, objects) in [
        (
            "### Fields of the event",
            json_schema::event(),
            &["identity", "action", "delegation"][..],
        ),
        ("## The finding", json_schema::finding(), &[]),
    ] {
        let mut fields = support::leaves(&schema);
        fields.extend(objects.iter().map(|object| (*object).to_owned()));
        fields.sort();
        let mut rows = rows(heading);
        rows.sort_unstable();
        assert_eq!(rows, fields, "{heading}");
    }
    let rows = rows("## The command");
    for field in support::leaves(&json_schema::command()) {
        assert!(rows.contains(&field.as_str()), "{field} has no row");
    }
}

#[test]
fn every_word_is_explained() {
    let event = "### Vocabularies of the event";
    assert_names(event, EventKind::WORDS.iter().copied());
    assert_names(event, IdentityKind::WORDS.iter().copied());
    assert_names(event, CredentialKind::WORDS.iter().copied());
    assert_names(event, Anonymizer::WORDS.iter().copied());
    assert_names(event, Posture::WORDS.iter().copied());
    assert_names(event, ActionClass::WORDS.iter().copied());
    assert_names(event, Outcome::WORDS.iter().copied());
    assert_names(event, Verdict::WORDS.iter().copied());
    assert_names("## The finding", Severity::WORDS.iter().copied());
    assert_names("## The command", Action::WORDS.iter().copied());
    assert_names("## The command", Mode::WORDS.iter().copied());
}

#[test]
fn every_reason_and_header_of_a_dead_letter_has_its_row() {
    let reject = Reject::new(Reason::WrongType, "network.lat: expected a number");
    let headers = reject.headers("okta-system-log", 3, 184_467);
    let expected: Vec<&str> = headers
        .iter()
        .map(|(name, _)| *name)
        .chain(Reason::WORDS.iter().copied())
        .collect();
    let rows = rows("## Dead letters");
    assert_eq!(rows.len(), expected.len());
    assert!(expected.iter().all(|name| rows.contains(name)), "{rows:?}");
    // The examples in the table are what is really sent.
    assert_names(
        "## Dead letters",
        headers.iter().map(|(_, value)| value.as_str()),
    );
}

#[test]
fn every_header_of_a_command_has_its_row() {
    let time = EventTime::parse("2026-11-20T10:15:30Z").unwrap();
    let command = Command {
        id: "c-1".to_owned(),
        time,
        expires_at: time,
        action: Action::RevokeSession,
        mode: Mode::Enforce,
        target: Target {
            tenant: "acme".to_owned(),
            identity: "svc-billing".to_owned(),
            kind: IdentityKind::ServiceAccount,
            session_id: None,
            credential_id: None,
        },
        params: Params::default(),
        reason: CommandReason {
            summary: String::new(),
            risk: 0,
            detectors: Vec::new(),
            finding_ids: Vec::new(),
        },
        supersedes: None,
    };
    let headers = command.cloud_event_headers();
    assert_names("## The command", headers.iter().map(|(name, _)| *name));
    assert_names("## The command", ["plumbline.command.revoke_session"]);
    insta::assert_snapshot!(
        headers
            .map(|(name, value)| format!("{name}: {value}"))
            .join("\n")
    );
}

#[test]
fn every_log_format_is_described() {
    // A heading each, and under it where the fields of the event come from.
    for format in formats::ALL {
        let heading = format!("\n### `{}`\n", format.name());
        assert!(
            section("## Log formats").contains(&heading),
            "missing:{heading}"
        );
    }
}

#[test]
fn the_example_event_is_one() {
    let (_, example) = section("## The event").split_once("```json").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    Event::parse(example.as_bytes()).unwrap();
}
