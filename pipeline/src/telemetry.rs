//! The program's own log: to stderr, so that stdout holds data only.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::util::TryInitError;

use crate::config::{LogConfig, LogFormat};

/// The log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is no filter.
    #[error("log.level: {0}")]
    Level(String),
    /// Something has started one in this process already.
    #[error("another log is running in this process")]
    Running(#[source] TryInitError),
}

/// Starts the log for the whole process.
pub fn init(config: &LogConfig) -> Result<(), TelemetryError> {
    use tracing_subscriber::util::SubscriberInitExt;
    let filter = filter(&config.level).map_err(TelemetryError::Level)?;
    let ansi = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(ansi);
    match config.format {
        LogFormat::Text => lines.finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    }
    .map_err(TelemetryError::Running)
}

/// Reads a level, or a filter such as `plumbline=debug,info`.
///
/// A lone word that is no level would be read as the name of a module and silence everything else.
pub fn filter(level: &str) -> Result<EnvFilter, String> {
    let error = || {
        format!(
            "`{level}` is no level of the log; write error, warn, info, debug, trace or off, or a filter such as \"plumbline=debug,info\""
        )
    };
    let known = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    if level.trim().is_empty() || !level.split(',').all(known) {
        return Err(error());
    }
    EnvFilter::builder().parse(level).map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_filters_are_read() {
        for level in [
            "info",
            "WARN",
            "off",
            "plumbline=debug,info",
            "info,rdkafka=error",
        ] {
            assert!(filter(level).is_ok(), "{level}");
        }
    }

    #[test]
    fn a_misspelt_level_is_not_taken_for_a_module() {
        for level in ["", "inof", "verbose", "info,debgu", "plumbline=loud", "6"] {
            assert!(filter(level).is_err(), "{level}");
        }
    }
}
