//! MaxMind DB files: what they say of an address, whichever of the two common layouts they have.
//!
//! MaxMind's own files nest (`location.latitude`, `country.iso_code`, `city.names.en`); files made
//! from CSV, DB-IP's among them, are flat (`latitude`, `country_code`, `city`). One record type
//! reads both, and borrows its text from the file.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::EnrichError;

/// How many records of a file are read when it is opened, to see that they are what they should be.
const RECORDS_TRIED: usize = 256;

/// One file, held in memory. (A memory map would need unsafe code, and would turn a file that is
/// replaced while the program runs into wrong answers or a crash.)
pub(super) struct Database {
    path: PathBuf,
    reader: Reader<Vec<u8>>,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// What a file is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sort {
    /// A file under `geo.city`.
    City,
    /// A file under `geo.asn`.
    Asn,
}

impl Sort {
    fn key(self) -> &'static str {
        match self {
            Self::City => "city",
            Self::Asn => "asn",
        }
    }

    /// Whether a record says anything that enrichment uses.
    fn is_in(self, found: &LookupResult<'_, Vec<u8>>) -> Result<bool, MaxMindDbError> {
        Ok(match self {
            Self::City => found
                .decode::<City<'_>>()?
                .is_some_and(|record| record.country.is_some() || record.coordinates.is_some()),
            Self::Asn => found
                .decode::<Asn<'_>>()?
                .is_some_and(|record| record.number.is_some()),
        })
    }
}

impl Database {
    /// Reads a file from disk.
    pub(super) fn open(path: &Path, sort: Sort) -> Result<Self, EnrichError> {
        let bytes = std::fs::read(path).map_err(|cause| EnrichError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        Self::read(path, bytes, sort)
    }

    /// Takes a file's bytes; `name` stands for its path in errors.
    pub(super) fn read(name: &Path, bytes: Vec<u8>, sort: Sort) -> Result<Self, EnrichError> {
        let not_mmdb = |cause| EnrichError::NotMmdb {
            path: name.to_owned(),
            cause,
        };
        let reader = Reader::from_source(bytes).map_err(not_mmdb)?;
        let database = Self {
            path: name.to_owned(),
            reader,
        };
        if database.sample(sort).map_err(not_mmdb)? {
            return Ok(database);
        }
        Err(EnrichError::WrongType {
            found: database.reader.metadata().database_type.clone(),
            path: database.path,
            expected: sort.key(),
        })
    }

    /// Whether any of the first records says something.
    fn sample(&self, sort: Sort) -> Result<bool, MaxMindDbError> {
        let networks = self.reader.networks(WithinOptions::default())?;
        for network in networks.take(RECORDS_TRIED) {
            // Another sort of database may well have the same key with another type.
            match sort.is_in(&network?) {
                Ok(true) => return Ok(true),
                Ok(false) | Err(MaxMindDbError::Decoding { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// What the file says of an address. An IPv6 address in an IPv4-only file is a miss.
    pub(super) fn lookup<'a, R: Deserialize<'a>>(
        &'a self,
        address: IpAddr,
    ) -> Result<Option<R>, MaxMindDbError> {
        if address.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(None);
        }
        self.reader.lookup(address)?.decode()
    }
}

/// What a city file says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct City<'a> {
    pub(super) city: Option<&'a str>,
    pub(super) country: Option<&'a str>,
    /// Degrees; both or neither, and never the 0, 0 that means that nothing is known.
    pub(super) coordinates: Option<(f64, f64)>,
    pub(super) radius_km: Option<f64>,
}

/// What an ASN file says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Asn<'a> {
    pub(super) number: Option<u64>,
    pub(super) organization: Option<&'a str>,
}

impl<'de> Deserialize<'de> for City<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = City<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a city record")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<City<'de>, A::Error> {
                read_city(map)
            }
        }
        d.deserialize_map(Fields)
    }
}

fn read_city<'de, A: MapAccess<'de>>(mut map: A) -> Result<City<'de>, A::Error> {
    let mut record = City::default();
    let mut flat = Location::default();
    let mut nested = Location::default();
    let mut code = None;
    let mut country = None;
    while let Some(key) = map.next_key::<&str>()? {
        match key {
            "city" => record.city = map.next_value::<Scalar<'de>>()?.city_name(),
            "country" => country = map.next_value::<Scalar<'de>>()?.text,
            "country_code" => code = map.next_value::<Scalar<'de>>()?.text,
            "location" => nested = map.next_value::<Nested<Location>>()?.0,
            _ => {
                if !flat.take(key, &mut map)? {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
    }
    // Some flat files write the country's name, not its code, under `country`.
    record.country = code.or(country).filter(|code| is_country_code(code));
    let location = if nested.coordinates().is_some() {
        nested
    } else {
        flat
    };
    record.coordinates = location.coordinates();
    record.radius_km = location.radius.filter(|radius| *radius > 0.0);
    Ok(record)
}

fn is_country_code(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The numbers of a place: the nested `location`, or the same keys in a flat record.
#[derive(Clone, Copy, Debug, Default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
    radius: Option<f64>,
}

impl Location {
    /// Reads the value if the key is one of its own.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let field = match key {
            "latitude" | "lat" => &mut self.latitude,
            "longitude" | "lon" | "lng" => &mut self.longitude,
            "accuracy_radius" | "radius" => &mut self.radius,
            _ => return Ok(false),
        };
        *field = map.next_value::<Scalar<'de>>()?.number;
        Ok(true)
    }

    fn coordinates(&self) -> Option<(f64, f64)> {
        let (lat, lon) = (self.latitude?, self.longitude?);
        let on_the_map = lat.abs() <= 90.0 && lon.abs() <= 180.0;
        (on_the_map && (lat, lon) != (0.0, 0.0)).then_some((lat, lon))
    }
}

/// A map, or nothing if it is written as something else.
struct Nested<T>(T);

impl<'de> Deserialize<'de> for Nested<Location> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Location;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of latitude, longitude and accuracy_radius")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Location, A::Error> {
                let mut location = Location::default();
                while let Some(key) = map.next_key::<&str>()? {
                    if !location.take(key, &mut map)? {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(location)
            }
        }
        d.deserialize_map(Fields).map(Nested)
    }
}

impl<'de> Deserialize<'de> for Asn<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Asn<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ASN record")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Asn<'de>, A::Error> {
                let mut record = Asn::default();
                while let Some(key) = map.next_key::<&str>()? {
                    match key {
                        "autonomous_system_number" | "asn" | "as_number" => {
                            record.number = map.next_value::<Scalar<'de>>()?.as_number();
                        }
                        "autonomous_system_organization" | "as_name" | "as_org" => {
                            record.organization = map.next_value::<Scalar<'de>>()?.text;
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(record)
            }
        }
        d.deserialize_map(Fields)
    }
}

/// A value of either layout: text, a number, or a map with the text under `names.en` or `iso_code`.
#[derive(Default)]
struct Scalar<'a> {
    text: Option<&'a str>,
    number: Option<f64>,
    is_nested: bool,
}

impl<'a> Scalar<'a> {
    /// The city alone where a flat file (DB-IP's) adds the district: `Oslo (Ulleval)`. An address
    /// that moves from one district to the next has not moved to another city.
    fn city_name(&self) -> Option<&'a str> {
        let text = self.text?;
        match text.split_once(" (") {
            Some((city, _district)) if !self.is_nested && !city.is_empty() => Some(city),
            _ => Some(text),
        }
    }

    /// A whole number, also where it is written as text or as `AS64500`.
    fn as_number(&self) -> Option<u64> {
        match (self.number, self.text) {
            (Some(number), _) if number >= 1.0 => Some(number as u64),
            (None, Some(text)) => text.trim_start_matches("AS").parse().ok(),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, or a map with names")
    }
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        // Text made from CSV: an empty cell is nothing, a number may be written out.
        Ok(Scalar {
            text: Some(text).filter(|text| !text.is_empty()),
            number: text.parse().ok().filter(|number: &f64| number.is_finite()),
            is_nested: false,
        })
    }
    fn visit_str<E: de::Error>(self, _: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::default())
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar {
            number: Some(number).filter(|number| number.is_finite()),
            ..Scalar::default()
        })
    }
    fn visit_f32<E: de::Error>(self, number: f32) -> Result<Scalar<'de>, E> {
        // A single has about seven digits, four of them behind the point (11 m); the rest of the
        // double would be noise in every event.
        self.visit_f64((f64::from(number) * 1e4).round() / 1e4)
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar<'de>, E> {
        self.visit_f64(number as f64)
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar<'de>, E> {
        self.visit_f64(number as f64)
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::default())
    }
    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Scalar<'de>, E> {
        Ok(Scalar::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::default())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
        let mut text = None;
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "iso_code" | "en" => text = map.next_value::<Scalar<'de>>()?.text,
                "names" => text = map.next_value::<Names<'de>>()?.0,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Scalar {
            text,
            number: None,
            is_nested: true,
        })
    }
}

/// `names`: the English one.
struct Names<'a>(Option<&'a str>);

impl<'de> Deserialize<'de> for Names<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let names = Scalar::deserialize(d)?;
        Ok(Names(names.text))
    }
}
