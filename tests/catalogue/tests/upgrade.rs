//! State that an older version has written is read: one file of entries for each version of the encoding, never
//! changed once it is there. `UPDATE_FIXTURES=1` writes that of a new version.

#![allow(clippy::expect_used, missing_docs)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use plumbline_detectors::Engine;
use plumbline_detectors::state::{Entry, Restorer, VERSION};
use plumbline_replay_data::{Options, Simulation};
use serde_json::{Value, json};

fn fixture(version: u16) -> PathBuf {
    let name = format!("tests/fixtures/state-{version}.ndjson");
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digits).collect()
}

/// All that an engine knows, as lines of a fixture.
fn written(engine: &mut Engine) -> String {
    engine.keep_account();
    let mut entries = engine.begin_checkpoint(4711);
    while let Some(more) = engine.write_checkpoint(100) {
        entries.extend(more);
    }
    let line = |Entry { key, value }| {
        let value = hex(&value.expect("nothing was forgotten"));
        format!("{}\n", json!({ "key": key, "value": value }))
    };
    let mut lines: Vec<String> = entries.into_iter().map(line).collect();
    lines.sort();
    lines.concat()
}

/// All but what is only numbered, and goes on counting.
fn named(fixture: &str) -> Vec<&str> {
    let lines = fixture.lines();
    lines.filter(|line| !line.contains("\"ids/")).collect()
}

fn read(fixture: &str) -> (Engine, i64) {
    let mut restorer = Restorer::new(Arc::default(), 1);
    for line in fixture.lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        let text = |field: &str| entry[field].as_str().expect(field).to_owned();
        let taken = restorer.take(text("key").as_bytes(), Some(&bytes(&text("value"))));
        taken.expect("an entry of an older version");
    }
    let restored = restorer.finish().expect("a whole checkpoint");
    restored.expect("a checkpoint")
}

#[test]
fn state_of_every_version_is_read() {
    for version in 1..=VERSION {
        let path = fixture(version);
        if version == VERSION && std::env::var_os("UPDATE_FIXTURES").is_some() {
            let options = Options {
                identities: 16,
                days: 4,
                seed: 11,
                catalogue: true,
                ..Options::default()
            };
            let mut engine = Engine::new(Arc::default());
            for arrival in Simulation::new(&options).expect("right options") {
                engine.apply(&arrival.event, &mut Vec::new());
            }
            fs::write(&path, written(&mut engine)).expect("a writable fixture");
        }
        let fixture = fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; UPDATE_FIXTURES=1 writes it", path.display())
        });
        let (mut engine, position) = read(&fixture);
        assert_eq!(position, 4711);
        assert!(
            engine.identities() >= 16,
            "{} identities",
            engine.identities()
        );
        if version == VERSION {
            assert!(
                named(&written(&mut engine)) == named(&fixture),
                "what is written is not what this version wrote before: raise `state::VERSION`"
            );
        }
    }
}
