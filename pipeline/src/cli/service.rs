//! What a program is told that works by a configuration, and every one that runs until it is asked to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::config::{Config, listen_address};

/// The file.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_CONFIG",
        hide_env_values = true
    )]
    config: PathBuf,
}

impl ConfigArgs {
    pub(super) fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(Some(&self.config))?)
    }
}

#[derive(Debug, Args)]
pub(super) struct ServiceArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Serve /metrics, /healthz and /readyz at this port of this machine, or at an address and port
    /// [file: run.listen]
    #[arg(long, value_name = "ADDRESS", value_parser = listen_address, env = "PLUMBLINE_LISTEN", hide_env_values = true)]
    listen: Option<SocketAddr>,
}

impl ServiceArgs {
    /// The configuration, with what is set here over it.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        let mut config = self.config.load()?;
        self.apply(&mut config);
        Ok(config)
    }

    pub(super) fn apply(&self, config: &mut Config) {
        config.run.listen = self.listen.or(config.run.listen);
    }
}
