//! Findings as OCSF 1.8 has them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::finding::{Finding, Risk, Severity, Subject};
use plumbline_schemas::ocsf::detection_finding;
use plumbline_schemas::time::EventTime;
use serde_json::json;

fn finding() -> Finding {
    let evidence = json!({
        "here": { "place": "Lima, PE", "ip": "198.51.100.170" },
        "silent_if": "a place that ann uses",
    });
    Finding {
        id: "f-e5a0f9c7b9feee76".to_owned(),
        time: EventTime::parse("2026-11-16T09:26:00.250Z").unwrap(),
        tenant: "acme".to_owned(),
        identity: Subject {
            id: "ann".to_owned(),
            kind: IdentityKind::Human,
        },
        session_id: Some("s-14".to_owned()),
        credential_id: Some("sha256:5e88".to_owned()),
        detector: "impossible_travel".to_owned(),
        severity: Severity::Critical,
        surprise_bits: 26.6,
        risk: Risk {
            session: 68,
            identity: 64,
        },
        technique: vec![
            "T1078.004".to_owned(),
            "T1550".to_owned(),
            "AML.T0053".to_owned(),
        ],
        summary: "Oslo, NO to Lima, PE in 11 min".to_owned(),
        evidence: evidence.as_object().unwrap().clone(),
        event_ids: vec!["e292".to_owned(), "e293".to_owned()],
    }
}

#[test]
fn a_finding_is_a_new_detection_finding() {
    let shown = serde_json::to_string_pretty(&detection_finding(&finding())).unwrap();
    insta::assert_snapshot!(shown);
}

#[test]
fn what_is_not_known_is_left_out() {
    let finding = Finding {
        session_id: None,
        credential_id: None,
        severity: Severity::Info,
        technique: Vec::new(),
        evidence: serde_json::Map::new(),
        identity: Subject {
            id: "svc-billing".to_owned(),
            kind: IdentityKind::ServiceAccount,
        },
        ..finding()
    };
    let shown = serde_json::to_string_pretty(&detection_finding(&finding)).unwrap();
    insta::assert_snapshot!(shown);
}

#[test]
fn every_severity_and_risk_has_its_level() {
    let of = |severity, session| {
        let mut finding = finding();
        finding.severity = severity;
        finding.risk.session = session;
        let shown = detection_finding(&finding);
        (shown["severity_id"].clone(), shown["risk_level_id"].clone())
    };
    let severities = Severity::ALL.iter().map(|severity| of(*severity, 0).0);
    assert_eq!(
        severities.collect::<Vec<_>>(),
        [1, 2, 3, 4, 5].map(|id| json!(id))
    );
    let risks = [0, 19, 20, 59, 60, 79, 80, 100].map(|risk| of(Severity::High, risk).1);
    assert_eq!(risks, [0, 0, 1, 2, 3, 3, 4, 4].map(|id| json!(id)));
}
