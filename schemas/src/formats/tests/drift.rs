//! Records that are not what their format expects: told by field, and nothing that changes what is
//! read passes in silence.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{auto, gateways, keycloak, kong, kubernetes, okta, story};
use crate::drift::DriftCounts;
use crate::formats::{Decoded, Source, by_name};

/// The vendors' records, those that `auto` does not need too.
fn records() -> Vec<(&'static str, &'static str)> {
    let mut records = auto::records();
    records.extend([
        ("kong", kong::BATCH),
        ("apisix", gateways::APISIX),
        ("envoy", gateways::ENVOY),
        ("nginx", gateways::NGINX),
        ("kubernetes", kubernetes::AKS),
    ]);
    records
}

/// What a record gives, but for ids: some are a hash of all there is.
fn read(format: &str, record: &Value) -> (Vec<String>, DriftCounts) {
    let (mut read, mut drift) = (Vec::new(), DriftCounts::default());
    let format = by_name(format).expect("a registered format");
    let raw = record.to_string();
    let source = Source::default();
    format.decode(raw.as_bytes(), source, &mut |decoded| match decoded {
        Decoded::Event(mut event) => {
            event.id = "".into();
            read.push(serde_json::to_string(&event).expect("an event can be written"));
        }
        Decoded::Rejected(reject) => read.push(reject.to_string()),
        Decoded::Skipped(why) => read.push(why.into_owned()),
        Decoded::Drift(one) => drift.add(&one),
    });
    (read, drift)
}

fn parsed(raw: &str) -> Value {
    serde_json::from_str(raw).expect("JSON")
}

/// The records one by one that this one holds.
fn parts(record: Value) -> Vec<Value> {
    match record {
        Value::Array(parts) => parts,
        Value::Object(mut members) => {
            let batches = ["Records", "records", "entries", "items"];
            let batch = batches.iter().find_map(|name| members.remove(*name));
            batch.map_or_else(|| vec![Value::Object(members)], parts)
        }
        one => vec![one],
    }
}

/// Where there are strings, numbers and booleans, as JSON pointers.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(member, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Null => {}
        // A part that is no object is refused anyway.
        _ if at.is_empty() => {}
        _ => found.push(at.to_owned()),
    }
}

#[test]
fn ordinary_records_do_not_drift() {
    for (format, raw) in records() {
        for part in parts(parsed(raw)) {
            let (read, drift) = read(format, &part);
            // Some are broken on purpose.
            let refusals = ["bad_time", "missing_field", "wrong_format"];
            let is_refused = |it: &String| refusals.iter().any(|why| it.starts_with(why));
            assert!(drift.is_empty() || read.iter().any(is_refused), "{drift}");
        }
    }
    let told = story("keycloak", keycloak::LINE.as_bytes());
    assert!(!told.contains("drift"), "{told}");
}

/// A vendor nests what was a word or a number: whatever that changes is told.
#[test]
fn a_value_that_becomes_an_object_is_never_lost_in_silence() {
    let mut silent = BTreeSet::new();
    for (format, raw) in records() {
        for part in parts(parsed(raw)) {
            let mut places = Vec::new();
            leaves(&part, "", &mut places);
            let (before, usual) = read(format, &part);
            for place in places {
                let mut changed = part.clone();
                *changed.pointer_mut(&place).expect("a place") = json!({"value": "x"});
                let (after, drift) = read(format, &changed);
                // The parameters of a tool, JSON in text, may be an object too, of any members.
                let is_json = format == "otel"
                    && part
                        .pointer(&place)
                        .is_some_and(|it| it.as_str().is_some_and(|text| text.starts_with('{')));
                if after != before && drift == usual && !is_json {
                    silent.insert(format!("{format} {place}"));
                }
            }
        }
    }
    assert_eq!(silent, BTreeSet::new());
}

#[test]
fn what_drifts_is_told_by_its_field() {
    let okta = |path: &str, value: Value| {
        let mut record = parsed(okta::MFA);
        *record.pointer_mut(path).expect("a place") = value;
        read("okta", &record).1.to_string()
    };
    let told = [
        okta("/outcome/result", json!("QUARANTINE")),
        okta("/outcome", json!("SUCCESS")),
        okta("/outcome", Value::Null),
        okta("/actor/type", json!("Robot")),
        okta("/actor/id", json!(true)),
        okta("/published", json!("yesterday")),
        okta("/uuid", json!(["a", "b"])),
        okta("/uuid", Value::Null),
        okta("/client/ipAddress", json!({"v4": "192.0.2.1"})),
        okta("/client/ipAddress", json!("unknown")),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn words_that_a_format_does_not_know_are_told() {
    let of = |format: &str, raw: &str, path: &str, word: &str| {
        let mut record = parts(parsed(raw)).swap_remove(0);
        *record.pointer_mut(path).expect("a place") = json!(word);
        read(format, &record).1.to_string()
    };
    let native = super::hostile::NATIVE;
    let told = [
        of("auth0", super::auth0::STREAM, "/data/type", "zzz"),
        of("keycloak", keycloak::LOGIN, "/type", "TELEPORT"),
        of("keycloak", keycloak::ROLE, "/operationType", "MERGE"),
        of(
            "cloudtrail",
            super::cloudtrail::FILE,
            "/userIdentity/type",
            "Daemon",
        ),
        of("kubernetes", kubernetes::LIST, "/stage", "ResponsePaused"),
        of("native", native, "/action/class", "teleport"),
        of("native", native, "/kind", "teleport"),
        of("native", native, "/time", "soon"),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

/// Records some of which drift.
fn some() -> Vec<Value> {
    let mut records = vec![parsed(okta::MFA), parsed(okta::GRANT)];
    for (path, value) in [
        ("/outcome/result", json!("QUARANTINE")),
        ("/actor/type", json!("Robot")),
        ("/actor", json!(7)),
        ("/uuid", json!(false)),
    ] {
        let mut record = parsed(okta::MFA);
        *record.pointer_mut(path).expect("a place") = value;
        records.push(record);
    }
    records
}

proptest! {
    /// Counts are of records, however they are batched, and those of partitions add up.
    #[test]
    fn counts_do_not_depend_on_batches(
        picked in prop::collection::vec(0..6_usize, 1..20),
        size in 1..8_usize,
    ) {
        let some = some();
        let records: Vec<Value> = picked.iter().map(|at| some[*at].clone()).collect();
        let mut one_by_one = DriftCounts::default();
        for record in &records {
            one_by_one += &read("okta", record).1;
        }
        let mut batched = DriftCounts::default();
        for batch in records.chunks(size) {
            batched += &read("okta", &json!(batch)).1;
        }
        prop_assert_eq!(&one_by_one, &batched);
        let recognised = read("auto", &json!(records)).1;
        prop_assert_eq!(&one_by_one, &recognised);
    }
}
