//! Which events of an identity have been applied: the memory behind "a second arrival is a
//! duplicate".
//!
//! Kept per identity, so that the answer does not depend on which other identities share the
//! partition. Six generations, each a fifth of the lateness long, keep every id for at least the
//! lateness and at most a fifth longer.
//!
//! An id is kept as a fingerprint. The first 48 of a generation take 40 bits each: that an event is
//! taken for another then has a chance of at most 6·48·2⁻⁴⁰, once in four thousand million. Those of
//! busier identities take 64 bits: of a million ids, once in 10¹³.

use hashbrown::HashTable;
use memchr::memchr_iter;
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::memory::warm;
use crate::state::codec::{Damaged, Reader, Stored, Writer};

const GENERATIONS: usize = 6;
/// Up to so many ids of a generation are faster to scan than to hash.
const SCAN_MOST: u8 = 48;

/// Room for so many ids is made at once: three are 15 bytes, about the step of most allocators.
const STEP: usize = 3;

/// The first 40 bits of an id's hash.
type Fingerprint = [u8; 5];

fn fingerprint(id: u64) -> Fingerprint {
    let [a, b, c, d, e, ..] = id.to_le_bytes();
    [a, b, c, d, e]
}

/// Whether it is one of those in a row. The first byte is looked for, many bytes at once: fingerprints of five
/// bytes compare one by one otherwise.
fn is_among(row: &[u8], id: Fingerprint) -> bool {
    const WIDTH: usize = size_of::<Fingerprint>();
    memchr_iter(id[0], row).any(|at| at % WIDTH == 0 && row[at..at + WIDTH] == id)
}

/// The ids of one identity.
#[derive(Debug)]
pub(crate) struct SeenIds {
    /// Of all generations, the oldest first, and room for a few more.
    few: Box<[Fingerprint]>,
    /// How many of them belong to each generation, the oldest first.
    counts: [u8; GENERATIONS],
    /// What each generation holds beyond those few, the oldest first.
    many: Option<Box<[HashTable<u64>; GENERATIONS]>>,
    newest_since: EventTime,
}

/// Whether an event has been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    Again,
    /// Never before. With the id, and the beginning of its generation, if it is beyond the few.
    First(Option<(EventTime, u64)>),
}

/// All but the ids beyond the few.
impl Stored for SeenIds {
    fn put(&self, to: &mut Writer<'_>) {
        (self.newest_since, self.counts).put(to);
        let few = &self.few[..Self::len(&self.counts)];
        few.iter().for_each(|id| id.put(to));
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        let (newest_since, counts): (_, [u8; GENERATIONS]) = Stored::take(from)?;
        let few = (0..Self::len(&counts)).map(|_| Stored::take(from));
        Ok(Self {
            few: few.collect::<Result<_, _>>()?,
            counts,
            many: None,
            newest_since,
        })
    }
}

fn generation_ms(lateness_ms: i64) -> i64 {
    (lateness_ms / (GENERATIONS as i64 - 1)).max(1)
}

impl SeenIds {
    pub(crate) fn new(clock: EventTime) -> Self {
        Self {
            few: Box::default(),
            counts: [0; GENERATIONS],
            many: None,
            newest_since: clock,
        }
    }

    /// Remembers the event, and says whether it had been seen before.
    pub(crate) fn see(&mut self, event: &Event<'_>, clock: EventTime, lateness_ms: i64) -> Sight {
        let source = event.source.as_deref().unwrap_or_default();
        let id = xxh3_64_with_seed(event.id.as_bytes(), xxh3_64_with_seed(source.as_bytes(), 0));
        self.rotate(clock, generation_ms(lateness_ms));
        if self.contains(id) {
            return Sight::Again;
        }
        let newest = &mut self.counts[GENERATIONS - 1];
        if *newest < SCAN_MOST {
            *newest += 1;
            self.push(fingerprint(id));
            return Sight::First(None);
        }
        let many = self.many.get_or_insert_default();
        many[GENERATIONS - 1].insert_unique(id, id, |id| *id);
        Sight::First(Some((self.newest_since, id)))
    }

    /// The ids beyond the few, each with the beginning of its generation, in an order of their own. An
    /// identity's entry of state does not have them: it would grow with every event of a busy one.
    pub(crate) fn many(&self, lateness_ms: i64) -> Vec<(EventTime, u64)> {
        let generations = self.many.iter().flat_map(|many| many.iter().enumerate());
        let since = |at: usize| {
            let back = (GENERATIONS - 1 - at) as i64 * generation_ms(lateness_ms);
            self.newest_since.plus_millis(-back)
        };
        let ids = generations.flat_map(|(at, ids)| ids.iter().map(move |id| (since(at), *id)));
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids
    }

    /// Takes one of them back, unless its generation has passed.
    pub(crate) fn restore(&mut self, (since, id): (EventTime, u64), lateness_ms: i64) {
        let back = self.newest_since.since(since) / generation_ms(lateness_ms);
        let generation = usize::try_from(back)
            .map_or(GENERATIONS - 1, |back| (GENERATIONS - 1).wrapping_sub(back));
        if generation < GENERATIONS && !self.contains_many(id) {
            let many = self.many.get_or_insert_default();
            many[generation].insert_unique(id, id, |id| *id);
        }
    }

    /// The time of the log when it was last looked at, to a generation.
    pub(crate) fn last(&self) -> EventTime {
        self.newest_since
    }

    /// How many are among the few.
    fn len(counts: &[u8]) -> usize {
        counts.iter().map(|count| usize::from(*count)).sum()
    }

    /// Puts the fingerprint that has just been counted behind the others.
    fn push(&mut self, id: Fingerprint) {
        let len = Self::len(&self.counts);
        if len > self.few.len() {
            self.resize(len - 1 + STEP);
        }
        self.few[len - 1] = id;
    }

    fn resize(&mut self, len: usize) {
        let mut few = std::mem::take(&mut self.few).into_vec();
        few.reserve_exact(len.saturating_sub(few.len()));
        few.resize(len, Fingerprint::default());
        self.few = few.into_boxed_slice();
    }

    fn contains(&self, id: u64) -> bool {
        let few = self.few[..Self::len(&self.counts)].as_flattened();
        is_among(few, fingerprint(id)) || self.contains_many(id)
    }

    fn contains_many(&self, id: u64) -> bool {
        let mut many = self.many.iter().flat_map(|many| many.iter());
        many.any(|ids| ids.find(id, |known| *known == id).is_some())
    }

    fn rotate(&mut self, clock: EventTime, generation_ms: i64) {
        let passed = clock.since(self.newest_since) / generation_ms;
        if passed <= 0 {
            return;
        }
        let gone = usize::try_from(passed).map_or(GENERATIONS, |passed| passed.min(GENERATIONS));
        let few_gone = Self::len(&self.counts[..gone]);
        let few_left = Self::len(&self.counts[gone..]);
        self.few.copy_within(few_gone..few_gone + few_left, 0);
        self.resize(few_left);
        self.counts.rotate_left(gone);
        self.counts[GENERATIONS - gone..].fill(0);
        if let Some(many) = &mut self.many {
            many.rotate_left(gone);
            many[GENERATIONS - gone..].fill_with(HashTable::new);
            if many.iter().all(HashTable::is_empty) {
                self.many = None;
            }
        }
        self.newest_since = self.newest_since.plus_millis(passed * generation_ms);
    }

    pub(crate) fn warm(&self) -> u32 {
        warm(&self.few, |id| u32::from(id[0]))
    }

    pub(crate) fn bytes(&self) -> usize {
        let many = self.many.as_deref().map_or(0, |many| {
            size_of_val(many) + many.iter().map(HashTable::allocation_size).sum::<usize>()
        });
        size_of_val(&*self.few) + many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const LATENESS_MS: i64 = 24 * HOUR_MS;

    fn is_duplicate(seen: &mut SeenIds, id: u64, hour: i64) -> bool {
        let json = format!(
            r#"{{"id":"{id}","time":"2026-01-01T00:00:00Z","kind":"api","identity":{{"id":"x"}},"action":{{"name":"y"}}}}"#
        );
        let event = Event::parse(json.as_bytes()).expect("a valid event");
        let clock = EventTime::from_millis(1_790_000_000_000).plus_millis(hour * HOUR_MS);
        seen.see(&event, clock, LATENESS_MS) == Sight::Again
    }

    #[test]
    fn every_id_is_known_for_the_lateness_and_not_for_long_after() {
        for busy in [1, 40, 200] {
            let mut seen = SeenIds::new(EventTime::from_millis(1_790_000_000_000));
            for hour in 0..200 {
                for nth in 0..busy {
                    assert!(!is_duplicate(&mut seen, hour as u64 * 1000 + nth, hour));
                }
                let oldest = (hour - 24).max(0) as u64 * 1000;
                assert!(is_duplicate(&mut seen, oldest, hour), "{busy} at {hour}");
            }
            assert!(!is_duplicate(&mut seen, 1000, 200), "{busy}");
        }
    }

    #[test]
    fn what_is_past_takes_no_room() {
        let mut seen = SeenIds::new(EventTime::from_millis(1_790_000_000_000));
        (0..5000).for_each(|id| assert!(!is_duplicate(&mut seen, id, 0)));
        assert!(seen.bytes() > 40_000);
        assert!(!is_duplicate(&mut seen, 7, 100));
        assert!(seen.bytes() < 2000, "{}", seen.bytes());
    }
}
