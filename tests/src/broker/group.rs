//! Brokers that are one cluster, and a network between them and their clients that can be cut.

use super::proxy::Proxy;
use super::settings::Ports;
use super::{Broker, BrokerError};

/// A cluster. It ends when this is dropped.
pub struct Brokers {
    brokers: Vec<Broker>,
    proxies: Vec<Proxy>,
}

impl Brokers {
    /// Starts so many.
    pub fn start(count: usize) -> Result<Self, BrokerError> {
        let proxies = (0..count).map(|_| Proxy::listen());
        let proxies = proxies
            .collect::<Result<Vec<_>, _>>()
            .map_err(BrokerError::Directory)?;
        let ports = proxies
            .iter()
            .map(|proxy| Ports::free(None, Some(proxy.port())));
        let ports = ports
            .collect::<Result<Vec<_>, _>>()
            .map_err(BrokerError::Directory)?;
        let brokers = Broker::start_all(&ports)?;
        for (proxy, broker) in proxies.iter().zip(&brokers) {
            proxy.forward_to(broker.cut);
        }
        Ok(Self { brokers, proxies })
    }

    /// One of them: what is written and read through it is never cut.
    pub fn first(&self) -> &Broker {
        &self.brokers[0]
    }

    /// All of them, directly.
    pub fn bootstrap(&self) -> String {
        let all: Vec<&str> = self.brokers.iter().map(Broker::bootstrap).collect();
        all.join(",")
    }

    /// All of them, over the network that can be cut.
    pub fn cut_bootstrap(&self) -> String {
        let address = |proxy: &Proxy| format!("127.0.0.1:{}", proxy.port());
        let all: Vec<String> = self.proxies.iter().map(address).collect();
        all.join(",")
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.brokers.len()
    }

    /// Kills one. What it holds stays where it is.
    pub fn crash(&mut self, number: usize) {
        self.brokers[number].crash();
    }

    /// Starts it again, with what it held.
    pub fn come_back(&mut self, number: usize) -> Result<(), BrokerError> {
        self.brokers[number].come_back()
    }

    /// Nothing passes any more, and nobody is told.
    pub fn cut(&self) {
        self.proxies.iter().for_each(Proxy::cut);
    }

    /// What was held back passes, and all that follows.
    pub fn heal(&self) {
        self.proxies.iter().for_each(Proxy::heal);
    }
}
