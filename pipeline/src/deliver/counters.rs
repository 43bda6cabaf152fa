//! What is counted of each recipient.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::serve;

/// The names of the metrics of one program, and what each says.
#[derive(Debug)]
pub(crate) struct Names {
    /// What a recipient is: the label.
    pub(crate) recipient: &'static str,
    /// Name and help of the counters, in the order of [`Count`].
    pub(crate) counters: [(&'static str, &'static str); 5],
    /// Name and help of how many jobs wait.
    pub(crate) pending: (&'static str, &'static str),
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    /// Jobs that are done.
    Done,
    /// Tries that came to nothing.
    Failures,
    /// Commands that expired before they could be handed on.
    Expired,
    /// Commands that were given up, each with a dead letter.
    DeadLetters,
    /// Commands that are nothing for this recipient.
    Impossible,
}

/// Counts of one recipient, and what its thread is at.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    recipient: String,
    counts: [AtomicU64; 5],
    standing: Standing,
}

#[derive(Debug, Default)]
struct Standing {
    joined: AtomicBool,
    failing: AtomicBool,
    ended: AtomicBool,
    pending: AtomicUsize,
}

impl Counters {
    pub(crate) fn new(recipient: &str) -> Self {
        Self {
            recipient: recipient.to_owned(),
            ..Self::default()
        }
    }

    /// One more of these.
    pub(crate) fn add(&self, count: Count) {
        self.counts[count as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The group has given its thread a share of the partitions.
    pub(crate) fn set_joined(&self, joined: bool) {
        self.standing.joined.store(joined, Ordering::Relaxed);
    }

    /// Whether Kafka takes no commits.
    pub(crate) fn set_failing(&self, failing: bool) {
        self.standing.failing.store(failing, Ordering::Relaxed);
    }

    /// Its thread has ended, and only a restart begins another.
    pub(crate) fn set_ended(&self) {
        self.standing.ended.store(true, Ordering::Relaxed);
    }

    /// So many jobs wait.
    pub(crate) fn set_pending(&self, pending: usize) {
        self.standing.pending.store(pending, Ordering::Relaxed);
    }

    pub(super) fn waits_for(&self) -> Option<&'static str> {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        if is(&self.standing.ended) {
            return Some("a restart: the log says why it has ended");
        }
        match (is(&self.standing.joined), is(&self.standing.failing)) {
            (false, _) => Some("its share of the partitions"),
            (_, true) => Some("Kafka to take its commit"),
            _ => None,
        }
    }
}

/// Looks at all recipients.
#[derive(Clone, Debug)]
pub(crate) struct Gauge {
    names: &'static Names,
    all: Arc<[Arc<Counters>]>,
}

impl Gauge {
    pub(crate) fn new(names: &'static Names, all: impl Iterator<Item = Arc<Counters>>) -> Self {
        Self {
            names,
            all: all.collect(),
        }
    }

    /// Whether the program does its work; if not, what it waits for, a line for each recipient. A recipient
    /// that is away is none of ours.
    pub(crate) fn is_ready(&self) -> Result<(), String> {
        let waiting = self.all.iter().filter_map(|counters| {
            let reason = counters.waits_for()?;
            Some(format!("{} waits for {reason}\n", counters.recipient))
        });
        let waiting: String = waiting.collect();
        match waiting.is_empty() {
            true => Ok(()),
            false => Err(waiting),
        }
    }

    /// All numbers, in the text format of OpenMetrics.
    pub(crate) fn metrics(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("plumbline");
        registry.register_collector(Box::new(self.clone()));
        let mut encoded = String::new();
        text::encode(&mut encoded, &registry)?;
        Ok(encoded)
    }

    /// The pages for whoever looks after the process.
    pub(crate) fn pages(self) -> Router {
        let ready = self.clone();
        Router::new()
            .route("/healthz", get(async || serve::state(Ok(()))))
            .route("/readyz", get(async move || serve::state(ready.is_ready())))
            .route(
                "/metrics",
                get(async move || serve::metrics(self.metrics())),
            )
    }

    /// One metric with a value for each recipient.
    fn show<M: EncodeMetric>(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, help): (&str, &str),
        value: impl Fn(&Counters) -> M,
    ) -> fmt::Result {
        let Some(first) = self.all.first() else {
            return Ok(());
        };
        let kind = value(first).metric_type();
        let mut described = encoder.encode_descriptor(name, help, None, kind)?;
        for counters in self.all.iter() {
            let labels = [(self.names.recipient, &*counters.recipient)];
            value(counters).encode(described.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Collector for Gauge {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (at, named) in self.names.counters.iter().enumerate() {
            self.show(&mut encoder, *named, |counters| {
                ConstCounter::new(counters.counts[at].load(Ordering::Relaxed))
            })?;
        }
        self.show(&mut encoder, self.names.pending, |counters| {
            let pending = counters.standing.pending.load(Ordering::Relaxed);
            ConstGauge::new(i64::try_from(pending).unwrap_or(i64::MAX))
        })
    }
}
