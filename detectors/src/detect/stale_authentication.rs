//! `stale_authentication`: something sensitive on an old authentication.
//!
//! **Catches** a session that goes on after its user has gone, and payments or privilege changes on an old
//! verdict (T1539, T1563). Fresh authentication is demanded, not older than the limit.
//!
//! **Model.** A rule on the age of the authentication: since the session's latest login, second factor,
//! token or passed challenge, or what the source states; failing that since the session began. For people
//! all classes of `policy.freshness`, for others payment and privilege, where the identity's own habit, if
//! it is older than the limit, is the limit: what it did so from its first days on, or was asked about on three. **Evidence:** age, limit, where the age is from.
//! **Configuration:** mode; `policy.freshness`. **Blind spots:** events without a session.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, IdentityKind};
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::signal::{Demand, Signal};

/// A machine's habit of acting on older authentications counts after so many days;
const HABIT_DAYS: u8 = 3;
/// up to so many times the oldest of them.
const HABIT_SLACK: f64 = 2.0;
/// Before it has so many days of history nothing is said of a machine that never did this, unless it is stated.
const LEAST_DAYS: u16 = 3;

const TECHNIQUE: &[&str] = &["T1539", "T1563"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let event = moment.event;
    let limit = *moment.config.policy.freshness.0.get(&moment.class)?;
    let is_human = moment.kind == IdentityKind::Human;
    let for_all = matches!(moment.class, ActionClass::Payment | ActionClass::Privilege);
    // A grant is no act of who gains by it: the age of the session that happens to be open says nothing of the
    // one who granted. What the record itself states of the authentication counts.
    let is_stated = event.session.authenticated_at.is_some();
    let is_others = moment.is_granted() && !is_stated;
    let is_known = event.session.id.is_some() || is_stated;
    if moment.was_refused() || is_others || !is_known || !(is_human || for_all) {
        return None;
    }
    let age = moment.time().since(subject.session.authenticated());
    if !is_human {
        let habit = subject.facts.age_habit(moment.class, moment.time());
        let settled = subject.profile.earlier_days(moment.time()) >= LEAST_DAYS;
        let tolerated = match habit {
            // A few days of fresh ones are no habit of older ones.
            Some(habit) if settled && habit.oldest_ms <= limit.as_millis() => false,
            // What was asked about does not excuse what comes after it on the same days.
            Some(habit) if habit.days < HABIT_DAYS => !habit.was_asked,
            Some(habit) => habit.oldest_ms > limit.as_millis() && (age as f64) <= habit.oldest_ms as f64 * HABIT_SLACK,
            // What the record states of it needs no history.
            None => !is_stated && !settled,
        };
        // What is asked about widens the habit only a little, before the third day of it: a habit grows or goes on,
        // a theft does not.
        let known = habit.map_or(0, |habit| habit.oldest_ms).max(limit.as_millis());
        let goes_on = habit.is_some_and(|habit| habit.was_asked && habit.days + 1 >= HABIT_DAYS);
        let learnt = if tolerated || goes_on { age } else { age.min(2 * known) };
        let is_asked = !tolerated && age > limit.as_millis();
        subject.facts.learn_age(moment.class, learnt, is_asked, moment.time());
        if tolerated {
            return None;
        }
    }
    if age <= limit.as_millis() {
        return None;
    }
    let mut demand = Demand::of(Action::StepUp);
    let seconds = u64::try_from(limit.as_millis() / 1000).unwrap_or(0);
    demand.params.max_age = Some(seconds);
    let minutes = age / 60_000;
    let evidence = json!({
        "action": event.action.name, "class": moment.class,
        "authenticated_at": subject.session.authenticated(), "age_seconds": age / 1000,
        "limit_seconds": seconds,
        "silent_if": format!("the session had authenticated within the last {limit}"),
    });
    Some(Signal::rule(
        DetectorId::StaleAuthentication,
        demand,
        TECHNIQUE,
        format!("{} on an authentication {minutes} min old; {limit} is the limit", event.action.name),
        evidence,
    ))
}
