//! What people and bots answer: it clears or confirms what was suspected.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, Event, Outcome, Verdict};

use crate::identity::Identity;
use crate::policy::standing::{Standing, StandingCommands};
use crate::profile::scope::Trust;
use crate::risk::Ledger;
use crate::session::{Session, session_key};

/// What is left of the risk after a passed challenge: a stolen session may pass one too.
const AFTER_CHALLENGE: f32 = 0.5;
/// What is left when a person says that it was nothing.
const AFTER_CLEARING: f32 = 0.25;

/// Applies a feedback event to the identity it is about.
pub(crate) fn apply(identity: &mut Identity, event: &Event<'_>) {
    let key = session_key(event);
    let command = event
        .feedback
        .command_id
        .as_deref()
        .and_then(command_number);
    let meant = |standing: &Standing| match command {
        Some(command) => standing.id == command,
        None => standing.session == key,
    };
    let left = match event.feedback.verdict.known() {
        Some(Verdict::StepUpPassed) => {
            identity
                .standing
                .end(|standing| standing.action == Action::StepUp && meant(standing));
            AFTER_CHALLENGE
        }
        Some(Verdict::FalsePositive | Verdict::Restored) => {
            identity.standing.end(meant);
            release(identity, key, event);
            AFTER_CLEARING
        }
        _ => return,
    };
    identity.ledger.relieve(left, event.time);
    if let Some(session) = identity.sessions.get_mut(key) {
        session.ledger.relieve(left, event.time);
    }
}

/// Lets what was held back become usual.
fn release(identity: &mut Identity, key: u32, event: &Event<'_>) {
    let weight = identity.profile.landmark.weight(event.time);
    if let Some(session) = identity.sessions.get_mut(key) {
        for novel in session.novel.drain(..) {
            let class = ActionClass::ALL[usize::from(novel.class)];
            identity
                .profile
                .scope
                .learn(novel.name, class, event.time, weight, Trust::Usual);
        }
        session.drift_bits = 0.0;
        session.cusum = 0.0;
        session.odd_steps.clear();
    }
}

/// A successful login or second factor in the session passes its `step_up`.
pub(crate) fn pass_by_authentication(
    session: &mut Session,
    ledger: &mut Ledger,
    standing: &mut StandingCommands,
    event: &Event<'_>,
) {
    let authenticates = matches!(
        event.action.class.known(),
        Some(ActionClass::Login | ActionClass::Mfa)
    );
    if standing.is_empty() || !authenticates || event.outcome() != Outcome::Success {
        return;
    }
    let ended = standing.end(|standing| {
        standing.action == Action::StepUp
            && standing.session == session.key
            && event.time > standing.given
    });
    if ended > 0 {
        session.ledger.relieve(AFTER_CHALLENGE, event.time);
        ledger.relieve(AFTER_CHALLENGE, event.time);
    }
}

/// The number behind a command's id.
fn command_number(id: &str) -> Option<u64> {
    u64::from_str_radix(id.strip_prefix("c-")?, 16).ok()
}
