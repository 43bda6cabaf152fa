//! `scope_drift`: endpoints or scopes the identity never used. Tenants are the business of `tenant_fanout`.
//!
//! **Catches** a stolen or misused identity that looks around: an account that calls one API and now
//! lists users, an agent on a ticketing task that reads secrets (T1078, T1526).
//!
//! **Model.** Pitman–Yor novelty with the Good–Turing discount of the identity's own history
//! (`profile/scope.rs`), times the share of the action's class among its endpoints. Novelties of a
//! session add up with a half-life of six hours: sensitive ones fully, ordinary ones by half after the
//! first, because a new release brings several at once; of people, who turn to administration as a
//! whole, sensitive ones of a class by half after its first too. What an agent's task names is no drift, nor what
//! three peers of its group do as ever. In a session that was asked where it is, or with what, and has passed, the first
//! sensitive novelty is asked about whatever it weighs: who holds the second factor too changes tactics then.
//!
//! **Evidence:** what was new, when, each with its bits; N, K, n1, n2, θ and the class share of the
//! formula; the endpoints in usual use. **Configuration:** mode only.
//!
//! **Blind spots:** log-ins, renewed passwords and what gives a token up; misuse inside the usual scope;
//! the first days of an identity; paths that are not templated make an explorer of everybody.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, EventKind, IdentityKind};
use serde_json::json;

use super::{DetectorId, Group, Moment, Subject};
use crate::event_id::EventId;
use crate::facts::{Facts, task_key};
use crate::glob;
use crate::names::Name;
use crate::profile::Profile;
use crate::profile::data::PASSED_HOURS;
use crate::profile::scope::{Novelty, is_sensitive};
use crate::session::{Novel, Session};
use crate::signal::{Alone, Demand, Signal, evidence};
use crate::units::{Bits, round_to};

/// Below this a novelty is nothing to remember.
const LEAST_BITS: f64 = 4.0;
/// What an ordinary novelty after the first adds, of its own bits.
const FOLLOWING_SHARE: f64 = 0.5;

/// Hours of use, of all endpoints together, before a novelty says anything.
const LEAST_OBSERVATIONS: f64 = 24.0;
/// Days of history before anybody is asked.
const SETTLED_DAYS: u16 = 3;
/// People take longer to show all that they do.
const PERSON_SETTLED_DAYS: u16 = 7;
/// So many novelties are told in the evidence, the newest among them.
const MOST_TOLD: usize = 12;

const TECHNIQUE: &[&str] = &["T1078", "T1526"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if is_approved(moment, subject) {
        return None;
    }
    let (profile, session) = (subject.profile, &mut *subject.session);
    let mut last: Option<(Name, Novelty)> = None;
    for &(name, class) in moment.tokens {
        if profile.scope.is_usual(name) || session.novelty_of(name).is_some() {
            continue;
        }
        // An export that closes a month is as rare as that.
        let has_passed = || profile.scope.has_passed(name, PASSED_HOURS, moment.time());
        if class == ActionClass::Export && has_passed() {
            continue;
        }
        // What peers of the group do every week is new to this one alone.
        if name == moment.endpoint && moment.peers_do {
            continue;
        }
        let novelty = profile
            .scope
            .novelty(moment.kind, class, moment.event.time, moment.weight);
        if novelty.bits.0 < LEAST_BITS {
            continue;
        }
        // Who turns to administration does several things of it: for people that is one novelty.
        let again = moment.kind == IdentityKind::Human
            && session.novel().iter().any(|novel| class_of(novel) == class);
        let full = session.novel().is_empty() || (is_sensitive(class) && !again);
        let weight = Bits(novelty.bits.0 * if full { 1.0 } else { FOLLOWING_SHARE });
        let bits = novelty.bits.0 as f32;
        let event_id = EventId::new(&moment.event.id);
        session.add_novel(
            Novel {
                name,
                class: class as u8,
                bits,
                event_id,
            },
            weight,
        );
        last = Some((name, novelty));
    }
    // Of somebody who has hardly begun, nothing is unusual yet.
    let (newest, novelty) =
        last.filter(|(_, novelty)| novelty.observations >= LEAST_OBSERVATIONS)?;
    let bits = session.drift();
    // What is a finding by itself is answered by what all of it comes to, which is no less.
    let after = bits < moment.threshold && is_after_challenge(moment, session, subject.facts);
    if !after && !moment.may_count(bits) {
        return None;
    }
    let mut signal = signal(moment, profile, session, (newest, &novelty), bits);
    if after {
        signal.demand = Some(Demand::of(Action::StepUp));
        signal.summary.push_str(", in a session that has passed a challenge");
        signal.evidence.insert("after_a_challenge".to_owned(), json!(true));
    }
    Some(signal)
}

/// Whether the first thing that is sensitive comes in a session that was asked where it is, or with what, and has passed:
/// who holds the second factor too gets no further by it.
fn is_after_challenge(moment: &Moment<'_>, session: &Session, facts: &Facts) -> bool {
    let strange = DetectorId::of_group(Group::Location) | DetectorId::of_group(Group::Device);
    is_sensitive(moment.class)
        && session.was_vouched_for()
        && facts.was_answered(strange, moment.time())
}

/// Whether somebody has said that it may: an agent's task, an approval, or who granted it. What belongs to
/// any session is nobody's drift.
fn is_approved(moment: &Moment<'_>, subject: &Subject<'_>) -> bool {
    let event = moment.event;
    let (allowed, name) = (&event.task.allowed, &*event.action.name);
    let is_upkeep = match moment.class {
        ActionClass::Approval | ActionClass::TaskStart | ActionClass::TaskEnd => true,
        // What gives something up, or proves who one is, opens nothing.
        ActionClass::Login
        | ActionClass::Logout
        | ActionClass::Mfa
        | ActionClass::TokenRotate
        | ActionClass::TokenRevoke => true,
        ActionClass::Other => event.kind == EventKind::Auth,
        _ => false,
    };
    let is_granted = event.kind == EventKind::Admin
        && moment.class == ActionClass::Privilege
        && !event.delegation.is_empty();
    let is_allowed = moment.kind == IdentityKind::AiAgent
        && allowed.iter().any(|glob| glob::matches(glob, name));
    let within = moment.config.policy.approval.within.as_millis();
    let approval = || {
        let task = task_key(event);
        subject
            .facts
            .approval(moment.time(), moment.bearer.session, task, within)
    };
    is_upkeep
        || is_granted
        || is_allowed
        || (moment.kind != IdentityKind::Human && approval().is_some())
}

fn alone(moment: &Moment<'_>, profile: &Profile, session: &Session, bits: Bits) -> Alone {
    // How fresh the verdict on a payment has to be is a rule: that alone it is new is no more than a finding.
    let asks = |novel: &&Novel| {
        let class = class_of(novel);
        is_sensitive(class) && (class != ActionClass::Payment || moment.kind == IdentityKind::AiAgent)
    };
    let asked = || session.novel().iter().filter(asks);
    // A release brings a machine something to delete. That it deletes several things is another matter.
    let deletes = asked().filter(|novel| class_of(novel) == ActionClass::Delete).count();
    let is_one = deletes == 1 && moment.is_machine();
    let sensitive = asked().count() - usize::from(is_one);
    let all = session.novel().len();
    let beyond = bits.0 - moment.threshold.0;
    // A new identity is still finding out what it does.
    let settled = match moment.kind {
        IdentityKind::Human => PERSON_SETTLED_DAYS,
        _ => SETTLED_DAYS,
    };
    if profile.earlier_days(moment.time()) < settled {
        return Alone::Finding;
    }
    match moment.kind {
        // A person's first export is nothing; three new privileged things at once are.
        IdentityKind::Human if sensitive >= 4 && beyond >= 30.0 => Alone::Revoke,
        IdentityKind::Human if sensitive >= 2 && beyond >= 6.0 => Alone::StepUp,
        IdentityKind::Human => Alone::Finding,
        _ if sensitive >= 3 && beyond >= 24.0 => Alone::Revoke,
        _ if sensitive >= 1 && beyond >= 0.0 => Alone::StepUp,
        // No release brings so many at once.
        _ if all >= 6 && beyond >= 8.0 => Alone::StepUp,
        _ => Alone::Finding,
    }
}

fn class_of(novel: &Novel) -> ActionClass {
    ActionClass::ALL[usize::from(novel.class)]
}

fn signal(
    moment: &Moment<'_>,
    profile: &Profile,
    session: &Session,
    (newest, novelty): (Name, &Novelty),
    bits: Bits,
) -> Signal {
    let names = moment.names;
    let newest = names.text(newest);
    let usual = profile.scope.usual(5);
    let usual: Vec<&str> = usual.into_iter().map(|name| names.text(name)).collect();
    let untold = session.novel().len().saturating_sub(MOST_TOLD);
    let told = session.novel().iter().skip(untold);
    let new: Vec<_> = told
        .clone()
        .map(|novel| {
            json!({
                "name": names.text(novel.name), "class": class_of(novel),
                "bits": round_to(f64::from(novel.bits), 1), "event_id": novel.event_id,
            })
        })
        .collect();
    let summary = match session.novel().len() {
        0 | 1 => format!(
            "{newest}: never used before, among {} usual",
            novelty.distinct
        ),
        several => {
            format!(
                "{several} things never used before, the last {newest}; {} are usual",
                novelty.distinct
            )
        }
    };
    let evidence = evidence(json!({
        "new": new,
        "new_before_these": untold,
        "usual": usual,
        "last": {
            "observations_hours": round_to(novelty.observations, 1),
            "distinct": novelty.distinct,
            "seen_once": novelty.seen_once,
            "seen_twice": novelty.seen_twice,
            "prior_weight": novelty.prior_weight,
            "distinct_of_class": novelty.distinct_of_class,
            "class_prior": novelty.class_prior,
            "chance": novelty.chance,
            "bits": novelty.bits.rounded(),
        },
        "session_bits": bits.rounded(),
        "formula": "discount = seen_once / (seen_once + 2·seen_twice); chance = (prior_weight + \
                    discount·distinct) / (prior_weight + observations) · (distinct_of_class + \
                    4·class_prior) / (distinct + 4); the session adds the bits, ordinary ones after \
                    the first by half",
        "silent_if": format!("{newest} had been used on three earlier days"),
    }));
    let mut other_events: Vec<String> = Vec::new();
    for novel in told {
        let id = novel.event_id.to_string();
        if id != *moment.event.id && !other_events.contains(&id) {
            other_events.push(id);
        }
    }
    Signal {
        detector: DetectorId::ScopeDrift,
        bits,
        alone: alone(moment, profile, session, bits),
        demand: None,
        is_notable: false,
        technique: TECHNIQUE,
        summary,
        evidence,
        other_events,
    }
}
