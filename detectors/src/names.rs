//! Interned names: endpoints, scopes, places. A profile holds four bytes of each.
//!
//! Numbers are given in the order of arrival, so they differ between processes: nothing that reaches
//! an output may depend on them. What must be stable uses the hash that comes with the name.

use std::num::NonZeroU32;

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a name stands for; the same text in two spaces is two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Endpoint = 1,
    Scope = 2,
    Tenant = 3,
    Place = 4,
    Setting = 5,
    Group = 6,
}

/// An interned name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(NonZeroU32);

impl Space {
    const ALL: [Self; 6] = [
        Self::Endpoint,
        Self::Scope,
        Self::Tenant,
        Self::Place,
        Self::Setting,
        Self::Group,
    ];

    /// The space of this number.
    pub(crate) fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|space| *space as u8 == number)
    }
}

impl Name {
    fn at(index: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(index))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A name in a table whose entries are packed: four bytes that stand anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedName([u8; 4]);

impl From<Name> for PackedName {
    fn from(name: Name) -> Self {
        Self(name.0.get().to_le_bytes())
    }
}

impl PackedName {
    pub(crate) fn name(self) -> Name {
        // Never 0, as it comes from a name.
        let number = u32::from_le_bytes(self.0);
        Name(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }
}

/// A stable hash of a text that has no need to be shown again, such as a device id.
pub(crate) fn stable_hash(text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), 0)
}

fn hash_in(space: Space, text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), space as u64)
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    text: Box<str>,
}

/// The names of one engine.
#[derive(Debug, Default)]
pub(crate) struct Names {
    table: HashTable<u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    text_bytes: usize,
    added_since_sweep: usize,
    /// Where texts are put together.
    scratch: String,
}

/// Sweeping waits for at least so many new names, however few there were.
const SWEEP_MINIMUM: usize = 65_536;

impl Names {
    /// The name of a text, and its stable hash.
    pub(crate) fn intern(&mut self, space: Space, text: &str) -> (Name, u64) {
        let hash = hash_in(space, text);
        let entries = &self.entries;
        let known = self.table.find(hash, |index| {
            let entry = &entries[*index as usize];
            entry.hash == hash && *entry.text == *text
        });
        if let Some(index) = known {
            return (Name::at(*index), hash);
        }
        (self.add(hash, text), hash)
    }

    /// The name of a text that is put together for it: nearly always it is known, and nothing is allocated.
    pub(crate) fn compose(&mut self, space: Space, write: impl FnOnce(&mut String)) -> Name {
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        write(&mut text);
        let (name, _) = self.intern(space, &text);
        self.scratch = text;
        name
    }

    fn add(&mut self, hash: u64, text: &str) -> Name {
        self.text_bytes += text.len();
        self.added_since_sweep += 1;
        let entry = Entry {
            hash,
            text: text.into(),
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.entries[index as usize] = entry;
                index
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        let entries = &self.entries;
        self.table
            .insert_unique(hash, index, |index| entries[*index as usize].hash);
        Name::at(index)
    }

    /// What it stands for: the space whose hash it has.
    pub(crate) fn space(&self, name: Name) -> Space {
        let entry = &self.entries[name.index()];
        let has = |space: &Space| hash_in(*space, &entry.text) == entry.hash;
        Space::ALL.into_iter().find(has).unwrap_or(Space::Endpoint)
    }

    pub(crate) fn text(&self, name: Name) -> &str {
        &self.entries[name.index()].text
    }

    /// Whether so many names came that many of the old ones may be in use no more. An attacker who
    /// invents endpoints must not fill the memory.
    pub(crate) fn wants_sweep(&self) -> bool {
        self.added_since_sweep > SWEEP_MINIMUM.max(self.table.len() / 2)
    }

    /// Forgets every name for which `mark` was not called.
    pub(crate) fn sweep(&mut self, mark: impl FnOnce(&mut dyn FnMut(Name))) {
        let mut live = vec![false; self.entries.len()];
        mark(&mut |name| live[name.index()] = true);
        for (index, live) in live.iter().enumerate() {
            let index = index as u32;
            let entry = &mut self.entries[index as usize];
            if *live {
                continue;
            }
            if let Ok(slot) = self
                .table
                .find_entry(entry.hash, |candidate| *candidate == index)
            {
                slot.remove();
                self.text_bytes -= entry.text.len();
                entry.text = Box::default();
                self.free.push(index);
            }
        }
        self.added_since_sweep = 0;
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.text_bytes
            + self.scratch.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + self.table.allocation_size()
            + self.free.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swept_name_is_gone_and_its_place_is_used_again() {
        let mut names = Names::default();
        let (kept, _) = names.intern(Space::Endpoint, "GET /a");
        let (dropped, _) = names.intern(Space::Endpoint, "GET /b");
        names.sweep(|mark| mark(kept));
        assert_eq!(names.text(kept), "GET /a");
        let (reused, _) = names.intern(Space::Endpoint, "GET /c");
        assert_eq!(reused, dropped);
        assert_eq!(names.intern(Space::Endpoint, "GET /a").0, kept);
    }

    #[test]
    fn a_packed_name_is_the_same_name() {
        let mut names = Names::default();
        for text in ["a", "b", "c"] {
            let (name, _) = names.intern(Space::Endpoint, text);
            assert_eq!(PackedName::from(name).name(), name);
        }
    }

    #[test]
    fn spaces_keep_the_same_text_apart() {
        let mut names = Names::default();
        assert_ne!(
            names.intern(Space::Endpoint, "x").0,
            names.intern(Space::Scope, "x").0
        );
    }
}
