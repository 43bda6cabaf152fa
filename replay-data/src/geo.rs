//! The geolocation files of the simulated world, written from the one table of [`crate::places`].
//!
//! They are committed in `replay-data/geo/`. A test compares them with what this module writes;
//! `PLUMBLINE_WRITE=1 cargo test -p plumbline-replay-data geo` writes them anew.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::mmdb::{IpVersion, Mmdb, MmdbError, Value};
use crate::places::{Access, PLACES, Place};

/// The files say that they were built on 1 January 2026: their bytes must not depend on the day.
const BUILD_EPOCH: u64 = 1_767_225_600;

/// City file in MaxMind's nested layout, IPv4 and IPv6, with radii.
pub fn city() -> Result<Vec<u8>, MmdbError> {
    let description = "Documentation addresses, as if they were in cities (nested layout)";
    let mut file =
        Mmdb::new(IpVersion::V6, "Plumbline-Documentation-City", description).built_at(BUILD_EPOCH);
    for place in PLACES {
        insert_both(&mut file, place, nested_record(place))?;
    }
    file.to_bytes()
}

/// City file in the flat layout of files made from CSV, IPv4 only, without radii.
pub fn city_flat() -> Result<Vec<u8>, MmdbError> {
    let description = "Documentation addresses, as if they were in cities (flat layout, IPv4)";
    let mut file = Mmdb::new(IpVersion::V4, "city ipv4", description).built_at(BUILD_EPOCH);
    for place in PLACES {
        let record = Value::map([
            ("city", place.city.unwrap_or_default().into()),
            ("country_code", place.country.into()),
            ("latitude", Value::Float(place.lat as f32)),
            ("longitude", Value::Float(place.lon as f32)),
        ]);
        file.insert(place.v4.0.into(), place.v4.1, record)?;
    }
    file.to_bytes()
}

/// ASN file, IPv4 and IPv6.
pub fn asn() -> Result<Vec<u8>, MmdbError> {
    let description = "Documentation addresses, as if invented operators ran them";
    let mut file =
        Mmdb::new(IpVersion::V6, "Plumbline-Documentation-ASN", description).built_at(BUILD_EPOCH);
    for place in PLACES {
        insert_both(&mut file, place, asn_record(place.asn, place.as_org))?;
    }
    file.to_bytes()
}

/// The record of an ASN file.
pub fn asn_record(number: u32, organization: &str) -> Value {
    Value::map([
        ("autonomous_system_number", Value::U32(number)),
        ("autonomous_system_organization", organization.into()),
    ])
}

/// List of anonymiser ranges: what anybody may come through. The organisation's own VPN is not on it.
pub fn anonymizers() -> String {
    let mut list = "cidr,kind\n".to_owned();
    for place in PLACES {
        let kind = match place.access {
            Access::CommercialVpn => "vpn",
            Access::Tor => "tor",
            Access::Cloud => "hosting",
            Access::Fixed | Access::Mobile | Access::CorporateVpn => continue,
        };
        let ranges: [(IpAddr, u8); 2] = [
            (place.v4.0.into(), place.v4.1),
            (place.v6.0.into(), place.v6.1),
        ];
        for (network, prefix) in ranges {
            // Writing to a string cannot fail.
            let _ = writeln!(list, "{network}/{prefix},{kind}");
        }
    }
    list
}

fn insert_both(file: &mut Mmdb, place: &Place, record: Value) -> Result<(), MmdbError> {
    file.insert(place.v4.0.into(), place.v4.1, record.clone())?;
    file.insert(place.v6.0.into(), place.v6.1, record)
}

fn nested_record(place: &Place) -> Value {
    let mut location = vec![
        ("latitude", Value::Double(place.lat)),
        ("longitude", Value::Double(place.lon)),
    ];
    if let Some(radius) = place.radius_km {
        location.push(("accuracy_radius", Value::U16(radius)));
    }
    let mut record = vec![];
    if let Some(city) = place.city {
        let names = Value::map([("en", city.into())]);
        record.push(("city", Value::map([("names", names)])));
    }
    record.push(("country", Value::map([("iso_code", place.country.into())])));
    record.push(("location", Value::map(location)));
    Value::map(record)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use maxminddb::{Reader, geoip2};

    use super::*;

    fn check(name: &str, bytes: &[u8]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("geo").join(name);
        if std::env::var_os("PLUMBLINE_WRITE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
        }
        let committed = std::fs::read(&path).unwrap_or_default();
        assert!(
            committed == bytes,
            "{} is not what the table of places says; write it anew with \
             PLUMBLINE_WRITE=1 cargo test -p plumbline-replay-data geo",
            path.display()
        );
    }

    #[test]
    fn committed_files_are_what_the_table_says() {
        check("documentation-city.mmdb", &city().unwrap());
        check("documentation-city-flat.mmdb", &city_flat().unwrap());
        check("documentation-asn.mmdb", &asn().unwrap());
        check("documentation-anonymizers.csv", anonymizers().as_bytes());
    }

    #[test]
    fn city_file_reads_as_maxminds_own() {
        let reader = Reader::from_source(city().unwrap()).unwrap();
        reader.verify().unwrap();
        for place in PLACES {
            let addresses = [IpAddr::from(place.address(3)), place.address_v6(3).into()];
            for address in addresses {
                let result = reader.lookup(address).unwrap();
                let record: geoip2::City<'_> = result.decode().unwrap().unwrap();
                assert_eq!(record.city.names.english, place.city);
                assert_eq!(record.country.iso_code, Some(place.country));
                assert_eq!(record.location.latitude, Some(place.lat));
                assert_eq!(record.location.longitude, Some(place.lon));
                assert_eq!(record.location.accuracy_radius, place.radius_km);
            }
        }
    }

    #[test]
    fn asn_file_reads_as_maxminds_own() {
        let reader = Reader::from_source(asn().unwrap()).unwrap();
        reader.verify().unwrap();
        for place in PLACES {
            let result = reader.lookup(place.address_v6(0).into()).unwrap();
            let record: geoip2::Asn<'_> = result.decode().unwrap().unwrap();
            assert_eq!(record.autonomous_system_number, Some(place.asn));
            assert_eq!(record.autonomous_system_organization, Some(place.as_org));
        }
    }

    #[test]
    fn flat_file_knows_every_ipv4_range_and_the_free_one_is_free() {
        let reader = Reader::from_source(city_flat().unwrap()).unwrap();
        reader.verify().unwrap();
        for place in PLACES {
            let result = reader.lookup(place.address(0).into()).unwrap();
            let record: serde_json::Value = result.decode().unwrap().unwrap();
            assert_eq!(record["city"], place.city.unwrap_or_default());
            assert_eq!(record["country_code"], place.country);
        }
        let nobody: IpAddr = "203.0.113.245".parse().unwrap();
        assert!(!reader.lookup(nobody).unwrap().has_data());
    }
}
