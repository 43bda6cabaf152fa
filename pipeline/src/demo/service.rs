//! The service inside this process: the same stages as `plumbline run`, on threads of their own.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::observe::Watch;
use super::{DemoError, STALLED_AFTER};
use crate::config::Config;
use crate::enrich::Enricher;
use crate::run::{self, Counts, RunError, Shutdown, Tally};

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The running service. It is stopped, at the latest, when this is dropped.
#[derive(Debug)]
pub(super) struct Service {
    shutdown: Shutdown,
    tally: Tally,
    thread: Option<JoinHandle<Result<Counts, RunError>>>,
}

impl Service {
    /// Starts it. The watch is told when it ends.
    pub(super) fn start(
        config: Config,
        enricher: Arc<Enricher>,
        watch: Arc<Watch>,
    ) -> Result<Self, DemoError> {
        let (shutdown, tally) = (Shutdown::default(), Tally::default());
        let (asked, counted) = (shutdown.clone(), tally.clone());
        let service = move || {
            let ended = run::run_counted(&config, enricher, &asked, &counted);
            watch.service_ended();
            ended
        };
        let thread = thread::Builder::new()
            .name("demo-service".to_owned())
            .spawn(service)
            .map_err(DemoError::System)?;
        Ok(Self {
            shutdown,
            tally,
            thread: Some(thread),
        })
    }

    /// Waits until so many records of the log have been judged.
    pub(super) fn wait_until_judged(&self, records: u64) -> Result<(), DemoError> {
        let (mut judged, mut since) = (0, Instant::now());
        loop {
            let now = self.tally.counts().events;
            if now >= records {
                return Ok(());
            }
            if now > judged {
                (judged, since) = (now, Instant::now());
            }
            let is_over = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
            if is_over || since.elapsed() > STALLED_AFTER {
                return Err(DemoError::Stalled {
                    what: "judged",
                    seconds: STALLED_AFTER.as_secs(),
                    events: judged,
                    sent: records,
                });
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Stops it: it commits what it has and leaves its groups.
    pub(super) fn stop(mut self) -> Result<Counts, DemoError> {
        self.shutdown.request();
        let ended = self.thread.take().map(JoinHandle::join);
        match ended {
            Some(Ok(ended)) => Ok(ended?),
            None | Some(Err(_)) => Err(RunError::Defect("the service".to_owned()).into()),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shutdown.request();
        if let Some(thread) = self.thread.take() {
            // Whoever wants to know how it ended has asked.
            let _ = thread.join();
        }
    }
}
