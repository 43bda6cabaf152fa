//! What can be wrong with a configuration.

use std::path::PathBuf;

use super::secret::SecretError;

/// What can be wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{} cannot be read ({source}); correct the path, or let this user read the file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file can be read but is wrong.
    #[error("{}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A `[kafka.properties]` value cannot be resolved.
    #[error("kafka.properties.\"{name}\": {source}")]
    Property {
        /// Name of the property.
        name: String,
        /// Why.
        source: SecretError,
    },
}
