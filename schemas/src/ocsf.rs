//! Findings for a SIEM that speaks OCSF: Detection Finding, class 2004 of OCSF 1.8.

use serde_json::{Map, Value, json};

use crate::event::IdentityKind;
use crate::finding::{Finding, Severity};

const VERSION: &str = "1.8.0";
const CATEGORY: u32 = 2;
const CLASS: u32 = 2004;
const CREATE: u32 = 1;

/// A finding as a new Detection Finding. Times are milliseconds since 1970, as OCSF has them.
///
/// What the class has no place for is under `unmapped`; the evidence stands whole in the `data` of the
/// one entry of `evidences`. The product is named, and has no version: the same finding is the same
/// text in every version of Plumbline.
pub fn detection_finding(finding: &Finding) -> Value {
    let time = finding.time.as_millis();
    json!({
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "activity_id": CREATE,
        "type_uid": CLASS * 100 + CREATE,
        "time": time,
        "severity_id": severity(finding.severity),
        "status_id": 1,
        // What is suppressed is recorded, and nobody is called.
        "is_alert": finding.severity != Severity::Info,
        "risk_score": finding.risk.session,
        "risk_level_id": risk_level(finding.risk.session),
        "message": finding.summary,
        "metadata": {
            "version": VERSION,
            "uid": finding.id,
            "correlation_uid": finding.id,
            "tenant_uid": finding.tenant,
            "product": { "name": "Plumbline", "vendor_name": "Plumbline" },
        },
        "finding_info": info(finding),
        "evidences": [evidence(finding)],
        "unmapped": unmapped(finding),
    })
}

fn info(finding: &Finding) -> Value {
    let time = finding.time.as_millis();
    let title = title(&finding.detector);
    let events = finding.event_ids.iter();
    let mut info = json!({
        "uid": finding.id,
        "title": title,
        "desc": finding.summary,
        "types": [finding.detector],
        "first_seen_time": time,
        "last_seen_time": time,
        "related_events": events.map(|id| json!({ "uid": id })).collect::<Vec<_>>(),
        // Behavioural.
        "analytic": { "uid": finding.detector, "name": title, "type_id": 2 },
    });
    let attacks: Vec<_> = finding.technique.iter().map(|id| attack(id)).collect();
    if !attacks.is_empty() {
        info["attacks"] = attacks.into();
    }
    info
}

/// `T1078.004` is the sub-technique 004 of T1078; ATLAS begins its own with `AML.`.
fn attack(id: &str) -> Value {
    let at = if id.starts_with("AML.") { 4 } else { 0 };
    match id[at..].split_once('.') {
        Some((technique, _)) => json!({
            "technique": { "uid": &id[..at + technique.len()] },
            "sub_technique": { "uid": id },
        }),
        None => json!({ "technique": { "uid": id } }),
    }
}

fn evidence(finding: &Finding) -> Value {
    let mut actor = json!({ "user": user(finding) });
    if let Some(session) = &finding.session_id {
        actor["session"] = json!({ "uid": session });
    }
    let mut evidence = json!({ "actor": actor, "data": finding.evidence });
    let here = finding.evidence.get("here");
    if let Some(ip) = here
        .and_then(|here| here.get("ip"))
        .filter(|ip| ip.is_string())
    {
        evidence["src_endpoint"] = json!({ "ip": ip });
    }
    evidence
}

fn user(finding: &Finding) -> Value {
    let identity = &finding.identity;
    let type_id = match identity.kind {
        IdentityKind::Human => 1,
        IdentityKind::ServiceAccount => 4,
        IdentityKind::Workload | IdentityKind::ApiKey | IdentityKind::AiAgent => 99,
    };
    json!({ "uid": identity.id, "type_id": type_id, "type": identity.kind })
}

fn unmapped(finding: &Finding) -> Map<String, Value> {
    let mut unmapped = Map::new();
    unmapped.insert("surprise_bits".to_owned(), finding.surprise_bits.into());
    unmapped.insert("identity_risk".to_owned(), finding.risk.identity.into());
    if let Some(credential) = &finding.credential_id {
        unmapped.insert("credential_id".to_owned(), credential.as_str().into());
    }
    unmapped
}

fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

/// Info, low, medium, high and critical, each a fifth of the scale.
fn risk_level(risk: u8) -> u8 {
    (risk / 20).min(4)
}

/// `impossible_travel` is "Impossible travel".
fn title(detector: &str) -> String {
    let words = detector.replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
