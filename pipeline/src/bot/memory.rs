//! What a target was told before: what was said of it, and which commands stand.
//!
//! None of it is stored. After a start the control topic itself is read back, for as long as a command may
//! still be lifted. What was said is not known then: what is sent again is done again.

use std::collections::HashMap;
use std::time::Duration;

use plumbline_schemas::command::Command;
use plumbline_schemas::event::{IdentityKind, Verdict};
use plumbline_schemas::log_key;
use plumbline_schemas::time::EventTime;

use super::keycloak::locks_out;

/// For so long after its expiry it is known what a command that lifts another has to undo.
const LIFTED_WITHIN: Duration = Duration::from_hours(24);

/// From the first to the last that is to be known of a command: it stands for a day, and is lifted within
/// another. An hour is for clocks that differ.
pub(super) const LONGEST: Duration = Duration::from_hours(49);

/// So much more may be remembered before what is over is forgotten.
const ROOM: usize = 1024;

/// By command and by identity.
#[derive(Debug, Default)]
pub(super) struct Memory {
    said: HashMap<String, (Verdict, EventTime)>,
    standing: HashMap<String, Vec<Standing>>,
    most: usize,
}

#[derive(Debug)]
struct Standing {
    id: String,
    /// Whether it locks the identity out itself, at this target.
    locks: bool,
    /// Whether one that it has replaced had: nothing else lifts that any more.
    inherits: bool,
    expires_at: EventTime,
}

impl Standing {
    fn keeps_out(&self) -> bool {
        self.locks || self.inherits
    }
}

/// What a command that lifts another is to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lifting {
    /// Whether what is lifted had locked the identity out, where it is remembered.
    pub(super) locked: Option<bool>,
    /// Whether another command still keeps the identity locked out.
    pub(super) is_held: bool,
}

impl Memory {
    /// The command stands from now on, in the place of the one that it supersedes. `is_obeyed`: whether this
    /// target carries it out. That it then never had its turn is not looked at: before a start it may have had.
    pub(super) fn note(&mut self, command: &Command, is_obeyed: bool, now: EventTime) {
        self.forget(now);
        if command.action.strength().is_none() || self.said_of(&command.id).is_some() {
            // What is lifted stands until that has its turn; what is sent again has had its own.
            return;
        }
        let is_person = command.target.kind == IdentityKind::Human;
        let standing = self.standing.entry(subject(command)).or_default();
        let replaces = |other: &Standing| command.supersedes.as_ref() == Some(&other.id);
        let is_same = |other: &Standing| command.id == other.id;
        let mut inherits = false;
        standing.retain(|other| {
            inherits |= replaces(other) && other.keeps_out();
            inherits |= is_same(other) && other.inherits;
            !replaces(other) && !is_same(other)
        });
        standing.push(Standing {
            id: command.id.clone(),
            locks: is_obeyed && locks_out(command.action, is_person),
            inherits,
            expires_at: command.expires_at,
        });
    }

    /// What a command is to know that lifts another.
    pub(super) fn lifting(&self, command: &Command, now: EventTime) -> Lifting {
        let standing = self.standing.get(&subject(command));
        let standing = standing.map_or(&[][..], Vec::as_slice);
        let is_lifted = |other: &&Standing| command.supersedes.as_ref() == Some(&other.id);
        let holds = |other: &Standing| other.keeps_out() && other.expires_at > now;
        Lifting {
            locked: standing.iter().find(is_lifted).map(Standing::keeps_out),
            is_held: standing
                .iter()
                .any(|other| !is_lifted(&other) && holds(other)),
        }
    }

    /// What this command lifts, if it lifts anything, stands no longer.
    pub(super) fn lift(&mut self, command: &Command) {
        if command.action.strength().is_none()
            && let Some(standing) = self.standing.get_mut(&subject(command))
        {
            standing.retain(|other| command.supersedes.as_ref() != Some(&other.id));
        }
    }

    /// What was said of this command, if it has been dealt with.
    pub(super) fn said_of(&self, id: &str) -> Option<Verdict> {
        self.said.get(id).map(|(verdict, _)| *verdict)
    }

    /// This has been said of it.
    pub(super) fn say(&mut self, command: &Command, verdict: Verdict) {
        let said = (verdict, command.expires_at);
        self.said.insert(command.id.clone(), said);
    }

    fn forget(&mut self, now: EventTime) {
        if self.said.len().max(self.standing.len()) <= self.most {
            return;
        }
        self.said.retain(|_, (_, expires_at)| *expires_at > now);
        let within = i64::try_from(LIFTED_WITHIN.as_millis()).unwrap_or(i64::MAX);
        let long_ago = now.plus_millis(-within);
        self.standing.retain(|_, standing| {
            standing.retain(|other| other.expires_at > long_ago);
            !standing.is_empty()
        });
        self.most = self.said.len().max(self.standing.len()) + ROOM;
    }
}

fn subject(command: &Command) -> String {
    log_key(&command.target.tenant, &command.target.identity)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// About ann's session, until the end of the century.
    pub(in crate::bot) fn command(id: &str, action: &str, supersedes: Option<&str>) -> Command {
        let command = json!({
            "id": id, "time": "2026-11-16T09:26:00Z", "expires_at": "2096-11-16T09:26:00Z",
            "action": action, "mode": "enforce", "supersedes": supersedes,
            "target": { "tenant": "acme", "identity": "ann", "kind": "human", "session_id": "s-1" },
            "reason": { "summary": "x", "risk": 8, "detectors": [], "finding_ids": [] },
        });
        serde_json::from_value(command).expect("a command")
    }

    const NOW: EventTime = EventTime::from_millis(1_794_821_160_000);

    fn after(commands: &[Command]) -> Memory {
        let mut memory = Memory::default();
        commands
            .iter()
            .for_each(|command| memory.note(command, true, NOW));
        memory
    }

    #[test]
    fn what_is_lifted_is_known_and_what_still_holds_too() {
        for kind in [IdentityKind::Human, IdentityKind::Workload] {
            let of = |id: &str, action: &str, supersedes: Option<&str>| {
                let mut command = command(id, action, supersedes);
                command.target.kind = kind;
                command
            };
            let pause = of("c-1", "pause", None);
            let revoke = of("c-2", "revoke_credential", None);
            let mut memory = after(&[pause, revoke]);
            let resume = of("c-3", "resume", Some("c-1"));
            // Of a person only a pause keeps him out: he would never be let in again.
            let is_machine = kind != IdentityKind::Human;
            let lifting = |locked, is_held| Lifting { locked, is_held };
            assert_eq!(
                memory.lifting(&resume, NOW),
                lifting(Some(true), is_machine)
            );
            memory.lift(&resume);
            let restore = of("c-4", "restore", Some("c-2"));
            assert_eq!(
                memory.lifting(&restore, NOW),
                lifting(Some(is_machine), false)
            );
            memory.lift(&restore);
            assert_eq!(memory.lifting(&restore, NOW), Lifting::default());
        }
    }

    #[test]
    fn what_is_superseded_hands_its_lock_on() {
        let second = command("c-2", "revoke_session", Some("c-1"));
        let third = command("c-3", "revoke_all", Some("c-2"));
        let mut memory = after(&[command("c-1", "pause", None), second.clone(), third]);
        let restore = command("c-4", "restore", Some("c-3"));
        let locked = Some(true);
        assert_eq!(
            memory.lifting(&restore, NOW),
            Lifting {
                locked,
                is_held: false
            }
        );
        let other = command("c-5", "resume", Some("c-0"));
        assert!(memory.lifting(&other, NOW).is_held);
        memory.lift(&restore);
        assert_eq!(memory.lifting(&other, NOW), Lifting::default());

        // Sent again before it had its turn.
        let memory = after(&[command("c-1", "pause", None), second.clone(), second]);
        let restore = command("c-4", "restore", Some("c-2"));
        assert_eq!(memory.lifting(&restore, NOW).locked, Some(true));
    }

    #[test]
    fn what_somebody_else_carries_out_locks_nobody_out_here() {
        let mut memory = Memory::default();
        memory.note(&command("c-1", "pause", None), false, NOW);
        let resume = command("c-3", "resume", Some("c-1"));
        assert_eq!(memory.lifting(&resume, NOW).locked, Some(false));
    }

    #[test]
    fn what_has_expired_holds_nobody_and_can_be_lifted() {
        let memory = after(&[command("c-1", "pause", None), command("c-2", "pause", None)]);
        let resume = command("c-3", "resume", Some("c-2"));
        assert!(memory.lifting(&resume, NOW).is_held);
        let late = EventTime::from_millis(i64::MAX);
        let locked = Some(true);
        assert_eq!(
            memory.lifting(&resume, late),
            Lifting {
                locked,
                is_held: false
            }
        );
    }

    #[test]
    fn a_command_that_is_sent_again_stands_once_and_not_again_once_it_is_lifted() {
        let pause = command("c-1", "pause", None);
        let mut memory = after(&[pause.clone(), pause.clone()]);
        let resume = command("c-2", "resume", Some("c-1"));
        assert!(!memory.lifting(&resume, NOW).is_held);
        memory.say(&pause, Verdict::Acked);
        memory.lift(&resume);
        memory.note(&pause, true, NOW);
        assert!(!memory.lifting(&command("c-3", "resume", None), NOW).is_held);
    }

    #[test]
    fn what_is_over_is_forgotten_and_nothing_else() {
        let mut memory = Memory::default();
        let mut brief = command("c-brief", "pause", None);
        brief.expires_at = NOW.plus_millis(1);
        let lasting = command("c-lasting", "pause", None);
        for command in [&brief, &lasting] {
            memory.note(command, true, NOW);
            memory.say(command, Verdict::Acked);
        }
        let resume = command("c-4", "resume", Some("c-brief"));
        let day = i64::try_from(LIFTED_WITHIN.as_millis()).expect("a day");
        for (after, locked) in [(2, Some(true)), (day + 2, None)] {
            memory.most = 0;
            let now = NOW.plus_millis(after);
            memory.note(&command("c-3", "pause", None), true, now);
            assert_eq!(memory.said_of("c-brief"), None);
            assert_eq!(memory.said_of("c-lasting"), Some(Verdict::Acked));
            assert_eq!(memory.lifting(&resume, now).locked, locked);
        }
    }
}
