//! The JSON Schema files in `schemas/json/` are those of the types.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use plumbline_schemas::json_schema;

const RENEW: &str = "renew it: UPDATE_SCHEMAS=1 cargo test -p plumbline-schemas --test json_schema";

#[test]
fn the_files_are_current() {
    let checked_in = [
        include_str!("../json/event.schema.json"),
        include_str!("../json/finding.schema.json"),
        include_str!("../json/command.schema.json"),
    ];
    for ((file, schema), checked_in) in json_schema::all().into_iter().zip(checked_in) {
        let current = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("json")
                .join(file);
            std::fs::write(path, current).unwrap();
            continue;
        }
        assert!(
            checked_in == current,
            "schemas/json/{file} is not that of the types; {RENEW}"
        );
    }
}
