//! `plumbline topics`: which topics the line needs, which there are, and creating the rest.

use std::fmt::Write;

use plumbline_detectors::config::Span;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::config::Config;
use crate::kafka::{Clients, ConnectError, START_TIMEOUT, connect, partition_count};

/// Room for an event of the largest size and what Kafka puts around it.
const MAX_MESSAGE_BYTES: &str = "2097152";

/// Why topics cannot be told or created.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// The cluster, or what is configured of it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The broker refuses to create a topic.
    #[error(
        "topic {topic} cannot be created ({reason}); correct kafka.partitions and kafka.replication, or have it created by who may"
    )]
    Create {
        /// Which one.
        topic: String,
        /// What the broker said.
        reason: String,
    },
    /// The admin requests themselves fail.
    #[error("the brokers do not carry out the request")]
    Admin(#[source] KafkaError),
    /// No runtime for the requests.
    #[error("the requests cannot be waited for")]
    Runtime(#[source] std::io::Error),
}

impl TopicsError {
    /// The exit status for it: 2 for the configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect(error) => error.exit_code(),
            _ => 1,
        }
    }
}

/// A topic that the line needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Needed<'c> {
    name: &'c str,
    role: &'static str,
    policy: &'static str,
}

/// What is known of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    partitions: Option<i32>,
    policy: Option<String>,
    retention: Option<i64>,
    created: bool,
}

/// Creates what is missing, if asked to, and tells what there is.
pub fn topics(config: &Config, create: bool) -> Result<String, TopicsError> {
    let clients = Clients::new(&config.kafka).map_err(ConnectError::from)?;
    let observer = connect(&config.kafka, &clients, &[])?;
    let needed = needed(config);
    let mut found = Vec::with_capacity(needed.len());
    for topic in &needed {
        let partitions = partition_count(&observer, topic.name)
            .map_err(|error| ConnectError::about(&format!("topic {}", topic.name), error))?;
        found.push(Found {
            partitions,
            ..Found::default()
        });
    }
    let admin = clients.admin().map_err(ConnectError::from)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(TopicsError::Runtime)?;
    runtime.block_on(async {
        if create {
            create_missing(&admin, config, &needed, &mut found).await?;
        }
        describe(&admin, &needed, &mut found).await;
        Ok::<(), TopicsError>(())
    })?;
    Ok(table(config, &needed, &found))
}

fn needed(config: &Config) -> Vec<Needed<'_>> {
    let topics = &config.kafka.topics;
    let own = topics.named().map(|(role, name)| Needed {
        name,
        role,
        policy: if role == "state" { "compact" } else { "delete" },
    });
    let ocsf = topics.ocsf.as_deref().map(|name| Needed {
        name,
        role: "ocsf",
        policy: "delete",
    });
    let mut needed: Vec<Needed<'_>> = Vec::new();
    let sources = config.source.iter().map(|source| Needed {
        name: &source.topic,
        role: "source",
        policy: "delete",
    });
    let signals = config.signals.receiver.iter();
    let signals = signals.filter_map(|receiver| {
        Some(Needed {
            name: receiver.topic.as_deref()?,
            role: "signals",
            policy: "delete",
        })
    });
    for topic in sources.chain(own).chain(ocsf).chain(signals) {
        if needed.iter().all(|known| known.name != topic.name) {
            needed.push(topic);
        }
    }
    needed
}

async fn create_missing(
    admin: &AdminClient<DefaultClientContext>,
    config: &Config,
    needed: &[Needed<'_>],
    found: &mut [Found],
) -> Result<(), TopicsError> {
    let wanted = i32::try_from(config.kafka.partitions).unwrap_or(i32::MAX);
    let replication = i32::from(config.kafka.replication);
    let retention = config.kafka.retention.as_millis().to_string();
    let options = AdminOptions::new()
        .request_timeout(Some(START_TIMEOUT))
        .operation_timeout(Some(START_TIMEOUT));
    for at in 0..needed.len() {
        let topic = &needed[at];
        if found[at].partitions.is_some() {
            continue;
        }
        // State is kept as the log is divided, whatever the file says by now.
        let log = (topic.role == "state")
            .then(|| of_log(needed, found))
            .flatten();
        let partitions = log.unwrap_or(wanted);
        let found = &mut found[at];
        let mut new = NewTopic::new(topic.name, partitions, TopicReplication::Fixed(replication))
            .set("cleanup.policy", topic.policy)
            .set("max.message.bytes", MAX_MESSAGE_BYTES);
        if topic.role == "events" {
            // The broker's default is a week, and state is rebuilt from this topic where it has to be.
            new = new.set("retention.ms", &retention);
        }
        if topic.role != "source" {
            // By the clock of the machine that writes, a broker refuses all of it where that is an hour ahead, and
            // what is of the present would be of the future where it is a day behind.
            new = new.set("message.timestamp.type", "LogAppendTime");
        }
        let results = admin
            .create_topics([&new], &options)
            .await
            .map_err(TopicsError::Admin)?;
        for result in results {
            match result {
                Ok(_) => found.created = true,
                // Somebody else was quicker.
                Err((_, Code::TopicAlreadyExists)) => {}
                Err((_, code)) => {
                    return Err(TopicsError::Create {
                        topic: topic.name.to_owned(),
                        reason: code.to_string(),
                    });
                }
            }
        }
        found.partitions = Some(partitions);
    }
    Ok(())
}

/// How many partitions the log has.
fn of_log(needed: &[Needed<'_>], found: &[Found]) -> Option<i32> {
    let mut all = needed.iter().zip(found);
    all.find(|(topic, _)| topic.role == "events")?.1.partitions
}

/// Asks for cleanup policies and retention. Who may not ask for them still learns the rest.
async fn describe(
    admin: &AdminClient<DefaultClientContext>,
    needed: &[Needed<'_>],
    found: &mut [Found],
) {
    let options = AdminOptions::new().request_timeout(Some(START_TIMEOUT));
    for (topic, found) in needed.iter().zip(found) {
        if found.partitions.is_none() {
            continue;
        }
        let specifier = ResourceSpecifier::Topic(topic.name);
        let Ok(described) = admin.describe_configs([&specifier], &options).await else {
            continue;
        };
        let described: Vec<ConfigResource> = described.into_iter().flatten().collect();
        let value = |key: &str| {
            let mut described = described.iter();
            described.find_map(|resource| resource.get(key)?.value.clone())
        };
        found.policy = value("cleanup.policy");
        found.retention = value("retention.ms").and_then(|millis| millis.parse().ok());
    }
}

fn table(config: &Config, needed: &[Needed<'_>], found: &[Found]) -> String {
    let mut rows = vec![["topic", "for", "partitions", "cleanup", ""].map(str::to_owned)];
    for (topic, found) in needed.iter().zip(found) {
        let state = match found {
            Found { created: true, .. } => "created",
            Found {
                partitions: Some(_),
                ..
            } => "exists",
            _ => "MISSING",
        };
        let partitions = match found.partitions {
            Some(count) => count.to_string(),
            None => config.kafka.partitions.to_string(),
        };
        let policy = found.policy.as_deref().unwrap_or(topic.policy);
        rows.push([topic.name, topic.role, &partitions, policy, state].map(str::to_owned));
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
            // Writing to a `String` cannot fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for warning in warnings(config, needed, found) {
        text.push_str(&format!("\nwarning: {warning}\n"));
    }
    text
}

fn warnings(config: &Config, needed: &[Needed<'_>], all: &[Found]) -> Vec<String> {
    let mut warnings = Vec::new();
    let missing = all.iter().any(|found| found.partitions.is_none());
    if missing {
        let command = "plumbline topics --config FILE --create";
        warnings.push(format!("topics are missing; create them with `{command}`"));
    }
    for (topic, found) in needed.iter().zip(all) {
        let wanted = i64::from(config.kafka.partitions);
        let differs = found.partitions.filter(|count| i64::from(*count) != wanted);
        if let ("events", Some(count)) = (topic.role, differs) {
            warnings.push(format!(
                "{} has {count} partitions and kafka.partitions is {wanted}: left as it is, because with more \
                 partitions the history of an identity would end in another one; set kafka.partitions = {count}, \
                 or start with a new topic",
                topic.name
            ));
        }
        let log = of_log(needed, all);
        if let ("state", Some(of_state), Some(of_log)) = (topic.role, found.partitions, log)
            && of_state != of_log
        {
            warnings.push(format!(
                "{} has {of_state} partitions and the log has {of_log}, so `plumbline run` refuses it: delete it, and \
                 create it again with {of_log}; what is in it is rebuilt from the log",
                topic.name
            ));
        }
        warnings.extend(forgetful(config, topic, found));
        let policy = found.policy.as_deref();
        if let ("state", Some(policy)) = (topic.role, policy.filter(|policy| *policy != "compact"))
        {
            warnings.push(format!(
                "{} has cleanup.policy {policy}; set it to compact, or state is lost with time",
                topic.name
            ));
        }
    }
    warnings
}

/// Of a log that loses its records too soon.
fn forgetful(config: &Config, topic: &Needed<'_>, found: &Found) -> Option<String> {
    if topic.role != "events" {
        return None;
    }
    let name = topic.name;
    let policy = found
        .policy
        .as_deref()
        .filter(|policy| policy.contains("compact"));
    if let Some(policy) = policy {
        return Some(format!(
            "{name} has cleanup.policy {policy}; set it to delete: state is rebuilt from this topic, and \
             compaction keeps one record of each identity"
        ));
    }
    let wanted = config.kafka.retention;
    // A negative one is for ever.
    let kept = found
        .retention
        .filter(|kept| (0..wanted.as_millis()).contains(kept))?;
    Some(format!(
        "{name} keeps its records for {} and kafka.retention is {wanted}: what is older cannot be \
         replayed, and is forgotten where state has to be rebuilt; set retention.ms = {} of the topic, or kafka.retention to what is enough",
        Span::millis(kept),
        wanted.as_millis()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        toml::from_str("[[source]]\ntopic = 'raw'\nformat = 'native'").expect("valid")
    }

    #[test]
    fn the_table_says_what_is_missing_and_what_does_not_fit() {
        let config = config();
        let needed = needed(&config);
        let found: Vec<Found> = needed
            .iter()
            .map(|topic| Found {
                partitions: (topic.role != "control").then_some(6),
                policy: (topic.role != "control").then(|| "delete".to_owned()),
                retention: Some(7 * 86_400_000),
                created: topic.role == "feedback",
            })
            .collect();
        insta::assert_snapshot!(table(&config, &needed, &found));
    }

    #[test]
    fn only_a_log_that_keeps_too_little_is_warned_of() {
        let config = config();
        let needed = needed(&config);
        let log = needed.iter().find(|topic| topic.role == "events");
        let warning = |policy: &str, retention: i64| {
            let found = Found {
                policy: Some(policy.to_owned()),
                retention: Some(retention),
                ..Found::default()
            };
            forgetful(&config, log.expect("a log"), &found)
        };
        assert_eq!(warning("delete", -1), None);
        assert_eq!(warning("delete", 90 * 86_400_000), None);
        assert!(warning("delete", 90 * 86_400_000 - 1).is_some());
        assert!(warning("compact,delete", -1).is_some());
    }

    #[test]
    fn a_topic_that_is_source_and_log_at_once_is_needed_once() {
        let mut config = config();
        config.source[0].topic = config.kafka.topics.events.clone();
        let needed = needed(&config);
        assert_eq!(needed.len(), 6);
        assert_eq!(needed[0].role, "source");
    }
}
