//! Identities whose own systems write native events: what a vendor's format cannot carry (when
//! somebody last proved who it is, how long an access lasts, on which host a machine runs) is in
//! their ordinary life too.

use plumbline_schemas::event::IdentityKind;
use rand::RngExt as _;

use crate::clock::{DAY, HOUR, MINUTE};
use crate::profile::{OFFICES, place_index, regions};
use crate::random::{Rng, chance, normal, pick};
use crate::render::IPV6_HOST;

/// What somebody works as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Office {
    /// A person who runs production from a console.
    Operator,
    /// A person who pays and exports.
    Finance,
    /// A person whose access to production is lent for two hours at a time.
    OnCall,
    /// A client of an internal API, day and night.
    Service,
    /// A job at fixed times.
    Scheduled,
    /// A build pipeline with a key.
    Pipeline,
    /// A federated workload that deploys.
    Deployer,
    /// A workload that works with the token of a person.
    Assistant,
}

impl Office {
    pub(crate) fn kind(self) -> IdentityKind {
        match self {
            Self::Operator | Self::Finance | Self::OnCall => IdentityKind::Human,
            Self::Service | Self::Scheduled => IdentityKind::ServiceAccount,
            Self::Pipeline => IdentityKind::ApiKey,
            Self::Deployer | Self::Assistant => IdentityKind::Workload,
        }
    }

    pub(crate) fn is_human(self) -> bool {
        self.kind() == IdentityKind::Human
    }

    /// Peer group, and the beginning of the ids.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Finance => "finance",
            Self::OnCall => "oncall",
            Self::Service => "svc-internal",
            Self::Scheduled => "job",
            Self::Pipeline => "ci",
            Self::Deployer => "deployer",
            Self::Assistant => "assistant",
        }
    }
}

/// An oddity of somebody's network that means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    Plain,
    /// One request on IPv4, the next on IPv6.
    DualStack,
    /// The organisation's VPN, switched on and off within a session.
    TogglesVpn,
    /// A VPN that anybody can buy, always.
    CommercialVpn,
    /// The carrier takes every request out through another of its gateways' addresses.
    CarrierNat,
    /// A satellite link that surfaces at one ground station or another.
    Satellite,
}

/// Somebody with native events.
#[derive(Debug)]
pub(crate) struct Native {
    pub office: Office,
    pub habit: Habit,
    /// City of a person.
    pub home: u8,
    pub home_host: u16,
    /// When a person's day begins, or a job is due: local milliseconds after midnight.
    pub begins: i64,
    /// Regions of a machine.
    pub region: u8,
    pub second_region: u8,
    /// Time between two rounds of a machine.
    pub period: i64,
    /// Jitter of a job's start, mean milliseconds.
    pub jitter: f64,
    /// Which of the lines of work it does.
    pub line: u8,
    /// First of the tenants that it serves, and how many.
    pub tenants: (u32, u32),
    /// Days between two rotations, and on which of them one is due.
    pub rotation: (i64, i64),
    /// Index of the person for whom it works.
    pub owner: u32,
    pub forgets: f64,
}

impl Native {
    pub(crate) fn new(rng: &mut Rng, office: Office, index: u32) -> Self {
        let (region, second_region) = regions(rng);
        let days = rng.random_range(18..40);
        let habit = pick(
            rng,
            &[
                Habit::Plain,
                Habit::Plain,
                Habit::Plain,
                Habit::Plain,
                Habit::DualStack,
                Habit::DualStack,
                Habit::TogglesVpn,
                Habit::TogglesVpn,
                Habit::CarrierNat,
                Habit::CommercialVpn,
                Habit::Satellite,
                Habit::Plain,
            ],
        );
        let begins = match office {
            Office::Scheduled => rng.random_range(0..24 * 4) * HOUR / 4,
            _ => normal(rng, 8.7 * HOUR as f64, 40.0 * MINUTE as f64) as i64,
        };
        Self {
            office,
            habit,
            home: place_index(pick(rng, OFFICES)),
            home_host: rng.random_range(4..26),
            begins,
            region,
            second_region,
            period: match office {
                Office::Scheduled => pick(rng, &[DAY, DAY, 6 * HOUR]),
                _ => pick(rng, &[HOUR / 2, HOUR, HOUR, 2 * HOUR]),
            },
            jitter: pick(rng, &[5_000.0, 30_000.0, 120_000.0]),
            line: rng.random_range(0..6),
            tenants: (6_000 + index % 1_000 * 4, rng.random_range(1..4)),
            rotation: (days, rng.random_range(0..days)),
            // The mix has a person right before or two before.
            owner: index.saturating_sub(1),
            forgets: if chance(rng, 0.2) { 0.08 } else { 0.02 },
        }
    }

    /// Which of its credentials is in use, counted from the epoch.
    pub(crate) fn generation(&self, time: i64) -> i64 {
        let (days, due) = self.rotation;
        (time - due * DAY).div_euclid(days * DAY)
    }

    /// When a credential was issued: in the night before it is first used.
    pub(crate) fn issued_at(&self, generation: i64) -> i64 {
        let (days, due) = self.rotation;
        generation * days * DAY + due * DAY
    }

    /// Where somebody's next request comes from, by the habits of its network.
    pub(crate) fn wander(&self, host: u16, draw: u64) -> u16 {
        match self.habit {
            Habit::DualStack if draw.is_multiple_of(2) => host | IPV6_HOST,
            Habit::CarrierNat => 26 + (draw % 4) as u16,
            _ => host,
        }
    }
}
