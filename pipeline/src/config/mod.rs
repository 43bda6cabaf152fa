//! The configuration file. Everything has a default: an empty file is valid.

mod error;
mod kafka;
mod secret;
mod sections;

use std::path::Path;

use plumbline_detectors::config::{DetectorsConfig, EngineConfig, PolicyConfig};
use serde::Deserialize;

pub use error::ConfigError;
pub use kafka::{KafkaConfig, TopicsConfig};
pub use secret::{Secret, SecretError};
pub use sections::{
    GeoConfig, LogConfig, LogFormat, ReplayConfig, RunConfig, SourceConfig, Stage, check_format,
};

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
    /// `[replay]`
    pub replay: ReplayConfig,
    /// `[log]`
    pub log: LogConfig,
    /// `[engine]`
    pub engine: EngineConfig,
    /// `[detectors.*]`
    pub detectors: DetectorsConfig,
    /// `[policy]`
    pub policy: PolicyConfig,
}

impl Config {
    /// Reads a file; the defaults without one.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut config: Self = toml::from_str(&text).map_err(|error| ConfigError::Invalid {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        config.rebase(path.parent().unwrap_or(Path::new("")));
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

    /// Relative paths in the file are relative to the file.
    fn rebase(&mut self, directory: &Path) {
        self.geo.rebase(directory);
        self.kafka.directory = directory.to_owned();
    }
}
