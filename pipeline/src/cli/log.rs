//! The flags that say which log is replayed.

use std::path::PathBuf;

use clap::Args;
use plumbline_schemas::time::EventTime;

use super::replay::format;
use crate::config::{self, ReplayConfig};

/// A log, and what part of it.
#[derive(Debug, Default, Args)]
pub(super) struct LogArgs {
    /// Files, globs, directories, the same in s3://bucket/, or - for stdin; several are merged by event time
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
    /// The program that format vrl is [file: replay.program]
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_PROGRAM",
        hide_env_values = true
    )]
    program: Option<PathBuf>,
    /// Tenant of native events that name none, and of every record of the other formats [file: replay.tenant] [default: default]
    #[arg(long, env = "PLUMBLINE_TENANT", hide_env_values = true)]
    tenant: Option<String>,
    /// Leave out what happened before: a time, or a day [file: replay.from]
    #[arg(long, value_name = "TIME", value_parser = config::limit_of_time, env = "PLUMBLINE_REPLAY_FROM", hide_env_values = true)]
    from: Option<EventTime>,
    /// Leave out what happened then or later [file: replay.to]
    #[arg(long, value_name = "TIME", value_parser = config::limit_of_time, env = "PLUMBLINE_REPLAY_TO", hide_env_values = true)]
    to: Option<EventTime>,
    /// Only what these do, or others on their behalf; * is a wildcard [file: replay.identities]
    #[arg(
        long = "identity",
        value_name = "ID",
        num_args = 1..,
        value_delimiter = ',',
        env = "PLUMBLINE_REPLAY_IDENTITIES",
        hide_env_values = true
    )]
    identities: Vec<String>,
}

impl LogArgs {
    /// Whether they name a log.
    pub(super) fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Sets them over the file.
    pub(super) fn apply(self, replay: &mut ReplayConfig) {
        if !self.input.is_empty() {
            replay.input = self.input;
        }
        if let Some(format) = self.format {
            replay.format = format;
        }
        replay.program = self.program.or(replay.program.take());
        replay.tenant = self.tenant.or(replay.tenant.take());
        replay.from = self.from.or(replay.from);
        replay.to = self.to.or(replay.to);
        if !self.identities.is_empty() {
            replay.identities = self.identities;
        }
    }
}
