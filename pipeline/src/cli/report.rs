//! `plumbline report`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};
use plumbline_schemas::time::EventTime;

use super::failure::Failure;
use crate::config::{self, Config};
use crate::report::{self, Told};

/// Write one page for people: what happened, who, why, and what to do next
///
/// The page needs no network and no other file: figures, findings over time, by detector and by
/// identity, a map of impossible travels, the lives of those to look at first, and every finding with
/// its explanation, in tables that sort and filter. Of much, what weighs most is shown, and the rest is
/// counted. The same results give the same bytes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumbline report --data result --out report.html\n  plumbline report --data march --data april --title 'Acme, spring' --out spring.html\n  plumbline report --data result --from 2026-11-16 --to 2026-11-23 --out week.html"
)]
pub(super) struct ReportArgs {
    /// Where replays wrote their results; several are told as one [file: query.data]
    #[arg(
        long,
        value_name = "DIR",
        num_args = 1,
        env = "PLUMBLINE_DATA",
        hide_env_values = true
    )]
    data: Vec<PathBuf>,
    /// The page [file: report.out]
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_REPORT_OUT",
        hide_env_values = true
    )]
    out: Option<PathBuf>,
    /// What it is called [file: report.title]
    #[arg(
        long,
        value_name = "TEXT",
        env = "PLUMBLINE_REPORT_TITLE",
        hide_env_values = true
    )]
    title: Option<String>,
    /// Leave out what happened before: a time, or a day, which begins at midnight UTC
    /// [file: report.from]
    #[arg(
        long,
        value_name = "TIME",
        value_parser = config::limit_of_time,
        env = "PLUMBLINE_REPORT_FROM",
        hide_env_values = true
    )]
    from: Option<EventTime>,
    /// Leave out what happened then or later [file: report.to]
    #[arg(
        long,
        value_name = "TIME",
        value_parser = config::limit_of_time,
        env = "PLUMBLINE_REPORT_TO",
        hide_env_values = true
    )]
    to: Option<EventTime>,
    /// Replace a file that `plumbline report` has not written [file: report.overwrite]
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        env = "PLUMBLINE_REPORT_OVERWRITE",
        hide_env_values = true
    )]
    overwrite: Option<bool>,
    /// The configuration; without one, the defaults
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
}

impl ReportArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let mut config = Config::load(self.config.as_deref())?;
        self.apply(&mut config);
        if config.query.data.is_empty() {
            return Err(missing(
                "--data <DIR>, or its entry in [query] of the configuration",
            ));
        }
        super::check_range(config.report.from, config.report.to)?;
        let config = super::start(config)?;
        let Some(out) = config.report.out.as_deref() else {
            return Err(missing(
                "--out <FILE>, or its entry in [report] of the configuration",
            ));
        };
        let told = report::report(&config.query.data, &config.report, out)?;
        let _ = writeln!(io::stderr(), "{}: {}", out.display(), words(told));
        Ok(())
    }

    fn apply(self, config: &mut Config) {
        if !self.data.is_empty() {
            config.query.data = self.data;
        }
        let report = &mut config.report;
        report.out = self.out.or(report.out.take());
        report.title = self.title.or(report.title.take());
        report.from = self.from.or(report.from);
        report.to = self.to.or(report.to);
        report.overwrite = self.overwrite.unwrap_or(report.overwrite);
    }
}

fn words(told: Told) -> String {
    let counted = |number: u64, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    };
    format!(
        "{} about {}, {} ({} KiB)",
        counted(told.findings, "finding", "findings"),
        counted(told.identities, "identity", "identities"),
        counted(told.enforced, "enforced command", "enforced commands"),
        told.bytes.div_ceil(1024)
    )
}

/// What neither the arguments nor a variable nor the file says.
fn missing(what: &str) -> Failure {
    usage(
        ErrorKind::MissingRequiredArgument,
        &format!("report needs {what}"),
    )
}

fn usage(kind: ErrorKind, message: &str) -> Failure {
    Failure::Usage(super::Cli::command().error(kind, message))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Report {
        #[command(flatten)]
        report: ReportArgs,
    }

    fn applied(flags: &[&str], mut config: Config) -> Config {
        let arguments = ["report"].iter().chain(flags);
        let report = Report::try_parse_from(arguments).expect("accepted").report;
        report.apply(&mut config);
        config
    }

    #[test]
    fn flags_are_set_over_the_file() {
        let mut file = Config::default();
        file.query.data = vec![PathBuf::from("file")];
        file.report.title = Some("file".to_owned());
        file.report.overwrite = true;
        assert_eq!(applied(&[], file.clone()), file);
        let flags = [
            "--data",
            "a",
            "--data",
            "b",
            "--from",
            "2026-11-16",
            "--overwrite=false",
        ];
        let config = applied(&flags, file);
        assert_eq!(config.query.data, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(config.report.from, EventTime::parse("2026-11-16T00:00:00Z"));
        assert_eq!(config.report.title.as_deref(), Some("file"));
        assert!(!config.report.overwrite);
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_would_be_one() {
        let wrong = Report::try_parse_from(["report", "--from", "monday"]);
        let said = wrong.err().expect("refused").to_string();
        assert!(said.contains("2026-11-16"), "{said}");
    }
}
