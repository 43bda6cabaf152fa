//! `plumbline check`

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::check;

/// Say whether a configuration is right, and what it puts in force
///
/// Prints `FILE: ok` and a summary, and ends with 0; or prints every mistake with its line and
/// what would be right there, and ends with 2. Asks no broker.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plumbline check plumbline.toml")]
pub(super) struct CheckArgs {
    /// The configuration
    #[arg(value_name = "FILE", env = "PLUMBLINE_CONFIG", hide_env_values = true)]
    pub(super) file: PathBuf,
}

impl CheckArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        super::print(&check::check(&self.file)?)
    }
}
