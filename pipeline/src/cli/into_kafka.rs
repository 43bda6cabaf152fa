//! The flags of a replay into Kafka, and what goes with it.

use clap::Args;
use clap::error::ErrorKind;

use super::failure::Failure;
use super::replay::usage;
use crate::config::ReplayConfig;
use crate::replay::into_kafka::Speed;

/// Whether the log is written into Kafka, and how.
#[derive(Debug, Default, Args)]
pub(super) struct IntoKafkaArgs {
    /// Write the log into the log topic of [kafka], for a service to judge, and judge nothing here
    /// [file: replay.into_kafka]
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        env = "PLUMBLINE_INTO_KAFKA",
        hide_env_values = true
    )]
    into_kafka: Option<bool>,
    /// How fast: max, or how many times as fast as it happened, 1 or more; 60 makes an hour a minute
    /// [file: replay.speed] [default: max]
    #[arg(
        long,
        value_name = "max|N",
        value_parser = Speed::parse,
        env = "PLUMBLINE_REPLAY_SPEED",
        hide_env_values = true
    )]
    speed: Option<Speed>,
    /// Write into Kafka though the log there is further than engine.lateness after this one begins: a service
    /// counts it as late [file: replay.force]
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_possible_values = true,
        env = "PLUMBLINE_REPLAY_FORCE",
        hide_env_values = true
    )]
    force: Option<bool>,
}

/// Flags, or their variables, that have no place in every replay: of each kind one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given {
    /// About the results.
    pub(super) of_results: Option<&'static str>,
    /// About Kafka.
    pub(super) of_kafka: Option<&'static str>,
}

impl IntoKafkaArgs {
    pub(super) fn given(&self) -> Option<&'static str> {
        let force = (self.force == Some(true)).then_some("--force");
        self.speed.map(|_| "--speed").or(force)
    }

    /// Sets them over the file.
    pub(super) fn apply(&self, replay: &mut ReplayConfig) {
        replay.into_kafka = self.into_kafka.unwrap_or(replay.into_kafka);
        replay.speed = self.speed.unwrap_or(replay.speed);
        replay.force = self.force.unwrap_or(replay.force);
    }
}

/// Refuses what makes no sense together. Where the file says where results are written there are only none.
pub(super) fn check(replay: &ReplayConfig, given: Given) -> Result<(), Failure> {
    if !replay.into_kafka {
        return given.of_kafka.map_or(Ok(()), |flag| {
            let message = format!(
                "{flag} says how a log is written into Kafka: replay needs --into-kafka with it"
            );
            Err(usage(ErrorKind::MissingRequiredArgument, &message))
        });
    }
    let of_file = [
        (replay.export_state, "replay.export_state"),
        (replay.resume, "replay.resume"),
        (replay.compare.is_some(), "replay.compare"),
        (replay.sweep.is_some(), "replay.sweep"),
    ];
    let of_file = of_file
        .into_iter()
        .find_map(|(is, entry)| is.then_some(entry));
    given.of_results.or(of_file).map_or(Ok(()), |what| {
        let message = format!(
            "{what} is about results, and with --into-kafka there are none: the service that reads the log judges it; leave one of them out"
        );
        Err(usage(ErrorKind::ArgumentConflict, &message))
    })
}
