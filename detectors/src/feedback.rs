//! What people and bots answer: it clears or confirms what was suspected.

use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::event::{ActionClass, Event, IdentityKind, Outcome, Verdict};
use plumbline_schemas::time::EventTime;

use crate::detect::DetectorId;
use crate::identity::Identity;
use crate::names::Names;
use crate::policy::standing::{Standing, StandingCommands};
use crate::profile::Profile;
use crate::profile::habits::Trait;
use crate::profile::places::Bearer;
use crate::profile::scope::Trust;
use crate::risk::IdentityLedger;
use crate::session::Session;
use crate::setting::key;
use crate::units::Bits;

/// What is left of the risk after a passed challenge: a stolen session may pass one too.
const AFTER_CHALLENGE: f32 = 0.5;
/// What is left when a person says that it was nothing.
const AFTER_CLEARING: f32 = 0.25;
/// By what risk is multiplied when a person says that it was an attack.
const CONDEMNED: f32 = 2.0;
/// After a passed challenge the same again is not asked about; so much more is.
const BEYOND_CHALLENGE: Bits = Bits(10.0);

/// A place where a challenge was passed counts as used on so many earlier days,
const DAYS_OF_CHALLENGE: u8 = 1;
/// and one that a person called harmless on so many.
const DAYS_OF_CLEARING: u8 = 2;

/// Whether feedback is about this command: it names it or, failing that, its session or credential.
pub(crate) fn meant(standing: &Standing, event: &Event<'_>) -> bool {
    let bearer = Bearer::of(event);
    match event.feedback.command_id.as_deref() {
        // What is no id of ours names no command: nothing else is meant instead.
        Some(id) => command_number(id) == Some(standing.id),
        // Who names a session speaks of that one, not of all that the identity does.
        None if event.session.id.is_some() => {
            let is_of_it = [standing.session, standing.began_in].contains(&bearer.session);
            standing.resource == 0 && is_of_it
        }
        None => standing.covers(bearer.session, bearer.credential),
    }
}

/// A bot has done what it was told: what was revoked is revoked from now on.
pub(crate) fn acknowledge(identity: &mut Identity, event: &Event<'_>) {
    // What is only observed no bot acts on, unless it says so.
    let is_named = event.feedback.command_id.is_some();
    let revokes = |standing: &&Standing| {
        standing.action >= Action::RevokeSession && (is_named || standing.mode == Mode::Enforce)
    };
    let mut revoking = identity.standing.iter().filter(revokes);
    let Some(standing) = revoking.find(|standing| meant(standing, event)) else {
        return;
    };
    let (session, credential) = (standing.session, standing.credential);
    if session != 0 || credential != 0 {
        identity.facts.revoke(session, credential, event);
        return;
    }
    let live: Vec<(u32, u32)> = identity
        .sessions
        .iter()
        .map(|session| (session.key, session.credential))
        .collect();
    for (session, credential) in live {
        identity.facts.revoke(session, credential, event);
    }
}

/// A person says that it was an attack: the risk that had faded is there again.
pub(crate) fn condemn(identity: &mut Identity, event: &Event<'_>) {
    let key = Bearer::of(event).session;
    identity.ledger.relieve(CONDEMNED, event.time);
    identity.facts.attacked(event.time);
    // Whatever was on its way to be usual begins anew: nobody knows what of it was the attacker's.
    identity.profile.scope.condemn();
    identity.profile.habits.condemn();
    for session in identity.sessions.iter_mut() {
        if event.session.id.is_some() && session.key == key {
            identity.profile.data.condemn(key);
            session.ledger.relieve(CONDEMNED, event.time);
        }
    }
}

/// Applies a feedback event that lifts commands to the identity it is about, and gives those.
pub(crate) fn apply(identity: &mut Identity, names: &Names, event: &Event<'_>) -> Vec<Standing> {
    let clears = match event.feedback.verdict.known() {
        Some(Verdict::StepUpPassed) => false,
        Some(Verdict::FalsePositive | Verdict::Restored | Verdict::Approved) => true,
        _ => return Vec::new(),
    };
    let bearer = Bearer::of(event);
    // A challenge is no answer to what was not asked: what is revoked stays suspect.
    let revoked = |standing: &Standing| {
        meant(standing, event) && standing.action > Action::StepUp && !standing.is_hygiene
    };
    if !clears && identity.standing.iter().any(revoked) {
        return Vec::new();
    }
    let ended = identity
        .standing
        .end(|standing| meant(standing, event) && (clears || standing.action == Action::StepUp));
    if !clears {
        admit_pairs(&mut identity.profile, identity.kind, &ended, event.time);
    }
    let left = if clears {
        AFTER_CLEARING
    } else {
        AFTER_CHALLENGE
    };
    identity.ledger.relieve(left, event.time);
    if clears {
        // People answer days later: the session may be forgotten by then, and the command have expired.
        identity.facts.restore(bearer.session, bearer.credential);
        let detectors = ended.iter().map(|standing| standing.detectors);
        identity
            .facts
            .cleared(detectors.fold(0, |all, some| all | some));
    }
    for session in identity.sessions.iter_mut() {
        let meant = session.key == bearer.session
            || ended
                .iter()
                .any(|standing| standing.began_in == session.key);
        if !meant {
            continue;
        }
        if clears {
            identity.facts.restore(session.key, session.credential);
            release(&mut identity.profile, session, names, event);
            let habits = &mut identity.profile.habits;
            identity.facts.vouch(session, habits, event.time);
            session.vouch(Bits::MOST);
        } else {
            admit(&mut identity.profile, session, names, event);
            make_at_home(&mut identity.profile, session, event);
            pass(session, event);
        }
        session.ledger.relieve(left, event.time);
    }
    ended
}

/// What was asked about is not asked about again.
fn pass(session: &mut Session, event: &Event<'_>) {
    session.authenticates(event.time);
    session.vouch(BEYOND_CHALLENGE);
}

/// Where a challenge was passed is not strange any more.
pub(crate) fn make_at_home(profile: &mut Profile, session: &mut Session, event: &Event<'_>) {
    let weight = profile.landmark.weight(event.time);
    profile
        .places
        .vouch(session.key, DAYS_OF_CHALLENGE, event.time, weight);
    settle(profile, session, event);
}

/// The circumstances of the session are right.
fn settle(profile: &mut Profile, session: &mut Session, event: &Event<'_>) {
    profile.data.release(session.key);
    session.setting.vouch(&mut profile.habits, event.time);
    if let Some(changed) = session
        .extra
        .as_mut()
        .and_then(|extra| extra.changed.take())
    {
        // The session may have gone back since.
        changed.setting.vouch(&mut profile.habits, event.time);
    }
}

/// What was new to the identity belongs to it.
fn admit(profile: &mut Profile, session: &mut Session, names: &Names, event: &Event<'_>) {
    let weight = profile.landmark.weight(event.time);
    for novel in session.take_novel() {
        let class = ActionClass::ALL[usize::from(novel.class)];
        profile
            .scope
            .learn(novel.name, class, event.time, weight, Trust::Usual);
    }
    let tenants = session.extra.iter().flat_map(|extra| extra.tenants.iter());
    for (tenant, _) in tenants {
        let tenant = key(names.text(*tenant));
        profile.habits.vouch(Trait::Tenant, tenant, event.time);
    }
}

/// Lets what was held back become usual.
fn release(profile: &mut Profile, session: &mut Session, names: &Names, event: &Event<'_>) {
    let weight = profile.landmark.weight(event.time);
    admit(profile, session, names, event);
    settle(profile, session, event);
    profile
        .places
        .vouch(session.key, DAYS_OF_CLEARING, event.time, weight);
    session.forget_steps();
}

/// What was done with a privilege that was just gained belongs to whoever passed the challenge for it. What an agent does
/// unapproved waits beside that, and no challenge answers it.
pub(crate) fn admit_pairs(
    profile: &mut Profile,
    kind: IdentityKind,
    passed: &[Standing],
    time: EventTime,
) {
    let is_pair = |passed: &Standing| passed.detectors & DetectorId::FreshPrivilege.bit() != 0;
    if kind != IdentityKind::AiAgent && passed.iter().any(is_pair) {
        profile.habits.admit(Trait::Pair, time);
    }
}

/// A successful login or second factor in the session passes its `step_up`; what was passed. What the
/// success itself comes with is judged first, and only then at home ([`make_at_home`]).
pub(crate) fn pass_by_authentication(
    session: &mut Session,
    ledger: &mut IdentityLedger,
    standing: &mut StandingCommands,
    bearer: Bearer,
    event: &Event<'_>,
) -> Vec<Standing> {
    let authenticates = matches!(
        event.action.class.known(),
        Some(ActionClass::Login | ActionClass::Mfa)
    );
    if standing.is_empty() || !authenticates || event.outcome() != Outcome::Success {
        return Vec::new();
    }
    let passed = |standing: &Standing| {
        standing.action == Action::StepUp
            && standing.covers(session.key, bearer.credential)
            && event.time > standing.given
    };
    let passed = standing.end(passed);
    if !passed.is_empty() {
        pass(session, event);
        session.ledger.relieve(AFTER_CHALLENGE, event.time);
        ledger.relieve(AFTER_CHALLENGE, event.time);
    }
    passed
}

/// The number behind a command's id.
fn command_number(id: &str) -> Option<u64> {
    u64::from_str_radix(id.strip_prefix("c-")?, 16).ok()
}
