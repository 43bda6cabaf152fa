//! The engine: one keyed, ordered log in, findings and commands out.

use std::sync::Arc;

use plumbline_schemas::command::Command;
use plumbline_schemas::event::Event;
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;

use crate::config::Config;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It was judged and, unless suspect, learnt.
    Applied,
    /// Seen before: counted, otherwise ignored.
    Duplicate,
    /// Further behind the log's clock than `engine.lateness`: counted, otherwise ignored.
    Late,
}

/// What the engine publishes, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// For topic `plumbline.findings`.
    Finding(Box<Finding>),
    /// For topic `plumbline.control`.
    Command(Box<Command>),
}

/// The state of one partition of the log, and the function from a record to what is published.
pub struct Engine {
    config: Arc<Config>,
    clock: Option<EventTime>,
}

impl Engine {
    /// An engine that knows nobody yet.
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            clock: None,
        }
    }

    /// Takes the next record of the log and appends what it leads to.
    pub fn apply(&mut self, event: &Event<'_>, outputs: &mut Vec<Output>) -> Disposition {
        let _ = (&self.config, &outputs);
        self.clock = self.clock.max(Some(event.time));
        Disposition::Applied
    }

    /// The largest event time applied.
    pub fn clock(&self) -> Option<EventTime> {
        self.clock
    }

    /// How many identities have a profile.
    pub fn identities(&self) -> usize {
        0
    }

    /// Bytes of state held, all of it: profiles, sessions, interned names and tables.
    pub fn state_bytes(&self) -> usize {
        0
    }
}
