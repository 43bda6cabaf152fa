//! `plumbline check`

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory};

use super::failure::Failure;
use crate::check;
use crate::config::{Config, SourceConfig};
use crate::log_format::VRL;
use crate::replay;

/// Say whether a configuration is right, and what it puts in force
///
/// Prints `FILE: ok` and a summary, and ends with 0; or prints every mistake with its line and
/// what would be right there, and ends with 2. Asks no broker. With --sample it reads records with a log
/// format instead, and prints what came of each: events, what is skipped and why, what is rejected and
/// why, and where they are not what the format expects. It ends with 1 where something is rejected.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumbline check plumbline.toml\n  plumbline check plumbline.toml --sample records.ndjson --source gateway-log\n  plumbline check --sample records.ndjson --format okta\n  plumbline check --sample records.ndjson --format vrl --program acme.vrl"
)]
pub(super) struct CheckArgs {
    /// The configuration
    #[arg(
        value_name = "FILE",
        env = "PLUMBLINE_CONFIG",
        hide_env_values = true,
        required_unless_present = "sample"
    )]
    pub(super) file: Option<PathBuf>,
    /// Records to read: files, globs, directories, or - for stdin
    #[arg(long, env = "PLUMBLINE_SAMPLE", hide_env_values = true, value_name = "PATH", num_args = 1..)]
    sample: Vec<String>,
    /// The topic of the source of the configuration that they are of; where there is one source, that
    #[arg(
        long,
        env = "PLUMBLINE_SAMPLE_SOURCE",
        hide_env_values = true,
        value_name = "TOPIC",
        requires = "sample",
        conflicts_with = "format"
    )]
    source: Option<String>,
    /// Their log format, whatever the configuration says
    #[arg(long, env = "PLUMBLINE_SAMPLE_FORMAT", hide_env_values = true, value_parser = super::replay::format, requires = "sample")]
    format: Option<String>,
    /// The program that format vrl is
    #[arg(
        long,
        env = "PLUMBLINE_SAMPLE_PROGRAM",
        hide_env_values = true,
        value_name = "FILE",
        requires = "format"
    )]
    program: Option<PathBuf>,
}

impl CheckArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        if self.sample.is_empty() {
            let file = self.file.as_deref().unwrap_or(Path::new(""));
            return super::print(&check::check(file)?);
        }
        let sampled = replay::sample(&self.sample, &self.read_as()?)?;
        super::print(&sampled.text)?;
        match sampled.rejected {
            0 => Ok(()),
            rejected => Err(Failure::Sample { rejected }),
        }
    }

    /// The source that the records are read as those of.
    fn read_as(&self) -> Result<SourceConfig, Failure> {
        if let Some(format) = &self.format {
            if self.program.is_some() && format != VRL {
                return Err(usage("--program is the program that --format vrl is"));
            }
            return Ok(SourceConfig {
                topic: String::new(),
                format: format.clone(),
                program: self.program.clone(),
                tokens: None,
                tenant: None,
            });
        }
        let config = Config::load(self.file.as_deref())?;
        let mut sources = config.source.into_iter();
        let found = match &self.source {
            Some(topic) => sources.find(|source| source.topic == *topic),
            None if sources.len() > 1 => {
                return Err(usage(
                    "the configuration has several sources; name the topic of one with --source",
                ));
            }
            None => sources.next(),
        };
        found.ok_or_else(|| {
            usage(match &self.source {
                Some(_) => "the configuration has no source of that topic",
                None => "--sample needs --format, or a configuration with a source",
            })
        })
    }
}

fn usage(message: &str) -> Failure {
    let command = &mut super::Cli::command();
    Failure::Usage(command.error(ErrorKind::MissingRequiredArgument, message))
}
