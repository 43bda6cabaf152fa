//! `binding_change`: a bound token away from what it is bound to.
//!
//! **Catches** a token of a workload or key that was taken out of its region, device or runtime (T1528).
//!
//! **Model.** A contradiction: what a token is bound to is opaque, so region, runtime and device are
//! learnt from its first use; the host is free. Where the source states no binding, a workload's token is
//! taken as bound to region and runtime, unless the identity uses the other one as well; service
//! accounts are at home in several regions: of their tokens only that what they are bound to is another, and
//! `token_replay` looks at the rest. **Evidence:** bound to, before, now. **Configuration:** mode only. **Blind spots:** sources that state none of it.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::IdentityKind;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::profile::habits::Trait;
use crate::setting::key;
use crate::signal::{Demand, Signal};

const BINDING: [(Trait, &str); 4] = [
    (Trait::Region, "region"),
    (Trait::Runtime, "runtime"),
    (Trait::Device, "device"),
    (Trait::Fingerprint, "TLS fingerprint"),
];

const TECHNIQUE: &[&str] = &["T1528"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let stated = moment.event.credential.bound_to.as_deref();
    let is_workload = moment.kind == IdentityKind::Workload;
    let is_account = moment.kind == IdentityKind::ServiceAccount;
    let is_tracked = is_workload || is_account || moment.kind == IdentityKind::ApiKey;
    if !is_tracked || moment.bearer.credential == 0 || moment.was_refused() {
        return None;
    }
    // A binding that was stated once holds where a record does not repeat it.
    let is_bound = stated.is_some() || subject.facts.is_bound(moment.bearer.credential);
    if !is_workload && !is_bound {
        return None;
    }
    let at = subject
        .facts
        .enter(moment.event, &moment.setting, moment.described);
    let credential = &mut subject.facts.credentials[at];
    let bound = credential
        .bound
        .get_or_insert_with(|| Box::new(moment.setting));
    let habits = &subject.profile.habits;
    let mut moved: Vec<&str> = Vec::new();
    for (what, name) in BINDING.into_iter().filter(|_| !is_account) {
        let (now, then) = (moment.setting.get(what), bound.get(what));
        let differs = now != 0 && then != 0 && now != then;
        let device = matches!(what, Trait::Device | Trait::Fingerprint);
        let free = !is_bound && (device || habits.is_known(what, now, moment.time()));
        if differs && !free {
            moved.push(name);
        }
    }
    let rebound = stated.map(key).is_some_and(|now| {
        credential.bound_to != 0 && credential.bound_to != now
    });
    if rebound {
        moved.push("binding");
    }
    if moved.is_empty() {
        // What was not stated at first is learnt when it is.
        let mut learnt = moment.setting;
        learnt.update(bound);
        **bound = learnt;
        if credential.bound_to == 0 {
            credential.bound_to = stated.map_or(0, key);
        }
        return None;
    }
    let moved = moved.join(", ");
    let before = credential
        .described
        .map_or("", |name| moment.names.text(name));
    let now = moment.names.text(moment.described);
    let evidence = json!({
        "bound_to": stated, "changed": moved, "before": before, "now": now,
        "first_event_id": credential.event_id,
        "silent_if": format!("the {moved} had been that of the token's first use"),
    });
    let signal = Signal::rule(
        DetectorId::BindingChange,
        Demand::of(Action::RevokeCredential),
        TECHNIQUE,
        format!("a bound token with another {moved}: {before} before, now {now}"),
        evidence,
    );
    let first = credential.event_id.to_string();
    Some(signal.resting_on((*first != *moment.event.id).then_some(first)))
}
