//! What the policy demands whatever is usual: such a command on somebody innocent is no false alarm.
//!
//! Told from the events alone, by a reading of the rules that shares no code with the engine.

use std::collections::HashMap;
use std::sync::Arc;

use plumbline_detectors::config::Config;
use plumbline_schemas::command::{Action, Command};
use plumbline_schemas::event::{ActionClass, Event, EventKind, IdentityKind, Outcome, Verdict};
use plumbline_schemas::time::EventTime;

/// Sessions, and what the rules have to know of them.
pub(crate) struct Rules {
    config: Arc<Config>,
    sessions: HashMap<String, Session>,
}

#[derive(Clone, Copy)]
struct Session {
    proven: EventTime,
    last: EventTime,
    lent_until: Option<EventTime>,
    is_sensitive: bool,
    is_over: bool,
}

/// Detectors that keep a rule, whatever is usual: a command with none of them behind it is no rule's,
/// whatever a rule would have said of the same event.
const KEEPERS: [&str; 6] = [
    "related_compromise",
    "delegated_access",
    "stale_authentication",
    "credential_lifecycle",
    "session_inactivity",
    "jit_expiry",
];

fn key(identity: &str, session: &str) -> String {
    format!("{identity}\n{session}")
}

impl Rules {
    pub(crate) fn new(config: &Arc<Config>) -> Self {
        Self {
            config: Arc::clone(config),
            sessions: HashMap::new(),
        }
    }

    /// The rule that demands a command, which was given on this event before it was learnt.
    pub(crate) fn demands(&self, command: &Command, event: &Event<'_>) -> Option<&'static str> {
        let mut behind = command.reason.detectors.iter();
        if !behind.any(|it| KEEPERS.contains(&it.as_str())) {
            return None;
        }
        let is_own = command.target.identity == event.identity.id;
        match command.action {
            Action::Shorten if is_own && reads_for_another(event) => Some("delegated read (C3)"),
            Action::StepUp if is_own && self.is_stale(event) => Some("old authentication (D1, E1)"),
            Action::StepUp if is_own && self.is_over_age(event) => Some("old credential (E5)"),
            _ if event.feedback.verdict.known() == Some(Verdict::TruePositive) => {
                Some("related to a compromise (B4)")
            }
            Action::RevokeSession => self.timer(command),
            _ => None,
        }
    }

    fn session(&self, identity: &str, session: Option<&str>) -> Option<&Session> {
        self.sessions.get(&key(identity, session?))
    }

    fn is_stale(&self, event: &Event<'_>) -> bool {
        let Some(class) = event.action.class.known() else {
            return false;
        };
        let Some(limit) = self.config.policy.freshness.0.get(&class) else {
            return false;
        };
        let for_all = matches!(class, ActionClass::Payment | ActionClass::Privilege);
        if event.identity_kind() != IdentityKind::Human && !for_all {
            return false;
        }
        let known = self.session(&event.identity.id, event.session.id.as_deref());
        let proven = known
            .map(|session| session.proven)
            .max(event.session.authenticated_at)
            .or(event.session.started_at);
        proven.is_some_and(|proven| event.time.since(proven) > limit.as_millis())
    }

    fn is_over_age(&self, event: &Event<'_>) -> bool {
        let limit = self.config.policy.credential.max_age.as_millis();
        let issued = event.credential.issued_at;
        issued.is_some_and(|issued| event.time.since(issued) > limit)
    }

    fn timer(&self, command: &Command) -> Option<&'static str> {
        let target = &command.target;
        let session = self.session(&target.identity, target.session_id.as_deref())?;
        if session.is_over {
            return None;
        }
        if session.lent_until.is_some_and(|end| command.time >= end) {
            return Some("end of lent access (D4)");
        }
        let idle = command.time.since(session.last);
        let limit = self.config.policy.session.inactivity.as_millis();
        (session.is_sensitive && idle >= limit).then_some("idle console (E4)")
    }

    /// Takes in an event after the engine has.
    pub(crate) fn learn(&mut self, event: &Event<'_>) {
        let Some(id) = event.session.id.as_deref() else {
            return;
        };
        let begun = event.session.started_at.unwrap_or(event.time);
        let session = self
            .sessions
            .entry(key(&event.identity.id, id))
            .or_insert(Session {
                proven: begun.min(event.time),
                last: event.time,
                lent_until: None,
                is_sensitive: false,
                is_over: false,
            });
        if event.kind == EventKind::Feedback {
            if event.feedback.verdict.known() == Some(Verdict::StepUpPassed) {
                session.proven = session.proven.max(event.time);
            }
            return;
        }
        session.last = session.last.max(event.time);
        session.lent_until = session.lent_until.max(event.session.jit_until);
        if let Some(proven) = event.session.authenticated_at {
            session.proven = session.proven.max(proven);
        }
        use ActionClass::{Admin, Deploy, Login, Logout, Mfa, Privilege, Secret, TokenIssue};
        let succeeds = event.outcome() == Outcome::Success;
        match event.action.class.known() {
            Some(Login | Mfa | TokenIssue) if succeeds => {
                session.proven = session.proven.max(event.time);
            }
            Some(Admin | Privilege | Deploy | Secret) => session.is_sensitive = true,
            Some(Logout) => session.is_over = true,
            _ => {}
        }
    }
}

fn reads_for_another(event: &Event<'_>) -> bool {
    let is_sensitive = matches!(
        event.action.class.known(),
        Some(ActionClass::Secret | ActionClass::Export)
    );
    let works = matches!(
        event.identity_kind(),
        IdentityKind::Workload | IdentityKind::AiAgent
    );
    is_sensitive && works && !event.delegation.is_empty()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use plumbline_schemas::command::{CommandReason, Mode, Params, Target};
    use serde_json::{Value, json};

    use super::*;

    fn event(time: &str, class: &str, more: Value) -> Value {
        let mut event = json!({
            "id": format!("{time}{class}"), "time": format!("2026-03-02T{time}Z"), "kind": "api",
            "identity": { "id": "ann" }, "session": { "id": "s" },
            "action": { "name": class, "class": class },
        });
        for (key, value) in more.as_object().unwrap() {
            event[key] = value.clone();
        }
        event
    }

    fn demanded(
        before: &[Value],
        action: Action,
        time: &str,
        trigger: &Value,
    ) -> Option<&'static str> {
        let detector = match action {
            Action::RevokeSession => "session_inactivity",
            Action::Shorten => "delegated_access",
            _ => "stale_authentication",
        };
        demanded_of(detector, before, action, time, trigger)
    }

    fn demanded_of(
        detector: &str,
        before: &[Value],
        action: Action,
        time: &str,
        trigger: &Value,
    ) -> Option<&'static str> {
        let mut rules = Rules::new(&Arc::default());
        for event in before {
            rules.learn(&Event::parse(event.to_string().as_bytes()).unwrap());
        }
        let time = EventTime::parse(&format!("2026-03-02T{time}Z")).unwrap();
        let command = Command {
            id: "c-1".to_owned(),
            time,
            expires_at: time,
            action,
            mode: Mode::Enforce,
            target: Target {
                tenant: "acme".to_owned(),
                identity: "ann".to_owned(),
                kind: IdentityKind::Human,
                session_id: Some("s".to_owned()),
                credential_id: None,
            },
            params: Params::default(),
            reason: CommandReason {
                summary: String::new(),
                risk: 0,
                detectors: vec![detector.to_owned()],
                finding_ids: Vec::new(),
            },
            supersedes: None,
        };
        let trigger = trigger.to_string();
        rules.demands(&command, &Event::parse(trigger.as_bytes()).unwrap())
    }

    #[test]
    fn an_old_proof_demands_a_new_one_and_a_fresh_one_does_not() {
        let login = [event("09:00:00", "login", json!({}))];
        let late = event("10:30:00", "admin", json!({}));
        let soon = event("09:30:00", "admin", json!({}));
        let rule = demanded(&login, Action::StepUp, "10:30:00", &late);
        assert_eq!(rule, Some("old authentication (D1, E1)"));
        assert_eq!(demanded(&login, Action::StepUp, "09:30:00", &soon), None);
        assert_eq!(
            demanded(&login, Action::RevokeSession, "10:30:00", &late),
            None
        );
    }

    #[test]
    fn what_only_a_score_asks_for_is_no_rules() {
        let login = [event("09:00:00", "login", json!({}))];
        let late = event("10:30:00", "admin", json!({}));
        let by = |detector| demanded_of(detector, &login, Action::StepUp, "10:30:00", &late);
        assert_eq!(by("scope_drift"), None);
        assert!(by("stale_authentication").is_some());
    }

    #[test]
    fn an_idle_console_demands_its_end_unless_somebody_logged_out() {
        let work = event("09:00:00", "admin", json!({}));
        let logout = event("09:01:00", "logout", json!({}));
        let other = event("09:45:00", "read", json!({ "identity": { "id": "bob" } }));
        let ends = |before: &[Value]| demanded(before, Action::RevokeSession, "09:31:00", &other);
        assert_eq!(ends(std::slice::from_ref(&work)), Some("idle console (E4)"));
        assert_eq!(ends(&[work, logout]), None);
    }

    #[test]
    fn what_a_delegated_workload_reads_shortens_its_session() {
        let identity = json!({ "id": "ann", "kind": "workload" });
        let own = event("09:00:00", "secret", json!({ "identity": identity }));
        let mut delegated = own.clone();
        delegated["delegation"] = json!([{ "id": "bob", "kind": "human" }]);
        let shortens = |trigger| demanded(&[], Action::Shorten, "09:00:00", trigger);
        assert_eq!(shortens(&delegated), Some("delegated read (C3)"));
        assert_eq!(shortens(&own), None);
    }
}
