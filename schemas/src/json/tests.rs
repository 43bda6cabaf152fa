use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Both readers of a text: they refuse the same for the same reason, and what they take is the same.
fn agree(text: &str) {
    let arena = Arena::new();
    match (
        Json::parse(text, &arena),
        serde_json::from_str::<Value>(text),
    ) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(ours.to_string(), theirs.to_string(), "{text}");
            same(&ours, &theirs);
            assert_eq!(Json::of(&theirs, &arena).to_string(), theirs.to_string());
        }
        (Err(ours), Err(theirs)) => assert_eq!(ours.to_string(), theirs.to_string(), "{text}"),
        (ours, theirs) => panic!("{text}: {ours:?}, {theirs:?}"),
    }
}

fn same(ours: &Json<'_>, theirs: &Value) {
    match (ours, theirs) {
        (Json::Number(ours), Value::Number(theirs)) => {
            assert_eq!(ours.to_string(), theirs.to_string());
            assert_eq!(ours.as_u64(), theirs.as_u64());
            assert_eq!(
                Some(ours.as_f64().to_bits()),
                theirs.as_f64().map(f64::to_bits)
            );
        }
        (Json::Array(ours), Value::Array(theirs)) => {
            assert_eq!(ours.len(), theirs.len());
            for (ours, theirs) in ours.iter().zip(theirs) {
                same(ours, theirs);
            }
        }
        (Json::Object(ours), Value::Object(theirs)) => {
            for ((our_name, ours), (name, theirs)) in ours.ordered().zip(theirs) {
                assert_eq!(our_name, name);
                same(ours, theirs);
            }
            for name in ["a", "A", "b", "aB", "AB", "k7", "K77"] {
                let exact = theirs.get(name);
                let any = exact.or_else(|| {
                    let mut members = theirs.iter();
                    let found = members.find(|(it, _)| it.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value)
                });
                let text = |it: Option<&Json<'_>>| it.map(Json::to_string);
                assert_eq!(text(ours.get(name)), exact.map(Value::to_string));
                assert_eq!(text(ours.in_any_case(name)), any.map(Value::to_string));
            }
        }
        (ours, theirs) => assert_eq!(ours.to_string(), theirs.to_string()),
    }
}

/// JSON with names that come twice and in more than one case, few members and many.
fn texts() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "A", "b", "aB", "Ab", "AB", "\\u0061", "é"]);
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1",
        "7",
        "1.0",
        "-0.0",
        "1e3",
        "0.1",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "1.7976931348623157e308",
        "5e-324",
        "\"\"",
        "\"x\"",
        "\"\\n\\\"\\u00e9\\ud83d\\ude04\"",
        "\"é\"",
    ]);
    let leaf = leaf.prop_map(str::to_owned);
    leaf.prop_recursive(4, 48, 8, move |inner| {
        let member = (name.clone(), inner.clone());
        let object = prop::collection::vec(member, 0..8).prop_map(|members| {
            let members = members
                .iter()
                .map(|(name, value)| format!("\"{name}\" : {value}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        });
        let array = prop::collection::vec(inner, 0..6);
        prop_oneof![object, array.prop_map(|it| format!("[{}]", it.join(", ")))]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_means_what_the_usual_reader_makes_of_it(text in texts()) {
        agree(&text);
    }

    #[test]
    fn what_the_usual_reader_refuses_is_refused_for_the_same_reason(
        text in texts(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..128), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut raw = text.into_bytes();
        for (place, byte) in edits {
            let place = place.index(raw.len());
            raw[place] = byte;
        }
        raw.truncate(cut.index(raw.len()) + 1);
        if let Ok(text) = std::str::from_utf8(&raw) {
            agree(text);
        }
    }

    #[test]
    fn many_members_mean_the_same_as_few(names in prop::collection::vec(0_usize..90, 0..150)) {
        let members = names.iter().enumerate().map(|(at, name)| match name % 3 {
            0 => format!("\"k{name}\":{at}"),
            1 => format!("\"K{name}\":{at}"),
            _ => format!("\"a\":{at}"),
        });
        agree(&format!("{{{}}}", members.collect::<Vec<_>>().join(",")));
    }
}

#[test]
fn the_depth_that_is_too_much_is_the_usual_readers() {
    for depth in [126, 127, 128, 129, 1000] {
        agree(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        agree(&format!(
            "{}1{}",
            "{\"a\":".repeat(depth),
            "}".repeat(depth)
        ));
    }
}

#[test]
fn a_member_is_replaced_where_its_name_counts() {
    let arena = Arena::new();
    let value = Json::parse(r#"{"a":1,"B":2,"a":3,"b":4}"#, &arena).unwrap();
    for (name, expected) in [
        ("a", r#"{"B":2,"a":null,"b":4}"#),
        ("A", r#"{"B":2,"a":null,"b":4}"#),
        ("b", r#"{"B":2,"a":3,"b":null}"#),
        ("c", r#"{"B":2,"a":3,"b":4}"#),
    ] {
        let changed = value.with_member(name, &arena, |_| Json::Null);
        assert_eq!(changed.to_string(), expected, "{name}");
    }
}
