//! `failure_burst`: failures in a burst, then a success; approvals refused again and again.
//!
//! **Catches** guessed passwords, prompts that somebody at last gave in to, and an agent that asks until
//! somebody approves (T1110, T1621). The success is asked about; where it comes from a new context the
//! session ends. The third refused approval within an hour ends it too.
//!
//! **Model.** A count over 15 minutes before the success: five failures, four prompts refused or failed, or six of these
//! within an hour. Failures and success from the identity's own device in a network it knows are a forgotten password, up to nine;
//! four prompts never are: who forgets a password has not come to them. **Evidence:** how many, from where,
//! events. **Configuration:** mode only. **Blind spots:** slow guessing. Where eight other
//! identities of the tenant fail at the same time it is an outage, and a success from a usual device is one.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, Event};
use plumbline_schemas::time::EventTime;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::facts::{BURST as FAILURES, BURST_MS as WINDOW_MS, Facts, Failure, MOST, is_authentication};
use crate::profile::habits::Trait;
use crate::signal::{Demand, Signal};

const PROMPTS: usize = 4;
/// So many prompts within an hour are as many.
const SLOW_PROMPTS: usize = 6;
const SLOW_MS: i64 = 3_600_000;
/// So many failures are no forgotten password any more.
const FORGOTTEN: usize = 10;
const APPROVALS_MS: i64 = 3_600_000;
const APPROVALS: usize = 3;

const TECHNIQUE: &[&str] = &["T1110", "T1621"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    if moment.class == ActionClass::Approval {
        return approvals(moment, subject);
    }
    let class = moment.event.action.class.known();
    if subject.facts.failures().is_empty() || !moment.succeeded() || !is_authentication(moment.event, class) {
        return None;
    }
    let now = moment.time();
    let in_window = |failure: &&Failure| (0..=WINDOW_MS).contains(&now.since(failure.time));
    let failures: Vec<&Failure> = subject.facts.failures().iter().filter(in_window).collect();
    let prompts = failures.iter().filter(|failure| failure.mfa).count();
    // Who is patient asks every few minutes.
    let is_slow = |failure: &&Failure| failure.mfa && (0..=SLOW_MS).contains(&now.since(failure.time));
    let slow = subject.facts.failures().iter().filter(is_slow).count();
    let is_slow = slow >= SLOW_PROMPTS;
    if failures.len() < FAILURES && prompts < PROMPTS && !is_slow {
        return None;
    }
    let (failures, prompts, window_ms) = match prompts < PROMPTS && is_slow {
        true => (subject.facts.failures().iter().filter(|it| (0..=SLOW_MS).contains(&now.since(it.time))).collect(), slow, SLOW_MS),
        false => (failures, prompts, WINDOW_MS),
    };
    let from_elsewhere = failures.iter().filter(|failure| !failure.usual).count();
    let (usual, new) = context(moment, subject);
    if moment.is_outage && !new {
        return None;
    }
    let forgotten = prompts < PROMPTS && failures.len() < FORGOTTEN;
    if usual && from_elsewhere == 0 && forgotten {
        return None;
    }
    let young = subject.profile.earlier_days(now) == 0;
    // A new laptop in the office is asked.
    let is_at_home = || {
        let network = moment.setting.get(Trait::Network);
        network != 0 && subject.profile.habits.is_known(Trait::Network, network, now)
    };
    let demand = match new && !young && !(forgotten && is_at_home()) {
        true => Action::RevokeSession,
        false => Action::StepUp,
    };
    // No more are kept than this.
    let at_least = if failures.len() == MOST { "at least " } else { "" };
    let count = failures.len();
    let from = moment.names.text(moment.described);
    let evidence = json!({
        "failures": count, "more_may_have_been": count == MOST, "refused_prompts": prompts, "failures_from_elsewhere": from_elsewhere,
        "window_minutes": window_ms / 60_000, "success_from": from, "success_from_new_context": new,
        "silent_if": match window_ms {
            SLOW_MS => format!("fewer than {SLOW_PROMPTS} prompts had been refused or failed within an hour"),
            _ => format!(
                "fewer than {FORGOTTEN} failures, fewer than {PROMPTS} of them at a prompt, and the success had \
                 come from a device and a network used on an earlier day"
            ),
        },
    });
    let events: Vec<String> = failures.iter().map(|failure| failure.event_id.to_string()).collect();
    let signal = Signal::rule(
        DetectorId::FailureBurst,
        Demand::of(demand),
        TECHNIQUE,
        format!("{at_least}{count} failures ({prompts} refused prompts) within {} min, then a success from {from}", window_ms / 60_000),
        evidence,
    );
    Some(signal.resting_on(events))
}

/// Whether the success comes from a usual device, or else network; and whether from a new one.
fn context(moment: &Moment<'_>, subject: &Subject<'_>) -> (bool, bool) {
    let habits = &subject.profile.habits;
    let stated = |what: &Trait| moment.setting.get(*what) != 0;
    let known = |what: &Trait| habits.is_known(*what, moment.setting.get(*what), moment.time());
    let devices = [Trait::Device, Trait::Fingerprint, Trait::Host];
    let device = devices.iter().find(|what| stated(what));
    let at_home = known(&Trait::Network) && stated(&Trait::Network);
    match device {
        // Without an id of its own it is another version of what it was.
        Some(Trait::Fingerprint) if at_home && stated(&Trait::Agent) && known(&Trait::Agent) => (true, false),
        Some(device) => {
            let network = moment.is_egress || known(&Trait::Network) || !stated(&Trait::Network);
            (known(device) && network, !known(device))
        }
        None if stated(&Trait::Network) => (known(&Trait::Network), !known(&Trait::Network)),
        None => (false, false),
    }
}

fn approvals(moment: &Moment<'_>, subject: &Subject<'_>) -> Option<Signal> {
    let refused = moment.was_refused();
    refused.then(|| refused_approvals(subject.facts, moment.time(), Some(moment.event)))?
}

/// What approvals come to that were refused within an hour; one more where an event is at hand that is yet to be kept.
pub(crate) fn refused_approvals(
    facts: &Facts,
    now: EventTime,
    event: Option<&Event<'_>>,
) -> Option<Signal> {
    let refused: Vec<String> = facts
        .failed_approvals()
        .iter()
        .filter(|(time, _)| (0..=APPROVALS_MS).contains(&now.since(*time)))
        .map(|(_, event_id)| event_id.to_string())
        .collect();
    let count = refused.len() + usize::from(event.is_some());
    if count < APPROVALS {
        return None;
    }
    let evidence = json!({
        "refused_approvals": count, "window_minutes": APPROVALS_MS / 60_000,
        "silent_if": format!("fewer than {APPROVALS} approvals had been refused within an hour"),
    });
    let signal = Signal::rule(
        DetectorId::FailureBurst,
        Demand::of(Action::RevokeSession),
        TECHNIQUE,
        format!("{count} approvals refused within an hour"),
        evidence,
    );
    Some(signal.resting_on(refused))
}
