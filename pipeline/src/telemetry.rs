//! The program's own log: to stderr, so that stdout holds data only, and to a collector where there is one.

#[cfg(not(feature = "otlp"))]
mod absent;
mod collector;
#[cfg(feature = "otlp")]
mod otlp;

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

#[cfg(not(feature = "otlp"))]
use self::absent::Export;
use self::collector::Collector;
pub use self::collector::{CollectorError, check_collector, check_header};
#[cfg(feature = "otlp")]
use self::otlp::Export;
use crate::check::with_cause;
use crate::config::{Config, LogConfig, LogFormat};

/// What goes to the collector. The log is one for the whole process, and so is this.
static EXPORT: OnceLock<Export> = OnceLock::new();

/// The log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is no filter.
    #[error("log.level: {0}")]
    Level(String),
    /// There is no way to the collector.
    #[error(transparent)]
    Collector(#[from] CollectorError),
    /// Something has started one in this process already.
    #[error("another log is running in this process")]
    Running(#[source] TryInitError),
}

impl TelemetryError {
    /// 2 where the configuration is to be changed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Level(_) => 2,
            Self::Collector(error) => error.exit_code(),
            Self::Running(_) => 1,
        }
    }
}

/// Starts the log for the whole process. Nothing is connected to yet.
pub fn init(config: &Config) -> Result<(), TelemetryError> {
    let log = &config.log;
    let filter = filter(&log.level).map_err(TelemetryError::Level)?;
    let collector = Collector::of(config)?;
    let instance = config.run.instance.as_deref();
    let export = collector
        .map(|collector| Export::start(collector, instance))
        .transpose()?;
    let ansi = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(ansi);
    // The filter is the subscriber's: what is not written to stderr is not exported.
    match log.format {
        LogFormat::Text => {
            let exported = export.as_ref().map(Export::layer);
            lines.finish().with(exported).try_init()
        }
        LogFormat::Json => {
            let exported = export.as_ref().map(Export::layer);
            let lines = lines.json().flatten_event(true);
            lines.finish().with(exported).try_init()
        }
    }
    .map_err(TelemetryError::Running)?;
    if let Some(export) = export {
        // Only the first subscriber of a process comes as far as this.
        let _ = EXPORT.set(export);
    }
    Ok(())
}

/// Hands the collector what it was not given yet. Takes 5 seconds at most.
pub fn end() {
    if let Some(export) = EXPORT.get() {
        export.end();
    }
}

/// Whether this build can do what the section asks for.
pub(crate) fn check_build(log: &LogConfig) -> Result<(), CollectorError> {
    match log.otlp {
        Some(_) if !cfg!(feature = "otlp") => Err(CollectorError::Absent),
        _ => Ok(()),
    }
}

/// What the section names and this machine does not have.
pub(crate) fn what_is_missing(config: &Config) -> Option<String> {
    Collector::of(config).err().map(|error| with_cause(&error))
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
