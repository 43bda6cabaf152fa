//! The threads of all recipients, and the pages that tell of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use axum::Router;

use super::counters::Gauge;
use super::session::Deliverer;
use super::{RootsError, Work};
use crate::config::Config;
use crate::kafka::{Clients, ConnectError};
use crate::run::Shutdown;
use crate::serve::{self, Server};

/// How often the threads are looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);

/// Why nothing can be delivered to anybody.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The cluster, or what is configured of it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No certificate authorities.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// Where something is to be served.
    #[error(
        "nothing can be served at {address} ({source}); another process may listen there: correct {setting}"
    )]
    Listen {
        /// The setting that says so.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The signals of the operating system.
    #[error("SIGTERM and SIGINT cannot be waited for")]
    Signals(#[source] std::io::Error),
    /// No thread for a recipient.
    #[error("no thread can be started for {0}")]
    Thread(String, #[source] std::io::Error),
    /// A defect of this program.
    #[error(
        "the delivery to {0} has ended by a defect of this program; please report it with the log"
    )]
    Defect(String),
}

impl DeliverError {
    /// The exit status for it: 2 for the configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect(error) => error.exit_code(),
            _ => 1,
        }
    }
}

/// A server of these pages, until it is dropped.
pub(crate) fn listen(
    setting: &'static str,
    address: SocketAddr,
    what: &'static str,
    routes: Router,
) -> Result<Server, DeliverError> {
    Server::start(address, what, routes).map_err(|source| DeliverError::Listen {
        setting,
        address,
        source,
    })
}

/// `/metrics`, `/healthz` and `/readyz`, where `[run]` wants them.
pub(crate) fn show_pages(config: &Config, gauge: Gauge) -> Result<Option<Server>, DeliverError> {
    let address = config.run.listen;
    let served = address.map(|at| listen("run.listen", at, serve::PAGES, gauge.pages()));
    served.transpose()
}

/// A recipient, and the consumer group in which the control topic is read for it.
pub(crate) struct Post<W> {
    pub(crate) work: W,
    pub(crate) group: String,
    pub(crate) give_up_after: Duration,
    /// How long a request may take, and so how long one is waited for at the end.
    pub(crate) timeout: Duration,
    /// Whether it is only shown what would be done: nothing is committed or written.
    pub(crate) rehearses: bool,
}

/// Delivers to all of them until it is asked to stop. Blocks.
pub(crate) fn deliver_until<W: Work>(
    config: &Config,
    clients: &Clients,
    posts: &[Post<W>],
    shutdown: &Shutdown,
) -> Result<(), DeliverError> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut running = Vec::new();
        for post in posts {
            let deliverer = Deliverer {
                clients,
                topics: &config.kafka.topics,
                post,
                stop: &stop,
            };
            let (kind, name) = post.work.name();
            let builder = thread::Builder::new().name(format!("{kind}-{name}"));
            match builder.spawn_scoped(scope, move || deliverer.run()) {
                Ok(handle) => running.push((name, handle)),
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(DeliverError::Thread(name.to_owned(), error));
                }
            }
        }
        while !shutdown.is_requested() && !running.iter().any(|(_, handle)| handle.is_finished()) {
            thread::sleep(WATCH_INTERVAL);
        }
        stop.store(true, Ordering::Relaxed);
        // All are joined, whatever the first one says.
        let ended: Vec<_> = running.into_iter().map(finish).collect();
        tracing::info!("stopped");
        ended.into_iter().collect()
    })
}

fn finish(
    (name, handle): (&str, ScopedJoinHandle<'_, Result<(), ConnectError>>),
) -> Result<(), DeliverError> {
    match handle.join() {
        Ok(ended) => Ok(ended?),
        Err(_) => Err(DeliverError::Defect(name.to_owned())),
    }
}
