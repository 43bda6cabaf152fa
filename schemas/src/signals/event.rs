//! The event of each action: CAEP 1.0 and RISC 1.0, and Okta's one of its own.

use serde_json::{Map, Value, json};

use super::{Profile, seconds, subject};
use crate::command::{Action, Command, Mode};
use crate::event::IdentityKind;

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const CREDENTIAL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/credential-change";
const ASSURANCE_LEVEL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/assurance-level-change";
const TOKEN_CLAIMS_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/token-claims-change";
const RISK_LEVEL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/risk-level-change";
const ACCOUNT_DISABLED: &str =
    "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
const ACCOUNT_ENABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-enabled";
const USER_RISK_CHANGE: &str = "https://schemas.okta.com/secevent/okta/event-type/user-risk-change";

/// From this risk on, of 100, the level is high. Whoever is commanded at all is not of low risk.
const HIGH_RISK: u8 = 70;

pub(super) fn event_type(profile: Profile, action: Action, mode: Mode) -> Option<&'static str> {
    let lifts = action.strength().is_none();
    match (profile, mode) {
        (Profile::Ssf, Mode::Enforce) => match action {
            Action::RevokeSession | Action::RevokeAll => Some(SESSION_REVOKED),
            Action::RevokeCredential => Some(CREDENTIAL_CHANGE),
            Action::StepUp => Some(ASSURANCE_LEVEL_CHANGE),
            Action::Narrow | Action::Shorten => Some(TOKEN_CLAIMS_CHANGE),
            Action::Pause => Some(ACCOUNT_DISABLED),
            Action::Resume => Some(ACCOUNT_ENABLED),
            Action::Deny | Action::Restore => None,
        },
        (Profile::Okta | Profile::Google, Mode::Enforce)
            if matches!(action, Action::RevokeSession | Action::RevokeAll) =>
        {
            Some(SESSION_REVOKED)
        }
        // What is lifted does not raise the risk, and how far it fell is not known.
        (Profile::Ssf | Profile::Okta, _) if lifts => None,
        (Profile::Ssf, Mode::Observe) => Some(RISK_LEVEL_CHANGE),
        (Profile::Okta, _) => Some(USER_RISK_CHANGE),
        (Profile::Google, _) => None,
    }
}

/// What the event says, without subject and extension.
pub(super) fn body(command: &Command, event_type: &str) -> Map<String, Value> {
    let mut body = match event_type {
        CREDENTIAL_CHANGE => credential_change(command),
        ASSURANCE_LEVEL_CHANGE => members(json!({
            "namespace": "NIST-AAL",
            "previous_level": "nist-aal2",
            "current_level": "nist-aal1",
            "change_direction": "decrease",
        })),
        TOKEN_CLAIMS_CHANGE => members(json!({ "claims": changed_claims(command) })),
        RISK_LEVEL_CHANGE => risk_level_change(command),
        // Okta wants a previous level. It is not known; of an identity that is commanded, low says least.
        USER_RISK_CHANGE => members(json!({
            "previous_level": "low",
            "current_level": if is_high(command) { "high" } else { "medium" },
        })),
        // RISC knows no common members.
        ACCOUNT_DISABLED => return members(json!({ "reason": "hijacking" })),
        ACCOUNT_ENABLED => return Map::new(),
        _ => Map::new(),
    };
    body.extend(members(json!({
        "event_timestamp": seconds(command.time),
        "initiating_entity": "policy",
        "reason_admin": { "en": reason(command) },
    })));
    body
}

fn credential_change(command: &Command) -> Map<String, Value> {
    // The command knows whose credential it is, not of which kind: CAEP lets the two sides agree on others.
    let credential_type = match command.target.kind {
        IdentityKind::ApiKey => "api-key",
        _ => "credential",
    };
    let mut change = members(json!({
        "credential_type": credential_type,
        "change_type": "revoke",
    }));
    if let Some(id) = &command.target.credential_id {
        change.insert("friendly_name".to_owned(), id.as_str().into());
    }
    change
}

/// The claims that the tokens of the session have from now on.
fn changed_claims(command: &Command) -> Value {
    let params = &command.params;
    match command.action {
        Action::Shorten => {
            let left = i64::try_from(params.expires_in.unwrap_or(0)).unwrap_or(i64::MAX);
            json!({ "exp": seconds(command.time).saturating_add(left) })
        }
        _ => json!({ "scope": params.scopes.as_deref().unwrap_or_default().join(" ") }),
    }
}

fn risk_level_change(command: &Command) -> Map<String, Value> {
    let principal = match subject::narrowed_to(command) {
        (Some(_), _) => "session",
        (None, _) => subject::member(command.target.kind),
    };
    let mut change = members(json!({
        "principal": principal.to_ascii_uppercase(),
        "current_level": if is_high(command) { "HIGH" } else { "MEDIUM" },
    }));
    if let Some(detector) = command.reason.detectors.first() {
        change.insert(
            "risk_reason".to_owned(),
            detector.to_ascii_uppercase().into(),
        );
    }
    change
}

/// What only a bot of ours reads; everybody else has to pass over it.
pub(super) fn extension(command: &Command) -> Value {
    let mut extension = members(json!({
        "command_id": command.id,
        "action": command.action,
        "mode": command.mode,
        "expires_at": seconds(command.expires_at),
        "identity": command.target.identity,
        "identity_kind": command.target.kind,
        "risk": command.reason.risk,
        "detectors": command.reason.detectors,
        "finding_ids": command.reason.finding_ids,
    }));
    let ids = [
        ("session_id", &command.target.session_id),
        ("credential_id", &command.target.credential_id),
        ("supersedes", &command.supersedes),
    ];
    for (name, id) in ids {
        if let Some(id) = id {
            extension.insert(name.to_owned(), id.as_str().into());
        }
    }
    let params = json!(command.params);
    if params.as_object().is_some_and(|params| !params.is_empty()) {
        extension.insert("params".to_owned(), params);
    }
    Value::Object(extension)
}

/// The interoperability profile wants one that says something.
fn reason(command: &Command) -> &str {
    match command.reason.summary.trim() {
        "" => command.action.as_str(),
        summary => summary,
    }
}

fn is_high(command: &Command) -> bool {
    command.reason.risk >= HIGH_RISK
}

fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
