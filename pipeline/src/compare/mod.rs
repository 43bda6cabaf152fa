//! `plumbline compare`, and `plumbline replay --compare` and `--sweep`: what another configuration would have
//! found and commanded.
//!
//! A comparison is of two directories that replays wrote: A, the base, and B, the candidate. `replay --compare`
//! writes both in one pass over the log, B's into `compare/` below A's, and then compares them as
//! `plumbline compare` would. `replay --sweep` does it for each value of a key, into `sweep/1/`, `sweep/2/`, …
//!
//! **The same** is what has the same id: ids are made of the tenant, source and id of the triggering event, the
//! identity, and the detector or the action. Two commands of which each is on one side only, for the same
//! identity, session, credential and time, are one command whose action changed. Then something is *gained*
//! (only in B), *lost* (only in A), *changed* (in both, some field differs) or the same, byte for byte. A command
//! that was sent again is one command.
//!
//! **Written**: `comparison.json` ([`Comparison`]) and `differences.ndjson`, one line for each finding and command
//! that was gained, lost or changed, with the fields that differ; findings first, each sort in the order of time.
//! The same directories give the same bytes.
//!
//! **Labels** are the `labels.ndjson` of the directories, or a file; what is made of them: [`quality`].
//!
//! **Memory**: of every finding and command some 50 bytes, of either side; no bodies. The counts of every
//! identity with a finding or command, every command that only one side has (again some 50 bytes), and the
//! labelled events. A pass with several configurations also holds the state of all its engines.

mod change;
pub mod comparison;
mod condition;
mod difference;
pub mod quality;
mod report;
pub mod results;
pub mod sweep;
pub mod tally;
mod walk;

use std::io;
use std::path::{Path, PathBuf};

use crate::config::{CompareConfig, Config};
use crate::replay::labels::{self, LabelError, LabelledEvent};
use crate::replay::{ReplayError, Side, Summary, Writing, interruption, replay_sides};
pub use comparison::Comparison;
use comparison::judge;
pub use condition::FailIf;
use condition::Outcome;
pub(crate) use condition::help as names_help;
pub(crate) use report::{report, table};
use results::Results;
pub use sweep::{Sweep, Swept};
pub use tally::{Counts, Tally};

/// Where the results of the second configuration go, below those of the first.
const SECOND: &str = "compare";

/// Why two results cannot be compared, or why their comparison fails.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// There is no such directory.
    #[error("there is no directory {0}; name one that `plumbline replay --out DIR` wrote")]
    NoDirectory(PathBuf),
    /// The directory does not hold what a replay writes.
    #[error(
        "there is no {0}; name a directory that `plumbline replay --out DIR` wrote: a replay that failed writes nothing"
    )]
    NoFile(PathBuf),
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
    /// A directory that cannot be made.
    #[error("{path} cannot be written")]
    Write {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file of labels.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// Two logs, or two sets of labels.
    #[error(
        "{a} and {b} name other events as attacks in their {}; replay one log with one --labels twice, or give the labels here with --labels",
        labels::FILE
    )]
    OtherLabels {
        /// A.
        a: PathBuf,
        /// B.
        b: PathBuf,
    },
    /// A key or a value of a sweep.
    #[error("--sweep {key} = {value}: {wrong}")]
    Sweep {
        /// The key.
        key: String,
        /// The value, as it was given.
        value: String,
        /// What is wrong, and what would be right.
        wrong: String,
    },
    /// Conditions that hold, or of which it cannot be told, each in a sentence.
    #[error("{}", .0.join("\nerror: "))]
    Failed(Vec<String>),
}

impl CompareError {
    /// The exit status for it: 2 for usage and configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Replay(error) => error.exit_code(),
            Self::Read { .. } | Self::Line { .. } | Self::Write { .. } | Self::Failed(_) => 1,
            _ => 2,
        }
    }
}

/// Compares the results in two directories. What differs is written to `out`, where that is given.
pub fn compare(
    a: &Path,
    b: &Path,
    config: &CompareConfig,
    out: Option<&Path>,
) -> Result<Comparison, CompareError> {
    let (of_a, of_b) = (Results::open(a)?, Results::open(b)?);
    let labels = match &config.labels {
        Some(file) => labels::complete(file)?,
        None => common_labels(&of_a, &of_b)?,
    };
    judge(&of_a, &of_b, labels, config, out)
}

/// Replays one log under two configurations in one pass, and compares what they give. Of the second
/// `[geo]`, `[engine]`, `[detectors]` and `[policy]` are read; everything else is that of the first.
pub fn replay_both(
    config: &Config,
    second: &Config,
) -> Result<(Summary, Comparison), CompareError> {
    let out = config.replay.out.as_deref().ok_or(ReplayError::NoOutput)?;
    let (mut summaries, mut comparisons) =
        replay_against(config, &[(second.clone(), out.join(SECOND))], |_| {
            out.to_owned()
        })?;
    match (summaries.pop(), comparisons.pop()) {
        (Some(summary), Some(comparison)) => Ok((summary, comparison)),
        _ => Err(ReplayError::NoOutput.into()),
    }
}

/// Replays one log under a configuration as it is and under each value of a sweep, all in one pass, and
/// compares each value with the configuration as it is. `path` is the file of the configuration.
pub fn replay_swept(
    config: &Config,
    path: Option<&Path>,
    sweep: &Sweep,
) -> Result<(Summary, Swept, Vec<Comparison>), CompareError> {
    let out = config.replay.out.as_deref().ok_or(ReplayError::NoOutput)?;
    let mut others = Vec::new();
    for (value, number) in sweep.values.iter().zip(1..) {
        let other = Config::load_with(path, &sweep.key, value);
        let other = other.map_err(|wrong| CompareError::Sweep {
            key: sweep.key.clone(),
            value: sweep::shown(value),
            wrong,
        })?;
        others.push((other, out.join(sweep::directory(number))));
    }
    let (mut summaries, comparisons) =
        replay_against(config, &others, |directory| directory.to_owned())?;
    let swept = Swept::of(sweep, &comparisons);
    let (Some(summary), Some(swept)) = (summaries.pop(), swept) else {
        return Err(ReplayError::NoOutput.into());
    };
    let mut file = Writing::begin(out, "sweep.json")?;
    file.pretty(&swept)?;
    file.finish()?;
    file.publish()?;
    Ok((summary, swept, comparisons))
}

/// The summary of the base, alone, and the comparison of each of the others with it, which is written to
/// where `place` says.
fn replay_against(
    config: &Config,
    others: &[(Config, PathBuf)],
    place: impl Fn(&Path) -> PathBuf,
) -> Result<(Vec<Summary>, Vec<Comparison>), CompareError> {
    let out = config.replay.out.as_deref().ok_or(ReplayError::NoOutput)?;
    // The log is written once, beside the results of the first.
    let side = |config, out, parquet| Side {
        config,
        out,
        parquet,
        export_state: false,
    };
    let mut first = side(config, out, config.replay.parquet);
    first.export_state = config.replay.export_state;
    let mut sides = vec![first];
    sides.extend(
        others
            .iter()
            .map(|(config, out)| side(config, out.as_path(), false)),
    );
    let labels = config.compare.labels.as_deref();
    let mut summaries = replay_sides(&config.replay, labels, &sides, &interruption()?)?;
    summaries.truncate(1);
    let base = Results::open(out)?;
    let comparisons = others.iter().map(|(_, directory)| {
        let other = Results::open(directory)?;
        let labels = common_labels(&base, &other)?;
        judge(
            &base,
            &other,
            labels,
            &config.compare,
            Some(&place(directory)),
        )
    });
    Ok((summaries, comparisons.collect::<Result<_, _>>()?))
}

/// The labels in the directories. Where only one has any, they are those of both.
fn common_labels(a: &Results, b: &Results) -> Result<Vec<LabelledEvent>, CompareError> {
    let (mut of_a, mut of_b) = (a.labels()?, b.labels()?);
    of_a.sort();
    of_b.sort();
    if of_a.is_empty() || of_b.is_empty() || of_a == of_b {
        of_a.append(&mut of_b);
        of_a.sort();
        of_a.dedup();
        return Ok(of_a);
    }
    Err(CompareError::OtherLabels {
        a: a.directory.clone(),
        b: b.directory.clone(),
    })
}

/// Whether any of the conditions holds of a comparison, or cannot be told; `of` says which comparison,
/// where there are several.
pub fn check(conditions: &[FailIf], comparison: &Comparison, of: &str) -> Result<(), CompareError> {
    let failed = conditions.iter().filter_map(|condition| {
        if !comparison.same_log {
            let why = "the two results are not of the same log";
            return Some(format!("--fail-if '{condition}' cannot be told{of}: {why}"));
        }
        let (how, asked) = match condition.ask(comparison) {
            Outcome::Passed => return None,
            Outcome::Held(asked) => ("holds", asked),
            Outcome::Unknown(asked) => ("cannot be told", asked),
        };
        let asked = if asked.is_empty() {
            String::new()
        } else {
            format!(": {asked}")
        };
        Some(format!("--fail-if '{condition}' {how}{of}{asked}"))
    });
    let failed: Vec<String> = failed.collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(CompareError::Failed(failed))
    }
}

/// The same for each value of a sweep.
pub fn check_swept(
    conditions: &[FailIf],
    swept: &Swept,
    comparisons: &[Comparison],
) -> Result<(), CompareError> {
    let mut failed = Vec::new();
    for (outcome, comparison) in swept.values.iter().zip(comparisons) {
        let of = format!(" with {} = {}", swept.key, sweep::shown(&outcome.value));
        match check(conditions, comparison, &of) {
            Err(CompareError::Failed(lines)) => failed.extend(lines),
            other => other?,
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(CompareError::Failed(failed))
    }
}
