//! What a detector says of one event.

use plumbline_schemas::command::{Action, Params};
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

/// What a demanded command is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum About {
    #[default]
    Session,
    Credential,
    Identity,
    /// One object, by the stable hash of its name.
    Resource(u32),
}

/// The command that a rule asks for, whatever else is odd.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    pub(crate) action: Action,
    pub(crate) about: About,
    pub(crate) params: Params,
    /// Whether the rule decides before the score does.
    pub(crate) decides: bool,
}

impl Demand {
    /// A demand about what the action naturally is about.
    pub(crate) fn of(action: Action) -> Self {
        let about = match action {
            Action::RevokeCredential => About::Credential,
            Action::RevokeAll => About::Identity,
            _ => About::Session,
        };
        let params = Params {
            max_age: (action == Action::StepUp).then_some(0),
            ..Params::default()
        };
        Self {
            action,
            about,
            params,
            decides: false,
        }
    }
}

/// What a broken rule weighs. It is no surprise, and says nothing of how usual it is.
const RULE_BITS: Bits = Bits(10.0);

/// A surprise, and how anyone can check it.
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) detector: DetectorId,
    pub(crate) bits: Bits,
    pub(crate) alone: Alone,
    pub(crate) demand: Option<Demand>,
    /// Whether it is told even where it is too little to count.
    pub(crate) is_notable: bool,
    /// MITRE ATT&CK or ATLAS.
    pub(crate) technique: &'static [&'static str],
    pub(crate) summary: String,
    pub(crate) evidence: Map<String, Value>,
    /// Other events it rests on, beside the one that is judged.
    pub(crate) other_events: Vec<String>,
}

impl Signal {
    /// A rule that was broken, and what it asks for.
    pub(crate) fn rule(
        detector: DetectorId,
        demand: Demand,
        technique: &'static [&'static str],
        summary: String,
        evidence: Value,
    ) -> Self {
        Self {
            detector,
            bits: RULE_BITS,
            alone: Alone::Finding,
            demand: Some(demand),
            is_notable: false,
            technique,
            summary,
            evidence: self::evidence(evidence),
            other_events: Vec::new(),
        }
    }

    /// The same with other events that it rests on.
    pub(crate) fn resting_on(mut self, events: impl IntoIterator<Item = String>) -> Self {
        self.other_events.extend(events);
        self
    }

    /// The same with how surprising it is.
    pub(crate) fn weighing(mut self, bits: Bits) -> Self {
        self.bits = bits;
        self
    }
}

/// A text or a list of an event may be nearly as large as the event, and evidence repeats it: of what is longer than
/// anybody reads the beginning is told, so that a finding stays far below what a topic takes.
const MOST_TEXT_BYTES: usize = 512;
const MOST_ITEMS: usize = 64;

/// A text, or its beginning.
pub(crate) fn said(text: &str) -> String {
    if text.len() <= MOST_TEXT_BYTES {
        return text.to_owned();
    }
    let beginning = &text[..text.floor_char_boundary(MOST_TEXT_BYTES)];
    format!("{beginning}… ({} bytes more)", text.len() - beginning.len())
}

/// Evidence with the beginnings of its long texts and lists.
pub(crate) fn bounded(evidence: Map<String, Value>) -> Map<String, Value> {
    let bounded = evidence.into_iter();
    bounded
        .map(|(name, value)| (name, bounded_value(value)))
        .collect()
}

fn bounded_value(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > MOST_TEXT_BYTES => Value::String(said(&text)),
        Value::Array(items) => {
            let more = items.len().saturating_sub(MOST_ITEMS);
            let told = items.into_iter().take(MOST_ITEMS).map(bounded_value);
            let more = (more > 0).then(|| Value::String(format!("… and {more} more")));
            Value::Array(told.chain(more).collect())
        }
        Value::Object(members) => Value::Object(bounded(members)),
        other => other,
    }
}

/// The evidence of a signal from a `json!` object.
pub(crate) fn evidence(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}
