//! How long the next owner takes to know what the last one knew.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use plumbline_replay_data::Simulation;
use plumbline_tests::Line;

use crate::kafka::{Record, producer, send};
use crate::{PARTITIONS, population};

const LIMIT: Duration = Duration::from_secs(900);
/// As many as there are cores of the machines on which this is measured.
const WORKERS: &str = "2";

/// What it took.
pub(crate) struct Restored {
    pub(crate) identities: u32,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
}

/// Lets a service come to know so many identities, kills it, and starts it again.
pub(crate) fn restore(identities: u32) -> Result<Restored, Box<dyn Error>> {
    let line = Line::new("bench-restore", PARTITIONS).created();
    let producer = producer(line.bootstrap())?;
    let mut events = 0;
    for arrival in Simulation::new(&population(identities, 1, Some(4.0)))? {
        send(
            &producer,
            &line.topic("events"),
            &Record::of(&arrival.event)?,
        )?;
        events += 1;
    }
    let flags = ["--workers", WORKERS];
    let service = line.start_service(&flags);
    line.await_state(LIMIT);
    service.kill();
    let entries = line.read("state");
    let bytes = entries
        .iter()
        .map(|entry| entry.key.len() + entry.value.len());
    let bytes = bytes.sum::<usize>() as u64;
    drop(entries);
    let begun = Instant::now();
    let service = line.start_service(&flags);
    while service.stderr().matches("state read").count() < PARTITIONS as usize {
        if begun.elapsed() > LIMIT {
            return Err(service.stderr().into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(Restored {
        identities,
        events,
        bytes,
        took: begun.elapsed(),
    })
}
