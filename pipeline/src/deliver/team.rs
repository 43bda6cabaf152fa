//! The threads of all recipients, and the pages that tell of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use axum::Router;

use super::counters::{Counters, Gauge};
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

/// Delivers to all of them until it is asked to stop, or none is left. Blocks.
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
                Ok(handle) => running.push(Member {
                    name,
                    counters: post.work.counters(),
                    handle,
                }),
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(DeliverError::Thread(name.to_owned(), error));
                }
            }
        }
        let ended = watch(running, &stop, shutdown);
        tracing::info!("stopped");
        ended
    })
}

/// A thread that is at work.
struct Member<'s> {
    name: &'s str,
    counters: &'s Counters,
    handle: ScopedJoinHandle<'s, Result<(), ConnectError>>,
}

/// Looks after the threads until it is asked to stop, or none is left; and gives what went wrong first. Whom Kafka
/// refuses ends alone. A defect ends all of them: who starts the program again heals it.
fn watch(
    mut running: Vec<Member<'_>>,
    stop: &AtomicBool,
    shutdown: &Shutdown,
) -> Result<(), DeliverError> {
    let (mut first, mut has_defect) = (Ok(()), false);
    while !shutdown.is_requested() && !has_defect && !running.is_empty() {
        let ended: Vec<_> = running
            .extract_if(.., |member| member.handle.is_finished())
            .collect();
        for member in ended {
            let (name, counters) = (member.name, member.counters);
            let Err(error) = finish(member) else {
                continue;
            };
            has_defect |= matches!(error, DeliverError::Defect(_));
            counters.set_ended();
            if !has_defect && !running.is_empty() {
                tracing::error!(name, %error, "it has ended, and the others go on; mend that and restart");
            }
            first = first.and(Err(error));
        }
        thread::sleep(WATCH_INTERVAL);
    }
    stop.store(true, Ordering::Relaxed);
    // All are joined, whatever the first one says.
    running
        .into_iter()
        .map(finish)
        .fold(first, |first, ended| first.and(ended))
}

fn finish(member: Member<'_>) -> Result<(), DeliverError> {
    match member.handle.join() {
        Ok(ended) => Ok(ended?),
        Err(_) => Err(DeliverError::Defect(member.name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn forbidden() -> ConnectError {
        let what = "the group".to_owned();
        let reason = "no".to_owned();
        ConnectError::Forbidden { what, reason }
    }

    /// Two threads: the first ends with that at once. The second works until it is told to stop, and asks for
    /// that once the first is known to wait for a restart, where it is to. Gives what comes of it.
    fn watched(
        first: impl FnOnce() -> Result<(), ConnectError> + Send,
        asks: bool,
    ) -> Result<(), DeliverError> {
        let (stop, shutdown) = (AtomicBool::new(false), Shutdown::default());
        let counters = [Counters::new("first"), Counters::new("second")];
        let deadline = Instant::now() + Duration::from_secs(60);
        thread::scope(|scope| {
            let (stop, shutdown, counters) = (&stop, &shutdown, &counters);
            let second = move || {
                while !stop.load(Ordering::Relaxed) {
                    assert!(Instant::now() < deadline, "it is not told to stop");
                    let waits_for = counters[0].waits_for();
                    if asks && waits_for.is_some_and(|what| what.contains("restart")) {
                        shutdown.request();
                    }
                    thread::sleep(Duration::from_millis(1));
                }
                Ok(())
            };
            let handles = [scope.spawn(first), scope.spawn(second)];
            let members = ["first", "second"].into_iter().zip(counters).zip(handles);
            let running = members.map(|((name, counters), handle)| Member {
                name,
                counters,
                handle,
            });
            watch(running.collect(), stop, shutdown)
        })
    }

    #[test]
    fn whom_kafka_refuses_ends_alone_and_says_so() {
        let error = watched(|| Err(forbidden()), true).expect_err("what the first says");
        assert!(
            matches!(error, DeliverError::Connect(ConnectError::Forbidden { .. })),
            "{error}"
        );
    }

    #[test]
    fn a_defect_ends_all_of_them() {
        let error = watched(|| panic!("a defect"), false).expect_err("what the first says");
        assert!(
            matches!(&error, DeliverError::Defect(name) if name == "first"),
            "{error}"
        );
    }
}
