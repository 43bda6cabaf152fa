//! One key of the configuration with several values.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error};
use toml::Value;

use super::Comparison;
use super::quality::Alarms;
use super::tally::Tally;

/// More engines than this in one pass need more memory than anybody expects.
const MOST_VALUES: usize = 16;

/// A dotted key and the values that it takes, written `key=1,2,3`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    text: String,
    /// Such as `detectors.impossible_travel.max_speed_kmh`.
    pub(super) key: String,
    pub(super) values: Vec<Value>,
}

impl Sweep {
    /// Reads `key=1,2,3`. A value is written as in the file; what is no TOML is text: `key=enforce,observe`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |wrong: &str| {
            format!("{wrong}; write a key and its values, such as engine.lateness=1h,24h")
        };
        let (key, values) = text
            .split_once('=')
            .ok_or_else(|| wrong(&format!("`{text}` has no `=`")))?;
        let list: Option<toml::Table> = format!("values = [{values}]").parse().ok();
        let values = match list.and_then(|mut table| table.remove("values")) {
            Some(Value::Array(values)) => values,
            _ => values.split(',').map(value).collect(),
        };
        let is_empty = |value: &Value| value.as_str() == Some("");
        if values.is_empty() || values.iter().any(is_empty) {
            return Err(wrong(&format!("`{text}` has an empty value")));
        }
        if values.len() > MOST_VALUES {
            return Err(format!(
                "{} values are too many: each is an engine of its own in one pass; write at most {MOST_VALUES}",
                values.len()
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            key: key.trim().to_owned(),
            values,
        })
    }
}

/// One value. Only what stands alone is read as TOML.
fn value(text: &str) -> Value {
    let text = text.trim();
    let table: Option<toml::Table> = format!("value = {text}").parse().ok();
    table
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A value as it is shown: text without its quotes.
pub(super) fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

impl fmt::Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Sweep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// What a sweep came to: `sweep.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Swept {
    /// The key.
    pub key: String,
    /// Attacks in the log.
    pub attacks: u64,
    /// What the configuration gives as it is.
    pub base: Outcome,
    /// What each value gives, in the order given.
    pub values: Vec<ValueOutcome>,
}

/// The numbers of one configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Findings.
    pub findings: u64,
    /// Commands.
    pub commands: u64,
    /// Commands that a bot acts on, and that ask or take something.
    pub enforced: u64,
    /// What those are worth.
    pub alarms: Alarms,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueOutcome {
    /// As it was given.
    pub value: Value,
    /// Where its results are, below the directory of the base.
    pub directory: String,
    /// Its numbers.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Against the configuration as it is, which is A.
    pub against_base: Tally,
}

impl Swept {
    /// Of comparisons with one and the same A; none of none.
    pub(super) fn of(sweep: &Sweep, comparisons: &[Comparison]) -> Option<Self> {
        let first = comparisons.first()?;
        let values = sweep.values.iter().zip(comparisons).zip(1..);
        Some(Self {
            key: sweep.key.clone(),
            attacks: first.attacks.len() as u64,
            base: Outcome {
                findings: first.total.findings.a,
                commands: first.total.commands.a,
                enforced: first.total.enforced.a,
                alarms: first.enforced.a.clone(),
            },
            values: values
                .map(|((value, comparison), number)| ValueOutcome {
                    value: value.clone(),
                    directory: directory(number),
                    outcome: Outcome {
                        findings: comparison.total.findings.b,
                        commands: comparison.total.commands.b,
                        enforced: comparison.total.enforced.b,
                        alarms: comparison.enforced.b.clone(),
                    },
                    against_base: comparison.total,
                })
                .collect(),
        })
    }
}

/// Where the results of a value are, below those of the base; the first is number 1.
pub(super) fn directory(number: usize) -> String {
    format!("sweep/{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_toml_and_what_is_no_toml_is_text() {
        let values = |text: &str| {
            let values = Sweep::parse(text).expect(text).values;
            values.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(values("a.b=500,8.5"), ["500", "8.5"]);
        assert_eq!(
            values("a.b=enforce, observe,off"),
            ["\"enforce\"", "\"observe\"", "\"off\""]
        );
        assert_eq!(values("a.b=15m,1h"), ["\"15m\"", "\"1h\""]);
        assert_eq!(values("a.b=[\"x\",\"y\"],[]"), ["[\"x\", \"y\"]", "[]"]);
        assert_eq!(values("a.b=true,5m"), ["true", "\"5m\""]);
    }

    #[test]
    fn what_is_no_sweep_is_refused_with_what_would_be_right() {
        let many = format!("a.b=1{}", ",1".repeat(MOST_VALUES));
        for text in ["a.b", "a.b=", "a.b=1,,2", "a.b=,", &many] {
            let wrong = Sweep::parse(text).expect_err(text);
            assert_eq!(wrong.split("; ").count(), 2, "{wrong}");
        }
    }
}
