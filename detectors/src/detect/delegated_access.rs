//! `delegated_access`: a session that works on somebody's behalf reads what is secret.
//!
//! **Catches** nothing odd: a workload or agent with a delegated token that reads secrets or exports data
//! keeps its session only for a while longer, however usual that is (T1550.001).
//!
//! **Model.** A rule, and it decides before the score does. **Evidence:** on whose behalf, what was read.
//! **Configuration:** mode; the command's `expires_in` is 900 seconds. **Blind spots:** sources that do not
//! state the delegation.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, IdentityKind};
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::signal::{Demand, Signal};

/// What is left of the session, seconds.
const EXPIRES_IN: u64 = 900;

const TECHNIQUE: &[&str] = &["T1550.001"];

pub(super) fn judge(moment: &Moment<'_>, _: &mut Subject<'_>) -> Option<Signal> {
    let event = moment.event;
    let applies = matches!(moment.kind, IdentityKind::Workload | IdentityKind::AiAgent)
        && matches!(moment.class, ActionClass::Secret | ActionClass::Export)
        && !moment.was_refused();
    let behalf = event.delegation.first().filter(|_| applies)?;
    let mut demand = Demand::of(Action::Shorten);
    demand.params.expires_in = Some(EXPIRES_IN);
    demand.decides = true;
    let chain: Vec<&str> = event.delegation.iter().map(|link| &*link.id).collect();
    let evidence = json!({
        "on_behalf_of": chain, "action": event.action.name, "class": moment.class,
        "resource": event.action.resource, "expires_in": EXPIRES_IN,
        "silent_if": format!("{} had done it in their own session", behalf.id),
    });
    Some(Signal::rule(
        DetectorId::DelegatedAccess,
        demand,
        TECHNIQUE,
        format!("{} on behalf of {}", event.action.name, behalf.id),
        evidence,
    ))
}
