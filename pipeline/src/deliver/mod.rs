//! What everything does that carries commands to somebody outside: reads the control topic in a consumer
//! group of its own, hands each command on in its turn, tries again, gives up, and commits what is settled.
//!
//! It stands outside of the engine: here the present counts. Each recipient has a thread and a group of its
//! own, so that none waits for another. An offset is committed when everything before it is done, has
//! expired, or is a dead letter.

mod counters;
pub(crate) mod http;
mod membership;
mod outbox;
mod session;
mod team;
mod window;

use std::sync::MutexGuard;
use std::time::Duration;

use jiff::Timestamp;
use plumbline_schemas::check_raw;
use plumbline_schemas::command::Command;
use plumbline_schemas::reject::{Reason, Reject};
use plumbline_schemas::time::EventTime;
use rdkafka::error::KafkaError;

pub use http::RootsError;
pub use team::DeliverError;

pub(crate) use counters::{Count, Counters, Gauge, Names};
#[cfg(feature = "otlp")]
pub(crate) use http::retry_after;
pub(crate) use http::{Answer, Body, Http, Reply, bearer, causes};
pub(crate) use outbox::Outbox;
pub(crate) use session::{Session, SessionError, time_left};
pub(crate) use team::{Post, deliver_until, listen, show_pages};
pub(crate) use window::{Job, Turn, Window};

/// What a record of the control topic means for a recipient: by itself, nothing.
#[derive(Debug)]
pub(crate) struct Told<J> {
    /// What is to be done.
    pub(crate) job: Option<J>,
    /// The job that need not be done any more.
    pub(crate) withdrawn: Option<String>,
}

/// One recipient, as the thread that reads the control topic for it sees it.
pub(crate) trait Work: Sync {
    /// What is handed to it.
    type Job: Job;

    /// What it is, and its name among those.
    fn name(&self) -> (&'static str, &str);

    /// The header of its dead letters that names it.
    fn header(&self) -> &'static str;

    /// What has been read for it.
    fn window(&self) -> MutexGuard<'_, Window<Self::Job>>;

    /// What is counted of it.
    fn counters(&self) -> &Counters;

    /// What a record, written at that time, means for it.
    fn read(&self, record: &[u8], published: EventTime) -> Result<Told<Self::Job>, Reject>;

    /// There is something for it in the window.
    fn arrived(&self) {}

    /// How long ago what was published may still matter, though it is settled.
    fn looks_back(&self) -> Option<Duration> {
        None
    }

    /// A record that is settled, read again since it may still matter.
    fn recall(&self, _record: &[u8]) {}

    /// Hands on what has its turn, and takes note of the answers.
    fn hand_on(
        &self,
        session: &mut Session<'_, Self>,
        turns: Vec<Turn<Self::Job>>,
    ) -> Result<(), SessionError>
    where
        Self: Sized;

    /// This is done, and what has to be said of it goes to that outbox. It is settled once that has arrived.
    fn done(&self, _job: &Self::Job, _outbox: &Outbox<'_>) -> Result<(), KafkaError> {
        self.counters().add(Count::Done);
        Ok(())
    }

    /// This is given up, likewise.
    fn gave_up(&self, _job: &Self::Job, _outbox: &Outbox<'_>) -> Result<(), KafkaError> {
        Ok(())
    }

    /// A word that is committed with the offsets, and whether it has changed since.
    fn mark(&self) -> (&'static str, bool) {
        ("", false)
    }

    /// The word that was committed with the offsets of a partition.
    fn recall_mark(&self, _word: &str) {}

    /// This word is committed.
    fn mark_kept(&self, _word: &str) {}
}

/// The command that a record of the control topic holds.
pub(crate) fn command_of(record: &[u8]) -> Result<Command, Reject> {
    let record = check_raw(record)?;
    serde_json::from_slice(record).map_err(|error| {
        let (reason, what) = match error.classify() {
            serde_json::error::Category::Data => (Reason::WrongType, "not a command"),
            _ => (Reason::NotJson, "not JSON"),
        };
        let (line, column) = (error.line(), error.column());
        Reject::new(
            reason,
            format!("record: {what}, line {line}, column {column}"),
        )
    })
}

/// The present. Only here does Plumbline look at it: nobody may act after a command has expired.
pub(crate) fn now() -> EventTime {
    EventTime::from_millis(Timestamp::now().as_millisecond())
}
