//! `[kafka]`: how to reach the brokers, and the names of the topics.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::error::ConfigError;
use super::secret::Secret;

/// `[kafka]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// Where the cluster is first asked, `host:port` separated by commas.
    pub bootstrap_servers: String,
    /// Consumer group. Every process with the same one shares the work.
    pub group_id: String,
    /// Partitions of the topics that `plumbline topics --create` creates.
    pub partitions: u32,
    /// Copies of each partition of those topics.
    pub replication: u16,
    /// `[kafka.topics]`
    pub topics: TopicsConfig,
    /// `[kafka.properties]`: any librdkafka property.
    pub properties: BTreeMap<String, Secret>,
    /// What relative paths in `${file:PATH}` are relative to: the directory of the file.
    #[serde(skip)]
    pub directory: PathBuf,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            bootstrap_servers: "localhost:9092".to_owned(),
            group_id: "plumbline".to_owned(),
            partitions: 12,
            replication: 1,
            topics: TopicsConfig::default(),
            properties: BTreeMap::new(),
            directory: PathBuf::new(),
        }
    }
}

impl KafkaConfig {
    /// What every client is built with: `bootstrap.servers` and the properties, resolved.
    ///
    /// The values are secret: hand them to the client and to nothing else.
    pub fn client_properties(&self) -> Result<Vec<(String, String)>, ConfigError> {
        let servers = (
            "bootstrap.servers".to_owned(),
            self.bootstrap_servers.clone(),
        );
        let mut properties = vec![servers];
        for (name, secret) in &self.properties {
            let value =
                secret
                    .resolve(&self.directory)
                    .map_err(|source| ConfigError::Property {
                        name: name.clone(),
                        source,
                    })?;
            properties.push((name.clone(), value));
        }
        Ok(properties)
    }
}

/// `[kafka.topics]`: every name can be set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicsConfig {
    /// The log.
    pub events: String,
    /// Findings out.
    pub findings: String,
    /// Commands out.
    pub control: String,
    /// Feedback and acks of the bots, in.
    pub feedback: String,
    /// The state, compacted.
    pub state: String,
    /// What could not be read.
    pub deadletter: String,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        let name = |last: &str| format!("plumbline.{last}");
        Self {
            events: name("events"),
            findings: name("findings"),
            control: name("control"),
            feedback: name("feedback"),
            state: name("state"),
            deadletter: name("deadletter"),
        }
    }
}
