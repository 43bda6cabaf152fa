//! `privilege_escalation`: a privilege or scope beyond what there was.
//!
//! **Catches** a program that raises its privilege inside a session, and a session that suddenly holds
//! powerful scopes (T1548, T1098.003). An attempt is asked about; a success that nobody approved
//! ends the session. People's privileges are the business of `stale_authentication` and `fresh_privilege`.
//!
//! **Model.** A rule: a privilege that the identity has on no earlier day, without an approval within
//! `policy.approval.within`; or, in an established identity's session, a new scope that is powerful by its
//! words, or three new ones at once; a person's session whose new token has them, as of an application that is opened
//! for the first time, is asked and does not end. **Evidence:** the privilege or scopes, what was held before.
//! **Configuration:** mode only. **Blind spots:** scopes whose names do not say what they are.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, IdentityKind};
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::facts::{privilege_key, task_key};
use crate::profile::habits::Trait;
use crate::signal::{Demand, Signal};

/// Days of history before a scope is sudden.
const LEAST_DAYS: u16 = 3;
/// So many new scopes at once are an escalation, whatever they are called.
const MANY_SCOPES: usize = 3;

const TECHNIQUE: &[&str] = &["T1548", "T1098.003"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    match moment.class {
        ActionClass::Privilege => privilege(moment, subject),
        _ => scopes(moment, subject),
    }
}

fn is_approved(moment: &Moment<'_>, subject: &Subject<'_>) -> bool {
    let within = moment.config.policy.approval.within.as_millis();
    let task = task_key(moment.event);
    let approval = subject
        .facts
        .approval(moment.time(), moment.bearer.session, task, within);
    approval.is_some()
}

fn privilege(moment: &Moment<'_>, subject: &Subject<'_>) -> Option<Signal> {
    // Agents wait for their approval: `unapproved_elevation`.
    let applies = moment.is_machine() && subject.profile.earlier_days(moment.time()) > 0;
    // Granted by somebody, not taken: `fresh_privilege` looks at what follows.
    let granted = moment.is_granted();
    let key = privilege_key(moment.event);
    let habit = subject
        .profile
        .habits
        .is_known(Trait::Privilege, key, moment.time());
    if !applies || granted || habit || is_approved(moment, subject) {
        return None;
    }
    let action = &moment.event.action;
    let (what, demand) = match moment.succeeded() {
        true => ("raised its privilege without an approval", Action::RevokeSession),
        false => ("tried to raise its privilege", Action::StepUp),
    };
    let object = action.resource.as_deref();
    let evidence = json!({
        "privilege": action.name, "resource": object, "outcome": moment.event.outcome(),
        "earlier_days": subject.profile.habits.days(Trait::Privilege, key, moment.time()),
        "granted_by": moment.event.delegation.first().map(|who| &*who.id),
        "silent_if": "it had had this privilege on an earlier day, or an approval had come before",
    });
    Some(Signal::rule(
        DetectorId::PrivilegeEscalation,
        Demand::of(demand),
        TECHNIQUE,
        format!("{what}: {} {}", action.name, object.unwrap_or_default()),
        evidence,
    ))
}

fn scopes(moment: &Moment<'_>, subject: &Subject<'_>) -> Option<Signal> {
    let event = moment.event;
    if !moment.succeeded() || subject.profile.earlier_days(moment.time()) < LEAST_DAYS {
        return None;
    }
    let held = subject.facts.scopes();
    // What a delegated token may do was the delegator's to give.
    if held.is_empty() || !event.delegation.is_empty() {
        return None;
    }
    let stated = event.credential.scopes.iter().chain(&event.action.scopes);
    let mut new: Vec<&str> = stated
        .map(|scope| &**scope)
        .filter(|scope| !held.iter().any(|known| moment.names.text(known.name) == *scope))
        .collect();
    new.sort_unstable();
    new.dedup();
    let powerful: Vec<&str> = new.iter().copied().filter(|scope| is_powerful(scope)).collect();
    if (powerful.is_empty() && new.len() < MANY_SCOPES) || is_approved(moment, subject) {
        return None;
    }
    // An agent waits, a session that already was ends, one that begins so is asked. In the session of a person's
    // browser each application has a token of its own: one that is new there has not been widened.
    let (before, now) = (subject.session.credential, moment.bearer.credential);
    let is_new = before != 0 && now != 0 && now != before;
    let is_asked = subject.session.ledger.told(DetectorId::PrivilegeEscalation).is_some();
    let is_new_token = moment.kind == IdentityKind::Human && (is_new || is_asked);
    let demand = match moment.kind {
        IdentityKind::AiAgent => Action::Pause,
        _ if moment.entered.begins || is_new_token => Action::StepUp,
        _ => Action::RevokeSession,
    };
    let before: Vec<&str> = held.iter().map(|scope| moment.names.text(scope.name)).collect();
    let evidence = json!({
        "new_scopes": new, "powerful": powerful, "held_before": before, "in_mid_session": !moment.entered.begins, "new_token": is_new_token,
        "silent_if": "these scopes had been held before, or an approval had come before",
    });
    Some(Signal::rule(
        DetectorId::PrivilegeEscalation,
        Demand::of(demand),
        TECHNIQUE,
        format!("scopes never held before: {}", new.join(", ")),
        evidence,
    ))
}

/// Whether a scope lets its holder do nearly everything, by the words it is made of.
fn is_powerful(scope: &str) -> bool {
    const WORDS: [&str; 13] = [
        "admin", "administrator", "root", "owner", "superuser", "full", "all", "iam", "policy",
        "impersonate", "impersonation", "secrets", "sudo",
    ];
    scope == "*"
        || scope.split([':', '.', '/', '_', '-', ' ']).any(|word| {
            word == "*" || WORDS.contains(&word.to_ascii_lowercase().as_str())
        })
}
