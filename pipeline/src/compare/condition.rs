//! `--fail-if`: a condition on a comparison, in the Common Expression Language (CEL).

use std::fmt;
use std::sync::Arc;

use cel::{Program, Value};
use plumbline_detectors::config::condition;
use serde::de::{Deserialize, Deserializer, Error};

use super::Comparison;
use super::quality::{Alarms, Judged, Spread};
use super::tally::Counts;

/// Numbers of a comparison that a condition can ask for.
#[derive(Clone, Copy)]
enum Number {
    Whole(u64),
    Real(f64),
}

/// A name in a condition, what it stands for, and where it is.
struct Name {
    name: &'static str,
    says: &'static str,
    is_real: bool,
    of: fn(&Comparison) -> Option<Number>,
}

const fn whole(
    name: &'static str,
    says: &'static str,
    of: fn(&Comparison) -> Option<Number>,
) -> Name {
    Name {
        name,
        says,
        is_real: false,
        of,
    }
}

const fn real(
    name: &'static str,
    says: &'static str,
    of: fn(&Comparison) -> Option<Number>,
) -> Name {
    Name {
        name,
        says,
        is_real: true,
        of,
    }
}

impl Name {
    /// Whether nothing is known of it as long as no event is labelled.
    fn needs_labels(&self) -> bool {
        !self.name.ends_with("alarms_per_identity_year")
    }
}

fn count(number: u64) -> Option<Number> {
    Some(Number::Whole(number))
}

fn judged(alarms: &Alarms, of: fn(&Judged) -> Option<f64>) -> Option<Number> {
    alarms.judged.as_ref().and_then(of).map(Number::Real)
}

fn false_alarms(alarms: &Alarms) -> Option<Number> {
    alarms
        .judged
        .as_ref()
        .map(|it| Number::Whole(it.false_alarms))
}

fn median(spread: Option<Spread>) -> Option<f64> {
    spread.map(|spread| spread.median)
}

fn enforced(comparison: &Comparison) -> &Counts {
    &comparison.total.enforced
}

/// Everything that a condition can ask for. Without a prefix it is of B, the new side.
const NAMES: [Name; 31] = [
    whole("new_enforced", "enforced in B and not in A", |it| {
        count(enforced(it).gained)
    }),
    whole("lost_enforced", "enforced in A and not in B", |it| {
        count(enforced(it).lost)
    }),
    whole("changed_enforced", "enforced in both, not the same", |it| {
        count(enforced(it).changed)
    }),
    whole(
        "stronger_enforced",
        "... with a stronger action in B",
        |it| count(it.stronger),
    ),
    whole("weaker_enforced", "... with a weaker action in B", |it| {
        count(it.weaker)
    }),
    whole("new_commands", "commands only in B", |it| {
        count(it.total.commands.gained)
    }),
    whole("lost_commands", "commands only in A", |it| {
        count(it.total.commands.lost)
    }),
    whole("changed_commands", "in both, not the same", |it| {
        count(it.total.commands.changed)
    }),
    whole("new_findings", "findings only in B", |it| {
        count(it.total.findings.gained)
    }),
    whole("lost_findings", "findings only in A", |it| {
        count(it.total.findings.lost)
    }),
    whole("changed_findings", "in both, not the same", |it| {
        count(it.total.findings.changed)
    }),
    whole("enforced", "all enforced in B", |it| count(enforced(it).b)),
    whole("base_enforced", "all enforced in A", |it| {
        count(enforced(it).a)
    }),
    whole("commands", "all commands in B", |it| {
        count(it.total.commands.b)
    }),
    whole("base_commands", "all commands in A", |it| {
        count(it.total.commands.a)
    }),
    whole("findings", "all findings in B", |it| {
        count(it.total.findings.b)
    }),
    whole("base_findings", "all findings in A", |it| {
        count(it.total.findings.a)
    }),
    whole(
        "identities",
        "identities of which something differs",
        |it| count(it.by_identity.len() as u64),
    ),
    real("alarms_per_identity_year", "enforced, in B", |it| {
        it.enforced.b.alarms_per_identity_year.map(Number::Real)
    }),
    real("base_alarms_per_identity_year", "enforced, in A", |it| {
        it.enforced.a.alarms_per_identity_year.map(Number::Real)
    }),
    whole("attacks", "labelled attacks, 0 without labels", |it| {
        count(it.attacks.len() as u64)
    }),
    real("precision", "of what B enforces", |it| {
        judged(&it.enforced.b, |it| it.precision)
    }),
    real("base_precision", "of what A enforces", |it| {
        judged(&it.enforced.a, |it| it.precision)
    }),
    real("recall", "of what B enforces", |it| {
        judged(&it.enforced.b, |it| it.recall)
    }),
    real("base_recall", "of what A enforces", |it| {
        judged(&it.enforced.a, |it| it.recall)
    }),
    whole("false_alarms", "of what B enforces", |it| {
        false_alarms(&it.enforced.b)
    }),
    whole("base_false_alarms", "of what A enforces", |it| {
        false_alarms(&it.enforced.a)
    }),
    real("delay_seconds", "median of B", |it| {
        judged(&it.enforced.b, |it| median(it.delay_seconds))
    }),
    real("base_delay_seconds", "median of A", |it| {
        judged(&it.enforced.a, |it| median(it.delay_seconds))
    }),
    real("delay_events", "median of B", |it| {
        judged(&it.enforced.b, |it| median(it.delay_events))
    }),
    real("base_delay_events", "median of A", |it| {
        judged(&it.enforced.a, |it| median(it.delay_events))
    }),
];

/// The names with what they stand for, one a line.
pub(crate) fn help() -> String {
    NAMES
        .iter()
        .map(|Name { name, says, .. }| format!("  {name:<30}{says}\n"))
        .collect()
}

/// A condition under which a comparison fails.
#[derive(Clone)]
pub struct FailIf {
    text: String,
    program: Arc<Program>,
}

/// What became of a condition.
pub(super) enum Outcome {
    /// It does not hold.
    Passed,
    /// It holds; the numbers that it asked for.
    Held(String),
    /// It cannot be told, since one of the numbers is not known; all of them.
    Unknown(String),
}

impl FailIf {
    /// Reads and checks a condition. The error says what is wrong, and after `; ` what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let condition = Self {
            text: text.to_owned(),
            program: Arc::new(condition::compile(text)?),
        };
        let known = NAMES.map(|name| name.name);
        let unknown = condition
            .names()
            .find(|name| !known.contains(&name.as_str()));
        if let Some(unknown) = unknown {
            return Err(format!(
                "there is no `{unknown}`; possible are {}",
                known.join(", ")
            ));
        }
        // What it comes to does not depend on the numbers: CEL would find out only in the end.
        let tried = condition.evaluate(|name| {
            Some(if name.is_real {
                Number::Real(0.5)
            } else {
                Number::Whole(1)
            })
        });
        match tried {
            Some(_) => Ok(condition),
            None => Err(
                "is no condition; write something that is true or false, such as new_enforced > 10"
                    .to_owned(),
            ),
        }
    }

    /// The names that it asks for, in the order of the alphabet.
    fn names(&self) -> impl Iterator<Item = String> {
        let references = self.program.references();
        let mut names: Vec<String> = references
            .variables()
            .into_iter()
            .filter(|name| !name.starts_with('@'))
            .map(str::to_owned)
            .collect();
        names.sort();
        names.into_iter()
    }

    fn evaluate(&self, value: impl Fn(&Name) -> Option<Number>) -> Option<bool> {
        let mut context = condition::context();
        for name in &NAMES {
            let value = match value(name) {
                Some(Number::Whole(number)) => {
                    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
                }
                Some(Number::Real(number)) => Value::Float(number),
                None => continue,
            };
            context.add_variable_from_value(name.name, value);
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(holds)) => Some(holds),
            _ => None,
        }
    }

    pub(super) fn ask(&self, comparison: &Comparison) -> Outcome {
        let asked = self.names().filter_map(|asked| {
            let name = NAMES.iter().find(|name| name.name == asked)?;
            Some(match (name.of)(comparison) {
                Some(Number::Whole(number)) => format!("{asked} is {number}"),
                Some(Number::Real(number)) => format!("{asked} is {number}"),
                None if comparison.attacks.is_empty() && name.needs_labels() => {
                    format!("{asked} is not known, since nothing is labelled")
                }
                None => format!("{asked} is not known, since there is nothing to take it of"),
            })
        });
        let asked = asked.collect::<Vec<_>>().join(", ");
        match self.evaluate(|name| (name.of)(comparison)) {
            Some(false) => Outcome::Passed,
            Some(true) => Outcome::Held(asked),
            None => Outcome::Unknown(asked),
        }
    }
}

impl fmt::Display for FailIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for FailIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FailIf").field(&self.text).finish()
    }
}

impl PartialEq for FailIf {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<'de> Deserialize<'de> for FailIf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_for_something_known_is_a_condition() {
        for text in [
            "new_enforced > 10",
            "precision < 0.9 || recall < base_recall - 0.05",
            "attacks > 0 && delay_seconds > 60",
            "lost_enforced + weaker_enforced > 0",
            "double(new_findings) > 0.1 * double(base_findings)",
            "true",
        ] {
            FailIf::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
        }
    }

    #[test]
    fn what_is_no_condition_is_refused_with_what_would_be_right() {
        for (text, said) in [
            ("", "not CEL"),
            ("new_enforced >", "not CEL"),
            ("new_enforced = 3", "not CEL"),
            (
                "new_enforcd > 3",
                "there is no `new_enforcd`; possible are new_enforced,",
            ),
            ("new_enforced", "is no condition"),
            ("new_enforced + 1", "is no condition"),
            ("new_enforced > 'x'", "is no condition"),
            ("nothing(new_enforced)", "is no condition"),
        ] {
            let wrong = FailIf::parse(text).expect_err(text);
            assert!(wrong.starts_with(said), "{text}: {wrong}");
            assert_eq!(wrong.split("; ").count(), 2, "{text}: {wrong}");
        }
    }
}
