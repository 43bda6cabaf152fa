//! `session_inactivity`: a privileged session that rested too long.
//!
//! **Catches** an administration console that was left open (T1563). The session ends when the limit
//! passes.
//!
//! **Model.** A rule, on a timer of the log's clock: `policy.session.inactivity` after the last event of a
//! person's session that has administered, changed privileges, deployed or read secrets. Where its events come
//! late (CloudTrail delivers after up to a quarter of an hour), the next one may be on its way: the timer waits
//! for twice the longest delay of the session, an hour at most, and still tells the limit as its time; an event that
//! shows the rest before answers it. A machine's
//! session is judged when it goes on, and not where its sessions have always rested so long. **Evidence:** the
//! last event and the limit. **Configuration:** mode; `policy.session.inactivity`. **Blind spots:** sessions
//! without an id.

use plumbline_schemas::command::Action;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::session::Session;
use crate::signal::{Demand, Signal};

/// A rest up to so many times the longest before is a machine's habit.
const HABIT_SLACK: i64 = 2;

/// Days of history before a machine's rest is longer than usual.
const LEAST_DAYS: u16 = 3;

const TECHNIQUE: &[&str] = &["T1563"];

/// A session goes on after a rest; a person's has met its timer, unless that waited for what comes late.
pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let rested = moment.entered.rested_ms;
    if moment.entered.begins || moment.event.session.id.is_none() || rested <= 0 {
        return None;
    }
    let limit = moment.config.policy.session.inactivity.as_millis();
    if !moment.is_machine() {
        let session = &subject.session;
        let ended = session.last().plus_millis(limit - rested);
        let is_unanswered = session.is_watched && rested > limit && !session.is_over(ended);
        return is_unanswered.then(|| signal(rested, limit));
    }
    let longest = subject.facts.longest_rest_ms();
    let was_privileged = moment.entered.was_privileged;
    let settled = subject.profile.earlier_days(moment.time()) >= LEAST_DAYS;
    if settled && was_privileged && rested > limit && rested > longest * HABIT_SLACK {
        return Some(signal(rested, limit));
    }
    subject.facts.rest(rested);
    None
}

/// The limit has passed without an event of the session.
pub(crate) fn rested(session: &Session, limit_ms: i64) -> Signal {
    let mut signal = signal(limit_ms, limit_ms);
    let last = json!(session.last());
    signal.evidence.insert("last_event_at".to_owned(), last);
    signal
}

fn signal(rested_ms: i64, limit_ms: i64) -> Signal {
    let (minutes, limit) = (rested_ms / 60_000, limit_ms / 60_000);
    let evidence = json!({
        "inactive_minutes": minutes, "limit_minutes": limit,
        "silent_if": format!("the session had been used or logged out within {limit} minutes"),
    });
    Signal::rule(
        DetectorId::SessionInactivity,
        Demand::of(Action::RevokeSession),
        TECHNIQUE,
        format!("a privileged session was inactive for {minutes} min; {limit} min is the limit"),
        evidence,
    )
}
