//! `labels.ndjson`: the events of the input that are known to belong to an attack.
//!
//! An event says so itself (`labels.attack`), or a file of labels does, which then decides alone. The
//! file is CSV with a header: `event_id,attack`, and a column `tenant` where one id is used by several.
//! Other columns are left alone. The engine sees neither; what is made of them is
//! [a comparison](crate::compare).
//!
//! Each event is named once, however often it arrived, in the order of the log. Without any there is no
//! such file. All labelled events are held until the log has ended, a few hundred bytes each.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use serde::{Deserialize, Serialize};

use super::{ReplayError, Writing};

/// Name of the file beside the results.
pub(crate) const FILE: &str = "labels.ndjson";

/// One event of an attack, a line of `labels.ndjson`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabelledEvent {
    /// Id of the event.
    pub event_id: String,
    /// Its tenant.
    pub tenant: String,
    /// Who acted.
    pub identity: String,
    /// When it happened.
    pub time: EventTime,
    /// Name of the attack.
    pub attack: String,
}

/// Why a file of labels cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// It cannot be read.
    #[error("the labels {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why, and where.
        source: csv::Error,
    },
    /// A column is missing.
    #[error(
        "the labels {} have no column `{column}`; the first line is to be {needed}", path.display()
    )]
    Column {
        /// The file.
        path: PathBuf,
        /// What is missing.
        column: &'static str,
        /// A header that would do.
        needed: &'static str,
    },
    /// A line without an id, a name or a time.
    #[error("the labels {}, line {line}: {wrong}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        line: u64,
        /// What is wrong, and what would be right.
        wrong: String,
    },
}

/// One line of a file of labels.
#[derive(Debug, Deserialize)]
struct Row {
    event_id: String,
    attack: String,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    identity: Option<String>,
    #[serde(default)]
    time: Option<String>,
}

/// Reads the rows of a file of labels; `columns` are those that it must have.
fn rows(
    path: &Path,
    columns: &[&'static str],
    needed: &'static str,
    take: &mut dyn FnMut(Row) -> Result<(), String>,
) -> Result<(), LabelError> {
    let failed = |source| LabelError::Read {
        path: path.to_owned(),
        source,
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(failed)?;
    let header = reader.headers().map_err(failed)?.clone();
    for column in columns {
        if !header.iter().any(|name| name == *column) {
            return Err(LabelError::Column {
                path: path.to_owned(),
                column,
                needed,
            });
        }
    }
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(failed)? {
        let line = record.position().map_or(0, csv::Position::line);
        let row: Row = record.deserialize(Some(&header)).map_err(failed)?;
        let taken = match () {
            () if row.event_id.is_empty() => Err("the event_id is empty".to_owned()),
            () if row.attack.is_empty() => {
                Err("the attack is empty; leave out what belongs to none".to_owned())
            }
            () => take(row),
        };
        taken.map_err(|wrong| LabelError::Line {
            path: path.to_owned(),
            line,
            wrong,
        })?;
    }
    Ok(())
}

/// A file of labels, by the ids of events.
pub(super) struct LabelFile(HashMap<String, Vec<(Option<String>, String)>>);

impl LabelFile {
    pub(super) fn read(path: &Path) -> Result<Self, LabelError> {
        let mut by_id: HashMap<String, Vec<_>> = HashMap::new();
        let columns = ["event_id", "attack"];
        rows(path, &columns, "event_id,attack", &mut |row| {
            let tenant = row.tenant.filter(|tenant| !tenant.is_empty());
            by_id
                .entry(row.event_id)
                .or_default()
                .push((tenant, row.attack));
            Ok(())
        })?;
        Ok(Self(by_id))
    }

    fn attack(&self, event: &Event<'_>) -> Option<&str> {
        let named = self.0.get(event.id.as_ref())?;
        let of = |tenant: Option<&str>| named.iter().find(|(of, _)| of.as_deref() == tenant);
        // Who names the tenant means this one.
        let found = of(Some(event.tenant())).or_else(|| of(None));
        found.map(|(_, attack)| attack.as_str())
    }
}

/// The labelled events of a file that says of each who acted and when: where there is no log to look
/// the events up in.
pub(crate) fn complete(path: &Path) -> Result<Vec<LabelledEvent>, LabelError> {
    let columns = ["event_id", "attack", "identity", "time"];
    let needed = "event_id,attack,identity,time: there is no log to look events up in (or name the file to \
                  `plumbline replay --labels`)";
    let mut events = Vec::new();
    rows(path, &columns, needed, &mut |row| {
        let time = row.time.unwrap_or_default();
        let identity = row.identity.unwrap_or_default();
        if identity.is_empty() {
            return Err("the identity is empty".to_owned());
        }
        let tenant = row.tenant.filter(|tenant| !tenant.is_empty());
        events.push(LabelledEvent {
            event_id: row.event_id,
            tenant: tenant.unwrap_or_else(|| plumbline_schemas::event::DEFAULT_TENANT.to_owned()),
            identity,
            time: EventTime::parse(&time).ok_or_else(|| {
                format!(
                    "`{time}` is no time; write it as in the event, such as 2026-11-20T10:15:30Z"
                )
            })?,
            attack: row.attack,
        });
        Ok(())
    })?;
    events.sort();
    events.dedup();
    Ok(events)
}

/// A labelled event of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noted {
    event: LabelledEvent,
    /// Who reported it: two may use one id.
    source: Option<String>,
}

impl Noted {
    fn key(&self) -> (String, Option<String>, String) {
        let event = &self.event;
        (
            event.tenant.clone(),
            self.source.clone(),
            event.event_id.clone(),
        )
    }
}

/// Collects the labelled events of a log.
pub(super) struct Labels {
    file: Option<LabelFile>,
    seen: HashSet<(String, Option<String>, String)>,
    noted: Vec<Noted>,
}

impl Labels {
    /// With those that were collected before.
    pub(super) fn new(file: Option<LabelFile>, noted: Vec<Noted>) -> Self {
        Self {
            file,
            seen: noted.iter().map(Noted::key).collect(),
            noted,
        }
    }

    /// All so far.
    pub(super) fn noted(&self) -> &[Noted] {
        &self.noted
    }

    pub(super) fn note(&mut self, event: &Event<'_>) {
        let attack = match &self.file {
            Some(file) => file.attack(event),
            None => event.labels.attack.as_deref(),
        };
        let Some(attack) = attack else { return };
        let noted = Noted {
            source: event.source.as_deref().map(str::to_owned),
            event: LabelledEvent {
                event_id: event.id.as_ref().to_owned(),
                tenant: event.tenant().to_owned(),
                identity: event.identity.id.as_ref().to_owned(),
                time: event.time,
                attack: attack.to_owned(),
            },
        };
        if self.seen.insert(noted.key()) {
            self.noted.push(noted);
        }
    }

    /// How many lines of the file of labels named no event of the log.
    fn unknown(&self) -> usize {
        let Some(file) = &self.file else { return 0 };
        let ids = self.noted.iter().map(|noted| &*noted.event.event_id);
        let met: HashSet<&str> = ids.collect();
        let unmet = file.0.iter().filter(|(id, _)| !met.contains(id.as_str()));
        unmet.map(|(_, named)| named.len()).sum()
    }

    /// Writes the file, where there is anything to write.
    pub(super) fn publish(&self, directory: &Path) -> Result<(), ReplayError> {
        if self.noted.is_empty() {
            return Ok(());
        }
        let mut file = Writing::begin(directory, FILE)?;
        let mut events = self.noted.iter().map(|noted| &noted.event);
        events.try_for_each(|event| file.line(event))?;
        file.finish()?;
        file.publish()
    }

    /// Says what of the file was of no use.
    pub(super) fn warn(&self) {
        let unknown = self.unknown();
        if unknown > 0 {
            tracing::warn!(unknown, "labels name events that are not in the input");
        }
    }
}
