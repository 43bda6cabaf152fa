//! What differs between two versions of one finding or command.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::CompareError;
use crate::replay::ReplayError;

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Change {
    /// Its dotted name, such as `reason.risk`.
    pub(super) field: String,
    /// Its value in A; null where it has none.
    pub(super) a: Value,
    /// Its value in B; null where it has none.
    pub(super) b: Value,
}

/// Fields are told apart in objects of this depth; what is deeper is one value.
const DEEPEST: usize = 2;

/// The fields that differ, in the order of their names. The id is none of them: it is made of the
/// action, and says nothing else.
pub(super) fn changes(a: &impl Serialize, b: &impl Serialize) -> Result<Vec<Change>, CompareError> {
    let value = |it| serde_json::to_value(it).map_err(ReplayError::Encode);
    let (mut a, mut b) = (
        value(a)?,
        serde_json::to_value(b).map_err(ReplayError::Encode)?,
    );
    for side in [&mut a, &mut b] {
        if let Some(fields) = side.as_object_mut() {
            fields.remove("id");
        }
    }
    let mut found = Vec::new();
    compare("", &a, &b, 0, &mut found);
    Ok(found)
}

fn compare(name: &str, a: &Value, b: &Value, depth: usize, found: &mut Vec<Change>) {
    if a == b {
        return;
    }
    let empty = Map::new();
    let fields = |value| match value {
        Value::Object(fields) => Some(fields.clone()),
        Value::Null => Some(empty.clone()),
        _ => None,
    };
    let (Some(of_a), Some(of_b)) = (fields(a.clone()), fields(b.clone())) else {
        return found.push(Change {
            field: name.to_owned(),
            a: a.clone(),
            b: b.clone(),
        });
    };
    if depth == DEEPEST {
        return found.push(Change {
            field: name.to_owned(),
            a: a.clone(),
            b: b.clone(),
        });
    }
    let names: BTreeSet<&String> = of_a.keys().chain(of_b.keys()).collect();
    for field in names {
        let dotted = match name {
            "" => field.clone(),
            name => format!("{name}.{field}"),
        };
        let of = |side: &Map<String, Value>| side.get(field).cloned().unwrap_or(Value::Null);
        compare(&dotted, &of(&of_a), &of(&of_b), depth + 1, found);
    }
}
