//! What the demo is going to feed, in order, and what has to come of it.
//!
//! The records go through the same normaliser and the same engine as in the service, but without a
//! broker. What this gives is what has to be read from the broker in the end.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use plumbline_detectors::config::Config as EngineConfig;
use plumbline_detectors::engine::{Engine, Output};
use plumbline_schemas::event::Event;
use plumbline_schemas::formats::Decoded;
use plumbline_schemas::log_key;
use plumbline_schemas::time::EventTime;

use super::DemoError;
use super::report::SourceCounts;
use super::sample::Sample;
use crate::enrich::Enricher;
use crate::log_format::LogFormat;
use crate::normalise::Normaliser;

/// One raw record to be fed.
#[derive(Debug)]
pub(super) struct Step<'s> {
    /// Index of its source.
    pub(super) source: usize,
    /// Its bytes.
    pub(super) raw: &'s [u8],
    /// When it reaches its topic, in event time: not before the records ahead of it.
    pub(super) arrival: EventTime,
    /// Whose its events are, one entry an event.
    pub(super) identities: Vec<Arc<str>>,
}

/// Something that has to be published.
#[derive(Debug)]
pub(super) struct Expected {
    /// Index of the step that leads to it.
    pub(super) step: usize,
    /// What it is.
    pub(super) output: Output,
}

/// The whole plan.
#[derive(Debug)]
pub(super) struct Plan<'s> {
    /// The records, in the order in which they are fed.
    pub(super) steps: Vec<Step<'s>>,
    /// What has to be published, in the order of its triggers.
    pub(super) expected: Vec<Expected>,
    /// Per source, in the order of the configuration.
    pub(super) sources: Vec<SourceCounts>,
    /// Which step brings the event of this key.
    pub(super) events: HashMap<EventKey, usize>,
    /// How many identities there are.
    pub(super) identities: usize,
    /// Event times of the first and the last event.
    pub(super) period: (EventTime, EventTime),
}

/// What makes two records the same event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct EventKey(String);

impl EventKey {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let source = event.source.as_deref().unwrap_or_default();
        Self([event.tenant(), source, &event.id].join("\0"))
    }
}

/// A raw record and the events that it holds, as they stand in the log.
struct Read<'s> {
    source: usize,
    raw: &'s [u8],
    arrival: EventTime,
    events: Vec<Vec<u8>>,
}

impl<'s> Plan<'s> {
    /// Reads the sample logs and puts them through the engine.
    pub(super) fn make(
        samples: &'s [Sample],
        enricher: &Arc<Enricher>,
        engine: Arc<EngineConfig>,
    ) -> Result<Self, DemoError> {
        let mut records = Vec::new();
        let mut sources = Vec::new();
        for (source, sample) in samples.iter().enumerate() {
            let read = read_source(source, sample, enricher)?;
            sources.push(SourceCounts {
                topic: sample.topic,
                format: sample.format,
                records: read.len() as u64,
                events: read.iter().map(|record| record.events.len() as u64).sum(),
            });
            records.extend(read);
        }
        // Stable: what arrives at the same moment keeps the order of the sources.
        records.sort_by_key(|record| record.arrival);
        judge(records, sources, engine)
    }

    /// Index of the first step that arrives at this time or later.
    pub(super) fn step_at(&self, time: EventTime) -> usize {
        self.steps.partition_point(|step| step.arrival < time)
    }
}

fn read_source<'s>(
    source: usize,
    sample: &'s Sample,
    enricher: &Arc<Enricher>,
) -> Result<Vec<Read<'s>>, DemoError> {
    let damaged = |reason: String| DemoError::Sample {
        topic: sample.topic,
        reason,
    };
    let tenant = Some(super::TENANT);
    let normaliser = LogFormat::open(sample.format, None)
        .and_then(|format| Normaliser::new(format, tenant, Arc::clone(enricher)))
        .map_err(|error| damaged(error.to_string()))?;
    let mut arrival = EventTime::from_millis(i64::MIN);
    let mut records = Vec::new();
    for raw in sample.records() {
        let mut events = Vec::new();
        let mut refused = None;
        normaliser.decode(raw, &mut |decoded| match decoded {
            Decoded::Event(event) => {
                arrival = arrival.max(event.time);
                match serde_json::to_vec(&event) {
                    Ok(json) => events.push(json),
                    Err(error) => refused = Some(error.to_string()),
                }
            }
            Decoded::Rejected(reject) => refused = Some(reject.to_string()),
            Decoded::Skipped(_) | Decoded::Drift(_) => {}
        });
        if let Some(reason) = refused {
            return Err(damaged(reason));
        }
        records.push(Read {
            source,
            raw,
            arrival,
            events,
        });
    }
    Ok(records)
}

fn judge<'s>(
    records: Vec<Read<'s>>,
    sources: Vec<SourceCounts>,
    config: Arc<EngineConfig>,
) -> Result<Plan<'s>, DemoError> {
    let mut engine = Engine::new(config);
    let mut plan = Plan {
        steps: Vec::with_capacity(records.len()),
        expected: Vec::new(),
        sources,
        events: HashMap::new(),
        identities: 0,
        period: (EventTime::default(), EventTime::default()),
    };
    let mut identities: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut outputs = Vec::new();
    let mut first = None;
    for (at, record) in records.into_iter().enumerate() {
        let mut step = Step {
            source: record.source,
            raw: record.raw,
            arrival: record.arrival,
            identities: Vec::with_capacity(record.events.len()),
        };
        for json in &record.events {
            let event = Event::parse(json).map_err(|reject| DemoError::Sample {
                topic: plan.sources.get(record.source).map_or("", |s| s.topic),
                reason: reject.to_string(),
            })?;
            let name = log_key(event.tenant(), &event.identity.id);
            let known = identities.get(name.as_str()).cloned();
            let name = known.unwrap_or_else(|| Arc::from(name));
            identities.insert(Arc::clone(&name));
            step.identities.push(name);
            plan.events.entry(EventKey::of(&event)).or_insert(at);
            first.get_or_insert(event.time);
            engine.apply(&event, &mut outputs);
        }
        let due = outputs.drain(..);
        plan.expected
            .extend(due.map(|output| Expected { step: at, output }));
        plan.steps.push(step);
    }
    plan.identities = identities.len();
    let last = engine.clock().or(first);
    plan.period = (first.unwrap_or_default(), last.unwrap_or_default());
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(topic: &'static str, events: &[(&str, &str, u8)]) -> Sample {
        let line = |(id, who, minute): &(&str, &str, u8)| {
            format!(
                r#"{{"id":"{id}","time":"2026-03-02T08:{minute:02}:00Z","kind":"api","identity":{{"id":"{who}"}},"action":{{"name":"GET /"}}}}"#
            )
        };
        let lines: Vec<String> = events.iter().map(line).collect();
        Sample {
            topic,
            format: "native",
            text: lines.join("\n").into_bytes(),
        }
    }

    fn make(samples: &[Sample]) -> Plan<'_> {
        Plan::make(samples, &Arc::default(), Arc::default()).expect("good samples")
    }

    #[test]
    fn sources_are_merged_by_time_and_each_keeps_its_order() {
        let samples = [
            // The second record came late: it stays behind the first.
            native(
                "a",
                &[("a1", "ann", 10), ("a2", "bob", 5), ("a3", "ann", 30)],
            ),
            native(
                "b",
                &[("b1", "ann", 7), ("b2", "ann", 10), ("b3", "cid", 20)],
            ),
        ];
        let plan = make(&samples);
        let sources: Vec<usize> = plan.steps.iter().map(|step| step.source).collect();
        assert_eq!(sources, [1, 0, 0, 1, 1, 0]);
        assert_eq!(plan.identities, 3);
        assert_eq!(plan.events.len(), 6);
        let first_at_ten = plan.step_at(EventTime::parse("2026-03-02T08:10:00Z").expect("a time"));
        assert_eq!(first_at_ten, 1);
    }

    #[test]
    fn a_record_that_is_refused_is_a_defect_of_the_sample() {
        let mut sample = native("a", &[("a1", "ann", 10)]);
        sample.text.extend_from_slice(b"\nnot JSON\n");
        let error = Plan::make(&[sample], &Arc::default(), Arc::default()).expect_err("refused");
        assert!(
            error.to_string().contains("sample log a cannot be read"),
            "{error}"
        );
    }
}
