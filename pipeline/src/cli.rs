//! The command line: what can be asked for, what is set where, and how a failure is told.
//!
//! A flag is stronger than its environment variable, that is stronger than the file, and the file
//! is stronger than the default.

mod access;
mod bot;
mod check;
mod compare;
mod demo;
mod explain;
mod failure;
mod into_kafka;
mod log;
mod query;
mod receive;
mod replay;
mod report;
mod run;
mod service;
#[cfg(test)]
mod tests;
mod topics;
mod trace;
mod transmit;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::builder::styling::Styles;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use plumbline_schemas::time::EventTime;

use crate::config::{self, Config};
use crate::telemetry;
use access::AccessArgs;
use bot::BotArgs;
use check::CheckArgs;
use compare::CompareArgs;
use demo::DemoArgs;
use explain::ExplainArgs;
use failure::Failure;
use query::QueryArgs;
use receive::ReceiveArgs;
use replay::ReplayArgs;
use report::ReportArgs;
use run::RunArgs;
use topics::TopicsArgs;
use trace::TraceArgs;
use transmit::TransmitArgs;

/// Watches identities after they have logged in and says, on every event, whether the session is
/// still trusted; when it is not, a command on a Kafka topic says what to do about it.
#[derive(Debug, Parser)]
#[command(
    name = "plumbline",
    version,
    styles = Styles::plain(),
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = after_help(),
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(DemoArgs),
    Run(RunArgs),
    Transmit(TransmitArgs),
    Bot(BotArgs),
    Receive(ReceiveArgs),
    Replay(Box<ReplayArgs>),
    Compare(CompareArgs),
    Explain(Box<ExplainArgs>),
    Query(QueryArgs),
    Report(ReportArgs),
    Trace(TraceArgs),
    Access(AccessArgs),
    Check(CheckArgs),
    Topics(TopicsArgs),
}

/// Does what the arguments ask for. The first one is the program's own name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let ended = Cli::try_parse_from(arguments)
        .map_err(Failure::Usage)
        .and_then(|cli| cli.command.execute());
    let status = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    };
    telemetry::end();
    status
}

impl Command {
    fn execute(self) -> Result<(), Failure> {
        match self {
            Self::Demo(arguments) => arguments.execute(),
            Self::Run(arguments) => arguments.execute(),
            Self::Transmit(arguments) => arguments.execute(),
            Self::Bot(arguments) => arguments.execute(),
            Self::Receive(arguments) => arguments.execute(),
            Self::Replay(arguments) => arguments.execute(),
            Self::Compare(arguments) => arguments.execute(),
            Self::Explain(arguments) => arguments.execute(),
            Self::Query(arguments) => arguments.execute(),
            Self::Report(arguments) => arguments.execute(),
            Self::Trace(arguments) => arguments.execute(),
            Self::Access(arguments) => arguments.execute(),
            Self::Check(arguments) => arguments.execute(),
            Self::Topics(arguments) => arguments.execute(),
        }
    }
}

/// Sets what the environment sets over the file, and starts the log.
fn start(mut config: Config) -> Result<Config, Failure> {
    config.apply_environment(|name| std::env::var(name).ok())?;
    telemetry::init(&config)?;
    Ok(config)
}

/// Refuses a range of time in which there is none.
fn check_range(from: Option<EventTime>, to: Option<EventTime>) -> Result<(), Failure> {
    match (from, to) {
        (Some(from), Some(to)) if from >= to => {
            let message = format!("there is no time from {from} to {to}; --to comes after --from");
            let error = Cli::command().error(ErrorKind::ValueValidation, message);
            Err(Failure::Usage(error))
        }
        _ => Ok(()),
    }
}

/// Data for stdout. A reader that has gone away wants no more, and that is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

fn after_help() -> String {
    format!(
        "Environment:\n{}  Every flag has a variable of its own, named in the help of its command.\n  \
         Order of strength: flag, variable, file, default.\n\n\
         Exit status:\n  0  done\n  1  failed at run time, or a condition of --fail-if holds,\n     or what `explain` recomputed differs\n  2  wrong usage or configuration\n130  a replay that Ctrl-C ended; its results are of what was read,\n     and with --into-kafka it says where to go on",
        config::environment_help()
    )
}
