//! `[signals]`: who is told of the commands by Shared Signals, and how.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use plumbline_detectors::config::Span;
use plumbline_schemas::command::Action;
use plumbline_schemas::signals::{Profile, SubjectFormat};
use serde::de::{self, Deserialize, Deserializer};

use super::secret::{ScalarVisitor, Secret};
use super::sections::{listen_address, longer_than_zero};

/// Where the transmitter is reached, if nothing else is said.
const DEFAULT_PORT: u16 = 9465;

/// `[signals]`: `plumbline transmit`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalsConfig {
    /// The https URL at which receivers find this transmitter: `iss` of every token.
    #[serde(deserialize_with = "issuer")]
    pub issuer: Option<String>,
    /// PEM files of RSA keys. The first signs, all are published.
    pub keys: Vec<PathBuf>,
    /// Where receivers are served: a port of this machine alone, or address and port.
    #[serde(deserialize_with = "address_to_listen_at")]
    pub listen: SocketAddr,
    /// How long a request to a receiver may take.
    #[serde(deserialize_with = "longer_than_zero")]
    pub timeout: Span,
    /// How long a token that a receiver does not take is tried.
    #[serde(deserialize_with = "longer_than_zero")]
    pub give_up_after: Span,
    /// `[[signals.receiver]]`
    pub receiver: Vec<ReceiverConfig>,
}

impl Default for SignalsConfig {
    fn default() -> Self {
        Self {
            issuer: None,
            keys: Vec::new(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)),
            timeout: Span::seconds(10),
            give_up_after: Span::hours(1),
            receiver: Vec::new(),
        }
    }
}

impl SignalsConfig {
    /// Makes every path relative to `directory`.
    pub(super) fn rebase(&mut self, directory: &Path) {
        for path in &mut self.keys {
            *path = directory.join(&*path);
        }
    }
}

/// `[[signals.receiver]]`: one stream.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    /// Id of its stream.
    #[serde(deserialize_with = "plain_name")]
    pub name: String,
    /// `aud` of its tokens.
    pub audience: String,
    /// How it gets them.
    pub delivery: Delivery,
    /// What it understands.
    #[serde(default = "ssf")]
    pub profile: Profile,
    /// `push`: the URL that takes the tokens.
    #[serde(default, deserialize_with = "endpoint")]
    pub endpoint: Option<String>,
    /// `push`: the bearer token that the endpoint asks for.
    #[serde(default, deserialize_with = "secret")]
    pub endpoint_token: Option<Secret>,
    /// The bearer token with which it polls, and manages its stream.
    #[serde(default, deserialize_with = "secret")]
    pub access_token: Option<Secret>,
    /// `kafka`: the topic that takes the tokens.
    #[serde(default, deserialize_with = "some_topic")]
    pub topic: Option<String>,
    /// The tenants it is told of; `*` is a wildcard.
    #[serde(default = "everybody")]
    pub tenants: Vec<String>,
    /// The actions it is told of; without them all that its profile has an event for.
    #[serde(default)]
    pub actions: Option<Vec<Action>>,
    /// Whether it is told of commands that are only observed.
    #[serde(default)]
    pub observe: bool,
    /// How people are named.
    #[serde(default = "iss_sub")]
    pub subject: SubjectFormat,
    /// The issuer of subjects of format `iss_sub`; without it the issuer of the tokens.
    #[serde(default)]
    pub subject_issuer: Option<String>,
    /// Profile `ssf`: whether the subject stands inside the event as well.
    #[serde(default)]
    pub subject_in_event: bool,
}

impl ReceiverConfig {
    /// Whether it wants to be told of this action.
    pub fn wants(&self, action: Action) -> bool {
        let listed = self.actions.as_ref();
        listed.is_none_or(|actions| actions.contains(&action))
    }
}

/// How tokens reach a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// They are posted to its endpoint (RFC 8935).
    Push,
    /// It fetches them here (RFC 8936).
    Poll,
    /// They are written to a topic.
    Kafka,
}

fn ssf() -> Profile {
    Profile::Ssf
}

pub(super) fn iss_sub() -> SubjectFormat {
    SubjectFormat::IssSub
}

pub(super) fn everybody() -> Vec<String> {
    vec!["*".to_owned()]
}

pub(super) fn address_to_listen_at<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    listen_address(&text).map_err(de::Error::custom)
}

fn some_topic<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    super::kafka::topic_name(deserializer).map(Some)
}

pub(super) fn secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    deserializer.deserialize_any(ScalarVisitor).map(Some)
}

/// It stands in URLs, in names of groups and in the id of every token and acknowledgement.
pub(super) fn plain_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if (1..=64).contains(&name.len()) && name.chars().all(legal) {
        return Ok(name);
    }
    Err(de::Error::custom(
        "this is no name of a receiver or target; write 1 to 64 of a-z, 0-9, `-` and `_`",
    ))
}

fn issuer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let url = String::deserialize(deserializer)?;
    let is_plain = !url.contains(['?', '#', '{', '}']) && !url.ends_with('/');
    // What is served under the path of the URL is found by patterns, in which these mean something.
    let is_path = !["/:", "/*"].iter().any(|begin| url.contains(begin));
    if is_plain && is_path && host(&url, "https://").is_some() {
        return Ok(Some(url));
    }
    Err(de::Error::custom(
        "this is no issuer; write the https URL at which receivers find this transmitter, without \
         `/` at its end and without `{`, `}`, `?`, `#`, `/:` or `/*`, such as \"https://signals.example.com\"",
    ))
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let url = String::deserialize(deserializer)?;
    if is_private(&url) {
        return Ok(Some(url));
    }
    Err(de::Error::custom(
        "this is no endpoint; write an https URL, or an http one of this machine, such as \
         \"https://receiver.example.com/events\"",
    ))
}

/// Whether nobody listens on the way there. A token says of whom it is, and the bearer token goes with it.
pub(super) fn is_private(url: &str) -> bool {
    let is_here = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let encrypted = host(url, "https://").is_some();
    let is_uri = url.parse::<axum::http::Uri>().is_ok();
    is_uri && (encrypted || host(url, "http://").is_some_and(is_here))
}

/// The host of a URL with this scheme.
fn host<'u>(url: &'u str, scheme: &str) -> Option<&'u str> {
    let rest = url.strip_prefix(scheme)?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    };
    // A password in a URL is shown wherever the URL is.
    (!host.is_empty() && !host.contains(['@', ' '])).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_leave_this_machine_encrypted_only() {
        let read = |url: &str| -> Result<_, toml::de::Error> {
            let text = format!("name = 'a'\naudience = 'b'\ndelivery = 'push'\nendpoint = '{url}'");
            toml::from_str::<ReceiverConfig>(&text)
        };
        for url in [
            "https://receiver.example.com/events",
            "https://receiver.example.com:8443",
            "http://127.0.0.1:8080/events",
            "http://[::1]:8080/events",
            "http://localhost",
        ] {
            assert!(read(url).is_ok(), "{url}");
        }
        for url in [
            "http://receiver.example.com/events",
            "http://localhost.example.com",
            "http://localhost:1@receiver.example.com/",
            "https://user:password@receiver.example.com/",
            "https://",
            "receiver.example.com",
        ] {
            assert!(read(url).is_err(), "{url}");
        }
    }

    #[test]
    fn an_issuer_is_a_url_under_which_something_can_be_served() {
        let read = |url: &str| toml::from_str::<SignalsConfig>(&format!("issuer = '{url}'"));
        for url in [
            "https://signals.example.com",
            "https://signals.example.com:8443/plumbline/acme",
        ] {
            assert!(read(url).is_ok(), "{url}");
        }
        for url in [
            "https://signals.example.com/:tenant",
            "https://signals.example.com/a/*rest",
            "https://signals.example.com/{tenant}",
            "https://signals.example.com/a}",
            "https://signals.example.com/",
        ] {
            assert!(read(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let receiver: ReceiverConfig = toml::from_str(
            "name = 'a'\naudience = 'b'\ndelivery = 'poll'\naccess_token = 'hunter2'\n\
             endpoint_token = 'hunter2'",
        )
        .expect("read");
        assert!(!format!("{receiver:?}").contains("hunter2"));
    }
}
