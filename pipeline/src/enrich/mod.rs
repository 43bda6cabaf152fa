//! Enrichment: what an event's source address says about place, network and anonymiser.

mod error;

use std::path::PathBuf;

use plumbline_schemas::event::Event;

pub use error::EnrichError;

/// Everything that is known about addresses, opened once and shared by all workers.
#[derive(Debug, Default)]
pub struct Enricher {}

impl Enricher {
    /// An enricher that knows nothing and leaves every event as it is.
    pub fn none() -> Self {
        Self::default()
    }

    /// Opens the files named; the first city or ASN file that knows an address answers for it.
    pub fn from_paths(
        _city: &[PathBuf],
        _asn: &[PathBuf],
        _anonymizers: &[PathBuf],
    ) -> Result<Self, EnrichError> {
        Ok(Self::default())
    }

    /// Adds what is known about the event's source address; never overwrites what the event knows.
    pub fn enrich(&self, _event: &mut Event<'_>) {}
}
