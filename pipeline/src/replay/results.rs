//! What a replay writes: findings, commands, dead letters, the access report and a summary.
//!
//! Everything is written under temporary names and renamed at the end, so that a replay that failed
//! leaves nothing that looks like a result.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use plumbline_detectors::Output;
use plumbline_detectors::access::Access;
use plumbline_schemas::event::Event;
use plumbline_schemas::formats::secret;
use plumbline_schemas::reject::Reject;
use plumbline_schemas::time::EventTime;
use serde::Serialize;

use super::{ReplayError, Summary, tables};
use crate::analyst::Archive;

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

/// A file that is being written.
pub(crate) struct Writing {
    file: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl Writing {
    pub(crate) fn begin(directory: &Path, name: &str) -> Result<Self, ReplayError> {
        let path = directory.join(name);
        let temporary = directory.join(format!(".{name}.partial"));
        let file = File::create(&temporary).map_err(|source| failed(&temporary, source))?;
        Ok(Self {
            file: BufWriter::with_capacity(1 << 16, file),
            temporary,
            path,
        })
    }

    pub(crate) fn line(&mut self, value: &impl Serialize) -> Result<(), ReplayError> {
        let written = serde_json::to_writer(&mut self.file, value);
        self.end_line(written)
    }

    /// A value on lines of its own, for people.
    pub(crate) fn pretty(&mut self, value: &impl Serialize) -> Result<(), ReplayError> {
        let written = serde_json::to_writer_pretty(&mut self.file, value);
        self.end_line(written)
    }

    fn end_line(&mut self, written: serde_json::Result<()>) -> Result<(), ReplayError> {
        written.map_err(|error| match error.is_io() {
            // Such as a disk that is full.
            true => failed(&self.temporary, error.into()),
            false => ReplayError::Encode(error),
        })?;
        self.file
            .write_all(b"\n")
            .map_err(|source| failed(&self.temporary, source))
    }

    /// Flushed, not yet under its name.
    pub(crate) fn finish(&mut self) -> Result<(), ReplayError> {
        self.file
            .flush()
            .map_err(|source| failed(&self.temporary, source))
    }

    pub(crate) fn publish(&self) -> Result<(), ReplayError> {
        fs::rename(&self.temporary, &self.path).map_err(|source| failed(&self.path, source))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // Gone already when it was published.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn failed(path: &Path, source: std::io::Error) -> ReplayError {
    ReplayError::Write {
        path: path.to_owned(),
        source,
    }
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

impl Results {
    pub(super) fn begin(directory: &Path, parquet: bool) -> Result<Self, ReplayError> {
        fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
        Ok(Self {
            directory: directory.to_owned(),
            archive: parquet.then(|| Archive::begin(directory)).transpose()?,
            findings: Writing::begin(directory, "findings.ndjson")?,
            commands: Writing::begin(directory, "commands.ndjson")?,
            dead_letters: Writing::begin(directory, "deadletter.ndjson")?,
            access: Writing::begin(directory, "access.ndjson")?,
            summary: Writing::begin(directory, "summary.json")?,
            held: Vec::new(),
            held_time: None,
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
