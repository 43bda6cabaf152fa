//! `plumbline trace`

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::trace;

/// Tell the life of a session from its first event to its last
///
/// Every event of the session in order of time, what changed around it (address, place, device,
/// credential, assurance), what was found, and what was decided about the session or its identity.
/// Reads the tables that `plumbline replay --out DIR` wrote.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  plumbline trace --session s-14 --data result")]
pub(super) struct TraceArgs {
    /// The session
    #[arg(
        long,
        value_name = "ID",
        env = "PLUMBLINE_SESSION",
        hide_env_values = true
    )]
    session: String,
    /// Where replays wrote their results
    #[arg(
        long,
        value_name = "DIR",
        required = true,
        env = "PLUMBLINE_DATA",
        hide_env_values = true
    )]
    data: Vec<PathBuf>,
}

impl TraceArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        super::print(&trace::trace(&self.session, &self.data)?)
    }
}
