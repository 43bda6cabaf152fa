//! `plumbline explain`

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::explain;

/// Say why a finding or a command was made
///
/// Prints what was decided, for whom, until when and in place of what; then each finding behind it:
/// what was observed against what is usual, how surprising that is, the events, and what would have
/// made it silent. Reads what `plumbline replay --out DIR` or `plumbline run --archive DIR` wrote, and
/// recomputes nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumbline explain c-099e69b48ef34d9f --data result\n  jq -r .id result/findings.ndjson | head -1 | xargs plumbline explain --data result"
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
}

impl ExplainArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        super::print(&explain::explain(&self.id, &self.data)?)
    }
}
