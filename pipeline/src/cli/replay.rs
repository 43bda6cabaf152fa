//! `plumbline replay`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};

use super::failure::Failure;
use crate::config::{self, Config};
use crate::replay;

/// Put historical logs through the same engine, without Kafka
///
/// Writes findings.ndjson, commands.ndjson, access.ndjson, deadletter.ndjson and summary.json, and the
/// tables events/, findings/ and commands/ for `plumbline query`. The same input and configuration
/// give the same bytes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumbline replay --input events.ndjson.gz --out result\n  plumbline replay --input logs/ 'more/*.zst' --format okta --tenant acme --out result\n  zcat events.gz | plumbline replay --input - --config plumbline.toml --out result"
)]
pub(super) struct ReplayArgs {
    /// Files, globs, directories, or - for stdin; several are merged by event time
    /// [file: replay.input]
    #[arg(
        long,
        value_name = "PATH",
        num_args = 1..,
        env = "PLUMBLINE_INPUT",
        hide_env_values = true
    )]
    input: Vec<String>,
    /// Their log format [file: replay.format] [default: native]
    #[arg(long, value_parser = format, env = "PLUMBLINE_FORMAT", hide_env_values = true)]
    format: Option<String>,
    /// Tenant of native events that name none, and of every record of the other formats [file: replay.tenant] [default: default]
    #[arg(long, env = "PLUMBLINE_TENANT", hide_env_values = true)]
    tenant: Option<String>,
    /// The configuration; without one, the defaults
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    /// Where the results are written [file: replay.out]
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
}

impl ReplayArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let mut config = Config::load(self.config.as_deref())?;
        self.apply(&mut config);
        if config.replay.input.is_empty() {
            return Err(missing("--input <PATH>..."));
        }
        if config.replay.out.is_none() {
            return Err(missing("--out <DIR>"));
        }
        let config = super::start(config)?;
        let summary = replay::replay(&config)?;
        // For the person who waits; whatever reads the results reads summary.json.
        let _ = writeln!(io::stderr(), "{summary}");
        Ok(())
    }

    fn apply(self, config: &mut Config) {
        let replay = &mut config.replay;
        if !self.input.is_empty() {
            replay.input = self.input;
        }
        if let Some(format) = self.format {
            replay.format = format;
        }
        replay.tenant = self.tenant.or(replay.tenant.take());
        replay.out = self.out.or(replay.out.take());
        replay.parquet = self.parquet.unwrap_or(replay.parquet);
    }
}

/// What neither a flag nor a variable nor the file says.
fn missing(flag: &str) -> Failure {
    let mut command = super::Cli::command();
    let message = format!("replay needs {flag}, or its entry in [replay] of the configuration");
    Failure::Usage(command.error(ErrorKind::MissingRequiredArgument, message))
}

fn format(name: &str) -> Result<String, String> {
    config::check_format(name).map(|()| name.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

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

    #[test]
    fn an_unknown_format_is_refused_with_the_known_ones() {
        let wrong = Replay::try_parse_from(["replay", "--format", "okto"]);
        let said = wrong.err().expect("refused").to_string();
        assert!(said.contains("native"), "{said}");
    }
}
