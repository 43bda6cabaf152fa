//! `separation_of_duties`: two actions that one identity must not combine.
//!
//! **Catches** an agent or person who, say, opens a ticket and approves the payment for it, in one session
//! or in several (T1098). The second is refused.
//!
//! **Model.** A rule per `[[policy.separation]]` entry: its globs match the action's name, failing that its
//! class; another of them within `within`, before or after in time, is the combination. **Evidence:** both
//! actions, times, events. **Configuration:** mode; `[[policy.separation]]`. **Blind spots:** two
//! identities of one owner.

use plumbline_schemas::command::Action;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::event_id::EventId;
use crate::facts::Duty;
use crate::glob;
use crate::setting::key;
use crate::signal::{About, Demand, Signal};

const TECHNIQUE: &[&str] = &["T1098"];

/// More than this is not kept per identity.
const MOST_DUTIES: usize = 32;
/// Nor of one part of a rule.
const MOST_OF_PART: usize = 4;

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let rules = &moment.config.policy.separation;
    if rules.is_empty() || moment.was_refused() {
        return None;
    }
    let event = moment.event;
    let (name, class) = (&*event.action.name, moment.class.as_str());
    let mut found = None;
    for rule in rules {
        let part_of = |text| rule.actions.iter().find(|glob| glob::matches(glob, text));
        let Some(part) = part_of(name).or_else(|| part_of(class)) else {
            continue;
        };
        let within = rule.within.as_millis();
        // By their texts: the rules may be in another order when state is read again.
        let rule_key = key(&format!("{} {}", rule.within, rule.actions.join(" ")));
        let part_key = key(part);
        let other = subject.facts.duties().iter().rev().find(|duty| {
            duty.rule == rule_key
                && duty.part != part_key
                && moment.time().since(duty.time).abs() <= within
        });
        if let Some(other) = other {
            found.get_or_insert_with(|| signal(moment, other, &rule.within.to_string()));
            continue;
        }
        let duty = Duty {
            rule: rule_key,
            part: part_key,
            action: moment.endpoint,
            time: moment.time(),
            session: moment.bearer.session,
            event_id: EventId::new(&event.id),
        };
        let duties = &mut subject.facts.recent_mut().duties;
        let same = |old: &Duty| old.rule == duty.rule && old.part == duty.part;
        let oldest = moment.time().plus_millis(-within);
        duties.retain(|old| !same(old) || old.time > oldest);
        // Much of one part does not push out what was done of the others.
        let crowd = duties.iter().filter(|old| same(old)).count() >= MOST_OF_PART;
        let oldest = duties.iter().position(|old| !crowd || same(old));
        if crowd || duties.len() >= MOST_DUTIES {
            oldest.map(|at| duties.remove(at));
        }
        duties.push(duty);
    }
    found
}

fn signal(moment: &Moment<'_>, other: &Duty, within: &str) -> Signal {
    let event = moment.event;
    let (name, first) = (&*event.action.name, moment.names.text(other.action));
    let object = event.action.resource.as_deref().unwrap_or(name);
    let mut demand = Demand::of(Action::Deny);
    demand.about = About::Resource(key(object) ^ key(name).rotate_left(9) | 1);
    demand.params.resource = Some(object.to_owned());
    let same_session = other.session == moment.bearer.session;
    let evidence = json!({
        "first": { "action": first, "time": other.time, "event_id": other.event_id, "same_session": same_session },
        "second": { "action": name, "time": event.time, "resource": event.action.resource },
        "within": within,
        "silent_if": format!("they had been more than {within} apart, or done by two identities"),
    });
    let summary = format!(
        "{name} must not be combined with {first}, done {} s before",
        event.time.since(other.time).abs() / 1000
    );
    Signal::rule(DetectorId::SeparationOfDuties, demand, TECHNIQUE, summary, evidence)
        .resting_on([other.event_id.to_string()])
}
