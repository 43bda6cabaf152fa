//! The simulator's population as native NDJSON, in chunks that fit in memory.

use std::error::Error;

use plumbline_replay_data::{Options, Simulation};

/// How many events are generated before they are measured.
pub(crate) const CHUNK_EVENTS: usize = 50_000;

/// Some lines of the log.
#[derive(Default)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Chunk {
    /// The events, one a line.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.bytes[start..*end])
    }

    pub(crate) fn events(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// Generates the log and hands it on in chunks; the time that takes is nobody's measurement.
pub(crate) fn each_chunk(
    options: &Options,
    mut take: impl FnMut(&Chunk) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut chunk = Chunk::default();
    for arrival in Simulation::new(options)? {
        serde_json::to_writer(&mut chunk.bytes, &arrival.event)?;
        chunk.ends.push(chunk.bytes.len());
        if chunk.events() == CHUNK_EVENTS {
            take(&chunk)?;
            chunk.bytes.clear();
            chunk.ends.clear();
        }
    }
    if chunk.events() > 0 {
        take(&chunk)?;
    }
    Ok(())
}
