//! `contention`: a human and a machine that change one object.
//!
//! **Catches** automation that overwrites what a person is working on, or works against them (T1565). The
//! machine waits; the finding names both.
//!
//! **Model.** A rule per `[[policy.contention]]` entry: two changes of one production object within its
//! time, by event time, one of them a person's. A machine that acts on that person's behalf works with them.
//! **Evidence:** the object and both changes. **Configuration:** mode; `[[policy.contention]]`.
//! **Blind spots:** one object under two names.

use plumbline_schemas::command::Action;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::objects::Change;
use crate::signal::{Demand, Signal};

const TECHNIQUE: &[&str] = &["T1565"];

/// A machine that changes what a person has just changed.
pub(super) fn judge(moment: &Moment<'_>, _: &mut Subject<'_>) -> Option<Signal> {
    let human = moment.contender?;
    let event = moment.event;
    let own = Change::of(event, moment.kind, moment.bearer.session, None);
    Some(against(&own, human))
}

/// The signal about a machine's session.
pub(crate) fn against(machine: &Change, human: &Change) -> Signal {
    let seconds = machine.time.since(human.time).abs() / 1000;
    let told = |change: &Change| {
        json!({
            "identity": change.identity, "kind": change.kind, "action": change.action,
            "time": change.time, "event_id": change.event_id,
        })
    };
    let evidence = json!({
        "resource": machine.resource, "human": told(human), "machine": told(machine),
        "seconds_apart": seconds,
        "silent_if": format!("they had been further apart, or {} had acted on behalf of {}", machine.identity, human.identity),
    });
    let signal = Signal::rule(
        DetectorId::Contention,
        Demand::of(Action::Pause),
        TECHNIQUE,
        format!(
            "{} and {} both changed {} within {seconds} s",
            human.identity, machine.identity, machine.resource
        ),
        evidence,
    );
    signal.resting_on([human.event_id.clone(), machine.event_id.clone()])
}
