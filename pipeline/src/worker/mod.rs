//! The detect stage: a worker is one thread with one consumer and an engine for each partition that it owns.
//! Two more send for it what it has decided and what it knows, each with a transactional producer, so that it
//! judges on meanwhile. Workers share nothing but the consumer group.

mod batch;
mod checkpoint;
mod committer;
mod outgoing;
mod pace;
mod partition;
mod restore;
mod seed;
mod session;
mod standby;
mod transaction;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use plumbline_detectors::config::Config as EngineConfig;

use crate::config::TopicsConfig;
use crate::kafka::{Clients, ConnectError, Progress, retry_after};
use crate::run::{Counters, Standing};
pub(crate) use restore::Source;
pub(crate) use seed::Seed;
pub use seed::SeedError;
use session::{Session, SessionError};
pub(crate) use standby::Standby;

/// What a worker is given.
pub(crate) struct Worker {
    pub(crate) clients: Clients,
    pub(crate) topics: TopicsConfig,
    pub(crate) engine: Arc<EngineConfig>,
    pub(crate) commit_interval: Duration,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) transactional_id: String,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) progress: Arc<Progress>,
    /// Who reads the state of the partitions that this process does not own, if anybody does.
    pub(crate) standby: Option<Arc<Standby>>,
}

impl Worker {
    /// Works until it is told to stop. Whatever Kafka does meanwhile is waited out; an error is
    /// something that waiting does not mend.
    pub(crate) fn run(&self) -> Result<(), ConnectError> {
        let mut failures = 0;
        while !self.is_stopping() {
            let started = Instant::now();
            match Session::start(self).and_then(Session::run) {
                Ok(()) => return Ok(()),
                Err(SessionError::Hopeless(error)) => return Err(error),
                Err(SessionError::Broken(reason)) => {
                    *self.counters.standing() = Standing::default();
                    if started.elapsed() > Duration::from_secs(60) {
                        failures = 0;
                    }
                    let wait = retry_after(failures);
                    failures += 1;
                    tracing::warn!(
                        reason,
                        wait_ms = wait.as_millis() as u64,
                        "the worker starts again from what is committed"
                    );
                    self.pause(wait);
                }
            }
        }
        Ok(())
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sleeps, unless it is told to stop meanwhile.
    fn pause(&self, wait: Duration) {
        let deadline = Instant::now() + wait;
        while !self.is_stopping() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
    }
}
