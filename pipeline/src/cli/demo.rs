//! `plumbline demo`

use std::io::{self, IsTerminal};

use clap::Args;

use super::failure::Failure;
use crate::config::{Config, LogConfig};
use crate::demo::{self, DemoError, Progress};

/// Show the main job in one process: sample logs in, commands out, and a summary
///
/// Brings its own broker, logs, addresses and configuration; needs nothing else installed, takes
/// less than a minute and leaves nothing behind. Ends with 0 when every planted attack was answered
/// and nothing was lost or doubled on the way.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  plumbline demo\n  PLUMBLINE_LOG_LEVEL=info plumbline demo")]
pub(super) struct DemoArgs {}

impl DemoArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        // What the service says of itself would stand between the lines of the summary.
        let quiet = LogConfig {
            level: "error".to_owned(),
            ..LogConfig::default()
        };
        super::start(Config {
            log: quiet,
            ..Config::default()
        })?;
        let report = demo::demo(&Progress::for_stderr())?;
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        super::print(&demo::render(&report, colours))?;
        if report.is_good() {
            Ok(())
        } else {
            Err(DemoError::Bad.into())
        }
    }
}
