//! What a replay writes: findings, commands, dead letters, the access report and a summary.
//!
//! Everything is written under temporary names and renamed at the end, so that a replay that failed
//! leaves nothing that looks like a result.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plumbline_detectors::Output;
use plumbline_detectors::access::Access;
use plumbline_schemas::event::Event;
use plumbline_schemas::formats::secret;
use plumbline_schemas::reject::Reject;
use plumbline_schemas::time::EventTime;
use serde::{Deserialize, Serialize};

use super::writing::{Extent, Writing, failed};
use super::{ReplayError, Summary, tables};
use crate::analyst::{Archive, ArchiveExtent};

/// Of a refused record so much is kept beside the reason.
const MOST_RAW_BYTES: usize = 4096;

/// One refused record, a line of `deadletter.ndjson`.
#[derive(Serialize)]
struct DeadLetter<'d> {
    reason: &'d str,
    detail: &'d str,
    source: &'d str,
    line: u64,
    raw: &'d str,
}

/// The results of one replay.
pub(super) struct Results {
    directory: PathBuf,
    /// The same as Parquet, and the events, where that is asked for.
    archive: Option<Archive>,
    findings: Writing,
    commands: Writing,
    dead_letters: Writing,
    access: Writing,
    summary: Writing,
    /// Outputs of events of one time, which are written in the order of their identities.
    held: Vec<Output>,
    held_time: Option<EventTime>,
}

/// How much of the results is written at a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    findings: Extent,
    commands: Extent,
    dead_letters: Extent,
    tables: Option<ArchiveExtent>,
}

const FINDINGS: &str = "findings.ndjson";
const COMMANDS: &str = "commands.ndjson";
const DEAD_LETTERS: &str = "deadletter.ndjson";
const ACCESS: &str = "access.ndjson";
const SUMMARY: &str = "summary.json";

/// Whether they may replace what is there: no input is among them.
pub(super) fn check(out: &Path, inputs: &[PathBuf]) -> Result<(), ReplayError> {
    for name in [FINDINGS, COMMANDS, DEAD_LETTERS, ACCESS, SUMMARY] {
        let Ok(place) = out.join(name).canonicalize() else {
            continue;
        };
        let is_there = |input: &&PathBuf| input.canonicalize().is_ok_and(|input| input == place);
        if let Some(input) = inputs.iter().find(is_there) {
            return Err(ReplayError::InputInOutput(input.clone()));
        }
    }
    Ok(())
}

impl Kept {
    /// Whether all of it is there.
    pub(super) fn check(&self, directory: &Path) -> io::Result<()> {
        Writing::check(directory, FINDINGS, self.findings)?;
        Writing::check(directory, COMMANDS, self.commands)?;
        Writing::check(directory, DEAD_LETTERS, self.dead_letters)?;
        let mut tables = self.tables.iter();
        tables.try_for_each(|tables| tables.check(directory))
    }
}

impl Results {
    /// Begins them, or goes on where a checkpoint was made.
    pub(super) fn begin(
        directory: &Path,
        parquet: bool,
        kept: Option<&Kept>,
    ) -> Result<Self, ReplayError> {
        fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
        let lines = |name, extent: Option<Extent>| match extent {
            Some(extent) => Writing::resume(directory, name, extent),
            None => Writing::begin(directory, name),
        };
        Ok(Self {
            directory: directory.to_owned(),
            archive: match kept.and_then(|kept| kept.tables.as_ref()) {
                Some(tables) => Some(Archive::resume(directory, tables)?),
                None => parquet.then(|| Archive::begin(directory)).transpose()?,
            },
            findings: lines(FINDINGS, kept.map(|kept| kept.findings))?,
            commands: lines(COMMANDS, kept.map(|kept| kept.commands))?,
            dead_letters: lines(DEAD_LETTERS, kept.map(|kept| kept.dead_letters))?,
            access: Writing::begin(directory, ACCESS)?,
            summary: Writing::begin(directory, SUMMARY)?,
            held: Vec::new(),
            held_time: None,
        })
    }

    /// Whether nothing that was taken before waits for what comes next, an event of that time or none.
    pub(super) fn is_settled(&self, next: Option<EventTime>) -> bool {
        self.held.is_empty() || next.is_some() && next != self.held_time
    }

    /// Writes all there is to the disk, where nothing has to wait, and says how much that is.
    pub(super) fn keep(&mut self, summary: &mut Summary) -> Result<Kept, ReplayError> {
        self.release(summary)?;
        Ok(Kept {
            findings: self.findings.keep()?,
            commands: self.commands.keep()?,
            dead_letters: self.dead_letters.keep()?,
            tables: self.archive.as_mut().map(Archive::keep).transpose()?,
        })
    }

    /// Takes an event, before what it leads to.
    pub(super) fn event(&mut self, event: &Event<'_>) -> Result<(), ReplayError> {
        match &mut self.archive {
            Some(archive) => Ok(archive.event(event)?),
            None => Ok(()),
        }
    }

    /// Takes what an event of that time led to.
    ///
    /// Outputs stand in the order of their triggers; those of neighbours with one and the same time
    /// in the order of tenant and identity, so that it does not matter in which of several files
    /// they stood.
    pub(super) fn take(
        &mut self,
        time: EventTime,
        outputs: &mut Vec<Output>,
        summary: &mut Summary,
    ) -> Result<(), ReplayError> {
        if self.held_time != Some(time) {
            self.release(summary)?;
            self.held_time = Some(time);
        }
        self.held.append(outputs);
        Ok(())
    }

    fn release(&mut self, summary: &mut Summary) -> Result<(), ReplayError> {
        // What a timer publishes carries its due time, which is before that of the event at hand.
        self.held.sort_by(|a, b| subject(a).cmp(&subject(b)));
        for output in self.held.drain(..) {
            match &output {
                Output::Finding(finding) => self.findings.line(finding)?,
                Output::Command(command) => self.commands.line(command)?,
                Output::Context(_) => {}
            }
            if let Some(archive) = &mut self.archive {
                match &output {
                    Output::Finding(finding) => archive.finding(finding)?,
                    Output::Command(command) => archive.command(command)?,
                    Output::Context(_) => {}
                }
            }
            summary.count(&output);
        }
        Ok(())
    }

    pub(super) fn reject(
        &mut self,
        source: &str,
        line: u64,
        reject: &Reject,
        raw: &[u8],
    ) -> Result<(), ReplayError> {
        let scrubbed = secret::scrub(raw);
        let kept = &scrubbed[..scrubbed.len().min(MOST_RAW_BYTES)];
        self.dead_letters.line(&DeadLetter {
            reason: reject.reason.as_str(),
            detail: &reject.detail,
            source,
            line,
            raw: &String::from_utf8_lossy(kept),
        })
    }

    /// Writes what is granted against what is used, at the end of the log.
    pub(super) fn access(
        &mut self,
        mut report: impl Iterator<Item = Access>,
    ) -> Result<(), ReplayError> {
        report.try_for_each(|access| self.access.line(&access))
    }

    /// Writes what is left: all that may fail for want of space.
    pub(super) fn finish(
        &mut self,
        summary: &mut Summary,
        finish: impl FnOnce(&mut Summary),
    ) -> Result<(), ReplayError> {
        self.release(summary)?;
        finish(summary);
        self.summary.pretty(summary)?;
        let mut files = [
            &mut self.findings,
            &mut self.commands,
            &mut self.dead_letters,
            &mut self.access,
            &mut self.summary,
        ];
        files.iter_mut().try_for_each(|file| file.finish())?;
        match &mut self.archive {
            Some(archive) => Ok(archive.finish()?),
            None => Ok(()),
        }
    }

    /// Puts everything under its name.
    pub(super) fn publish(self) -> Result<(), ReplayError> {
        let files = [
            self.findings,
            self.commands,
            self.dead_letters,
            self.access,
            self.summary,
        ];
        // Tables of an earlier replay would contradict the other results.
        tables::remove(&self.directory)?;
        if let Some(archive) = self.archive {
            archive.publish()?;
        }
        files.iter().try_for_each(Writing::publish)
    }
}

fn subject(output: &Output) -> (Option<EventTime>, &str, &str) {
    match output {
        Output::Finding(finding) => {
            let subject = (&*finding.tenant, &*finding.identity.id);
            (Some(finding.time), subject.0, subject.1)
        }
        Output::Command(command) => {
            let subject = (&*command.target.tenant, &*command.target.identity);
            (Some(command.time), subject.0, subject.1)
        }
        Output::Context(_) => (None, "", ""),
    }
}
