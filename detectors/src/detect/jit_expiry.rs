//! `jit_expiry`: just-in-time access past its window.
//!
//! **Catches** a session that outlives what it was granted for (T1078). It ends when its window does, used or
//! not; use after that is answered again.
//!
//! **Model.** A rule, on a timer of the log's clock at `session.jit_until`. A session that logged out is
//! over. **Evidence:** the window. **Configuration:** mode only. **Blind spots:** sources that do not state
//! the window.

use plumbline_schemas::command::Action;
use plumbline_schemas::time::EventTime;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::session::Session;
use crate::signal::{Demand, Signal};
use crate::units::Bits;

/// What a use after the window weighs.
const USED_BITS: Bits = Bits(20.0);

const TECHNIQUE: &[&str] = &["T1078"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let until = subject.session.jit_until()?;
    let is_use = moment.succeeded() && !moment.event.session.id.as_deref().unwrap_or_default().is_empty();
    let is_over = moment.class == plumbline_schemas::event::ActionClass::Logout;
    if !is_use || is_over || moment.time() <= until {
        return None;
    }
    let seconds = moment.time().since(until) / 1000;
    let summary = format!(
        "{} {seconds} s after the just-in-time window ended",
        moment.event.action.name
    );
    // More than the end of the window itself, so that it is told beside it.
    Some(signal(until, summary, subject.session).weighing(USED_BITS))
}

/// The window has ended.
pub(crate) fn expired(session: &Session, until: EventTime) -> Signal {
    signal(until, format!("the just-in-time window ended at {until}"), session)
}

fn signal(until: EventTime, summary: String, session: &Session) -> Signal {
    let evidence = json!({
        "jit_until": until, "session_started": session.started(), "last_event_at": session.last(),
        "silent_if": "the session had logged out, or its window had been longer",
    });
    let demand = Demand::of(Action::RevokeSession);
    Signal::rule(DetectorId::JitExpiry, demand, TECHNIQUE, summary, evidence)
}
