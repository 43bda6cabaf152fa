//! `plumbline access`

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::explain;

/// Say what an identity is granted against what it uses
///
/// Every scope that its credentials stated or its actions used: when it was last granted and last
/// used, and how many of its peers hold and use it. To be read before somebody is granted more. Reads
/// access.ndjson, which `plumbline replay --out DIR` wrote.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  plumbline access --identity svc-billing --data result")]
pub(super) struct AccessArgs {
    /// The identity
    #[arg(
        long,
        value_name = "ID",
        env = "PLUMBLINE_IDENTITY",
        hide_env_values = true
    )]
    identity: String,
    /// Where a replay wrote its results
    #[arg(
        long,
        value_name = "DIR",
        env = "PLUMBLINE_DATA",
        hide_env_values = true
    )]
    data: PathBuf,
}

impl AccessArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        super::print(&explain::access(&self.identity, &self.data)?)
    }
}
