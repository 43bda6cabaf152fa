//! The event: one line of NDJSON or one Kafka record value, read without copying.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::known::{self, Text};
use crate::time::EventTime;
use crate::vocabulary::Word;

/// A record larger than this is refused: 1 MiB.
pub const MAX_RECORD_BYTES: usize = 1 << 20;
/// The longest event id, in bytes.
pub const MAX_ID_BYTES: usize = 128;
/// The longest identity id, in bytes.
pub const MAX_IDENTITY_BYTES: usize = 256;
/// The longest of any other string, in bytes.
pub const MAX_TEXT_BYTES: usize = 4096;
/// The most entries in any list.
pub const MAX_LIST_ITEMS: usize = 1024;
/// The most objects and arrays inside each other.
pub const MAX_DEPTH: usize = 128;
/// How far ahead of the log's clock an event may be: 24 hours.
pub const MAX_AHEAD_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// The tenant of an event that names none.
pub const DEFAULT_TENANT: &str = "default";

vocabulary! {
    /// What sort of log the event came from.
    EventKind {
        Auth = "auth", Api = "api", Token = "token", Admin = "admin", Device = "device",
        Session = "session", Feedback = "feedback",
        /// Written by Plumbline itself: what concerns identities of other partitions, and ticks.
        Context = "context",
    }
}
vocabulary! {
    /// Who acts.
    IdentityKind {
        Human = "human", ServiceAccount = "service_account", Workload = "workload",
        ApiKey = "api_key", AiAgent = "ai_agent",
    }
}
vocabulary! {
    /// What authenticates.
    CredentialKind {
        Password = "password", Passkey = "passkey", ApiKey = "api_key", AccessToken = "access_token",
        RefreshToken = "refresh_token", ClientSecret = "client_secret", Certificate = "certificate",
        Federated = "federated", SessionCookie = "session_cookie",
    }
}
vocabulary! {
    /// What hides or replaces the true address.
    Anonymizer {
        Vpn = "vpn", Tor = "tor", Proxy = "proxy", Relay = "relay", Hosting = "hosting",
    }
}
vocabulary! {
    /// What device management says of the device.
    Posture { Compliant = "compliant", NonCompliant = "non_compliant" }
}
vocabulary! {
    /// What sort of action it was.
    ActionClass {
        Login = "login", Logout = "logout", Mfa = "mfa", TokenIssue = "token_issue",
        TokenRotate = "token_rotate", TokenRevoke = "token_revoke", Read = "read", Write = "write",
        Delete = "delete", Admin = "admin", Privilege = "privilege", Secret = "secret",
        Export = "export", Payment = "payment", Deploy = "deploy", Approval = "approval",
        Posture = "posture", TaskStart = "task_start", TaskEnd = "task_end", Other = "other",
    }
}
vocabulary! {
    /// How the action ended.
    Outcome { Success = "success", Failure = "failure", Denied = "denied", Challenged = "challenged" }
}
vocabulary! {
    /// What a person or a bot says of an earlier command or finding.
    Verdict {
        Acked = "acked", Failed = "failed", StepUpPassed = "step_up_passed",
        StepUpFailed = "step_up_failed", Approved = "approved", Rejected = "rejected",
        TruePositive = "true_positive", FalsePositive = "false_positive", Restored = "restored",
    }
}

/// One thing an identity did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event<'a> {
    /// Unique per tenant and source; a second arrival is a duplicate. At most 128 bytes.
    #[serde(borrow, deserialize_with = "known::required_text")]
    #[schemars(length(min = 1, max = 128))]
    pub id: Text<'a>,
    /// When it happened. RFC 3339, any offset.
    #[serde(deserialize_with = "known::required_time")]
    pub time: EventTime,
    /// What sort of log the event came from.
    #[serde(deserialize_with = "known::required_word")]
    pub kind: EventKind,
    /// Format name of the log it came from.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub source: Option<Text<'a>>,
    /// The customer or organisation; `default` where absent.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub tenant: Option<Text<'a>>,
    /// Who acted.
    #[serde(borrow, deserialize_with = "known::required_object")]
    pub identity: Identity<'a>,
    /// The session in which it happened.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::object",
        skip_serializing_if = "is_default"
    )]
    pub session: Session<'a>,
    /// What authenticated it.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::object",
        skip_serializing_if = "is_default"
    )]
    pub credential: Credential<'a>,
    /// Where it came from.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::object",
        skip_serializing_if = "is_default"
    )]
    pub network: Network<'a>,
    /// On which device.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::object",
        skip_serializing_if = "is_default"
    )]
    pub device: Device<'a>,
    /// Where the machine that acted runs.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::object",
        skip_serializing_if = "is_default"
    )]
    pub workload: Workload<'a>,
    /// What was done.
    #[serde(borrow, deserialize_with = "known::required_object")]
    pub action: Action<'a>,
    /// What an agent was approved for.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::object",
        skip_serializing_if = "is_default"
    )]
    pub task: Task<'a>,
    /// On whose behalf, nearest first (RFC 8693 `act`).
    #[serde(
        borrow,
        default,
        deserialize_with = "known::delegates",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub delegation: Vec<Delegate<'a>>,
    /// What a person or a bot says of an earlier command; only with `kind` = `feedback`.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::object",
        skip_serializing_if = "is_default"
    )]
    pub feedback: Feedback<'a>,
    /// Ground truth for evaluation. The engine never reads it.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::object",
        skip_serializing_if = "is_default"
    )]
    pub labels: Labels<'a>,
}

/// Who acted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Identity<'a> {
    /// Stable id. At most 256 bytes.
    #[serde(borrow, deserialize_with = "known::required_text")]
    #[schemars(length(min = 1, max = 256))]
    pub id: Text<'a>,
    /// Human where absent.
    #[serde(default, skip_serializing_if = "Word::is_not_known")]
    pub kind: Word<IdentityKind>,
    /// Peer groups.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::texts",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub groups: Vec<Text<'a>>,
}

/// The session in which it happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Session<'a> {
    /// Id of the session.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<Text<'a>>,
    /// When it began.
    #[serde(
        default,
        deserialize_with = "known::time",
        skip_serializing_if = "Option::is_none"
    )]
    pub started_at: Option<EventTime>,
    /// When its user last authenticated.
    #[serde(
        default,
        deserialize_with = "known::time",
        skip_serializing_if = "Option::is_none"
    )]
    pub authenticated_at: Option<EventTime>,
    /// Assurance level, e.g. `aal2`.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub assurance: Option<Text<'a>>,
    /// Whether a second factor was used.
    #[serde(
        default,
        deserialize_with = "known::truth",
        skip_serializing_if = "Option::is_none"
    )]
    pub mfa: Option<bool>,
    /// When it ends by itself.
    #[serde(
        default,
        deserialize_with = "known::time",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<EventTime>,
    /// End of its just-in-time window.
    #[serde(
        default,
        deserialize_with = "known::time",
        skip_serializing_if = "Option::is_none"
    )]
    pub jit_until: Option<EventTime>,
}

/// What authenticated it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Credential<'a> {
    /// A fingerprint such as `sha256:…`; never the secret itself.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<Text<'a>>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Word::is_not_known")]
    pub kind: Word<CredentialKind>,
    /// When it was issued.
    #[serde(
        default,
        deserialize_with = "known::time",
        skip_serializing_if = "Option::is_none"
    )]
    pub issued_at: Option<EventTime>,
    /// What it grants.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::texts",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub scopes: Vec<Text<'a>>,
    /// What it is bound to, opaque.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub bound_to: Option<Text<'a>>,
}

/// Where it came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Network<'a> {
    /// IPv4 or IPv6 address.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub ip: Option<Text<'a>>,
    /// Latitude, degrees north, -90 to 90; outside that, or without `lon`, it is not known.
    #[serde(
        default,
        deserialize_with = "known::latitude",
        skip_serializing_if = "Option::is_none"
    )]
    pub lat: Option<f64>,
    /// Longitude, degrees east, -180 to 180; outside that, or without `lat`, it is not known.
    #[serde(
        default,
        deserialize_with = "known::longitude",
        skip_serializing_if = "Option::is_none"
    )]
    pub lon: Option<f64>,
    /// Radius around the coordinates within which the address truly is, km; not negative.
    #[serde(
        default,
        deserialize_with = "known::radius",
        skip_serializing_if = "Option::is_none"
    )]
    pub accuracy_km: Option<f64>,
    /// ISO 3166-1 alpha-2.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub country: Option<Text<'a>>,
    /// Name of the city.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub city: Option<Text<'a>>,
    /// Autonomous system number.
    #[serde(
        default,
        deserialize_with = "known::count",
        skip_serializing_if = "Option::is_none"
    )]
    pub asn: Option<u64>,
    /// Who runs the autonomous system.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub as_org: Option<Text<'a>>,
    /// What hides or replaces the true address.
    #[serde(default, skip_serializing_if = "Word::is_not_known")]
    pub anonymizer: Word<Anonymizer>,
}

/// On which device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Device<'a> {
    /// Id of the device.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<Text<'a>>,
    /// User agent as the client sent it.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub user_agent: Option<Text<'a>>,
    /// What device management says.
    #[serde(default, skip_serializing_if = "Word::is_not_known")]
    pub posture: Word<Posture>,
    /// Fingerprint of the TLS client, e.g. JA3 or JA4.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub tls_fingerprint: Option<Text<'a>>,
}

/// Where the machine that acted runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Workload<'a> {
    /// E.g. `github-actions`.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub runtime: Option<Text<'a>>,
    /// E.g. `prod-runners`.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub environment: Option<Text<'a>>,
    /// E.g. `eu-west-1`.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub region: Option<Text<'a>>,
    /// Host or node.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub host: Option<Text<'a>>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Action<'a> {
    /// Templated endpoint, API operation or tool name.
    #[serde(borrow, deserialize_with = "known::required_text")]
    #[schemars(length(min = 1, max = 4096))]
    pub name: Text<'a>,
    /// What sort of action.
    #[serde(default, skip_serializing_if = "Word::is_not_known")]
    pub class: Word<ActionClass>,
    /// Success where absent.
    #[serde(default, skip_serializing_if = "Word::is_not_known")]
    pub outcome: Word<Outcome>,
    /// What it was done to.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub resource: Option<Text<'a>>,
    /// E.g. `production`.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub environment: Option<Text<'a>>,
    /// Scopes the action asked for or used.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::texts",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub scopes: Vec<Text<'a>>,
    /// The tenant it was done in, where that is another.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub target_tenant: Option<Text<'a>>,
    /// Bytes that left.
    #[serde(
        default,
        deserialize_with = "known::count",
        skip_serializing_if = "Option::is_none"
    )]
    pub bytes_out: Option<u64>,
    /// Records that left.
    #[serde(
        default,
        deserialize_with = "known::count",
        skip_serializing_if = "Option::is_none"
    )]
    pub records: Option<u64>,
    /// HTTP or RPC status.
    #[serde(
        default,
        deserialize_with = "known::count",
        skip_serializing_if = "Option::is_none"
    )]
    pub status: Option<u64>,
}

/// What an agent was approved for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task<'a> {
    /// Id of the task.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<Text<'a>>,
    /// The objective in words.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub objective: Option<Text<'a>>,
    /// Globs over `action.name`.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::texts",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub allowed: Vec<Text<'a>>,
}

/// One link of a delegation chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Delegate<'a> {
    /// Id of the delegating identity. At most 256 bytes.
    #[serde(borrow, deserialize_with = "known::required_text")]
    #[schemars(length(min = 1, max = 256))]
    pub id: Text<'a>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Word::is_not_known")]
    pub kind: Word<IdentityKind>,
}

/// What a person or a bot says of an earlier command or finding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Feedback<'a> {
    /// What is said.
    #[serde(default, skip_serializing_if = "Word::is_not_known")]
    pub verdict: Word<Verdict>,
    /// Of which command.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub command_id: Option<Text<'a>>,
    /// Of which finding.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub finding_id: Option<Text<'a>>,
    /// By whom.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub by: Option<Text<'a>>,
}

/// Ground truth for evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Labels<'a> {
    /// The planted attack this event belongs to.
    #[serde(
        borrow,
        default,
        deserialize_with = "known::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub attack: Option<Text<'a>>,
}

impl Network<'_> {
    /// Latitude and longitude, where both are known and such a place exists.
    ///
    /// Sources that do not know the place often write exactly 0, 0, a spot in the sea from which
    /// nobody logs in: that is not known either.
    pub fn position(&self) -> Option<(f64, f64)> {
        let (lat, lon) = (self.lat?, self.lon?);
        let plausible = known::is_latitude(lat) && known::is_longitude(lon);
        (plausible && (lat, lon) != (0.0, 0.0)).then_some((lat, lon))
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl<'a> Event<'a> {
    /// An event that says no more than it must.
    pub fn bare(
        id: impl Into<Text<'a>>,
        time: EventTime,
        kind: EventKind,
        identity: impl Into<Text<'a>>,
        action: impl Into<Text<'a>>,
    ) -> Self {
        Self {
            id: id.into(),
            time,
            kind,
            source: None,
            tenant: None,
            identity: Identity {
                id: identity.into(),
                kind: Word::NotKnown,
                groups: Vec::new(),
            },
            session: Session::default(),
            credential: Credential::default(),
            network: Network::default(),
            device: Device::default(),
            workload: Workload::default(),
            action: Action {
                name: action.into(),
                class: Word::NotKnown,
                outcome: Word::NotKnown,
                resource: None,
                environment: None,
                scopes: Vec::new(),
                target_tenant: None,
                bytes_out: None,
                records: None,
                status: None,
            },
            task: Task::default(),
            delegation: Vec::new(),
            feedback: Feedback::default(),
            labels: Labels::default(),
        }
    }

    /// The tenant, or the default one.
    pub fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or(DEFAULT_TENANT)
    }

    /// Who acts; a human where the event does not say.
    pub fn identity_kind(&self) -> IdentityKind {
        self.identity.kind.known().unwrap_or(IdentityKind::Human)
    }

    /// How it ended; success where the event does not say.
    pub fn outcome(&self) -> Outcome {
        self.action.outcome.known().unwrap_or(Outcome::Success)
    }

    /// How many fields hold a word outside their vocabulary.
    pub fn unrecognised_words(&self) -> usize {
        [
            self.identity.kind.is_unrecognised(),
            self.credential.kind.is_unrecognised(),
            self.network.anonymizer.is_unrecognised(),
            self.device.posture.is_unrecognised(),
            self.action.class.is_unrecognised(),
            self.action.outcome.is_unrecognised(),
            self.feedback.verdict.is_unrecognised(),
        ]
        .into_iter()
        .filter(|unrecognised| *unrecognised)
        .count()
            + self
                .delegation
                .iter()
                .filter(|delegate| delegate.kind.is_unrecognised())
                .count()
    }
}
