//! The configuration file. Everything has a default: an empty file is valid.

mod bot;
mod bot_rules;
mod environment;
mod error;
mod kafka;
mod mask;
mod problem;
mod read;
mod rules;
mod secret;
mod sections;
mod set;
mod signal_rules;
mod signals;
#[cfg(test)]
mod tests;

use std::path::Path;

use plumbline_detectors::config::{DetectorsConfig, EngineConfig, PolicyConfig};
use plumbline_schemas::archive::is_in_bucket;
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use bot::{BotConfig, TargetConfig, TargetKind};
pub(crate) use environment::help as environment_help;
pub use error::{ConfigError, InvalidFile};
pub use kafka::{KafkaConfig, TopicsConfig};
pub(crate) use secret::resolve;
pub use secret::{Secret, SecretError};
pub use sections::{
    AnswerFormat, ArchiveConfig, CompareConfig, GeoConfig, LogConfig, LogFormat, QueryConfig,
    ReceiveConfig, ReplayConfig, ReportConfig, RunConfig, SourceConfig, Stage, TokensConfig,
    check_format, limit_of_time, listen_address,
};
pub use signals::{Delivery, ReceiverConfig, SignalsConfig};

/// All that can be set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[kafka]`
    pub kafka: KafkaConfig,
    /// `[[source]]`
    pub source: Vec<SourceConfig>,
    /// `[geo]`
    pub geo: GeoConfig,
    /// `[run]`
    pub run: RunConfig,
    /// `[archive]`
    pub archive: ArchiveConfig,
    /// `[signals]`
    pub signals: SignalsConfig,
    /// `[bot]`
    pub bot: BotConfig,
    /// `[receive]`
    pub receive: ReceiveConfig,
    /// `[replay]`
    pub replay: ReplayConfig,
    /// `[compare]`
    pub compare: CompareConfig,
    /// `[query]`
    pub query: QueryConfig,
    /// `[report]`
    pub report: ReportConfig,
    /// `[log]`
    pub log: LogConfig,
    /// `[engine]`
    pub engine: EngineConfig,
    /// `[detectors.*]`
    pub detectors: DetectorsConfig,
    /// `[policy]`
    pub policy: PolicyConfig,
}

/// A file that was read: what it makes the configuration, and what it says itself.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// The configuration.
    pub config: Config,
    /// The dotted names of what the file sets, such as `policy.suppress.until`.
    pub set: Vec<String>,
}

impl ConfigFile {
    /// Reads a file and finds everything that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a file at that path.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let reading = read::read(text);
        let Some(mut config) = reading.config else {
            let invalid = InvalidFile::new(path, text, reading.notes);
            return Err(ConfigError::Invalid(Box::new(invalid)));
        };
        config.rebase(path.parent().unwrap_or(Path::new("")));
        Ok(Self {
            config,
            set: reading.set,
        })
    }
}

impl Config {
    /// Reads a file; the defaults without one.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        path.map_or_else(
            || Ok(Self::default()),
            |path| ConfigFile::read(path).map(|file| file.config),
        )
    }

    /// Reads a file, or the defaults without one, as if it said `key = value` too.
    ///
    /// The key is dotted and stands in a section that a replay reads: `[geo]`, `[engine]`,
    /// `[detectors]` or `[policy]`. The error says what is wrong with key or value, and what would be
    /// right; the file itself has been read before.
    pub(crate) fn load_with(
        path: Option<&Path>,
        key: &str,
        value: &toml::Value,
    ) -> Result<Self, String> {
        let text = match path {
            Some(path) => std::fs::read_to_string(path).map_err(|error| error.to_string())?,
            None => String::new(),
        };
        let mut table: toml::Table = text.parse().map_err(|_| "the file is not TOML")?;
        set::set(&mut table, key, value.clone())?;
        let reading = read::read(&table.to_string());
        let notes = reading.notes.iter().map(|note| match &note.help {
            Some(help) => format!("{}; {help}", note.message),
            None => note.message.clone(),
        });
        let notes: Vec<String> = notes.collect();
        let mut config = reading.config.ok_or_else(|| notes.join("; "))?;
        if let Some(path) = path {
            config.rebase(path.parent().unwrap_or(Path::new("")));
        }
        Ok(config)
    }

    /// What the engine reads of it.
    pub fn engine_config(&self) -> plumbline_detectors::config::Config {
        plumbline_detectors::config::Config {
            engine: self.engine.clone(),
            detectors: self.detectors.clone(),
            policy: self.policy.clone(),
        }
    }

    /// What tells that from every other: the beginning of the SHA-256 of all its values. A release that adds a
    /// setting has another for the same file, which is right, since it judges by one setting more.
    pub fn engine_digest(&self) -> String {
        let values = format!("{:?}", self.engine_config());
        let digest = Sha256::digest(values.as_bytes());
        let beginning = digest.iter().take(8);
        beginning.map(|byte| format!("{byte:02x}")).collect()
    }

    /// Relative paths in the file are relative to the file.
    fn rebase(&mut self, directory: &Path) {
        let tokens = self
            .source
            .iter_mut()
            .filter_map(|source| source.tokens.as_mut());
        for tokens in tokens {
            tokens.keys = directory.join(&tokens.keys);
        }
        let sources = self.source.iter_mut().map(|source| &mut source.program);
        for program in sources.chain([&mut self.replay.program]).flatten() {
            *program = directory.join(&*program);
        }
        let archive = self.archive.dir.as_mut();
        if let Some(archive) = archive.filter(|archive| !is_in_bucket(archive)) {
            *archive = directory.join(&*archive);
        }
        self.geo.rebase(directory);
        self.signals.rebase(directory);
        self.kafka.directory = directory.to_owned();
    }
}
