//! What is counted of each topic, and the pages that show it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::serve;

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Outcome {
    /// Kafka has it.
    #[expect(non_camel_case_types, reason = "the label's value")]
    taken,
    /// It is not believed, or came from a stranger.
    #[expect(non_camel_case_types, reason = "the label's value")]
    refused,
    /// Kafka did not take it in time; it is sent again.
    #[expect(non_camel_case_types, reason = "the label's value")]
    failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    topic: String,
    outcome: Outcome,
}

/// Counts by topic and outcome, and whether Kafka takes what comes.
#[derive(Debug)]
pub(super) struct Counts {
    topics: Vec<String>,
    tokens: Family<Labels, Counter>,
    registry: Registry,
    connected: AtomicBool,
    /// Since when Kafka has what is being written, if anything is.
    writing: Mutex<Option<Instant>>,
    /// How long it may have that.
    patience: Duration,
}

impl Counts {
    pub(super) fn of<'t>(topics: impl Iterator<Item = &'t str>, patience: Duration) -> Self {
        let topics: Vec<String> = topics.map(str::to_owned).collect();
        let tokens = Family::<Labels, Counter>::default();
        for topic in &topics {
            for outcome in [Outcome::taken, Outcome::refused, Outcome::failed] {
                let _ = tokens.get_or_create(&labels(topic, outcome));
            }
        }
        let mut registry = Registry::with_prefix("plumbline");
        let help = "Tokens that were pushed here, by what became of them";
        registry.register("received_tokens", help, tokens.clone());
        Self {
            topics,
            tokens,
            registry,
            connected: AtomicBool::new(false),
            writing: Mutex::default(),
            patience,
        }
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(String::as_str)
    }

    pub(super) fn add(&self, topic: &str, outcome: Outcome) {
        self.tokens.get_or_create(&labels(topic, outcome)).inc();
    }

    /// Something is being written from now on, or nothing is any more.
    pub(super) fn set_writing(&self, is_writing: bool) {
        *self.writing() = is_writing.then(Instant::now);
    }

    fn writing(&self) -> MutexGuard<'_, Option<Instant>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cluster has been reached.
    pub(super) fn set_connected(&self) {
        self.connected.store(true, Ordering::Relaxed);
    }

    fn is_ready(&self) -> Result<(), String> {
        if !self.connected.load(Ordering::Relaxed) {
            return Err("it waits for Kafka\n".to_owned());
        }
        let since = *self.writing();
        match since.is_some_and(|since| since.elapsed() > self.patience) {
            true => Err("it waits for Kafka to take what has come\n".to_owned()),
            false => Ok(()),
        }
    }

    /// All numbers, in the text format of OpenMetrics.
    pub(super) fn metrics(&self) -> Result<String, fmt::Error> {
        let mut encoded = String::new();
        text::encode(&mut encoded, &self.registry)?;
        Ok(encoded)
    }
}

fn labels(topic: &str, outcome: Outcome) -> Labels {
    Labels {
        topic: topic.to_owned(),
        outcome,
    }
}

/// The pages for whoever looks after the process.
pub(super) fn pages(counts: Arc<Counts>) -> Router {
    let ready = Arc::clone(&counts);
    Router::new()
        .route("/healthz", get(async || serve::state(Ok(()))))
        .route("/readyz", get(async move || serve::state(ready.is_ready())))
        .route(
            "/metrics",
            get(async move || serve::metrics(counts.metrics())),
        )
}
