//! What a target was told before: what was said of it, and which commands stand.
//!
//! None of it is stored. After a start the control topic itself is read back for as long as commands stand.

use std::collections::HashMap;
use std::time::Duration;

use plumbline_schemas::command::{Action, Command};
use plumbline_schemas::event::{IdentityKind, Verdict};
use plumbline_schemas::log_key;
use plumbline_schemas::time::EventTime;

use super::keycloak::locks_out;

/// No command stands for longer.
pub(super) const LONGEST: Duration = Duration::from_hours(25);

/// So much more may be remembered before what has expired is forgotten.
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
    action: Action,
    expires_at: EventTime,
}

/// What a command that lifts another is to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lifting {
    /// The action of the command that is lifted, where it is remembered.
    pub(super) undone: Option<Action>,
    /// Whether another command still keeps the identity locked out.
    pub(super) is_held: bool,
}

impl Memory {
    /// The command is to be obeyed: from now on it stands in the place of the one that it supersedes.
    pub(super) fn note(&mut self, command: &Command, now: EventTime) {
        self.forget(now);
        let subject = log_key(&command.target.tenant, &command.target.identity);
        let standing = self.standing.entry(subject).or_default();
        // What is sent again stands already. What is lifted stands until that has its turn.
        standing.retain(|other| other.id != command.id);
        if command.action.strength().is_some() {
            standing.retain(|other| command.supersedes.as_ref() != Some(&other.id));
            standing.push(Standing {
                id: command.id.clone(),
                action: command.action,
                expires_at: command.expires_at,
            });
        }
    }

    /// What a command is to know that lifts another.
    pub(super) fn lifting(&self, command: &Command, now: EventTime) -> Lifting {
        let subject = log_key(&command.target.tenant, &command.target.identity);
        let standing = self.standing.get(&subject).map_or(&[][..], Vec::as_slice);
        let is_lifted = |other: &&Standing| command.supersedes.as_ref() == Some(&other.id);
        let is_person = command.target.kind == IdentityKind::Human;
        let locks = |other: &Standing| locks_out(other.action, is_person) && other.expires_at > now;
        Lifting {
            undone: standing.iter().find(is_lifted).map(|other| other.action),
            is_held: standing
                .iter()
                .any(|other| !is_lifted(&other) && locks(other)),
        }
    }

    /// What this command lifts, if it lifts anything, stands no longer.
    pub(super) fn lift(&mut self, command: &Command) {
        let subject = log_key(&command.target.tenant, &command.target.identity);
        if command.action.strength().is_none()
            && let Some(standing) = self.standing.get_mut(&subject)
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
        self.standing.retain(|_, standing| {
            standing.retain(|other| other.expires_at > now);
            !standing.is_empty()
        });
        self.most = self.said.len().max(self.standing.len()) + ROOM;
    }
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
            .for_each(|command| memory.note(command, NOW));
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
            let (undone, is_held) = (Some(Action::Pause), kind != IdentityKind::Human);
            assert_eq!(memory.lifting(&resume, NOW), Lifting { undone, is_held });
            memory.lift(&resume);
            let restore = of("c-4", "restore", Some("c-2"));
            let (undone, is_held) = (Some(Action::RevokeCredential), false);
            assert_eq!(memory.lifting(&restore, NOW), Lifting { undone, is_held });
            memory.lift(&restore);
            assert_eq!(memory.lifting(&restore, NOW), Lifting::default());
        }
    }

    #[test]
    fn what_is_superseded_or_has_expired_holds_nobody() {
        let stronger = command("c-2", "revoke_session", Some("c-1"));
        let memory = after(&[command("c-1", "pause", None), stronger]);
        let restore = command("c-3", "restore", Some("c-2"));
        assert!(!memory.lifting(&restore, NOW).is_held);

        let memory = after(&[command("c-1", "pause", None), command("c-2", "pause", None)]);
        let resume = command("c-3", "resume", Some("c-2"));
        assert!(memory.lifting(&resume, NOW).is_held);
        let late = EventTime::from_millis(i64::MAX);
        assert!(!memory.lifting(&resume, late).is_held);
    }

    #[test]
    fn a_command_that_is_sent_again_stands_once() {
        let pause = command("c-1", "pause", None);
        let memory = after(&[pause.clone(), pause]);
        let resume = command("c-2", "resume", Some("c-1"));
        assert!(!memory.lifting(&resume, NOW).is_held);
    }

    #[test]
    fn what_has_expired_is_forgotten_and_nothing_else() {
        let mut memory = Memory::default();
        let mut brief = command("c-brief", "pause", None);
        brief.expires_at = NOW.plus_millis(1);
        let lasting = command("c-lasting", "pause", None);
        for command in [&brief, &lasting] {
            memory.note(command, NOW);
            memory.say(command, Verdict::Acked);
        }
        memory.most = 0;
        memory.note(&command("c-3", "pause", None), NOW.plus_millis(2));
        assert_eq!(memory.said_of("c-brief"), None);
        assert_eq!(memory.said_of("c-lasting"), Some(Verdict::Acked));
    }
}
