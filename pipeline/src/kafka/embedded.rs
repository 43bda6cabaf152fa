//! A broker inside this process, for the demo and for tests of the plumbing.

use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

/// librdkafka's mock cluster with one broker on loopback. It dies with this value.
///
/// It is a broker only in what it speaks. It shows records of a transaction before the commit, stores
/// no offsets that were committed in one, fences nobody, keeps at most 5 MiB and 100 000 batches of a
/// partition, and lets a fetch that finds nothing wait for all of `fetch.wait.max.ms`, whatever
/// arrives meanwhile. Nothing about exactly-once can be learnt from it.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    /// Starts it on a free port.
    pub fn start() -> Result<Self, KafkaError> {
        MockCluster::new(1).map(|cluster| Self { cluster })
    }

    /// `host:port`
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Creates a topic. What is not created is created with four partitions as soon as a client asks
    /// for it.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), KafkaError> {
        self.cluster.create_topic(name, partitions, 1)
    }
}
