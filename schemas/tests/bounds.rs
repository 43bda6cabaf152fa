//! Every bound of the event, by name: the reason, the field in the detail, and never the value.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use plumbline_schemas::event::{Event, Outcome};
use plumbline_schemas::reject::{Reason, Reject};
use plumbline_schemas::time::EventTime;
use serde_json::{Value, json};

use support::{FIELDS, Shape, full, set, unset};

fn refused(raw: impl AsRef<[u8]>) -> Reject {
    Event::parse(raw.as_ref()).expect_err("it breaks a bound")
}

/// The event in which everything is known, with one field replaced.
fn with(path: &str, value: Value) -> Vec<u8> {
    let mut event = full();
    set(&mut event, path, value);
    event.to_string().into_bytes()
}

fn parse(raw: &[u8]) -> Event<'_> {
    Event::parse(raw).unwrap_or_else(|reject| panic!("{reject}"))
}

#[track_caller]
fn assert_refused(raw: impl AsRef<[u8]>, reason: Reason, detail: &str) {
    let reject = refused(raw);
    assert_eq!((reject.reason, reject.detail.as_str()), (reason, detail));
}

#[test]
fn the_example_with_every_field_is_read() {
    let raw = full().to_string();
    let event = parse(raw.as_bytes());
    assert_eq!(event.unrecognised_words(), 0);
    assert_eq!(serde_json::to_value(&event).unwrap(), full());
}

#[test]
fn a_record_over_one_mebibyte_is_too_large() {
    let mut raw = full().to_string().into_bytes();
    raw.resize(1 << 20, b' ');
    parse(&raw);
    raw.push(b' ');
    let detail = "record: 1048577 bytes, at most 1048576";
    assert_refused(raw, Reason::TooLarge, detail);
}

#[test]
fn an_id_over_128_bytes_is_too_long() {
    parse(&with("id", json!("é".repeat(64))));
    let detail = "id: 130 bytes, at most 128";
    assert_refused(with("id", json!("é".repeat(65))), Reason::TooLong, detail);
}

#[test]
fn an_identity_id_over_256_bytes_is_too_long() {
    parse(&with("identity.id", json!("a".repeat(256))));
    let long = with("identity.id", json!("a".repeat(257)));
    assert_refused(long, Reason::TooLong, "identity.id: 257 bytes, at most 256");
}

#[test]
fn a_delegate_id_over_256_bytes_is_too_long_in_a_short_record_too() {
    let raw = with(
        "delegation",
        json!([{"id": "alice"}, {"id": "a".repeat(257)}]),
    );
    let detail = "delegation[1].id: 257 bytes, at most 256";
    assert_refused(raw, Reason::TooLong, detail);
}

#[test]
fn any_other_text_over_4096_bytes_is_too_long() {
    for (path, shape) in FIELDS {
        let bounded = matches!(shape, Shape::Text | Shape::RequiredText);
        if !bounded || matches!(*path, "id" | "identity.id") {
            continue;
        }
        parse(&with(path, json!("a".repeat(4096))));
        let detail = format!("{path}: 4097 bytes, at most 4096");
        assert_refused(
            with(path, json!("a".repeat(4097))),
            Reason::TooLong,
            &detail,
        );
    }
}

#[test]
fn any_text_in_a_list_over_4096_bytes_is_too_long() {
    for (path, _) in FIELDS.iter().filter(|(_, shape)| *shape == Shape::Texts) {
        let detail = format!("{path}: 4097 bytes, at most 4096");
        let raw = with(path, json!(["a", "a".repeat(4097)]));
        assert_refused(raw, Reason::TooLong, &detail);
    }
}

#[test]
fn any_list_over_1024_entries_is_too_long() {
    for (path, shape) in FIELDS {
        let entry = match shape {
            Shape::Texts => json!("a"),
            Shape::Delegates => json!({"id": "alice"}),
            _ => continue,
        };
        parse(&with(path, json!(vec![&entry; 1024])));
        let detail = format!("{path}: 1025 entries, at most 1024");
        assert_refused(
            with(path, json!(vec![&entry; 1025])),
            Reason::TooLong,
            &detail,
        );
    }
}

#[test]
fn a_time_before_2000_is_an_unset_clock() {
    parse(&with("time", json!("2000-01-01T00:00:00Z")));
    assert_refused(
        with("time", json!("1999-12-31T23:59:59.999Z")),
        Reason::TimeTooEarly,
        "time: before 2000-01-01T00:00:00.000Z, the source's clock is not set",
    );
}

#[test]
fn a_time_more_than_24_hours_ahead_of_the_clock_is_refused() {
    let clock = EventTime::parse("2026-11-20T10:00:00Z").unwrap();
    let raw = with("time", json!("2026-11-21T10:00:00Z"));
    assert_eq!(parse(&raw).check_ahead(clock), Ok(()));
    let raw = with("time", json!("2026-11-21T10:00:00.001Z"));
    let reject = parse(&raw).check_ahead(clock).unwrap_err();
    assert_eq!(reject.reason, Reason::TimeAhead);
    assert!(reject.detail.starts_with("time: "), "{reject}");
}

#[test]
fn a_time_that_is_none_is_a_bad_time() {
    for (path, _) in FIELDS
        .iter()
        .filter(|(_, shape)| matches!(shape, Shape::Time | Shape::RequiredTime))
    {
        let detail = format!("{path}: expected an RFC 3339 time, e.g. 2026-11-20T10:15:30Z");
        assert_refused(with(path, json!("yesterday")), Reason::BadTime, &detail);
    }
}

#[test]
fn a_kind_outside_the_vocabulary_is_an_unknown_kind() {
    let detail =
        "kind: expected one of auth, api, token, admin, device, session, feedback, context";
    assert_refused(with("kind", json!("logon")), Reason::UnknownKind, detail);
}

#[test]
fn a_word_outside_its_vocabulary_elsewhere_is_counted_and_not_known() {
    for (path, _) in FIELDS.iter().filter(|(_, shape)| *shape == Shape::Word) {
        let raw = with(path, json!("brand_new"));
        let event = parse(&raw);
        assert_eq!(event.unrecognised_words(), 1, "{path}");
        let mut expected = full();
        unset(&mut expected, path);
        assert_eq!(serde_json::to_value(&event).unwrap(), expected, "{path}");
    }
    let raw = with("delegation", json!([{"id": "alice", "kind": "brand_new"}]));
    assert_eq!(parse(&raw).unrecognised_words(), 1);
}

#[test]
fn a_required_field_that_is_not_known_is_missing() {
    let required: Vec<_> = FIELDS
        .iter()
        .filter(|(_, shape)| shape.is_required())
        .collect();
    assert_eq!(required.len(), 7);
    for (path, _) in required {
        let detail = format!("{path}: required, but absent, null or not known");
        let mut absent = full();
        unset(&mut absent, path);
        assert_refused(absent.to_string(), Reason::MissingField, &detail);
        for nothing in [json!(null), json!(""), json!("unknown"), json!("null")] {
            assert_refused(with(path, nothing), Reason::MissingField, &detail);
        }
    }
}

#[test]
fn an_optional_field_of_any_type_can_be_not_known_in_five_ways() {
    for (path, shape) in FIELDS.iter().filter(|(_, shape)| !shape.is_required()) {
        let mut expected = full();
        unset(&mut expected, path);
        let raw = expected.to_string();
        let absent = parse(raw.as_bytes());
        for nothing in [json!(null), json!(""), json!("unknown"), json!("null")] {
            let raw = with(path, nothing);
            assert_eq!(parse(&raw), absent, "{path} ({shape:?})");
        }
        if *path == "labels.attack" {
            unset(&mut expected, "labels");
        }
        assert_eq!(serde_json::to_value(&absent).unwrap(), expected, "{path}");
        assert_eq!(absent.unrecognised_words(), 0, "{path}");
    }
}

#[test]
fn what_is_not_known_in_a_list_is_left_out() {
    let nothing = json!(["a", null, "", "unknown", "null", "b"]);
    let raw = with("identity.groups", nothing);
    assert_eq!(parse(&raw).identity.groups, ["a", "b"]);
    let raw = with(
        "delegation",
        json!([null, {"id": null}, {"kind": "human"}, "unknown", {"id": "alice"}]),
    );
    let event = parse(&raw);
    assert_eq!(event.delegation.len(), 1);
    assert_eq!(event.delegation[0].id, "alice");
}

#[test]
fn an_absent_list_costs_no_allocation_and_text_is_borrowed() {
    let raw = br#"{"id":"e1","time":"2026-11-20T10:15:30Z","kind":"api","identity":{"id":"a"},
        "action":{"name":"GET /"},"network":{"ip":"192.0.2.1"}}"#;
    let event = parse(raw);
    let lists = [
        &event.identity.groups,
        &event.credential.scopes,
        &event.action.scopes,
    ];
    assert!(lists.iter().all(|list| list.capacity() == 0));
    assert_eq!(event.delegation.capacity(), 0);
    let texts = [&event.id, &event.identity.id, &event.action.name];
    for text in texts.into_iter().chain(&event.network.ip) {
        assert!(matches!(text, std::borrow::Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn defaults_stand_for_what_is_not_known() {
    let mut raw = full();
    for path in ["tenant", "identity.kind", "action.outcome"] {
        unset(&mut raw, path);
    }
    let raw = raw.to_string();
    let event = parse(raw.as_bytes());
    assert_eq!(event.tenant(), "default");
    assert_eq!(event.identity_kind().as_str(), "human");
    assert_eq!(event.outcome(), Outcome::Success);
}

/// The wrong values for a field: every JSON type that it is not written in.
fn wrong_values(shape: Shape, secret: &str) -> Vec<Value> {
    let all = [
        json!(true),
        json!(-5),
        json!(0.5),
        json!(secret),
        json!([secret]),
        json!({ secret: secret, "id": [secret] }),
    ];
    let right: &[usize] = match shape {
        Shape::Text | Shape::RequiredText | Shape::Word | Shape::RequiredWord => &[3],
        Shape::Time | Shape::RequiredTime => &[3],
        Shape::Number => &[1, 2],
        Shape::Count => &[],
        Shape::Truth => &[0],
        Shape::Texts => &[4],
        Shape::Delegates => &[],
        Shape::Object | Shape::RequiredObject => &[5],
    };
    let wrong = all
        .into_iter()
        .enumerate()
        .filter(|(i, _)| !right.contains(i));
    wrong.map(|(_, value)| value).collect()
}

#[test]
fn a_wrong_type_names_the_field_and_what_was_expected_and_never_the_value() {
    // Shaped so that careless cutting of serde's messages would let a piece of it through.
    let secrets = [
        "hunter2hunter2",
        "hunter2, expected hunter2",
        "x expected hunter2 at line 1 column 2",
        "missing field `hunter2`",
        "duplicate field `hunter2`",
        "unknown word, hunter2",
        "number out of range hunter2",
    ];
    for secret in secrets {
        for (path, shape) in FIELDS {
            for wrong in wrong_values(*shape, secret) {
                let reject = refused(with(path, wrong.clone()));
                let shown = format!("{reject} {reject:?}");
                assert!(!shown.contains("hunter2"), "{shown}");
                assert_eq!(reject.reason, Reason::WrongType, "{path} {wrong}: {reject}");
                assert!(reject.detail.starts_with(path), "{path}: {reject}");
                assert!(reject.detail.contains(": expected "), "{reject}");
            }
        }
        for (path, wrong) in [
            ("kind", json!(secret)),
            ("time", json!(secret)),
            ("session.jit_until", json!(secret)),
            ("delegation", json!([{"id": {secret: 1}}])),
            ("credential.scopes", json!([{secret: secret}])),
            ("id", json!(format!("{secret}{}", "a".repeat(128)))),
            (
                "device.user_agent",
                json!(format!("{secret}{}", "a".repeat(4096))),
            ),
        ] {
            let shown = format!("{:?}", refused(with(path, wrong)));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[test]
fn a_secret_in_broken_json_is_not_repeated() {
    for broken in [
        r#"{"hunter2":hunter2}"#,
        r#"{"id":"hunter2"#,
        r#"{"id":"hunter2\q"}"#,
        r#""hunter2""#,
        r#"["hunter2"]"#,
        r#"{"hunter2":1,"hunter2":2}"#,
        r#"{"id":"e"} hunter2"#,
        "hunter2",
    ] {
        let shown = format!("{:?}", refused(broken));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn details_say_what_would_be_right() {
    let details: Vec<String> = [
        ("id", json!(5)),
        ("kind", json!(5)),
        ("identity", json!(["bob"])),
        ("identity.kind", json!(5)),
        ("session.mfa", json!("yes")),
        ("network.lat", json!("51.5")),
        ("action.bytes_out", json!(-5)),
        ("action.records", json!(1.5)),
        ("credential.scopes", json!("read write")),
        ("credential.scopes", json!(["read", 5])),
        ("delegation", json!([{"id": 5}])),
        ("task", json!(true)),
    ]
    .into_iter()
    .map(|(path, wrong)| refused(with(path, wrong)).to_string())
    .collect();
    insta::assert_snapshot!(details.join("\n"));
}

#[test]
fn unknown_fields_are_ignored_wherever_they_are() {
    let mut raw = full();
    let expected = full().to_string();
    for path in ["x", "identity.x", "action.x", "network.x"] {
        set(&mut raw, path, json!({"id": 5, "deep": [[{"a": null}]]}));
    }
    let raw = raw.to_string();
    assert_eq!(parse(raw.as_bytes()), parse(expected.as_bytes()));
}

#[test]
fn a_field_given_twice_is_refused() {
    let raw = full().to_string();
    let twice = raw.replacen('{', r#"{"id":"other","#, 1);
    assert_refused(twice, Reason::DuplicateField, "id: given twice");
    let twice = raw.replacen(r#""identity":{"#, r#""identity":{"id":"other","#, 1);
    assert_refused(twice, Reason::DuplicateField, "identity.id: given twice");
    // What is not read cannot be ambiguous.
    parse(raw.replacen('{', r#"{"x":1,"x":2,"#, 1).as_bytes());
}

#[test]
fn deep_nesting_is_refused_and_cannot_overflow_the_stack() {
    let raw = full().to_string();
    let nested = |depth: usize, open: &str, close: &str| {
        let (open, close) = (open.repeat(depth), close.repeat(depth));
        raw.replacen('{', &format!(r#"{{"x":{open}0{close},"#), 1)
    };
    parse(nested(127, "[", "]").as_bytes());
    parse(nested(127, r#"{"a":"#, "}").as_bytes());
    let detail = "record: objects and arrays nested over 128 deep";
    assert_refused(nested(128, "[", "]"), Reason::TooDeep, detail);
    assert_refused(nested(128, r#"{"a":"#, "}"), Reason::TooDeep, detail);
    let bomb = format!(r#"{{"x":{}"#, "[".repeat(1_000_000));
    assert_refused(bomb, Reason::TooDeep, detail);
    // Many brackets are not deep, and brackets inside text are none.
    let text = format!(r#"{{"x":"\"{}","#, "[{".repeat(1000));
    parse(raw.replacen('{', &text, 1).as_bytes());
    let wide = format!(r#"{{"x":[{}0],"#, "[],{},".repeat(1000));
    parse(raw.replacen('{', &wide, 1).as_bytes());
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_record() {
    let raw = format!("\u{feff}{}", full());
    let expected = full().to_string();
    assert_eq!(parse(raw.as_bytes()), parse(expected.as_bytes()));
}

#[test]
fn anything_but_one_json_object_is_not_json_or_of_the_wrong_type() {
    let raw = full().to_string();
    for broken in [
        String::new(),
        " ".to_owned(),
        "\u{feff}".to_owned(),
        raw[..raw.len() - 1].to_owned(),
        format!("{raw}{raw}"),
        format!("{raw} garbage"),
        format!("{raw},"),
        format!("{raw}\n{raw}"),
        raw.replacen(r#""records":3"#, r#""records":NaN"#, 1),
        raw.replacen(r#""records":3"#, r#""records":Infinity"#, 1),
        raw.replacen(r#""records":3"#, r#""records":03"#, 1),
        raw.replacen(r#""id":""#, r#""id":"\ud800"#, 1),
        raw.replacen(r#""id":""#, r#""id":"\udc00\ud800"#, 1),
        raw.replacen(r#""id":""#, "\"id\":\"\n", 1),
        raw.replacen('{', "{'x':1,", 1),
        raw.replacen('{', "{/* no comments */", 1),
    ] {
        let reject = refused(&broken);
        assert_eq!(reject.reason, Reason::NotJson, "{broken}: {reject}");
        assert!(reject.detail.starts_with("record: "), "{reject}");
    }
    for other in ["5", "true", "[]", r#""text""#] {
        assert_refused(other, Reason::WrongType, "record: expected an object");
    }
    let positional = r#"["e1","2026-11-20T10:15:30Z","api",null,null,{"id":"a"}]"#;
    assert_refused(positional, Reason::WrongType, "record: expected an object");
    let detail = "record: required, but absent, null or not known";
    assert_refused("null", Reason::MissingField, detail);
}

#[test]
fn bytes_that_are_not_utf8_are_refused_even_where_nobody_reads_them() {
    let raw = full().to_string().replacen('{', r#"{"x":"@","#, 1);
    let raw: Vec<u8> = raw
        .bytes()
        .map(|b| if b == b'@' { 0xff } else { b })
        .collect();
    assert_refused(raw, Reason::NotUtf8, "record: not UTF-8 at byte 6");
}

#[test]
fn numbers_that_no_double_can_hold_are_of_the_wrong_type() {
    let raw = full().to_string();
    let raw = raw.replacen(r#""lat":51.5"#, r#""lat":1e999"#, 1);
    let detail = "network.lat: expected a number that a double can hold";
    assert_refused(raw, Reason::WrongType, detail);
}

#[test]
fn whole_numbers_may_be_written_with_a_fraction_of_zero() {
    for (written, read) in [("3.0", 3), ("3e2", 300), ("0", 0), ("-0", 0), ("-0.0", 0)] {
        let raw = full().to_string();
        let raw = raw.replacen(r#""records":3"#, &format!(r#""records":{written}"#), 1);
        assert_eq!(
            parse(raw.as_bytes()).action.records,
            Some(read),
            "{written}"
        );
    }
    for wrong in ["18446744073709551616", "1e300", "-1", "2.5"] {
        let raw = full().to_string();
        let raw = raw.replacen(r#""records":3"#, &format!(r#""records":{wrong}"#), 1);
        let detail = "action.records: expected a whole number, not negative";
        assert_refused(raw, Reason::WrongType, detail);
    }
}

#[test]
fn a_place_that_does_not_exist_is_not_known() {
    for (lat, lon, expected) in [
        (json!(51.5), json!(-0.1), Some((51.5, -0.1))),
        (json!(-90), json!(180), Some((-90.0, 180.0))),
        (json!(0), json!(-0.1), Some((0.0, -0.1))),
        (json!(95), json!(-0.1), None),
        (json!(51.5), json!(-180.5), None),
        (json!(51.5), json!(1e300), None),
        (json!(0), json!(0), None),
        (json!(0.0), json!(-0.0), None),
        (json!(51.5), json!(null), None),
        (json!(null), json!(-0.1), None),
    ] {
        let mut raw = full();
        set(&mut raw, "network.lat", lat.clone());
        set(&mut raw, "network.lon", lon.clone());
        let raw = raw.to_string();
        let event = parse(raw.as_bytes());
        assert_eq!(event.network.position(), expected, "{lat} {lon}");
        // In the log stands no half of a place, nor how exact that is.
        let event = plumbline_schemas::formats::read_event(raw.as_bytes()).unwrap();
        let stated = event.network.lat.zip(event.network.lon);
        assert_eq!(stated, expected, "{lat} {lon}");
        let parts = [
            event.network.lat,
            event.network.lon,
            event.network.accuracy_km,
        ];
        assert!(expected.is_some() || parts == [None; 3], "{parts:?}");
    }
    let mut network = plumbline_schemas::event::Network::default();
    (network.lat, network.lon) = (Some(f64::NAN), Some(0.1));
    assert_eq!(network.position(), None);
}

#[test]
fn a_negative_radius_is_not_known() {
    let raw = with("network.accuracy_km", json!(-1));
    assert_eq!(parse(&raw).network.accuracy_km, None);
}

#[test]
fn an_unset_clock_in_an_optional_time_is_not_known() {
    for unset in ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"] {
        let raw = with("credential.issued_at", json!(unset));
        assert_eq!(parse(&raw).credential.issued_at, None);
    }
}
