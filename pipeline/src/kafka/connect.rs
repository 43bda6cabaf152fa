//! Reaching the cluster at start: either it works within seconds, or the error says why.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{IsError, KafkaError, RDKafkaErrorCode as Code};

use super::START_TIMEOUT;
use super::clients::{ClientError, Clients};
use super::context::Context;
use super::failure::Failure;
use crate::config::{ConfigError, KafkaConfig};

/// One request. Reports of failed connections are looked at in between.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

const REPORT_PATIENCE: Duration = Duration::from_millis(50);

/// A topic that has been created is not known to every broker at once: `plumbline run` right after
/// `plumbline topics --create` would miss it.
const CREATED_PATIENCE: Duration = Duration::from_secs(3);
const ASK_PAUSE: Duration = Duration::from_millis(100);

/// Why the cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A secret of the configuration cannot be had.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The properties make no client.
    #[error("{0}")]
    Properties(String),
    /// Nobody answers.
    #[error(
        "no Kafka broker answers at {servers} ({reason}); start one, or correct kafka.bootstrap_servers"
    )]
    Unreachable {
        /// Where one was looked for.
        servers: String,
        /// What librdkafka last said.
        reason: String,
    },
    /// Wrong credentials.
    #[error(
        "the Kafka brokers at {servers} refuse the credentials ({reason}); correct sasl.* in [kafka.properties]"
    )]
    Authentication {
        /// Of which cluster.
        servers: String,
        /// What librdkafka last said.
        reason: String,
    },
    /// No TLS session.
    #[error(
        "no TLS session with the Kafka brokers at {servers} ({reason}); correct security.protocol and ssl.* in [kafka.properties]"
    )]
    Tls {
        /// Of which cluster.
        servers: String,
        /// What librdkafka last said.
        reason: String,
    },
    /// Topics that do not exist.
    #[error(
        "missing topic: {}; create what is missing with `plumbline topics --config FILE --create`",
        .0.join(", ")
    )]
    MissingTopics(Vec<String>),
    /// The user may not do that.
    #[error("Kafka does not let this user use {what} ({reason}); grant it in the ACLs")]
    Forbidden {
        /// Which topic, group or transactional id.
        what: String,
        /// What the broker said.
        reason: String,
    },
    /// The state that was written cannot be used, and must not be passed over.
    #[error("{0}")]
    State(String),
    /// Topics that belong together are divided otherwise.
    #[error(
        "{state} has {of_state} partitions and {log} has {of_log}: the state of a partition of the log is kept \
         in the partition of the same number. Delete {state} and create it again with {of_log} partitions; \
         what is in it is rebuilt from the log"
    )]
    Partitions {
        /// The topic of states.
        state: String,
        /// How many partitions it has.
        of_state: i32,
        /// The log.
        log: String,
        /// How many partitions it has.
        of_log: i32,
    },
    /// Anything else that Kafka says.
    #[error("Kafka cannot be asked about {what}")]
    Kafka {
        /// Which topic or group.
        what: String,
        /// What the broker said.
        source: KafkaError,
    },
}

impl ConnectError {
    /// The exit status for it: 2 for the configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Properties(_) => 2,
            _ => 1,
        }
    }

    /// What an error about a thing means.
    pub(crate) fn about(what: &str, error: KafkaError) -> Self {
        let what = what.to_owned();
        match Failure::of(&error) {
            Failure::Forbidden => Self::Forbidden {
                what,
                reason: error.to_string(),
            },
            _ => Self::Kafka {
                what,
                source: error,
            },
        }
    }
}

impl From<ClientError> for ConnectError {
    fn from(error: ClientError) -> Self {
        Self::Properties(error.to_string())
    }
}

/// A client that has reached the cluster and seen that these topics exist.
pub(crate) fn connect(
    config: &KafkaConfig,
    clients: &Clients,
    topics: &[&str],
) -> Result<BaseConsumer<Context>, ConnectError> {
    let observer = clients.observer(&clients.detect_group())?;
    reach(config, clients, &observer)?;
    let deadline = Instant::now() + CREATED_PATIENCE;
    loop {
        let missing = missing(&observer, topics)?;
        if missing.is_empty() {
            return Ok(observer);
        }
        if Instant::now() >= deadline {
            return Err(ConnectError::MissingTopics(missing));
        }
        std::thread::sleep(ASK_PAUSE);
    }
}

fn missing(observer: &BaseConsumer<Context>, topics: &[&str]) -> Result<Vec<String>, ConnectError> {
    let mut missing = Vec::new();
    for topic in topics {
        let count = partition_count(observer, topic)
            .map_err(|error| ConnectError::about(&format!("topic {topic}"), error))?;
        if count.is_none() {
            missing.push((*topic).to_owned());
        }
    }
    Ok(missing)
}

fn reach(
    config: &KafkaConfig,
    clients: &Clients,
    observer: &BaseConsumer<Context>,
) -> Result<(), ConnectError> {
    let servers = config.bootstrap_servers.clone();
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        // The name of a topic, so that a large cluster does not list all it has.
        let Err(error) = observer.fetch_metadata(Some(&config.topics.events), REQUEST_TIMEOUT)
        else {
            return Ok(());
        };
        // Reports come only to who polls, and a poll without patience takes a single one.
        while observer.poll(REPORT_PATIENCE).is_some() {}
        let reported = |codes: &[Code]| clients.errors().reason(codes);
        let refused = [Code::Authentication, Code::SaslAuthenticationFailed];
        if let Some(reason) = reported(&refused) {
            return Err(ConnectError::Authentication { servers, reason });
        }
        if let Some(reason) = reported(&[Code::SSL]) {
            return Err(ConnectError::Tls { servers, reason });
        }
        if Instant::now() >= deadline {
            let told = reported(&[
                Code::Resolve,
                Code::BrokerTransportFailure,
                Code::AllBrokersDown,
            ]);
            let reason = told.unwrap_or_else(|| error.to_string());
            if reason.contains("SSL_HANDSHAKE") || reason.contains("SSL handshake") {
                return Err(ConnectError::Tls { servers, reason });
            }
            return Err(ConnectError::Unreachable { servers, reason });
        }
    }
}

/// Sees to it that the state of each partition of the log has a place.
pub(crate) fn fit_together(
    observer: &BaseConsumer<Context>,
    state: &str,
    log: &str,
) -> Result<(), ConnectError> {
    let count = |topic: &str| {
        let count = partition_count(observer, topic);
        count.map_err(|error| ConnectError::about(&format!("topic {topic}"), error))
    };
    match (count(state)?, count(log)?) {
        (Some(of_state), Some(of_log)) if of_state != of_log => Err(ConnectError::Partitions {
            state: state.to_owned(),
            of_state,
            log: log.to_owned(),
            of_log,
        }),
        _ => Ok(()),
    }
}

/// How many partitions a topic has; `None` if there is no such topic.
pub(crate) fn partition_count(
    observer: &BaseConsumer<Context>,
    topic: &str,
) -> Result<Option<i32>, KafkaError> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        let metadata = observer.fetch_metadata(Some(topic), START_TIMEOUT)?;
        let Some(found) = metadata.topics().first() else {
            return Ok(None);
        };
        let error = found.error().filter(IsError::is_error).map(Code::from);
        match error {
            None => return Ok(i32::try_from(found.partitions().len()).ok()),
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                return Ok(None);
            }
            // A topic that has just been created has no leader yet.
            Some(Code::LeaderNotAvailable) if Instant::now() < deadline => {
                std::thread::sleep(ASK_PAUSE);
            }
            Some(code) => return Err(KafkaError::MetadataFetch(code)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_is_not_there_is_named_within_the_limit() {
        // Port 1 of loopback: nobody listens there.
        let config = KafkaConfig {
            bootstrap_servers: "127.0.0.1:1".to_owned(),
            ..KafkaConfig::default()
        };
        let clients = Clients::new(&config).expect("no secrets");
        let started = Instant::now();
        let error = connect(&config, &clients, &[])
            .err()
            .expect("nobody listens");
        assert!(
            matches!(&error, ConnectError::Unreachable { .. }),
            "{error}"
        );
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
        assert_eq!(error.exit_code(), 1);
        assert!(started.elapsed() < START_TIMEOUT + 2 * REQUEST_TIMEOUT);
    }
}
