//! `plumbline receive`

use std::net::SocketAddr;

use clap::Args;

use super::failure::Failure;
use super::service::ServiceArgs;
use crate::config::listen_address;
use crate::receive;

/// Take the signals that identity providers push
///
/// Takes Security Event Tokens at /push/TOPIC (RFC 8935) for every [[source]] of format set that has a
/// push_token, checks signature, issuer and audience, and writes them to that topic. A token is taken
/// once Kafka has it. Ends cleanly on SIGTERM and SIGINT.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  plumbline receive --config plumbline.toml")]
pub(super) struct ReceiveArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Take tokens at this port of this machine, or at an address and port [file: receive.listen]
    #[arg(long, value_name = "ADDRESS", value_parser = listen_address, env = "PLUMBLINE_RECEIVE_LISTEN", hide_env_values = true)]
    receive_listen: Option<SocketAddr>,
}

impl ReceiveArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let mut config = self.service.load()?;
        config.receive.listen = self.receive_listen.unwrap_or(config.receive.listen);
        let config = super::start(config)?;
        Ok(receive::receive(&config)?)
    }
}
