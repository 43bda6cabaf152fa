//! Whom a token is about (RFC 9493, and the complex subjects of SSF 1.0, section 3.2).

use serde_json::{Map, Value, json};

use super::{Profile, Stream, SubjectFormat};
use crate::command::{Action, Command, Target};
use crate::event::IdentityKind;

/// The subject; none where this receiver cannot be told of this identity.
pub(super) fn of(command: &Command, stream: &Stream) -> Option<Value> {
    match stream.profile {
        Profile::Ssf => complex(command, stream),
        Profile::Okta | Profile::Google => {
            let person = command.target.kind == IdentityKind::Human;
            person.then(|| email(&command.target.identity)).flatten()
        }
    }
}

/// The identity in its tenant, and what of it is meant. A member that is left out matches anything.
fn complex(command: &Command, stream: &Stream) -> Option<Value> {
    let target = &command.target;
    let mut members = Map::new();
    members.insert("format".to_owned(), "complex".into());
    members.insert("tenant".to_owned(), opaque(&target.tenant));
    let member = member(target.kind);
    let identity = identity(target, stream.subject, &stream.subject_issuer)?;
    members.insert(member.to_owned(), identity);
    let (session, credential) = narrowed_to(command);
    for (member, id) in [("session", session), ("credential", credential)] {
        if let Some(id) = id {
            members.insert(member.to_owned(), opaque(id));
        }
    }
    Some(Value::Object(members))
}

/// The session or the credential that is meant; neither where it is the whole identity.
pub(super) fn narrowed_to(command: &Command) -> (Option<&str>, Option<&str>) {
    let session = command.target.session_id.as_deref();
    let credential = command.target.credential_id.as_deref();
    match command.action {
        // Whoever is paused is it in every session.
        Action::RevokeAll | Action::Pause | Action::Resume => (None, None),
        Action::RevokeCredential => (None, credential),
        // Without a session it is about the credential.
        _ => (session, credential.filter(|_| session.is_none())),
    }
}

/// The identity alone: a person in that format, by that issuer where it needs one. None where that cannot
/// name it.
pub(super) fn identity(target: &Target, format: SubjectFormat, issuer: &str) -> Option<Value> {
    let id = target.identity.as_str();
    let is_person = target.kind == IdentityKind::Human;
    Some(match format {
        SubjectFormat::IssSub if is_person => {
            json!({ "format": "iss_sub", "iss": issuer, "sub": id })
        }
        SubjectFormat::Email if is_person => email(id)?,
        // SPIFFE ids and their like.
        _ if id.contains("://") => json!({ "format": "uri", "uri": id }),
        _ => opaque(id),
    })
}

/// `agent` is a member of our own, as SSF 1.0 lets a transmitter have them.
pub(super) fn member(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::Human => "user",
        IdentityKind::ServiceAccount | IdentityKind::Workload | IdentityKind::ApiKey => {
            "application"
        }
        IdentityKind::AiAgent => "agent",
    }
}

pub(super) fn opaque(id: &str) -> Value {
    json!({ "format": "opaque", "id": id })
}

fn email(id: &str) -> Option<Value> {
    let (local, domain) = id.split_once('@')?;
    let whole = |part: &str| !part.is_empty() && !part.contains(['@', ' ', '/', ':']);
    (whole(local) && whole(domain)).then(|| json!({ "format": "email", "email": id }))
}
