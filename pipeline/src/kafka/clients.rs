//! Clients with their settings. `[kafka.properties]` is set over the defaults, and what exactly-once
//! rests on is set over both.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::BaseProducer;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaConfRes;

use super::close::close;
use super::context::{self, Context, Deliveries, Rebalance};
use super::errors::ErrorLog;
use crate::config::{ConfigError, KafkaConfig};

/// How long a poll waits for a record when there is nothing else to do: as long as it may take to
/// notice that the program is to stop.
pub(crate) const IDLE_POLL: Duration = Duration::from_millis(100);

/// How long a commit may wait for a transaction before its producer is given up.
pub(crate) const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);

/// A rebalance that others have begun is over after their next heartbeat.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Names that librdkafka has for the same property. Whichever is set last would win by chance.
const ALIASES: &[(&str, &str)] = &[
    ("metadata.broker.list", "bootstrap.servers"),
    ("compression.codec", "compression.type"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
];

const EVERY_CLIENT: &[(&str, &str)] = &[
    ("client.id", "plumbline"),
    ("socket.nagle.disable", "true"),
    ("log.connection.close", "false"),
    ("reconnect.backoff.max.ms", "2000"),
    // A broker that does not speak TLS leaves a handshake unanswered. Less than START_TIMEOUT, so
    // that the error at start can say so.
    ("socket.connection.setup.timeout.ms", "8000"),
];

const CONSUMER: &[(&str, &str)] = &[
    ("auto.offset.reset", "earliest"),
    ("fetch.min.bytes", "1"),
    ("fetch.wait.max.ms", "100"),
    ("fetch.error.backoff.ms", "100"),
    // The default of a second stalls a consumer each time its queue has been full.
    ("fetch.queue.backoff.ms", "10"),
    ("queued.min.messages", "20000"),
    // The default of 64 MB is per consumer, and there is one consumer per worker.
    ("queued.max.messages.kbytes", "32768"),
];

/// Not for the protocol of KIP-848, where the broker decides all three.
const CLASSIC_GROUP: &[(&str, &str)] = &[
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "3000"),
];

/// A partition is read once its state has been, whatever becomes of the others meanwhile.
const CLASSIC_GROUP_FIXED: &[(&str, &str)] =
    &[("partition.assignment.strategy", "cooperative-sticky")];

const CONSUMER_FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("isolation.level", "read_committed"),
    ("allow.auto.create.topics", "false"),
];

const PRODUCER: &[(&str, &str)] = &[
    ("compression.type", "lz4"),
    // As the Java client does it: other programs write to the same topics with the same keys.
    ("partitioner", "murmur2_random"),
    ("message.max.bytes", "4194304"),
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "65536"),
];

const PRODUCER_FIXED: &[(&str, &str)] = &[("enable.idempotence", "true"), ("acks", "all")];

/// A client that cannot even be built. Names properties, never their values.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("kafka.properties: librdkafka has no property `{0}`; correct or remove it")]
    UnknownProperty(String),
    #[error(
        "kafka.properties: librdkafka refuses the value of `{0}`; see its CONFIGURATION.md for what it may be"
    )]
    Value(String),
    #[error("no Kafka client can be built from kafka.properties: {0}")]
    Build(String),
}

impl From<KafkaError> for ClientError {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
                Self::UnknownProperty(name)
            }
            KafkaError::ClientConfig(_, _, name, _) => Self::Value(name),
            KafkaError::ClientCreation(reason) => Self::Build(reason),
            other => Self::Build(other.to_string()),
        }
    }
}

/// What librdkafka has against a property, or against its name where the value is not known yet.
pub(crate) fn refusal(name: &str, value: Option<&str>) -> Option<ClientError> {
    let mut config = ClientConfig::new();
    config.set(name, value.unwrap_or_default());
    let error = ClientError::from(config.create_native_config().err()?);
    let is_about_name = matches!(error, ClientError::UnknownProperty(_));
    (is_about_name || value.is_some()).then_some(error)
}

/// Builds clients. The properties in it are secret: it has no `Debug`.
#[derive(Clone)]
pub(crate) struct Clients {
    properties: Arc<[(String, String)]>,
    group_id: Arc<str>,
    errors: Arc<ErrorLog>,
}

impl Clients {
    pub(crate) fn new(config: &KafkaConfig) -> Result<Self, ConfigError> {
        let properties = config.client_properties()?;
        Ok(Self {
            properties: properties
                .into_iter()
                .map(|(name, value)| (canonical(name), value))
                .collect(),
            group_id: config.group_id.as_str().into(),
            errors: Arc::default(),
        })
    }

    /// What all these clients report.
    pub(crate) fn errors(&self) -> &ErrorLog {
        &self.errors
    }

    /// The consumer group of detection.
    pub(crate) fn detect_group(&self) -> String {
        self.group_id.to_string()
    }

    /// The consumer group of normalisation.
    pub(crate) fn normalise_group(&self) -> String {
        format!("{}-normalise", self.group_id)
    }

    /// The consumer group of the archive.
    pub(crate) fn archive_group(&self) -> String {
        format!("{}-archive", self.group_id)
    }

    /// The consumer group that delivers to this receiver of signals.
    pub(crate) fn signals_group(&self, receiver: &str) -> String {
        format!("{}-signals-{receiver}", self.group_id)
    }

    /// The consumer group that carries out for this target of the bot. A rehearsal has one of its own, so
    /// that it takes nothing from anybody.
    pub(crate) fn bot_group(&self, target: &str, rehearses: bool) -> String {
        let end = if rehearses { "-dry-run" } else { "" };
        format!("{}-bot-{target}{end}", self.group_id)
    }

    /// A consumer that joins a group once it subscribes.
    pub(crate) fn consumer(&self, group: &str) -> Result<GroupConsumer, ClientError> {
        self.member(group, false)
    }

    /// A consumer of what it is assigned, in no group, that tells when it has read a partition to its end.
    pub(crate) fn reader(&self) -> Result<BaseConsumer<Context>, ClientError> {
        let mut settings = self.group_settings(&self.group_id);
        settings.set("enable.partition.eof", "true");
        let context = Context::new(Arc::clone(&self.errors));
        build(settings, CONSUMER_FIXED, context)
    }

    /// The same, with partitions that can be split from it and tell when they are read to their end.
    pub(crate) fn consumer_of_partitions(&self, group: &str) -> Result<GroupConsumer, ClientError> {
        self.member(group, true)
    }

    fn member(&self, group: &str, tells_ends: bool) -> Result<GroupConsumer, ClientError> {
        let mut settings = self.group_settings(group);
        settings.set("enable.partition.eof", tells_ends.to_string());
        let context = Context::new(Arc::clone(&self.errors));
        Ok(GroupConsumer {
            consumer: Arc::new(build(settings, CONSUMER_FIXED, context)?),
        })
    }

    /// A client that only asks: for topics, ends and what a group has committed.
    pub(crate) fn observer(&self, group: &str) -> Result<BaseConsumer<Context>, ClientError> {
        let context = Context::new(Arc::clone(&self.errors));
        build(self.group_settings(group), CONSUMER_FIXED, context)
    }

    /// The same, and to it topics end behind what is not committed yet.
    pub(crate) fn observer_of_all(
        &self,
        group: &str,
    ) -> Result<BaseConsumer<Context>, ClientError> {
        let context = Context::new(Arc::clone(&self.errors));
        let mut settings = self.group_settings(group);
        settings.set("isolation.level", "read_uncommitted");
        build(settings, &[], context)
    }

    fn group_settings(&self, group: &str) -> ClientConfig {
        let mut settings = self.settings(CONSUMER);
        let classic = settings
            .get("group.protocol")
            .is_none_or(|name| name == "classic");
        if classic {
            for (name, value) in CLASSIC_GROUP {
                if settings.get(name).is_none() {
                    settings.set(*name, *value);
                }
            }
            fix(&mut settings, CLASSIC_GROUP_FIXED);
        }
        settings.set("group.id", group);
        settings
    }

    /// A producer for at-least-once: idempotent, and it never gives up a record.
    pub(crate) fn producer(&self) -> Result<BaseProducer<Deliveries>, ClientError> {
        let mut settings = self.settings(PRODUCER);
        if settings.get("linger.ms").is_none() {
            settings.set("linger.ms", "2");
        }
        settings.set("message.timeout.ms", "0");
        build(
            settings,
            PRODUCER_FIXED,
            Deliveries::new(Arc::clone(&self.errors)),
        )
    }

    /// A producer for transactions under this id, that take no longer than this. Initialising it is up
    /// to the caller.
    pub(crate) fn transactional_producer(
        &self,
        id: &str,
        timeout: Duration,
    ) -> Result<BaseProducer<Deliveries>, ClientError> {
        let mut settings = self.settings(PRODUCER);
        let timeout = timeout.as_millis().to_string();
        if settings.get("transaction.timeout.ms").is_none() {
            settings.set("transaction.timeout.ms", timeout);
        }
        // A transaction that follows closely on another is refused until the markers of that one are written:
        // a few milliseconds, and not the default's 100.
        if settings.get("retry.backoff.ms").is_none() {
            settings.set("retry.backoff.ms", "5");
        }
        // A record that lingers delays the commit that waits for it.
        settings.set("linger.ms", "0");
        settings.set("delivery.report.only.error", "true");
        settings.set("transactional.id", id);
        build(
            settings,
            PRODUCER_FIXED,
            Deliveries::new(Arc::clone(&self.errors)),
        )
    }

    /// A client that creates and describes topics.
    pub(crate) fn admin(&self) -> Result<AdminClient<DefaultClientContext>, ClientError> {
        let mut settings = self.settings(&[]);
        settings.set_log_level(RDKafkaLogLevel::Critical);
        build(settings, &[], DefaultClientContext)
    }

    fn settings(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut settings = ClientConfig::new();
        for (name, value) in EVERY_CLIENT.iter().chain(defaults) {
            settings.set(*name, *value);
        }
        for (name, value) in self.properties.iter() {
            settings.set(name, value);
        }
        settings.set_log_level(RDKafkaLogLevel::Info);
        settings
    }
}

fn build<C, T>(
    mut settings: ClientConfig,
    fixed: &[(&str, &str)],
    context: C,
) -> Result<T, ClientError>
where
    C: rdkafka::ClientContext,
    T: FromClientConfigAndContext<C>,
{
    fix(&mut settings, fixed);
    Ok(settings.create_with_context(context)?)
}

fn fix(settings: &mut ClientConfig, fixed: &[(&str, &str)]) {
    for (name, value) in fixed {
        if settings.get(name).is_some_and(|set| set != *value) {
            tracing::warn!(
                property = name,
                value,
                "exactly-once rests on this property: it stays as it is"
            );
        }
        settings.set(*name, *value);
    }
}

fn canonical(name: String) -> String {
    let found = ALIASES.iter().find(|(alias, _)| *alias == name);
    found.map_or(name, |(_, canonical)| (*canonical).to_owned())
}

/// A member of a consumer group.
pub(crate) struct GroupConsumer {
    consumer: Arc<BaseConsumer<Context>>,
}

impl GroupConsumer {
    /// The next record, error, or nothing within that time. Afterwards there may be rebalances to
    /// be answered.
    pub(crate) fn poll(&self, timeout: Duration) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        self.consumer.poll(timeout)
    }

    pub(crate) fn next_rebalance(&self) -> Option<Rebalance> {
        self.consumer.context().next_rebalance()
    }

    pub(crate) fn assign(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        context::assign(&self.consumer, partitions)
    }

    pub(crate) fn unassign(&self, partitions: &TopicPartitionList) -> KafkaResult<()> {
        context::unassign(&self.consumer, partitions)
    }

    /// A queue for this partition alone, which from now on no longer comes by [`Self::poll`]. It is to
    /// be dropped before the consumer is closed.
    pub(crate) fn split(&self, topic: &str, partition: i32) -> Option<PartitionQueue<Context>> {
        self.consumer.split_partition_queue(topic, partition)
    }

    /// The client itself.
    pub(crate) fn client(&self) -> &BaseConsumer<Context> {
        &self.consumer
    }

    /// Leaves the group and closes the client.
    ///
    /// Nobody unsubscribes before: librdkafka does not tell the group when it is closed while it still lets go of
    /// partitions for that (2.12, `rd_kafka_cgrp_incr_unassign_done`), and they are nobody's for a session timeout.
    pub(crate) fn close(self) {
        self.consumer.context().start_closing();
        // What nobody has answered would be waited for.
        while let Some(rebalance) = self.next_rebalance() {
            context::answer(&self.consumer, &rebalance);
        }
        close(self.consumer, CLOSE_TIMEOUT);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Secret;

    fn clients(properties: &[(&str, &str)]) -> Clients {
        let properties = properties.iter();
        let config = KafkaConfig {
            properties: properties
                .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
                .collect::<BTreeMap<_, _>>(),
            ..KafkaConfig::default()
        };
        Clients::new(&config).expect("plain properties")
    }

    #[test]
    fn properties_are_set_over_the_defaults_by_whatever_name() {
        let settings = clients(&[("compression.codec", "zstd")]).settings(PRODUCER);
        assert_eq!(settings.get("compression.type"), Some("zstd"));
        assert_eq!(settings.get("compression.codec"), None);
        assert_eq!(settings.get("partitioner"), Some("murmur2_random"));
    }

    #[test]
    fn an_error_names_the_property_and_never_its_value() {
        let unknown = clients(&[("sasl.pasword", "hunter2")]).producer();
        let error = unknown.err().expect("refused").to_string();
        assert!(
            error.contains("`sasl.pasword`") && !error.contains("hunter2"),
            "{error}"
        );
        let wrong = clients(&[("security.protocol", "hunter2")]).observer("g");
        let error = wrong.err().expect("refused").to_string();
        assert!(
            error.contains("`security.protocol`") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn what_exactly_once_rests_on_cannot_be_set() {
        let clients = clients(&[("isolation.level", "read_uncommitted"), ("acks", "1")]);
        assert!(clients.observer("g").is_ok());
        assert!(
            clients.producer().is_ok(),
            "acks=1 and idempotence exclude each other"
        );
    }

    #[test]
    fn the_newer_group_protocol_can_be_chosen() {
        assert!(
            clients(&[("group.protocol", "consumer")])
                .observer("g")
                .is_ok()
        );
    }
}
