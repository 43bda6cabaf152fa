//! `unapproved_elevation`: an agent's elevated call without all that it needs.
//!
//! **Catches** an agent that administers, reads secrets, exports, pays, deploys or deletes without a
//! trusted host or device, an expected network path and a recent approval (AML.T0053). It waits until
//! somebody approves.
//!
//! **Model.** A rule. Routine is exempt: what the agent has done on earlier days, and what its task, where
//! it lists anything, allows. Host, device and network are judged where they are stated. **Evidence:** which
//! of the three is missing. **Configuration:** mode; `policy.approval.within`. **Blind spots:** a routine
//! that was never right.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, IdentityKind};
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::facts::task_key;
use crate::glob;
use crate::profile::habits::Trait;
use crate::signal::{Demand, Signal};

const TECHNIQUE: &[&str] = &["AML.T0053"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if moment.kind != IdentityKind::AiAgent || !moment.is_sensitive() || moment.was_refused() {
        return None;
    }
    let event = moment.event;
    let allowed = &event.task.allowed;
    let is_allowed =
        allowed.is_empty() || allowed.iter().any(|glob| glob::matches(glob, &event.action.name));
    let days = subject.profile.scope.days(moment.endpoint, moment.time());
    if is_allowed && days >= 2 {
        return None;
    }
    let habits = &subject.profile.habits;
    let trusted = |traits: &[Trait]| {
        traits
            .iter()
            .all(|what| moment.setting.is_known(*what, habits, moment.time()))
    };
    let device = trusted(&[Trait::Device, Trait::Host]);
    let network = trusted(&[Trait::Network]);
    let within = moment.config.policy.approval.within;
    let approval = subject.facts.approval(
        moment.time(),
        moment.bearer.session,
        task_key(event),
        within.as_millis(),
    );
    let young = subject.profile.earlier_days(moment.time()) == 0;
    if approval.is_some() && (young || (device && network)) {
        return None;
    }
    let mut missing: Vec<&str> = Vec::new();
    missing.extend((!device && !young).then_some("a trusted host or device"));
    missing.extend((!network && !young).then_some("an expected network"));
    missing.extend(approval.is_none().then_some("a recent approval"));
    // What is new to a privilege is the question of `privilege_escalation` too; the answer is the same.
    let is_privilege = moment.class == ActionClass::Privilege;
    let missing = missing.join(", ");
    let evidence = json!({
        "action": event.action.name, "class": moment.class, "missing": missing, "privilege": is_privilege,
        "approval_within": within.to_string(), "approved_by_event": approval.map(|approval| &approval.event_id),
        "earlier_days_of_this_action": days, "task_allows": is_allowed,
        "silent_if": format!("it had had {missing}"),
    });
    Some(Signal::rule(
        DetectorId::UnapprovedElevation,
        Demand::of(Action::Pause),
        TECHNIQUE,
        format!("{} ({}) without {missing}", event.action.name, moment.class),
        evidence,
    ))
}
