//! What an operator can set of the engine, its detectors and its policy. Everything has a default.

mod cidr;
pub mod condition;
mod limit;
mod rule;
mod span;

use std::collections::BTreeMap;

use plumbline_schemas::event::ActionClass;
use plumbline_schemas::time::EventTime;
use serde::de::{Deserialize, Deserializer};

pub use crate::detect::DetectorsConfig;
pub use cidr::Cidr;
pub use condition::Condition;
pub use rule::{PolicyRule, RuleAction};
pub use span::Span;

/// All that the engine reads of the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `[engine]`
    pub engine: EngineConfig,
    /// `[detectors.*]`
    pub detectors: DetectorsConfig,
    /// `[policy]`
    pub policy: PolicyConfig,
}

/// `[engine]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// An event older than this behind the log's clock is counted as late and decides nothing.
    #[serde(deserialize_with = "limit::longer_than_zero")]
    pub lateness: Span,
    /// An identity of which nothing was heard for so long is forgotten.
    #[serde(deserialize_with = "limit::longer_than_zero")]
    pub retention: Span,
    /// How many false findings a year the operator bears, per identity.
    #[serde(deserialize_with = "limit::above_zero")]
    pub false_alarms_per_identity_year: f64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            lateness: Span::hours(24),
            retention: Span::hours(400 * 24),
            false_alarms_per_identity_year: 0.1,
        }
    }
}

/// What a detector, or the whole policy, is allowed to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetectorMode {
    /// Findings, and commands to act on.
    #[default]
    Enforce,
    /// Findings, and commands that are only to be recorded.
    Observe,
    /// Nothing.
    Off,
}

impl DetectorMode {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
            Self::Off => "off",
        }
    }
}

/// A detector with nothing to set but its mode.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlainConfig {
    /// What it may do.
    pub mode: DetectorMode,
}

/// `[detectors.impossible_travel]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImpossibleTravelConfig {
    /// What it may do.
    pub mode: DetectorMode,
    /// The fastest a person travels, km/h.
    #[serde(deserialize_with = "limit::above_zero")]
    pub max_speed_kmh: f64,
}

impl Default for ImpossibleTravelConfig {
    fn default() -> Self {
        Self {
            mode: DetectorMode::Enforce,
            max_speed_kmh: 1000.0,
        }
    }
}

/// Whether commands are to be acted on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMode {
    /// Bots act.
    #[default]
    Enforce,
    /// Every command is published with mode `observe`.
    Observe,
}

impl PolicyMode {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

/// `[policy]`
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Whether commands are to be acted on.
    pub mode: PolicyMode,
    /// Globs over identity ids that are never revoked or paused: findings and `step_up` only.
    pub break_glass: Vec<String>,
    /// When enforcement stops by itself.
    pub breaker: BreakerConfig,
    /// How old an authentication may be, per action class.
    pub freshness: FreshnessConfig,
    /// Limits of sessions.
    pub session: SessionConfig,
    /// Limits of credentials.
    pub credential: CredentialConfig,
    /// How long an approval covers what follows.
    pub approval: ApprovalConfig,
    /// How long a bot may take to acknowledge a command.
    pub acknowledge: AcknowledgeConfig,
    /// What an operator wants done beyond, or instead of, what the policy would do.
    pub rule: Vec<PolicyRule>,
    /// Actions that one identity must not combine.
    pub separation: Vec<SeparationRule>,
    /// Where an identity may run.
    pub environment: Vec<EnvironmentRule>,
    /// Objects that a human and a machine must not change at the same time.
    pub contention: Vec<ContentionRule>,
    /// Networks that stand for many people.
    pub egress: Vec<EgressRule>,
    /// What is not to be answered, until when and why.
    pub suppress: Vec<SuppressRule>,
}

/// `policy.breaker`: more identities than this commanded within the window, and enforcement stops.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Share of the known identities, 0 to 1.
    #[serde(deserialize_with = "limit::share")]
    pub share: f64,
    /// Never before this many commanded identities.
    #[serde(deserialize_with = "limit::one_or_more")]
    pub minimum: u32,
    /// The window.
    #[serde(deserialize_with = "limit::longer_than_zero")]
    pub window: Span,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            share: 0.05,
            minimum: 20,
            window: Span::minutes(5),
        }
    }
}

/// `[policy.freshness]`: how old an authentication may be, per action class. What the file names
/// is set over the defaults; the other classes keep theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct FreshnessConfig(pub BTreeMap<ActionClass, Span>);

impl Default for FreshnessConfig {
    fn default() -> Self {
        Self(BTreeMap::from([
            (ActionClass::Payment, Span::minutes(5)),
            (ActionClass::Privilege, Span::minutes(15)),
            (ActionClass::Export, Span::minutes(15)),
            (ActionClass::Deploy, Span::minutes(15)),
            (ActionClass::Admin, Span::hours(1)),
        ]))
    }
}

impl<'de> Deserialize<'de> for FreshnessConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let set: BTreeMap<ActionClass, limit::LongerThanZero> =
            Deserialize::deserialize(deserializer)?;
        let mut limits = Self::default();
        limits
            .0
            .extend(set.into_iter().map(|(class, limit)| (class, limit.0)));
        Ok(limits)
    }
}

/// `[policy.session]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// How long a session that has done something sensitive may rest.
    #[serde(deserialize_with = "limit::longer_than_zero")]
    pub inactivity: Span,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            inactivity: Span::minutes(30),
        }
    }
}

/// `[policy.credential]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialConfig {
    /// Oldest allowed machine credential.
    #[serde(deserialize_with = "limit::longer_than_zero")]
    pub max_age: Span,
    /// Unused for longer than this is dormant.
    #[serde(deserialize_with = "limit::longer_than_zero")]
    pub dormant: Span,
    /// How long the old credential may still arrive after a rotation.
    pub rotation_grace: Span,
}

impl Default for CredentialConfig {
    fn default() -> Self {
        Self {
            max_age: Span::days(90),
            dormant: Span::days(60),
            rotation_grace: Span::seconds(5),
        }
    }
}

/// `[policy.approval]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalConfig {
    /// How long an approval covers what follows.
    #[serde(deserialize_with = "limit::longer_than_zero")]
    pub within: Span,
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        Self {
            within: Span::minutes(15),
        }
    }
}

/// `[policy.acknowledge]`
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcknowledgeConfig {
    /// A command that no bot has acknowledged within this is sent again, and then missed. Without it
    /// nobody waits.
    #[serde(deserialize_with = "limit::maybe_longer_than_zero")]
    pub within: Option<Span>,
}

/// `[[policy.separation]]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeparationRule {
    /// Globs over `action.name`, failing that over `action.class`.
    #[serde(deserialize_with = "limit::two_or_more")]
    pub actions: Vec<String>,
    /// How far apart they must be.
    #[serde(deserialize_with = "limit::longer_than_zero")]
    pub within: Span,
}

/// `[[policy.environment]]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentRule {
    /// Glob over identity ids.
    pub identity: String,
    /// Where these identities may run.
    #[serde(deserialize_with = "limit::not_empty")]
    pub environments: Vec<String>,
}

/// `[[policy.contention]]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentionRule {
    /// Glob over resources.
    pub resource: String,
    /// How far apart the changes must be.
    #[serde(deserialize_with = "limit::longer_than_zero")]
    pub within: Span,
}

/// What stands behind an egress network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EgressKind {
    /// A VPN concentrator.
    Vpn,
    /// An office.
    Office,
    /// A cloud proxy.
    Cloud,
    /// A mobile carrier.
    Mobile,
    /// A satellite network.
    Satellite,
}

impl EgressKind {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vpn => "vpn",
            Self::Office => "office",
            Self::Cloud => "cloud",
            Self::Mobile => "mobile",
            Self::Satellite => "satellite",
        }
    }
}

/// `[[policy.egress]]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressRule {
    /// The network, e.g. `198.51.100.0/24`.
    pub cidr: Cidr,
    /// What stands behind it.
    pub kind: EgressKind,
}

/// `[[policy.suppress]]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuppressRule {
    /// Glob over detector names.
    #[serde(default = "any")]
    pub detector: String,
    /// Glob over identity ids.
    #[serde(default = "any")]
    pub identity: String,
    /// When it ends; required, so that no suppression is for ever.
    pub until: EventTime,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

fn any() -> String {
    "*".to_owned()
}
