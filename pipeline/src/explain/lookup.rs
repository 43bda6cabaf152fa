//! The lines of a replay's results that mention an id. Files of millions of lines are looked through
//! by their bytes; only what mentions the id is parsed.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;
use plumbline_schemas::command::Command;
use plumbline_schemas::finding::Finding;
use serde::de::DeserializeOwned;

use super::ExplainError;

/// The files of one replay.
pub(super) struct Results {
    findings: PathBuf,
    commands: PathBuf,
}

/// What mentions an id, in the order of the file.
pub(super) struct Mentions<T> {
    pub(super) found: Vec<T>,
    /// How many lines the file has.
    pub(super) lines: u64,
}

impl Results {
    pub(super) fn open(directory: &Path) -> Result<Self, ExplainError> {
        check_directory(directory)?;
        let file = |name: &str| {
            let path = directory.join(name);
            match path.is_file() {
                true => Ok(path),
                false => Err(ExplainError::NoFile(path)),
            }
        };
        Ok(Self {
            findings: file("findings.ndjson")?,
            commands: file("commands.ndjson")?,
        })
    }

    pub(super) fn findings(&self, ids: &[&str]) -> Result<Mentions<Finding>, ExplainError> {
        mentions(&self.findings, ids)
    }

    pub(super) fn commands(&self, ids: &[&str]) -> Result<Mentions<Command>, ExplainError> {
        mentions(&self.commands, ids)
    }

    pub(super) fn no_finding(&self, id: &str, lines: u64) -> ExplainError {
        not_found(&self.findings, id, lines)
    }

    pub(super) fn no_command(&self, id: &str, lines: u64) -> ExplainError {
        not_found(&self.commands, id, lines)
    }
}

pub(super) fn check_directory(directory: &Path) -> Result<(), ExplainError> {
    match directory.is_dir() {
        true => Ok(()),
        false => Err(ExplainError::NoDirectory(directory.to_owned())),
    }
}

fn not_found(path: &Path, id: &str, lines: u64) -> ExplainError {
    ExplainError::NotFound {
        id: id.to_owned(),
        path: path.to_owned(),
        lines,
    }
}

pub(super) fn mentions<T: DeserializeOwned>(
    path: &Path,
    ids: &[&str],
) -> Result<Mentions<T>, ExplainError> {
    let failed = |source: io::Error| ExplainError::Read {
        path: path.to_owned(),
        source,
    };
    // With its quotes, so that the beginning of another id is no mention.
    let quoted: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    let finders: Vec<Finder<'_>> = quoted.iter().map(Finder::new).collect();
    let mut file = BufReader::with_capacity(1 << 17, File::open(path).map_err(failed)?);
    let mut mentions = Mentions {
        found: Vec::new(),
        lines: 0,
    };
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        mentions.lines += 1;
        if finders.iter().any(|finder| finder.find(&line).is_some()) {
            let parsed = serde_json::from_slice(&line).map_err(|source| ExplainError::Line {
                path: path.to_owned(),
                line: mentions.lines,
                source,
            })?;
            mentions.found.push(parsed);
        }
        line.clear();
    }
    Ok(mentions)
}
