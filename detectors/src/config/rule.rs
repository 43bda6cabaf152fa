//! `[[policy.rule]]`: what an operator wants done beyond, or instead of, what the policy would do.

use plumbline_schemas::command::Action;

use super::condition::Condition;
use super::limit::LongerThanZero;
use super::span::Span;

/// `[[policy.rule]]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(try_from = "Written")]
pub struct PolicyRule {
    /// How commands and findings name it.
    pub name: String,
    /// When it applies, of the events that something was found of.
    pub when: Condition,
    /// What is done at least; nothing at all where it is `none`.
    pub action: RuleAction,
    /// `step_up`: how old the authentication may be.
    pub max_age: Option<Span>,
    /// `shorten`: what is left of the session.
    pub expires_in: Option<Span>,
}

/// What a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleAction {
    /// Leave the session only the scopes that read.
    Narrow,
    /// Leave the session little time.
    Shorten,
    /// Refuse this action on this resource.
    Deny,
    /// Ask who it is.
    StepUp,
    /// Suspend the identity.
    Pause,
    /// End the session.
    RevokeSession,
    /// Invalidate the credential.
    RevokeCredential,
    /// End all sessions and credentials.
    RevokeAll,
    /// Do nothing: an exemption.
    None,
}

impl RuleAction {
    /// What is commanded; nothing for an exemption.
    pub const fn command(self) -> Option<Action> {
        Some(match self {
            Self::Narrow => Action::Narrow,
            Self::Shorten => Action::Shorten,
            Self::Deny => Action::Deny,
            Self::StepUp => Action::StepUp,
            Self::Pause => Action::Pause,
            Self::RevokeSession => Action::RevokeSession,
            Self::RevokeCredential => Action::RevokeCredential,
            Self::RevokeAll => Action::RevokeAll,
            Self::None => return None,
        })
    }

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self.command() {
            Some(action) => action.as_str(),
            None => "none",
        }
    }
}

/// A rule as it stands in the file, before its parts are held against each other.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    when: Condition,
    action: RuleAction,
    max_age: Option<Span>,
    expires_in: Option<LongerThanZero>,
}

impl TryFrom<Written> for PolicyRule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let action = written.action;
        if written.name.trim().is_empty() {
            return Err("a rule without a name; commands are to say which rule it was".to_owned());
        }
        for (key, is_set, only) in [
            ("max_age", written.max_age.is_some(), RuleAction::StepUp),
            (
                "expires_in",
                written.expires_in.is_some(),
                RuleAction::Shorten,
            ),
        ] {
            if is_set && action != only {
                let (action, only) = (action.as_str(), only.as_str());
                return Err(format!(
                    "{key} means nothing for {action}; leave it out, or write action = \"{only}\""
                ));
            }
        }
        Ok(Self {
            name: written.name,
            when: written.when,
            action,
            max_age: written.max_age,
            expires_in: written.expires_in.map(|limit| limit.0),
        })
    }
}
