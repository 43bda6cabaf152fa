//! `plumbline run`

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::service::ServiceArgs;
use crate::config::{Config, Stage};
use crate::run;

/// Run the service: raw logs in, findings and commands out
///
/// Reads the topics of every [[source]], writes the log, detects, and publishes findings and
/// commands, each exactly once. Ends cleanly on SIGTERM and SIGINT. Any number of processes with
/// the same kafka.group_id share the work.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumbline run --config plumbline.toml\n  plumbline run --config plumbline.toml --until-end\n  plumbline run --config plumbline.toml --stage detect --workers 4\n  plumbline run --config plumbline.toml --archive /var/lib/plumbline/archive"
)]
pub(super) struct RunArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Stop at the end of what the topics held at start [file: run.until_end]
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        env = "PLUMBLINE_UNTIL_END",
        hide_env_values = true
    )]
    until_end: Option<bool>,
    /// Which part of the line this process is [file: run.stage]
    #[arg(long, value_enum, env = "PLUMBLINE_STAGE", hide_env_values = true)]
    stage: Option<Stage>,
    /// Threads that detect, each with a consumer and a producer of its own [file: run.workers]
    #[arg(long, value_name = "N", value_parser = one_or_more, env = "PLUMBLINE_WORKERS", hide_env_values = true)]
    workers: Option<usize>,
    /// Read the state of the partitions that other processes work on too, to take them over faster
    /// [file: run.standby]
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        env = "PLUMBLINE_STANDBY",
        hide_env_values = true
    )]
    standby: Option<bool>,
    /// Keep the log, the findings and the commands as Parquet in this directory, or below s3://bucket/prefix
    /// [file: archive.dir]
    #[arg(
        long,
        value_name = "DIR",
        env = "PLUMBLINE_ARCHIVE",
        hide_env_values = true
    )]
    archive: Option<PathBuf>,
}

impl RunArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let mut config = self.service.load()?;
        self.apply(&mut config);
        let config = super::start(config)?;
        Ok(run::run(&config)?)
    }

    fn apply(&self, config: &mut Config) {
        let run = &mut config.run;
        run.until_end = self.until_end.unwrap_or(run.until_end);
        run.stage = self.stage.unwrap_or(run.stage);
        run.standby = self.standby.unwrap_or(run.standby);
        run.workers = self.workers.unwrap_or(run.workers);
        if let Some(archive) = &self.archive {
            config.archive.dir = Some(archive.clone());
        }
    }
}

fn one_or_more(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("write a whole number, 1 or more".to_owned()),
        Ok(count) => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Run {
        #[command(flatten)]
        run: RunArgs,
    }

    fn applied(flags: &[&str], config: Config) -> Config {
        let arguments = ["run", "--config", "x"].iter().chain(flags);
        let run = Run::try_parse_from(arguments).expect("accepted").run;
        let mut config = config;
        run.service.apply(&mut config);
        run.apply(&mut config);
        config
    }

    #[test]
    fn flags_are_set_over_the_file() {
        let mut file = Config::default();
        file.run.workers = 2;
        file.run.until_end = true;
        assert_eq!(applied(&[], file.clone()), file);
        let config = applied(
            &[
                "--workers",
                "4",
                "--stage",
                "detect",
                "--until-end=false",
                "--standby",
                "--archive",
                "kept",
            ],
            file,
        );
        assert!(config.run.standby);
        assert_eq!(config.archive.dir, Some(PathBuf::from("kept")));
        assert_eq!(config.run.workers, 4);
        assert_eq!(config.run.stage, Stage::Detect);
        assert!(!config.run.until_end);
        assert!(applied(&["--until-end"], Config::default()).run.until_end);
        for (text, address) in [
            ("9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            let listen = applied(&["--listen", text], Config::default()).run.listen;
            assert_eq!(
                listen.map(|listen| listen.to_string()).as_deref(),
                Some(address)
            );
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for flags in [
            ["--workers", "0"],
            ["--workers", "two"],
            ["--listen", "everywhere"],
            ["--stage", "both"],
        ] {
            let arguments = ["run", "--config", "x"].iter().chain(&flags);
            assert!(Run::try_parse_from(arguments).is_err(), "{flags:?}");
        }
    }
}
