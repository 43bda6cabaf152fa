//! Security Event Tokens, as identity providers and the examples of the specifications have them.

use serde_json::{Value, json};

use super::story_of;
use crate::formats::SecurityEventToken;

fn token(sub_id: Value, kind: &str, event: Value) -> String {
    let base = "https://schemas.openid.net/secevent";
    let mut claims = json!({
        "iss": "https://acme.okta.com", "aud": "https://plumbline.acme.com", "jti": "24c63fb5",
        "iat": 1_795_312_800, "txn": "8675309", "sub_id": sub_id,
    });
    claims["events"] = json!({ format!("{base}/{kind}"): event });
    claims.to_string()
}

fn complex() -> Value {
    json!({
        "format": "complex",
        "user": { "format": "iss_sub", "iss": "https://acme.okta.com", "sub": "00u1a2b3" },
        "session": { "format": "opaque", "id": "102nZHzd6OHSf" },
        "device": { "format": "opaque", "id": "laptop-7" },
        "tenant": { "format": "opaque", "id": "acme-prod" },
    })
}

fn told(token: &str) -> String {
    story_of(&SecurityEventToken, token.as_bytes(), None)
}

#[test]
fn what_is_revoked_is_a_revocation() {
    let when = json!({ "event_timestamp": 1_795_312_799, "initiating_entity": "policy" });
    let session = told(&token(complex(), "caep/event-type/session-revoked", when));
    let key = json!({
        "format": "complex",
        "application": { "format": "opaque", "id": "svc-billing" },
        "credential": { "format": "opaque", "id": "sha256:5e88" },
    });
    let change = json!({ "credential_type": "api-key", "change_type": "revoke" });
    let credential = told(&token(key, "caep/event-type/credential-change", change));
    insta::assert_snapshot!(format!("{session}\n{credential}"));
}

#[test]
fn a_session_ends_without_the_credential_that_opened_it() {
    let mut both = complex();
    both["credential"] = json!({ "format": "opaque", "id": "sha256:5e88" });
    let kind = "caep/event-type/session-revoked";
    let session = told(&token(both.clone(), kind, json!({})));
    assert!(session.contains("102nZHzd6OHSf"), "{session}");
    assert!(!session.contains("sha256:5e88"), "{session}");
    let whole = both.as_object_mut().and_then(|both| both.remove("session"));
    assert!(whole.is_some());
    assert!(told(&token(both, kind, json!({}))).contains("sha256:5e88"));
}

#[test]
fn what_is_known_of_sessions_and_devices_is_posture() {
    let fell = json!({
        "namespace": "NIST-AAL", "current_level": "nist-aal1", "previous_level": "nist-aal2",
        "change_direction": "decrease",
    });
    let assurance = told(&token(
        complex(),
        "caep/event-type/assurance-level-change",
        fell,
    ));
    let lost = json!({ "previous_status": "compliant", "current_status": "not-compliant" });
    let compliance = told(&token(
        complex(),
        "caep/event-type/device-compliance-change",
        lost,
    ));
    insta::assert_snapshot!(format!("{assurance}\n{compliance}"));
}

#[test]
fn a_word_that_nobody_knows_is_told_and_concludes_nothing() {
    let status = json!({ "current_status": "quarantined" });
    let status = told(&token(
        complex(),
        "caep/event-type/device-compliance-change",
        status,
    ));
    let change = json!({ "change_type": "suspend" });
    let change = told(&token(
        complex(),
        "caep/event-type/credential-change",
        change,
    ));
    assert!(
        status.contains("drift: events.current_status unknown"),
        "{status}"
    );
    assert!(!status.contains("compliant\""), "{status}");
    assert!(
        change.contains("drift: events.change_type unknown"),
        "{change}"
    );
    assert!(!change.contains('{'), "{change}");
}

#[test]
fn a_compromise_is_what_somebody_confirms() {
    let event = json!({ "credential_type": "password", "event_timestamp": 1_795_312_799 });
    insta::assert_snapshot!(told(&token(
        complex(),
        "risc/event-type/credential-compromise",
        event
    )));
}

#[test]
fn a_subject_is_read_however_it_is_written() {
    let kind = "caep/event-type/device-compliance-change";
    let id = |sub_id: Value| {
        let story = told(&token(
            sub_id,
            kind,
            json!({ "current_status": "compliant" }),
        ));
        let event: Value = serde_json::from_str(&story).unwrap_or_else(|_| panic!("{story}"));
        event["identity"].to_string()
    };
    for (sub_id, expected) in [
        (
            json!({ "format": "email", "email": "ann@acme.com" }),
            r#"{"id":"ann@acme.com"}"#,
        ),
        (json!({ "format": "opaque", "id": "7" }), r#"{"id":"7"}"#),
        (
            json!({ "format": "aliases", "identifiers": [{ "format": "iss_sub", "iss": "x", "sub": "7" }] }),
            r#"{"id":"7"}"#,
        ),
        (
            json!({ "user": { "format": "email", "email": "ann@acme.com" }, "tenant": { "id": "x" } }),
            r#"{"id":"ann@acme.com","kind":"human"}"#,
        ),
        (
            json!({ "format": "complex", "agent": { "format": "uri", "uri": "spiffe://acme/agent/7" } }),
            r#"{"id":"spiffe://acme/agent/7","kind":"ai_agent"}"#,
        ),
    ] {
        assert_eq!(id(sub_id.clone()), expected, "{sub_id}");
    }
    // Okta and Google have it inside the event.
    let inside = json!({ "current_status": "compliant", "subject": { "format": "email", "email": "ann@acme.com" } });
    assert!(told(&token(Value::Null, kind, inside)).contains("ann@acme.com"));
}

#[test]
fn what_says_nothing_is_skipped_and_what_is_no_token_is_refused() {
    let user = || json!({ "format": "email", "email": "ann@acme.com" });
    let session = || json!({ "format": "complex", "session": { "format": "opaque", "id": "s-1" } });
    let cases = [
        token(user(), "caep/event-type/session-revoked", json!({})),
        token(session(), "caep/event-type/session-revoked", json!({})),
        token(
            complex(),
            "caep/event-type/credential-change",
            json!({ "change_type": "create" }),
        ),
        token(
            complex(),
            "caep/event-type/credential-change",
            json!({ "change_type": "revoke" }),
        ),
        token(
            complex(),
            "caep/event-type/risk-level-change",
            json!({ "current_level": "HIGH" }),
        ),
        token(complex(), "caep/event-type/session-presented", json!({})),
        token(
            complex(),
            "ssf/event-type/verification",
            json!({ "state": "x" }),
        ),
        "{}".to_owned(),
        r#"{"jti":"1","events":{}}"#.to_owned(),
        r#"{"jti":"1","events":{"a/b/caep/event-type/session-revoked":{},"c":{}}}"#.to_owned(),
        "no".to_owned(),
        "[]".to_owned(),
    ];
    let told: Vec<String> = cases.iter().map(|case| told(case)).collect();
    insta::assert_snapshot!(told.join("\n"));
}
