//! Enrichment: what an event's source address says about place, network and anonymiser.
//!
//! Rules, in the order in which they hold:
//! - What the event knows is never overwritten. Coordinates, radius, country and city describe one
//!   place: an event with coordinates of its own keeps that place as a whole.
//! - A reserved address (private, loopback, link-local, ...) is nowhere, whatever a file says.
//! - The first file that knows an address answers for it.
//! - A place without a city is the middle of a country, and may be off by the country's radius. A
//!   radius that no file gives stays *not known*, which detectors treat as a large one.

mod anonymizers;
mod cache;
mod countries;
mod database;
mod error;

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use plumbline_schemas::address;
use plumbline_schemas::event::{Event, Network};
use serde::Deserialize;

use crate::config::GeoConfig;
use anonymizers::Anonymizers;
use cache::{Cache, Known};
use database::{Asn, City, Database, Sort};

pub use error::EnrichError;

/// Everything that is known about addresses, opened once and shared by all workers.
#[derive(Debug, Default)]
pub struct Enricher {
    city: Vec<Database>,
    asn: Vec<Database>,
    anonymizers: Anonymizers,
    failed: AtomicU64,
    cache: Cache,
}

impl Enricher {
    /// An enricher that has no files: it only tidies addresses.
    pub fn none() -> Self {
        Self::default()
    }

    /// Opens the files of `[geo]`.
    pub fn open(config: &GeoConfig) -> Result<Self, EnrichError> {
        Self::from_paths(&config.city, &config.asn, &config.anonymizers)
    }

    /// Opens these files.
    pub fn from_paths(
        city: &[PathBuf],
        asn: &[PathBuf],
        anonymizers: &[PathBuf],
    ) -> Result<Self, EnrichError> {
        let open_city = |path: &PathBuf| Database::open(path, Sort::City);
        let open_asn = |path: &PathBuf| Database::open(path, Sort::Asn);
        Ok(Self {
            city: city.iter().map(open_city).collect::<Result<_, _>>()?,
            asn: asn.iter().map(open_asn).collect::<Result<_, _>>()?,
            anonymizers: Anonymizers::open(anonymizers)?,
            failed: AtomicU64::new(0),
            cache: Cache::default(),
        })
    }

    /// The same from memory: one city file, one ASN file and the text of one list of anonymisers.
    pub fn from_bytes(city: Vec<u8>, asn: Vec<u8>, anonymizers: &str) -> Result<Self, EnrichError> {
        Ok(Self {
            city: vec![Database::read(
                Path::new("built-in city"),
                city,
                Sort::City,
            )?],
            asn: vec![Database::read(Path::new("built-in asn"), asn, Sort::Asn)?],
            anonymizers: Anonymizers::read(Path::new("built-in anonymizers"), anonymizers)?,
            failed: AtomicU64::new(0),
            cache: Cache::default(),
        })
    }

    /// How many lookups ran into a damaged record since the files were opened. Such a lookup counts
    /// as a miss.
    pub fn failed_lookups(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Adds what is known about the event's source address; never overwrites what the event knows.
    ///
    /// `network.ip` itself is brought to one spelling: no port, no zone, no IPv4 in IPv6. Text that
    /// is no address stays as it is, and nothing is concluded from it. Of an event of which only the country is
    /// known in the end, the place is the middle of that country, as large as the country is.
    pub fn enrich(&self, event: &mut Event<'_>) {
        let network = &mut event.network;
        if let Some(address) = network.ip.as_deref().and_then(address::parse) {
            respell(network, address);
            self.cache.with(
                address,
                || self.look_up(address),
                |known| add(network, known),
            );
        }
        add_country(network);
    }

    /// What the files say of an address, and whether none of them is damaged there.
    fn look_up(&self, address: IpAddr) -> (Known, bool) {
        let anonymizer = self.anonymizers.lookup(address);
        if address::is_reserved(address) {
            return (Known::new(address, anonymizer, None, None), true);
        }
        let (place, is_whole) = self.first_known(&self.city, address);
        let (asn, is_asn_whole) = self.first_known::<Asn<'_>>(&self.asn, address);
        let known = Known::new(address, anonymizer, place.as_ref(), asn.as_ref());
        (known, is_whole && is_asn_whole)
    }

    /// The first answer of these files, and whether none before it failed.
    fn first_known<'a, R: Deserialize<'a>>(
        &'a self,
        files: &'a [Database],
        address: IpAddr,
    ) -> (Option<R>, bool) {
        let mut is_whole = true;
        for file in files {
            match file.lookup(address) {
                Ok(Some(record)) => return (Some(record), is_whole),
                Ok(None) => {}
                Err(_) => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    is_whole = false;
                }
            }
        }
        (None, is_whole)
    }
}

/// Adds what is known of the address to what the event knows.
fn add(network: &mut Network<'_>, known: &Known) {
    if network.anonymizer.is_not_known()
        && let Some(kind) = known.anonymizer
    {
        network.anonymizer = kind.into();
    }
    if let Some(place) = known.place() {
        add_place(network, &place);
    }
    // An organisation without its number names another network than the event's own number.
    if network.asn.is_none()
        && let Some(found) = known.asn()
    {
        network.asn = found.number;
        fill(&mut network.as_org, found.organization);
    }
}

/// One spelling for one address, so that a port or a letter's case never makes a new address.
fn respell(network: &mut Network<'_>, address: IpAddr) {
    let is_canonical_v4 = address.is_ipv4()
        && network.ip.as_deref().is_some_and(|text| {
            text.bytes()
                .all(|byte| byte == b'.' || byte.is_ascii_digit())
        });
    if is_canonical_v4 {
        return;
    }
    let spelled = address.to_string();
    if network.ip.as_deref() != Some(spelled.as_str()) {
        network.ip = Some(Cow::Owned(spelled));
    }
}

fn add_place(network: &mut Network<'_>, place: &City<'_>) {
    if network.lat.is_some() || network.lon.is_some() {
        fill(&mut network.country, place.country);
        return;
    }
    // A source that names another country than the file knows better where its client was; the
    // file's coordinates would belong to another place.
    let disagree = match (network.country.as_deref(), place.country) {
        (Some(known), Some(found)) => !known.eq_ignore_ascii_case(found),
        _ => false,
    };
    if disagree {
        return;
    }
    if let Some((lat, lon)) = place.coordinates {
        network.lat = Some(lat);
        network.lon = Some(lon);
        network.accuracy_km = network.accuracy_km.or_else(|| radius_km(place));
    }
    fill(&mut network.country, place.country);
    fill(&mut network.city, place.city);
}

fn add_country(network: &mut Network<'_>) {
    let is_somewhere = network.lat.is_some() || network.lon.is_some();
    let country = network.country.as_deref().filter(|_| !is_somewhere);
    if let Some(country) = country.and_then(countries::country) {
        (network.lat, network.lon) = (Some(country.lat), Some(country.lon));
        network.accuracy_km = Some(country.radius_km);
    }
}

/// The file's radius. For the middle of a country at least the country's own.
fn radius_km(place: &City<'_>) -> Option<f64> {
    if place.city.is_some() {
        return place.radius_km;
    }
    let country = place.country.and_then(countries::country);
    let country = country.map(|country| country.radius_km);
    match (place.radius_km, country) {
        (Some(file), Some(country)) => Some(file.max(country)),
        (file, country) => country.or(file),
    }
}

fn fill(field: &mut Option<Cow<'_, str>>, value: Option<&str>) {
    if field.is_none() {
        *field = value.map(|text| Cow::Owned(text.to_owned()));
    }
}

#[cfg(test)]
mod tests;
