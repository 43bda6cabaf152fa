//! `[[policy.rule]]`: what an operator wants done beyond, or instead of, what the policy would do.

use plumbline_schemas::command::Action;

use super::condition::Condition;
use super::limit;
use super::span::Span;

/// `[[policy.rule]]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// How commands and findings name it.
    #[serde(deserialize_with = "limit::said")]
    pub name: String,
    /// When it applies, of the events that something was found of.
    pub when: Condition,
    /// What is done at least; nothing at all where it is `none`.
    pub action: RuleAction,
    /// `step_up`: how old the authentication may be. Other actions do not read it.
    #[serde(default)]
    pub max_age: Option<Span>,
    /// `shorten`: what is left of the session. Other actions do not read it.
    #[serde(default, deserialize_with = "limit::maybe_longer_than_zero")]
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
