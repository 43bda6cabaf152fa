//! What a detector says of one event.

use serde_json::{Map, Value};

use crate::detect::DetectorId;
use crate::units::Bits;

/// The most that a signal may lead to when nothing else is odd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alone {
    /// A finding: one odd thing by itself troubles nobody.
    #[default]
    Finding,
    /// The question whether it is still the same person or program.
    StepUp,
    /// It cannot be the same: what is here is in two hands.
    Revoke,
}

/// A surprise, and how anyone can check it.
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) detector: DetectorId,
    pub(crate) bits: Bits,
    pub(crate) alone: Alone,
    /// MITRE ATT&CK or ATLAS.
    pub(crate) technique: &'static [&'static str],
    pub(crate) summary: String,
    pub(crate) evidence: Map<String, Value>,
    /// Other events it rests on, beside the one that is judged.
    pub(crate) other_events: Vec<String>,
}

/// The evidence of a signal from a `json!` object.
pub(crate) fn evidence(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}
