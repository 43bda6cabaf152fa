//! `task_drift`: an agent outside its task.
//!
//! **Catches** an agent that goes on after its task is complete, or turns to something that the task does not
//! cover (AML.T0051, AML.T0053). After the end the session ends; outside the objective the agent waits, and
//! loses its session if it goes on.
//!
//! **Model.** A rule: `task.allowed` are globs over the action's name; an approval covers what follows for
//! `policy.approval.within`. Where the task lists nothing, the families of tools that the agent uses on
//! earlier days decide, and what its grant covers. Judged by event time: a call from inside the task is fine
//! whenever it arrives. **Evidence:** task, objective, what is allowed. **Configuration:** mode.
//! **Blind spots:** an objective in words alone.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, EventKind, IdentityKind};
use serde_json::{Value, json};

use super::{DetectorId, Moment, Subject};
use crate::facts::task_key;
use crate::glob;
use crate::learn::family;
use crate::profile::habits::Trait;
use crate::setting::key;
use crate::signal::{Demand, Signal};

/// A family of tools is strange to an agent that would meet a new one less than one day in ten.
const LEAST_BITS: f64 = 3.3;

const TECHNIQUE: &[&str] = &["AML.T0051", "AML.T0053"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if moment.kind != IdentityKind::AiAgent || is_upkeep(moment.class) {
        return None;
    }
    // Of the session itself is told, and nothing is done in it.
    if moment.event.kind == EventKind::Session && moment.class == ActionClass::Other {
        return None;
    }
    after_end(moment, subject).or_else(|| outside(moment, subject))
}

/// What any session does, whatever its task.
pub(crate) fn is_upkeep(class: ActionClass) -> bool {
    matches!(
        class,
        ActionClass::Login
            | ActionClass::Logout
            | ActionClass::Mfa
            | ActionClass::TokenIssue
            | ActionClass::TokenRotate
            | ActionClass::TokenRevoke
            | ActionClass::Approval
            | ActionClass::Posture
            | ActionClass::TaskStart
            | ActionClass::TaskEnd
    )
}

fn after_end(moment: &Moment<'_>, subject: &Subject<'_>) -> Option<Signal> {
    let event = moment.event;
    let task = task_key(event);
    let ended = subject.facts.ended_tasks().iter().rev().find(|ended| {
        let same = match task {
            0 => event.session.id.is_some() && ended.session == moment.bearer.session,
            task => ended.task == task,
        };
        same && moment.time() > ended.time
    })?;
    let seconds = moment.time().since(ended.time) / 1000;
    let evidence = json!({
        "task": event.task.id, "ended_at": ended.time, "end_event_id": ended.event_id,
        "seconds_after": seconds, "action": event.action.name,
        "silent_if": "the call had happened before the task ended, or a new task had started",
    });
    let signal = Signal::rule(
        DetectorId::TaskDrift,
        Demand::of(Action::RevokeSession),
        TECHNIQUE,
        format!("{} {seconds} s after the task was complete", event.action.name),
        evidence,
    );
    Some(signal.resting_on([ended.event_id.to_string()]))
}

fn outside(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let event = moment.event;
    let (allowed, name) = (&event.task.allowed, &*event.action.name);
    let why = match allowed.is_empty() {
        true => strange_tool(moment, subject)?,
        false if allowed.iter().any(|glob| glob::matches(glob, name)) => return None,
        false => json!({ "allowed": allowed }),
    };
    let within = moment.config.policy.approval.within.as_millis();
    let task = task_key(event);
    let approval = subject
        .facts
        .approval(moment.time(), moment.bearer.session, task, within);
    if approval.is_some() {
        return None;
    }
    let listed = !allowed.is_empty();
    let extra = subject.session.extra();
    // Where no list says what is outside, once more is not yet going on.
    let patience = u8::from(!listed && moment.class != ActionClass::Secret);
    let goes_on = extra.drifted > patience && !moment.was_refused();
    extra.drifted = extra.drifted.saturating_add(1);
    let action = match goes_on {
        true => Action::RevokeSession,
        false => Action::Pause,
    };
    let objective = event.task.objective.as_deref();
    let summary = match (listed, objective) {
        (true, Some(objective)) => format!("{name} is outside the task \"{objective}\""),
        (true, None) => format!("{name} is outside what the task allows"),
        (false, _) => format!("{name}: a tool outside the agent's usual scope"),
    };
    let mut evidence = json!({
        "action": name, "class": moment.class, "task": event.task.id, "objective": objective,
        "calls_outside": extra.drifted,
        "silent_if": match listed {
            true => "the task's `allowed` had matched it, or an approval had come before",
            false => "the agent had used this family of tools on an earlier day, its grant covered it, or an \
                      approval had come before",
        },
    });
    if let (Value::Object(evidence), Value::Object(why)) = (&mut evidence, why) {
        evidence.extend(why);
    }
    let demand = Demand::of(action);
    Some(Signal::rule(DetectorId::TaskDrift, demand, TECHNIQUE, summary, evidence))
}

/// A tool of a family that the agent never uses, and that its grant does not cover.
fn strange_tool(moment: &Moment<'_>, subject: &Subject<'_>) -> Option<Value> {
    let event = moment.event;
    let (habits, family) = (&subject.profile.habits, family(&event.action.name));
    let strange = habits.strange(Trait::Family);
    let known = habits.is_known(Trait::Family, key(family), moment.time());
    let granted = &event.credential.scopes;
    let used = &event.action.scopes;
    let covered = !granted.is_empty()
        && !used.is_empty()
        && used.iter().all(|scope| granted.contains(scope));
    // Where the grant is known it decides; else what peers do is as good.
    let stated = !granted.is_empty() && !used.is_empty();
    let vouched = if stated { covered } else { moment.peers_do };
    (!known && !vouched && strange.bits.0 >= LEAST_BITS).then(|| {
        json!({
            "family": family, "families_used": strange.distinct, "days_of_use": strange.days,
            "scopes": used, "granted": granted,
        })
    })
}
