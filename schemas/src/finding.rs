//! The finding: what a detector saw, how surprising it is, and how anyone can check that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::event::IdentityKind;
use crate::time::EventTime;

vocabulary! {
    /// How grave a finding is.
    Severity { Info = "info", Low = "low", Medium = "medium", High = "high", Critical = "critical" }
}

/// One thing a detector saw, on topic `plumbline.findings`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Deterministic: the same log gives the same id.
    pub id: String,
    /// Event time of the trigger.
    pub time: EventTime,
    /// The customer or organisation.
    pub tenant: String,
    /// Whom it is about.
    pub identity: Subject,
    /// In which session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// With which credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// Name of the detector, snake_case.
    pub detector: String,
    /// How grave it is.
    pub severity: Severity,
    /// −log2 of the chance of this under the identity's own baseline.
    pub surprise_bits: f64,
    /// Risk after this finding.
    pub risk: Risk,
    /// MITRE ATT&CK or ATLAS ids.
    pub technique: Vec<String>,
    /// One sentence for a person.
    pub summary: String,
    /// Observed value, baseline, bound, and what would have made it silent; documented per detector.
    pub evidence: Map<String, Value>,
    /// The events it rests on.
    pub event_ids: Vec<String>,
}

/// Whom a finding is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// Stable id.
    #[schemars(length(max = 256))]
    pub id: String,
    /// What it is.
    pub kind: IdentityKind,
}

/// Risk of a session and of its identity, each 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Risk {
    /// Of the session.
    #[schemars(range(max = 100))]
    pub session: u8,
    /// Of the identity.
    #[schemars(range(max = 100))]
    pub identity: u8,
}
