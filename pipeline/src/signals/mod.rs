//! `plumbline transmit`: tells the receivers of Shared Signals of every command.
//!
//! [`crate::deliver`] reads the control topic for each receiver; here is what a receiver is told, and how.

mod delivery;
mod keys;
mod poll;
mod push;
mod receiver;
mod web;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::check::with_cause;
use crate::config::{Config, ConfigError, Delivery, resolve};
use crate::deliver::{DeliverError, Gauge, Names, Post, deliver_until, listen, show_pages};
use crate::kafka::{Clients, ConnectError, connect};
use crate::run::{Shutdown, span};
use delivery::Desk;
use keys::Keys;
use push::Pusher;
use receiver::Receiver;

pub use keys::KeyError;
pub use push::PushError;

const NAMES: Names = Names {
    recipient: "receiver",
    counters: [
        ("signals_sent", "Tokens that the receiver has taken."),
        ("signals_failures", "Tries after which it had not."),
        (
            "signals_expired",
            "Commands that expired before they could be sent.",
        ),
        (
            "signals_dead_letters",
            "Commands that were given up, each with a dead letter.",
        ),
        (
            "signals_untold",
            "Commands about somebody that the receiver cannot be told of.",
        ),
    ],
    pending: ("signals_pending", "Tokens that wait for the receiver."),
};

/// Why nothing can be transmitted.
#[derive(Debug, thiserror::Error)]
pub enum TransmitError {
    /// Nobody to tell.
    #[error("there is no receiver; name one in [[signals.receiver]]")]
    NoReceiver,
    /// The issuer is missing.
    #[error(
        "signals.issuer is missing; write the https URL at which receivers find this transmitter"
    )]
    NoIssuer,
    /// A bearer token of the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Who comes with it could be either.
    #[error("the receivers `{0}` and `{1}` have the same access_token; give each one of its own")]
    SameToken(String, String),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A receiver that cannot be posted to.
    #[error(transparent)]
    Push(#[from] PushError),
    /// What is not about signals.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
}

impl From<ConnectError> for TransmitError {
    fn from(error: ConnectError) -> Self {
        Self::Deliver(error.into())
    }
}

impl TransmitError {
    /// The exit status for it: 2 for the configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Deliver(error) => error.exit_code(),
            Self::Push(PushError::Roots(_)) => 1,
            Self::NoReceiver
            | Self::NoIssuer
            | Self::Config(_)
            | Self::SameToken(..)
            | Self::Key(_)
            | Self::Push(PushError::Token(_) | PushError::Endpoint(_)) => 2,
        }
    }
}

/// Transmits until a signal comes.
pub fn transmit(config: &Config) -> Result<(), TransmitError> {
    let shutdown = Shutdown::on_signals().map_err(DeliverError::Signals)?;
    transmit_until(config, &shutdown)
}

/// The same inside another program: until it asks to stop. Blocks.
pub fn transmit_until(config: &Config, shutdown: &Shutdown) -> Result<(), TransmitError> {
    let signals = &config.signals;
    let issuer = signals
        .issuer
        .as_deref()
        .ok_or(match signals.receiver.is_empty() {
            true => TransmitError::NoReceiver,
            false => TransmitError::NoIssuer,
        })?;
    let keys = Arc::new(Keys::read(&signals.keys)?);
    let receivers = receivers(config, issuer)?;
    let gauge = gauge(&receivers);
    // First of all: who starts it wants to see what it waits for.
    let _pages = show_pages(config, gauge)?;
    let clients = Clients::new(&config.kafka).map_err(ConnectError::from)?;
    let topics = &config.kafka.topics;
    let theirs = signals
        .receiver
        .iter()
        .filter_map(|receiver| receiver.topic.as_deref());
    let needed: Vec<&str> = [&*topics.control, &*topics.deadletter]
        .into_iter()
        .chain(theirs)
        .collect();
    connect(&config.kafka, &clients, &needed)?;
    let pushers = pushers(config)?;
    let site = web::Site {
        issuer: issuer.to_owned(),
        keys: Arc::clone(&keys),
        receivers: Arc::clone(&receivers),
    };
    let _served = listen(
        "signals.listen",
        signals.listen,
        web::PAGES,
        web::pages(site),
    )?;
    let give_up_after = span(signals.give_up_after);
    let posts = receivers
        .iter()
        .zip(pushers)
        .map(|(receiver, pusher)| Post {
            group: clients.signals_group(receiver.name()),
            work: Desk {
                receiver: Arc::clone(receiver),
                keys: Arc::clone(&keys),
                pusher,
                give_up_after,
            },
            give_up_after,
            timeout: span(signals.timeout),
            rehearses: false,
        });
    let posts: Vec<_> = posts.collect();
    tracing::info!(receivers = posts.len(), issuer, "transmitting");
    Ok(deliver_until(config, &clients, &posts, shutdown)?)
}

fn gauge(receivers: &[Arc<Receiver>]) -> Gauge {
    let counters = receivers.iter();
    Gauge::new(
        &NAMES,
        counters.map(|receiver| Arc::clone(&receiver.counters)),
    )
}

/// What would keep this machine from transmitting: each key and bearer token that cannot be had.
pub(crate) fn what_is_missing(config: &Config) -> Vec<String> {
    let directory = &config.kafka.directory;
    let mut missing: Vec<String> = Keys::read(&config.signals.keys)
        .err()
        .map(|error| error.to_string())
        .into_iter()
        .collect();
    for receiver in &config.signals.receiver {
        let tokens = [
            ("endpoint_token", &receiver.endpoint_token),
            ("access_token", &receiver.access_token),
        ];
        for (key, token) in tokens {
            if let Err(error) = resolve(token.as_ref(), directory, &owner(&receiver.name), key) {
                missing.push(with_cause(&error));
            }
        }
    }
    // What cannot be had was told above.
    if let Err(error @ TransmitError::SameToken(..)) = access_tokens(config) {
        missing.push(error.to_string());
    }
    missing
}

/// As errors name it.
fn owner(receiver: &str) -> String {
    format!("receiver `{receiver}`")
}

/// For each receiver, in order: the bearer token that is its own and no other's.
fn access_tokens(config: &Config) -> Result<Vec<Option<String>>, TransmitError> {
    let directory = &config.kafka.directory;
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    let mut tokens = Vec::new();
    for receiver in &config.signals.receiver {
        let (name, secret) = (&*receiver.name, receiver.access_token.as_ref());
        let token = resolve(secret, directory, &owner(name), "access_token")?;
        let owner = token.clone().and_then(|token| owners.insert(token, name));
        if let Some(owner) = owner {
            return Err(TransmitError::SameToken(owner.to_owned(), name.to_owned()));
        }
        tokens.push(token);
    }
    Ok(tokens)
}

fn receivers(config: &Config, issuer: &str) -> Result<Arc<[Arc<Receiver>]>, TransmitError> {
    let access = access_tokens(config)?;
    let all = config.signals.receiver.iter().zip(&access);
    let receivers: Arc<[_]> = all
        .map(|(receiver, access)| Arc::new(Receiver::new(receiver, issuer, access.as_deref())))
        .collect();
    match receivers.is_empty() {
        true => Err(TransmitError::NoReceiver),
        false => Ok(receivers),
    }
}

/// For each receiver, in order: what posts to it, if anything does.
fn pushers(config: &Config) -> Result<Vec<Option<Pusher>>, TransmitError> {
    let timeout = span(config.signals.timeout);
    let mut pushers = Vec::new();
    for receiver in &config.signals.receiver {
        let secret = receiver.endpoint_token.as_ref();
        let name = &receiver.name;
        let token = resolve(
            secret,
            &config.kafka.directory,
            &owner(name),
            "endpoint_token",
        )?;
        let endpoint = receiver.endpoint.as_deref().unwrap_or_default();
        pushers.push(match receiver.delivery {
            Delivery::Push => Some(Pusher::new(name, endpoint, token.as_deref(), timeout)?),
            Delivery::Poll | Delivery::Kafka => None,
        });
    }
    Ok(pushers)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::receiver::Receiver;
    use super::{receivers, what_is_missing};
    use crate::config::Config;
    use crate::deliver::Count;

    /// One receiver, about which everything has been counted once.
    fn receiver() -> Arc<Receiver> {
        let config = toml::from_str(
            "name = 'bot'\naudience = 'a'\ndelivery = 'poll'\naccess_token = 'secret'",
        );
        let receiver = Receiver::new(&config.expect("read"), "https://x.example", Some("secret"));
        for count in [
            Count::Done,
            Count::Failures,
            Count::Expired,
            Count::DeadLetters,
            Count::Impossible,
        ] {
            receiver.counters.add(count);
        }
        receiver.counters.set_pending(3);
        Arc::new(receiver)
    }

    /// Something of every metric.
    pub(crate) fn metrics() -> String {
        let gauge = super::gauge(&[receiver()]);
        gauge.metrics().expect("encoded")
    }

    #[test]
    fn metrics_are_named_and_labelled() {
        insta::assert_snapshot!(metrics());
    }

    #[test]
    fn readiness_names_the_receiver_that_is_waited_for() {
        let receiver = receiver();
        let gauge = super::gauge(&[Arc::clone(&receiver)]);
        let waiting = "bot waits for its share of the partitions\n";
        assert_eq!(gauge.is_ready(), Err(waiting.to_owned()));
        receiver.counters.set_joined(true);
        assert_eq!(gauge.is_ready(), Ok(()));
        receiver.counters.set_failing(true);
        let waiting = "bot waits for Kafka to take its commit\n";
        assert_eq!(gauge.is_ready(), Err(waiting.to_owned()));
    }

    fn with_tokens(tokens: [&str; 2]) -> Config {
        let mut config = Config::default();
        for (name, token) in ["bot", "gateway"].iter().zip(tokens) {
            let text = format!(
                "name = '{name}'\naudience = 'a'\ndelivery = 'poll'\naccess_token = '{token}'"
            );
            let receiver = toml::from_str(&text).expect("read");
            config.signals.receiver.push(receiver);
        }
        config
    }

    #[test]
    fn a_bearer_token_names_one_receiver() {
        for (tokens, expected) in [
            (
                ["hunter2", "hunter2"],
                "`bot` and `gateway` have the same access_token",
            ),
            (
                ["hunter2", ""],
                "access_token of the receiver `gateway` is empty",
            ),
            (
                [" ", "hunter2"],
                "access_token of the receiver `bot` is empty",
            ),
        ] {
            let config = with_tokens(tokens);
            let error = receivers(&config, "https://x.example").expect_err("refused");
            assert_eq!(error.exit_code(), 2);
            let missing = what_is_missing(&config);
            for text in [&error.to_string(), missing.last().expect("told")] {
                assert!(text.contains(expected), "{text}");
                assert!(!text.contains("hunter2"), "{text}");
            }
        }
        let config = with_tokens(["hunter2", "hunter3"]);
        assert!(receivers(&config, "https://x.example").is_ok());
    }
}
