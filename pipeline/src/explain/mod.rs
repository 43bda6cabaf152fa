//! `plumbline explain`: why a finding or a command was made, from the results of a replay or the
//! archive of a service.
//!
//! A command is told with what it orders and what it replaced, then every finding behind it; a finding
//! with what it led to. Of a finding everything is shown that it carries: what was observed against
//! what is usual, the arithmetic, the events, and what would have made it silent.
//!
//! Then all of it is [recomputed](recompute) from the log, held against what is stored, and accounted for: the events,
//! the baseline before, what each detector said, the risk, and why the policy did this and nothing else.

mod access;
mod account;
mod again;
mod difference;
mod events;
mod evidence;
mod item;
mod lookup;
mod recompute;
mod tables;
mod tell;
mod walk;

use std::io;
use std::path::{Path, PathBuf};

use plumbline_schemas::command::Command;
use plumbline_schemas::finding::Finding;

use crate::analyst::QueryError;
use crate::config::Config;
use crate::page::Page;
use crate::replay::ReplayError;
pub(crate) use evidence::{Line, Part, lines as evidence_lines};
use item::{Item, Stored};
use lookup::Results;
use recompute::Recomputation;
pub(crate) use tell::{meaning, surprise};

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The id is of another sort.
    #[error(
        "`{0}` is no id of a finding (f-…) or a command (c-…); copy one from findings.ndjson or commands.ndjson"
    )]
    NotAnId(String),
    /// There is no such directory.
    #[error(
        "there is no directory {0}; make one with `plumbline replay --input LOG --out {0}`, or name that of an earlier replay"
    )]
    NoDirectory(PathBuf),
    /// The directory does not hold what a replay writes.
    #[error(
        "there is no {0}; --data names the directory that `plumbline replay --out DIR` wrote, and a replay that failed writes nothing"
    )]
    NoFile(PathBuf),
    /// The file does not hold that id.
    #[error(
        "there is no {id} in {path} ({lines} lines); ids belong to one log and one configuration: name the replay it came from"
    )]
    NotFound {
        /// What was looked for.
        id: String,
        /// Where.
        path: PathBuf,
        /// How many were looked through.
        lines: u64,
    },
    /// The identity has no scopes, or is not there.
    #[error(
        "there is no identity `{identity}` in {path} ({lines} lines), which lists those whose events named scopes"
    )]
    NoAccess {
        /// Who was looked for.
        identity: String,
        /// Where.
        path: PathBuf,
        /// How many were looked through.
        lines: u64,
    },
    /// A file that cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line that no replay of this release wrote.
    #[error("{path}, line {line} cannot be understood; replay the log again to write it anew")]
    Line {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// Tables that cannot be opened or asked.
    #[error(transparent)]
    Tables(#[from] QueryError),
    /// The log to recompute from.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A row that no release wrote.
    #[error("a row of the tables cannot be understood; please report it")]
    Row(#[source] serde_json::Error),
}

impl ExplainError {
    /// The exit status for it: 2 for wrong usage, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotAnId(_) | Self::NoDirectory(_) | Self::NoFile(_) => 2,
            Self::NotFound { .. }
            | Self::NoAccess { .. }
            | Self::Read { .. }
            | Self::Line { .. }
            | Self::Row(_) => 1,
            Self::Tables(error) => error.exit_code(),
            Self::Replay(error) => error.exit_code(),
        }
    }
}

/// What a decision is recomputed with.
#[derive(Clone, Copy, Debug)]
pub struct Recompute<'c> {
    /// The configuration that the results were made with. Of it `[geo]`, `[replay]` and what the engine reads count.
    pub config: &'c Config,
    /// Whether the log is the input of `[replay]` even where the archive has one.
    pub from_input: bool,
}

/// A decision in words.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The words.
    pub text: String,
    /// Whether the log gives what is stored; nothing where it was not recomputed.
    pub is_same: Option<bool>,
}

/// The explanation of a finding or a command whose id this is.
pub fn explain(id: &str, directory: &Path, by: Recompute<'_>) -> Result<Explanation, ExplainError> {
    let results = Results::open(directory)?;
    let id = id.trim();
    let mut page = Page::default();
    let stored = if id.starts_with("c-") {
        let case = CommandCase::find(id, &results)?;
        case.tell(&mut page);
        case.stored()
    } else if id.starts_with("f-") {
        let case = FindingCase::find(id, &results)?;
        case.tell(&mut page);
        case.stored()
    } else {
        return Err(ExplainError::NotAnId(id.to_owned()));
    };
    let recomputation = recompute::recompute(&stored, directory, &results, by)?;
    recomputation.tell(&mut page);
    Ok(Explanation {
        text: page.finish(),
        is_same: match recomputation {
            Recomputation::Not(_) => None,
            Recomputation::Done(done) => Some(done.is_same()),
        },
    })
}

/// What the identity of this id is granted against what it uses.
pub fn access(identity: &str, directory: &Path) -> Result<String, ExplainError> {
    access::access(identity, directory)
}

/// A command, and all that belongs to it.
struct CommandCase {
    command: Command,
    superseded: Option<Command>,
    superseded_by: Vec<Command>,
    /// By id; `None` where the file does not hold it.
    findings: Vec<(String, Option<Finding>)>,
}

impl CommandCase {
    fn find(id: &str, results: &Results) -> Result<Self, ExplainError> {
        let mut mentions = results.commands(&[id])?;
        let own = mentions.found.iter().position(|command| command.id == id);
        let command = match own {
            Some(at) => mentions.found.swap_remove(at),
            None => return Err(results.no_command(id, mentions.lines)),
        };
        let mut superseded_by = mentions.found;
        superseded_by.retain(|other| other.supersedes.as_deref() == Some(id));
        superseded_by.sort_by_key(|other| other.time);
        let superseded = match command.supersedes.as_deref() {
            Some(old) => {
                let mentions = results.commands(&[old])?.found;
                mentions.into_iter().find(|other| other.id == old)
            }
            None => None,
        };
        let wanted: Vec<&str> = command.reason.finding_ids.iter().map(|id| &**id).collect();
        let mut known = results.findings(&wanted)?.found;
        let findings = wanted.iter().map(|id| {
            let at = known.iter().position(|finding| finding.id == *id);
            ((*id).to_owned(), at.map(|at| known.swap_remove(at)))
        });
        Ok(Self {
            findings: findings.collect(),
            command,
            superseded,
            superseded_by,
        })
    }

    fn stored(self) -> Stored {
        let findings = self.findings.into_iter();
        let known = findings.filter_map(|(_, finding)| finding);
        Stored {
            main: Item::Command(Box::new(self.command)),
            behind: known.map(|it| Item::Finding(Box::new(it))).collect(),
        }
    }
}

/// A finding, and the commands that rest on it.
struct FindingCase {
    finding: Finding,
    led_to: Vec<Command>,
}

impl FindingCase {
    fn find(id: &str, results: &Results) -> Result<Self, ExplainError> {
        let findings = results.findings(&[id])?;
        let lines = findings.lines;
        let mut found = findings.found.into_iter();
        let finding = found.find(|finding| finding.id == id);
        let finding = finding.ok_or_else(|| results.no_finding(id, lines))?;
        let mut led_to = results.commands(&[id])?.found;
        led_to.retain(|command| command.reason.finding_ids.iter().any(|other| other == id));
        Ok(Self { finding, led_to })
    }

    fn stored(self) -> Stored {
        Stored {
            main: Item::Finding(Box::new(self.finding)),
            behind: Vec::new(),
        }
    }
}
