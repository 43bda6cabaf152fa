//! `[bot]`: who carries the commands out.

use plumbline_detectors::config::Span;
use plumbline_schemas::command::Action;
use plumbline_schemas::signals::SubjectFormat;
use serde::de::{self, Deserialize, Deserializer};

use super::secret::Secret;
use super::sections::longer_than_zero;
use super::signals::{everybody, is_private, iss_sub, plain_name, secret};

/// `[bot]`: `plumbline bot`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BotConfig {
    /// How long a request to a target may take.
    #[serde(deserialize_with = "longer_than_zero")]
    pub timeout: Span,
    /// How long a command that a target does not take is tried.
    #[serde(deserialize_with = "longer_than_zero")]
    pub give_up_after: Span,
    /// Only print what would be done.
    pub dry_run: bool,
    /// `[[bot.target]]`
    pub target: Vec<TargetConfig>,
}

impl Default for BotConfig {
    fn default() -> Self {
        Self {
            timeout: Span::seconds(10),
            give_up_after: Span::hours(1),
            dry_run: false,
            target: Vec::new(),
        }
    }
}

/// `[[bot.target]]`: something that can end sessions.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// What it is called, in its acknowledgements too.
    #[serde(deserialize_with = "plain_name")]
    pub name: String,
    /// What it is.
    pub kind: TargetKind,
    /// The tenants whose commands it carries out; `*` is a wildcard.
    #[serde(default = "everybody")]
    pub tenants: Vec<String>,
    /// The actions that are its business; without them all.
    #[serde(default)]
    pub actions: Option<Vec<Action>>,
    /// The URL: of the Keycloak server, of the webhook, of the revocation endpoint.
    #[serde(deserialize_with = "target_url")]
    pub url: String,
    /// `keycloak`: the realm.
    #[serde(default)]
    pub realm: Option<String>,
    /// `keycloak`: the client as which it works.
    #[serde(default)]
    pub client_id: Option<String>,
    /// `keycloak`: the secret of that client. `webhook`: the secret that signs.
    #[serde(default, deserialize_with = "secret")]
    pub secret: Option<Secret>,
    /// `global_token_revocation`: the bearer token that the endpoint asks for.
    #[serde(default, deserialize_with = "secret")]
    pub token: Option<Secret>,
    /// `global_token_revocation`: how people are named.
    #[serde(default = "iss_sub")]
    pub subject: SubjectFormat,
    /// `global_token_revocation`: the issuer of subjects of format `iss_sub`.
    #[serde(default)]
    pub subject_issuer: Option<String>,
}

impl TargetConfig {
    /// Whether commands of this action are its business.
    pub fn wants(&self, action: Action) -> bool {
        let listed = self.actions.as_ref();
        listed.is_none_or(|actions| actions.contains(&action))
    }
}

/// What can end sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// The admin API of Keycloak.
    Keycloak,
    /// Anything that takes the command as it is.
    Webhook,
    /// OAuth Global Token Revocation.
    GlobalTokenRevocation,
}

impl TargetKind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keycloak => "keycloak",
            Self::Webhook => "webhook",
            Self::GlobalTokenRevocation => "global_token_revocation",
        }
    }

    /// Whether it can carry out commands of this action at all.
    pub fn can(self, action: Action) -> bool {
        match self {
            Self::Webhook => true,
            Self::Keycloak => !matches!(
                action,
                Action::Narrow | Action::Shorten | Action::Deny | Action::StepUp
            ),
            Self::GlobalTokenRevocation => matches!(
                action,
                Action::RevokeSession | Action::RevokeCredential | Action::RevokeAll
            ),
        }
    }
}

fn target_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let url = String::deserialize(deserializer)?;
    if is_private(&url) {
        return Ok(url);
    }
    Err(de::Error::custom(
        "this is no URL of a target; write an https one, or an http one of this machine, such as \
         \"https://sso.example.com\"",
    ))
}
