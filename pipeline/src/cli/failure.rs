//! How a failure is told: to stderr, with its causes, and as an exit status.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use miette::GraphicalTheme;

use crate::bot::BotError;
use crate::compare::CompareError;
use crate::config::ConfigError;
use crate::demo::DemoError;
use crate::explain::ExplainError;
use crate::query::AnswerError;
use crate::receive::ReceiveError;
use crate::replay::ReplayError;
use crate::replay::into_kafka::IntoKafkaError;
use crate::report::ReportError;
use crate::run::RunError;
use crate::signals::TransmitError;
use crate::telemetry::TelemetryError;
use crate::topics::TopicsError;
use crate::trace::TraceError;

/// Why a command did not end well.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The arguments; also how clap says that help was asked for.
    #[error(transparent)]
    Usage(clap::Error),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The demo.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The service.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The transmitter.
    #[error(transparent)]
    Transmit(#[from] TransmitError),
    /// The bot.
    #[error(transparent)]
    Bot(#[from] BotError),
    /// The receiver of signals.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The replay into Kafka.
    #[error(transparent)]
    IntoKafka(#[from] IntoKafkaError),
    /// The comparison.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// The explanation.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// A decision that the log does not lead to.
    #[error("what is stored is not what the log leads to; the explanation says in what it differs")]
    Differs,
    /// The query.
    #[error(transparent)]
    Query(#[from] AnswerError),
    /// The report.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The life of a session.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The topics.
    #[error(transparent)]
    Topics(#[from] TopicsError),
    /// Records that a format refuses.
    #[error("{rejected} of what was read would go to the dead letter")]
    Sample {
        /// How many.
        rejected: u64,
    },
    /// Stdout.
    #[error("the result cannot be written to stdout")]
    Output(#[source] io::Error),
}

/// Failed at run time.
const FAILED: u8 = 1;
/// Wrong usage or configuration.
const WRONG: u8 = 2;

impl Failure {
    /// Tells the failure and gives the exit status for it.
    pub(super) fn report(&self) -> ExitCode {
        match self {
            Self::Usage(error) => {
                // Help goes to stdout, wrong usage to stderr. Where either is closed there is
                // nobody left to tell.
                let _ = error.print();
            }
            failure => {
                let _ = io::stderr().write_all(failure.text().as_bytes());
            }
        }
        ExitCode::from(self.exit_code())
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(error) if !error.use_stderr() => 0,
            Self::Usage(_) | Self::Config(_) => WRONG,
            Self::Telemetry(error) => error.exit_code(),
            Self::Sample { .. } | Self::Differs | Self::Output(_) => FAILED,
            Self::Demo(_) => FAILED,
            Self::Run(error) => error.exit_code(),
            Self::Transmit(error) => error.exit_code(),
            Self::Bot(error) => error.exit_code(),
            Self::Receive(error) => error.exit_code(),
            Self::Replay(error) => error.exit_code(),
            Self::IntoKafka(error) => error.exit_code(),
            Self::Compare(error) => error.exit_code(),
            Self::Explain(error) => error.exit_code(),
            Self::Query(error) => error.exit_code(),
            Self::Report(error) => error.exit_code(),
            Self::Trace(error) => error.exit_code(),
            Self::Topics(error) => error.exit_code(),
        }
    }

    fn text(&self) -> String {
        if let Self::Config(ConfigError::Invalid(invalid)) = self {
            return invalid.render(GraphicalTheme::default(), 100);
        }
        chain(self)
    }
}

/// The error and its causes, each on a line of its own.
fn chain(error: &dyn Error) -> String {
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("  because: {error}\n"));
        cause = error.source();
    }
    text
}
