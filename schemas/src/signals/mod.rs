//! Shared Signals out: a [`Command`] as the claims of a Security Event Token (RFC 8417), for
//! receivers of the OpenID Shared Signals Framework 1.0 with CAEP 1.0 and RISC 1.0.
//!
//! | action | event |
//! |---|---|
//! | `revoke_session`, `revoke_all` | CAEP `session-revoked` |
//! | `revoke_credential` | CAEP `credential-change`, `change_type` `revoke` |
//! | `step_up` | CAEP `assurance-level-change` |
//! | `narrow`, `shorten` | CAEP `token-claims-change` of `scope`, of `exp` |
//! | `pause`, `resume` | RISC `account-disabled`, `account-enabled` |
//! | `deny`, `restore` | none |
//!
//! A receiver of the standard knows nothing of [`Mode::Observe`]: it would act. A command in that mode
//! is told as CAEP `risk-level-change` instead, which asks nobody to do anything.
//!
//! The same command gives the same token for the same stream, whenever it is made: who receives it
//! again knows it by its `jti`.

mod event;
mod subject;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::command::{Action, Command, Mode, Target};
use crate::time::EventTime;

vocabulary! {
    /// What a receiver understands.
    Profile {
        /// Shared Signals Framework 1.0, CAEP 1.0 and RISC 1.0 as they are written.
        Ssf = "ssf",
        /// Okta Identity Threat Protection: people by email, inside the event; two event types.
        Okta = "okta",
        /// Google Workspace: people by email; `session-revoked` alone.
        Google = "google",
    }
}

vocabulary! {
    /// How a person is named to a receiver (RFC 9493).
    SubjectFormat {
        /// By the id that the identity has here, and the issuer that knows it by that id.
        IssSub = "iss_sub",
        /// By the id, where it is an email address. Who has none is not told of.
        Email = "email",
        /// By the id alone. Not within the CAEP interoperability profile.
        Opaque = "opaque",
    }
}

/// The header parameter `typ` of a Security Event Token.
pub const TYPE: &str = "secevent+jwt";

/// The event that a receiver asks for to see whether its stream works.
pub const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// Members of a complex subject that make it less than a whole identity: a receiver that cannot read
/// one must discard the event, or it would act on more than was meant.
pub const CRITICAL_MEMBERS: [&str; 2] = ["session", "credential"];

/// What a receiver is told, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its id, unique among those of the issuer.
    pub id: String,
    /// Who transmits: an https URL.
    pub issuer: String,
    /// Who is to receive.
    pub audience: String,
    /// What it understands.
    pub profile: Profile,
    /// How people are named.
    pub subject: SubjectFormat,
    /// The issuer of [`SubjectFormat::IssSub`].
    pub subject_issuer: String,
    /// [`Profile::Ssf`]: whether the subject stands inside the event as well, as before SSF 1.0. For the
    /// others it always does.
    pub subject_in_event: bool,
}

/// The claims of a Security Event Token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claims {
    /// The transmitter.
    pub iss: String,
    /// The receiver.
    pub aud: String,
    /// Unique to the command and the stream.
    pub jti: String,
    /// Seconds since 1970.
    pub iat: i64,
    /// What several tokens of one cause have in common: the finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txn: Option<String>,
    /// Whom it is about.
    pub sub_id: Value,
    /// One event, by its type.
    pub events: BTreeMap<String, Value>,
}

impl Claims {
    /// The type of its event.
    pub fn event_type(&self) -> &str {
        self.events.keys().next().map_or("", String::as_str)
    }
}

/// Why a command is not told to a receiver, however often one tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// There is no event for it in what this receiver understands.
    #[error("there is no event for it in what the receiver understands")]
    NoEvent,
    /// It is about nobody that this receiver can be told of: no person, or one without email address.
    #[error("it is about nobody that the receiver can be told of")]
    NoSubject,
}

impl Profile {
    /// The type of the event that tells of this action, if there is one.
    pub fn event_type(self, action: Action, mode: Mode) -> Option<&'static str> {
        event::event_type(self, action, mode)
    }

    /// The actions that can be told of, in the order of the vocabulary.
    pub fn actions(self) -> impl Iterator<Item = Action> {
        let all = Action::ALL.iter().copied();
        all.filter(move |action| self.event_type(*action, Mode::Enforce).is_some())
    }
}

/// The token that tells this receiver of the command. `published` is when the command was: no token
/// claims to have been issued later, whatever the clocks of the sources say.
pub fn claims(command: &Command, stream: &Stream, published: EventTime) -> Result<Claims, Untold> {
    let (profile, mode) = (stream.profile, command.mode);
    let event_type = profile
        .event_type(command.action, mode)
        .ok_or(Untold::NoEvent)?;
    let subject = subject::of(command, stream).ok_or(Untold::NoSubject)?;
    let mut body = event::body(command, event_type);
    match profile {
        Profile::Okta => {
            let person = Map::from_iter([("user".to_owned(), subject.clone())]);
            body.insert("subject".to_owned(), Value::Object(person));
        }
        Profile::Ssf if !stream.subject_in_event => {}
        Profile::Ssf | Profile::Google => {
            body.insert("subject".to_owned(), subject.clone());
        }
    }
    if profile == Profile::Ssf {
        body.insert("plumbline".to_owned(), event::extension(command));
    }
    Ok(Claims {
        iss: stream.issuer.clone(),
        aud: stream.audience.clone(),
        jti: jti(&command.id, stream),
        iat: seconds(command.time.min(published)),
        txn: Some(
            command
                .reason
                .finding_ids
                .first()
                .unwrap_or(&command.id)
                .clone(),
        ),
        sub_id: subject,
        events: BTreeMap::from([(event_type.to_owned(), Value::Object(body))]),
    })
}

/// Whom a command is about, as a subject of RFC 9493: a person in that format, by that issuer where it needs
/// one. None where the format cannot name the person.
pub fn subject(target: &Target, format: SubjectFormat, issuer: &str) -> Option<Value> {
    subject::identity(target, format, issuer)
}

/// `jti` of the token that tells this receiver of the command with that id.
pub fn jti(command_id: &str, stream: &Stream) -> String {
    format!("{command_id}.{}", stream.id)
}

/// The token that a receiver gets for having asked for one. `jti` and time are the transmitter's.
pub fn verification(stream: &Stream, jti: String, iat: i64, state: Option<&str>) -> Claims {
    let state = state.map(|state| ("state".to_owned(), state.into()));
    Claims {
        iss: stream.issuer.clone(),
        aud: stream.audience.clone(),
        jti,
        iat,
        txn: None,
        sub_id: subject::opaque(&stream.id),
        events: BTreeMap::from([(
            VERIFICATION.to_owned(),
            Value::Object(state.into_iter().collect()),
        )]),
    }
}

/// Whole seconds since 1970, as JWT and CAEP count.
fn seconds(time: EventTime) -> i64 {
    time.as_millis().div_euclid(1000)
}
