//! `plumbline compare`, and the flags that it shares with `plumbline replay`.

use std::path::{Path, PathBuf};

use clap::Args;
use plumbline_detectors::config::Span;

use super::failure::Failure;
use crate::compare::{self, FailIf};
use crate::config::{CompareConfig, Config};

/// Say what differs between the results of two replays
///
/// Prints what B found and commanded that A did not, the other way round, and what changed; where events
/// are labelled as attacks, also how well each side answers them. With --out writes comparison.json and
/// differences.ndjson, one line a difference.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(super) struct CompareArgs {
    /// Where a replay wrote its results: the base
    #[arg(value_name = "A")]
    a: PathBuf,
    /// Where another replay of the same log wrote its results: the candidate
    #[arg(value_name = "B")]
    b: PathBuf,
    /// The configuration: of it [compare] is read
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// Where comparison.json and differences.ndjson are written; nowhere without it [file: compare.out]
    #[arg(
        long,
        value_name = "DIR",
        env = "PLUMBLINE_OUT",
        hide_env_values = true
    )]
    out: Option<PathBuf>,
    #[command(flatten)]
    how: HowArgs,
}

/// How two results are compared.
#[derive(Debug, Default, Args)]
pub(super) struct HowArgs {
    /// CSV file of the events that belong to attacks, event_id,attack; `compare` needs identity and time
    /// too. Without it the labels in the events count [file: compare.labels]
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_LABELS",
        hide_env_values = true
    )]
    pub(super) labels: Option<PathBuf>,
    /// How long after the last event of an attack a command still answers it
    /// [file: compare.answer_within] [default: 2h]
    #[arg(
        long,
        value_name = "SPAN",
        value_parser = span,
        env = "PLUMBLINE_ANSWER_WITHIN",
        hide_env_values = true
    )]
    pub(super) answer_within: Option<Span>,
    /// How many identities, commands and attacks are printed [file: compare.top] [default: 10]
    #[arg(
        long,
        value_name = "N",
        value_parser = one_or_more,
        env = "PLUMBLINE_TOP",
        hide_env_values = true
    )]
    pub(super) top: Option<usize>,
    /// End with status 1 when this CEL condition holds, such as 'new_enforced > 10'; may be repeated
    /// [file: compare.fail_if]
    #[arg(
        long,
        value_name = "CONDITION",
        value_parser = FailIf::parse,
        env = "PLUMBLINE_FAIL_IF",
        hide_env_values = true
    )]
    pub(super) fail_if: Vec<FailIf>,
}

impl CompareArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let mut config = Config::load(self.config.as_deref())?;
        self.how.apply(&mut config.compare);
        config.compare.out = self.out.or(config.compare.out.take());
        let config = super::start(config)?;
        let compare = &config.compare;
        let comparison = compare::compare(&self.a, &self.b, compare, compare.out.as_deref())?;
        let names = [&self.a, &self.b].map(|directory| directory.display().to_string());
        let names = names.each_ref().map(String::as_str);
        super::print(&compare::report(&comparison, names, compare.top))?;
        Ok(compare::check(&compare.fail_if, &comparison, "")?)
    }
}

impl HowArgs {
    pub(super) fn apply(self, config: &mut CompareConfig) {
        config.labels = self.labels.or(config.labels.take());
        config.answer_within = self.answer_within.unwrap_or(config.answer_within);
        config.top = self.top.unwrap_or(config.top);
        if !self.fail_if.is_empty() {
            config.fail_if = self.fail_if;
        }
    }
}

/// A configuration, as a person knows it.
pub(super) fn name_of(config: Option<&Path>) -> String {
    config.map_or_else(
        || "the defaults".to_owned(),
        |path| path.display().to_string(),
    )
}

fn span(text: &str) -> Result<Span, String> {
    let span = Span::parse(text).filter(|span| span.as_millis() > 0);
    span.ok_or_else(|| "write how long it may be, such as 30m or 2h".to_owned())
}

fn one_or_more(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "write a whole number, 1 or more".to_owned())
}

fn after_help() -> String {
    format!(
        "Names in the conditions of --fail-if; of B where nothing else is said:\n{}\nA name of which nothing \
         is known, such as precision without labels, fails too, unless the condition does not depend on it: \
         attacks > 0 && precision < 0.9\n\nExamples:\n  plumbline compare result result/compare\n  plumbline \
         compare last-week today --out difference --fail-if 'new_enforced > 10' --fail-if 'recall < base_recall'",
        compare::names_help()
    )
}
