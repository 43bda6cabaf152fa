//! What is known of an identity beside its habits: its credentials, and what lately happened that a
//! rule may ask for. Bounded, and nothing of it for nearly everybody.

mod kept;

use plumbline_schemas::event::{ActionClass, Event, EventKind, IdentityKind, Outcome, Verdict};
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

pub(crate) use kept::{
    AgeHabit, Approval, Credential, Duty, EndedTask, Failure, Gain, Recent, Revoked, Rival,
    Rotation, Tactic,
};

use crate::event_id::EventId;
use crate::memory::{push_exact, thin_bytes};
use crate::names::{Name, Names};
use crate::profile::day;
use crate::profile::habits::{Habits, Trait};
use crate::profile::places::{Bearer, credential_key};
use crate::risk::DetectorSet;
use crate::scopes::{Held, Scopes};
use crate::session::Session;
use crate::setting::{Setting, key};
use crate::state::codec::stored;

const MOST_CREDENTIALS: usize = 32;
/// So many failures within this time are a burst.
pub(crate) const BURST: usize = 5;
pub(crate) const BURST_MS: i64 = 15 * 60_000;
/// Of what is revoked, rotated, ended or approved: whoever cleans up after an incident ends many at once.
const MOST_ENDED: usize = 256;
/// Of everything else that is kept.
pub(crate) const MOST: usize = 24;
/// For so many days after an attack nothing that is asked about becomes usual by itself.
const ATTACKED_DAYS: u16 = 30;
/// No rule looks back further than this, but for what is revoked and what has ended.
const KEPT_MS: i64 = 24 * 3_600_000;
const REVOKED_KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// The facts of one identity.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) credentials: ThinVec<Credential>,
    access: Option<Box<Scopes>>,
    ages: ThinVec<AgeHabit>,
    longest_rest_s: u32,
    /// The day on which somebody called something of it an attack, 0 if nobody has.
    attacked_day: u16,
    recent: Option<Box<Recent>>,
}
stored!(Facts {
    credentials,
    access,
    ages,
    longest_rest_s,
    attacked_day: since 4,
    recent
});

/// Reading access to each list: empty where nothing happened.
macro_rules! lists {
    ($($name:ident: $entry:ty),+ $(,)?) => {
        impl Facts {
            $(pub(crate) fn $name(&self) -> &[$entry] {
                self.recent.as_ref().map_or(&[], |recent| &recent.$name)
            })+
        }
    };
}

lists! {
    rotations: Rotation,
    revoked: Revoked,
    approvals: Approval,
    failed_approvals: (EventTime, EventId),
    failures: Failure,
    gains: Gain,
    duties: Duty,
    ended_tasks: EndedTask,
    tactics: Tactic,
}

fn keep<T>(items: &mut ThinVec<T>, item: T, most: usize, is_old: impl Fn(&T) -> bool) {
    items.retain(|item| !is_old(item));
    if items.len() >= most {
        items.remove(0);
    }
    push_exact(items, item);
}

impl Facts {
    pub(crate) fn recent_mut(&mut self) -> &mut Recent {
        self.recent.get_or_insert_default()
    }

    /// The credential with this key.
    pub(crate) fn credential(&mut self, key: u32) -> Option<&mut Credential> {
        self.credentials
            .iter_mut()
            .find(|credential| credential.key == key)
    }

    /// The approval that covers an event of this time, session and task.
    pub(crate) fn approval(
        &self,
        time: EventTime,
        session: u32,
        task: u32,
        within_ms: i64,
    ) -> Option<&Approval> {
        self.approvals().iter().rev().find(|approval| {
            let elapsed = time.since(approval.time);
            let meant = approval.session == session
                || (approval.task != 0 && approval.task == task)
                || (approval.session <= 1 && approval.task == 0);
            (0..=within_ms).contains(&elapsed) && meant
        })
    }

    /// Whether the identity fails to authenticate again and again at this time.
    pub(crate) fn fails_in_a_burst(&self, time: EventTime) -> bool {
        let failures = self.failures();
        let just_now = failures.last().is_some_and(|last| last.time == time);
        let near = |failure: &&Failure| time.since(failure.time).abs() <= BURST_MS;
        just_now && failures.iter().filter(near).count() >= BURST
    }

    /// Remembers that something was revoked.
    pub(crate) fn revoke(&mut self, session: u32, credential: u32, event: &Event<'_>) {
        let revoked = Revoked {
            session,
            credential,
            time: event.time,
            event_id: EventId::new(&event.id),
        };
        let now = event.time;
        keep(&mut self.recent_mut().revoked, revoked, MOST_ENDED, |old| {
            now.since(old.time) > REVOKED_KEPT_MS
        });
    }

    /// It was nothing: what was revoked of these is not revoked any more, and nobody else had the credential.
    pub(crate) fn restore(&mut self, session: u32, credential: u32) {
        if let Some(recent) = &mut self.recent {
            recent.revoked.retain(|revoked| {
                let of_session = revoked.session != 0 && revoked.session == session;
                let of_credential = revoked.credential != 0 && revoked.credential == credential;
                !of_session && !of_credential
            });
        }
        for known in &mut self.credentials {
            if known.key == credential {
                known.rival = None;
            }
        }
    }

    /// Remembers an approval.
    pub(crate) fn approve(&mut self, event: &Event<'_>) {
        let approval = Approval {
            time: event.time,
            // One that names no session is for all of them, whatever credential it carries.
            session: event
                .session
                .id
                .as_ref()
                .map_or(0, |_| Bearer::of(event).session),
            task: task_key(event),
            event_id: EventId::new(&event.id),
        };
        let now = event.time;
        keep(
            &mut self.recent_mut().approvals,
            approval,
            MOST_ENDED,
            |old| now.since(old.time) > KEPT_MS,
        );
    }

    /// Remembers that an approval was refused or failed.
    pub(crate) fn refuse(&mut self, event: &Event<'_>) {
        let now = event.time;
        let failed = &mut self.recent_mut().failed_approvals;
        keep(failed, (now, EventId::new(&event.id)), MOST, |(old, _)| {
            now.since(*old) > KEPT_MS
        });
    }

    /// Takes in what an event says has happened; after it was judged.
    pub(crate) fn observe(&mut self, event: &Event<'_>, usual: impl Fn() -> bool, action: Name) {
        let (time, succeeded) = (event.time, event.outcome() == Outcome::Success);
        let id = || EventId::new(&event.id);
        let is_old = |old: EventTime| time.since(old) > KEPT_MS;
        match event.action.class.known() {
            Some(ActionClass::Approval) if succeeded && is_granted(event) => self.approve(event),
            Some(ActionClass::Approval) if !succeeded => self.refuse(event),
            Some(ActionClass::TaskEnd) if succeeded => {
                let ended = EndedTask {
                    task: task_key(event),
                    session: Bearer::of(event).session,
                    time,
                    event_id: id(),
                };
                keep(
                    &mut self.recent_mut().ended_tasks,
                    ended,
                    MOST_ENDED,
                    |old| time.since(old.time) > REVOKED_KEPT_MS,
                );
            }
            Some(ActionClass::TaskStart) if self.recent.is_some() => {
                let (task, session) = (task_key(event), Bearer::of(event).session);
                let again = |ended: &EndedTask| {
                    time > ended.time && (ended.task == task || ended.session == session)
                };
                // Another task of the session does not bring the first one back.
                for ended in &mut self.recent_mut().ended_tasks {
                    if again(ended) {
                        ended.session = 0;
                    }
                }
                self.recent_mut()
                    .ended_tasks
                    .retain(|ended| !(ended.task == task && time > ended.time));
            }
            Some(ActionClass::TokenRotate) if succeeded => self.rotate(event),
            Some(ActionClass::TokenRevoke) if succeeded => {
                let bearer = Bearer::of(event);
                let session = event.session.id.as_deref().map_or(0, |_| bearer.session);
                self.revoke(session, bearer.credential, event);
            }
            Some(ActionClass::Privilege) if succeeded => {
                let gain = Gain {
                    privilege: privilege_key(event),
                    label: action,
                    time,
                    event_id: id(),
                    session: Bearer::of(event).session,
                };
                keep(&mut self.recent_mut().gains, gain, MOST, |old| {
                    is_old(old.time)
                });
            }
            class if is_authentication(event, class) && !succeeded => {
                let failure = Failure {
                    time,
                    mfa: class == Some(ActionClass::Mfa),
                    usual: usual(),
                    event_id: id(),
                };
                keep(&mut self.recent_mut().failures, failure, MOST, |old| {
                    is_old(old.time)
                });
            }
            _ => {}
        }
    }

    fn rotate(&mut self, event: &Event<'_>) {
        let bearer = Bearer::of(event);
        let new = event.action.resource.as_deref().map_or(0, key);
        if bearer.credential == 0 || bearer.credential == new {
            return;
        }
        let rotation = Rotation {
            old: bearer.credential,
            new,
            session: event.session.id.as_deref().map_or(0, |_| bearer.session),
            time: event.time,
            event_id: EventId::new(&event.id),
            worked: None,
        };
        let now = event.time;
        keep(
            &mut self.recent_mut().rotations,
            rotation,
            MOST_ENDED,
            |old| now.since(old.time) > REVOKED_KEPT_MS,
        );
    }

    /// A call succeeded with this credential: a rotation to it is complete.
    pub(crate) fn worked(&mut self, credential: u32, time: EventTime) {
        let Some(recent) = &mut self.recent else {
            return;
        };
        for rotation in recent.rotations.iter_mut() {
            if credential != 0 && rotation.new == credential && rotation.worked.is_none() {
                rotation.worked = Some(time);
            }
        }
    }

    /// On how old authentications a machine did something of this class, with the days before today.
    pub(crate) fn age_habit(&self, class: ActionClass, time: EventTime) -> Option<AgeHabit> {
        let habit = self.ages.iter().find(|habit| habit.class == class)?;
        let today = u8::from(day(time) <= habit.last_day);
        let days = habit.days.saturating_sub(today);
        Some(AgeHabit { days, ..*habit })
    }

    /// Learns how old the authentication was, and whether it was asked about.
    pub(crate) fn learn_age(
        &mut self,
        class: ActionClass,
        age_ms: i64,
        is_asked: bool,
        time: EventTime,
    ) {
        let today = day(time);
        let Some(habit) = self.ages.iter_mut().find(|habit| habit.class == class) else {
            let habit = AgeHabit {
                class,
                days: 1,
                last_day: today,
                oldest_ms: age_ms,
                was_asked: is_asked,
            };
            push_exact(&mut self.ages, habit);
            return;
        };
        if today > habit.last_day {
            (habit.last_day, habit.days) = (today, habit.days.saturating_add(1));
        }
        habit.oldest_ms = habit.oldest_ms.max(age_ms);
    }

    /// Somebody says that it was attacked.
    pub(crate) fn attacked(&mut self, time: EventTime) {
        self.attacked_day = self.attacked_day.max(day(time));
    }

    /// Whether somebody has said so in the last month.
    pub(crate) fn was_attacked(&self, time: EventTime) -> bool {
        self.attacked_day != 0 && day(time).saturating_sub(self.attacked_day) <= ATTACKED_DAYS
    }

    /// The longest rest of any session so far.
    pub(crate) fn longest_rest_ms(&self) -> i64 {
        i64::from(self.longest_rest_s) * 1000
    }

    pub(crate) fn rest(&mut self, rested_ms: i64) {
        let seconds = u32::try_from(rested_ms / 1000).unwrap_or(u32::MAX);
        self.longest_rest_s = self.longest_rest_s.max(seconds);
    }

    /// Learns which scopes an event states as granted, and which it used.
    pub(crate) fn learn_access(&mut self, event: &Event<'_>, names: &mut Names) {
        let states = !event.credential.scopes.is_empty() || !event.action.scopes.is_empty();
        if states || self.access.is_some() {
            self.access.get_or_insert_default().learn(event, names);
        }
    }

    /// What is granted and used, where anything ever was.
    pub(crate) fn access(&self) -> Option<&Scopes> {
        self.access.as_deref()
    }

    /// Scopes that were granted or used.
    pub(crate) fn scopes(&self) -> &[Held] {
        self.access.as_ref().map_or(&[], |access| &access.held)
    }

    /// Whether one of these was answered within the day before.
    pub(crate) fn was_answered(&self, of: DetectorSet, time: EventTime) -> bool {
        let within = |tactic: &Tactic| (1..=KEPT_MS).contains(&time.since(tactic.time));
        let mut tactics = self.tactics().iter();
        tactics.any(|tactic| within(tactic) && tactic.detectors & of != 0)
    }

    /// Remembers which detectors were answered.
    pub(crate) fn answered(&mut self, detectors: DetectorSet, time: EventTime) {
        let tactic = Tactic { detectors, time };
        keep(&mut self.recent_mut().tactics, tactic, MOST, |old| {
            time.since(old.time) > KEPT_MS
        });
    }

    /// Somebody says that the session was harmless: what it gained, and where its credential was used as well.
    pub(crate) fn vouch(&self, session: &Session, habits: &mut Habits, time: EventTime) {
        for gain in self
            .gains()
            .iter()
            .filter(|gain| gain.session == session.key)
        {
            habits.vouch(Trait::Privilege, gain.privilege, time);
        }
        let credentials = self.credentials.iter();
        let own = credentials.filter(|known| known.key != 0 && known.key == session.credential);
        for rival in own.filter_map(|credential| credential.rival.as_deref()) {
            rival.setting.vouch(habits, time);
        }
    }

    /// Somebody says that what these found was nothing.
    pub(crate) fn cleared(&mut self, detectors: DetectorSet) {
        if let Some(recent) = &mut self.recent {
            for tactic in recent.tactics.iter_mut() {
                tactic.detectors &= !detectors;
            }
            recent.tactics.retain(|tactic| tactic.detectors != 0);
        }
    }

    /// Whether it was ever stated what this credential is bound to.
    pub(crate) fn is_bound(&self, credential: u32) -> bool {
        let mut known = self.credentials.iter();
        known.any(|known| known.key == credential && known.bound_to != 0)
    }

    /// The credential of an event, begun if need be.
    pub(crate) fn enter(&mut self, event: &Event<'_>, setting: &Setting, described: Name) -> usize {
        let key = credential_key(event);
        if let Some(at) = self
            .credentials
            .iter()
            .position(|credential| credential.key == key)
        {
            return at;
        }
        if self.credentials.len() >= MOST_CREDENTIALS
            && let Some(idle) =
                (0..self.credentials.len()).min_by_key(|at| self.credentials[*at].last())
        {
            self.credentials.remove(idle);
        }
        let credential = Credential::new(key, event, setting, described);
        push_exact(&mut self.credentials, credential);
        self.credentials.len() - 1
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        for credential in &self.credentials {
            credential.described.iter().for_each(|name| mark(*name));
            credential
                .rival
                .iter()
                .for_each(|rival| mark(rival.described));
        }
        self.access.iter().for_each(|access| access.each_name(mark));
        self.gains().iter().for_each(|gain| mark(gain.label));
        self.duties().iter().for_each(|duty| mark(duty.action));
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let credentials: usize = self
            .credentials
            .iter()
            .map(|credential| {
                credential.event_id.heap_bytes()
                    + credential
                        .rival
                        .as_ref()
                        .map_or(0, |rival| size_of::<Rival>() + rival.event_id.heap_bytes())
                    + credential
                        .bound
                        .as_ref()
                        .map_or(0, |_| size_of::<Setting>())
            })
            .sum();
        let recent = self.recent.as_ref().map_or(0, |recent| {
            size_of::<Recent>()
                + thin_bytes(&recent.rotations)
                + thin_bytes(&recent.revoked)
                + thin_bytes(&recent.approvals)
                + thin_bytes(&recent.failed_approvals)
                + thin_bytes(&recent.failures)
                + thin_bytes(&recent.gains)
                + thin_bytes(&recent.duties)
                + thin_bytes(&recent.ended_tasks)
                + thin_bytes(&recent.tactics)
        });
        credentials
            + thin_bytes(&self.credentials)
            + self.access.as_ref().map_or(0, |access| access.bytes())
            + thin_bytes(&self.ages)
            + recent
    }
}

/// An agent does not approve for itself.
fn is_granted(event: &Event<'_>) -> bool {
    event
        .delegation
        .iter()
        .any(|approver| approver.id != event.identity.id)
}

/// Whether feedback about an identity is given by that identity.
pub(crate) fn is_by_itself(event: &Event<'_>) -> bool {
    event.feedback.by.as_deref() == Some(&*event.identity.id)
}

/// Whether the event is an attempt to authenticate.
pub(crate) fn is_authentication(event: &Event<'_>, class: Option<ActionClass>) -> bool {
    matches!(
        class,
        Some(ActionClass::Login | ActionClass::Mfa | ActionClass::TokenIssue)
    ) || (event.kind == EventKind::Auth && class.is_none())
}

/// What tells the task of an event, 0 where it states none.
pub(crate) fn task_key(event: &Event<'_>) -> u32 {
    event.task.id.as_deref().map_or(0, key)
}

/// What tells a privilege: what was asked for, and on what.
pub(crate) fn privilege_key(event: &Event<'_>) -> u32 {
    let name = key(&event.action.name);
    match event.action.resource.as_deref() {
        Some(resource) => name.rotate_left(7) ^ key(resource),
        None => name,
    }
}

/// Whether the verdict says that something was compromised.
pub(crate) fn is_compromise(event: &Event<'_>) -> bool {
    event.feedback.verdict.known() == Some(Verdict::TruePositive)
}

/// Whether the identity acts by itself.
pub(crate) fn is_machine(kind: IdentityKind) -> bool {
    !matches!(kind, IdentityKind::Human | IdentityKind::AiAgent)
}
