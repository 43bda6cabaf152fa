//! `plumbline bot`

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;
use crate::bot;
use crate::config::{Config, listen_address};

/// Carry the commands out: end sessions in Keycloak, call a webhook, revoke tokens
///
/// Reads the control topic, carries each command out at every [[bot.target]] whose business it is, and
/// says on the feedback topic what became of it. Ends cleanly on SIGTERM and SIGINT, and goes on where it
/// stopped.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumbline bot --config plumbline.toml --dry-run   what it would do, until Ctrl-C\n  plumbline bot --config plumbline.toml"
)]
pub(super) struct BotArgs {
    /// The configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "PLUMBLINE_CONFIG",
        hide_env_values = true
    )]
    config: PathBuf,
    /// Only print what would be done of all that has not expired: nothing is carried out, acknowledged
    /// or committed [file: bot.dry_run]
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        env = "PLUMBLINE_DRY_RUN",
        hide_env_values = true
    )]
    dry_run: Option<bool>,
    /// Serve /metrics, /healthz and /readyz at this port of this machine, or at an address and port
    /// [file: run.listen]
    #[arg(long, value_name = "ADDRESS", value_parser = listen_address, env = "PLUMBLINE_LISTEN", hide_env_values = true)]
    listen: Option<SocketAddr>,
}

impl BotArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let mut config = Config::load(Some(&self.config))?;
        config.run.listen = self.listen.or(config.run.listen);
        config.bot.dry_run = self.dry_run.unwrap_or(config.bot.dry_run);
        let config = super::start(config)?;
        Ok(bot::bot(&config)?)
    }
}
