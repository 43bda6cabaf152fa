//! What an operator can set of the engine, its detectors and its policy. Everything has a default.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use plumbline_schemas::time::EventTime;
use serde::de::{self, Deserialize, Deserializer};

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
    pub lateness: Span,
    /// How many false findings a year the operator bears, per identity.
    pub false_alarms_per_identity_year: f64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            lateness: Span::hours(24),
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

/// `[detectors.*]`: one table per detector.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorsConfig {
    /// `[detectors.impossible_travel]`
    pub impossible_travel: ImpossibleTravelConfig,
    /// `[detectors.scope_drift]`
    pub scope_drift: PlainConfig,
    /// `[detectors.endpoint_sequence]`
    pub endpoint_sequence: PlainConfig,
    /// `[detectors.call_volume]`
    pub call_volume: PlainConfig,
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
    pub share: f64,
    /// Never before this many commanded identities.
    pub minimum: u32,
    /// The window.
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

/// `[policy.freshness]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(transparent)]
pub struct FreshnessConfig(pub BTreeMap<String, Span>);

impl Default for FreshnessConfig {
    fn default() -> Self {
        let limits = [
            ("payment", Span::minutes(5)),
            ("privilege", Span::minutes(15)),
            ("export", Span::minutes(15)),
            ("deploy", Span::minutes(15)),
            ("admin", Span::hours(1)),
        ];
        Self(
            limits
                .into_iter()
                .map(|(class, limit)| (class.to_owned(), limit))
                .collect(),
        )
    }
}

/// `[policy.session]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// How long a session that has done something sensitive may rest.
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
    pub max_age: Span,
    /// Unused for longer than this is dormant.
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
    pub within: Span,
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        Self {
            within: Span::minutes(15),
        }
    }
}

/// `[[policy.separation]]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeparationRule {
    /// Globs over `action.name`, failing that over `action.class`.
    pub actions: Vec<String>,
    /// How far apart they must be.
    pub within: Span,
}

/// `[[policy.environment]]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentRule {
    /// Glob over identity ids.
    pub identity: String,
    /// Where these identities may run.
    pub environments: Vec<String>,
}

/// `[[policy.contention]]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentionRule {
    /// Glob over resources.
    pub resource: String,
    /// How far apart the changes must be.
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

/// A length of time, written `"90s"`, `"15m"`, `"12h"` or `"30d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    millis: i64,
}

impl Span {
    /// So many milliseconds.
    pub const fn millis(millis: i64) -> Self {
        Self { millis }
    }
    /// So many seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self {
            millis: seconds * 1000,
        }
    }
    /// So many minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes * 60)
    }
    /// So many hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours * 60)
    }
    /// So many days of 24 hours.
    pub const fn days(days: i64) -> Self {
        Self::hours(days * 24)
    }
    /// In milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.millis
    }

    /// Reads `"90s"`, `"15m"`, `"12h"`, `"30d"` or `"250ms"`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = text[..digits].parse().ok()?;
        let unit = match &text[digits..] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(unit).map(|millis| Self { millis })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format_args!(
                "`{text}` is no duration; write \"90s\", \"15m\", \"12h\" or \"30d\""
            ))
        })
    }
}

impl fmt::Display for Span {
    /// In the largest unit that leaves no remainder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (86_400_000, "d"),
            (3_600_000, "h"),
            (60_000, "m"),
            (1_000, "s"),
        ];
        match units
            .iter()
            .find(|(millis, _)| self.millis % millis == 0 && self.millis != 0)
        {
            Some((millis, unit)) => write!(f, "{}{unit}", self.millis / millis),
            None => write!(f, "{}ms", self.millis),
        }
    }
}

/// An IPv4 or IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: u128,
    mask: u128,
}

impl Cidr {
    /// Whether the address lies in the network. IPv4 and its IPv6-mapped form are the same.
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        bits(address) & self.mask == self.network
    }
}

fn bits(address: std::net::IpAddr) -> u128 {
    match address {
        std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        std::net::IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl std::str::FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is no network; write e.g. \"198.51.100.0/24\"");
        let (address, length) = text.split_once('/').ok_or_else(error)?;
        let address: std::net::IpAddr = address.parse().map_err(|_| error())?;
        let length: u32 = length.parse().map_err(|_| error())?;
        let (most, offset) = if address.is_ipv4() {
            (32, 96)
        } else {
            (128, 0)
        };
        if length > most {
            return Err(error());
        }
        let mask = u128::MAX.checked_shl(128 - offset - length).unwrap_or(0);
        Ok(Self {
            network: bits(address) & mask,
            mask,
        })
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
