//! The same decision once more, from the log and the configuration alone, by the engine that made it.
//!
//! All of the log is replayed up to the event, what it says of others too: a network that many use, or what peers do,
//! is theirs. What comes later changes nothing, so reading ends there.

use std::fs;
use std::mem;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use plumbline_detectors::witness::{Account, Question};
use plumbline_detectors::{Engine, Output};
use plumbline_schemas::archive::is_in_bucket;
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use serde_json::Value;

use super::difference::{Comparison, compared};
use super::lookup::Results;
use super::{ExplainError, Recompute};
use crate::analyst;
use crate::config::{Config, ReplayConfig};
use crate::enrich::Enricher;
use crate::replay::{self, ReplayError};

/// What came of it.
pub(super) enum Recomputation {
    /// It was not done, and why.
    Not(String),
    Done(Box<Recomputed>),
}

/// What the log gives.
pub(super) struct Recomputed {
    /// Which log, and how many of its events.
    pub(super) log: String,
    pub(super) events: u64,
    /// Whether the results were made with this configuration, where they say so.
    pub(super) is_own_configuration: Option<bool>,
    /// Each of what was asked for beside what is stored; what it is all about first.
    pub(super) compared: Vec<(Output, Comparison)>,
    /// What the log gives of the same identity at that time where it does not give what is stored.
    pub(super) instead: Vec<Output>,
    pub(super) account: Option<Account>,
    /// Where the log ends, if that is before it.
    pub(super) ends: Option<EventTime>,
}

impl Recomputed {
    pub(super) fn is_same(&self) -> bool {
        let mut compared = self.compared.iter();
        compared.all(|(_, comparison)| comparison.is_same())
    }

    /// Whether it is the same to the byte, as far as bytes are stored.
    pub(super) fn is_exact(&self) -> bool {
        let mut compared = self.compared.iter();
        compared.all(|(_, comparison)| matches!(comparison, Comparison::Same))
    }
}

/// A log to recompute from, and what adds places to its events.
struct Source {
    config: ReplayConfig,
    enricher: Arc<Enricher>,
    /// Whether somebody has named it, who wants to know when it cannot be read.
    is_named: bool,
}

/// Recomputes what is stored; the first of it is what it is all about.
pub(super) fn recompute(
    stored: Vec<Output>,
    directory: &Path,
    results: &Results,
    by: Recompute<'_>,
) -> Result<Recomputation, ExplainError> {
    let source = match source(directory, by)? {
        Ok(source) => source,
        Err(why) => return Ok(Recomputation::Not(why)),
    };
    let Some(walk) = Walk::new(by.config, &stored) else {
        return Ok(Recomputation::Not("nothing of it is stored".to_owned()));
    };
    match walk.through(&source) {
        Ok(walk) => {
            let own = fs::read(directory.join("summary.json")).ok();
            let digest = own.and_then(|summary| digest(&summary));
            let is_own = digest.map(|digest| digest == by.config.engine_digest());
            let done = walk.compared(source.config.input.join(", "), is_own, stored, results)?;
            Ok(Recomputation::Done(Box::new(done)))
        }
        // An archive that cannot be read keeps nobody from reading what is stored.
        Err(error) if !source.is_named => {
            Ok(Recomputation::Not(format!("of the archive's log {error}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The log that is asked for, that of the archive, or the one that the configuration names; or why there is none.
fn source(directory: &Path, by: Recompute<'_>) -> Result<Result<Source, String>, ReplayError> {
    let named = &by.config.replay;
    let archive = directory.join("events");
    let has_archive = is_in_bucket(directory) || archive.is_dir();
    if has_archive && analyst::IS_BUILT_IN && !by.from_input {
        return Ok(Ok(Source {
            config: ReplayConfig {
                input: vec![archive.display().to_string()],
                ..ReplayConfig::default()
            },
            // The events have their places already.
            enricher: Arc::new(Enricher::none()),
            is_named: false,
        }));
    }
    if named.input.is_empty() {
        let why = match has_archive {
            true => "this build reads no Parquet, in which the archive's log is",
            false => "there is no log beside the results",
        };
        return Ok(Err(why.to_owned()));
    }
    Ok(Ok(Source {
        config: named.clone(),
        enricher: Arc::new(Enricher::open(&by.config.geo).map_err(ReplayError::from)?),
        is_named: true,
    }))
}

/// What `summary.json` says of the configuration.
fn digest(summary: &[u8]) -> Option<String> {
    let summary: Value = serde_json::from_slice(summary).ok()?;
    Some(summary.get("configuration")?.as_str()?.to_owned())
}

/// The engine on its way through the log.
struct Walk {
    engine: Engine,
    outputs: Vec<Output>,
    wanted: Vec<String>,
    /// Of whom, and when, what it is all about is.
    about: Moment,
    /// When no event of that time is taken any more.
    limit: EventTime,
    made: Vec<Output>,
    at_the_time: Vec<Output>,
    events: u64,
}

/// Whom a finding or a command is about, and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Moment {
    tenant: String,
    identity: String,
    time: EventTime,
}

impl Walk {
    fn new(config: &Config, stored: &[Output]) -> Option<Self> {
        let about = stored.first().and_then(moment)?;
        let mut engine = Engine::new(Arc::new(config.engine_config()));
        engine.ask(Question {
            tenant: about.tenant.clone(),
            identity: about.identity.clone(),
            time: about.time,
        });
        let lateness_ms = config.engine.lateness.as_millis();
        Some(Self {
            engine,
            outputs: Vec::new(),
            wanted: stored.iter().filter_map(id).map(str::to_owned).collect(),
            limit: about.time.plus_millis(lateness_ms),
            about,
            made: Vec::new(),
            at_the_time: Vec::new(),
            events: 0,
        })
    }

    fn through(mut self, source: &Source) -> Result<Self, ReplayError> {
        let enricher = Arc::clone(&source.enricher);
        replay::events(&source.config, enricher, &mut |event| self.take(event))?;
        Ok(self)
    }

    fn take(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        self.events += 1;
        self.engine.apply(event, &mut self.outputs);
        for output in mem::take(&mut self.outputs) {
            if moment(&output).as_ref() == Some(&self.about) {
                self.at_the_time.push(output.clone());
            }
            if id(&output).is_some_and(|id| self.wanted.iter().any(|wanted| wanted == id)) {
                self.made.push(output);
            }
        }
        let is_over = self.engine.clock().is_some_and(|clock| clock > self.limit);
        match is_over || self.find(self.wanted.first()).is_some() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// What was made under that id; of a command that is sent again the first.
    fn find(&self, wanted: Option<&String>) -> Option<&Output> {
        let mut made = self.made.iter();
        made.find(|output| id(output) == wanted.map(String::as_str))
    }

    fn compared(
        self,
        log: String,
        is_own_configuration: Option<bool>,
        stored: Vec<Output>,
        results: &Results,
    ) -> Result<Recomputed, ExplainError> {
        let mut all = Vec::with_capacity(stored.len());
        for (stored, wanted) in stored.into_iter().zip(&self.wanted) {
            let comparison = compared(&stored, self.find(Some(wanted)), results)?;
            all.push((stored, comparison));
        }
        let is_missing =
            |output: &Output| self.find(id(output).map(str::to_owned).as_ref()).is_none();
        let same_sort = |output: &&Output| {
            let stored = all.first().map(|(stored, _)| stored);
            stored.is_some_and(|stored| mem::discriminant(stored) == mem::discriminant(*output))
        };
        let instead = match all.first() {
            Some((first, _)) if is_missing(first) => {
                self.at_the_time.iter().filter(same_sort).cloned().collect()
            }
            _ => Vec::new(),
        };
        let accounts = self.engine.accounts().iter();
        let of_it = |account: &&Account| {
            account
                .published
                .iter()
                .any(|id| Some(id) == self.wanted.first())
        };
        let account = accounts.clone().find(of_it);
        // What was not made has an account all the same: that of what was made in its place.
        let account = account.or_else(|| accounts.clone().find(|_| !instead.is_empty()));
        let clock = self.engine.clock();
        Ok(Recomputed {
            log,
            events: self.events,
            is_own_configuration,
            account: account.cloned(),
            compared: all,
            instead,
            ends: clock.filter(|clock| *clock < self.about.time),
        })
    }
}

/// The id of what was published.
pub(super) fn id(output: &Output) -> Option<&str> {
    match output {
        Output::Finding(finding) => Some(&finding.id),
        Output::Command(command) => Some(&command.id),
        Output::Context(_) => None,
    }
}

fn moment(output: &Output) -> Option<Moment> {
    let (tenant, identity, time) = match output {
        Output::Finding(finding) => (&finding.tenant, &finding.identity.id, finding.time),
        Output::Command(command) => {
            let target = &command.target;
            (&target.tenant, &target.identity, command.time)
        }
        Output::Context(_) => return None,
    };
    Some(Moment {
        tenant: tenant.clone(),
        identity: identity.clone(),
        time,
    })
}
