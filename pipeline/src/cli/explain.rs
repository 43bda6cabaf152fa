//! `plumbline explain`

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use super::log::LogArgs;
use crate::config::Config;
use crate::explain::{self, Recompute};

/// Say why a finding or a command was made
///
/// Prints what was decided, for whom, until when and in place of what; then each finding behind it:
/// what was observed against what is usual, how surprising that is, the events, and what would have
/// made it silent. Reads what `plumbline replay --out DIR` or `plumbline run --archive DIR` wrote.
///
/// Then replays the log up to that event and says whether it leads to the same bytes; and tells the events, the
/// baseline before, what each detector said, the risk before and after, and why it was this action. The log is --input,
/// else that of the archive, else the input in [replay]; the configuration the one that the results were made with.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 1 where the log leads to something else than is stored\n\nExamples:\n  plumbline explain c-099e69b48ef34d9f --data result\n  plumbline explain c-099e69b48ef34d9f --data result --config plumbline.toml --input logs/ --format okta --tenant acme\n  jq -r .id result/findings.ndjson | head -1 | xargs plumbline explain --data result"
)]
pub(super) struct ExplainArgs {
    /// A finding (f-…) or a command (c-…)
    #[arg(value_name = "ID")]
    id: String,
    /// Where a replay wrote its results, or a service its archive
    #[arg(
        long,
        value_name = "DIR",
        env = "PLUMBLINE_DATA",
        hide_env_values = true
    )]
    data: PathBuf,
    /// The configuration that they were made with; without one, the defaults
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_CONFIG",
        hide_env_values = true
    )]
    config: Option<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
}

impl ExplainArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let mut config = Config::load(self.config.as_deref())?;
        let from_input = self.log.has_input();
        self.log.apply(&mut config.replay);
        super::check_range(config.replay.from, config.replay.to)?;
        let config = super::start(config)?;
        let by = Recompute {
            config: &config,
            from_input,
        };
        let explained = explain::explain(&self.id, &self.data, by)?;
        super::print(&explained.text)?;
        match explained.is_same {
            Some(false) => Err(Failure::Differs),
            _ => Ok(()),
        }
    }
}
