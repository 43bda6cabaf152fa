//! `[kafka]`: how to reach the brokers, and the names of the topics.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use plumbline_detectors::config::Span;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::error::ConfigError;
use super::secret::{ScalarVisitor, Secret};

/// `[kafka]`
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// Where the cluster is first asked, `host:port` separated by commas.
    #[serde(deserialize_with = "not_blank")]
    pub bootstrap_servers: String,
    /// Consumer group. Every process with the same one shares the work.
    #[serde(deserialize_with = "not_blank")]
    pub group_id: String,
    /// Partitions of the topics that `plumbline topics --create` creates.
    #[serde(deserialize_with = "one_or_more")]
    pub partitions: u32,
    /// Copies of each partition of those topics.
    #[serde(deserialize_with = "one_or_more")]
    pub replication: u16,
    /// How long the events topic keeps its records, if `plumbline topics --create` creates it.
    #[serde(deserialize_with = "super::sections::longer_than_zero")]
    pub retention: Span,
    /// Whether `plumbline topics` creates what is missing without being asked.
    pub create_topics: bool,
    /// `[kafka.topics]`
    pub topics: TopicsConfig,
    /// `[kafka.properties]`: any librdkafka property.
    #[serde(deserialize_with = "properties")]
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
            retention: Span::days(90),
            create_topics: false,
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
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicsConfig {
    /// The log.
    #[serde(deserialize_with = "topic_name")]
    pub events: String,
    /// Findings out.
    #[serde(deserialize_with = "topic_name")]
    pub findings: String,
    /// Commands out.
    #[serde(deserialize_with = "topic_name")]
    pub control: String,
    /// Feedback and acks of the bots, in.
    #[serde(deserialize_with = "topic_name")]
    pub feedback: String,
    /// The state, compacted.
    #[serde(deserialize_with = "topic_name")]
    pub state: String,
    /// What could not be read.
    #[serde(deserialize_with = "topic_name")]
    pub deadletter: String,
    /// Findings once more, in the words of OCSF, where that is wanted.
    #[serde(deserialize_with = "topic_name_if_any")]
    pub ocsf: Option<String>,
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
            ocsf: None,
        }
    }
}

impl TopicsConfig {
    /// Every topic that there always is with the name of its setting, in the order of the documentation.
    pub fn named(&self) -> [(&'static str, &str); 6] {
        [
            ("events", &self.events),
            ("findings", &self.findings),
            ("control", &self.control),
            ("feedback", &self.feedback),
            ("state", &self.state),
            ("deadletter", &self.deadletter),
        ]
    }
}

/// Properties, also where TOML has made tables of them: the unquoted `sasl.mechanism = "PLAIN"` is
/// a table `sasl` with a key `mechanism`.
fn properties<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Secret>, D::Error> {
    enum Property {
        Value(Secret),
        Table(BTreeMap<String, Property>),
    }
    impl<'de> Deserialize<'de> for Property {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(PropertyVisitor)
        }
    }
    struct PropertyVisitor;
    impl<'de> Visitor<'de> for PropertyVisitor {
        type Value = Property;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            ScalarVisitor.expecting(f)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Property, E> {
            ScalarVisitor.visit_str(text).map(Property::Value)
        }
        fn visit_bool<E: de::Error>(self, value: bool) -> Result<Property, E> {
            ScalarVisitor.visit_bool(value).map(Property::Value)
        }
        fn visit_i64<E: de::Error>(self, value: i64) -> Result<Property, E> {
            ScalarVisitor.visit_i64(value).map(Property::Value)
        }
        fn visit_f64<E: de::Error>(self, value: f64) -> Result<Property, E> {
            ScalarVisitor.visit_f64(value).map(Property::Value)
        }
        fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Property, A::Error> {
            BTreeMap::deserialize(MapAccessDeserializer::new(table)).map(Property::Table)
        }
    }
    fn flatten(
        table: BTreeMap<String, Property>,
        parent: &str,
        flat: &mut BTreeMap<String, Secret>,
    ) {
        for (key, property) in table {
            let name = format!("{parent}{key}");
            match property {
                Property::Value(secret) => {
                    flat.insert(name, secret);
                }
                Property::Table(table) => flatten(table, &format!("{name}."), flat),
            }
        }
    }
    let mut flat = BTreeMap::new();
    match Property::deserialize(deserializer)? {
        Property::Table(table) => flatten(table, "", &mut flat),
        Property::Value(_) => {
            return Err(de::Error::custom(
                "properties are a section; write [kafka.properties] and a line for each",
            ));
        }
    }
    Ok(flat)
}

/// A name that Kafka accepts for a topic.
pub(super) fn topic_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=249).contains(&name.len()) && name.chars().all(legal) && name != "." && name != ".." {
        return Ok(name);
    }
    Err(de::Error::custom(
        "this is no name of a topic; write 1 to 249 of a-z, A-Z, 0-9, `.`, `_` and `-`",
    ))
}

fn topic_name_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    topic_name(deserializer).map(Some)
}

fn not_blank<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(de::Error::custom(
            "nothing stands here; name it, or leave the line out",
        ));
    }
    Ok(text)
}

/// A count above zero.
pub(super) fn one_or_more<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + PartialEq + Default,
    D: Deserializer<'de>,
{
    let count = T::deserialize(deserializer)?;
    if count == T::default() {
        return Err(de::Error::custom("0 is too few; write 1 or more"));
    }
    Ok(count)
}
