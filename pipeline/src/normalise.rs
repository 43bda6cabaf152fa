//! From a raw record to enriched events.

use std::sync::Arc;

use plumbline_schemas::formats::{self, Decoded, Format, Source};

use crate::enrich::Enricher;
use crate::log_format::{FormatError, LogFormat};

/// Decodes the records of one source and adds what is known about their addresses.
pub struct Normaliser {
    format: LogFormat,
    native: LogFormat,
    tenant: Option<String>,
    enricher: Arc<Enricher>,
}

impl Normaliser {
    /// For records of this format.
    pub fn new(
        format: LogFormat,
        tenant: Option<&str>,
        enricher: Arc<Enricher>,
    ) -> Result<Self, FormatError> {
        Ok(Self {
            format,
            native: LogFormat::open("native", None)?,
            tenant: tenant.map(str::to_owned),
            enricher,
        })
    }

    /// Hands everything in a raw record to `sink`, in order.
    pub fn decode(&self, raw: &[u8], sink: &mut formats::Sink<'_>) {
        self.decode_as(&*self.format, raw, sink);
    }

    /// The same for a record that is a native event, whatever the format of the others.
    pub fn decode_native(&self, raw: &[u8], sink: &mut formats::Sink<'_>) {
        self.decode_as(&*self.native, raw, sink);
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
