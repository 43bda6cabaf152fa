//! From entries back to an engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;

use super::codec::{Damaged, Reader, Stored};
use super::{ENGINE, EntryError, IDENTITY, IDS, Ids, OBJECT, Overdue, SHARED, Whole, open};
use crate::config::Config;
use crate::engine::Engine;
use crate::identity::Identity;
use crate::names::Names;
use crate::objects::Change;
use crate::timers::{Timer, Wait};

/// Takes entries in, in the order in which they were written, and makes an engine of them.
#[derive(Debug)]
pub struct Restorer {
    engine: Engine,
    whole: Option<Whole>,
    objects: BTreeMap<u64, Change>,
    ids: BTreeMap<u64, Ids>,
}

impl Restorer {
    /// For one of so many partitions of the log.
    pub fn new(config: Arc<Config>, partitions: u32) -> Self {
        Self {
            engine: Engine::of_partition(config, partitions),
            whole: None,
            objects: BTreeMap::new(),
            ids: BTreeMap::new(),
        }
    }

    /// Bytes held of what was taken in, but for entries that wait for the end.
    pub fn state_bytes(&self) -> usize {
        self.engine.state_bytes()
    }

    /// How many identities there are by now.
    pub fn identities(&self) -> usize {
        self.engine.identities()
    }

    /// Takes an entry in: it replaces the one that had its key. Keys that are not known are left alone.
    pub fn take(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), EntryError> {
        let key = std::str::from_utf8(key).unwrap_or_default();
        let number = |prefix: &str| u64::from_str_radix(key.strip_prefix(prefix)?, 16).ok();
        if key == ENGINE {
            self.whole = value.map(|value| self.read(key, value)).transpose()?;
        } else if let Some(name) = key.strip_prefix(IDENTITY) {
            self.take_identity(key, name, value)?;
        } else if let Some(number) = number(OBJECT) {
            let change = value.map(|value| self.read(key, value)).transpose()?;
            replace(&mut self.objects, number, change);
        } else if let Some(number) = number(IDS) {
            let ids = value.map(|value| self.read(key, value)).transpose()?;
            replace(&mut self.ids, number, ids);
        } else if let (Some(what), Some(value)) = (number(SHARED), value) {
            let users = self.read(key, value)?;
            self.engine.shared.restore(what, users);
        }
        Ok(())
    }

    fn read<T: Stored>(&mut self, key: &str, value: &[u8]) -> Result<T, EntryError> {
        let (content, version) = open(key, value)?;
        read_content(content, version, &mut self.engine.names).map_err(|damaged| {
            EntryError::Damaged {
                key: key.to_owned(),
                damaged,
            }
        })
    }

    fn take_identity(
        &mut self,
        key: &str,
        name: &str,
        value: Option<&[u8]>,
    ) -> Result<(), EntryError> {
        let identity: Option<Identity> = value.map(|value| self.read(key, value)).transpose()?;
        if let Some(at) = self.engine.find_key(name) {
            self.engine.remove(at);
        }
        match identity {
            None => Ok(()),
            Some(identity) if identity.is_named(name) => {
                let (hash, _) = self.engine.find_named(identity.tenant(), identity.id());
                self.engine.insert(hash, identity);
                // Who follows a partition for months takes each identity in many times.
                self.engine.sweep_names();
                Ok(())
            }
            Some(_) => Err(EntryError::Damaged {
                key: key.to_owned(),
                damaged: Damaged {
                    expected: "identity of this key",
                    at: 0,
                },
            }),
        }
    }

    /// The engine, and of how much of the log it is the state; nothing if no checkpoint was ever written.
    pub fn finish(mut self) -> Result<Option<(Engine, i64)>, EntryError> {
        let Some(whole) = self.whole.take() else {
            return Ok(None);
        };
        let mut engine = self.engine;
        if whole.partitions != engine.partitions {
            return Err(EntryError::Partitions {
                written: whole.partitions,
                now: engine.partitions,
            });
        }
        let clock = whole.clock.unwrap_or_default();
        engine.clock = whole.clock;
        engine.breaker = whole.breaker;
        engine.outages = whole.outages;
        engine.restore_timers(clock, &whole.overdue);
        let mut objects = self.objects.split_off(&whole.objects);
        for change in objects.values_mut() {
            let found = engine.find_named(&change.tenant, &change.identity).1;
            change.at = change.at.and(found);
        }
        engine
            .objects
            .restore(whole.objects, objects.into_values().collect());
        engine.restore_ids(clock, self.ids);
        // What was dropped since it was written, and whose end did not come to be written.
        for at in engine.idle(clock) {
            engine.remove(at);
        }
        engine.identities.mark_all(true);
        engine.saving.is_kept = true;
        Ok(Some((engine, whole.position)))
    }
}

fn replace<T>(entries: &mut BTreeMap<u64, T>, number: u64, entry: Option<T>) {
    match entry {
        Some(entry) => entries.insert(number, entry),
        None => entries.remove(&number),
    };
}

fn read_content<T: Stored>(content: &[u8], version: u16, names: &mut Names) -> Result<T, Damaged> {
    let mut reader = Reader::new(content, version, names);
    let value = T::take(&mut reader)?;
    reader.end()?;
    Ok(value)
}

impl Engine {
    /// Sets the timers again: they follow from what they are for, but for those that are due and were to
    /// fire before the next record.
    fn restore_timers(&mut self, clock: EventTime, overdue: &[Overdue]) {
        let limit = self.config.policy.session.inactivity.as_millis();
        for (at, identity) in self.identities.numbered() {
            let timer = |session, due, wait| Timer {
                due,
                identity: at as u32,
                session,
                wait,
            };
            let is_human = identity.kind == IdentityKind::Human;
            for session in identity.sessions.iter() {
                let ends = [session.jit_until(), session.waits_until()].into_iter();
                for until in ends.flatten().filter(|until| *until > clock) {
                    self.timers.set(timer(session.key, until, Wait::Window));
                }
                let rests = session.rest_shows(limit);
                if session.is_watched && is_human && rests > clock {
                    self.timers.set(timer(session.key, rests, Wait::Rest));
                }
            }
            for standing in identity.standing.iter() {
                let due = standing.awaited.as_ref().map(|awaited| awaited.due);
                if let Some(due) = due.filter(|due| *due > clock) {
                    self.timers.set(timer(standing.began_in, due, Wait::Answer));
                }
            }
        }
        for (key, (session, wait, due)) in overdue {
            if let (Some(at), Some(wait)) = (self.find_key(key), Wait::of(*wait)) {
                self.timers.set(Timer {
                    due: *due,
                    identity: at as u32,
                    session: *session,
                    wait,
                });
            }
        }
    }

    fn restore_ids(&mut self, clock: EventTime, entries: BTreeMap<u64, Ids>) {
        let lateness_ms = self.config.engine.lateness.as_millis();
        for (number, Ids { useful_until, ids }) in entries {
            self.saving.next_entry = number + 1;
            self.saving.id_entries.push_back((number, useful_until));
            if useful_until < clock {
                continue;
            }
            for (hash, since, id) in ids {
                if let Some(at) = self.find_hash(hash) {
                    let identity = self.identities.change(at, &self.names);
                    identity.seen.restore((since, id), lateness_ms);
                }
            }
        }
    }
}
