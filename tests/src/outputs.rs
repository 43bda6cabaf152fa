//! What a line has published, for comparing one run with another.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cluster::Read;
use crate::line::Line;

/// Bodies by identity (`tenant/identity`), in the order in which they were published.
pub type Bodies = BTreeMap<String, Vec<String>>;

/// Findings and commands.
#[derive(Debug, PartialEq, Eq)]
pub struct Outputs {
    /// Bodies of findings.
    pub findings: Bodies,
    /// Bodies of commands.
    pub commands: Bodies,
}

impl Outputs {
    /// What a line has committed to its topics.
    pub fn of(line: &Line) -> Self {
        Self {
            findings: by_key(&line.read("findings")),
            commands: by_key(&line.read("control")),
        }
    }

    /// What a replay has written to this directory.
    pub fn of_replay(directory: &Path) -> Self {
        let lines = |name: &str| {
            let path = directory.join(name);
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        Self {
            findings: by_identity(&lines("findings.ndjson"), |finding| {
                (&finding["tenant"], &finding["identity"]["id"])
            }),
            commands: by_identity(&lines("commands.ndjson"), |command| {
                (&command["target"]["tenant"], &command["target"]["identity"])
            }),
        }
    }

    /// Fails unless both are the same bytes, and there are any.
    #[track_caller]
    pub fn assert_same(&self, other: &Self) {
        assert!(!self.commands.is_empty(), "nothing was commanded at all");
        same("findings", &self.findings, &other.findings);
        same("commands", &self.commands, &other.commands);
    }

    /// Fails if any id occurs twice.
    #[track_caller]
    pub fn assert_none_twice(&self) {
        for bodies in [&self.findings, &self.commands] {
            let mut ids: Vec<String> = bodies.values().flatten().map(|body| id(body)).collect();
            let all = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), all, "something was published twice");
        }
    }

    /// How many findings and commands there are.
    pub fn counts(&self) -> (usize, usize) {
        let count = |bodies: &Bodies| bodies.values().map(Vec::len).sum();
        (count(&self.findings), count(&self.commands))
    }
}

#[track_caller]
fn same(what: &str, one: &Bodies, other: &Bodies) {
    let keys = one.keys().chain(other.keys());
    for key in keys {
        let (one, other) = (one.get(key), other.get(key));
        assert_eq!(one, other, "{what} of {key} differ");
    }
}

fn by_key(records: &[Read]) -> Bodies {
    let mut bodies = Bodies::new();
    for record in records {
        let of_key = bodies.entry(record.key.clone()).or_default();
        of_key.push(record.text().to_owned());
    }
    bodies
}

fn by_identity(lines: &str, whom: impl Fn(&Value) -> (&Value, &Value)) -> Bodies {
    let mut bodies = Bodies::new();
    for line in lines.lines() {
        let value: Value = serde_json::from_str(line).expect("JSON");
        let (tenant, identity) = whom(&value);
        let key = format!("{}/{}", text(tenant), text(identity));
        bodies.entry(key).or_default().push(line.to_owned());
    }
    bodies
}

fn id(body: &str) -> String {
    let value: Value = serde_json::from_str(body).expect("JSON");
    text(&value["id"]).to_owned()
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}
