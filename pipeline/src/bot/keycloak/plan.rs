//! What a command becomes in Keycloak.
//!
//! | action | of a person | of anybody else: a client |
//! |---|---|---|
//! | `revoke_session` | the session ends; without one all of the user's | the session ends; tokens of the client issued until now are refused |
//! | `revoke_credential`, `revoke_all` | all sessions of the user end, and tokens issued until now are refused | the client is disabled, and tokens issued until now are refused |
//! | `pause` | the user is disabled, and all sessions end | as `revoke_all` |
//! | `resume` | the user is enabled | the client is enabled |
//! | `restore` | after a `pause` as `resume`; else there is nothing to undo | as `resume`, unless it undoes a `revoke_session` |
//! | `narrow`, `shorten`, `deny`, `step_up` | not possible | not possible |
//!
//! A person is known by the id of the user, anybody else by the `clientId`: so the log format `keycloak` has
//! them. Keycloak has no request that ends one token, so that `revoke_credential` ends all of them.
//! Nobody is enabled while another command keeps him locked out.

use std::fmt;

use plumbline_schemas::command::{Action, Command};
use plumbline_schemas::event::IdentityKind;

use crate::bot::memory::Lifting;

/// One thing to be done. To do it again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// End the session with this id, online and offline.
    EndSession(String),
    /// End all sessions of this user, and refuse tokens issued until now.
    LogOut(String),
    /// Let this user in, or not.
    User {
        /// Id of the user.
        id: String,
        /// Whether he is let in.
        enabled: bool,
    },
    /// Refuse tokens of this client that were issued until now.
    ExpireTokens(String),
    /// The same, and let the client in no more.
    DisableClient(String),
    /// Let this client in.
    EnableClient(String),
}

/// What is to be done in order; none where Keycloak has no means to do it.
pub(crate) fn plan(command: &Command, lifting: Lifting) -> Option<Vec<Step>> {
    let who = command.target.identity.clone();
    let session = command.target.session_id.clone().map(Step::EndSession);
    let is_person = command.target.kind == IdentityKind::Human;
    let steps = match (command.action, is_person) {
        (Action::RevokeSession, true) => vec![session.unwrap_or(Step::LogOut(who))],
        (Action::RevokeSession, false) => session
            .into_iter()
            .chain([Step::ExpireTokens(who)])
            .collect(),
        (Action::RevokeCredential | Action::RevokeAll, true) => vec![Step::LogOut(who)],
        (Action::Pause, true) => {
            let disable = Step::User {
                id: who.clone(),
                enabled: false,
            };
            // In this order: nobody logs in between the two.
            vec![disable, Step::LogOut(who)]
        }
        (Action::RevokeCredential | Action::RevokeAll | Action::Pause, false) => {
            vec![Step::DisableClient(who)]
        }
        (Action::Resume | Action::Restore, _) => match locked(command.action, lifting, is_person) {
            false => Vec::new(),
            true if is_person => vec![Step::User {
                id: who,
                enabled: true,
            }],
            true => vec![Step::EnableClient(who)],
        },
        (Action::Narrow | Action::Shorten | Action::Deny | Action::StepUp, _) => return None,
    };
    Some(steps)
}

/// Whether a command of this action locks somebody out until it is lifted.
pub(crate) fn locks_out(action: Action, is_person: bool) -> bool {
    match action {
        Action::Pause => true,
        Action::RevokeCredential | Action::RevokeAll => !is_person,
        _ => false,
    }
}

/// Whether what is lifted had locked the identity out, and nothing else does.
fn locked(action: Action, lifting: Lifting, is_person: bool) -> bool {
    let had_locked = match lifting.undone {
        Some(undone) => locks_out(undone, is_person),
        // Longer ago than anybody remembers: of a person only a pause is resumed.
        None => action == Action::Resume || !is_person,
    };
    had_locked && !lifting.is_held
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndSession(id) => write!(f, "end session {id}"),
            Self::LogOut(user) => write!(f, "log out user {user}"),
            Self::User { id, enabled: true } => write!(f, "enable user {id}"),
            Self::User { id, enabled: false } => write!(f, "disable user {id}"),
            Self::ExpireTokens(client) => write!(f, "refuse the tokens of client {client}"),
            Self::DisableClient(client) => write!(f, "disable client {client}"),
            Self::EnableClient(client) => write!(f, "enable client {client}"),
        }
    }
}

/// The steps in words.
pub(crate) fn tell(steps: &[Step]) -> String {
    let steps: Vec<_> = steps.iter().map(Step::to_string).collect();
    match steps.as_slice() {
        [] => "nothing to undo".to_owned(),
        steps => steps.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::memory::tests::command;
    use crate::config::TargetKind;

    fn told(action: Action, kind: IdentityKind, session: bool, lifting: Lifting) -> String {
        let mut command = command("c-1", action.as_str(), None);
        command.target.kind = kind;
        if !session {
            command.target.session_id = None;
        }
        plan(&command, lifting).map_or_else(|| "not possible".to_owned(), |steps| tell(&steps))
    }

    #[test]
    fn every_action_becomes_what_the_table_says() {
        let mut lines = String::new();
        for kind in [IdentityKind::Human, IdentityKind::ServiceAccount] {
            for action in Action::ALL {
                for session in [true, false] {
                    let told = told(*action, kind, session, Lifting::default());
                    let of = if session { "s-1" } else { "no session" };
                    lines.push_str(&format!("{kind} {action}, {of}: {told}\n"));
                }
            }
        }
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn what_locked_nobody_out_or_is_not_alone_lets_nobody_in() {
        let mut lines = String::new();
        for kind in [IdentityKind::Human, IdentityKind::AiAgent] {
            for action in [Action::Resume, Action::Restore] {
                for undone in [
                    None,
                    Some(Action::Pause),
                    Some(Action::RevokeSession),
                    Some(Action::RevokeAll),
                ] {
                    let lifting = |is_held| Lifting { undone, is_held };
                    let alone = told(action, kind, true, lifting(false));
                    let of = undone.map_or("something forgotten", Action::as_str);
                    lines.push_str(&format!("{kind} {action} of {of}: {alone}\n"));
                    assert_eq!(told(action, kind, true, lifting(true)), "nothing to undo");
                }
            }
        }
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn what_is_not_possible_is_what_the_configuration_refuses() {
        for action in Action::ALL {
            for kind in IdentityKind::ALL {
                let mut command = command("c-1", action.as_str(), None);
                command.target.kind = *kind;
                let possible = plan(&command, Lifting::default()).is_some();
                assert_eq!(possible, TargetKind::Keycloak.can(*action), "{action}");
            }
        }
    }
}
