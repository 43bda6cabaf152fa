//! `new_network`: a network, or of a machine an address, that the identity never uses.
//!
//! **Catches** a token or password that surfaces somewhere else (T1078). By itself it is a finding at
//! most; it marks the session as changed, which `context_change` answers when something sensitive
//! follows, and at once where a machine's session has been privileged. Where events state no session, another
//! address in an environment and network that are used as ever is another runner, and no session has moved.
//!
//! **Model.** Good–Turing over days of use (`profile/habits.rs`); in the middle of a session 4 bits more,
//! because sessions seldom move. Of network and address the more surprising counts. A configured egress
//! is nobody's new network. **Evidence:** network, days, distinct values, values used once.
//! **Configuration:** mode only.
//!
//! **Blind spots:** a network the identity shares with the attacker; the first day of an identity, but for a session
//! that is at once where nobody can have come to.

use plumbline_schemas::command::Action;
use serde_json::json;

use super::changes::{self, LEAST_CHANGE_BITS, MOVED_BITS};
use super::{DetectorId, Moment, Subject};
use crate::event_id::EventId;
use crate::profile::habits::{Strange, Trait};
use crate::session::Changed;
use crate::signal::{Alone, Demand, Signal, evidence};
use crate::units::Bits;

const TECHNIQUE: &[&str] = &["T1078"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if moment.is_shared_network() || !moment.succeeded() {
        return None;
    }
    let before = subject.session.setting;
    let moved = !moment.entered.begins;
    let mut worst: Option<(Trait, Strange)> = None;
    for what in [Trait::Network, Trait::Address] {
        let key = moment.setting.get(what);
        let same = key == 0 || key == before.get(what);
        if same || moment.setting.is_known(what, &subject.profile.habits, moment.time()) {
            continue;
        }
        let strange = subject.profile.habits.strange(what);
        if worst.is_none_or(|(_, worst)| strange.bits > worst.bits) {
            worst = Some((what, strange));
        }
    }
    let (what, strange) = worst?;
    if strange.days == 0 {
        return None;
    }
    let stated = moved && before.get(what) != 0 && !is_another_runner(moment, subject, what);
    let bits = Bits(strange.bits.0 + if stated { MOVED_BITS } else { 0.0 });
    let name = match what {
        Trait::Address => "address",
        _ => "network",
    };
    let mut demand = None;
    // On the first day nothing is surprising, but for a session that is at once where nobody can have come to.
    let is_young = subject.profile.earlier_days(moment.time()) == 0;
    // An account's second region shows in its first days.
    let may_jump = !moment.is_machine() || subject.session.privileged;
    let jumps =
        || is_young && may_jump && what == Trait::Network && cannot_have_come(moment, subject);
    let is_notable = stated && (strange.bits.0 >= LEAST_CHANGE_BITS || jumps());
    if !is_notable && !moment.may_count(bits) {
        return None;
    }
    if is_notable {
        let changed = Changed {
            what: vec![name.into()],
            bits: strange.bits,
            time: moment.time(),
            before: subject.session.described,
            after: moment.described,
            event_id: EventId::new(&moment.event.id),
            setting: moment.setting,
        };
        changes::mark(subject.session, changed);
        if moment.is_machine() && subject.session.privileged {
            demand = Some(Demand::of(Action::StepUp));
        }
    }
    let (after, before) = (
        moment.names.text(moment.described),
        subject.session.described.map(|name| moment.names.text(name)),
    );
    let summary = match (&demand, before.filter(|_| stated)) {
        (Some(_), Some(before)) => {
            format!("a privileged session moved from {before} to {after}, never used before")
        }
        (None, Some(before)) => format!("the session moved from {before} to {after}, never used before"),
        (_, None) => format!("{after}: a {name} never used before"),
    };
    Some(Signal {
        detector: DetectorId::NewNetwork,
        bits,
        alone: Alone::Finding,
        demand,
        is_notable,
        technique: TECHNIQUE,
        summary,
        evidence: evidence(json!({
            "ip": moment.event.network.ip, "asn": moment.event.network.asn, "before": before,
            "what": name, "days_of_use": strange.days, "distinct": strange.distinct,
            "used_on_one_day_only": strange.once, "in_mid_session": stated,
            "formula": "chance = (used_on_one_day_only + 1/2) / (days_of_use + 1); 4 bits more in mid-session",
            "silent_if": format!("this {name} had been used on an earlier day, or were listed under [[policy.egress]]"),
        })),
        other_events: Vec::new(),
    })
}

/// Whether the session was elsewhere so lately that nobody can have come here since.
fn cannot_have_come(moment: &Moment<'_>, subject: &Subject<'_>) -> bool {
    let travel = &moment.config.detectors.impossible_travel;
    moment.place.is_some_and(|place| {
        let conflict = subject.profile.places.worst_conflict(
            moment.event,
            &place,
            travel.max_speed_kmh,
            0,
            |spot| spot.bearer.session == moment.bearer.session && !spot.is_egress,
        );
        conflict.is_some()
    })
}

/// Runs of one credential that state no session are one after the other, and each on its own machine.
fn is_another_runner(moment: &Moment<'_>, subject: &Subject<'_>, what: Trait) -> bool {
    let before = &subject.session.setting;
    let usual = |what: Trait| {
        let key = moment.setting.get(what);
        let known = || subject.profile.habits.is_known(what, key, moment.time());
        key != 0 && (key == before.get(what) || known())
    };
    what == Trait::Address
        && moment.event.session.id.is_none()
        && usual(Trait::Environment)
        && usual(Trait::Network)
}
