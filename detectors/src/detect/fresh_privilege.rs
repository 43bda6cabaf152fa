//! `fresh_privilege`: a privilege that was just gained and is used at once for something sensitive.
//!
//! **Catches** an account that is given a role and turns it into an export minutes later (T1098, T1548).
//!
//! **Model.** A rule: a sensitive action within half an hour after a gain, unless this action with this
//! privilege is the identity's habit, or both are. **Evidence:** the privilege, when, the event.
//! **Configuration:** mode only. **Blind spots:** an attacker who waits; gains that no log tells.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::ActionClass;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::facts::Gain;
use crate::profile::habits::Trait;
use crate::setting::key;
use crate::signal::{Demand, Signal};

const WITHIN_MS: i64 = 30 * 60_000;

const TECHNIQUE: &[&str] = &["T1098", "T1548"];

/// What tells a privilege together with what is done with it.
pub(crate) fn pair(privilege: u32, action: &str) -> u32 {
    privilege.rotate_left(11) ^ key(action) | 1
}

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let is_use = moment.is_sensitive() && moment.class != ActionClass::Privilege;
    let now = moment.time();
    if subject.facts.gains().is_empty() || !is_use || moment.was_refused() {
        return None;
    }
    if subject.profile.earlier_days(now) == 0 {
        return None;
    }
    let (habits, scope) = (&subject.profile.habits, &subject.profile.scope);
    let action = &*moment.event.action.name;
    let is_odd = |gain: &&Gain| {
        let fresh = (0..=WITHIN_MS).contains(&now.since(gain.time));
        let habit = habits.is_known(Trait::Pair, pair(gain.privilege, action), now);
        let both = habits.days(Trait::Privilege, gain.privilege, now) >= 2
            && scope.days(moment.endpoint, now) >= 2;
        fresh && !habit && !both
    };
    let gain = subject.facts.gains().iter().rev().find(is_odd)?;
    let privilege = moment.names.text(gain.label);
    let seconds = now.since(gain.time) / 1000;
    let evidence = json!({
        "privilege": privilege, "gained_at": gain.time, "gain_event_id": gain.event_id,
        "action": action, "class": moment.class, "seconds_after": seconds,
        "silent_if": format!("{action} with {privilege} had been done on an earlier day, or half an hour had passed"),
    });
    let signal = Signal::rule(
        DetectorId::FreshPrivilege,
        Demand::of(Action::StepUp),
        TECHNIQUE,
        format!("{action} {seconds} s after {privilege} was gained"),
        evidence,
    );
    Some(signal.resting_on([gain.event_id.to_string()]))
}
