//! A finding or a command, whichever is asked about.

use std::iter;

use plumbline_detectors::Output;
use plumbline_schemas::command::Command;
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;

use super::ExplainError;

/// One of either.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Finding(Box<Finding>),
    Command(Box<Command>),
}

/// What is stored of what is asked about.
pub(super) struct Stored {
    pub(super) main: Item,
    /// The findings behind a command, as far as they are known.
    pub(super) behind: Vec<Item>,
}

impl Stored {
    /// All of it, what is asked about first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Item> {
        iter::once(&self.main).chain(&self.behind)
    }

    /// Whether a finding rests on the event with this id.
    pub(super) fn names(&self, event_id: &str) -> bool {
        self.all().any(|item| match item {
            Item::Finding(finding) => finding.event_ids.iter().any(|id| id == event_id),
            Item::Command(_) => false,
        })
    }
}

impl Item {
    /// What an engine has published, but for what is for other engines.
    pub(super) fn published(output: Output) -> Option<Self> {
        match output {
            Output::Finding(finding) => Some(Self::Finding(finding)),
            Output::Command(command) => Some(Self::Command(command)),
            Output::Context(_) => None,
        }
    }

    pub(super) fn id(&self) -> &str {
        match self {
            Self::Finding(finding) => &finding.id,
            Self::Command(command) => &command.id,
        }
    }

    /// Whom it is about, by tenant and id, and its time.
    pub(super) fn moment(&self) -> (&str, &str, EventTime) {
        match self {
            Self::Finding(finding) => (&finding.tenant, &finding.identity.id, finding.time),
            Self::Command(command) => {
                let target = &command.target;
                (&target.tenant, &target.identity, command.time)
            }
        }
    }

    /// Whether it could stand in the place of the other.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let is_same_sort = match (self, other) {
            (Self::Finding(one), Self::Finding(other)) => one.detector == other.detector,
            (Self::Command(_), Self::Command(_)) => true,
            _ => false,
        };
        is_same_sort && self.moment() == other.moment()
    }

    /// As a line of a file has it.
    pub(super) fn line(&self) -> Result<String, ExplainError> {
        let line = match self {
            Self::Finding(finding) => serde_json::to_string(finding),
            Self::Command(command) => serde_json::to_string(command),
        };
        line.map_err(ExplainError::Row)
    }
}
