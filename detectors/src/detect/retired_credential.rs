//! `retired_credential`: a credential that was rotated away is still used.
//!
//! **Catches** a rotated key in other hands, and clients that were not told (T1078.004, T1552.001).
//!
//! **Model.** A rule. A rotation retires the old credential after `policy.credential.rotation_grace`. Until
//! the new one is seen to work, calls with the old one, or in its session without any, are refused; from
//! then on the old one has no honest use and is revoked. Judged by event time: what was called before the
//! rotation and arrives later is fine. **Evidence:** rotation, events, times. **Configuration:** mode;
//! `policy.credential.rotation_grace`. **Blind spots:** rotations that no log tells.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::ActionClass;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::facts::Rotation;
use crate::signal::{About, Demand, Signal};

const TECHNIQUE: &[&str] = &["T1078.004", "T1552.001"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if subject.facts.rotations().is_empty() || moment.was_refused() {
        return None;
    }
    let exempt = [
        ActionClass::TokenRotate,
        ActionClass::TokenRevoke,
        ActionClass::Logout,
    ];
    if exempt.contains(&moment.class) {
        return None;
    }
    let (session, credential) = (moment.bearer.session, moment.bearer.credential);
    let grace = moment.config.policy.credential.rotation_grace.as_millis();
    let is_old = |rotation: &&Rotation| {
        let carries_old = credential != 0 && rotation.old == credential;
        let in_old_session = credential == 0 && rotation.session == session && rotation.worked.is_none();
        (carries_old || (in_old_session && rotation.session != 0))
            && moment.time() > rotation.time.plus_millis(grace)
    };
    let rotation = subject.facts.rotations().iter().rev().find(is_old)?;
    let worked = rotation.worked.filter(|worked| *worked <= moment.time());
    let mut demand = Demand::of(match worked {
        Some(_) => Action::RevokeCredential,
        None => Action::Deny,
    });
    if worked.is_none() {
        // Whatever it asks for: until the new one is seen, nothing is done with the old one.
        demand.about = About::Credential;
    }
    let ago = moment.time().since(rotation.time) / 1000;
    let summary = match worked {
        Some(_) => format!("a credential rotated {ago} s ago is used although the new one works"),
        None => format!("a credential rotated {ago} s ago is used; the new one has not been seen yet"),
    };
    let evidence = json!({
        "rotated_at": rotation.time, "rotation_event_id": rotation.event_id, "grace_ms": grace,
        "new_credential_worked_at": worked, "carries_old_credential": credential == rotation.old,
        "silent_if": "the call had carried the new credential",
    });
    let signal = Signal::rule(DetectorId::RetiredCredential, demand, TECHNIQUE, summary, evidence);
    Some(signal.resting_on([rotation.event_id.to_string()]))
}
