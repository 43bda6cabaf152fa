//! `new_network`: a network, or of a machine an address, that the identity never uses.
//!
//! **Catches** a token or password that surfaces somewhere else (T1078). By itself it is a finding at
//! most; it marks the session as changed, which `context_change` answers when something sensitive
//! follows, and at once where a machine's session has been privileged. A machine that is in another country, at an address,
//! on a host and in a region that it never used is asked at once, but where three others of its tenant are in that country
//! and network as on earlier days: an organisation's other region is where its machines fail over to. Where events state no
//! session, another address in an environment and network that are used as ever is another runner, and no session has moved.
//!
//! **Model.** Good–Turing over days of use (`profile/habits.rs`); in the middle of a session 4 bits more,
//! because sessions seldom move. A machine that is wholly elsewhere is worth 12 bits: in simulated organisations one moves
//! in about four thousand days, nearly always to where others are. Of network and address the more surprising counts. A
//! configured egress is nobody's new network. **Evidence:** network, days, distinct values, values used once.
//! **Configuration:** mode only.
//!
//! **Blind spots:** a network the identity shares with the attacker; the first day of an identity, but for a session
//! that is at once where nobody can have come to.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{Event, IdentityKind};
use serde_json::json;

use super::changes::{self, LEAST_CHANGE_BITS, MOVED_BITS};
use super::{DetectorId, Moment, Subject};
use crate::event_id::EventId;
use crate::learn::country_key;
use crate::profile::Profile;
use crate::profile::habits::{Habits, Strange, Trait};
use crate::session::Changed;
use crate::signal::{Alone, Demand, Signal, evidence};
use crate::units::Bits;

/// So many days are known of a machine to which another country is odd,
const SETTLED_DAYS: u16 = 5;
/// and to which one comes less often than on one day in ten.
const LEAST_COUNTRY_BITS: f64 = 3.3;
/// −log2 of the chance that a day brings a machine to another country altogether.
const ABROAD_BITS: f64 = 12.0;

const TECHNIQUE: &[&str] = &["T1078"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if moment.is_shared_network() || !moment.succeeded() {
        return None;
    }
    let before = subject.session.setting;
    let moved = !moment.entered.begins;
    // As long as it goes on, whatever else is odd meets it.
    let is_abroad = is_abroad(moment, subject.profile);
    let mut worst: Option<(Trait, Strange)> = None;
    for what in [Trait::Network, Trait::Address] {
        let key = moment.setting.get(what);
        let same = key == 0 || key == before.get(what) && !is_abroad;
        if same || moment.setting.is_known(what, &subject.profile.habits, moment.time()) {
            continue;
        }
        let strange = subject.profile.habits.strange_as(what, key);
        if worst.is_none_or(|(_, worst)| strange.bits > worst.bits) {
            worst = Some((what, strange));
        }
    }
    let (what, strange) = worst?;
    if strange.days == 0 {
        return None;
    }
    let differs = moment.setting.get(what) != before.get(what);
    let stated = moved && differs && before.get(what) != 0 && !is_another_runner(moment, subject, what);
    let bits = match is_abroad {
        true => Bits(ABROAD_BITS),
        false => Bits(strange.bits.0 + if stated { MOVED_BITS } else { 0.0 }),
    };
    let name = match what {
        Trait::Address => "address",
        _ => "network",
    };
    // On the first day nothing is surprising, but for a session that is at once where nobody can have come to.
    let is_young = subject.profile.earlier_days(moment.time()) == 0;
    // An account's second region shows in its first days.
    let may_jump = !moment.is_machine() || subject.session.privileged;
    let jumps =
        || is_young && may_jump && what == Trait::Network && cannot_have_come(moment, subject);
    let is_notable = stated && (strange.bits.0 >= LEAST_CHANGE_BITS || jumps());
    if !is_notable && !is_abroad && !moment.may_count(bits) {
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
    }
    let is_abroad_now = is_abroad && differs;
    let is_privileged = is_notable && moment.is_machine() && subject.session.privileged;
    let demand = (is_privileged || is_abroad_now).then(|| Demand::of(Action::StepUp));
    let (after, before) = (
        moment.names.text(moment.described),
        subject.session.described.map(|name| moment.names.text(name)),
    );
    let summary = match before.filter(|_| stated) {
        Some(before) => {
            let session = if is_privileged { "a privileged" } else { "the" };
            format!("{session} session moved from {before} to {after}, never used before")
        }
        None if is_abroad => format!("{after}: nothing of it was ever used before, nor its country"),
        None => format!("{after}: a {name} never used before"),
    };
    Some(Signal {
        detector: DetectorId::NewNetwork,
        bits,
        alone: Alone::Finding,
        demand,
        is_notable: is_notable || is_abroad_now,
        technique: TECHNIQUE,
        summary,
        evidence: evidence(json!({
            "ip": moment.event.network.ip, "asn": moment.event.network.asn, "before": before,
            "what": name, "days_of_use": strange.days, "distinct": strange.distinct,
            "used_on_one_day_only": strange.once, "in_mid_session": stated, "country_is_new_too": is_abroad,
            "formula": "chance = (used_on_one_day_only + 1/2) / (days_of_use + 1); 4 bits more in mid-session, \
                        or 12 where the country is new too",
            "silent_if": match is_abroad {
                true => "it had been in this country on an earlier day, or three other machines of the tenant had been \
                         there, on this network, on two earlier days, or it were listed under [[policy.egress]]".to_owned(),
                false => format!("this {name} had been used on an earlier day, or were listed under [[policy.egress]]"),
            },
        })),
        other_events: Vec::new(),
    })
}

/// Whether a machine is abroad on nothing of its own.
fn is_abroad(moment: &Moment<'_>, profile: &Profile) -> bool {
    let (habits, now) = (&profile.habits, moment.time());
    let is_used = |what| moment.setting.get(what) != 0 && moment.setting.is_known(what, habits, now);
    // Nearly every event ends here.
    moment.is_abroad
        && profile.earlier_days(now) >= SETTLED_DAYS
        && habits.strange(Trait::Country).bits.0 >= LEAST_COUNTRY_BITS
        && ![Trait::Address, Trait::Host, Trait::Region].into_iter().any(is_used)
        // A cloud's addresses are all of one network, and databases err about them.
        && (!is_used(Trait::Network) || moment.setting.get(Trait::Region) != 0)
}

/// Whether a machine is in a country where it was on no earlier day.
pub(crate) fn is_out_of_country(event: &Event<'_>, kind: IdentityKind, habits: &Habits) -> bool {
    let was_here = |country| {
        habits.days(Trait::Country, country, event.time) > 0
            || habits.is_known(Trait::Country, country, event.time)
    };
    country_key(event, kind).is_some_and(|country| !was_here(country))
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
