//! The same decision once more, from the log and the configuration alone, by the engine that made it.
//!
//! All of the log is replayed up to the event, what it says of others too: a network that many use, or what peers do,
//! is theirs. What comes later changes nothing, so reading ends there.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use plumbline_detectors::witness::Account;
use plumbline_schemas::archive::is_in_bucket;
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use serde_json::Value;

use super::difference::{Comparison, compared};
use super::events::Told;
use super::item::{Item, Stored};
use super::lookup::Results;
use super::walk::Walk;
use super::{ExplainError, Recompute};
use crate::analyst;
use crate::config::ReplayConfig;
use crate::enrich::Enricher;
use crate::replay::{self, ReplayError};

/// What came of it.
pub(super) enum Recomputation {
    /// It was not done, and why.
    Not(String),
    Done(Box<Recomputed>),
}

/// What the log leads to.
pub(super) struct Recomputed {
    /// Which log, and how many of its events.
    pub(super) log: String,
    pub(super) events: u64,
    /// Whether the results were made with this configuration, where they say so.
    pub(super) is_own_configuration: Option<bool>,
    /// What is stored, by its id, beside what was made; what it is all about first.
    pub(super) compared: Vec<(String, Comparison)>,
    /// What was made in the place of what it is all about.
    pub(super) in_its_place: Vec<Item>,
    /// The events behind it.
    pub(super) told: Vec<Told>,
    pub(super) account: Option<Account>,
    /// Where the log ends, if that is before it.
    pub(super) ended: Option<EventTime>,
}

impl Recomputed {
    pub(super) fn is_same(&self) -> bool {
        let mut compared = self.compared.iter();
        compared.all(|(_, comparison)| comparison.is_same())
    }

    /// Whether it is the same to the byte.
    pub(super) fn is_exact(&self) -> bool {
        let mut compared = self.compared.iter();
        compared.all(|(_, comparison)| matches!(comparison, Comparison::Same))
    }
}

/// A log to recompute from, and what adds places to its events.
enum Source {
    /// That of the archive, whose events have their places.
    Archive(ReplayConfig),
    /// One that somebody has named, who wants to know when it cannot be read.
    Named(ReplayConfig, Arc<Enricher>),
    /// There is none, and why.
    None(&'static str),
}

/// Recomputes what is stored.
pub(super) fn recompute(
    stored: &Stored,
    directory: &Path,
    results: &Results,
    by: Recompute<'_>,
) -> Result<Recomputation, ExplainError> {
    let mut walk = Walk::begin(by.config, stored);
    let mut take = |event: &Event<'_>| walk.take(event);
    let log = match source(directory, by)? {
        Source::None(why) => return Ok(Recomputation::Not(why.to_owned())),
        Source::Named(log, enricher) => {
            replay::events(&log, enricher, &mut take)?;
            log
        }
        Source::Archive(log) => {
            let read = replay::events(&log, Arc::new(Enricher::none()), &mut take);
            // An archive that is damaged keeps nobody from reading what is stored.
            if let Err(error) = read {
                return Ok(Recomputation::Not(error.to_string()));
            }
            log
        }
    };
    let compared = stored.all().map(|stored| {
        let comparison = compared(stored, walk.made(stored), results)?;
        Ok((stored.id().to_owned(), comparison))
    });
    let own = digest(directory);
    Ok(Recomputation::Done(Box::new(Recomputed {
        log: log.input.join(", "),
        events: walk.events(),
        is_own_configuration: own.map(|own| own == by.config.engine_digest()),
        compared: compared.collect::<Result<_, ExplainError>>()?,
        in_its_place: walk.in_its_place().to_vec(),
        told: walk.told(),
        account: walk.account().cloned(),
        ended: walk.ended(),
    })))
}

/// The log that is asked for, else that of the archive, else the one that the configuration names.
fn source(directory: &Path, by: Recompute<'_>) -> Result<Source, ReplayError> {
    let named = &by.config.replay;
    let archive = directory.join("events");
    let has_archive = is_in_bucket(directory) || archive.is_dir();
    if has_archive && analyst::IS_BUILT_IN && !by.from_input {
        return Ok(Source::Archive(ReplayConfig {
            input: vec![archive.display().to_string()],
            ..ReplayConfig::default()
        }));
    }
    if !named.input.is_empty() {
        let enricher = Enricher::open(&by.config.geo)?;
        return Ok(Source::Named(named.clone(), Arc::new(enricher)));
    }
    Ok(Source::None(match has_archive {
        true => "this build reads no Parquet, in which the archive's log is",
        false => "there is no log beside the results",
    }))
}

/// What the results say of the configuration.
fn digest(directory: &Path) -> Option<String> {
    let summary = fs::read(directory.join("summary.json")).ok()?;
    let summary: Value = serde_json::from_slice(&summary).ok()?;
    Some(summary.get("configuration")?.as_str()?.to_owned())
}
