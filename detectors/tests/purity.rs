//! The pure crates stay pure: nothing they are built from does I/O, waits, or asks a clock.
//!
//! `clippy.toml` bans the functions of the standard library that would; this looks at the crates.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot ask cargo is to fail"
)]

use std::process::Command;

/// Crates that read, wait, or know the time or chance of the machine they run on.
const IMPURE: [&str; 15] = [
    "tokio",
    "rdkafka",
    "rdkafka-sys",
    "mio",
    "socket2",
    "reqwest",
    "hyper",
    "maxminddb",
    "memmap2",
    "tempfile",
    "rand",
    "chrono",
    "tracing-subscriber",
    "object_store",
    "datafusion",
];

/// Names of everything a crate is built from, without what only its tests use.
fn built_from(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none"])
        .args(["--format", "{p}", "--package", package])
        .output()
        .expect("cargo runs: it runs this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let names = String::from_utf8(output.stdout).expect("UTF-8");
    names
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_pure_crates_are_built_from_pure_crates() {
    for package in ["plumbline-schemas", "plumbline-detectors"] {
        let crates = built_from(package);
        assert!(crates.iter().any(|name| name == "serde"), "{crates:?}");
        let impure: Vec<&String> = crates
            .iter()
            .filter(|name| IMPURE.contains(&name.as_str()))
            .collect();
        assert!(impure.is_empty(), "{package} is built from {impure:?}");
    }
}

#[test]
fn arrows_point_down_only() {
    let own = |package: &str| -> Vec<String> {
        let mut own = built_from(package);
        own.retain(|name| name.starts_with("plumbline"));
        own.sort();
        own.dedup();
        own
    };
    assert_eq!(own("plumbline-schemas"), ["plumbline-schemas"]);
    assert_eq!(
        own("plumbline-detectors"),
        ["plumbline-detectors", "plumbline-schemas"]
    );
}
