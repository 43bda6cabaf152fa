//! With what and from where an event says that it happened, as stable hashes; 0 where it does not say.

use std::net::IpAddr;

use plumbline_schemas::event::{Event, Posture};
use plumbline_schemas::time::EventTime;

use crate::names::stable_hash;
use crate::profile::habits::{Habits, Trait};
use crate::profile::places::Place;
use crate::state::codec::stored;

/// The traits of a setting, in the order in which they are kept.
pub(crate) const TRAITS: [Trait; 9] = [
    Trait::Network,
    Trait::Address,
    Trait::Device,
    Trait::Fingerprint,
    Trait::Agent,
    Trait::Host,
    Trait::Region,
    Trait::Runtime,
    Trait::Environment,
];

/// What is stated of the circumstances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Setting {
    keys: [u32; TRAITS.len()],
    /// 0 not known, 1 not compliant, 2 compliant.
    posture: u8,
    /// 0 not known, else higher is stronger.
    assurance: u8,
}
stored!(Setting {
    keys,
    posture,
    assurance
});

/// Stands for what was stated and is forgotten.
const FORGOTTEN: u32 = 1;

/// Postures as numbers; 0 is not known.
pub(crate) const NON_COMPLIANT: u8 = 1;
const COMPLIANT: u8 = 2;

/// The stable hash of a text, never 0.
pub(crate) fn key(text: &str) -> u32 {
    (stable_hash(text) >> 32) as u32 | 1
}

fn key_of(text: Option<&str>) -> u32 {
    text.map_or(0, key)
}

impl Setting {
    /// The setting of an event. Addresses are only kept of machines.
    pub(crate) fn of(event: &Event<'_>, is_machine: bool) -> Self {
        let agent = event.device.user_agent.as_deref();
        Self::with_agent(event, is_machine, agent.map_or(0, agent_key))
    }

    /// The same where the user agent's key is known.
    pub(crate) fn with_agent(event: &Event<'_>, is_machine: bool, agent: u32) -> Self {
        let (device, workload, network) = (&event.device, &event.workload, &event.network);
        let address = network.ip.as_deref();
        Self {
            keys: [
                network_of(event),
                if is_machine { key_of(address) } else { 0 },
                key_of(device.id.as_deref()),
                key_of(device.tls_fingerprint.as_deref()),
                agent,
                key_of(workload.host.as_deref()),
                key_of(workload.region.as_deref()),
                key_of(workload.runtime.as_deref()),
                key_of(workload.environment.as_deref()),
            ],
            posture: device.posture.known().map_or(0, |posture| match posture {
                Posture::NonCompliant => NON_COMPLIANT,
                Posture::Compliant => COMPLIANT,
            }),
            assurance: assurance_of(event),
        }
    }

    /// The same, in what a record does not state where others do: one without the number of its network says nothing of
    /// the network of somebody whose networks have numbers.
    pub(crate) fn beside(mut self, habits: &Habits, now: EventTime) -> Self {
        let network = &mut self.keys[Trait::Network as usize];
        if *network != 0 && !is_numbered(*network) && habits.has_numbered_networks(now) {
            *network = 0;
        }
        self
    }

    pub(crate) fn get(&self, what: Trait) -> u32 {
        self.keys[what as usize]
    }

    /// The same, 0 too where it was stated and is forgotten.
    pub(crate) fn remembered(&self, what: Trait) -> u32 {
        Some(self.get(what))
            .filter(|key| *key != FORGOTTEN)
            .unwrap_or(0)
    }

    /// What both state, and state differently.
    pub(crate) fn differs(&self, other: &Self) -> impl Iterator<Item = Trait> {
        let (mine, theirs) = (self.keys, other.keys);
        TRAITS.into_iter().filter(move |what| {
            let (a, b) = (mine[*what as usize], theirs[*what as usize]);
            a != 0 && b != 0 && a != b
        })
    }

    /// Whether it states nothing that the other does not.
    pub(crate) fn adds_nothing_to(&self, other: &Self) -> bool {
        let mut merged = *other;
        merged.update(self);
        merged == *other
    }

    /// Whether the device was compliant, and is not any more.
    pub(crate) fn posture_fell(&self, before: &Self) -> bool {
        self.posture_fell_from(before.posture)
    }

    /// The same, where the one before is not known but for this.
    pub(crate) fn posture_fell_from(&self, before: u8) -> bool {
        self.posture == NON_COMPLIANT && before == COMPLIANT
    }

    /// That these traits were stated, and no longer as what: each value is another.
    pub(crate) fn stated(traits: impl Iterator<Item = Trait>, posture: u8, assurance: u8) -> Self {
        let mut keys = [0; TRAITS.len()];
        traits.for_each(|what| keys[what as usize] = FORGOTTEN);
        Self {
            keys,
            posture,
            assurance,
        }
    }

    /// The assurance as a number, 0 where none is stated.
    pub(crate) fn assurance(&self) -> u8 {
        self.assurance
    }

    /// The posture as a number, 0 where none is stated.
    pub(crate) fn posture(&self) -> u8 {
        self.posture
    }

    /// Whether less assurance is stated than before.
    pub(crate) fn assurance_fell(&self, before: &Self) -> bool {
        self.assurance != 0 && self.assurance < before.assurance
    }

    /// Takes in what another states, and keeps what it does not.
    pub(crate) fn update(&mut self, newer: &Self) {
        for (own, new) in self.keys.iter_mut().zip(newer.keys) {
            if new != 0 {
                *own = new;
            }
        }
        if newer.posture != 0 {
            self.posture = newer.posture;
        }
        if newer.assurance != 0 {
            self.assurance = newer.assurance;
        }
    }

    /// Whether every stated value is in the habits.
    pub(crate) fn is_known(&self, what: Trait, habits: &Habits, time: EventTime) -> bool {
        let key = self.get(what);
        key == 0 || habits.is_known(what, key, time)
    }

    /// Learns all of it.
    pub(crate) fn learn(&self, habits: &mut Habits, time: EventTime, surprised: bool) {
        for what in TRAITS {
            let key = self.get(what);
            let strange = surprised && !habits.is_known(what, key, time);
            habits.learn(what, key, time, strange);
        }
    }

    /// Somebody vouches for all of it.
    pub(crate) fn vouch(&self, habits: &mut Habits, time: EventTime) {
        for what in TRAITS.into_iter().filter(|what| self.get(*what) != 0) {
            habits.vouch(what, self.get(what), time);
        }
    }
}

/// The autonomous system, odd; failing that the /24 or /48 of the address, even.
fn network_of(event: &Event<'_>) -> u32 {
    match event.network.asn.filter(|asn| *asn != 0) {
        Some(asn) => (asn as u32).wrapping_mul(0x9E37_79B9) | 1,
        None => prefix_of(event).map_or(0, |prefix| (prefix >> 32) as u32 & !1 | 2),
    }
}

/// Whether a network is known by its number, and not by the addresses in it.
pub(crate) fn is_numbered(network: u32) -> bool {
    network & 1 != 0
}

/// The /24 or /48 of the address, mixed.
fn prefix_of(event: &Event<'_>) -> Option<u64> {
    let address = event.network.ip.as_deref()?;
    let prefix = match address.parse().ok()? {
        IpAddr::V4(address) => u64::from(u32::from(address) >> 8),
        IpAddr::V6(address) => (u128::from(address) >> 80) as u64 | 1 << 63,
    };
    Some(prefix.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// What stands for the network of an event among those that a tenant's people may share: its prefix, where it
/// surfaces. One prefix may surface in several places, and people share no more than one of them.
pub(crate) fn shared_network(event: &Event<'_>, place: Option<Place>) -> Option<u64> {
    let cell = u64::from(place?.cell);
    Some(prefix_of(event)? ^ cell.rotate_left(32) ^ stable_hash(event.tenant()))
}

/// What stands for the network of a machine among those where a tenant's machines are: it, in its country.
pub(crate) fn machines_network(event: &Event<'_>) -> Option<u64> {
    let country = key_of(event.network.country.as_deref());
    let network = network_of(event);
    let is_known = country != 0 && network != 0;
    is_known.then(|| {
        (u64::from(network) << 32 | u64::from(country))
            ^ stable_hash(event.tenant()).rotate_left(17)
    })
}

/// `aal2` over `aal1`, a second factor over none.
fn assurance_of(event: &Event<'_>) -> u8 {
    let session = &event.session;
    let level = session.assurance.as_deref().and_then(|level| {
        let digit = level.bytes().rev().find(u8::is_ascii_digit)?;
        Some(2 * (digit - b'0') + 1)
    });
    match (level, session.mfa) {
        // Without a second factor what needs one is not what it was.
        (Some(level), Some(false)) if level > 3 => level - 1,
        (Some(level), _) => level,
        (None, Some(mfa)) => 3 + 2 * u8::from(mfa),
        (None, None) => 0,
    }
}

/// The hash of a user agent that stays the same when its browser is updated (FNV-1a), never 0.
fn agent_key(agent: &str) -> u32 {
    let told = |byte: &u8| !byte.is_ascii_digit() && !b"._".contains(byte);
    let add = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    agent.bytes().filter(told).fold(0x811C_9DC5, add) | 1
}

/// The keys of the user agents that were met last. They are long, and the same few come again and again.
#[derive(Debug)]
pub(crate) struct Agents(Box<[(u64, u32)]>);

const AGENTS: usize = 1024;

impl Default for Agents {
    fn default() -> Self {
        Self(vec![(0, agent_key("")); AGENTS].into())
    }
}

impl Agents {
    /// The key of the user agent of an event, 0 where it states none.
    pub(crate) fn key_of(&mut self, event: &Event<'_>) -> u32 {
        let Some(agent) = event.device.user_agent.as_deref() else {
            return 0;
        };
        let hash = stable_hash(agent);
        let slot = &mut self.0[hash as usize % AGENTS];
        if slot.0 != hash {
            *slot = (hash, agent_key(agent));
        }
        slot.1
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// How a person reads it: only what is stated.
pub(crate) fn describe(event: &Event<'_>, text: &mut String) {
    let (network, device, workload) = (&event.network, &event.device, &event.workload);
    let mut add = |name: &str, stated: Option<&str>| {
        if let Some(stated) = stated {
            for part in [if text.is_empty() { "" } else { ", " }, name, stated] {
                text.push_str(part);
            }
        }
    };
    let asn = network.asn.map(|asn| asn.to_string());
    let posture = device.posture.known().map(|posture| match posture {
        Posture::NonCompliant => "non compliant",
        Posture::Compliant => "compliant",
    });
    add("", network.ip.as_deref());
    add("AS", asn.as_deref());
    add(
        "in ",
        network.city.as_deref().or(network.country.as_deref()),
    );
    add("device ", device.id.as_deref());
    add("TLS ", device.tls_fingerprint.as_deref());
    add("", posture);
    add("host ", workload.host.as_deref());
    add("region ", workload.region.as_deref());
    add("runtime ", workload.runtime.as_deref());
    add("environment ", workload.environment.as_deref());
    add("assurance ", event.session.assurance.as_deref());
    if text.is_empty() {
        text.push_str("nothing known");
    }
}
