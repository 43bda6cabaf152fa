//! `set`: Security Event Tokens of the Shared Signals Framework (RFC 8417, CAEP 1.0, RISC 1.0), as an identity
//! provider or a device manager sends them. Read here are the claims; whoever reads a token has checked its
//! signature, issuer and audience before.
//!
//! | event | token |
//! |---|---|
//! | `id` | `jti`, the same for a token that comes twice |
//! | `time` | `event_timestamp`, else `toe`, else `iat`; of what ends, the end of a second that is told as a whole |
//! | `tenant` | the source's, else `tenant` of a complex subject |
//! | `identity` | of `sub_id`, else of `subject` in the event: the member `user` (human), `application` (service account) or `agent`; a simple subject does not tell its kind |
//! | `session`, `credential`, `device.id` | the members `session`, `credential` and `device` of a complex subject |
//! | `action.name` | profile and type: `caep:session-revoked` |
//!
//! | signal | becomes |
//! |---|---|
//! | CAEP `session-revoked` | `token_revoke` of the session, or of the credential, that it names |
//! | CAEP `credential-change`, revoked or deleted | `token_revoke` of the credential that it names |
//! | CAEP `assurance-level-change` | `posture`, with `session.assurance` |
//! | CAEP `device-compliance-change` | `posture`, with `device.posture` |
//! | RISC `credential-compromise` | `feedback`, `true_positive`, of the session or credential that it names |
//!
//! Everything else is skipped with its reason: a risk level is somebody else's conclusion from what is mostly in
//! the log already, and no fact of its own. Nor is there anything to hold a later call against where a whole
//! account is revoked: the sessions that end with it are told by the provider's own log.

use std::borrow::Cow;

use super::read::{Node, Opening, Refusal, each, each_part, open};
use super::{Format, Sink, Source};
use crate::event::{ActionClass, Event, EventKind, IdentityKind, Outcome, Posture, Verdict};
use crate::json::Json;
use crate::known::Text;
use crate::time::EventTime;
use crate::vocabulary::Word;

/// The claims of tokens.
pub struct SecurityEventToken;

impl Format for SecurityEventToken {
    fn name(&self) -> &'static str {
        "set"
    }

    /// Nothing is one that has not been checked.
    fn recognises(&self, _record: &Json<'_>) -> bool {
        false
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each(self, raw, source, &[], sink, read);
    }

    fn decode_parsed(
        &self,
        record: &Json<'_>,
        raw: &[u8],
        source: Source<'_>,
        sink: &mut Sink<'_>,
    ) {
        each_part(self, record, raw.len(), source, &[], sink, read);
    }
}

/// What a token says, by profile and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    SessionRevoked,
    CredentialRevoked,
    Assurance,
    Compliance,
    Compromise,
}

fn read<'v>(claims: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let jti = claims.get("jti").text();
    let jti = jti.ok_or_else(|| Refusal::missing("jti", "expected the id of the token"))?;
    let mut told = claims.get("events").members();
    let (Some((kind, event)), None) = (told.next(), told.next()) else {
        return Err(Refusal::missing("events", "expected one event by its type"));
    };
    let (name, signal) = signal(kind, event)?;
    let subject = match claims.get("sub_id") {
        sub_id if sub_id.is_object() => sub_id,
        _ => event.get("subject"),
    };
    let (identity, identity_kind) = identity(subject).ok_or(Refusal::Skip("about no identity"))?;
    let (session, credential) = (member(subject, "session"), member(subject, "credential"));
    let is_narrowed = match signal {
        Signal::SessionRevoked | Signal::Compromise => session.is_some() || credential.is_some(),
        Signal::CredentialRevoked => credential.is_some(),
        Signal::Assurance | Signal::Compliance => true,
    };
    if !is_narrowed {
        return Err(Refusal::Skip(
            "about a whole account, and no session or credential of it",
        ));
    }
    let is_end = matches!(signal, Signal::SessionRevoked | Signal::CredentialRevoked);
    let opening = Opening {
        id: jti,
        time: match time(claims, event)? {
            time if is_end => end_of_second(time),
            time => time,
        },
        kind: match signal {
            Signal::SessionRevoked | Signal::CredentialRevoked => EventKind::Token,
            Signal::Assurance => EventKind::Session,
            Signal::Compliance => EventKind::Device,
            Signal::Compromise => EventKind::Feedback,
        },
        identity,
        identity_kind,
        action: name.into(),
    };
    let tenant = source.tenant.map(Cow::Borrowed);
    let mut told = open("set", tenant.or_else(|| member(subject, "tenant")), opening);
    told.action.outcome = Outcome::Success.into();
    // A revoked session leaves the credential that opened it valid.
    told.credential.id =
        credential.filter(|_| signal != Signal::SessionRevoked || session.is_none());
    // What ends is used from nowhere.
    let is_state = matches!(signal, Signal::Assurance | Signal::Compliance);
    told.device.id = member(subject, "device").filter(|_| is_state);
    // Of a session a credential says nothing.
    told.session.id = session.filter(|_| signal != Signal::CredentialRevoked);
    match signal {
        Signal::SessionRevoked | Signal::CredentialRevoked => {
            told.action.class = ActionClass::TokenRevoke.into();
        }
        Signal::Assurance => {
            told.action.class = ActionClass::Posture.into();
            told.session.assurance = assurance(event);
        }
        Signal::Compliance => {
            told.action.class = ActionClass::Posture.into();
            told.device.posture = posture(event).into();
        }
        Signal::Compromise => {
            told.action.class = ActionClass::Other.into();
            told.feedback.verdict = Verdict::TruePositive.into();
            told.feedback.by = claims.get("iss").text();
        }
    }
    Ok(vec![told])
}

/// What becomes of a credential; what ends it comes first. A known transmitter writes `revoked`.
const CHANGES: &[&str] = &["revoke", "revoked", "delete", "create", "update"];
const ENDING: usize = 3;

/// The action's name, and what it means; what means nothing here is skipped.
fn signal(kind: &str, event: Node<'_>) -> Result<(String, Signal), Refusal> {
    let mut parts = kind.rsplit('/');
    let (name, profile) = (
        parts.next().unwrap_or_default(),
        parts.nth(1).unwrap_or_default(),
    );
    let is_revoked = || {
        let change = event.get("change_type").among(CHANGES).text();
        change.is_some_and(|change| CHANGES[..ENDING].contains(&&*change))
    };
    let signal = match (profile, name) {
        ("caep", "session-revoked") => Signal::SessionRevoked,
        ("caep", "credential-change") if is_revoked() => Signal::CredentialRevoked,
        ("caep", "credential-change") => {
            return Err(Refusal::Skip("a credential that is not revoked"));
        }
        ("caep", "assurance-level-change") => Signal::Assurance,
        ("caep", "device-compliance-change") => Signal::Compliance,
        ("caep", "risk-level-change") => {
            return Err(Refusal::Skip("somebody else's level of risk"));
        }
        ("risc", "credential-compromise") => Signal::Compromise,
        (_, "verification") => return Err(Refusal::Skip("the verification of a stream")),
        _ => return Err(Refusal::Skip("a signal that nothing follows from")),
    };
    Ok((format!("{profile}:{name}"), signal))
}

fn time(claims: Node<'_>, event: Node<'_>) -> Result<EventTime, Refusal> {
    let times = [
        event.get("event_timestamp"),
        claims.get("toe"),
        claims.get("iat"),
    ];
    let first = times.into_iter().find_map(Node::instant);
    first.ok_or_else(|| Refusal::missing("iat", "expected seconds since 1970"))
}

/// Signals tell whole seconds. What was done in the second of an end may have come before it.
fn end_of_second(time: EventTime) -> EventTime {
    match time.as_millis() % 1000 {
        0 => time.plus_millis(999),
        _ => time,
    }
}

/// Whom a subject is about: none where it is only about a session or a device.
fn identity(subject: Node<'_>) -> Option<(Text<'_>, Word<IdentityKind>)> {
    let members = [
        ("user", IdentityKind::Human),
        ("application", IdentityKind::ServiceAccount),
        ("agent", IdentityKind::AiAgent),
    ];
    let member = |(name, kind): (_, IdentityKind)| Some((member(subject, name)?, kind.into()));
    let of_member = members.into_iter().find_map(member);
    of_member.or_else(|| Some((simple(subject)?, Word::NotKnown)))
}

fn member<'v>(subject: Node<'v>, name: &'static str) -> Option<Text<'v>> {
    simple(subject.get(name))
}

/// The identifier in a simple subject (RFC 9493), also as it was written before there was a `format`.
fn simple(subject: Node<'_>) -> Option<Text<'_>> {
    const IDENTIFIERS: [&str; 7] = ["sub", "email", "id", "uri", "url", "phone_number", "jti"];
    let aliased = subject.get("identifiers").items().next();
    let subject = aliased.unwrap_or(subject);
    IDENTIFIERS.iter().find_map(|name| subject.get(name).text())
}

/// `nist-aal2` is `aal2`; levels of other namespaces stay as they are.
fn assurance(event: Node<'_>) -> Option<Text<'_>> {
    let level = event.get("current_level").always().text()?;
    let lower = level.to_ascii_lowercase();
    match lower.strip_prefix("nist-") {
        Some(level) => Some(level.to_owned().into()),
        None => Some(level),
    }
}

fn posture(event: Node<'_>) -> Option<Posture> {
    let status = event.get("current_status").always();
    match &*status.text()? {
        "compliant" => Some(Posture::Compliant),
        "not-compliant" | "non-compliant" | "not_compliant" => Some(Posture::NonCompliant),
        _ => {
            status.unknown();
            None
        }
    }
}
