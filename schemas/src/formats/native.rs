//! `native`: Plumbline's own event schema, one JSON object per record.

use super::{Decoded, Format, Sink, Source};
use crate::event::Event;

/// The event as documented in `schemas/README.md`.
pub(super) struct Native;

impl Format for Native {
    fn name(&self) -> &'static str {
        "native"
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        match Event::parse(raw) {
            Ok(mut event) => {
                if event.tenant.is_none() {
                    event.tenant = source.tenant.map(|tenant| tenant.to_owned().into());
                }
                super::secret::protect(&mut event);
                sink(Decoded::Event(Box::new(event)));
            }
            Err(reject) => sink(Decoded::Rejected(reject)),
        }
    }
}
