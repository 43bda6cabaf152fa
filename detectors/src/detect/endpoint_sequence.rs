//! `endpoint_sequence`: known endpoints in an order the identity never uses.
//!
//! **Catches** a stolen machine credential in other hands that stays inside its scope: enumeration
//! loops, a single endpoint over and over, the job's steps backwards (T1078).
//!
//! **Model.** Each step has a chance under the identity's own variable-order Markov chain and under the
//! same endpoints without their order (`profile/sequence.rs`). The log of their ratio, held between −6
//! and 4 bits and lessened by 0.3, feeds a one-sided CUSUM (Page 1954). By Ville's inequality an order
//! that is what the chain says reaches a sum of b bits with a chance of at most 2^−b. What the identity's
//! own sums have brought beyond 6 bits says how far its chain is from that, as where pods go round side
//! by side with one key, and the sum is corrected by it (`profile/peaks.rs`). That, less two bits
//! because a sum may begin with any odd step of an hour, is the surprise. An endpoint never used is
//! neutral here: `scope_drift` speaks of it.
//!
//! One call again and again, as in polling or paging, is one oddity that grows with the logarithm of its
//! length: after the first, the nth time more adds log2((n + 1) / n) bits at most. Of more calls than
//! usual `call_volume` speaks.
//!
//! Whose order saves less than 0.4 bits per call, against the same endpoints without it, has none to break.
//!
//! **By itself** it asks machines, until that was asked on three earlier days from where and with what the
//! identity always comes, and nothing else was odd: then this is its order, and it is a finding.
//!
//! **Evidence:** the odd steps with their chance and bits; the sum. **Configuration:** mode only.
//!
//! **Blind spots:** an identity with one endpoint has no order; a person's order is too free to be more
//! than a finding by itself.

use plumbline_schemas::event::Outcome;
use serde_json::{Map, Value, json};

use super::{DetectorId, Moment, Subject};
use crate::event_id::EventId;
use crate::profile::Profile;
use crate::profile::peaks::{LEVEL, Of};
use crate::session::{OddStep, Session};
use crate::signal::{Alone, Signal, evidence};
use crate::units::{Bits, round_to};

/// No single step says more than this against the usual order,
const MOST_STEP_BITS: f64 = 4.0;
/// nor more than this for it.
const LEAST_STEP_BITS: f64 = -6.0;
/// Taken off each step, so that a model that is a little wrong does not add up.
const SLACK_BITS: f64 = 0.3;
/// A sum may begin with any of the odd steps of an hour, and each of those beginnings may be by chance: log2 of four.
const SEVERAL_STARTS_BITS: f64 = 2.0;
/// An order that saves less than this per call is none.
const LEAST_ORDER_BITS: f64 = 0.4;
/// How far beyond a finding a machine is asked to prove itself.
const STEP_UP_BEYOND_BITS: f64 = 1.0;
/// Before so many days nobody knows how far somebody's order strays.
const SETTLED_DAYS: u16 = 3;

const TECHNIQUE: &[&str] = &["T1078"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let (profile, session) = (subject.profile, &mut *subject.session);
    // What fails is tried again or given up: that is the order of an outage, not of the identity.
    // And what arrives late was not called last.
    if moment.event.outcome() != Outcome::Success || !moment.entered.in_order {
        return None;
    }
    let step = moment.step.as_ref()?;
    if profile.sequence.order.bits() < LEAST_ORDER_BITS {
        session.forget_steps();
        return None;
    }
    let ratio = (step.without_order / step.in_order).log2();
    let is_repeat = session.last_endpoint == Some(moment.endpoint);
    session.repeats = if is_repeat { session.repeats.saturating_add(1) } else { 0 };
    let surprise = ratio.clamp(LEAST_STEP_BITS, MOST_STEP_BITS) - SLACK_BITS;
    let step_bits = match session.repeats {
        0 | 1 => surprise,
        again => {
            let nth = f64::from(again - 1);
            surprise.min(((nth + 1.0) / nth).log2())
        }
    };
    session.cusum = (f64::from(session.cusum) + step_bits).max(0.0) as f32;
    if surprise < 1.0 {
        return None;
    }
    session.add_odd_step(OddStep {
        from: session.last_endpoint,
        to: moment.endpoint,
        chance: step.in_order as f32,
        taken: step.step_count as f32,
        seen: step.context_count as f32,
        bits: step_bits as f32,
        event_id: EventId::new(&moment.event.id),
        context: session.context,
        symbol: moment.symbol,
        is_held: f64::from(session.cusum) >= LEVEL,
    });
    let sum = Bits(f64::from(session.cusum));
    let corrected = profile.peaks.corrected(Of::Order, sum, moment.weight);
    let bits = Bits(corrected.0 - SEVERAL_STARTS_BITS).clamped();
    moment
        .may_count(bits)
        .then(|| signal(moment, profile, session, bits))
}

fn signal(moment: &Moment<'_>, profile: &Profile, session: &Session, bits: Bits) -> Signal {
    let summary = format!(
        "{} steps out of the usual order, the last to {}",
        session.odd_steps().len(),
        moment.event.action.name
    );
    // An attack goes on for hundreds of calls; what was said of it is not put together again.
    let ledger = &session.ledger;
    let is_told = ledger.is_told(DetectorId::EndpointSequence, bits, moment.time())
        && moment.config.policy.rule.is_empty();
    let (evidence, other_events) = match is_told {
        true => Default::default(),
        false => told(moment, profile, session, bits),
    };
    let settled = profile.earlier_days(moment.time()) >= SETTLED_DAYS;
    let is_habit = profile.peaks.is_habit(Of::Order, moment.time());
    let clear = bits.0 >= moment.threshold.0 + STEP_UP_BEYOND_BITS;
    Signal {
        detector: DetectorId::EndpointSequence,
        bits,
        alone: if clear && moment.is_machine() && settled && !is_habit {
            Alone::StepUp
        } else {
            Alone::Finding
        },
        demand: None,
        is_notable: false,
        technique: TECHNIQUE,
        summary,
        evidence,
        other_events,
    }
}

/// The odd steps, and their events.
fn told(
    moment: &Moment<'_>,
    profile: &Profile,
    session: &Session,
    bits: Bits,
) -> (Map<String, Value>, Vec<String>) {
    let names = moment.names;
    let steps: Vec<_> = session
        .odd_steps()
        .iter()
        .map(|step| {
            json!({
                "from": step.from.map_or("start of session", |from| names.text(from)),
                "to": names.text(step.to),
                "taken_before": round_to(f64::from(step.taken), 1),
                "of_times_from_there": round_to(f64::from(step.seen), 1),
                "chance": round_to(f64::from(step.chance), 5),
                "bits": round_to(f64::from(step.bits), 1),
                "event_id": step.event_id,
            })
        })
        .collect();
    let evidence = evidence(json!({
        "odd_steps": steps,
        "sum_bits": round_to(f64::from(session.cusum), 1),
        "bits": bits.rounded(),
        "usual_excess_factor": round_to(profile.peaks.factor(Of::Order, moment.weight), 2),
        "formula": "each step adds log2(chance without order / chance in order), between -6 and 4, \
                    less 0.3, and no more than log2((n + 1) / n) where it repeats one call for the nth \
                    time after the first; the sum never falls below 0; bits = 6 + (sum - 6) / factor - 2",
        "silent_if": "these steps were part of the order this identity has used before",
    }));
    let other_events = session
        .odd_steps()
        .iter()
        .map(|step| step.event_id.to_string())
        .filter(|id| **id != *moment.event.id)
        .collect();
    (evidence, other_events)
}
