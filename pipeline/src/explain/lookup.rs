//! What of the results mentions an id: the lines of a replay, or the rows of an archive without them. Files of
//! millions of lines are looked through by their bytes; only what mentions the id is parsed.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;
use plumbline_schemas::archive::is_in_bucket;
use plumbline_schemas::command::Command;
use plumbline_schemas::finding::Finding;
use serde::de::DeserializeOwned;

use super::ExplainError;
use super::item::Item;
use super::tables::Tables;

/// Where findings and commands are.
pub(super) struct Results {
    findings: PathBuf,
    commands: PathBuf,
    /// Where there are no such files.
    tables: Option<Tables>,
}

/// What mentions an id, in the order of the file or of time.
pub(super) struct Mentions<T> {
    pub(super) found: Vec<T>,
    /// How many lines or rows there are.
    pub(super) lines: u64,
}

impl Results {
    pub(super) fn open(directory: &Path) -> Result<Self, ExplainError> {
        let mut results = Self {
            findings: directory.join("findings.ndjson"),
            commands: directory.join("commands.ndjson"),
            tables: None,
        };
        let tables = ["findings", "commands"].map(|name| directory.join(name));
        // In a bucket there are tables, or nothing that is looked up line by line.
        if is_in_bucket(directory) {
            results.tables = Some(Tables::open(directory)?);
            [results.findings, results.commands] = tables;
            return Ok(results);
        }
        check_directory(directory)?;
        let files = [&results.findings, &results.commands];
        let Some(missing) = files.into_iter().find(|path| !path.is_file()) else {
            return Ok(results);
        };
        if !tables.iter().all(|table| table.is_dir()) {
            return Err(ExplainError::NoFile(missing.clone()));
        }
        results.tables = Some(Tables::open(directory)?);
        [results.findings, results.commands] = tables;
        Ok(results)
    }

    pub(super) fn findings(&self, ids: &[&str]) -> Result<Mentions<Finding>, ExplainError> {
        match &self.tables {
            Some(tables) => tables.findings(ids),
            None => mentions(&self.findings, ids),
        }
    }

    pub(super) fn commands(&self, ids: &[&str]) -> Result<Mentions<Command>, ExplainError> {
        match &self.tables {
            Some(tables) => tables.commands(ids),
            None => mentions(&self.commands, ids),
        }
    }

    /// Whether the file of such items has just this line. Tables have none.
    pub(super) fn has_line(&self, line: &str, of: &Item) -> Result<bool, ExplainError> {
        if self.tables.is_some() {
            return Ok(false);
        }
        let path = match of {
            Item::Command(_) => &self.commands,
            Item::Finding(_) => &self.findings,
        };
        let mut has = false;
        each_line(path, |other| {
            has |= other.trim_ascii_end() == line.as_bytes()
        })?;
        Ok(has)
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
    // With its quotes, so that the beginning of another id is no mention.
    let quoted: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    let finders: Vec<Finder<'_>> = quoted.iter().map(Finder::new).collect();
    let mut found = Vec::new();
    let mut lines = 0;
    let mut parsed = Ok(());
    each_line(path, |line| {
        lines += 1;
        if parsed.is_ok() && finders.iter().any(|finder| finder.find(line).is_some()) {
            parsed = serde_json::from_slice(line)
                .map(|item| found.push(item))
                .map_err(|source| ExplainError::Line {
                    path: path.to_owned(),
                    line: lines,
                    source,
                });
        }
    })?;
    parsed.map(|()| Mentions { found, lines })
}

fn each_line(path: &Path, mut take: impl FnMut(&[u8])) -> Result<(), ExplainError> {
    let failed = |source: io::Error| ExplainError::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = BufReader::with_capacity(1 << 17, File::open(path).map_err(failed)?);
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        take(&line);
        line.clear();
    }
    Ok(())
}
