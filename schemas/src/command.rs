//! The command: what a revocation bot is to do, to whom, until when, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::IdentityKind;
use crate::time::EventTime;

vocabulary! {
    /// What the bot is to do.
    Action {
        /// Cut the session's scopes to `params.scopes`.
        Narrow = "narrow",
        /// Cut the session's lifetime to `params.expires_in` seconds.
        Shorten = "shorten",
        /// Refuse this one action on this resource.
        Deny = "deny",
        /// Demand fresh, stronger authentication.
        StepUp = "step_up",
        /// Suspend the identity or agent, reversibly.
        Pause = "pause",
        /// End this session.
        RevokeSession = "revoke_session",
        /// Invalidate this token, key or certificate.
        RevokeCredential = "revoke_credential",
        /// End every session and credential of the identity.
        RevokeAll = "revoke_all",
        /// Lift an earlier `pause`.
        Resume = "resume",
        /// Undo an earlier command.
        Restore = "restore",
    }
}

impl Action {
    /// How strong the action is; a weaker command never follows a stronger one for the same target
    /// while that one stands. `None` for the actions that lift others.
    pub fn strength(self) -> Option<u8> {
        match self {
            Self::Resume | Self::Restore => None,
            action => Some(action as u8),
        }
    }
}

vocabulary! {
    /// Whether the bot is to act.
    Mode {
        /// Act.
        Enforce = "enforce",
        /// Only record what would have been done.
        Observe = "observe",
    }
}

/// One order to the bots, on topic `plumbline.control`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// Deterministic: a bot that sees it twice acts once.
    pub id: String,
    /// Event time of the trigger, or due time of the timer.
    pub time: EventTime,
    /// After this a bot must not act.
    pub expires_at: EventTime,
    /// What to do.
    pub action: Action,
    /// Whether to do it.
    pub mode: Mode,
    /// To whom.
    pub target: Target,
    /// How.
    #[serde(default, skip_serializing_if = "Params::is_empty")]
    pub params: Params,
    /// Why.
    pub reason: CommandReason,
    /// The standing command that this one replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
}

/// To whom a command applies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Target {
    /// The customer or organisation.
    pub tenant: String,
    /// Stable id of the identity.
    #[schemars(length(max = 256))]
    pub identity: String,
    /// What it is.
    pub kind: IdentityKind,
    /// The session meant, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The credential meant, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
}

/// Parameters of an action; each action uses its own few.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Params {
    /// `step_up`: how old the authentication may be, in seconds; 0 asks for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
    /// `step_up`: the authentication context asked for (OpenID Connect `acr_values`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr_values: Option<String>,
    /// `shorten`: the lifetime left, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// `narrow`: the scopes left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// `deny`: the resource meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

impl Params {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a command was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommandReason {
    /// One sentence for a person.
    pub summary: String,
    /// Risk of the session when it was given, 0 to 100.
    #[schemars(range(max = 100))]
    pub risk: u8,
    /// The detectors behind it.
    pub detectors: Vec<String>,
    /// The findings behind it.
    pub finding_ids: Vec<String>,
}

impl Command {
    /// The attributes of the CloudEvents binary content mode, as Kafka headers
    /// (CloudEvents Kafka protocol binding 1.0.2, section 3.2).
    pub fn cloud_event_headers(&self) -> [(&'static str, String); 7] {
        [
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", self.id.clone()),
            ("ce_source", "/plumbline".to_owned()),
            ("ce_type", format!("plumbline.command.{}", self.action)),
            ("ce_time", self.time.to_string()),
            (
                "ce_subject",
                crate::log_key(&self.target.tenant, &self.target.identity),
            ),
            ("content-type", "application/json".to_owned()),
        ]
    }
}
