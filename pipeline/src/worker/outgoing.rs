//! What a worker publishes, serialised once and kept until it is committed.

use plumbline_detectors::engine::Output;
use plumbline_schemas::log_key;
use rdkafka::message::OwnedHeaders;
use serde::Serialize;

use crate::kafka::headers;

/// To which topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    Findings,
    Control,
    DeadLetter,
}

/// One record to be published.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) destination: Destination,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) headers: Option<OwnedHeaders>,
}

impl Outgoing {
    /// What the engine says, as JSON.
    pub(super) fn from_output(output: &Output) -> Self {
        match output {
            Output::Finding(finding) => Self {
                destination: Destination::Findings,
                key: log_key(&finding.tenant, &finding.identity.id).into_bytes(),
                value: json(finding),
                headers: None,
            },
            Output::Command(command) => Self {
                destination: Destination::Control,
                key: log_key(&command.target.tenant, &command.target.identity).into_bytes(),
                value: json(command),
                headers: Some(headers(&command.cloud_event_headers())),
            },
        }
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // These types have string keys only and no fallible part: serialising them cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}
