//! Each single difference: a line of `differences.ndjson`, and some that a person is shown.

use std::fs;
use std::path::Path;

use plumbline_schemas::command::Command;
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;
use serde::Serialize;

use super::CompareError;
use super::change::Change;
use super::comparison::Comparison;
use super::results::Item;
use super::tally::is_enforced;
use crate::replay::Writing;

/// One line of `differences.ndjson`. What it says of a finding or command is of A where that has it.
#[derive(Serialize)]
struct Line<'d> {
    change: &'static str,
    what: &'static str,
    /// To be explained with the results of its side.
    id: &'d str,
    /// Where the action changed, and the id with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_b: Option<&'d str>,
    time: EventTime,
    tenant: &'d str,
    identity: &'d str,
    kind: &'static str,
    detectors: &'d [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    summary: &'d str,
    /// The fields that differ; none of what only one side has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Change>,
}

/// A command that a person is shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Example {
    /// `+`, `-` or `~`.
    pub(super) sign: char,
    pub(super) time: EventTime,
    /// Mode and action, or those of both sides.
    pub(super) what: String,
    pub(super) who: String,
    pub(super) id: String,
    pub(super) summary: String,
}

/// The first few: of what is enforced on one side only or otherwise, then of other commands that came, went
/// or turned, then of the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Examples([Vec<Example>; 3]);

impl Examples {
    pub(super) fn first(&self, top: usize) -> impl Iterator<Item = &Example> {
        self.0.iter().flatten().take(top)
    }
}

/// Takes every difference once.
pub(super) struct Differences {
    file: Option<(Writing, Writing)>,
    examples: Examples,
    top: usize,
}

impl Differences {
    /// Without a directory nothing is written.
    pub(super) fn begin(out: Option<&Path>, top: usize) -> Result<Self, CompareError> {
        let file = match out {
            Some(directory) => {
                fs::create_dir_all(directory).map_err(|source| CompareError::Write {
                    path: directory.to_owned(),
                    source,
                })?;
                Some((
                    Writing::begin(directory, "differences.ndjson")?,
                    Writing::begin(directory, "comparison.json")?,
                ))
            }
            None => None,
        };
        Ok(Self {
            file,
            examples: Examples::default(),
            top,
        })
    }

    pub(super) fn finding(
        &mut self,
        a: Option<&Finding>,
        b: Option<&Finding>,
        fields: Vec<Change>,
    ) -> Result<(), CompareError> {
        let Some(finding) = a.or(b) else {
            return Ok(());
        };
        self.line(&Line {
            change: change(a.is_some(), b.is_some()),
            what: Finding::NAME,
            id: &finding.id,
            id_b: None,
            time: finding.time,
            tenant: &finding.tenant,
            identity: &finding.identity.id,
            kind: finding.identity.kind.as_str(),
            detectors: std::slice::from_ref(&finding.detector),
            severity: Some(finding.severity.as_str()),
            action: None,
            mode: None,
            summary: &finding.summary,
            fields,
        })
    }

    pub(super) fn command(
        &mut self,
        a: Option<&Command>,
        b: Option<&Command>,
        fields: Vec<Change>,
    ) -> Result<(), CompareError> {
        let Some(command) = a.or(b) else {
            return Ok(());
        };
        let of_b = b.map(|b| &*b.id).filter(|id| *id != command.id);
        self.show(a, b, &fields);
        self.line(&Line {
            change: change(a.is_some(), b.is_some()),
            what: Command::NAME,
            id: &command.id,
            id_b: of_b,
            time: command.time,
            tenant: &command.target.tenant,
            identity: &command.target.identity,
            kind: command.target.kind.as_str(),
            detectors: &command.reason.detectors,
            severity: None,
            action: Some(command.action.as_str()),
            mode: Some(command.mode.as_str()),
            summary: &command.reason.summary,
            fields,
        })
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), CompareError> {
        match &mut self.file {
            Some((lines, _)) => Ok(lines.line(line)?),
            None => Ok(()),
        }
    }

    fn show(&mut self, a: Option<&Command>, b: Option<&Command>, fields: &[Change]) {
        let Some(latest) = b.or(a) else { return };
        let words = |command: &Command| format!("{} {}", command.mode, command.action);
        let (of_a, of_b) = (a.map(words), b.map(words));
        let turned = of_a != of_b;
        let touches_enforced = [a, b].into_iter().flatten().any(is_enforced);
        let rank = match (turned, touches_enforced) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        };
        if self.examples.0[rank].len() >= self.top {
            return;
        }
        let (sign, what) = match (of_a, of_b) {
            (Some(a), Some(b)) if turned => ('~', format!("{a} -> {b}")),
            (Some(a), Some(_)) => {
                let names: Vec<&str> = fields.iter().map(|change| &*change.field).collect();
                ('~', format!("{a} ({})", names.join(", ")))
            }
            (Some(a), None) => ('-', a),
            (None, b) => ('+', b.unwrap_or_default()),
        };
        self.examples.0[rank].push(Example {
            sign,
            time: latest.time,
            what,
            who: format!("{}/{}", latest.target.tenant, latest.target.identity),
            id: latest.id.clone(),
            summary: latest.reason.summary.clone(),
        });
    }

    /// Puts both files under their names.
    pub(super) fn publish(self, comparison: &Comparison) -> Result<Examples, CompareError> {
        if let Some((mut lines, mut whole)) = self.file {
            whole.pretty(comparison)?;
            lines.finish()?;
            whole.finish()?;
            lines.publish()?;
            whole.publish()?;
        }
        Ok(self.examples)
    }
}

fn change(a: bool, b: bool) -> &'static str {
    match (a, b) {
        (true, true) => "changed",
        (true, false) => "lost",
        (false, _) => "gained",
    }
}
