//! `plumbline replay`

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};

use super::compare::{HowArgs, name_of};
use super::failure::Failure;
use super::into_kafka::{Given, IntoKafkaArgs};
use super::log::LogArgs;
use crate::compare::{self, Sweep};
use crate::config::{self, Config};
use crate::replay::{self, into_kafka};

/// Put historical logs through the same engine, without Kafka
///
/// Writes findings.ndjson, commands.ndjson, access.ndjson, deadletter.ndjson and summary.json, and the
/// tables events/, findings/ and commands/ for `plumbline query`. The same input and configuration
/// give the same bytes. With --compare or --sweep, other configurations are replayed in the same pass, and
/// what differs is printed and written to comparison.json, differences.ndjson and sweep.json.
///
/// With --into-kafka nothing is judged here: the log is written into the log topic of [kafka] at a --speed, as the
/// normalise stage writes it, and a running `plumbline run --stage detect` answers it. That is for a rehearsal, on a
/// test cluster or in topics of its own that another --config names. Never write history into a log that is in use:
/// it counts as late or moves the profiles, and what it leads to is commanded. Written twice it does no harm: an
/// event is known by its id for engine.lateness. A command expires by the time of its event, so that bots carry out
/// what an incident of the last hours leads to, and pass over what an older one does.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumbline replay --input events.ndjson.gz --out result\n  plumbline replay --input logs/ 'more/*.zst' --format okta --tenant acme --out result\n  zcat events.gz | plumbline replay --input - --config plumbline.toml --out result\n  plumbline replay --input logs/ --config plumbline.toml --compare candidate.toml --out result --fail-if 'new_enforced > 10'\n  plumbline replay --input last-month/ --config plumbline.toml --out result --export-state\n  plumbline replay --input logs/ --config plumbline.toml --out result --resume\n  plumbline replay --input logs/ --sweep detectors.impossible_travel.max_speed_kmh=500,800,1000 --out result\n  plumbline replay --input logs/ --config test.toml --into-kafka --to 2026-11-16\n  plumbline replay --input logs/ --config test.toml --into-kafka --from 2026-11-16 --speed 60\n\nThe names in conditions: plumbline compare --help"
)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    log: LogArgs,
    /// The configuration; without one, the defaults
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// Where the results are written, a directory or s3://bucket/prefix [file: replay.out]
    #[arg(
        long,
        value_name = "DIR",
        env = "PLUMBLINE_OUT",
        hide_env_values = true
    )]
    out: Option<PathBuf>,
    /// Whether the tables for `plumbline query` are written, as Parquet [file: replay.parquet]
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        env = "PLUMBLINE_PARQUET",
        hide_env_values = true
    )]
    parquet: Option<bool>,
    /// Write what is learnt to the state topic of [kafka] too: the first `plumbline run` begins with it
    /// [file: replay.export_state]
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        env = "PLUMBLINE_EXPORT_STATE",
        hide_env_values = true
    )]
    export_state: Option<bool>,
    /// Go on where the replay before has stopped or was killed: with the same input and configuration the results are
    /// those of one that was never interrupted [file: replay.resume]
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        env = "PLUMBLINE_RESUME",
        hide_env_values = true
    )]
    resume: Option<bool>,
    /// A second configuration: of it [geo], [engine], [detectors] and [policy] are read; its results go to
    /// compare/ below DIR [file: replay.compare]
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_COMPARE",
        hide_env_values = true
    )]
    compare: Option<PathBuf>,
    /// Any key of those sections and several values, all replayed in one pass; the results of each go to
    /// sweep/1/, sweep/2/, … below DIR [file: replay.sweep]
    #[arg(
        long,
        value_name = "KEY=VALUE,…",
        value_parser = Sweep::parse,
        env = "PLUMBLINE_SWEEP",
        hide_env_values = true
    )]
    sweep: Option<Sweep>,
    #[command(flatten)]
    how: HowArgs,
    #[command(flatten)]
    into_kafka: IntoKafkaArgs,
}

impl ReplayArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let path = self.config.clone();
        let asks_condition = !self.how.fail_if.is_empty();
        let given = self.given();
        let mut config = Config::load(path.as_deref())?;
        self.apply(&mut config);
        if config.replay.input.is_empty() {
            return Err(missing("--input <PATH>..."));
        }
        super::into_kafka::check(&config.replay, given)?;
        if config.replay.out.is_none() && !config.replay.into_kafka {
            return Err(missing("--out <DIR>"));
        }
        super::check_range(config.replay.from, config.replay.to)?;
        let config = super::start(config)?;
        if config.replay.into_kafka {
            told(&into_kafka::into_kafka(&config)?);
            return Ok(());
        }
        match (&config.replay.compare, &config.replay.sweep) {
            (Some(_), Some(_)) => Err(usage(
                ErrorKind::ArgumentConflict,
                "replay takes --compare or --sweep, not both; [replay] of the configuration counts too",
            )),
            (Some(_), None) | (None, Some(_)) if config.replay.resume => Err(usage(
                ErrorKind::ArgumentConflict,
                "--resume goes on with a replay of one configuration: leave it out, or --compare and --sweep; [replay] \
                 of the configuration counts too",
            )),
            (Some(second), None) => both(&config, path.as_deref(), second),
            (None, Some(sweep)) => swept(&config, path.as_deref(), sweep),
            (None, None) if asks_condition => Err(usage(
                ErrorKind::MissingRequiredArgument,
                "--fail-if is about a comparison: replay needs --compare <FILE> or --sweep <KEY=VALUE,…> with it",
            )),
            (None, None) => {
                told(&replay::replay(&config)?);
                Ok(())
            }
        }
    }

    /// What was given that has its place only where results are written, and what only where they are not.
    fn given(&self) -> Given {
        let asked = |flag: Option<bool>| flag == Some(true);
        let how = &self.how;
        let of_results = [
            (self.out.is_some(), "--out"),
            (asked(self.parquet), "--parquet"),
            (asked(self.export_state), "--export-state"),
            (asked(self.resume), "--resume"),
            (self.compare.is_some(), "--compare"),
            (self.sweep.is_some(), "--sweep"),
            (how.labels.is_some(), "--labels"),
            (how.answer_within.is_some(), "--answer-within"),
            (how.top.is_some(), "--top"),
            (!how.fail_if.is_empty(), "--fail-if"),
        ];
        Given {
            of_results: of_results
                .into_iter()
                .find_map(|(is, flag)| is.then_some(flag)),
            of_kafka: self.into_kafka.given(),
        }
    }

    fn apply(self, config: &mut Config) {
        self.how.apply(&mut config.compare);
        let replay = &mut config.replay;
        self.log.apply(replay);
        replay.out = self.out.or(replay.out.take());
        replay.parquet = self.parquet.unwrap_or(replay.parquet);
        replay.export_state = self.export_state.unwrap_or(replay.export_state);
        replay.resume = self.resume.unwrap_or(replay.resume);
        replay.compare = self.compare.or(replay.compare.take());
        replay.sweep = self.sweep.or(replay.sweep.take());
        self.into_kafka.apply(replay);
    }
}

fn both(config: &Config, path: Option<&Path>, second: &Path) -> Result<(), Failure> {
    let candidate = Config::load(Some(second))?;
    let (summary, comparison) = compare::replay_both(config, &candidate)?;
    told(&summary);
    let names = [name_of(path), name_of(Some(second))];
    let names = names.each_ref().map(String::as_str);
    super::print(&compare::report(&comparison, names, config.compare.top))?;
    Ok(compare::check(&config.compare.fail_if, &comparison, "")?)
}

fn swept(config: &Config, path: Option<&Path>, sweep: &Sweep) -> Result<(), Failure> {
    let (summary, swept, comparisons) = compare::replay_swept(config, path, sweep)?;
    told(&summary);
    super::print(&compare::table(&swept, &name_of(path)))?;
    Ok(compare::check_swept(
        &config.compare.fail_if,
        &swept,
        &comparisons,
    )?)
}

/// For the person who waits; whatever reads the results reads summary.json.
fn told(summary: &impl Display) {
    let _ = writeln!(io::stderr(), "{summary}");
}

/// What neither a flag nor a variable nor the file says.
fn missing(flag: &str) -> Failure {
    let message = format!("replay needs {flag}, or its entry in [replay] of the configuration");
    usage(ErrorKind::MissingRequiredArgument, &message)
}

pub(super) fn usage(kind: ErrorKind, message: &str) -> Failure {
    Failure::Usage(super::Cli::command().error(kind, message))
}

pub(super) fn format(name: &str) -> Result<String, String> {
    config::check_format(name).map(|()| name.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::replay::into_kafka::Speed;

    use super::*;

    #[derive(Parser)]
    struct Replay {
        #[command(flatten)]
        replay: ReplayArgs,
    }

    fn applied(flags: &[&str], mut config: Config) -> Config {
        let arguments = ["replay"].iter().chain(flags);
        let replay = Replay::try_parse_from(arguments).expect("accepted").replay;
        replay.apply(&mut config);
        config
    }

    #[test]
    fn several_inputs_may_follow_one_flag_and_the_flag_may_repeat() {
        let flags = [
            "--input", "a", "b", "--out", "x", "--input", "-", "--tenant", "acme",
        ];
        let config = applied(&flags, Config::default());
        assert_eq!(config.replay.input, ["a", "b", "-"]);
        assert_eq!(config.replay.out, Some(PathBuf::from("x")));
        assert_eq!(config.replay.tenant.as_deref(), Some("acme"));
    }

    #[test]
    fn flags_are_set_over_the_file() {
        let mut file = Config::default();
        file.replay.input = vec!["file".to_owned()];
        file.replay.tenant = Some("file".to_owned());
        assert_eq!(applied(&[], file.clone()), file);
        let flags = ["--input", "flag", "--format", "native", "--parquet=false"];
        let config = applied(&flags, file);
        assert_eq!(config.replay.input, ["flag"]);
        assert!(!config.replay.parquet);
        assert!(applied(&["--parquet"], config.clone()).replay.parquet);
        assert_eq!(config.replay.tenant.as_deref(), Some("file"));
    }

    fn checked(flags: &[&str], file: &Config) -> Result<(), String> {
        let arguments = ["replay", "--input", "x"].iter().chain(flags);
        let replay = Replay::try_parse_from(arguments).expect("accepted").replay;
        let given = replay.given();
        let mut config = file.clone();
        replay.apply(&mut config);
        let checked = super::super::into_kafka::check(&config.replay, given);
        checked.map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_log_goes_into_kafka_as_fast_as_is_asked_for() {
        let mut file = Config::default();
        file.replay.speed = Speed::Times(10.0);
        let config = applied(&["--into-kafka", "--speed", "60"], file.clone());
        assert!(config.replay.into_kafka && !config.replay.force);
        assert_eq!(config.replay.speed, Speed::Times(60.0));
        let config = applied(&["--into-kafka", "--force"], file);
        assert!(config.replay.force);
        assert_eq!(config.replay.speed, Speed::Times(10.0));
        assert!(!applied(&["--into-kafka=false"], config).replay.into_kafka);
        assert!(Replay::try_parse_from(["replay", "--speed", "0.5"]).is_err());
    }

    #[test]
    fn what_belongs_to_results_is_refused_where_there_are_none() {
        let file = Config::default();
        for flags in [
            &["--out", "x"][..],
            &["--parquet"],
            &["--export-state"],
            &["--compare", "x"],
            &["--sweep", "engine.lateness=1h,2h"],
            &["--labels", "x"],
            &["--fail-if", "new_enforced > 1"],
        ] {
            let into = [&["--into-kafka"], flags].concat();
            let said = checked(&into, &file).expect_err("refused");
            assert!(said.contains(flags[0]), "{said}");
            assert_eq!(checked(flags, &file), Ok(()));
        }
        assert_eq!(checked(&["--into-kafka", "--parquet=false"], &file), Ok(()));
    }

    #[test]
    fn a_file_that_asks_for_results_too_is_refused_but_for_their_place() {
        let mut file = Config::default();
        file.replay.out = Some(PathBuf::from("x"));
        assert_eq!(checked(&["--into-kafka"], &file), Ok(()));
        file.replay.export_state = true;
        let said = checked(&["--into-kafka"], &file).expect_err("refused");
        assert!(said.contains("replay.export_state"), "{said}");
        assert_eq!(
            checked(&["--into-kafka", "--export-state=false"], &file),
            Ok(())
        );
    }

    #[test]
    fn what_belongs_to_kafka_is_refused_without_it() {
        for flags in [&["--speed", "60"][..], &["--force"]] {
            let said = checked(flags, &Config::default()).expect_err("refused");
            assert!(
                said.contains(flags[0]) && said.contains("--into-kafka"),
                "{said}"
            );
        }
    }

    #[test]
    fn an_unknown_format_is_refused_with_the_known_ones() {
        let wrong = Replay::try_parse_from(["replay", "--format", "okto"]);
        let said = wrong.err().expect("refused").to_string();
        assert!(said.contains("native"), "{said}");
    }
}
