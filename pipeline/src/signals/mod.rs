//! `plumbline transmit`: tells the receivers of Shared Signals of every command.
//!
//! It stands outside of the engine: here the present counts. Each receiver has a thread and a consumer
//! group of its own on the control topic, so that none waits for another. An offset is committed when
//! everything before it was taken by the receiver, has expired, or is a dead letter.

mod keys;
mod metrics;
mod outbox;
mod poll;
mod push;
mod receiver;
mod session;
mod web;
mod window;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use axum::Router;
use axum::routing::get;

use crate::config::{Config, ConfigError, Delivery};
use crate::kafka::{Clients, ConnectError, connect};
use crate::run::Shutdown;
use crate::serve::{self, Server};
use keys::Keys;
use metrics::Gauge;
use push::Pusher;
use receiver::{Receiver, resolve};
use session::Deliverer;

pub use keys::KeyError;
pub use push::PushError;

/// How often the threads are looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);

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
    /// The cluster, or what is configured of it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Where something is to be served.
    #[error(
        "nothing can be served at {address} ({source}); another process may listen there: correct {setting}"
    )]
    Listen {
        /// The setting that says so.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The signals of the operating system.
    #[error("SIGTERM and SIGINT cannot be waited for")]
    Signals(#[source] std::io::Error),
    /// No thread for a receiver.
    #[error("no thread can be started for a receiver")]
    Thread(#[source] std::io::Error),
    /// A defect of this program.
    #[error(
        "the delivery to {0} has ended by a defect of this program; please report it with the log"
    )]
    Defect(String),
}

impl TransmitError {
    /// The exit status for it: 2 for the configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect(error) => error.exit_code(),
            Self::NoReceiver
            | Self::NoIssuer
            | Self::Config(_)
            | Self::SameToken(..)
            | Self::Key(_) => 2,
            Self::Push(PushError::Token(_) | PushError::Endpoint(_)) => 2,
            Self::Push(PushError::Roots(_))
            | Self::Listen { .. }
            | Self::Signals(_)
            | Self::Thread(_)
            | Self::Defect(_) => 1,
        }
    }
}

/// Transmits until a signal comes.
pub fn transmit(config: &Config) -> Result<(), TransmitError> {
    let shutdown = Shutdown::on_signals().map_err(TransmitError::Signals)?;
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
    let gauge = Gauge::new(Arc::clone(&receivers));
    let listen = |setting, address, what, routes| {
        let started = Server::start(address, what, routes);
        started.map_err(|source| TransmitError::Listen {
            setting,
            address,
            source,
        })
    };
    // First of all: who starts it wants to see what it waits for.
    let pages = config
        .run
        .listen
        .map(|address| listen("run.listen", address, serve::PAGES, shown(gauge)));
    let _pages = pages.transpose()?;
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
    let stop = AtomicBool::new(false);
    let timeout = crate::run::span(signals.timeout);
    thread::scope(|scope| {
        let mut running = Vec::new();
        for (receiver, pusher) in receivers.iter().zip(pushers) {
            let deliverer = Deliverer {
                clients: &clients,
                topics,
                receiver,
                keys: &keys,
                pusher,
                give_up_after: crate::run::span(signals.give_up_after),
                timeout,
                stop: &stop,
            };
            let builder = thread::Builder::new().name(format!("signals-{}", receiver.name()));
            match builder.spawn_scoped(scope, move || deliverer.run()) {
                Ok(handle) => running.push((receiver.name(), handle)),
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(TransmitError::Thread(error));
                }
            }
        }
        tracing::info!(receivers = running.len(), issuer, "transmitting");
        while !shutdown.is_requested() && !running.iter().any(|(_, handle)| handle.is_finished()) {
            thread::sleep(WATCH_INTERVAL);
        }
        stop.store(true, Ordering::Relaxed);
        // All are joined, whatever the first one says.
        let ended: Vec<_> = running.into_iter().map(finish).collect();
        tracing::info!("stopped");
        ended.into_iter().collect()
    })
}

fn finish(
    (receiver, handle): (&str, ScopedJoinHandle<'_, Result<(), ConnectError>>),
) -> Result<(), TransmitError> {
    match handle.join() {
        Ok(ended) => Ok(ended?),
        Err(_) => Err(TransmitError::Defect(receiver.to_owned())),
    }
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
            if let Err(error) = resolve(token.as_ref(), directory, &receiver.name, key) {
                let cause = std::error::Error::source(&error);
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                missing.push(format!("{error}{cause}"));
            }
        }
    }
    // What cannot be had was told above.
    if let Err(error @ TransmitError::SameToken(..)) = access_tokens(config) {
        missing.push(error.to_string());
    }
    missing
}

/// For each receiver, in order: the bearer token that is its own and no other's.
fn access_tokens(config: &Config) -> Result<Vec<Option<String>>, TransmitError> {
    let directory = &config.kafka.directory;
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    let mut tokens = Vec::new();
    for receiver in &config.signals.receiver {
        let (name, secret) = (&*receiver.name, receiver.access_token.as_ref());
        let token = resolve(secret, directory, name, "access_token")?;
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
    let timeout = crate::run::span(config.signals.timeout);
    let mut pushers = Vec::new();
    for receiver in &config.signals.receiver {
        let secret = receiver.endpoint_token.as_ref();
        let name = &receiver.name;
        let token = resolve(secret, &config.kafka.directory, name, "endpoint_token")?;
        let endpoint = receiver.endpoint.as_deref().unwrap_or_default();
        pushers.push(match receiver.delivery {
            Delivery::Push => Some(Pusher::new(name, endpoint, token.as_deref(), timeout)?),
            Delivery::Poll | Delivery::Kafka => None,
        });
    }
    Ok(pushers)
}

/// The pages for whoever looks after the process.
fn shown(gauge: Gauge) -> Router {
    let ready = gauge.clone();
    Router::new()
        .route("/healthz", get(async || serve::state(Ok(()))))
        .route("/readyz", get(async move || serve::state(ready.is_ready())))
        .route(
            "/metrics",
            get(async move || serve::metrics(gauge.metrics())),
        )
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use plumbline_schemas::signals::Claims;
    use plumbline_schemas::time::EventTime;

    use super::metrics::Gauge;
    use super::receiver::Receiver;
    use super::window::Signal;
    use super::{receivers, what_is_missing};
    use crate::config::Config;

    /// A gauge of one receiver, about which everything has been counted once.
    fn gauge() -> Gauge {
        let config = toml::from_str(
            "name = 'bot'\naudience = 'a'\ndelivery = 'poll'\naccess_token = 'secret'",
        );
        let receiver = Receiver::new(&config.expect("read"), "https://x.example", Some("secret"));
        let counters = &receiver.counters;
        counters.sent();
        counters.failure();
        counters.expired();
        counters.dead_letter();
        counters.untold();
        counters.set_pending(3);
        Gauge::new(Arc::from([Arc::new(receiver)]))
    }

    /// Something of every metric.
    pub(crate) fn metrics() -> String {
        gauge().metrics().expect("encoded")
    }

    #[test]
    fn metrics_are_named_and_labelled() {
        insta::assert_snapshot!(metrics());
    }

    #[test]
    fn readiness_names_the_receiver_that_is_waited_for() {
        let gauge = gauge();
        let waiting = "bot waits for its share of the partitions\n";
        assert_eq!(gauge.is_ready(), Err(waiting.to_owned()));
        gauge.receivers()[0].counters.set_joined(true);
        assert_eq!(gauge.is_ready(), Ok(()));
        gauge.receivers()[0].counters.set_failing(true);
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

    /// A token about this subject that never expires.
    pub(super) fn signal(subject: &str, jti: &str) -> Signal {
        Signal {
            claims: Claims {
                iss: "https://signals.example.com".to_owned(),
                aud: "https://receiver.example.com".to_owned(),
                jti: jti.to_owned(),
                iat: 1_794_821_160,
                txn: None,
                sub_id: serde_json::json!({ "format": "opaque", "id": subject }),
                events: BTreeMap::new(),
            },
            subject: subject.to_owned(),
            expires_at: EventTime::from_millis(i64::MAX),
            record: Vec::new(),
        }
    }
}
