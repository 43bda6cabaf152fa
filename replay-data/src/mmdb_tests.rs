//! Files are judged by the reader that everybody uses.

use std::collections::BTreeMap;

use maxminddb::Reader;
use proptest::prelude::*;

use super::*;

fn read(database: &Mmdb) -> Reader<Vec<u8>> {
    let reader = Reader::from_source(database.to_bytes().unwrap()).unwrap();
    reader.verify().unwrap();
    reader
}

fn name(text: &str) -> Value {
    Value::map([("name", text.into())])
}

fn found(reader: &Reader<Vec<u8>>, address: &str) -> Option<String> {
    let result = reader.lookup(address.parse().unwrap()).unwrap();
    let record: Option<BTreeMap<String, String>> = result.decode().unwrap();
    record.map(|record| record["name"].clone())
}

fn v4(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn an_ipv4_database_answers_for_its_networks_only() {
    let mut database = Mmdb::new(IpVersion::V4, "Test", "A test");
    database.insert(v4("192.0.2.0"), 25, name("low")).unwrap();
    database
        .insert(v4("192.0.2.192"), 26, name("high"))
        .unwrap();
    let reader = read(&database);
    assert_eq!(found(&reader, "192.0.2.0").as_deref(), Some("low"));
    assert_eq!(found(&reader, "192.0.2.127").as_deref(), Some("low"));
    assert_eq!(found(&reader, "192.0.2.128"), None);
    assert_eq!(found(&reader, "192.0.2.255").as_deref(), Some("high"));
    assert_eq!(reader.metadata().ip_version, 4);
    assert_eq!(reader.metadata().database_type, "Test");
}

#[test]
fn an_ipv6_database_answers_for_both_kinds() {
    let mut database = Mmdb::new(IpVersion::V6, "Test", "A test").built_at(1_000);
    database.insert(v4("192.0.2.0"), 24, name("four")).unwrap();
    database.insert(v4("2001:db8::"), 32, name("six")).unwrap();
    let reader = read(&database);
    assert_eq!(found(&reader, "192.0.2.9").as_deref(), Some("four"));
    assert_eq!(found(&reader, "2001:db8:ffff::1").as_deref(), Some("six"));
    assert_eq!(found(&reader, "2001:db9::1"), None);
    assert_eq!(reader.metadata().build_epoch, 1_000);
}

#[test]
fn a_later_network_replaces_what_it_covers() {
    let mut database = Mmdb::new(IpVersion::V4, "Test", "A test");
    database.insert(v4("192.0.2.0"), 24, name("wide")).unwrap();
    database
        .insert(v4("192.0.2.64"), 26, name("narrow"))
        .unwrap();
    let reader = read(&database);
    assert_eq!(found(&reader, "192.0.2.63").as_deref(), Some("wide"));
    assert_eq!(found(&reader, "192.0.2.64").as_deref(), Some("narrow"));
    database.insert(v4("192.0.2.0"), 24, name("all")).unwrap();
    assert_eq!(
        found(&read(&database), "192.0.2.64").as_deref(),
        Some("all")
    );
    database
        .insert(v4("0.0.0.0"), 0, name("everything"))
        .unwrap();
    assert_eq!(
        found(&read(&database), "8.8.8.8").as_deref(),
        Some("everything")
    );
}

#[test]
fn equal_records_and_long_strings_are_written_once() {
    let long = "an organisation with a long name";
    let size = |networks: u8| {
        let mut database = Mmdb::new(IpVersion::V4, "Test", "A test");
        for third in 0..networks {
            let address = IpAddr::V4(Ipv4Addr::new(10, 0, third, 0));
            database.insert(address, 24, name(long)).unwrap();
        }
        database.data.bytes.len()
    };
    assert_eq!(size(1), size(9));
    let mut data = DataSection::default();
    data.record(&Value::map([("name", long.into())])).unwrap();
    let first = data.bytes.len();
    data.record(&Value::map([("alias", long.into())])).unwrap();
    assert!(data.bytes.len() - first < long.len());
}

#[test]
fn what_the_format_cannot_hold_is_refused() {
    let mut database = Mmdb::new(IpVersion::V4, "Test", "A test");
    let too_long = database.insert(v4("192.0.2.0"), 33, name("x"));
    assert!(matches!(
        too_long,
        Err(MmdbError::PrefixTooLong { prefix: 33, .. })
    ));
    let six = database.insert(v4("2001:db8::"), 32, name("x"));
    assert!(matches!(six, Err(MmdbError::WrongVersion { .. })));
    let backwards = database.insert_range(v4("192.0.2.9"), v4("192.0.2.1"), name("x"));
    assert!(matches!(backwards, Err(MmdbError::BadRange { .. })));
}

#[test]
fn every_type_and_size_is_read_back() {
    let long = "x".repeat(70_000);
    let many: Vec<Value> = (0..300).map(Value::U32).collect();
    let mut database = Mmdb::new(IpVersion::V4, "Test", "A test");
    let record = Value::map([
        ("double", Value::Double(-23.5505)),
        ("float", Value::Float(0.5)),
        ("zero", Value::U16(0)),
        ("u32", Value::U32(4_200_000_000)),
        ("u64", Value::U64(u64::MAX)),
        ("long", long.as_str().into()),
        ("middling", "y".repeat(100).as_str().into()),
        ("list", Value::Array(many)),
    ]);
    database.insert(v4("192.0.2.0"), 24, record).unwrap();
    let reader = read(&database);
    let result = reader.lookup(v4("192.0.2.1")).unwrap();
    let value: serde_json::Value = result.decode().unwrap().unwrap();
    assert_eq!(value["double"], -23.5505);
    assert_eq!(value["float"], 0.5);
    assert_eq!(value["zero"], 0);
    assert_eq!(value["u32"], 4_200_000_000_u64);
    assert_eq!(value["u64"], u64::MAX);
    assert_eq!(value["long"], long);
    assert_eq!(value["middling"], "y".repeat(100));
    assert_eq!(value["list"][299], 299);
}

#[test]
fn pointers_reach_as_far_as_they_say() {
    assert_eq!(pointer(0), [0x20, 0]);
    assert_eq!(pointer(2_047), [0x27, 0xff]);
    assert_eq!(pointer(2_048), [0x28, 0, 0]);
    assert_eq!(pointer(526_335), [0x2f, 0xff, 0xff]);
    assert_eq!(pointer(526_336), [0x30, 0, 0, 0]);
    assert_eq!(pointer(134_744_063), [0x37, 0xff, 0xff, 0xff]);
    assert_eq!(pointer(134_744_064), [0x38, 0x08, 0x08, 0x08, 0x00]);
}

#[test]
fn larger_trees_take_wider_records() {
    let mut node = Vec::new();
    write_node(&mut node, 28, 0x0123_4567, 0x089a_bcde);
    assert_eq!(node, [0x23, 0x45, 0x67, 0x18, 0x9a, 0xbc, 0xde]);
    // A data section of 16 MiB needs 28 bits.
    let mut database = Mmdb::new(IpVersion::V4, "Test", "A test");
    for n in 0..200u32 {
        let text = format!("{n}:{}", "z".repeat(90_000));
        let address = Ipv4Addr::from_bits(n << 24).into();
        database.insert(address, 8, name(&text)).unwrap();
    }
    let reader = read(&database);
    assert_eq!(reader.metadata().record_size, 28);
    assert!(found(&reader, "199.1.2.3").unwrap().starts_with("199:"));
}

proptest! {
    #[test]
    fn a_range_is_itself_and_nothing_else(first: u32, length in 0u32..100_000) {
        let last = first.saturating_add(length);
        let mut database = Mmdb::new(IpVersion::V6, "Test", "A test");
        let address = |bits: u32| IpAddr::V4(Ipv4Addr::from_bits(bits));
        database.insert_range(address(first), address(last), name("in")).unwrap();
        let reader = read(&database);
        let is_in = |bits: u32| found(&reader, &address(bits).to_string()).is_some();
        prop_assert!(is_in(first) && is_in(last) && is_in(first + (last - first) / 2));
        prop_assert!(first == 0 || !is_in(first - 1));
        prop_assert!(last == u32::MAX || !is_in(last + 1));
    }

    #[test]
    fn ipv6_blocks_cover_a_range_without_gap_or_overlap(a: u128, b: u128) {
        let (first, last) = (a.min(b), a.max(b));
        let mut next = Some(first);
        for (network, prefix) in blocks(first, last, 128) {
            prop_assert_eq!(Some(network), next);
            let size = 1u128.checked_shl(128 - u32::from(prefix));
            next = size.and_then(|size| network.checked_add(size));
        }
        prop_assert_eq!(next, last.checked_add(1));
    }
}
