//! `enforcement_gap`: what was revoked and still works.
//!
//! **Catches** a revocation that some part of the system does not enforce (T1550).
//!
//! **Model.** A contradiction: a session or credential was revoked, by an event of the log or by a bot that
//! says it obeyed, and succeeds at a later event time, whichever of the two arrives first. What happened before and
//! arrives later is no gap. **Evidence:** the revocation and its event. **Configuration:** mode only. **Blind
//! spots:** revocations that neither a log nor a bot tells; a success that arrived before the revocation, and was
//! not the last call of its session.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::ActionClass;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::facts::Revoked;
use crate::session::Session;
use crate::signal::{Demand, Signal};

const TECHNIQUE: &[&str] = &["T1550"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if subject.facts.revoked().is_empty() || !moment.succeeded() {
        return None;
    }
    // The end of it is no use of it, nor is what is said of its device.
    if matches!(moment.class, ActionClass::TokenRevoke | ActionClass::Logout | ActionClass::Posture) {
        return None;
    }
    let (session, credential) = (moment.bearer.session, moment.bearer.credential);
    let named = moment.event.session.id.is_some();
    let meant = |revoked: &&Revoked| {
        let of_session = named && revoked.session == session;
        let of_credential = credential != 0 && revoked.credential == credential;
        (of_session || of_credential) && moment.time() > revoked.time
    };
    let revoked = subject.facts.revoked().iter().find(meant)?;
    let what = match named && revoked.session == session {
        true => "session",
        false => "credential",
    };
    let ago = moment.time().since(revoked.time) / 1000;
    let evidence = json!({
        "revoked": what, "revoked_at": revoked.time, "revocation_event_id": revoked.event_id,
        "seconds_after": ago, "action": moment.event.action.name,
        "silent_if": "the call had failed, or had happened before the revocation",
    });
    let signal = Signal::rule(
        DetectorId::EnforcementGap,
        Demand::of(Action::RevokeAll),
        TECHNIQUE,
        format!("a {what} revoked {ago} s ago still succeeds: {}", moment.event.action.name),
        evidence,
    );
    Some(signal.resting_on([revoked.event_id.to_string()]))
}

/// The same of a session of which the last success has arrived before the revocation.
pub(crate) fn gap_before(revoked: &Revoked, session: &Session) -> Option<Signal> {
    let of_session = session.id.is_some() && revoked.session == session.key;
    let of_credential = revoked.credential != 0 && revoked.credential == session.credential;
    if !(of_session || of_credential) || !session.succeeded || session.last() <= revoked.time {
        return None;
    }
    let what = if of_session { "session" } else { "credential" };
    let after = session.last().since(revoked.time) / 1000;
    let evidence = json!({
        "revoked": what, "revoked_at": revoked.time, "revocation_event_id": revoked.event_id,
        "seconds_after": after, "succeeded_at": session.last(),
        "silent_if": "the call had failed, or had happened before the revocation",
    });
    let signal = Signal::rule(
        DetectorId::EnforcementGap,
        Demand::of(Action::RevokeAll),
        TECHNIQUE,
        format!("a {what} still succeeded {after} s after it was revoked"),
        evidence,
    );
    Some(signal.resting_on([revoked.event_id.to_string()]))
}
