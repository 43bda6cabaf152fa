//! The configuration of the broker: small, quick to react, and forgetful.

use std::io;
use std::net::TcpListener;
use std::path::Path;

/// Who may use the SASL listener.
pub const SASL_USER: &str = "plumbline";
/// With what.
pub const SASL_PASSWORD: &str = "correct-horse-battery-staple";

/// Where it listens.
pub(super) struct Ports {
    pub(super) plain: u16,
    pub(super) sasl: u16,
    pub(super) controller: u16,
}

impl Ports {
    /// Free ones. All are held until all are known, so that no two are the same.
    pub(super) fn free(plain: Option<u16>) -> io::Result<Self> {
        let mut held = Vec::new();
        let mut next = || -> io::Result<u16> {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            let port = listener.local_addr()?.port();
            held.push(listener);
            Ok(port)
        };
        Ok(Self {
            plain: plain.map_or_else(&mut next, Ok)?,
            sasl: next()?,
            controller: next()?,
        })
    }
}

/// `server.properties`.
pub(super) fn server_properties(ports: &Ports, directory: &Path) -> String {
    let Ports {
        plain,
        sasl,
        controller,
    } = ports;
    let data = directory.join("data");
    let data = data.display();
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=CONTROLLER://127.0.0.1:{controller},PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
         required user_{SASL_USER}=\"{SASL_PASSWORD}\";
log.dirs={data}
auto.create.topics.enable=false
# Larger than what the line takes: it is the line that has to refuse.
message.max.bytes=8388608
# There is one broker.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# Groups form at once, and a test may declare a killed member dead after a second.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"
    )
}
