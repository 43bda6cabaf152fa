//! `plumbline bot`

use clap::Args;

use super::failure::Failure;
use super::service::ServiceArgs;
use crate::bot;

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
    #[command(flatten)]
    service: ServiceArgs,
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
}

impl BotArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let mut config = self.service.load()?;
        config.bot.dry_run = self.dry_run.unwrap_or(config.bot.dry_run);
        let config = super::start(config)?;
        Ok(bot::bot(&config)?)
    }
}
