//! One record of each shape, as it is written.

use plumbline_schemas::event::Event;
use serde_json::Value;

use super::{Emitter, Output, cloudtrail, kong, native, okta};
use crate::{Options, Simulation};

fn events() -> Vec<Event<'static>> {
    let options = Options {
        identities: 200,
        days: 5,
        ..Options::default()
    };
    Simulation::new(&options)
        .unwrap()
        .map(|arrival| arrival.event)
        .collect()
}

fn first<'a>(
    events: &'a [Event<'static>],
    fits: impl Fn(&Event<'_>) -> bool,
) -> &'a Event<'static> {
    events.iter().find(|event| fits(event)).unwrap()
}

fn check(name: &str, record: &str) {
    let value: Value = serde_json::from_str(record).unwrap();
    insta::assert_snapshot!(name, serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn every_shape_is_written_as_it_was() {
    let events = events();
    for (name, action) in [
        ("okta_login", "user.session.start"),
        ("okta_second_factor", "user.authentication.auth_via_mfa"),
        ("okta_app", "user.authentication.sso"),
        ("okta_administration", "application.user_membership.add"),
    ] {
        check(
            name,
            &okta::record(first(&events, |event| event.action.name == action)),
        );
    }
    let by_id = |part: &'static str| {
        move |event: &Event<'_>| {
            event.source.as_deref() == Some("cloudtrail") && event.identity.id.contains(part)
        }
    };
    check(
        "cloudtrail_role",
        &cloudtrail::record(first(&events, by_id("role/ledger-sync"))),
    );
    check(
        "cloudtrail_user",
        &cloudtrail::record(first(&events, by_id(":user/"))),
    );
    check(
        "cloudtrail_instance",
        &cloudtrail::record(first(&events, by_id("role/order-worker"))),
    );
    check(
        "cloudtrail_pipeline",
        &cloudtrail::record(first(&events, by_id("role/deploy"))),
    );
    check(
        "cloudtrail_person",
        &cloudtrail::record(first(&events, by_id("AWSReservedSSO"))),
    );
    let client = |part: &'static str| move |event: &Event<'_>| event.identity.id.starts_with(part);
    check(
        "kong_service",
        &kong::record(first(&events, client("svc-"))),
    );
    check("kong_key", &kong::record(first(&events, client("ci-"))));
    check(
        "kong_raw_key",
        &kong::record(first(&events, |event| {
            event
                .credential
                .id
                .as_deref()
                .is_some_and(|id| id.starts_with("sha256:"))
        })),
    );
    check(
        "native_agent",
        &native::record(first(&events, |event| {
            event.action.name.starts_with("tool:")
        })),
    );
    check(
        "native_attack",
        &native::record(first(&events, |event| event.labels.attack.is_some())),
    );
}

#[test]
fn some_records_come_in_batches() {
    for (output, begins) in [
        (Output::CloudTrail, "{\"Records\":[{"),
        (Output::Kong, "[{"),
    ] {
        let mut emitter = Emitter::new(output);
        let (mut batches, mut lines) = (0, 0);
        let mut count = |line: &str| -> Result<(), std::fmt::Error> {
            batches += usize::from(line.starts_with(begins));
            lines += 1;
            Ok(())
        };
        for event in events().iter().filter(|event| Output::of(event) == output) {
            emitter.push(event, &mut count).unwrap();
        }
        emitter.finish(&mut count).unwrap();
        assert!(
            batches * 20 > lines && batches * 2 < lines,
            "{batches} of {lines}"
        );
    }
}
