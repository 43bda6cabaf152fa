//! The detectors: one file each, registered here and nowhere else.
//!
//! A detector looks at one event, at the profile of its identity and at its session, and says how
//! surprising the event is, in bits. It never decides what follows: that is for `policy`. To add one,
//! copy the shape of a neighbour and add it to the list below, which gives it a table in
//! [`DetectorsConfig`](crate::config::DetectorsConfig) too.

mod changes;

use plumbline_schemas::event::{ActionClass, Delegate, Event, EventKind, IdentityKind, Outcome};
use plumbline_schemas::time::EventTime;

use crate::config::{Config, DetectorMode, ImpossibleTravelConfig, PlainConfig};
use crate::facts::Facts;
use crate::geography::is_satellite;
use crate::names::{Name, Names};
use crate::objects::Change;
use crate::profile::Profile;
use crate::profile::places::{Bearer, Place};
use crate::profile::sequence::{Step, Symbol};
use crate::profile::volume::Excess;
use crate::session::{Entered, Others, Session};
use crate::setting::Setting;
use crate::signal::Signal;
use crate::units::Bits;

/// What is known of the event that is judged.
pub(crate) struct Moment<'m> {
    pub(crate) event: &'m Event<'m>,
    pub(crate) kind: IdentityKind,
    pub(crate) class: ActionClass,
    pub(crate) endpoint: Name,
    pub(crate) symbol: Symbol,
    /// Endpoint and scopes, each with the class it is judged by.
    pub(crate) tokens: &'m [(Name, ActionClass)],
    pub(crate) place: Option<Place>,
    pub(crate) bearer: Bearer,
    /// The circumstances it states, and how a person reads those of the session.
    pub(crate) setting: Setting,
    pub(crate) described: Name,
    /// The tenant it was done in, where that is another.
    pub(crate) tenant: Option<Name>,
    /// What a person has just done to the object that a machine changes.
    pub(crate) contender: Option<&'m Change>,
    /// How it came into its session.
    pub(crate) entered: Entered,
    /// Whether no event is judged, but the passing of time.
    pub(crate) is_timer: bool,
    /// Whether many others fail to authenticate at this time.
    pub(crate) is_outage: bool,
    /// Whether several peers of its group do this as ever.
    pub(crate) peers_do: bool,
    /// Whether a machine is in a country where it was on no earlier day, and no others of its tenant are as ever.
    pub(crate) is_abroad: bool,
    /// Whether its network is an egress: listed, learnt, or a known VPN, proxy, relay or satellite network.
    pub(crate) is_egress: bool,
    /// Whether the operator lists it under `[[policy.egress]]`.
    pub(crate) is_listed: bool,
    /// Forward-decay weight of the event's time.
    pub(crate) weight: f32,
    /// Its chances in and without the usual order of calls.
    pub(crate) step: Option<Step>,
    /// The unusual number of calls that this one completes.
    pub(crate) excess: Option<Excess>,
    pub(crate) names: &'m Names,
    pub(crate) config: &'m Config,
    /// From so many bits on a finding is published.
    pub(crate) threshold: Bits,
}

impl Moment<'_> {
    pub(crate) fn is_machine(&self) -> bool {
        crate::facts::is_machine(self.kind)
    }

    pub(crate) fn time(&self) -> EventTime {
        self.event.time
    }

    /// Whether it comes through a network that stands for many people, and does not only hide where one is.
    pub(crate) fn is_shared_network(&self) -> bool {
        let network = &self.event.network;
        let hides = network.anonymizer.known().is_some() || is_satellite(network.asn);
        self.is_listed || self.is_egress && !hides
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.event.outcome() == Outcome::Success
    }

    /// Whether the event says that the action was refused.
    pub(crate) fn was_refused(&self) -> bool {
        matches!(self.event.outcome(), Outcome::Failure | Outcome::Denied)
    }

    /// Whether so much may be told: less is not, whatever else is odd.
    pub(crate) fn may_count(&self, bits: Bits) -> bool {
        bits.0 >= self.threshold.0 - crate::policy::CORROBORATION_BITS
    }

    /// Whether it is a privilege that somebody else has granted: the identity has done nothing.
    pub(crate) fn is_granted(&self) -> bool {
        let event = self.event;
        let by_another = |by: &Delegate<'_>| by.id != event.identity.id;
        self.class == ActionClass::Privilege
            && event.kind == EventKind::Admin
            && event.delegation.first().is_some_and(by_another)
    }

    /// Whether it is something that an attacker is after.
    pub(crate) fn is_sensitive(&self) -> bool {
        crate::profile::scope::is_sensitive(self.class)
    }
}

/// Whom a detector judges. It reads the profile; of session and facts it may keep what it saw.
pub(crate) struct Subject<'s> {
    pub(crate) profile: &'s Profile,
    pub(crate) session: &'s mut Session,
    pub(crate) others: Others<'s>,
    pub(crate) facts: &'s mut Facts,
}

type Judge = fn(&Moment<'_>, &mut Subject<'_>) -> Option<Signal>;

/// What a detector's surprise is about. Those of one group see the same thing with other eyes: together
/// they count as the most surprised of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Location,
    Device,
    Scope,
    Order,
    Volume,
    Schedule,
    Authentication,
    /// Facts that are a contradiction or against a rule: no surprise.
    Fact,
    /// Rules of good order that the innocent break too.
    Hygiene,
}

impl Group {
    pub(crate) const COUNT: usize = Self::Hygiene as usize + 1;
}

macro_rules! detectors {
    (@config) => { PlainConfig };
    (@config $config:ty) => { $config };
    ($($(#[doc = $doc:literal])+ $variant:ident = $module:ident in $group:ident $(with $config:ty)?),+ $(,)?) => {
        $(mod $module;)+

        /// `[detectors.*]`: one table per detector.
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct DetectorsConfig { $($(#[doc = $doc])+ pub $module: detectors!(@config $($config)?)),+ }

        impl DetectorsConfig {
            /// What each detector may do, by its name in the configuration.
            pub fn modes(&self) -> Vec<(&'static str, DetectorMode)> {
                vec![$((stringify!($module), self.$module.mode)),+]
            }
        }

        /// The detectors, in the order in which they judge and publish.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum DetectorId { $($(#[doc = $doc])+ $variant),+ }

        impl DetectorId {
            /// Every detector.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Name in findings and configuration.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($module)),+ }
            }

            /// What it notices, in a sentence.
            pub const fn notices(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii()),+ }
            }

            /// What the configuration lets it do.
            pub fn mode(self, config: &DetectorsConfig) -> DetectorMode {
                match self { $(Self::$variant => config.$module.mode),+ }
            }

            pub(crate) const fn judge(self) -> Judge {
                match self { $(Self::$variant => $module::judge),+ }
            }

            pub(crate) const fn group(self) -> Group {
                match self { $(Self::$variant => Group::$group),+ }
            }
        }
    };
}

detectors! {
    /// Two places too far apart for the time between.
    ImpossibleTravel = impossible_travel in Location with ImpossibleTravelConfig,
    /// Endpoints or scopes the identity never used.
    ScopeDrift = scope_drift in Scope,
    /// Known endpoints in an order the identity never uses.
    EndpointSequence = endpoint_sequence in Order,
    /// More calls than the identity ever makes.
    CallVolume = call_volume in Volume,
    /// A network that the identity never uses.
    NewNetwork = new_network in Location,
    /// A device, host, region or runtime that the identity never uses; posture or assurance that fell.
    DeviceDrift = device_drift in Device,
    /// Something sensitive in a session whose circumstances have changed.
    ContextChange = context_change in Fact,
    /// One credential in two places at once.
    TokenReplay = token_replay in Fact,
    /// A bound token away from what it is bound to.
    BindingChange = binding_change in Fact,
    /// An address that hides who is behind it.
    AnonymizedNetwork = anonymized_network in Location,
    /// A run where the identity is not approved to run.
    UntrustedEnvironment = untrusted_environment in Fact,
    /// An agent's elevated call without host, network and approval.
    UnapprovedElevation = unapproved_elevation in Fact,
    /// Two actions that must not be combined.
    SeparationOfDuties = separation_of_duties in Hygiene,
    /// A credential that was rotated away.
    RetiredCredential = retired_credential in Fact,
    /// What was revoked and still works.
    EnforcementGap = enforcement_gap in Fact,
    /// What is related to something compromised.
    RelatedCompromise = related_compromise in Fact,
    /// A human and a machine that change one object.
    Contention = contention in Hygiene,
    /// More sessions at once than ever.
    ParallelSessions = parallel_sessions in Authentication,
    /// A privilege that was just gained and is used at once.
    FreshPrivilege = fresh_privilege in Fact,
    /// A privilege or scope beyond what there was.
    PrivilegeEscalation = privilege_escalation in Fact,
    /// Tenants the identity never touched.
    TenantFanout = tenant_fanout in Scope,
    /// What a delegated session reads.
    DelegatedAccess = delegated_access in Hygiene,
    /// A run outside the schedule.
    OffSchedule = off_schedule in Schedule,
    /// Something sensitive on an old authentication.
    StaleAuthentication = stale_authentication in Hygiene,
    /// More data than ever.
    DataExtraction = data_extraction in Volume,
    /// Failures in a burst, then a success; approvals refused again and again.
    FailureBurst = failure_burst in Authentication,
    /// A privileged session that rested too long.
    SessionInactivity = session_inactivity in Hygiene,
    /// Just-in-time access past its window.
    JitExpiry = jit_expiry in Hygiene,
    /// An agent outside its task.
    TaskDrift = task_drift in Fact,
    /// A credential that is too old, or slept too long.
    CredentialLifecycle = credential_lifecycle in Hygiene,
}

impl DetectorId {
    /// Those whose bits say how surprising something is.
    pub(crate) const SURPRISES: u32 = {
        let (mut set, mut at) = (0, 0);
        while at < Self::ALL.len() {
            let detector = Self::ALL[at];
            if !matches!(detector.group(), Group::Fact | Group::Hygiene) {
                set |= detector.bit();
            }
            at += 1;
        }
        set
    };

    /// Whether a passed challenge answers for it: for what was surprising, and for a privilege that is new,
    /// but neither for rules nor for contradictions.
    pub(crate) fn is_vouched_for(self) -> bool {
        self.bit() & Self::SURPRISES != 0 || self == Self::FreshPrivilege
    }

    /// Its place in a set of detectors.
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Those of one group.
    pub(crate) fn of_group(group: Group) -> u32 {
        let members = Self::ALL.iter().filter(|other| other.group() == group);
        members.fold(0, |set, other| set | other.bit())
    }
}

pub(crate) use contention::against;
pub(crate) use device_drift::posture_fell;
pub(crate) use enforcement_gap::gap_before;
pub(crate) use failure_burst::refused_approvals;
pub(crate) use fresh_privilege::pair;
pub(crate) use jit_expiry::expired as jit_expired;
pub(crate) use new_network::is_out_of_country;
pub(crate) use related_compromise::{Relation, related};
pub(crate) use session_inactivity::rested;
pub(crate) use task_drift::is_upkeep;
pub(crate) use unapproved_elevation::unapproved;
pub(crate) use untrusted_environment::reading_scopes;
