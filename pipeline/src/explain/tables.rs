//! Findings and commands from tables, as the archive of a service has them and nothing beside: each row becomes the
//! object again that it was made of.

use std::path::Path;

use plumbline_schemas::command::Command;
use plumbline_schemas::finding::Finding;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ExplainError;
use super::lookup::Mentions;
use crate::analyst::{Audience, Database, Format};

/// The objects of a finding and of a command. A column belongs to the one whose name and `_` it begins with.
const OF_FINDING: &[&str] = &["identity", "risk"];
const OF_COMMAND: &[&str] = &["target", "params", "reason"];

/// The tables of a directory.
pub(super) struct Tables(Database);

impl Tables {
    pub(super) fn open(directory: &Path) -> Result<Self, ExplainError> {
        Ok(Self(Database::open(&[directory.to_owned()])?))
    }

    pub(super) fn findings(&self, ids: &[&str]) -> Result<Mentions<Finding>, ExplainError> {
        let ids = listed(ids);
        self.mentions("findings", &format!("id IN ({ids})"), OF_FINDING)
    }

    pub(super) fn commands(&self, ids: &[&str]) -> Result<Mentions<Command>, ExplainError> {
        let ids = listed(ids);
        let condition = format!(
            "id IN ({ids}) OR supersedes IN ({ids}) OR array_has_any(reason_finding_ids, [{ids}])"
        );
        self.mentions("commands", &condition, OF_COMMAND)
    }

    fn mentions<T: DeserializeOwned>(
        &self,
        table: &str,
        condition: &str,
        objects: &[&str],
    ) -> Result<Mentions<T>, ExplainError> {
        let rows = self.rows(&format!(
            "SELECT * FROM {table} WHERE {condition} ORDER BY time, id"
        ))?;
        let found = rows.into_iter().map(|row| nested(row, objects));
        let found = found.collect::<Result<_, _>>().map_err(ExplainError::Row)?;
        let count = self.rows(&format!("SELECT count(*) AS rows FROM {table}"))?;
        let count = count.first().and_then(|row| row.get("rows"));
        Ok(Mentions {
            found,
            lines: count.and_then(Value::as_u64).unwrap_or(0),
        })
    }

    fn rows(&self, sql: &str) -> Result<Vec<Map<String, Value>>, ExplainError> {
        let mut lines = Vec::new();
        self.0
            .answer(sql, Format::Json, Audience::Program, &mut lines)?;
        let rows = serde_json::Deserializer::from_slice(&lines).into_iter();
        rows.collect::<Result<_, _>>().map_err(ExplainError::Row)
    }
}

/// Ids as SQL writes them in a list; something that no id is where there are none.
fn listed(ids: &[&str]) -> String {
    if ids.is_empty() {
        return "''".to_owned();
    }
    let quoted = ids.iter().map(|id| format!("'{}'", id.replace('\'', "''")));
    quoted.collect::<Vec<_>>().join(", ")
}

fn nested<T: DeserializeOwned>(
    row: Map<String, Value>,
    objects: &[&str],
) -> Result<T, serde_json::Error> {
    let mut whole = Map::new();
    for object in objects {
        whole.insert((*object).to_owned(), Value::Object(Map::new()));
    }
    for (column, value) in row {
        let owner = objects.iter().find_map(|object| {
            let member = column.strip_prefix(object)?.strip_prefix('_')?;
            Some((*object, member.to_owned()))
        });
        let value = match (column.as_str(), value) {
            ("evidence", Value::String(text)) => serde_json::from_str(&text)?,
            // Of what is not set a table has an empty list.
            ("params_scopes", Value::Array(scopes)) if scopes.is_empty() => Value::Null,
            (_, value) => value,
        };
        match owner {
            Some((object, member)) => whole[object][&member] = value,
            None => drop(whole.insert(column, value)),
        }
    }
    serde_json::from_value(Value::Object(whole))
}
