//! `binding_change`: a bound token away from what it is bound to.
//!
//! **Catches** a token of a workload or key that was taken out of its region, device or runtime (T1528).
//!
//! **Model.** A contradiction: what a token is bound to is opaque, so region, runtime and device are
//! learnt from its first use; the host is free, and the TLS fingerprint where network, region, runtime and device are the
//! same. Where the source states no binding, a workload's token is taken as bound to region and runtime, unless the
//! identity uses the other one as well, and a key, secret or certificate is asked about. Service accounts are at home in
//! several regions: of their tokens only that what they are bound to is another, and `token_replay` looks at the rest.
//! **Evidence:** bound to, before, now. **Configuration:** mode only. **Blind spots:** sources that state none of it.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{CredentialKind, IdentityKind};
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
    let same = |what| moment.setting.get(what) == bound.get(what);
    let is_at_home = || [Trait::Network, Trait::Region, Trait::Runtime, Trait::Device].into_iter().all(same);
    for (what, name) in BINDING.into_iter().filter(|_| !is_account) {
        let (now, then) = (moment.setting.get(what), bound.get(what));
        let differs = now != 0 && then != 0 && now != then;
        let device = matches!(what, Trait::Device | Trait::Fingerprint);
        // A redeployment brings another library, and with it another fingerprint, to where it runs.
        let is_update = what == Trait::Fingerprint && is_at_home();
        let free = is_update || !is_bound && (device || habits.is_known(what, now, moment.time()));
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
    // Whoever looked at the token before may have taken in where it is now.
    let mut told = [credential.described, subject.session.described].into_iter().flatten();
    let before = told.find(|name| *name != moment.described);
    let before = before.map(|name| moment.names.text(name));
    let now = moment.names.text(moment.described);
    let from = before.map_or_else(String::new, |before| format!("{before} before, "));
    // A key that no record calls bound may serve in two regions; a token is made where it is used.
    let is_key = matches!(
        moment.event.credential.kind.known(),
        Some(CredentialKind::ApiKey | CredentialKind::ClientSecret | CredentialKind::Password | CredentialKind::Certificate)
    );
    let (what, action) = match is_bound {
        true => ("a bound token", Action::RevokeCredential),
        false if is_key => ("a key that was used in one place", Action::StepUp),
        false => ("a token that was used in one place", Action::RevokeCredential),
    };
    let evidence = json!({
        "bound_to": stated, "changed": moved, "before": before, "now": now,
        "first_event_id": credential.event_id,
        "silent_if": format!("the {moved} had been that of the token's first use"),
    });
    let signal = Signal::rule(
        DetectorId::BindingChange,
        Demand::of(action),
        TECHNIQUE,
        format!("{what} with another {moved}: {from}now {now}"),
        evidence,
    );
    let first = credential.event_id.to_string();
    Some(signal.resting_on((*first != *moment.event.id).then_some(first)))
}
