//! The detectors: one file each, registered here and nowhere else.
//!
//! A detector looks at one event, at the profile of its identity and at its session, and says how
//! surprising the event is, in bits. It never decides what follows: that is for `policy`. To add one,
//! copy the shape of a neighbour, add it to the list below and give it a table in
//! [`DetectorsConfig`](crate::config::DetectorsConfig).

mod call_volume;
mod endpoint_sequence;
mod impossible_travel;
mod scope_drift;

use plumbline_schemas::event::{ActionClass, Event, IdentityKind};

use crate::config::{Config, DetectorMode, DetectorsConfig};
use crate::names::{Name, Names};
use crate::profile::Profile;
use crate::profile::places::{Bearer, Place};
use crate::profile::sequence::Symbol;
use crate::profile::volume::Excess;
use crate::session::Session;
use crate::signal::Signal;
use crate::units::Bits;

/// What is known of the event that is judged.
pub(crate) struct Moment<'m> {
    pub(crate) event: &'m Event<'m>,
    pub(crate) kind: IdentityKind,
    pub(crate) class: ActionClass,
    pub(crate) endpoint: Name,
    pub(crate) symbol: Symbol,
    /// Endpoint, scopes and target tenant, each with the class it is judged by.
    pub(crate) tokens: &'m [(Name, ActionClass)],
    pub(crate) place: Option<Place>,
    pub(crate) bearer: Bearer,
    /// Whether its network is an egress: configured, or a known VPN, proxy or relay.
    pub(crate) is_egress: bool,
    /// Forward-decay weight of the event's time.
    pub(crate) weight: f32,
    /// The unusual number of calls that this one completes.
    pub(crate) excess: Option<Excess>,
    pub(crate) names: &'m Names,
    pub(crate) config: &'m Config,
    /// From so many bits on a finding is published.
    pub(crate) threshold: Bits,
}

impl Moment<'_> {
    pub(crate) fn is_machine(&self) -> bool {
        !matches!(self.kind, IdentityKind::Human | IdentityKind::AiAgent)
    }
}

type Judge = fn(&Moment<'_>, &Profile, &mut Session) -> Option<Signal>;

macro_rules! detectors {
    ($($(#[$meta:meta])* $variant:ident = $module:ident),+ $(,)?) => {
        /// The detectors, in the order in which they judge and publish.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum DetectorId { $($(#[$meta])* $variant),+ }

        impl DetectorId {
            /// Every detector.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Name in findings and configuration.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($module)),+ }
            }

            /// What the configuration lets it do.
            pub fn mode(self, config: &DetectorsConfig) -> DetectorMode {
                match self { $(Self::$variant => config.$module.mode),+ }
            }

            pub(crate) const fn judge(self) -> Judge {
                match self { $(Self::$variant => $module::judge),+ }
            }
        }
    };
}

detectors! {
    /// Two places too far apart for the time between.
    ImpossibleTravel = impossible_travel,
    /// Endpoints, scopes or tenants the identity never used.
    ScopeDrift = scope_drift,
    /// Known endpoints in an order the identity never uses.
    EndpointSequence = endpoint_sequence,
    /// More calls than the identity ever makes.
    CallVolume = call_volume,
}

impl DetectorId {
    /// Its place in a set of detectors.
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
    }
}
