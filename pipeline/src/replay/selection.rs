//! Which part of a log is replayed.

use plumbline_detectors::glob;
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;

use crate::config::ReplayConfig;

/// A range of time, and identities.
pub(super) struct Selection<'c> {
    from: Option<EventTime>,
    to: Option<EventTime>,
    /// Globs; all where there are none.
    identities: &'c [String],
}

impl<'c> Selection<'c> {
    pub(super) fn of(config: &'c ReplayConfig) -> Self {
        Self {
            from: config.from,
            to: config.to,
            identities: &config.identities,
        }
    }

    /// Whether an event belongs to it: by its time, and by who acts or on whose behalf.
    pub(super) fn has(&self, event: &Event<'_>) -> bool {
        let is_in_time = self.from.is_none_or(|from| event.time >= from)
            && self.to.is_none_or(|to| event.time < to);
        is_in_time && (self.identities.is_empty() || self.concerns(event))
    }

    fn concerns(&self, event: &Event<'_>) -> bool {
        let is_named = |id: &str| self.identities.iter().any(|glob| glob::matches(glob, id));
        is_named(&event.identity.id) || event.delegation.iter().any(|by| is_named(&by.id))
    }
}
