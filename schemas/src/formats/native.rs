//! `native`: Plumbline's own event schema, one JSON object per record.
//!
//! Takes the event as it is. `source` and `tenant` are filled in where the event does not name
//! them, and a raw secret in a field where none belongs is replaced ([`secret::protect`]).

use std::borrow::Cow;

use super::{Decoded, Format, Sink, Source, secret};
use crate::drift;
use crate::event::{DEFAULT_TENANT, Event};
use crate::json::Json;
use crate::reject::Reject;

/// The event as documented in `schemas/README.md`.
pub(super) struct Native;

impl Format for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        record.get("identity").is_some_and(Json::is_object)
            && record.get("action").is_some_and(Json::is_object)
            && record.get("time").is_some()
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        match read(raw, source) {
            Ok(event) => {
                drift::of_event(&event, |drift| sink(Decoded::Drift(drift)));
                sink(Decoded::Event(Box::new(event)));
            }
            Err(reject) => {
                drift::of_refusal(&reject, |drift| sink(Decoded::Drift(drift)));
                sink(Decoded::Rejected(reject));
            }
        }
    }
}

fn read<'v>(raw: &'v [u8], source: Source<'v>) -> Result<Event<'v>, Reject> {
    let mut event = read_event(raw)?;
    event.source.get_or_insert(Cow::Borrowed("native"));
    event
        .tenant
        .get_or_insert(Cow::Borrowed(source.tenant.unwrap_or(DEFAULT_TENANT)));
    Ok(event)
}

/// Reads an event as a program wrote it, and replaces raw secrets in it. Whoever reads events from
/// outside reads them with this: a program may have written to the log itself, past every format.
pub fn read_event(raw: &[u8]) -> Result<Event<'_>, Reject> {
    let mut event = Event::parse(raw)?;
    if event.network.position().is_none() {
        let network = &mut event.network;
        (network.lat, network.lon, network.accuracy_km) = (None, None, None);
    }
    if secret::protect(&mut event) {
        // A fingerprint may be longer than what it stands for.
        event.check(usize::MAX)?;
    }
    Ok(event)
}
