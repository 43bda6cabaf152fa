//! `plumbline topics`

use clap::Args;

use super::failure::Failure;
use super::service::ConfigArgs;
use crate::config::Config;
use crate::topics;

/// Say which topics are needed, and create those that are missing
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  plumbline topics --config plumbline.toml\n  plumbline topics --config plumbline.toml --create"
)]
pub(super) struct TopicsArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Create the topics that are missing [file: kafka.create_topics]
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        env = "PLUMBLINE_CREATE",
        hide_env_values = true
    )]
    create: Option<bool>,
}

impl TopicsArgs {
    pub(super) fn execute(self) -> Result<(), Failure> {
        let mut config = self.config.load()?;
        self.apply(&mut config);
        let config = super::start(config)?;
        super::print(&topics::topics(&config, config.kafka.create_topics)?)
    }

    fn apply(&self, config: &mut Config) {
        let kafka = &mut config.kafka;
        kafka.create_topics = self.create.unwrap_or(kafka.create_topics);
    }
}
