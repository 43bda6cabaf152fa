//! How the tables are asked: in SQL, rows as JSON, so that each answer has a type.

use std::sync::LazyLock;

use plumbline_schemas::command::Action;
use plumbline_schemas::shown::plain;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ReportError;
use super::model::Who;
use super::window::Window;
use crate::analyst::{Audience, Database, Format};

/// Commands that give back what another has taken.
pub(super) const GIVES_BACK: &str = "action IN ('resume', 'restore')";

/// Longer texts of a log are cut.
const MOST_CHARS: usize = 300;

/// The results, and of which time of them a report tells.
pub(super) struct Reader<'d> {
    database: &'d Database,
    pub(super) window: Window,
    /// Whether the log is among them.
    pub(super) has_events: bool,
    /// As SQL.
    findings: String,
    commands: String,
}

#[derive(Deserialize)]
struct Copies {
    copies: u64,
}

/// Whom a row is about, as the log names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Subject {
    pub(super) tenant: String,
    pub(super) identity: String,
    pub(super) kind: String,
}

impl<'d> Reader<'d> {
    pub(super) fn new(database: &'d Database, window: Window) -> Result<Self, ReportError> {
        let each_once = |table, order| each_once(database, window, table, order);
        Ok(Self {
            database,
            window,
            has_events: database.tables().iter().any(|name| name == "events"),
            findings: each_once("findings", "surprise_bits DESC, detector, summary")?,
            commands: each_once("commands", "action, mode, reason_summary")?,
        })
    }

    /// The rows of an answer.
    pub(super) fn rows<T: DeserializeOwned>(&self, sql: &str) -> Result<Vec<T>, ReportError> {
        rows(self.database, sql)
    }

    /// The events that are told of, as a table. What partitions of the log tell each other is none of anybody.
    pub(super) fn events(&self) -> String {
        let condition = self.window.condition();
        format!("(SELECT * FROM events WHERE ({condition}) AND kind <> 'context')")
    }

    /// The findings that are told of, as a table.
    pub(super) fn findings(&self) -> String {
        self.findings.clone()
    }

    /// The commands that are told of, as a table.
    pub(super) fn commands(&self) -> String {
        self.commands.clone()
    }
}

fn rows<T: DeserializeOwned>(database: &Database, sql: &str) -> Result<Vec<T>, ReportError> {
    let mut lines = Vec::new();
    database.answer(sql, Format::Json, Audience::Program, &mut lines)?;
    let rows = serde_json::Deserializer::from_slice(&lines).into_iter();
    rows.collect::<Result<_, _>>().map_err(ReportError::Row)
}

fn told_of(table: &str, window: Window) -> String {
    format!("(SELECT * FROM {table} WHERE {})", window.condition())
}

/// What is told of a table, one row for each id: what was sent again, or is in several results, is told
/// once. Where copies differ, because they were made with different configurations, every query takes the
/// first in this order.
fn each_once(
    database: &Database,
    window: Window,
    table: &str,
    order: &str,
) -> Result<String, ReportError> {
    let all = told_of(table, window);
    let copies: Vec<Copies> = rows(
        database,
        &format!("SELECT count(*) - count(DISTINCT id) AS copies FROM {all}"),
    )?;
    // Nearly always there are none, and no query has to sort all of it for them.
    if copies.iter().all(|found| found.copies == 0) {
        return Ok(all);
    }
    Ok(format!(
        "(SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY time, {order}) AS copy \
         FROM {all}) WHERE copy = 1)"
    ))
}

impl Subject {
    /// Whether both are one: what a log says of its kind may differ.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.tenant, &self.identity) == (&other.tenant, &other.identity)
    }

    pub(super) fn shown(&self) -> Who {
        Who {
            tenant: shown(&self.tenant),
            identity: shown(&self.identity),
            kind: shown(&self.kind),
        }
    }
}

/// Text of a log as it may be shown, and no more of it than anybody reads.
pub(super) fn shown(text: &str) -> String {
    let text = plain(text);
    match text.char_indices().nth(MOST_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Text as SQL writes it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The strength of a command in SQL: from 1 for the weakest, more where it is enforced; 0 of one that gives
/// something back.
pub(super) static STRENGTH: LazyLock<String> = LazyLock::new(|| {
    let takes = |action: &&Action| !matches!(action, Action::Resume | Action::Restore);
    let words = Action::ALL.iter().filter(takes).enumerate();
    let cases: Vec<String> = words
        .map(|(at, action)| format!("WHEN '{action}' THEN {}", at + 1))
        .collect();
    format!(
        "(CASE WHEN {GIVES_BACK} THEN 0 WHEN mode = 'enforce' THEN 100 ELSE 0 END + CASE action {} ELSE 0 END)",
        cases.join(" ")
    )
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_letters() {
        assert_eq!(shown("short"), "short");
        let long = shown(&"é".repeat(MOST_CHARS + 1));
        assert_eq!(long.chars().count(), MOST_CHARS + 1);
        assert!(long.ends_with("é…"));
        assert_eq!(shown("a\u{202e}b\u{7}"), "a\\u{202e}b\\u{7}");
    }

    #[test]
    fn what_takes_most_is_the_strongest() {
        let strength = STRENGTH.as_str();
        assert!(strength.contains("WHEN 'narrow' THEN 1 "), "{strength}");
        assert!(strength.contains("WHEN 'revoke_all' THEN 8 "), "{strength}");
        assert!(!strength.contains("WHEN 'restore'"), "{strength}");
    }
}
