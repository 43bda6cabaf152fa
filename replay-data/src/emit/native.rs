//! Plumbline's own event schema.

use plumbline_schemas::event::Event;

/// The event as one line of JSON.
pub fn record(event: &Event<'_>) -> String {
    // No map in an event has keys other than text and no number is other than finite.
    sonic_rs::to_string(event).unwrap_or_default()
}
