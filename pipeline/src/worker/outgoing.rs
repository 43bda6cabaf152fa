//! What a worker publishes, serialised once and kept until it is committed.

use plumbline_detectors::context;
use plumbline_detectors::engine::Output;
use plumbline_detectors::state::Entry;
use plumbline_schemas::log_key;
use plumbline_schemas::ocsf::detection_finding;
use plumbline_schemas::time::EventTime;
use rdkafka::message::OwnedHeaders;
use serde::Serialize;

use crate::kafka::headers;

/// To which topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    Findings,
    /// Findings once more, as OCSF.
    Ocsf,
    Control,
    DeadLetter,
    /// The log itself, one partition of it.
    Log(i32),
    /// The state of one partition of the log.
    State(i32),
}

/// To whom one partition speaks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Audience {
    /// How many partitions the log has.
    pub(super) partitions: i32,
    /// Whether findings are told as OCSF too.
    pub(super) ocsf: bool,
}

/// One record to be published.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) destination: Destination,
    pub(super) key: Vec<u8>,
    /// Nothing where what the key stands for is no more.
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Option<OwnedHeaders>,
}

impl Outgoing {
    /// What the engine of a partition says, as JSON; to the engines of the other partitions, each a copy.
    pub(super) fn of(output: &Output, partition: i32, audience: Audience) -> Vec<Self> {
        match output {
            Output::Finding(finding) => {
                let told = |destination, value| Self {
                    destination,
                    key: log_key(&finding.tenant, &finding.identity.id).into_bytes(),
                    value: Some(value),
                    headers: None,
                };
                let ocsf = audience.ocsf.then(|| json(&detection_finding(finding)));
                std::iter::once(told(Destination::Findings, json(finding)))
                    .chain(ocsf.map(|value| told(Destination::Ocsf, value)))
                    .collect()
            }
            Output::Command(command) => vec![Self {
                destination: Destination::Control,
                key: log_key(&command.target.tenant, &command.target.identity).into_bytes(),
                value: Some(json(command)),
                headers: Some(headers(&command.cloud_event_headers())),
            }],
            Output::Context(value) => (0..audience.partitions)
                .filter(|other| *other != partition)
                .map(|other| Self::to_log(other, value.clone()))
                .collect(),
        }
    }

    /// A record of the log for one partition.
    pub(super) fn to_log(partition: i32, value: Vec<u8>) -> Self {
        Self {
            destination: Destination::Log(partition),
            key: b"plumbline".to_vec(),
            value: Some(value),
            headers: None,
        }
    }

    /// An entry of the state of a partition.
    pub(super) fn to_state(partition: i32, entry: Entry) -> Self {
        Self {
            destination: Destination::State(partition),
            key: entry.key.into_bytes(),
            value: entry.value,
            headers: None,
        }
    }

    /// A record that lets time go on in a quiet partition.
    pub(super) fn tick(partition: i32, time: EventTime) -> Self {
        Self::to_log(partition, json(&context::tick(time)))
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Vec::len)
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // These types have string keys only and no fallible part: serialising them cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}
