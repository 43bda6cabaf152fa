//! What each target begins with.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use plumbline_detectors::Engine;
use plumbline_detectors::state::{Entry, SEAL_BYTES};
use plumbline_replay_data::emit::{Emitter, Output};
use plumbline_replay_data::{Arrival, Options, Simulation};
use plumbline_schemas::event::Event;

use crate::targets::written;

/// How many events of the simulator are looked at, and how many become seeds.
const EVENTS: usize = 3_000;
const SEEDS: usize = 60;

/// Where the files are that belong to a target.
pub fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

/// What a target begins with: its files, in the order of their names, and what the simulator writes.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(corpus(target))
        .map(|listed| listed.flatten().map(|file| file.path()).collect())
        .unwrap_or_default();
    files.sort();
    let mut seeds: Vec<Vec<u8>> = files
        .iter()
        .filter_map(|file| fs::read(file).ok())
        .collect();
    seeds.extend(match target {
        "event" => records(Output::Native),
        "formats" => Output::ALL.iter().copied().flat_map(records).collect(),
        "state" => states(),
        "engine" => logs(),
        "config" => vec![include_bytes!("../../../pipeline/plumbline.example.toml").to_vec()],
        _ => Vec::new(),
    });
    seeds
}

fn simulated() -> Vec<Event<'static>> {
    let options = Options {
        identities: 40,
        days: 3,
        attacks: true,
        ..Options::default()
    };
    let simulation = Simulation::new(&options).expect("right options");
    simulation
        .take(EVENTS)
        .map(|arrival: Arrival| arrival.event)
        .collect()
}

/// Raw records of one source, one of each of many actions.
fn records(output: Output) -> Vec<Vec<u8>> {
    let mut emitter = Emitter::new(output);
    let mut lines = Vec::new();
    for event in simulated().iter().filter(|event| match output {
        Output::Native => true,
        output => Output::of(event) == output,
    }) {
        let taken = emitter.push(event, |line| {
            lines.push(line.as_bytes().to_vec());
            Ok::<(), ()>(())
        });
        taken.expect("nothing refuses a line");
    }
    spread(lines)
}

/// Some of them, from all over.
fn spread(all: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let step = all.len().div_ceil(SEEDS).max(1);
    all.into_iter().step_by(step).collect()
}

/// Short logs of one identity each, and of a few.
fn logs() -> Vec<Vec<u8>> {
    let events = simulated();
    let mut line = Vec::new();
    let mut logs = Vec::new();
    for (number, event) in events.iter().enumerate() {
        if let Ok(written) = serde_json::to_vec(event) {
            line.extend(written);
            line.push(b'\n');
        }
        if number % 25 == 24 {
            logs.push(std::mem::take(&mut line));
        }
    }
    spread(logs)
}

/// Tables of entries, as the target takes them: without magic, version and checksum.
fn states() -> Vec<Vec<u8>> {
    let mut engine = Engine::new(Arc::default());
    let mut tables = Vec::new();
    for (number, event) in simulated().iter().enumerate() {
        engine.apply(event, &mut Vec::new());
        if number % 500 == 499 {
            tables.extend(written(&mut engine, number as i64).chunks(8).map(table));
        }
    }
    spread(tables)
}

fn table(entries: &[Entry]) -> Vec<u8> {
    let mut table = Vec::new();
    for Entry { key, value } in entries {
        let content = value.as_deref().map(|value| &value[SEAL_BYTES..]);
        let (Ok(key_length), Ok(length)) = (
            u8::try_from(key.len()),
            u16::try_from(content.map_or(0, <[u8]>::len)),
        ) else {
            continue;
        };
        table.push(key_length);
        table.extend(key.as_bytes());
        table.extend(length.to_le_bytes());
        table.extend(content.unwrap_or_default());
    }
    table
}
