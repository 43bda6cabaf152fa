use proptest::prelude::*;

use super::{auto, entra, gateways, keycloak, kong, kubernetes, story};
use crate::formats::{ALL, secret};

pub(super) const NATIVE: &str = r#"{"id":"e1","time":"2026-11-20T10:15:30Z","kind":"api","identity":{"id":"svc","kind":"service_account"},"credential":{"id":"sha256:00"},"action":{"name":"GET /v1/invoices/{id}?token=abc","class":"read"},"delegation":[{"id":"ann"}]}"#;

/// A record of every format; the first is `native`, which takes no other types.
fn records() -> Vec<&'static str> {
    let others = [
        kong::BATCH,
        gateways::APISIX,
        gateways::ENVOY,
        gateways::NGINX,
        entra::AUDITS,
        kubernetes::AKS,
    ];
    let records = auto::records().into_iter().map(|(_, record)| record);
    records.chain(others).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn no_bytes_make_a_format_panic(raw in proptest::collection::vec(any::<u8>(), 0..512)) {
        for format in ALL {
            story(format.name(), &raw);
        }
        secret::scrub(&raw);
    }

    #[test]
    fn no_mutation_of_a_record_makes_a_format_panic(
        record in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut records = records();
        records.push(keycloak::LINE);
        let mut raw = records[record.index(records.len())].as_bytes().to_vec();
        for (place, byte) in edits {
            let place = place.index(raw.len());
            raw[place] = byte;
        }
        if !whole {
            raw.truncate(cut.index(raw.len()));
        }
        for format in ALL {
            story(format.name(), &raw);
        }
        secret::scrub(&raw);
    }

    #[test]
    fn a_member_of_another_type_never_panics(record in any::<prop::sample::Index>(), member in any::<prop::sample::Index>(), kind in 0_usize..6) {
        let records = &records()[1..];
        let record = records[record.index(records.len())];
        let mut value: serde_json::Value = serde_json::from_str(record).unwrap();
        let other = [
            serde_json::json!(null), serde_json::json!(true), serde_json::json!(-1.5e300),
            serde_json::json!("-"), serde_json::json!([]), serde_json::json!({ "a": {} }),
        ];
        let paths = leaves(&value, String::new());
        let path = &paths[member.index(paths.len())];
        *value.pointer_mut(path).unwrap() = other[kind].clone();
        for format in ALL {
            story(format.name(), value.to_string().as_bytes());
        }
    }
}

#[test]
fn brackets_without_end_are_too_deep_and_a_mebibyte_is_enough() {
    for format in ALL {
        for depth in [127, 128, 129, 100_000] {
            let told = story(format.name(), "[".repeat(depth).as_bytes());
            assert!(told.starts_with("rejected: "), "{told}");
        }
        let nested = format!("{}{}", "[".repeat(128), "]".repeat(128));
        let told = story(format.name(), nested.as_bytes());
        assert!(told.starts_with("rejected: "), "{told}");
        let large = vec![b' '; (1 << 20) + 1];
        assert!(story(format.name(), &large).starts_with("rejected: too_large"));
    }
}

/// The JSON pointer of every value inside.
fn leaves(value: &serde_json::Value, path: String) -> Vec<String> {
    let inside: Vec<String> = match value {
        serde_json::Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| {
                leaves(
                    value,
                    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")),
                )
            })
            .collect(),
        serde_json::Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, value)| leaves(value, format!("{path}/{index}")))
            .collect(),
        _ => Vec::new(),
    };
    std::iter::once(path).chain(inside).collect()
}
