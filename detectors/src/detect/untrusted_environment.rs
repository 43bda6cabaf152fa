//! `untrusted_environment`: a run where the identity is not approved to run.
//!
//! **Catches** a pipeline's key on a runner outside its environments (T1552, T1195). The session is
//! narrowed to what only reads; its first sensitive call is asked about.
//!
//! **Model.** A rule: with a `[[policy.environment]]` entry that matches the identity its list decides;
//! without one, what the identity has used on earlier days. **Evidence:** environment, what is approved
//! or established. **Configuration:** mode; `[[policy.environment]]`. **Blind spots:** sources that
//! state no environment.

use plumbline_schemas::command::Action;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::glob;
use crate::profile::habits::Trait;
use crate::signal::{Demand, Signal};

/// Nothing is established before so many days of use.
const LEAST_DAYS: u32 = 2;

const TECHNIQUE: &[&str] = &["T1552", "T1195"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let event = moment.event;
    let environment = event.workload.environment.as_deref()?;
    if moment.was_refused() {
        return None;
    }
    let rules = &moment.config.policy.environment;
    let mut matching = rules
        .iter()
        .filter(|rule| glob::matches(&rule.identity, &event.identity.id))
        .peekable();
    let listed = matching.peek().is_some();
    let approved: Vec<&str> = matching
        .flat_map(|rule| &rule.environments)
        .map(String::as_str)
        .collect();
    let strange = subject.profile.habits.strange(Trait::Environment);
    let is_trusted = match listed {
        true => approved.iter().any(|glob| glob::matches(glob, environment)),
        false => {
            let known = moment
                .setting
                .is_known(Trait::Environment, &subject.profile.habits, moment.time());
            // Somebody who runs somewhere else every week has no environment of their own.
            !moment.is_machine() || known || strange.days < LEAST_DAYS || strange.bits.0 < 1.5
        }
    };
    if is_trusted {
        return None;
    }
    let mut demand = Demand::of(Action::Narrow);
    if moment.is_sensitive() {
        // That it is new to the key as well is the same story: whoever runs here has never been asked.
        demand = Demand::of(Action::StepUp);
        demand.decides = true;
    } else {
        let granted = event.credential.scopes.iter();
        demand.params.scopes = Some(reading_scopes(granted.map(|scope| &**scope)));
    }
    let against = match listed {
        true => format!("approved: {}", approved.join(", ")),
        false => format!("never used in {} days", strange.days),
    };
    let evidence = json!({
        "environment": environment, "host": event.workload.host, "approved": approved,
        "days_of_use": strange.days, "environments_used": strange.distinct,
        "silent_if": match listed {
            true => "its [[policy.environment]] entry listed this environment",
            false => "this environment had been used on an earlier day",
        },
    });
    Some(Signal::rule(
        DetectorId::UntrustedEnvironment,
        demand,
        TECHNIQUE,
        format!("{} runs in {environment}; {against}", event.identity.id),
        evidence,
    ))
}

/// The scopes that only read.
pub(crate) fn reading_scopes<'s>(scopes: impl Iterator<Item = &'s str>) -> Vec<String> {
    let reads = |scope: &&str| {
        let words = scope.split([':', '.', '/', '_', '-']);
        words.into_iter().any(|word| matches!(&*word.to_ascii_lowercase(), "read" | "readonly" | "list" | "view" | "get"))
    };
    scopes.filter(reads).map(str::to_owned).collect()
}
