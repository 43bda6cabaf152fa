//! `unapproved_elevation`: an agent's elevated call without all that it needs.
//!
//! **Catches** an agent that administers, reads secrets, exports, pays, deploys or deletes, or tries to gain a
//! privilege, without a trusted host or device, an expected network path and a recent approval (AML.T0053). It waits until
//! somebody approves.
//!
//! **Model.** A rule. Routine is exempt: what the task allows and the agent has done on earlier days; where
//! the task lists nothing, what it has done on earlier days without an approval: on two, of an agent of less than
//! three days on one. Host, device and network are judged where they are stated; of a young agent, where it had
//! one only. Where hosts come and go, a known runtime and environment stand for them. **Evidence:** which of the three is missing. **Configuration:** mode;
//! `policy.approval.within`. **Blind spots:** a routine that was never right; an agent's first
//! day, but for privileges.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, IdentityKind};
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::facts::task_key;
use crate::glob;
use crate::profile::habits::Trait;
use crate::setting::key;
use crate::signal::{Demand, Signal};

const TECHNIQUE: &[&str] = &["AML.T0053"];

/// What was done on so many earlier days is routine,
const ROUTINE_DAYS: u8 = 2;
/// and of an agent that is younger than this on one. On its first day everything is.
const SETTLED_DAYS: u16 = 3;

/// Less surprising than this is one host among many that come and go.
const ROTATES_BITS: f64 = 2.0;

/// What stands in the habits for an elevated call that was made without an approval: only that makes it
/// routine for an agent whose task lists nothing.
pub(crate) fn unapproved(action: &str) -> u32 {
    key(action).rotate_left(3) | 1
}

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    // Who asks for a privilege and is refused has asked for it.
    let is_privilege = moment.class == ActionClass::Privilege;
    let is_tried = !moment.was_refused() || is_privilege;
    if moment.kind != IdentityKind::AiAgent || !moment.is_sensitive() || !is_tried {
        return None;
    }
    let event = moment.event;
    let allowed = &event.task.allowed;
    let name = &*event.action.name;
    let is_allowed = allowed.iter().any(|glob| glob::matches(glob, name));
    let habits = &subject.profile.habits;
    let call = unapproved(name);
    let unapproved = habits.days(Trait::Pair, call, moment.time());
    let days = match allowed.is_empty() {
        true => unapproved,
        false => subject.profile.scope.days(moment.endpoint, moment.time()),
    };
    let earlier = subject.profile.earlier_days(moment.time());
    let young = earlier < SETTLED_DAYS;
    let routine = match earlier {
        0 if !is_privilege => 0,
        0 => ROUTINE_DAYS,
        _ if young => 1,
        _ => ROUTINE_DAYS,
    };
    // What it was paused for takes longer to be routine.
    let is_routine = days >= routine && !habits.is_on_probation(Trait::Pair, call);
    if (is_allowed || allowed.is_empty()) && is_routine {
        return None;
    }
    let trusted = |traits: &[Trait]| {
        traits.iter().all(|what| {
            let settled = || habits.used_before(*what, moment.time()) == 1;
            moment.setting.is_known(*what, habits, moment.time()) || young && !settled()
        })
    };
    // The pods of a cluster come and go; where they run stays.
    let is_of_cluster = || {
        let runs = [Trait::Runtime, Trait::Environment];
        let stated = runs.iter().any(|what| moment.setting.get(*what) != 0);
        stated && trusted(&runs) && habits.strange(Trait::Host).bits.0 < ROTATES_BITS
    };
    let device = trusted(&[Trait::Device]) && (trusted(&[Trait::Host]) || is_of_cluster());
    let network = trusted(&[Trait::Network]);
    let within = moment.config.policy.approval.within;
    let approval = subject.facts.approval(
        moment.time(),
        moment.bearer.session,
        task_key(event),
        within.as_millis(),
    );
    if approval.is_some() && device && network {
        return None;
    }
    let mut missing: Vec<&str> = Vec::new();
    missing.extend((!device).then_some("a trusted host or device"));
    missing.extend((!network).then_some("an expected network"));
    missing.extend(approval.is_none().then_some("a recent approval"));
    // What is new to a privilege is the question of `privilege_escalation` too; the answer is the same.
    let missing = missing.join(", ");
    let evidence = json!({
        "action": event.action.name, "class": moment.class, "missing": missing, "privilege": is_privilege,
        "approval_within": within.to_string(), "approved_by_event": approval.map(|approval| &approval.event_id),
        "earlier_days_of_this_action": days, "task_allows": is_allowed,
        "silent_if": format!("it had had {missing}"),
    });
    // It waits, whatever else is odd: who approves it says whether it was stolen.
    let mut demand = Demand::of(Action::Pause);
    demand.decides = true;
    Some(Signal::rule(
        DetectorId::UnapprovedElevation,
        demand,
        TECHNIQUE,
        format!("{} ({}) without {missing}", event.action.name, moment.class),
        evidence,
    ))
}
