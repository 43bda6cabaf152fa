//! From a raw record to enriched events.

use std::sync::Arc;

use plumbline_schemas::formats::{self, Decoded, Format, Source};

use crate::enrich::Enricher;

/// Decodes the records of one source and adds what is known about their addresses.
pub struct Normaliser {
    format: &'static dyn Format,
    native: &'static dyn Format,
    tenant: Option<String>,
    enricher: Arc<Enricher>,
}

impl Normaliser {
    /// For a format of that name; `None` if this build has none.
    pub fn new(format: &str, tenant: Option<&str>, enricher: Arc<Enricher>) -> Option<Self> {
        Some(Self {
            format: formats::by_name(format)?,
            native: formats::by_name("native")?,
            tenant: tenant.map(str::to_owned),
            enricher,
        })
    }

    /// Hands everything in a raw record to `sink`, in order.
    pub fn decode(&self, raw: &[u8], sink: &mut formats::Sink<'_>) {
        self.decode_as(self.format, raw, sink);
    }

    /// The same for a record that is a native event, whatever the format of the others.
    pub fn decode_native(&self, raw: &[u8], sink: &mut formats::Sink<'_>) {
        self.decode_as(self.native, raw, sink);
    }

    fn decode_as(&self, format: &dyn Format, raw: &[u8], sink: &mut formats::Sink<'_>) {
        let source = Source {
            tenant: self.tenant.as_deref(),
        };
        format.decode(raw, source, &mut |mut decoded| {
            if let Decoded::Event(event) = &mut decoded {
                self.enricher.enrich(event);
            }
            sink(decoded);
        });
    }
}
