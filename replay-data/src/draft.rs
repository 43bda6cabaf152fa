//! An event before it has words: small and `Copy`, so that an hour of a million identities fits into
//! memory. [`crate::render`] makes the event of it.

use crate::catalogue::apps::OktaAct;
use crate::catalogue::aws::AwsCall;
use crate::catalogue::deeds::Deed;
use crate::catalogue::gateway::Route;
use crate::catalogue::tools::Tool;

/// Where and with what somebody acts. What stays the same over a few minutes of work.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Setting {
    /// Index into the table of places.
    pub place: u8,
    /// Which host of that place.
    pub host: u16,
    /// Which device of a person, or which replica of a machine; see [`LAPTOP`] and following.
    pub device: u8,
    /// Index into [`crate::world::REGIONS`].
    pub region: u8,
    /// Number from which the session's id is made; none where there is no session.
    pub session: u64,
    /// When the session began, milliseconds.
    pub session_start: i64,
    /// Number from which the credential's id is made.
    pub credential: u64,
    /// Number of the agent's task; none outside of one.
    pub task: u64,
    /// Whether the session is lent for a limited time.
    pub is_lent: bool,
    /// When whoever acts last proved who it is, milliseconds; 0 where the log does not say.
    pub authenticated: i64,
}

/// A person's laptop.
pub(crate) const LAPTOP: u8 = 0;
/// A person's phone.
pub(crate) const PHONE: u8 = 1;
/// Something of the attacker's.
pub(crate) const FOREIGN: u8 = 200;

/// What is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Something that the identity provider logs.
    Okta {
        /// What.
        what: &'static OktaAct,
        /// To which app, group or person.
        object: u32,
    },
    /// A call of the cloud's API.
    Aws {
        /// Which.
        call: &'static AwsCall,
        /// On which object.
        object: u32,
        /// In which account; 0 is the own one.
        account: u8,
    },
    /// A request through the API gateway.
    Http {
        /// Which endpoint.
        route: &'static Route,
        /// Which record.
        object: u32,
        /// Whose data, for endpoints below `/v1/tenants`.
        tenant: u32,
        /// HTTP status.
        status: u16,
    },
    /// A tool call of an agent.
    Tool {
        /// Which.
        tool: &'static Tool,
        /// On what.
        object: u32,
    },
    /// Something in a log of native events.
    Deed {
        /// What.
        deed: &'static Deed,
        /// On what.
        object: u32,
        /// Whose data; 0 where it is nobody's in particular.
        tenant: u32,
    },
}

/// How it ended, where the status does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    Failure,
    Denied,
}

/// An event to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft {
    /// When it happened, milliseconds.
    pub time: i64,
    /// When it reaches the log, milliseconds.
    pub arrival: i64,
    /// Number from which the event's id is made.
    pub nonce: u64,
    /// Who acts.
    pub identity: u32,
    /// The planted attack it belongs to, counted from 1; 0 where none.
    pub attack: u32,
    /// Where and with what.
    pub setting: Setting,
    /// What.
    pub act: Act,
    /// Bytes that leave; 0 where the log does not say.
    pub bytes: u32,
    /// How it ended.
    pub end: End,
}
