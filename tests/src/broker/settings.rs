//! The configuration of the broker: small, quick to react, and forgetful.

use std::io;
use std::path::Path;

use crate::ports;

/// Who may use the SASL listener.
pub const SASL_USER: &str = "plumbline";
/// With what.
pub const SASL_PASSWORD: &str = "correct-horse-battery-staple";

/// Where a broker listens.
pub(super) struct Ports {
    pub(super) plain: u16,
    pub(super) sasl: u16,
    pub(super) controller: u16,
    /// For clients whose network can be cut, and where those find it.
    pub(super) cut: u16,
    pub(super) proxy: u16,
}

impl Ports {
    /// Free ones. All are held until all are known, so that no two are the same.
    pub(super) fn free(plain: Option<u16>, proxy: Option<u16>) -> io::Result<Self> {
        let mut held = Vec::new();
        let mut next = || -> io::Result<u16> {
            let listener = ports::listen()?;
            let port = listener.local_addr()?.port();
            held.push(listener);
            Ok(port)
        };
        let cut = next()?;
        Ok(Self {
            plain: plain.map_or_else(&mut next, Ok)?,
            sasl: next()?,
            controller: next()?,
            cut,
            proxy: proxy.unwrap_or(cut),
        })
    }
}

/// `server.properties` of one broker of these.
pub(super) fn server_properties(brokers: &[Ports], number: usize, directory: &Path) -> String {
    let Ports {
        plain,
        sasl,
        controller,
        cut,
        proxy,
    } = &brokers[number];
    let id = number + 1;
    let voters: Vec<String> = (1..)
        .zip(brokers)
        .map(|(id, ports)| format!("{id}@127.0.0.1:{}", ports.controller))
        .collect();
    let voters = voters.join(",");
    let replicas = brokers.len().min(3);
    let in_sync = replicas.div_ceil(2);
    let data = directory.join("data");
    let data = data.display();
    format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=CONTROLLER://127.0.0.1:{controller},PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},\
         CUT://127.0.0.1:{cut}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},CUT://127.0.0.1:{proxy}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CUT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
         required user_{SASL_USER}=\"{SASL_PASSWORD}\";
log.dirs={data}
auto.create.topics.enable=false
# Larger than what the line takes: it is the line that has to refuse.
message.max.bytes=8388608
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
# Groups form at once, and a test may declare a killed member dead after a second.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A broker that was killed is missed after seconds.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"
    )
}
