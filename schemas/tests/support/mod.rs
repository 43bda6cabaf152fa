//! An event in which every field is known, and the list of its fields.
#![allow(dead_code, reason = "each test program uses its own part")]

use serde_json::{Value, json};

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    RequiredText,
    Word,
    RequiredWord,
    Time,
    RequiredTime,
    Number,
    Count,
    Truth,
    Texts,
    Delegates,
    Object,
    RequiredObject,
}

impl Shape {
    pub(crate) fn is_required(self) -> bool {
        matches!(
            self,
            Self::RequiredText | Self::RequiredWord | Self::RequiredTime | Self::RequiredObject
        )
    }
}

/// Every field of the event, by its dotted name.
pub(crate) const FIELDS: &[(&str, Shape)] = &[
    ("id", Shape::RequiredText),
    ("time", Shape::RequiredTime),
    ("kind", Shape::RequiredWord),
    ("source", Shape::Text),
    ("tenant", Shape::Text),
    ("identity", Shape::RequiredObject),
    ("identity.id", Shape::RequiredText),
    ("identity.kind", Shape::Word),
    ("identity.groups", Shape::Texts),
    ("session", Shape::Object),
    ("session.id", Shape::Text),
    ("session.started_at", Shape::Time),
    ("session.authenticated_at", Shape::Time),
    ("session.assurance", Shape::Text),
    ("session.mfa", Shape::Truth),
    ("session.expires_at", Shape::Time),
    ("session.jit_until", Shape::Time),
    ("credential", Shape::Object),
    ("credential.id", Shape::Text),
    ("credential.kind", Shape::Word),
    ("credential.issued_at", Shape::Time),
    ("credential.scopes", Shape::Texts),
    ("credential.bound_to", Shape::Text),
    ("network", Shape::Object),
    ("network.ip", Shape::Text),
    ("network.lat", Shape::Number),
    ("network.lon", Shape::Number),
    ("network.accuracy_km", Shape::Number),
    ("network.country", Shape::Text),
    ("network.city", Shape::Text),
    ("network.asn", Shape::Count),
    ("network.as_org", Shape::Text),
    ("network.anonymizer", Shape::Word),
    ("device", Shape::Object),
    ("device.id", Shape::Text),
    ("device.user_agent", Shape::Text),
    ("device.posture", Shape::Word),
    ("device.tls_fingerprint", Shape::Text),
    ("workload", Shape::Object),
    ("workload.runtime", Shape::Text),
    ("workload.environment", Shape::Text),
    ("workload.region", Shape::Text),
    ("workload.host", Shape::Text),
    ("action", Shape::RequiredObject),
    ("action.name", Shape::RequiredText),
    ("action.class", Shape::Word),
    ("action.outcome", Shape::Word),
    ("action.resource", Shape::Text),
    ("action.environment", Shape::Text),
    ("action.scopes", Shape::Texts),
    ("action.target_tenant", Shape::Text),
    ("action.bytes_out", Shape::Count),
    ("action.records", Shape::Count),
    ("action.status", Shape::Count),
    ("task", Shape::Object),
    ("task.id", Shape::Text),
    ("task.objective", Shape::Text),
    ("task.allowed", Shape::Texts),
    ("delegation", Shape::Delegates),
    ("feedback", Shape::Object),
    ("feedback.verdict", Shape::Word),
    ("feedback.command_id", Shape::Text),
    ("feedback.finding_id", Shape::Text),
    ("feedback.by", Shape::Text),
    ("labels", Shape::Object),
    ("labels.attack", Shape::Text),
];

/// An event in which every field is known.
pub(crate) fn full() -> Value {
    json!({
        "id": "evt-8f3",
        "time": "2026-11-20T10:15:30.123Z",
        "kind": "api",
        "source": "native",
        "tenant": "acme",
        "identity": { "id": "svc-billing", "kind": "service_account", "groups": ["billing"] },
        "session": {
            "id": "s-1", "started_at": "2026-11-20T10:00:00.000Z",
            "authenticated_at": "2026-11-20T10:00:00.000Z", "assurance": "aal2", "mfa": true,
            "expires_at": "2026-11-20T18:00:00.000Z", "jit_until": "2026-11-20T11:00:00.000Z"
        },
        "credential": {
            "id": "sha256:5e88", "kind": "api_key", "issued_at": "2026-10-01T00:00:00.000Z",
            "scopes": ["invoices:read"], "bound_to": "runner-7"
        },
        "network": {
            "ip": "203.0.113.7", "lat": 51.5, "lon": -0.1, "accuracy_km": 20.0, "country": "GB",
            "city": "London", "asn": 64500, "as_org": "Example Net", "anonymizer": "vpn"
        },
        "device": {
            "id": "d-1", "user_agent": "curl/8.5", "posture": "compliant",
            "tls_fingerprint": "t13d1516h2_8daaf6152771_b186095e22b6"
        },
        "workload": {
            "runtime": "github-actions", "environment": "prod-runners", "region": "eu-west-1",
            "host": "runner-7"
        },
        "action": {
            "name": "GET /v1/invoices/{id}", "class": "read", "outcome": "success",
            "resource": "invoice/7", "environment": "production", "scopes": ["invoices:read"],
            "target_tenant": "acme-eu", "bytes_out": 1834, "records": 3, "status": 200
        },
        "task": { "id": "t-9", "objective": "triage tickets", "allowed": ["tool:ticket.*"] },
        "delegation": [{ "id": "alice", "kind": "human" }],
        "feedback": {
            "verdict": "step_up_passed", "command_id": "c-1", "finding_id": "f-1", "by": "ann"
        },
        "labels": { "attack": "A3" }
    })
}

/// Sets the field of that dotted name.
pub(crate) fn set(event: &mut Value, path: &str, value: Value) {
    match path.split_once('.') {
        None => event[path] = value,
        Some((object, field)) => event[object][field] = value,
    }
}

/// Removes the field of that dotted name.
pub(crate) fn unset(event: &mut Value, path: &str) {
    let (object, field) = match path.split_once('.') {
        None => (event, path),
        Some((object, field)) => (&mut event[object], field),
    };
    if let Some(object) = object.as_object_mut() {
        object.remove(field);
    }
}

/// The dotted name of every field of a JSON Schema that is no object itself; the fields of the
/// objects in a list stand under `name[]`. What may hold anything, such as evidence, is one field.
pub(crate) fn leaves(schema: &Value) -> Vec<String> {
    let mut names = Vec::new();
    walk(schema, schema, "", &mut names);
    names
}

fn walk(root: &Value, schema: &Value, path: &str, names: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#'));
        return walk(root, target.unwrap_or(&Value::Null), path, names);
    }
    // The first branch of a choice is the field; the others say that it is not known.
    if let Some(branch) = schema["anyOf"].get(0) {
        return walk(root, branch, path, names);
    }
    if let Some(properties) = schema["properties"].as_object() {
        for (name, property) in properties {
            let dot = if path.is_empty() { "" } else { "." };
            walk(root, property, &format!("{path}{dot}{name}"), names);
        }
        return;
    }
    if schema["items"]["$ref"].is_string() || schema["items"]["anyOf"].is_array() {
        return walk(root, &schema["items"], &format!("{path}[]"), names);
    }
    names.push(path.to_owned());
}
