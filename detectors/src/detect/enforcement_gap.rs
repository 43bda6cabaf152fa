//! `enforcement_gap`: what was revoked and still works.
//!
//! **Catches** a revocation that some part of the system does not enforce (T1550).
//!
//! **Model.** A contradiction: a session or credential was revoked, by an event of the log or by a bot that
//! says it obeyed, and succeeds at a later event time. What happened before and arrives later is no gap.
//! **Evidence:** the revocation and its event. **Configuration:** mode only. **Blind spots:**
//! revocations that neither a log nor a bot tells.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::ActionClass;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::facts::Revoked;
use crate::signal::{Demand, Signal};

const TECHNIQUE: &[&str] = &["T1550"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if subject.facts.revoked().is_empty() || !moment.succeeded() {
        return None;
    }
    if matches!(moment.class, ActionClass::TokenRevoke | ActionClass::Logout) {
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
