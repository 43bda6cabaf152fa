//! Policy: from what was seen to what is to be done.
//!
//! One odd signal by itself is a finding, unless its detector knows better ([`Alone`]); two
//! independent ones are a `step_up`; three, or two that together are beyond doubt, revoke. What goes
//! on after a `step_up` is revoked. The answer goes to whatever can be cut with the least harm to the
//! kind of identity: a person's session, a machine's credential.

pub(crate) mod breaker;
mod circumstances;
mod ground;
pub(crate) mod rules;
pub(crate) mod standing;

use plumbline_schemas::command::{Action, Mode, Params};
use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;

use crate::config::{PolicyConfig, SuppressRule};
use crate::detect::{DetectorId, Group};
use crate::facts::Tactic;
use crate::glob;
use crate::risk::{DetectorSet, IdentityLedger};
use crate::signal::{About, Alone, Demand, Signal};
use crate::units::Bits;
pub use ground::Ground;
use standing::Standing;

/// How many bits below the threshold of a finding a second detector may stay and still count.
pub(crate) const CORROBORATION_BITS: f64 = 5.0;
/// Two detectors that together say this much are asked about,
const STEP_UP_BITS: f64 = 22.0;
/// and revoked when they say this much.
const REVOKE_BITS: f64 = 44.0;
/// What must be added after a `step_up` for it to have been ignored.
const GOES_ON_BITS: f64 = 10.0;

/// What says of usual calls that they are more, or in another order. However much of that there is, it is asked
/// about and no more: pages that are read one after the other are both.
const OF_USUAL_CALLS: DetectorSet =
    DetectorId::EndpointSequence.bit() | DetectorId::CallVolume.bit();

/// So long an answer is remembered when the next signal comes.
const TACTICS_MS: i64 = 24 * 3_600_000;

/// A `step_up` stands for an hour, a revocation for a day: after that a bot must not act, and what is
/// still going on is answered anew.
const STEP_UP_LIFETIME_MS: i64 = 3_600_000;
const REVOKE_LIFETIME_MS: i64 = 24 * 3_600_000;

/// The detectors that reach a finding by themselves.
pub(crate) fn reached<'s>(
    signals: impl IntoIterator<Item = &'s Signal>,
    alone: Bits,
) -> DetectorSet {
    let reaching = signals.into_iter().filter(|signal| signal.bits >= alone);
    reaching.fold(0, |set: DetectorSet, signal| set | signal.detector.bit())
}

/// From so many bits on a signal is published, given what else was seen, before and of the same event.
pub(crate) fn threshold(
    ledger: &IdentityLedger,
    detector: DetectorId,
    reached: DetectorSet,
    (alone, now): (Bits, EventTime),
) -> Bits {
    let others = !detector.bit();
    let corroborated = reached & others != 0 || ledger.active(others, alone, now).next().is_some();
    if corroborated {
        Bits(alone.0 - CORROBORATION_BITS)
    } else {
        alone
    }
}

/// What the evidence asks for, and which detectors it rests on.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) action: Action,
    pub(crate) about: About,
    pub(crate) params: Params,
    pub(crate) detectors: Vec<DetectorId>,
    /// Whether it only asks for good order.
    pub(crate) is_hygiene: bool,
    /// Why it is this and nothing less.
    pub(crate) ground: Ground,
}

/// What is known when an answer is sought.
#[derive(Debug)]
pub(crate) struct Case<'c> {
    pub(crate) kind: IdentityKind,
    pub(crate) ledger: &'c IdentityLedger,
    pub(crate) signals: &'c [Signal],
    pub(crate) standing: Option<&'c Standing>,
    /// The detectors behind what was answered within a day.
    pub(crate) tactics: &'c [Tactic],
    pub(crate) now: EventTime,
    pub(crate) has_session: bool,
    pub(crate) has_credential: bool,
    /// From so many bits on a finding is published.
    pub(crate) threshold: Bits,
}

/// The answer that these detectors alone justify: what a rule demands, or what the score comes to.
pub(crate) fn answer(case: &Case<'_>, of: DetectorSet) -> Option<Answer> {
    let counted = || {
        let signals = case.signals.iter();
        signals.filter(move |signal| signal.detector.bit() & of != 0)
    };
    let decides = counted().any(|signal| signal.demand.as_ref().is_some_and(|it| it.decides));
    let mut demanded: Option<(&Signal, &Demand)> = None;
    for signal in counted() {
        // Where a rule decides before the score does, what a surprise demands is score.
        let is_score = signal.detector.bit() & DetectorId::SURPRISES != 0;
        if let Some(demand) = signal.demand.as_ref().filter(|_| !(decides && is_score))
            && demanded.is_none_or(|(_, other)| demand.action > other.action)
        {
            demanded = Some((signal, demand));
        }
    }
    let scored = if decides { None } else { score(case, of) };
    match (demanded, scored) {
        (Some((signal, demand)), scored)
            if scored
                .as_ref()
                .is_none_or(|scored| demand.action >= scored.action) =>
        {
            let is_hygiene = counted().all(|signal| signal.detector.group() == Group::Hygiene);
            // Without a session there is none to end.
            let homeless = demand.action == Action::RevokeSession && !case.has_session;
            let is_other_way = is_another_way(case, signal.detector, demand.action);
            let demand = match homeless || is_other_way {
                true => Demand::of(revocation(case, false)),
                false => demand.clone(),
            };
            let ground = match is_other_way {
                true => Ground::OtherWay(signal.detector),
                false => Ground::Demanded(signal.detector),
            };
            Some(Answer {
                action: demand.action,
                about: demand.about,
                params: demand.params,
                detectors: vec![signal.detector],
                is_hygiene,
                ground,
            })
        }
        (_, scored) => scored,
    }
}

/// What the bits of all detectors come to, those of one group counted once.
fn score(case: &Case<'_>, of: DetectorSet) -> Option<Answer> {
    let of = of & DetectorId::SURPRISES;
    let counted = || {
        let signals = case.signals.iter();
        signals.filter(move |signal| signal.detector.bit() & of != 0 && signal.demand.is_none())
    };
    let surest = counted().max_by_key(|signal| signal.alone)?;
    let alone = surest.alone;
    let least = Bits(case.threshold.0 - CORROBORATION_BITS);
    let detectors: Vec<DetectorId> = case.ledger.active(of, least, case.now).collect();
    let (groups, bits) = case.ledger.by_group(of, least, case.now);
    let elsewhere = detectors
        .iter()
        .any(|detector| matches!(detector.group(), Group::Location | Group::Device));
    let together = match groups {
        0 | 1 => Alone::Finding,
        2 if bits.0 < STEP_UP_BITS => Alone::Finding,
        // Much of two kinds is revoked at once where it also comes from elsewhere.
        2 if bits.0 < REVOKE_BITS || !elsewhere => Alone::StepUp,
        _ => Alone::Revoke,
    };
    let is_usual_calls = detectors
        .iter()
        .all(|detector| detector.bit() & OF_USUAL_CALLS != 0);
    let goes_on = !is_usual_calls
        && case.standing.is_some_and(|standing| {
            standing.action == Action::StepUp && bits.0 >= f64::from(standing.bits) + GOES_ON_BITS
        });
    let mut due = alone.max(together);
    let mut ground = match together >= alone {
        true => Ground::together(groups, bits),
        false => Ground::Alone(surest.detector),
    };
    let other_way = changes_tactics(case, counted());
    if due < Alone::Revoke && (goes_on || other_way.is_some()) {
        due = Alone::Revoke;
        ground = other_way.map_or(Ground::GoesOn, Ground::OtherWay);
    }
    let action = match due {
        Alone::Finding => return None,
        Alone::StepUp => Action::StepUp,
        Alone::Revoke => revocation(case, groups >= 2 && elsewhere),
    };
    let demand = Demand::of(action);
    Some(Answer {
        action,
        about: demand.about,
        params: demand.params,
        detectors,
        is_hygiene: false,
        ground,
    })
}

/// What follows something else that was answered before: who passed or dodged a
/// challenge and tries another way is answered more strongly. Usual calls in another order are no other way, nor are
/// more of them after usual calls in another order.
fn changes_tactics<'s>(
    case: &Case<'_>,
    signals: impl IntoIterator<Item = &'s Signal>,
) -> Option<DetectorId> {
    let is_other = |signal: &Signal, before: DetectorSet| {
        let group = signal.detector.group();
        let is_new = before & DetectorId::of_group(group) == 0;
        let is_usual_calls = (before | signal.detector.bit()) & !OF_USUAL_CALLS == 0;
        signal.bits >= case.threshold && is_new && group != Group::Order && !is_usual_calls
    };
    let is_before = |time: EventTime| (1..=TACTICS_MS).contains(&case.now.since(time));
    let mut others = signals.into_iter().filter(|signal| {
        let mut tactics = case.tactics.iter();
        tactics.any(|tactic| is_before(tactic.time) && is_other(signal, tactic.detectors))
    });
    others.next().map(|signal| signal.detector)
}

/// The same of what a rule only asks about: those of it that are a way of their own to get at something.
fn is_another_way(case: &Case<'_>, detector: DetectorId, action: Action) -> bool {
    const WAYS: DetectorSet = DetectorId::FreshPrivilege.bit()
        | DetectorId::PrivilegeEscalation.bit()
        | DetectorId::TenantFanout.bit()
        | DetectorId::DataExtraction.bit()
        | DetectorId::FailureBurst.bit()
        | DetectorId::ContextChange.bit();
    let alike = DetectorId::of_group(detector.group())
        | match detector {
            // Whoever travels does so in mid-session too: that it is another place was said.
            DetectorId::ContextChange => {
                DetectorId::of_group(Group::Location) | DetectorId::of_group(Group::Device)
            }
            // The failures themselves are more calls than usual.
            DetectorId::FailureBurst => OF_USUAL_CALLS,
            _ => 0,
        };
    let is_before = |time: EventTime| (1..=TACTICS_MS).contains(&case.now.since(time));
    let mut tactics = case.tactics.iter();
    action == Action::StepUp
        && detector.bit() & WAYS != 0
        && tactics.any(|tactic| is_before(tactic.time) && tactic.detectors & alike == 0)
}

/// What is cut: the narrowest thing that ends it.
fn revocation(case: &Case<'_>, is_stolen: bool) -> Action {
    let machine = !matches!(case.kind, IdentityKind::Human | IdentityKind::AiAgent);
    match (case.has_session, case.has_credential) {
        // A machine's credential is in other hands when it does other things from elsewhere.
        (true, true) if machine && is_stolen => Action::RevokeCredential,
        (true, _) => Action::RevokeSession,
        (false, true) => Action::RevokeCredential,
        // Nothing narrower is known. People log in again; a program whose keys are all gone is down
        // for long, so it is only suspended.
        (false, false) if case.kind == IdentityKind::Human => Action::RevokeAll,
        (false, false) => Action::Pause,
    }
}

/// Whether an identity is never to be locked out.
pub(crate) fn is_break_glass(config: &PolicyConfig, identity: &str) -> bool {
    config
        .break_glass
        .iter()
        .any(|pattern| glob::matches(pattern, identity))
}

/// The suppression that silences this detector for this identity at this time.
pub(crate) fn suppression<'c>(
    config: &'c PolicyConfig,
    detector: DetectorId,
    identity: &str,
    time: EventTime,
) -> Option<&'c SuppressRule> {
    config.suppress.iter().find(|rule| {
        time < rule.until
            && glob::matches(&rule.detector, detector.name())
            && glob::matches(&rule.identity, identity)
    })
}

/// Whether an action may be commanded beside what stands.
pub(crate) fn is_stronger(action: Action, mode: Mode, standing: Option<&Standing>) -> bool {
    standing.is_none_or(|standing| {
        let replaces_observed = standing.mode == Mode::Observe && mode == Mode::Enforce;
        replaces_observed
            || (action.strength() > standing.action.strength() && mode == standing.mode)
    })
}

/// How long a command stands.
pub(crate) fn lifetime_ms(action: Action) -> i64 {
    match action {
        Action::StepUp | Action::Deny | Action::Shorten => STEP_UP_LIFETIME_MS,
        _ => REVOKE_LIFETIME_MS,
    }
}
