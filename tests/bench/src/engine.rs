//! Parser and engine on the same events, in turns, so that a noisy machine slows both.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline_detectors::{Engine, Output};
use plumbline_replay_data::Options;
use plumbline_schemas::event::Event;

use crate::log::{Chunk, each_chunk};

/// What one size of population came to.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) identities: usize,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) sonic: Duration,
    pub(crate) serde: Duration,
    pub(crate) engine: Duration,
    pub(crate) state_bytes: usize,
}

impl Measured {
    /// Events per second of a measured time.
    pub(crate) fn rate(&self, of: Duration) -> f64 {
        self.events as f64 / of.as_secs_f64()
    }

    /// Takes in another population of the same size.
    pub(crate) fn add(&mut self, other: Self) {
        self.identities = other.identities;
        self.events += other.events;
        self.bytes += other.bytes;
        self.sonic += other.sonic;
        self.serde += other.serde;
        self.engine += other.engine;
        self.state_bytes = other.state_bytes;
    }

    /// Engine over parse-only.
    pub(crate) fn ratio(&self) -> f64 {
        self.sonic.as_secs_f64() / self.engine.as_secs_f64()
    }
}

/// Puts the log through the parsers and the engine. Only what comes after the first half of the log
/// is timed: before, most identities are new. With it goes what the engine knows in the end.
pub(crate) fn measure(options: &Options) -> Result<(Measured, Engine), Box<dyn Error>> {
    let mut engine = Engine::new(Arc::default());
    let mut outputs: Vec<Output> = Vec::new();
    let mut measured = Measured::default();
    let halfway = options
        .start
        .plus_millis(i64::from(options.days) * 86_400_000 / 2);
    each_chunk(options, |chunk| {
        let warm = engine.clock().is_some_and(|clock| clock >= halfway);
        if warm {
            measured.events += chunk.events() as u64;
            measured.bytes += chunk.bytes() as u64;
            measured.sonic += timed(|| parse(chunk))?;
            measured.serde += timed(|| parse_with_serde(chunk))?;
        }
        let took = timed(|| apply(chunk, &mut engine, &mut outputs))?;
        if warm {
            measured.engine += took;
        }
        outputs.clear();
        Ok(())
    })?;
    measured.identities = engine.identities();
    measured.state_bytes = engine.state_bytes();
    Ok((measured, engine))
}

fn timed(work: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

fn parse(chunk: &Chunk) -> Result<(), Box<dyn Error>> {
    for line in chunk.lines() {
        black_box(Event::parse(line).map_err(|reject| reject.to_string())?);
    }
    Ok(())
}

fn parse_with_serde(chunk: &Chunk) -> Result<(), Box<dyn Error>> {
    for line in chunk.lines() {
        black_box(serde_json::from_slice::<Event<'_>>(line)?);
    }
    Ok(())
}

fn apply(
    chunk: &Chunk,
    engine: &mut Engine,
    outputs: &mut Vec<Output>,
) -> Result<(), Box<dyn Error>> {
    for line in chunk.lines() {
        let event = Event::parse(line).map_err(|reject| reject.to_string())?;
        black_box(engine.apply(&event, outputs));
    }
    Ok(())
}
