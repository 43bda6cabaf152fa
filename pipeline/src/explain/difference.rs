//! What is stored beside what the log gives, field by field.

use serde_json::Value;

use super::ExplainError;
use super::item::Item;
use super::lookup::Results;

/// How they compare.
pub(super) enum Comparison {
    /// The line in the file is the same to the byte.
    Same,
    /// Every field is the same; tables have no bytes of their own.
    SameFields,
    Differs(Vec<Difference>),
    /// The log gives nothing under that id.
    Missing,
}

/// A field that is not the same. Nothing stands for a field that is not there.
pub(super) struct Difference {
    /// Its path, with dots.
    pub(super) field: String,
    pub(super) stored: Option<Value>,
    pub(super) recomputed: Option<Value>,
}

impl Comparison {
    pub(super) fn is_same(&self) -> bool {
        matches!(self, Self::Same | Self::SameFields)
    }
}

/// Compares what is stored with what was made.
pub(super) fn compared(
    stored: &Item,
    made: Option<&Item>,
    results: &Results,
) -> Result<Comparison, ExplainError> {
    let Some(made) = made else {
        return Ok(Comparison::Missing);
    };
    let line = made.line()?;
    if results.has_line(&line, stored)? {
        return Ok(Comparison::Same);
    }
    let (own, made) = (value(&stored.line()?)?, value(&line)?);
    let mut differences = Vec::new();
    differ("", Some(&own), Some(&made), &mut differences);
    Ok(match differences.is_empty() {
        true => Comparison::SameFields,
        false => Comparison::Differs(differences),
    })
}

/// Both sides are read from text, so that a number that text rounds is rounded in both.
fn value(line: &str) -> Result<Value, ExplainError> {
    serde_json::from_str(line).map_err(ExplainError::Row)
}

fn differ(path: &str, stored: Option<&Value>, made: Option<&Value>, to: &mut Vec<Difference>) {
    match (stored, made) {
        (Some(Value::Object(stored)), Some(Value::Object(made))) => {
            let mut names: Vec<&String> = stored.keys().chain(made.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                differ(&path, stored.get(name), made.get(name), to);
            }
        }
        (stored, made) if stored != made => to.push(Difference {
            field: path.to_owned(),
            stored: stored.cloned(),
            recomputed: made.cloned(),
        }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_named_by_its_path_and_may_be_missing_on_either_side() {
        let stored = json!({ "a": 1, "evidence": { "x": 1, "y": [2] } });
        let made = json!({ "a": 1, "evidence": { "x": 3, "z": null } });
        let mut differences = Vec::new();
        differ("", Some(&stored), Some(&made), &mut differences);
        let told = differences.iter();
        let told = told.map(|it| {
            (
                it.field.as_str(),
                it.stored.is_some(),
                it.recomputed.is_some(),
            )
        });
        let expected = [
            ("evidence.x", true, true),
            ("evidence.y", true, false),
            ("evidence.z", false, true),
        ];
        assert!(told.eq(expected));
    }
}
