//! Enrichment over the files of the documentation ranges, and over files made to be awkward.

use std::path::Path;

use plumbline_replay_data::geo;
use plumbline_replay_data::mmdb::{IpVersion, Mmdb, Value};
use plumbline_replay_data::places::{Access, PLACES, Place, place, place_with};
use plumbline_schemas::event::{Anonymizer, EventKind};
use plumbline_schemas::time::EventTime;
use proptest::prelude::*;

use super::*;

fn world() -> Enricher {
    let (city, asn) = (geo::city().unwrap(), geo::asn().unwrap());
    Enricher::from_bytes(city, asn, &geo::anonymizers()).unwrap()
}

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../replay-data/geo")
        .join(name)
}

/// A login whose `network` is this JSON.
fn login(network: &str) -> Event<'static> {
    let record = format!(
        r#"{{"id":"e1","time":"2026-11-20T10:15:30Z","kind":"auth","identity":{{"id":"ann"}},
            "action":{{"name":"login","class":"login"}},"network":{network}}}"#
    );
    let event: Event<'static> = serde_json::from_str(Box::leak(record.into_boxed_str())).unwrap();
    assert_eq!(event.kind, EventKind::Auth);
    event
}

fn enriched(enricher: &Enricher, network: &str) -> Network<'static> {
    let mut event = login(network);
    enricher.enrich(&mut event);
    event.network
}

fn from(enricher: &Enricher, address: impl ToString) -> Network<'static> {
    enriched(enricher, &format!(r#"{{"ip":"{}"}}"#, address.to_string()))
}

/// A city file with one record for one network.
fn one_record(version: IpVersion, network: &str, record: Value) -> Vec<u8> {
    let mut file = Mmdb::new(version, "Test", "A test");
    let (address, prefix) = network.split_once('/').unwrap();
    file.insert(address.parse().unwrap(), prefix.parse().unwrap(), record)
        .unwrap();
    file.to_bytes().unwrap()
}

fn with_city(bytes: Vec<u8>) -> Enricher {
    Enricher::from_bytes(bytes, geo::asn().unwrap(), "").unwrap()
}

fn assert_at(network: &Network<'_>, place: &Place) {
    assert_eq!(network.city.as_deref(), place.city);
    assert_eq!(network.country.as_deref(), Some(place.country));
    assert_eq!(
        (network.lat, network.lon),
        (Some(place.lat), Some(place.lon))
    );
    assert_eq!(network.asn, Some(u64::from(place.asn)));
    assert_eq!(network.as_org.as_deref(), Some(place.as_org));
    if place.city.is_some() {
        assert_eq!(network.accuracy_km, place.radius_km.map(f64::from));
    }
}

#[test]
fn every_address_of_a_place_is_found_at_that_place() {
    let world = world();
    for place in PLACES {
        assert_at(&from(&world, place.address(1)), place);
        assert_at(&from(&world, place.address(200)), place);
        assert_at(&from(&world, place.address_v6(1)), place);
    }
    assert_eq!(world.failed_lookups(), 0);
}

#[test]
fn the_committed_files_open_by_path() {
    let config = GeoConfig {
        city: vec![
            committed("documentation-city-flat.mmdb"),
            committed("documentation-city.mmdb"),
        ],
        asn: vec![committed("documentation-asn.mmdb")],
        anonymizers: vec![committed("documentation-anonymizers.csv")],
    };
    let enricher = Enricher::open(&config).unwrap();
    let oslo = place("Oslo").unwrap();
    // The flat file comes first and knows no radius; it has IPv4 only, which is no error.
    let v4 = from(&enricher, oslo.address(1));
    assert_eq!(v4.accuracy_km, None);
    assert_eq!((v4.lat, v4.lon), (Some(59.9139), Some(10.7522)));
    assert_eq!(v4.city.as_deref(), Some("Oslo"));
    assert_eq!(v4.country.as_deref(), Some("NO"));
    assert_at(&from(&enricher, oslo.address_v6(1)), oslo);
    assert_eq!(enricher.failed_lookups(), 0);
}

#[test]
fn a_place_without_a_city_is_as_wide_as_its_country() {
    let middle = PLACES.iter().find(|place| place.city.is_none()).unwrap();
    let network = from(&world(), middle.address(1));
    assert_eq!(network.country.as_deref(), Some("BR"));
    assert_eq!(network.city, None);
    // São Paulo is in Brazil, and 1 800 km from its middle.
    assert!(network.accuracy_km.unwrap() > 2_000.0);
}

#[test]
fn a_radius_the_file_gives_for_a_middle_is_kept_if_it_is_the_larger() {
    let record = |radius| {
        let location = Value::map([
            ("latitude", Value::Double(1.36)),
            ("longitude", Value::Double(103.8)),
            ("accuracy_radius", Value::U16(radius)),
        ]);
        let country = Value::map([("iso_code", "SG".into())]);
        one_record(
            IpVersion::V4,
            "192.0.2.0/24",
            Value::map([("country", country), ("location", location)]),
        )
    };
    let radius = |km| from(&with_city(record(km)), "192.0.2.1").accuracy_km;
    assert_eq!(radius(1_000), Some(1_000.0));
    let singapore = countries::country("SG").map(|country| country.radius_km);
    assert_eq!(radius(1), singapore);
}

#[test]
fn a_missing_radius_of_a_city_stays_not_known() {
    let network = from(&world(), place("Helsinki").unwrap().address(1));
    assert_eq!(network.city.as_deref(), Some("Helsinki"));
    assert_eq!(network.accuracy_km, None);
}

#[test]
fn reserved_addresses_are_nowhere_whatever_a_file_says() {
    let record = Value::map([
        ("latitude", Value::Double(1.0)),
        ("longitude", Value::Double(2.0)),
    ]);
    let everywhere = with_city(one_record(IpVersion::V6, "::/0", record));
    assert_eq!(from(&everywhere, "198.51.100.1").lat, Some(1.0));
    for address in [
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "192.168.0.1",
        "::1",
        "fd00::1",
        "::ffff:10.0.0.1",
    ] {
        let network = from(&everywhere, address);
        assert_eq!((network.lat, network.asn), (None, None), "{address}");
    }
}

#[test]
fn text_that_is_no_address_stays_and_concludes_nothing() {
    let world = world();
    for text in [
        "cloudformation.amazonaws.com",
        "AWS Internal",
        "192.0.2.1, 192.0.2.2",
    ] {
        let network = from(&world, text);
        let expected = Network {
            ip: Some(Cow::Borrowed(text)),
            ..Network::default()
        };
        assert_eq!(network, expected);
    }
    assert_eq!(enriched(&world, "{}"), Network::default());
}

#[test]
fn an_address_has_one_spelling() {
    let world = world();
    for (written, spelled) in [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:50123", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::0001]:443", "2001:db8::1"),
        ("2001:db8:0:0::1", "2001:db8::1"),
    ] {
        let network = from(&world, written);
        assert_eq!(network.ip.as_deref(), Some(spelled), "{written}");
        assert_eq!(network.city.as_deref(), Some("Oslo"), "{written}");
    }
}

#[test]
fn an_event_with_coordinates_keeps_its_own_place() {
    let oslo = place("Oslo").unwrap().address(1);
    let network = enriched(
        &world(),
        &format!(r#"{{"ip":"{oslo}","lat":51.5,"lon":-0.1,"asn":20712}}"#),
    );
    assert_eq!((network.lat, network.lon), (Some(51.5), Some(-0.1)));
    assert_eq!((network.city, network.accuracy_km), (None, None));
    assert_eq!((network.asn, network.as_org), (Some(20712), None));
    assert_eq!(network.country.as_deref(), Some("NO"));
}

#[test]
fn an_event_with_a_country_is_located_only_in_that_country() {
    let (world, oslo) = (world(), place("Oslo").unwrap().address(1));
    let same = enriched(
        &world,
        &format!(r#"{{"ip":"{oslo}","country":"NO","city":"Asker"}}"#),
    );
    assert_eq!(same.lat, Some(59.9139));
    assert_eq!(same.city.as_deref(), Some("Asker"));
    let other = enriched(&world, &format!(r#"{{"ip":"{oslo}","country":"PE"}}"#));
    assert_eq!((other.lat, other.city), (Some(-9.1), None));
    assert_eq!(other.accuracy_km, Some(1130.0));
    assert_eq!(other.country.as_deref(), Some("PE"));
    assert_eq!(other.asn, Some(64496));
}

#[test]
fn anonymisers_are_marked_unless_the_source_knows_better() {
    let world = world();
    let tor = place_with(Access::Tor).unwrap().address(1);
    let known = |network: Network<'_>| network.anonymizer.known();
    assert_eq!(known(from(&world, tor)), Some(Anonymizer::Tor));
    let own = enriched(&world, &format!(r#"{{"ip":"{tor}","anonymizer":"proxy"}}"#));
    assert_eq!(known(own), Some(Anonymizer::Proxy));
    let corporate = place_with(Access::CorporateVpn).unwrap().address(1);
    assert_eq!(known(from(&world, corporate)), None);
}

#[test]
fn null_island_and_coordinates_off_the_map_are_not_believed() {
    for (lat, lon) in [(0.0, 0.0), (91.0, 10.0), (10.0, 181.0), (f64::NAN, 10.0)] {
        let record = Value::map([
            ("country_code", "NO".into()),
            ("latitude", Value::Double(lat)),
            ("longitude", Value::Double(lon)),
        ]);
        let network = from(
            &with_city(one_record(IpVersion::V4, "192.0.2.0/24", record)),
            "192.0.2.1",
        );
        // Where the country is, is known all the same.
        let middle = (network.lat, network.lon);
        assert_eq!(middle, (Some(63.8), Some(12.3)), "{lat}, {lon}");
        assert_eq!(network.accuracy_km, Some(1100.0));
        assert_eq!(network.country.as_deref(), Some("NO"));
    }
}

#[test]
fn the_district_behind_a_city_of_a_flat_file_is_no_part_of_its_name() {
    let city = |name: Value| {
        let record = Value::map([("country_code", "DE".into()), ("city", name)]);
        let bytes = one_record(IpVersion::V4, "192.0.2.0/24", record);
        from(&with_city(bytes), "192.0.2.1").city
    };
    assert_eq!(city("Berlin (Mitte)".into()).as_deref(), Some("Berlin"));
    let names = Value::map([("en", "Halle (Saale)".into())]);
    let nested = Value::map([("names", names)]);
    assert_eq!(city(nested).as_deref(), Some("Halle (Saale)"));
}

#[test]
fn numbers_written_as_text_and_countries_written_as_names_are_understood() {
    let record = Value::map([
        ("city", "Oslo".into()),
        ("country", "Norway".into()),
        ("country_code", "NO".into()),
        ("lat", "59.9139".into()),
        ("lng", "10.7522".into()),
        ("radius", "".into()),
    ]);
    let network = from(
        &with_city(one_record(IpVersion::V6, "192.0.2.0/24", record)),
        "192.0.2.1",
    );
    assert_eq!((network.lat, network.lon), (Some(59.9139), Some(10.7522)));
    assert_eq!(network.country.as_deref(), Some("NO"));
    assert_eq!(network.accuracy_km, None);
}

#[test]
fn a_file_that_cannot_be_used_says_why_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = geo::city().unwrap();
    let missing = directory.path().join("missing.mmdb");
    let text = write("text.mmdb", b"this is no database");
    let cut = write("cut.mmdb", &whole[..whole.len() / 2]);
    let asn = write("asn.mmdb", &geo::asn().unwrap());
    let city = write("city.mmdb", &whole);
    let as_city = |path: &PathBuf| Enricher::from_paths(std::slice::from_ref(path), &[], &[]);
    let messages: Vec<String> = [
        as_city(&missing),
        as_city(&text),
        as_city(&cut),
        as_city(&asn),
        Enricher::from_paths(&[], &[city], &[]),
        Enricher::from_paths(&[], &[], &[missing]),
    ]
    .into_iter()
    .map(|opened| opened.unwrap_err().to_string())
    .map(|message| message.replace(&directory.path().display().to_string(), "DIR"))
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

proptest! {
    /// A damaged file gives an error or wrong answers, never a panic.
    #[test]
    fn damage_never_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut bytes = geo::city().unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            let from = cut.index(bytes.len());
            bytes.drain(..from);
        }
        if let Ok(enricher) = Enricher::from_bytes(bytes, geo::asn().unwrap(), "") {
            for place in PLACES {
                from(&enricher, place.address(1));
                from(&enricher, place.address_v6(1));
            }
        }
    }

    #[test]
    fn any_text_in_the_address_field_is_survived(text in "\\PC{0,40}") {
        if let Some(address) = address::parse(&text) {
            prop_assert_eq!(address::parse(&address.to_string()), Some(address));
        }
    }
}

#[test]
fn an_address_gets_the_same_answer_however_often_and_after_whatever_else_it_is_asked_for() {
    let (asked, fresh) = (world(), |address| from(&world(), address));
    let known: Vec<_> = PLACES.iter().map(|place| place.address(1)).collect();
    let first: Vec<_> = known.iter().map(|address| from(&asked, address)).collect();
    // More addresses than are remembered.
    for host in 0..10_000_u32 {
        from(&asked, std::net::Ipv4Addr::from(0xCB00_7100 + host));
    }
    for (address, first) in known.iter().zip(first) {
        assert_eq!(from(&asked, address), first);
        assert_eq!(from(&asked, address), first);
        assert_eq!(fresh(address), first);
    }
}

#[test]
fn an_event_of_which_only_the_country_is_known_is_in_the_middle_of_it() {
    let mut event = Event::bare(
        "e-1",
        EventTime::from_millis(0),
        EventKind::Api,
        "ann",
        "mail.read",
    );
    event.network.country = Some("PE".into());
    Enricher::none().enrich(&mut event);
    let (lat, lon) = event.network.position().unwrap();
    assert!((lat + 9.1).abs() < 0.1 && (lon + 74.4).abs() < 0.1);
    assert_eq!(event.network.accuracy_km, Some(1130.0));
    for (country, lat) in [(None, None), (Some("EU"), None), (Some("PE"), Some(1.0))] {
        event.network = Network {
            country: country.map(Into::into),
            lat,
            ..Network::default()
        };
        Enricher::none().enrich(&mut event);
        assert_eq!(event.network.position(), None, "{country:?}");
    }
}
