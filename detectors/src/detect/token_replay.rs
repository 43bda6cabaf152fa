//! `token_replay`: one credential in two places at once.
//!
//! **Catches** a stolen token or key that is used from another host, network or region while its owner
//! goes on using it (T1528, T1550.001).
//!
//! **Model.** A contradiction, not a score: a machine's credential is used from a setting that is new to
//! the identity, and its owner does not miss a beat: used from the old one before *and* after that, a quarter
//! of an hour apart at most, or from the new, the old and the new again within an hour. How new the other setting
//! is comes from Good–Turing over days of use; hosts that come and go, rotating addresses and known regions
//! are no other place, nor is another host in an environment, region and network that are used as ever, nor one
//! where the owner's own host is of today. An owner who moves may come back once; after an hour alone the new
//! place is the owner's.
//!
//! All regions of a cloud are one network. So two settings that cannot be told apart are two places all the same
//! where nobody comes from one to the other in time (as in `impossible_travel`), one of them was used on earlier
//! days and the other never, and they are used by turns. What has the same host or stated region, the same or a
//! known address, or an address of the other family, has not moved: its geolocation has.
//!
//! **Evidence:** both settings with times and events; their distance, where that told them apart.
//! **Configuration:** mode; the speed is that of `impossible_travel`.
//!
//! In the first five days of an account whose events state a region, and neither environment nor runtime, it is asked
//! first.
//!
//! **Blind spots:** the first five days of an identity, for a thief in the same environment and runtime; a
//! thief on the owner's host, in an environment, region and network of the owner's, or behind an egress or a
//! known VPN, proxy or relay; credentials that are shared by design; agents.

use plumbline_schemas::command::Action;
use plumbline_schemas::time::EventTime;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::event_id::EventId;
use crate::facts::{Credential, Rival};
use crate::profile::Profile;
use crate::profile::habits::Trait;
use crate::profile::places::label;
use crate::profile::spot::Conflict;
use crate::profile::turns::Turns;
use crate::session::SKEW_MS;
use crate::setting::{Setting, key};
use crate::signal::{Demand, Signal};
use crate::units::Bits;

/// Two places within this time are at once.
const AT_ONCE_MS: i64 = 3_600_000;
/// An owner who was away for longer may have moved and come back; only the next use elsewhere tells.
const BEAT_MS: i64 = 15 * 60_000;
/// Days of history before another region of the same environment and runtime says anything, and before one where neither
/// is stated ends the credential.
const SETTLED_DAYS: u16 = 5;
/// What a contradiction weighs beyond how strange the other place is.
const RIVAL_BITS: f64 = 10.0;
/// A setting that surprises less is no other place.
const LEAST_BITS: f64 = 3.0;

const TECHNIQUE: &[&str] = &["T1528", "T1550.001"];

/// What tells two places of one credential apart.
const PLACE_TRAITS: [Trait; 5] = [
    Trait::Network,
    Trait::Device,
    Trait::Fingerprint,
    Trait::Host,
    Trait::Region,
];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let is_young = subject.profile.earlier_days(moment.time()) < SETTLED_DAYS;
    let signal = two_places(moment, subject)?;
    // In an account's first days another region may be its second one, where nothing else is stated that would tell.
    let is_stated = |what| moment.setting.get(what) != 0;
    let tells = is_stated(Trait::Environment) || is_stated(Trait::Runtime);
    let may_be_second = is_young && is_stated(Trait::Region) && !tells;
    Some(Signal {
        demand: match may_be_second {
            true => Some(Demand::of(Action::StepUp)),
            false => signal.demand,
        },
        ..signal
    })
}

fn two_places(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let is_tracked = moment.is_machine() && moment.bearer.credential != 0 && moment.succeeded();
    if !is_tracked || moment.is_shared_network() {
        return None;
    }
    let Subject { profile, facts, .. } = subject;
    let at = facts.enter(moment.event, &moment.setting, moment.described);
    let credential = &mut facts.credentials[at];
    let now = moment.time();
    let is_at_home = is_at_home(moment, profile, &credential.setting);
    let strangeness = strangeness(moment, profile, &credential.setting);
    if let Some(bits) = strangeness.filter(|_| !is_at_home) {
        return elsewhere(moment, credential, bits);
    }
    // The old place, or one that cannot be told from it.
    let replayed = credential.rival.as_deref().filter(|rival| {
        let went_on = now.since(credential.last()) <= BEAT_MS;
        let mut differs = rival.setting.differs(&moment.setting);
        let told_apart = went_on && differs.any(|what| tells(what, &moment.setting, profile, now));
        told_apart && now > rival.first && now.since(rival.last).abs() <= AT_ONCE_MS
    });
    let signal = replayed.map(|rival| signal(moment, credential, rival));
    let signal = match is_at_home {
        true => signal,
        false => signal.or_else(|| far_apart(moment, profile, &credential.setting)),
    };
    if now >= credential.last() {
        credential.set_last(now);
        credential.setting.update(&moment.setting);
        credential.described = Some(moment.described);
        credential.event_id = EventId::new(&moment.event.id);
    }
    signal
}

/// Whether it is another runner of what the identity uses as ever, or in its first days: no other place.
fn is_at_home(moment: &Moment<'_>, profile: &Profile, own: &Setting) -> bool {
    let same = |what| own.get(what) != 0 && own.get(what) == moment.setting.get(what);
    let usual = |what| {
        let key = moment.setting.get(what);
        same(what) || key != 0 && profile.habits.is_known(what, key, moment.time())
    };
    // What no record states tells nothing apart.
    let is_unstated = |what| own.get(what) == 0 && moment.setting.get(what) == 0;
    let region = usual(Trait::Region) || is_unstated(Trait::Region);
    if usual(Trait::Environment) && region && usual(Trait::Network) {
        return true;
    }
    // An account's second region shows in its first days.
    let young = profile.earlier_days(moment.time()) < SETTLED_DAYS;
    young && same(Trait::Environment) && same(Trait::Runtime)
}

/// Whether a trait tells another place from the owner's: where its host is of today, hosts come and go.
fn tells(what: Trait, own: &Setting, profile: &Profile, now: EventTime) -> bool {
    let is_of_today = || profile.habits.days(what, own.get(what), now) == 0;
    PLACE_TRAITS.contains(&what) && !(what == Trait::Host && is_of_today())
}

/// How strange the setting is that differs from the credential's own, if it does.
fn strangeness(moment: &Moment<'_>, profile: &Profile, own: &Setting) -> Option<Bits> {
    let (habits, now) = (&profile.habits, moment.time());
    let mut bits = Bits::ZERO;
    for what in moment.setting.differs(own) {
        if tells(what, own, profile, now) && !moment.setting.is_known(what, habits, now) {
            let strange = habits.strange_as(what, moment.setting.get(what)).bits;
            bits = if strange > bits { strange } else { bits };
        }
    }
    (bits.0 >= LEAST_BITS).then_some(bits)
}

/// Two places of one network that are used by turns, though nobody comes from one to the other so fast.
fn far_apart(moment: &Moment<'_>, profile: &Profile, own: &Setting) -> Option<Signal> {
    let (event, place) = (moment.event, moment.place.as_ref()?);
    // Who is said to run in one region is there, wherever its addresses are said to be.
    let region = moment.setting.get(Trait::Region);
    if region != 0 && region == own.get(Trait::Region) {
        return None;
    }
    let machine = [Trait::Device, Trait::Host].map(|what| moment.setting.get(what));
    let is_usual = profile.places.days_at(place.cell, event.time) > 0;
    let turns = Turns {
        event,
        place,
        credential: moment.bearer.credential,
        client: machine.into_iter().find(|key| *key != 0).unwrap_or(0),
        is_usual,
        within_ms: if is_usual { BEAT_MS } else { AT_ONCE_MS },
        max_speed_kmh: moment.config.detectors.impossible_travel.max_speed_kmh,
        skew_ms: SKEW_MS,
    };
    let habits = &profile.habits;
    let known = |address: &str| habits.is_known(Trait::Address, key(address), event.time);
    let there = profile.places.taken_in_turns(&turns, known)?;
    let bits = profile.places.strange(event.time);
    (bits.0 >= LEAST_BITS).then(|| by_turns(moment, &there, is_usual, bits))
}

/// A use of a credential, as it is told.
struct Use {
    setting: String,
    time: EventTime,
    event_id: String,
}

impl Use {
    fn of(address: Option<&str>, place: &str, time: EventTime, event_id: String) -> Self {
        let setting = match address {
            Some(address) => format!("{address} in {place}"),
            None => place.to_owned(),
        };
        Self {
            setting,
            time,
            event_id,
        }
    }
}

fn by_turns(moment: &Moment<'_>, turn: &Conflict<'_>, is_usual: bool, bits: Bits) -> Signal {
    let (event, spot) = (moment.event, turn.spot);
    let place = moment.names.text(spot.label);
    let there = Use::of(spot.address().as_deref(), place, turn.time, turn.event_id());
    let (ip, id) = (event.network.ip.as_deref(), event.id.as_ref().to_owned());
    let here = Use::of(ip, &label(event), event.time, id);
    let rested_on = there.event_id.clone();
    let (owner, other) = if is_usual { (here, there) } else { (there, here) };
    let closer = turn.excess.0.ceil();
    let evidence = json!({
        "owner": { "setting": owner.setting, "last": owner.time, "event_id": owner.event_id },
        "other": {
            "setting": other.setting, "last": other.time, "event_id": other.event_id, "bits": bits.rounded(),
        },
        "distance_km": turn.distance.0.round(),
        "silent_if": format!(
            "the old place had not been used again after the new one, the new one had been used on an earlier \
             day, or they were {closer} km closer"
        ),
    });
    let signal = Signal::rule(
        DetectorId::TokenReplay,
        Demand::of(Action::RevokeCredential),
        TECHNIQUE,
        format!("one credential in two places at once: {}; and {}", owner.setting, other.setting),
        evidence,
    );
    let signal = signal.weighing(Bits(bits.0 + RIVAL_BITS).clamped());
    signal.resting_on([rested_on])
}

/// A use elsewhere: the first is noted, the next with the owner's in between is a contradiction.
fn elsewhere(moment: &Moment<'_>, credential: &mut Credential, bits: Bits) -> Option<Signal> {
    let (now, last) = (moment.time(), credential.last());
    if let Some(rival) = credential.rival.as_deref_mut()
        && moment.setting.differs(&rival.setting).next().is_none()
    {
        let signal_due = last > rival.first && last.since(now).abs() <= AT_ONCE_MS;
        rival.last = rival.last.max(now);
        rival.first = rival.first.min(now);
        rival.bits = rival.bits.max(bits.0 as f32);
        if signal_due {
            let rival = credential.rival.as_deref()?;
            return Some(signal(moment, credential, rival));
        }
        // For an hour only this was seen: it is where the credential is used now.
        let alone_since = credential.rival.as_deref().map_or(now, |rival| rival.first);
        if now.since(alone_since.max(last)) > AT_ONCE_MS {
            credential.rival = None;
            credential.setting = moment.setting;
            credential.described = Some(moment.described);
            credential.set_last(now);
            credential.event_id = EventId::new(&moment.event.id);
        }
        return None;
    }
    credential.rival = Some(Box::new(Rival {
        setting: moment.setting,
        described: moment.described,
        first: now,
        last: now,
        event_id: EventId::new(&moment.event.id),
        bits: bits.0 as f32,
    }));
    // It came late: the owner was already seen after it.
    let rival = credential.rival.as_deref()?;
    let came_late = last > now && last.since(now) <= AT_ONCE_MS;
    came_late.then(|| signal(moment, credential, rival))
}

fn signal(moment: &Moment<'_>, credential: &Credential, rival: &Rival) -> Signal {
    let names = moment.names;
    let owner = credential.described.map_or("", |name| names.text(name));
    let other = names.text(rival.described);
    let evidence = json!({
        "owner": { "setting": owner, "last": credential.last(), "event_id": credential.event_id },
        "other": {
            "setting": other, "first": rival.first, "last": rival.last, "event_id": rival.event_id,
            "bits": (f64::from(rival.bits) * 10.0).round() / 10.0,
        },
        "silent_if": "the old place had not been used again after the new one, or the new one had been used \
                      on an earlier day",
    });
    let signal = Signal::rule(
        DetectorId::TokenReplay,
        Demand::of(Action::RevokeCredential),
        TECHNIQUE,
        format!("one credential in two places at once: {owner}; and {other}"),
        evidence,
    );
    let others = [credential.event_id.to_string(), rival.event_id.to_string()];
    signal
        .weighing(Bits(f64::from(rival.bits) + RIVAL_BITS).clamped())
        .resting_on(others.into_iter().filter(|id| **id != *moment.event.id))
}
