//! `token_replay`: one credential in two places at once.
//!
//! **Catches** a stolen token or key that is used from another host, network or region while its owner
//! goes on using it (T1528, T1550.001).
//!
//! **Model.** A contradiction, not a score: a machine's credential is used from a setting that is new to
//! the identity, and its owner does not miss a beat: used from the old one before *and* after that, a quarter
//! of an hour apart at most, or from the new, the old and the new again within an hour. How new the other setting
//! is comes from Good–Turing over days of use; hosts that come and go, rotating addresses and known regions
//! are no other place. An owner who moves may come back once; after an hour alone the new place is the
//! owner's.
//!
//! **Evidence:** both settings with times and events. **Configuration:** mode only.
//!
//! **Blind spots:** the first five days of an identity, for a thief in the same environment and runtime; a
//! thief on the owner's host, or behind an egress or a known VPN, proxy or relay; credentials that are
//! shared by design; agents.

use plumbline_schemas::command::Action;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::event_id::EventId;
use crate::facts::{Credential, Rival};
use crate::profile::Profile;
use crate::profile::habits::Trait;
use crate::setting::Setting;
use crate::signal::{Demand, Signal};
use crate::units::Bits;

/// Two places within this time are at once.
const AT_ONCE_MS: i64 = 3_600_000;
/// An owner who was away for longer may have moved and come back; only the next use elsewhere tells.
const BEAT_MS: i64 = 15 * 60_000;
/// Days of history before another region of the same environment and runtime says anything.
const SETTLED_DAYS: u16 = 5;
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
    let is_tracked = moment.is_machine() && moment.bearer.credential != 0 && moment.succeeded();
    if !is_tracked || moment.is_shared_network() {
        return None;
    }
    let Subject { profile, facts, .. } = subject;
    let at = facts.enter(moment.event, &moment.setting, moment.described);
    let credential = &mut facts.credentials[at];
    let now = moment.time();
    let strangeness = strangeness(moment, profile, &credential.setting);
    if let Some(bits) = strangeness {
        return elsewhere(moment, credential, bits);
    }
    // The old place, or one that cannot be told from it.
    let replayed = credential.rival.as_deref().filter(|rival| {
        let went_on = now.since(credential.last) <= BEAT_MS;
        let told_apart = went_on && moment.setting.differs(&rival.setting).any(|what| PLACE_TRAITS.contains(&what));
        told_apart && now > rival.first && now.since(rival.last).abs() <= AT_ONCE_MS
    });
    let signal = replayed.map(|rival| signal(moment, credential, rival));
    if now >= credential.last {
        credential.last = now;
        credential.setting.update(&moment.setting);
        credential.described = Some(moment.described);
        credential.event_id = EventId::new(&moment.event.id);
    }
    signal
}

/// How strange the setting is that differs from the credential's own, if it does.
fn strangeness(moment: &Moment<'_>, profile: &Profile, own: &Setting) -> Option<Bits> {
    // Another runner of the same environment is no other place.
    let same = |what| own.get(what) != 0 && own.get(what) == moment.setting.get(what);
    if same(Trait::Environment) && same(Trait::Region) && same(Trait::Network) {
        return None;
    }
    // An account's second region shows in its first days.
    let young = profile.earlier_days(moment.time()) < SETTLED_DAYS;
    if young && same(Trait::Environment) && same(Trait::Runtime) {
        return None;
    }
    let mut bits = Bits::ZERO;
    for what in moment.setting.differs(own).filter(|what| PLACE_TRAITS.contains(what)) {
        if !moment.setting.is_known(what, &profile.habits, moment.time()) {
            let strange = profile.habits.strange(what).bits;
            bits = if strange > bits { strange } else { bits };
        }
    }
    (bits.0 >= LEAST_BITS).then_some(bits)
}

/// A use elsewhere: the first is noted, the next with the owner's in between is a contradiction.
fn elsewhere(moment: &Moment<'_>, credential: &mut Credential, bits: Bits) -> Option<Signal> {
    let now = moment.time();
    if let Some(rival) = credential.rival.as_deref_mut()
        && moment.setting.differs(&rival.setting).next().is_none()
    {
        let signal_due = credential.last > rival.first
            && credential.last.since(now).abs() <= AT_ONCE_MS;
        rival.last = rival.last.max(now);
        rival.first = rival.first.min(now);
        rival.bits = rival.bits.max(bits.0 as f32);
        if signal_due {
            let rival = credential.rival.as_deref()?;
            return Some(signal(moment, credential, rival));
        }
        // For an hour only this was seen: it is where the credential is used now.
        let alone_since = credential.rival.as_deref().map_or(now, |rival| rival.first);
        if now.since(alone_since.max(credential.last)) > AT_ONCE_MS {
            credential.rival = None;
            credential.setting = moment.setting;
            credential.described = Some(moment.described);
            credential.last = now;
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
    let came_late = credential.last > now && credential.last.since(now) <= AT_ONCE_MS;
    came_late.then(|| signal(moment, credential, rival))
}

fn signal(moment: &Moment<'_>, credential: &Credential, rival: &Rival) -> Signal {
    let names = moment.names;
    let owner = credential.described.map_or("", |name| names.text(name));
    let other = names.text(rival.described);
    let evidence = json!({
        "owner": { "setting": owner, "last": credential.last, "event_id": credential.event_id },
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
        .weighing(Bits(f64::from(rival.bits) + 10.0).clamped())
        .resting_on(others.into_iter().filter(|id| **id != *moment.event.id))
}
