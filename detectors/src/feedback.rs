//! What people and bots answer: it clears or confirms what was suspected.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, Event, Outcome, Verdict};

use crate::identity::Identity;
use crate::policy::standing::{Standing, StandingCommands};
use crate::profile::Profile;
use crate::profile::places::Bearer;
use crate::profile::scope::Trust;
use crate::risk::IdentityLedger;
use crate::session::Session;
use crate::units::Bits;

/// What is left of the risk after a passed challenge: a stolen session may pass one too.
const AFTER_CHALLENGE: f32 = 0.5;
/// What is left when a person says that it was nothing.
const AFTER_CLEARING: f32 = 0.25;
/// After a passed challenge the same again is not asked about; so much more is.
const BEYOND_CHALLENGE: Bits = Bits(10.0);

/// A place where a challenge was passed counts as used on so many earlier days,
const DAYS_OF_CHALLENGE: u8 = 1;
/// and one that a person called harmless on so many.
const DAYS_OF_CLEARING: u8 = 2;

/// Applies a feedback event to the identity it is about.
pub(crate) fn apply(identity: &mut Identity, event: &Event<'_>) {
    let clears = match event.feedback.verdict.known() {
        Some(Verdict::StepUpPassed) => false,
        Some(Verdict::FalsePositive | Verdict::Restored) => true,
        _ => return,
    };
    let bearer = Bearer::of(event);
    let command = event
        .feedback
        .command_id
        .as_deref()
        .and_then(command_number);
    let ended = identity.standing.end(|standing| {
        let meant = match command {
            Some(command) => standing.id == command,
            None => standing.covers(bearer.session, bearer.credential),
        };
        meant && (clears || standing.action == Action::StepUp)
    });
    let left = if clears {
        AFTER_CLEARING
    } else {
        AFTER_CHALLENGE
    };
    identity.ledger.relieve(left, event.time);
    for session in identity.sessions.iter_mut() {
        let meant = session.key == bearer.session
            || ended
                .iter()
                .any(|standing| standing.began_in == session.key);
        if !meant {
            continue;
        }
        if clears {
            release(&mut identity.profile, session, event);
            session.vouch(Bits::MOST);
        } else {
            admit(&mut identity.profile, session, event);
            pass(&mut identity.profile, session, event);
        }
        session.ledger.relieve(left, event.time);
    }
}

/// Where a challenge was passed is not strange any more, and the same is not asked about again.
fn pass(profile: &mut Profile, session: &mut Session, event: &Event<'_>) {
    let weight = profile.landmark.weight(event.time);
    profile
        .places
        .vouch(session.key, DAYS_OF_CHALLENGE, event.time, weight);
    session.vouch(BEYOND_CHALLENGE);
}

/// What was new to the identity belongs to it.
fn admit(profile: &mut Profile, session: &mut Session, event: &Event<'_>) {
    let weight = profile.landmark.weight(event.time);
    for novel in session.take_novel() {
        let class = ActionClass::ALL[usize::from(novel.class)];
        profile
            .scope
            .learn(novel.name, class, event.time, weight, Trust::Usual);
    }
}

/// Lets what was held back become usual.
fn release(profile: &mut Profile, session: &mut Session, event: &Event<'_>) {
    let weight = profile.landmark.weight(event.time);
    admit(profile, session, event);
    profile
        .places
        .vouch(session.key, DAYS_OF_CLEARING, event.time, weight);
    session.forget_steps();
}

/// A successful login or second factor in the session passes its `step_up`.
pub(crate) fn pass_by_authentication(
    profile: &mut Profile,
    session: &mut Session,
    ledger: &mut IdentityLedger,
    standing: &mut StandingCommands,
    bearer: Bearer,
    event: &Event<'_>,
) {
    let authenticates = matches!(
        event.action.class.known(),
        Some(ActionClass::Login | ActionClass::Mfa)
    );
    if standing.is_empty() || !authenticates || event.outcome() != Outcome::Success {
        return;
    }
    let passed = |standing: &Standing| {
        standing.action == Action::StepUp
            && standing.covers(session.key, bearer.credential)
            && event.time > standing.given
    };
    if !standing.end(passed).is_empty() {
        pass(profile, session, event);
        session.ledger.relieve(AFTER_CHALLENGE, event.time);
        ledger.relieve(AFTER_CHALLENGE, event.time);
    }
}

/// The number behind a command's id.
fn command_number(id: &str) -> Option<u64> {
    u64::from_str_radix(id.strip_prefix("c-")?, 16).ok()
}
