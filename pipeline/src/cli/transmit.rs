//! `plumbline transmit`

use std::net::SocketAddr;

use clap::Args;

use super::failure::Failure;
use super::service::ServiceArgs;
use crate::config::listen_address;
use crate::signals;

/// Tell the receivers of Shared Signals of every command
///
/// Reads the control topic and delivers each command as a signed Security Event Token to every
/// [[signals.receiver]]: by push, by poll, or to a topic. Ends cleanly on SIGTERM and SIGINT, and goes
/// on where it stopped.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plumbline transmit --config plumbline.toml")]
pub(super) struct TransmitArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Serve receivers at this port of this machine, or at an address and port [file: signals.listen]
    #[arg(long, value_name = "ADDRESS", value_parser = listen_address, env = "PLUMBLINE_SIGNALS_LISTEN", hide_env_values = true)]
    signals_listen: Option<SocketAddr>,
}

impl TransmitArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let mut config = self.service.load()?;
        config.signals.listen = self.signals_listen.unwrap_or(config.signals.listen);
        let config = super::start(config)?;
        Ok(signals::transmit(&config)?)
    }
}
