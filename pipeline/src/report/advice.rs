//! What is to be done next about an identity, in the words for somebody who was woken up for it.

use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::event::IdentityKind;

use super::model::{CommandRow, IdentityRow, Step};

/// Steps, the first one first.
pub(super) fn next(row: &IdentityRow) -> Vec<Step> {
    let Some(command) = &row.command else {
        return vec![say(
            "Nothing was done: what was seen was not enough to act on. Read the findings when there is time.",
        )];
    };
    if row.undone.is_some() {
        return vec![say(
            "It has been undone since. Whoever did that should have told why; the findings remain to be read.",
        )];
    }
    let action: Option<Action> = command.action.parse().ok();
    let is_enforced = command.mode == Mode::Enforce.as_str();
    let mut steps = vec![
        match is_enforced {
            true => say(action.map_or("Check that the bot has done it.", check)),
            false => {
                say("Nothing was done: the command is only recorded (observe). Decide yourself.")
            }
        },
        say(ask(&row.who.kind)),
        say(if_real(action, is_enforced)),
        Step {
            text: "If it was nothing, end the command: feedback false_positive with its id"
                .to_owned(),
            code: Some(command.id.clone()),
        },
        Step {
            text: "All of it in words".to_owned(),
            code: Some(format!("plumbline explain {} --data DIR", command.id)),
        },
    ];
    steps.extend(trace(command));
    steps
}

fn say(text: &str) -> Step {
    Step {
        text: text.to_owned(),
        code: None,
    }
}

/// What a bot should have made true.
fn check(action: Action) -> &'static str {
    match action {
        Action::Narrow => "Check that the session has lost its scopes.",
        Action::Shorten => "Check that the session ends soon.",
        Action::Deny => "Check that this one action was refused.",
        Action::StepUp => "See whether it has authenticated again, and how.",
        Action::Pause => "Check that it is suspended.",
        Action::RevokeSession => "Check that the session is gone.",
        Action::RevokeCredential => "Check that the credential no longer works.",
        Action::RevokeAll => "Check that no session and no credential of it works.",
        Action::Resume | Action::Restore => "Check that it has back what was taken.",
    }
}

/// Whoever holds the account answers its mail, so another way has to be found.
fn ask(kind: &str) -> &'static str {
    match kind.parse() {
        Ok(IdentityKind::Human) => {
            "Ask the person whether it was them: by telephone, not through an account that may be in other hands."
        }
        Ok(IdentityKind::AiAgent) => {
            "Ask who runs the agent what it was told to do, and read what it was given to read."
        }
        _ => "Ask its owner whether something was released, moved or rotated at that time.",
    }
}

fn if_real(action: Option<Action>, is_enforced: bool) -> &'static str {
    match (action, is_enforced) {
        (_, false) => {
            "If it is real: end its sessions, rotate its credentials, and look at what it read and changed."
        }
        (Some(Action::RevokeAll), true) => {
            "If it is real: look at what it read and changed before, then give out new credentials."
        }
        (Some(Action::RevokeCredential), true) => {
            "If it is real: find out where the credential leaked, and look at what it read and changed."
        }
        (Some(Action::Pause), true) => {
            "If it is real: leave it suspended, rotate its credentials, and look at what it changed."
        }
        _ => "If it is real: rotate its credentials too, and look at what it read and changed.",
    }
}

/// Only of an id that a shell reads as it stands: whoever names a session may not put words into a command line.
fn trace(command: &CommandRow) -> Option<Step> {
    let session = command.session.as_deref()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:/@=+-".contains(c);
    let is_safe =
        !session.is_empty() && session.chars().all(is_plain) && !session.starts_with(['-', '=']);
    is_safe.then(|| Step {
        text: "The life of the session".to_owned(),
        code: Some(format!("plumbline trace --session {session} --data DIR")),
    })
}

#[cfg(test)]
mod tests {
    use super::super::model::Who;
    use super::*;

    fn row(action: &str, mode: &str, kind: &str, session: &str) -> IdentityRow {
        let who = Who {
            tenant: "acme".to_owned(),
            identity: "ann".to_owned(),
            kind: kind.to_owned(),
        };
        let command = CommandRow {
            id: "c-1".to_owned(),
            time: 0,
            expires: 1,
            action: action.to_owned(),
            means: String::new(),
            mode: mode.to_owned(),
            who: who.clone(),
            session: Some(session.to_owned()),
            credential: None,
            because: String::new(),
            risk: 80,
            detectors: Vec::new(),
            findings: Vec::new(),
        };
        IdentityRow {
            who,
            findings: 2,
            enforced: 1,
            observed: 0,
            bits: 20.0,
            risk: 80,
            severity: Some("high"),
            first: 0,
            last: 0,
            command: Some(command),
            undone: None,
            next: Vec::new(),
        }
    }

    fn told(row: &IdentityRow) -> String {
        let lines = next(row).into_iter().map(|step| match step.code {
            None => step.text,
            Some(code) => format!("{}\n    {code}", step.text),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_to_be_done_follows_from_what_was_done_and_to_whom() {
        insta::assert_snapshot!(told(&row("revoke_session", "enforce", "human", "s-14")), @r"
        Check that the session is gone.
        Ask the person whether it was them: by telephone, not through an account that may be in other hands.
        If it is real: rotate its credentials too, and look at what it read and changed.
        If it was nothing, end the command: feedback false_positive with its id
            c-1
        All of it in words
            plumbline explain c-1 --data DIR
        The life of the session
            plumbline trace --session s-14 --data DIR
        ");
        insta::assert_snapshot!(told(&row("pause", "observe", "ai_agent", "s-14")), @r"
        Nothing was done: the command is only recorded (observe). Decide yourself.
        Ask who runs the agent what it was told to do, and read what it was given to read.
        If it is real: end its sessions, rotate its credentials, and look at what it read and changed.
        If it was nothing, end the command: feedback false_positive with its id
            c-1
        All of it in words
            plumbline explain c-1 --data DIR
        The life of the session
            plumbline trace --session s-14 --data DIR
        ");
    }

    #[test]
    fn what_was_undone_needs_nothing() {
        let mut undone = row("revoke_session", "enforce", "human", "s-14");
        undone.undone = Some(1);
        assert_eq!(next(&undone).len(), 1);
        undone.command = None;
        assert!(told(&undone).starts_with("Nothing was done"));
    }

    #[test]
    fn a_session_cannot_put_words_into_a_command_line() {
        assert!(told(&row("deny", "enforce", "human", "s-14")).contains("trace --session s-14 "));
        for session in [
            "$(reboot)",
            "a b",
            "`x`",
            "a;b",
            "'",
            "-h",
            "",
            "a\\u{202e}",
        ] {
            let told = told(&row("revoke_session", "enforce", "human", session));
            assert!(!told.contains("trace"), "{told}");
        }
    }
}
