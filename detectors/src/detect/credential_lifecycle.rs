//! `credential_lifecycle`: a credential that is too old, or slept too long.
//!
//! **Catches** forgotten keys (T1078.004, T1552). Their users are asked; rotation is the cure. What is used
//! after its rotation is the business of `retired_credential`.
//!
//! **Model.** A rule on machine credentials: older than `policy.credential.max_age`, said once a week; or used
//! for the first time after `policy.credential.dormant` without use. **Evidence:** age or sleep, limit.
//! **Configuration:** mode; `policy.credential`. **Blind spots:** credentials whose issue no source states;
//! sleep that began before the log.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::IdentityKind;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::signal::{Demand, Signal};

/// Age is told again after this.
const TELL_AGAIN_MS: i64 = 7 * 86_400_000;
const DAY_MS: i64 = 86_400_000;

const TECHNIQUE: &[&str] = &["T1078.004", "T1552"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let applies = moment.kind != IdentityKind::Human && moment.bearer.credential != 0;
    if !applies || moment.was_refused() {
        return None;
    }
    let known = subject.facts.credential(moment.bearer.credential).is_some();
    let at = subject
        .facts
        .enter(moment.event, &moment.setting, moment.described);
    let credential = &mut subject.facts.credentials[at];
    let now = moment.time();
    let slept = now.since(credential.use_at(now));
    let limits = &moment.config.policy.credential;
    if known && slept > limits.dormant.as_millis() {
        return Some(signal(moment, "unused", slept, &limits.dormant.to_string()));
    }
    let age = now.since(moment.event.credential.issued_at?);
    let told = credential.told().is_some_and(|told| now.since(told) < TELL_AGAIN_MS);
    if age <= limits.max_age.as_millis() || told {
        return None;
    }
    credential.tell(now);
    Some(signal(moment, "in use since its issue", age, &limits.max_age.to_string()))
}

fn signal(moment: &Moment<'_>, what: &str, millis: i64, limit: &str) -> Signal {
    let days = millis / DAY_MS;
    let evidence = json!({
        "credential_issued_at": moment.event.credential.issued_at, "what": what, "days": days, "limit": limit,
        "silent_if": match what {
            "unused" => format!("it had been used within {limit}"),
            _ => format!("it had been rotated within {limit}"),
        },
    });
    Signal::rule(
        DetectorId::CredentialLifecycle,
        Demand::of(Action::StepUp),
        TECHNIQUE,
        format!("a credential {what} for {days} days; {limit} is the limit"),
        evidence,
    )
}
