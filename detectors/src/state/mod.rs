//! What an engine knows, written down as entries of a table: a key, and a value that replaces the one before.
//! Whoever takes all entries of a checkpoint goes on exactly where the engine was that wrote it.
//!
//! | key | value |
//! |---|---|
//! | `engine` | clock, breaker, outages, timers that are overdue, and of how much of the log the entries are the state |
//! | `identity/TENANT/ID` | profile, sessions, risk, standing commands, facts |
//! | `ids/NUMBER` | ids of events of busy identities that came between two checkpoints |
//! | `object/NUMBER` | a change of a contended object |
//! | `shared/HASH` | who uses a network, or what peers do, and how much they took |
//!
//! A value begins with `pl`, the version of the encoding (two bytes) and a checksum of key, version and content (eight).
//! An older version is read; a newer one is refused. Timers are not written: they follow from what they are for.

pub(crate) mod codec;
pub(crate) mod detectors;
mod restore;

use std::collections::VecDeque;

use plumbline_schemas::time::EventTime;
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub use codec::Damaged;
pub use restore::Restorer;

use crate::engine::Engine;
use crate::names::{Names, stable_hash};
use codec::{Stored, Writer, stored};

/// The version of the encoding. To change what is written, raise it, and mark what is new in the lists of
/// fields (`field: since 2`).
pub const VERSION: u16 = 6;

/// More ids than these are split over several entries.
const IDS_OF_ENTRY: usize = 16_384;

/// Where all are written at once, so many identities are in memory twice.
const IDENTITIES_AT_ONCE: usize = 256;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is about.
    pub key: String,
    /// Nothing if there is no such thing any more.
    pub value: Option<Vec<u8>>,
}

/// Why an entry cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// It was changed on its way, or is no entry of state.
    #[error("entry {key} is damaged: {damaged}")]
    Damaged {
        /// Of which entry.
        key: String,
        /// What is wrong.
        damaged: Damaged,
    },
    /// A later version of the program has written it.
    #[error(
        "entry {key} has version {found} of the encoding and this program reads up to {VERSION}: start the \
         version of Plumbline that wrote it, or a later one"
    )]
    Newer {
        /// Of which entry.
        key: String,
        /// What is there.
        found: u16,
    },
    /// It belongs to a log that is divided otherwise.
    #[error(
        "the state was written when the log had {written} partitions, and it has {now}: identities are in \
         other partitions now. Start with new topics, or give the log its old number of partitions"
    )]
    Partitions {
        /// How many there were.
        written: u32,
        /// How many there are.
        now: u32,
    },
}

/// What is still to be written down, beside the identities.
#[derive(Debug, Default)]
pub(crate) struct Saving {
    /// Whether anybody asks for it.
    is_kept: bool,
    /// Hash of the identity, beginning of the generation, id.
    ids: Vec<(u64, EventTime, u64)>,
    forgotten: Vec<Box<str>>,
    /// The entries of ids that were written, and until when each is of use.
    id_entries: VecDeque<(u64, EventTime)>,
    next_entry: u64,
}

impl Saving {
    pub(crate) fn seen(&mut self, id: Option<(u64, EventTime, u64)>) {
        if self.is_kept {
            self.ids.extend(id);
        }
    }
}

/// A timer: key of the identity; session, what it waits for, due time.
type Overdue = (Box<str>, (u32, u8, EventTime));

/// The entry `engine`.
#[derive(Debug)]
struct Whole {
    partitions: u32,
    position: i64,
    clock: Option<EventTime>,
    breaker: crate::policy::breaker::Breaker,
    outages: crate::outage::Outages,
    /// Number of the oldest object that is kept.
    objects: u64,
    overdue: Vec<Overdue>,
}
stored!(Whole {
    partitions,
    position,
    clock,
    breaker,
    outages,
    objects,
    overdue
});

/// The entry `ids/…`.
#[derive(Debug)]
struct Ids {
    useful_until: EventTime,
    ids: Vec<(u64, EventTime, u64)>,
}
stored!(Ids { useful_until, ids });

/// What every value begins with.
const MAGIC: &[u8] = b"pl";

const ENGINE: &str = "engine";
const IDENTITY: &str = "identity/";
const IDS: &str = "ids/";
const OBJECT: &str = "object/";
const SHARED: &str = "shared/";

/// A value as the content of an entry.
pub(crate) fn write(value: &impl Stored, names: &Names) -> Vec<u8> {
    let mut writer = Writer {
        bytes: Vec::with_capacity(1024),
        names,
    };
    value.put(&mut writer);
    writer.bytes
}

fn checksum(key: &str, version: u16, content: &[u8]) -> u64 {
    // Before version 6 nothing told a version that was damaged from an older one.
    let version = if version < 6 { 0 } else { u64::from(version) };
    xxh3_64_with_seed(content, stable_hash(key) ^ version.rotate_left(48))
}

/// How many bytes stand before the content of a value: what it is, version and checksum.
pub const SEAL_BYTES: usize = 12;

impl Entry {
    fn of(key: String, content: &[u8]) -> Self {
        let value = Some(Self::sealed(&key, content));
        Self { key, value }
    }

    /// A value of this version with this content, for this key.
    pub fn sealed(key: &str, content: &[u8]) -> Vec<u8> {
        let mut value = Vec::with_capacity(SEAL_BYTES + content.len());
        value.extend_from_slice(MAGIC);
        value.extend_from_slice(&VERSION.to_le_bytes());
        value.extend_from_slice(&checksum(key, VERSION, content).to_le_bytes());
        value.extend_from_slice(content);
        value
    }

    fn gone(key: String) -> Self {
        Self { key, value: None }
    }
}

/// The content of an entry, and the version that has written it.
fn open<'v>(key: &str, value: &'v [u8]) -> Result<(&'v [u8], u16), EntryError> {
    let damaged = |expected| EntryError::Damaged {
        key: key.to_owned(),
        damaged: Damaged { expected, at: 0 },
    };
    let rest = value.strip_prefix(MAGIC).ok_or(damaged("entry of state"))?;
    let (version, rest) = rest.split_first_chunk().ok_or(damaged("version"))?;
    let found = u16::from_le_bytes(*version);
    if found > VERSION {
        let key = key.to_owned();
        return Err(EntryError::Newer { key, found });
    }
    let (sum, content) = rest.split_first_chunk().ok_or(damaged("checksum"))?;
    match u64::from_le_bytes(*sum) == checksum(key, found, content) && found > 0 {
        true => Ok((content, found)),
        false => Err(damaged("content with this checksum")),
    }
}

impl Engine {
    /// From now on what changes is remembered until a checkpoint takes it; the first takes all there is.
    pub fn keep_account(&mut self) {
        self.saving.is_kept = true;
        self.account_for_all();
    }

    /// The next checkpoint takes all there is: the last one came to nothing.
    pub fn account_for_all(&mut self) {
        self.identities.mark_all(false);
        self.shared.mark_all();
        self.objects.mark_all();
        let lateness_ms = self.config.engine.lateness.as_millis();
        let clock = self.clock.unwrap_or_default();
        let all = self.identities.numbered().flat_map(|(at, identity)| {
            let hash = self.hashes[at];
            let many = identity.seen.many(lateness_ms).into_iter();
            // Somebody idle may still hold ids that nothing can match any more.
            many.filter(move |(since, _)| clock.since(*since) <= 2 * lateness_ms)
                .map(move |(since, id)| (hash, since, id))
        });
        self.saving.ids = all.collect();
        self.saving.forgotten.clear();
    }

    /// Begins a checkpoint: the entries of all that changed since the last one, as it is now, when it is the
    /// state of the log up to this position. Those of identities come from [`Engine::write_checkpoint`],
    /// whatever is applied meanwhile.
    pub fn begin_checkpoint(&mut self, position: i64) -> Vec<Entry> {
        let forgotten = std::mem::take(&mut self.saving.forgotten).into_iter();
        let mut entries: Vec<_> = forgotten
            .map(|key| Entry::gone(format!("{IDENTITY}{key}")))
            .collect();
        self.identities.freeze();
        self.write_ids(&mut entries);
        let names = &self.names;
        let (gone, came) = self.objects.take_changed();
        entries.extend(gone.map(|number| Entry::gone(format!("{OBJECT}{number:016x}"))));
        entries.extend(came.map(|(number, change)| {
            Entry::of(format!("{OBJECT}{number:016x}"), &write(change, names))
        }));
        entries.extend(
            self.shared.take_changed().map(|(what, users)| {
                Entry::of(format!("{SHARED}{what:016x}"), &write(users, names))
            }),
        );
        entries.push(Entry::of(ENGINE.to_owned(), &self.write_whole(position)));
        entries
    }

    /// Further entries of the checkpoint, about so many; nothing when all have come.
    pub fn write_checkpoint(&mut self, most: usize) -> Option<Vec<Entry>> {
        if self.identities.is_written() {
            return None;
        }
        let written = self.identities.write(most, &self.names).into_iter();
        let entry =
            |(key, content): (Box<str>, Vec<u8>)| Entry::of(format!("{IDENTITY}{key}"), &content);
        Some(written.map(entry).collect())
    }

    /// Writes down all there is, as a first checkpoint would, and nothing is applied meanwhile. No account is kept of
    /// what changes from then on.
    pub fn write_all<E>(
        &mut self,
        position: i64,
        write: &mut dyn FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        self.keep_no_account();
        self.account_for_all();
        let mut entries = self.begin_checkpoint(position);
        loop {
            entries.drain(..).try_for_each(&mut *write)?;
            match self.write_checkpoint(IDENTITIES_AT_ONCE) {
                Some(more) => entries = more,
                None => break,
            }
        }
        self.keep_no_account();
        Ok(())
    }

    /// What changes is not remembered any more: no checkpoint will ask for it.
    pub fn keep_no_account(&mut self) {
        self.saving = Saving::default();
    }

    fn write_whole(&mut self, position: i64) -> Vec<u8> {
        let clock = self.clock.unwrap_or_default();
        let overdue = self.timers.overdue(clock).map(|timer| {
            let key = self.identities[timer.identity as usize].key.clone();
            (key, (timer.session, timer.wait as u8, timer.due))
        });
        let mut whole = Whole {
            partitions: self.partitions,
            position,
            clock: self.clock,
            breaker: std::mem::take(&mut self.breaker),
            outages: std::mem::take(&mut self.outages),
            objects: self.objects.first(),
            overdue: overdue.collect(),
        };
        whole.overdue.sort();
        whole.overdue.dedup();
        let content = write(&whole, &self.names);
        (self.breaker, self.outages) = (whole.breaker, whole.outages);
        content
    }

    /// The ids of busy identities since the last checkpoint: only they grow with every event, so they are
    /// added and not written anew.
    fn write_ids(&mut self, entries: &mut Vec<Entry>) {
        let clock = self.clock.unwrap_or_default();
        let keep_ms = 2 * self.config.engine.lateness.as_millis();
        let saving = &mut self.saving;
        while let Some((number, _)) = saving
            .id_entries
            .pop_front_if(|(_, useful_until)| *useful_until < clock)
        {
            entries.push(Entry::gone(format!("{IDS}{number:016x}")));
        }
        let mut rest = std::mem::take(&mut saving.ids);
        rest.sort_unstable();
        for ids in rest.chunks(IDS_OF_ENTRY) {
            let useful_until = clock.plus_millis(keep_ms);
            let number = saving.next_entry;
            saving.next_entry += 1;
            saving.id_entries.push_back((number, useful_until));
            let ids = ids.to_vec();
            let content = write(&Ids { useful_until, ids }, &self.names);
            entries.push(Entry::of(format!("{IDS}{number:016x}"), &content));
        }
    }

    /// Forgets who has not been heard of for `engine.retention`, when a day begins on the log's clock.
    pub(crate) fn forget_idle(&mut self, clock: EventTime) {
        let idle = self.idle(clock);
        if idle.is_empty() {
            return;
        }
        for at in &idle {
            let key = self.remove(*at);
            if self.saving.is_kept {
                self.saving.forgotten.push(key);
            }
        }
        let is_idle = |number: u32| idle.binary_search(&(number as usize)).is_ok();
        self.timers.retain(|identity| !is_idle(identity));
        let known = |at: usize| !is_idle(at as u32);
        self.objects
            .renumber(|change| change.at.filter(|at| known(*at)));
    }

    /// Who has not been heard of for that long, counted from the beginning of the day.
    fn idle(&self, clock: EventTime) -> Vec<usize> {
        let midnight = i64::from(crate::profile::day(clock)) * 86_400_000;
        let retention = self.config.engine.retention.as_millis();
        let gone = EventTime::from_millis(midnight).plus_millis(-retention);
        let all = self.identities.numbered();
        all.filter(|(_, identity)| identity.seen.last() < gone)
            .map(|(at, _)| at)
            .collect()
    }
}
