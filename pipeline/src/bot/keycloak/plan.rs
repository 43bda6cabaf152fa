//! What a command becomes in Keycloak.
//!
//! | action | of a person | of anybody else: a client |
//! |---|---|---|
//! | `revoke_session` | the session ends; without one all of the user's | the session ends; tokens of the client issued until now are refused |
//! | `revoke_credential`, `revoke_all` | all sessions of the user end, and tokens issued until now are refused | the client is disabled, and tokens issued until now are refused |
//! | `pause` | the user is disabled, and all sessions end | as `revoke_all` |
//! | `resume` | the user is enabled | the client is enabled |
//! | `restore` | as `resume`, where what it undoes had disabled the user; else there is nothing to undo | the same of the client |
//! | `narrow`, `shorten`, `deny`, `step_up` | not possible | not possible |
//!
//! A person is known by the id of the user, anybody else by the `clientId`: so the log format `keycloak` has
//! them. Keycloak has no request that ends one token, so that `revoke_credential` ends all of them.
//! Nobody is enabled while another command keeps him locked out. What replaces a `pause` takes its lock over: what
//! lifts it enables as a `resume` does. A `restore` of what nobody remembers is not possible: only a `resume` says
//! by itself that it is an account that was disabled. Nor is anything that is about the client of the bot.

use std::fmt;

use plumbline_schemas::command::{Action, Command};
use plumbline_schemas::event::IdentityKind;

use crate::bot::memory::Lifting;

/// One thing to be done. Done again, it ends as well what was begun meanwhile, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// End the session with this id, online and offline.
    EndSession {
        /// Id of the session.
        id: String,
        /// Id of the user whose it is, where it is a person's.
        user: Option<String>,
    },
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

/// What is to be done in order, by the client `own`; or why nothing can be.
pub(crate) fn plan(
    command: &Command,
    lifting: Lifting,
    own: &str,
) -> Result<Vec<Step>, &'static str> {
    let who = command.target.identity.clone();
    let is_person = command.target.kind == IdentityKind::Human;
    if !is_person && who == own {
        return Err("it is the client of the bot, which would lock itself out");
    }
    let session = command.target.session_id.clone();
    let session = session.map(|id| Step::EndSession {
        id,
        user: is_person.then(|| who.clone()),
    });
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
        (Action::Restore, _) if lifting.locked.is_none() => {
            return Err("what it is to undo is not known any more");
        }
        // Of a resume it is known by itself.
        (Action::Resume | Action::Restore, _) => {
            match (lifting.locked.unwrap_or(true), lifting.is_held) {
                (true, false) if is_person => vec![Step::User {
                    id: who,
                    enabled: true,
                }],
                (true, false) => vec![Step::EnableClient(who)],
                _ => Vec::new(),
            }
        }
        (Action::Narrow | Action::Shorten | Action::Deny | Action::StepUp, _) => {
            return Err("Keycloak has no means for it");
        }
    };
    Ok(steps)
}

/// Whether a command of this action locks somebody out until it is lifted.
pub(crate) fn locks_out(action: Action, is_person: bool) -> bool {
    match action {
        Action::Pause => true,
        Action::RevokeCredential | Action::RevokeAll => !is_person,
        _ => false,
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndSession { id, .. } => write!(f, "end session {id}"),
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
        match plan(&command, lifting, "bot") {
            Ok(steps) => tell(&steps),
            Err(reason) => format!("not possible: {reason}"),
        }
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
                for locked in [None, Some(true), Some(false)] {
                    let lifting = |is_held| Lifting { locked, is_held };
                    let alone = told(action, kind, true, lifting(false));
                    let of = match locked {
                        None => "something forgotten",
                        Some(true) => "what locked it out",
                        Some(false) => "what did not",
                    };
                    lines.push_str(&format!("{kind} {action} of {of}: {alone}\n"));
                    let held = told(action, kind, true, lifting(true));
                    assert!(!held.contains("enable"), "{held}");
                }
            }
        }
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn the_bot_does_not_lock_itself_out() {
        for action in Action::ALL {
            let mut command = command("c-1", action.as_str(), None);
            command.target.identity = "bot".to_owned();
            command.target.kind = IdentityKind::ServiceAccount;
            let refused = plan(&command, Lifting::default(), "bot").expect_err("refused");
            assert!(refused.contains("client of the bot"), "{refused}");
        }
    }

    #[test]
    fn what_is_not_possible_is_what_the_configuration_refuses() {
        for action in Action::ALL {
            for kind in IdentityKind::ALL {
                let mut command = command("c-1", action.as_str(), None);
                command.target.kind = *kind;
                let locked = Some(true);
                let lifting = Lifting {
                    locked,
                    is_held: false,
                };
                let possible = plan(&command, lifting, "bot").is_ok();
                assert_eq!(possible, TargetKind::Keycloak.can(*action), "{action}");
            }
        }
    }
}
