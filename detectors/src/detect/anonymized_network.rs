//! `anonymized_network`: an address that hides who is behind it.
//!
//! **Catches** access through Tor, anonymising VPNs, proxies, relays and hosting networks by somebody who
//! never uses them (T1090). It raises risk; with a second signal of another kind, or from a device that is
//! new too or not compliant any more, or with less assurance than before, the identity is asked.
//!
//! **Model.** The chance that a day brings an anonymiser never used, Good–Turing over the identity's
//! active days, and how rare the sort of anonymiser is among honest users: Tor 12 bits, VPN and proxy 11,
//! hosting 10, relay 6.5. A cloud's regions are such networks: 4.5 for a machine that states one. Machines live there: of
//! one that was ever in any, no other says anything. Of people and agents the second oddity weighs 2.5 bits more, a new device only
//! after three days; the host of a machine changes with its network. What the operator lists under
//! `[[policy.egress]]` hides nobody.
//!
//! **Evidence:** anonymiser, network, days. **Configuration:** mode only.
//!
//! **Blind spots:** anonymisers that no list knows; an identity that always uses one.

use plumbline_schemas::event::Anonymizer;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::learn::anonymizer_key;
use crate::profile::habits::Trait;
use crate::signal::{Alone, Signal, evidence};
use crate::units::Bits;

/// A device that is new too is a second oddity.
const DEVICES: [Trait; 4] = [
    Trait::Device,
    Trait::Fingerprint,
    Trait::Host,
    Trait::Region,
];
/// To whom a new device comes less often than one day in three.
const LEAST_DEVICE_BITS: f64 = 1.5;
/// So much it weighs then,
const NEW_DEVICE_BITS: f64 = 2.5;
/// where so many days are known: in the first ones a telephone shows, and what runs on it.
const SETTLED_DAYS: f64 = 3.0;

const TECHNIQUE: &[&str] = &["T1090"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let event = moment.event;
    // Whoever fails to log in is not the identity.
    let anonymizer = event
        .network
        .anonymizer
        .known()
        .filter(|_| moment.succeeded() && !moment.is_listed)?;
    let key = anonymizer_key(event, moment.kind, &moment.setting)?;
    let habits = &subject.profile.habits;
    let known_network = moment
        .setting
        .is_known(Trait::Network, habits, moment.time())
        && moment.setting.get(Trait::Network) != 0;
    if habits.is_known(Trait::Anonymizer, key, moment.time()) || known_network {
        return None;
    }
    let is_in_cloud = moment.is_machine() && moment.setting.get(Trait::Region) != 0;
    let rarity = match anonymizer {
        Anonymizer::Tor => 12.0,
        Anonymizer::Vpn | Anonymizer::Proxy => 11.0,
        Anonymizer::Hosting if is_in_cloud => 4.5,
        Anonymizer::Hosting => 10.0,
        Anonymizer::Relay => 6.5,
    };
    let days = f64::from(subject.profile.earlier_days(moment.time()));
    let seen = habits.distinct(Trait::Anonymizer) as f64;
    let chance = (seen + 0.5) / (days + 1.0);
    let device = DEVICES.iter().any(|what| {
        let strange = moment.setting.get(*what) != 0
            && !moment.setting.is_known(*what, habits, moment.time());
        strange && habits.strange(*what).bits.0 >= LEAST_DEVICE_BITS
    });
    let weakened = moment.setting.posture_fell_from(subject.profile.posture)
        || subject.session.changed().is_some_and(|changed| {
            let weaker = ["posture", "assurance"];
            changed.what.iter().any(|what| weaker.contains(&&**what))
        });
    let second = device || weakened;
    let is_apart = (weakened || device && days >= SETTLED_DAYS) && !moment.is_machine();
    let second_bits = if is_apart { NEW_DEVICE_BITS } else { 0.0 };
    let bits = Bits::of_chance(chance.min(1.0)).0 + rarity + second_bits;
    let bits = Bits(bits).clamped();
    if !moment.may_count(bits) {
        return None;
    }
    let after = moment.names.text(moment.described);
    Some(Signal {
        detector: DetectorId::AnonymizedNetwork,
        bits,
        alone: if second {
            Alone::StepUp
        } else {
            Alone::Finding
        },
        demand: None,
        is_notable: false,
        technique: TECHNIQUE,
        summary: format!("{after} is an anonymiser ({anonymizer}), never used before"),
        evidence: evidence(json!({
            "ip": event.network.ip, "asn": event.network.asn, "anonymizer": anonymizer,
            "earlier_days": days, "anonymizers_used_before": seen, "rarity_bits": rarity,
            "device_is_new_too": device, "posture_or_assurance_fell": weakened,
            "second_oddity_bits": second_bits,
            "formula": "bits = -log2((anonymizers_used_before + 1/2) / (earlier_days + 1)) + rarity_bits + second_oddity_bits",
            "silent_if": "this identity had used this anonymiser on an earlier day, or it were listed under [[policy.egress]]",
        })),
        other_events: Vec::new(),
    })
}
