//! `plumbline bot`: carries the commands out, and says what became of each.
//!
//! [`crate::deliver`] reads the control topic for each target; here is what a command becomes there. A
//! command is acknowledged on the feedback topic before its offset is committed.

mod feedback;
mod keycloak;
mod memory;
mod revocation;
mod target;
mod webhook;

use crate::check::with_cause;
use crate::config::{Config, ConfigError};
use crate::deliver::{DeliverError, Gauge, Names, Post, deliver_until, show_pages};
use crate::kafka::{Clients, ConnectError, connect};
use crate::run::{Shutdown, span};
use target::Target;

const NAMES: Names = Names {
    recipient: "target",
    counters: [
        (
            "bot_carried_out",
            "Commands that the target has carried out.",
        ),
        ("bot_failures", "Tries after which it had not."),
        (
            "bot_expired",
            "Commands that expired before they could be carried out.",
        ),
        (
            "bot_dead_letters",
            "Commands that were given up, each with a dead letter.",
        ),
        (
            "bot_impossible",
            "Commands that the target has no means to carry out.",
        ),
    ],
    pending: ("bot_pending", "Commands that wait for the target."),
};

/// Why nothing can be carried out.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    /// Nobody who could.
    #[error("there is no target; name one in [[bot.target]]")]
    NoTarget,
    /// A secret of the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A token that no header can hold.
    #[error("the token of the target `{0}` cannot stand in an HTTP header")]
    Token(String),
    /// What is not about targets.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
}

impl From<ConnectError> for BotError {
    fn from(error: ConnectError) -> Self {
        Self::Deliver(error.into())
    }
}

impl BotError {
    /// The exit status for it: 2 for the configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Deliver(error) => error.exit_code(),
            Self::NoTarget | Self::Config(_) | Self::Token(_) => 2,
        }
    }
}

/// Carries commands out until a signal comes.
pub fn bot(config: &Config) -> Result<(), BotError> {
    let shutdown = Shutdown::on_signals().map_err(DeliverError::Signals)?;
    bot_until(config, &shutdown)
}

/// The same inside another program: until it asks to stop. Blocks.
pub fn bot_until(config: &Config, shutdown: &Shutdown) -> Result<(), BotError> {
    let targets = targets(config)?;
    let counters = targets.iter().map(Target::counters);
    // First of all: who starts it wants to see what it waits for.
    let _pages = show_pages(config, Gauge::new(&NAMES, counters))?;
    let clients = Clients::new(&config.kafka).map_err(ConnectError::from)?;
    let topics = &config.kafka.topics;
    let rehearses = config.bot.dry_run;
    let needed: &[&str] = match rehearses {
        true => &[&topics.control],
        false => &[&topics.control, &topics.feedback, &topics.deadletter],
    };
    connect(&config.kafka, &clients, needed)?;
    let posts = targets.into_iter().map(|target| Post {
        group: clients.bot_group(target.name(), rehearses),
        give_up_after: span(config.bot.give_up_after),
        timeout: span(config.bot.timeout),
        rehearses,
        work: target,
    });
    let posts: Vec<_> = posts.collect();
    tracing::info!(targets = posts.len(), dry_run = rehearses, "carrying out");
    Ok(deliver_until(config, &clients, &posts, shutdown)?)
}

fn targets(config: &Config) -> Result<Vec<Target>, BotError> {
    let all = config.bot.target.iter();
    let targets: Vec<_> = all
        .map(|target| Target::new(target, config))
        .collect::<Result<_, _>>()?;
    match targets.is_empty() {
        true => Err(BotError::NoTarget),
        false => Ok(targets),
    }
}

/// What would keep this machine from carrying anything out: each secret that cannot be had.
pub(crate) fn what_is_missing(config: &Config) -> Vec<String> {
    let targets = config.bot.target.iter();
    let errors = targets.filter_map(|target| Target::new(target, config).err());
    errors.map(|error| with_cause(&error)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::deliver::{Count, Counters};

    /// Something of every metric.
    pub(crate) fn metrics() -> String {
        let counters = Arc::new(Counters::new("sso"));
        for count in [
            Count::Done,
            Count::Failures,
            Count::Expired,
            Count::DeadLetters,
            Count::Impossible,
        ] {
            counters.add(count);
        }
        counters.set_pending(3);
        let gauge = Gauge::new(&NAMES, [counters].into_iter());
        gauge.metrics().expect("encoded")
    }

    #[test]
    fn metrics_are_named_and_labelled() {
        insta::assert_snapshot!(metrics());
    }
}
