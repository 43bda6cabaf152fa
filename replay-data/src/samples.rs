//! The committed samples are what the simulator writes.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use plumbline_schemas::time::EventTime;

use crate::emit::{Emitter, Output};
use crate::{Options, Simulation};

/// A small organisation over two weeks, from Thursday 5 to Wednesday 18 March 2026, attacked in the
/// last three days.
fn options() -> Options {
    let start = EventTime::parse("2026-03-05T00:00:00Z").unwrap();
    Options {
        seed: 2026,
        identities: 60,
        days: 14,
        start,
        rate: Some(32.0),
        ..Options::default()
    }
}

const FILES: [(Output, &str); 4] = [
    (Output::Okta, "okta-system-log.ndjson.gz"),
    (Output::CloudTrail, "cloudtrail.ndjson.gz"),
    (Output::Kong, "kong.ndjson.gz"),
    (Output::Native, "agents.ndjson.gz"),
];

fn check(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(name);
    if std::env::var_os("PLUMBLINE_WRITE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if name.ends_with(".gz") {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(text.as_bytes()).unwrap();
            std::fs::write(&path, encoder.finish().unwrap()).unwrap();
        } else {
            std::fs::write(&path, text).unwrap();
        }
    }
    let bytes = std::fs::read(&path).unwrap_or_default();
    let mut committed = String::new();
    if name.ends_with(".gz") {
        // An absent file reads as an empty text, which is not what is expected either.
        let _ = GzDecoder::new(&bytes[..]).read_to_string(&mut committed);
    } else {
        committed = String::from_utf8(bytes).unwrap();
    }
    assert!(
        committed == text,
        "{} is not what the simulator writes; write it anew with \
         PLUMBLINE_WRITE=1 cargo test -p plumbline-replay-data samples",
        path.display()
    );
}

#[test]
fn samples_are_what_the_simulator_writes() {
    let mut simulation = Simulation::new(&options()).unwrap();
    let mut texts = [const { String::new() }; FILES.len()];
    let mut emitters = FILES.map(|(output, _)| Emitter::new(output));
    let add = |text: &mut String, line: &str| -> Result<(), std::fmt::Error> {
        text.push_str(line);
        text.push('\n');
        Ok(())
    };
    for arrival in simulation.by_ref() {
        let index = FILES
            .iter()
            .position(|(output, _)| *output == Output::of(&arrival.event));
        let index = index.unwrap();
        emitters[index]
            .push(&arrival.event, |line| add(&mut texts[index], line))
            .unwrap();
    }
    for (emitter, text) in emitters.iter_mut().zip(&mut texts) {
        emitter.finish(|line| add(text, line)).unwrap();
    }
    for ((_, name), text) in FILES.iter().zip(&texts) {
        check(name, text);
    }
    let labels = simulation.labels();
    let lines = labels
        .iter()
        .map(|label| serde_json::to_string(label).unwrap() + "\n");
    check("labels.ndjson", &lines.collect::<String>());
}
