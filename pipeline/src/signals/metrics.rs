//! What the transmitter counts, by receiver.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::receiver::Receiver;

macro_rules! counters {
    ($(#[doc = $doc:literal] $field:ident, $count:ident;)*) => {
        /// Counts of one receiver, and what its thread is at.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            receiver: String,
            $($field: AtomicU64,)*
            standing: Standing,
        }

        impl Counters {
            $(pub(super) fn $count(&self) { self.$field.fetch_add(1, Ordering::Relaxed); })*

            fn described(&self) -> [(&'static str, &'static str, u64); 5] {
                [$((
                    concat!("signals_", stringify!($field)),
                    $doc.trim_ascii(),
                    self.$field.load(Ordering::Relaxed),
                )),*]
            }
        }
    };
}

counters! {
    /// Tokens that the receiver has taken.
    sent, sent;
    /// Tries after which it had not.
    failures, failure;
    /// Commands that expired before they could be sent.
    expired, expired;
    /// Commands that were given up, each with a dead letter.
    dead_letters, dead_letter;
    /// Commands about somebody that the receiver cannot be told of.
    untold, untold;
}

#[derive(Debug, Default)]
struct Standing {
    joined: AtomicBool,
    failing: AtomicBool,
    pending: AtomicUsize,
}

impl Counters {
    pub(super) fn new(receiver: &str) -> Self {
        Self {
            receiver: receiver.to_owned(),
            ..Self::default()
        }
    }

    /// The group has given its thread a share of the partitions.
    pub(super) fn set_joined(&self, joined: bool) {
        self.standing.joined.store(joined, Ordering::Relaxed);
    }

    /// Whether Kafka takes no commits.
    pub(super) fn set_failing(&self, failing: bool) {
        self.standing.failing.store(failing, Ordering::Relaxed);
    }

    /// So many tokens wait.
    pub(super) fn set_pending(&self, pending: usize) {
        self.standing.pending.store(pending, Ordering::Relaxed);
    }

    fn waits_for(&self) -> Option<&'static str> {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        match (is(&self.standing.joined), is(&self.standing.failing)) {
            (false, _) => Some("its share of the partitions"),
            (_, true) => Some("Kafka to take its commit"),
            _ => None,
        }
    }
}

/// Looks at all receivers.
#[derive(Clone, Debug)]
pub(super) struct Gauge {
    receivers: Arc<[Arc<Receiver>]>,
}

impl Gauge {
    pub(super) fn new(receivers: Arc<[Arc<Receiver>]>) -> Self {
        Self { receivers }
    }

    #[cfg(test)]
    pub(super) fn receivers(&self) -> &[Arc<Receiver>] {
        &self.receivers
    }

    /// Whether it does its work; if not, what it waits for, a line for each receiver. A receiver that is away
    /// is none of ours.
    pub(super) fn is_ready(&self) -> Result<(), String> {
        let waiting = self.receivers.iter().filter_map(|receiver| {
            let reason = receiver.counters.waits_for()?;
            Some(format!("{} waits for {reason}\n", receiver.name()))
        });
        let waiting: String = waiting.collect();
        match waiting.is_empty() {
            true => Ok(()),
            false => Err(waiting),
        }
    }

    /// All numbers, in the text format of OpenMetrics.
    pub(super) fn metrics(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("plumbline");
        registry.register_collector(Box::new(self.clone()));
        let mut encoded = String::new();
        text::encode(&mut encoded, &registry)?;
        Ok(encoded)
    }
}

impl Collector for Gauge {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let all: Vec<_> = self
            .receivers
            .iter()
            .map(|receiver| &receiver.counters)
            .collect();
        let described: Vec<_> = all.iter().map(|counters| counters.described()).collect();
        let Some(first) = described.first() else {
            return Ok(());
        };
        for (at, (name, help, _)) in first.iter().enumerate() {
            let values = all.iter().zip(&described);
            let values = values.map(|(counters, described)| {
                (&*counters.receiver, ConstCounter::new(described[at].2))
            });
            show(&mut encoder, name, help, values)?;
        }
        let pending = all.iter().map(|counters| {
            let pending = counters.standing.pending.load(Ordering::Relaxed);
            let pending = i64::try_from(pending).unwrap_or(i64::MAX);
            (&*counters.receiver, ConstGauge::new(pending))
        });
        show(
            &mut encoder,
            "signals_pending",
            "Tokens that wait for the receiver.",
            pending,
        )
    }
}

/// One metric with a value for each receiver.
fn show<'r, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (&'r str, M)>,
) -> fmt::Result {
    let mut values = values.peekable();
    let Some((_, first)) = values.peek() else {
        return Ok(());
    };
    let mut described = encoder.encode_descriptor(name, help, None, first.metric_type())?;
    for (receiver, value) in values {
        value.encode(described.encode_family(&[("receiver", receiver)])?)?;
    }
    Ok(())
}
