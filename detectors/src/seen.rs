//! Which events of an identity have been applied: the memory behind "a second arrival is a
//! duplicate".
//!
//! Ids are kept as 64-bit hashes (two of a million ids in a window are taken for one with a chance
//! of 3·10⁻⁸), per identity, so that the answer does not depend on which other identities share the
//! partition. Three generations, each half the lateness long, keep every id for at least the
//! lateness and at most half as long again.

use hashbrown::HashTable;
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Up to so many ids are faster to scan than to hash.
const SCAN_MOST: usize = 48;

#[derive(Debug)]
enum Generation {
    Few(Vec<u64>),
    Many(HashTable<u64>),
}

impl Default for Generation {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Generation {
    fn contains(&self, id: u64) -> bool {
        match self {
            Self::Few(ids) => ids.contains(&id),
            Self::Many(ids) => ids.find(id, |known| *known == id).is_some(),
        }
    }

    fn insert(&mut self, id: u64) {
        match self {
            Self::Few(ids) if ids.len() < SCAN_MOST => {
                if ids.len() == ids.capacity() {
                    // Four at a time: doubling would leave half of a typical identity's ids empty.
                    ids.reserve_exact((ids.len() / 2).max(4));
                }
                ids.push(id);
            }
            Self::Few(ids) => {
                let mut many = HashTable::with_capacity(SCAN_MOST * 2);
                for id in ids.drain(..).chain([id]) {
                    many.insert_unique(id, id, |id| *id);
                }
                *self = Self::Many(many);
            }
            Self::Many(ids) => {
                ids.insert_unique(id, id, |id| *id);
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Few(ids) => ids.capacity() * size_of::<u64>(),
            Self::Many(ids) => ids.allocation_size(),
        }
    }
}

/// The ids of one identity.
#[derive(Debug)]
pub(crate) struct SeenIds {
    /// Newest first.
    generations: [Generation; 3],
    newest_since: EventTime,
}

impl SeenIds {
    pub(crate) fn new(clock: EventTime) -> Self {
        Self {
            generations: Default::default(),
            newest_since: clock,
        }
    }

    /// Remembers the event; whether it had been seen before.
    pub(crate) fn is_duplicate(
        &mut self,
        event: &Event<'_>,
        clock: EventTime,
        lateness_ms: i64,
    ) -> bool {
        let source = event.source.as_deref().unwrap_or_default();
        let id = xxh3_64_with_seed(event.id.as_bytes(), xxh3_64_with_seed(source.as_bytes(), 0));
        self.rotate(clock, (lateness_ms / 2).max(1));
        if self
            .generations
            .iter()
            .any(|generation| generation.contains(id))
        {
            return true;
        }
        self.generations[0].insert(id);
        false
    }

    fn rotate(&mut self, clock: EventTime, generation_ms: i64) {
        let passed = clock.since(self.newest_since) / generation_ms;
        if passed <= 0 {
            return;
        }
        for _ in 0..passed.min(3) {
            self.generations.rotate_right(1);
            self.generations[0] = Generation::default();
        }
        self.newest_since = self.newest_since.plus_millis(passed * generation_ms);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.generations.iter().map(Generation::bytes).sum()
    }
}
