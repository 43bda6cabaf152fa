//! The engine: one keyed, ordered log in, findings and commands out.
//!
//! `record → identity & session → detectors → risk → policy → findings, commands → learn`
//!
//! An event is judged by what was usual *before* it, and learnt afterwards; what is suspect is not
//! learnt at all.

use std::sync::Arc;

use hashbrown::HashTable;
use plumbline_schemas::command::Command;
use plumbline_schemas::event::{ActionClass, Event, EventKind};
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::Config;
use crate::context;
use crate::facts::is_compromise;
use crate::identity::{Identities, Identity};
use crate::names::{Name, Names, stable_hash};
use crate::objects::Objects;
use crate::outage::Outages;
use crate::policy::breaker::{Breaker, Commanded};
use crate::profile::day;
use crate::seen::Sight;
use crate::setting::Agents;
use crate::shared::Shared;
use crate::state::Saving;
use crate::timers::Timers;
use crate::units::Bits;
use crate::witness::Witness;

/// An identity is judged anew in about so many active hours a year: what turns a yearly rate of false
/// alarms into a threshold in bits.
const JUDGEMENTS_PER_YEAR: f64 = 2000.0;
/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It was judged and, unless suspect, learnt.
    Applied,
    /// Seen before: counted, otherwise ignored.
    Duplicate,
    /// Further behind the log's clock than `engine.lateness`: counted, otherwise ignored.
    Late,
    /// No event, but what engines tell each other, or a tick.
    Told,
}

/// What the engine publishes, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// For topic `plumbline.findings`.
    Finding(Box<Finding>),
    /// For topic `plumbline.control`.
    Command(Box<Command>),
    /// For the other partitions of the log: an event of kind `context`, as JSON.
    Context(Vec<u8>),
}

/// Where an identity is. Half of its hash stands beside, so that nothing else has to be fetched to know
/// that it is another.
#[derive(Clone, Copy, Debug)]
struct Slot {
    at: u32,
    tag: u32,
}

impl Slot {
    /// The half of the hash by which the table does not choose where to look.
    fn tag(hash: u64) -> u32 {
        (hash >> 24) as u32
    }
}

/// The state of one partition of the log, and the function from a record to what is published.
#[derive(Debug)]
pub struct Engine {
    pub(crate) config: Arc<Config>,
    pub(crate) threshold: Bits,
    /// How many partitions the log has; 1 for whoever reads all of it.
    pub(crate) partitions: u32,
    pub(crate) clock: Option<EventTime>,
    pub(crate) names: Names,
    index: HashTable<Slot>,
    pub(crate) identities: Identities,
    pub(crate) hashes: Vec<u64>,
    pub(crate) breaker: Breaker,
    /// Commands of this record that the other partitions are to count.
    pub(crate) untold: Vec<Commanded>,
    pub(crate) timers: Timers,
    pub(crate) objects: Objects,
    pub(crate) outages: Outages,
    pub(crate) shared: Shared,
    pub(crate) agents: Agents,
    pub(crate) saving: Saving,
    /// Reused from event to event.
    pub(crate) tokens: Vec<(Name, ActionClass)>,
    /// Of whom somebody wants to know why; of nobody, as a rule.
    pub(crate) witness: Option<Box<Witness>>,
}

impl Engine {
    /// An engine that knows nobody yet.
    pub fn new(config: Arc<Config>) -> Self {
        let alarms = config.engine.false_alarms_per_identity_year;
        Self {
            threshold: Bits((JUDGEMENTS_PER_YEAR / alarms).log2()).clamped(),
            config,
            partitions: 1,
            clock: None,
            names: Names::default(),
            index: HashTable::new(),
            identities: Identities::default(),
            hashes: Vec::new(),
            breaker: Breaker::default(),
            untold: Vec::new(),
            timers: Timers::default(),
            objects: Objects::default(),
            outages: Outages::default(),
            shared: Shared::default(),
            agents: Agents::default(),
            saving: Saving::default(),
            tokens: Vec::new(),
            witness: None,
        }
    }

    /// The engine of one of so many partitions: it tells the others what concerns their identities.
    pub fn of_partition(config: Arc<Config>, partitions: u32) -> Self {
        Self {
            partitions: partitions.max(1),
            ..Self::new(config)
        }
    }

    /// When the next timer is due, if one is set. A quiet partition needs a tick for it.
    pub fn next_timer(&self) -> Option<EventTime> {
        self.timers.next()
    }

    /// Takes the next record of the log and appends what it leads to.
    pub fn apply(&mut self, event: &Event<'_>, outputs: &mut Vec<Output>) -> Disposition {
        let disposition = self.take(event, outputs);
        self.tell_commanded(event, outputs);
        disposition
    }

    fn take(&mut self, event: &Event<'_>, outputs: &mut Vec<Output>) -> Disposition {
        if context::is_news(event) {
            let clock = self.clock.unwrap_or(event.time);
            self.apply_context(event, clock, outputs);
            return Disposition::Told;
        }
        let clock = self.clock.map_or(event.time, |clock| clock.max(event.time));
        let before = self.clock.replace(clock);
        if before.is_some_and(|before| day(before) < day(clock)) {
            self.forget_idle(clock);
        }
        let lateness_ms = self.config.engine.lateness.as_millis();
        self.pass_time(clock, outputs);
        if clock.since(event.time) > lateness_ms {
            return Disposition::Late;
        }
        if event.kind == EventKind::Context {
            return Disposition::Told;
        }
        if event.kind == EventKind::Feedback {
            return self.apply_feedback(event, clock, outputs);
        }
        let at = self.identity_of(event, clock);
        std::hint::black_box(self.identities[at].warm());
        if self.was_seen(at, event, clock) {
            return Disposition::Duplicate;
        }
        self.judge(at, event, clock, outputs);
        self.sweep_names();
        Disposition::Applied
    }

    /// Forgets the names that no identity has any more, once they have become many.
    pub(crate) fn sweep_names(&mut self) {
        if self.names.wants_sweep() {
            let identities = &self.identities;
            self.names.sweep(|mark| {
                identities
                    .iter()
                    .for_each(|identity| identity.each_name(mark))
            });
        }
    }

    /// The largest event time applied.
    pub fn clock(&self) -> Option<EventTime> {
        self.clock
    }

    /// How many identities have a profile.
    pub fn identities(&self) -> usize {
        self.identities.len()
    }

    /// About how many identities the whole log has: they are spread over its partitions by a hash.
    pub(crate) fn known_identities(&self) -> usize {
        self.identities.len() * self.partitions as usize
    }

    /// Bytes of state held, all of it: profiles, sessions, interned names and tables.
    pub fn state_bytes(&self) -> usize {
        self.identities.bytes() + self.tables_bytes()
    }

    /// The same from a sample of the identities: counting a million of them takes as long as judging as many events.
    pub fn state_bytes_about(&self) -> usize {
        self.identities.bytes_about() + self.tables_bytes()
    }

    fn tables_bytes(&self) -> usize {
        self.hashes.capacity() * size_of::<u64>()
            + self.index.allocation_size()
            + self.names.bytes()
            + self.breaker.bytes()
            + self.timers.bytes()
            + self.outages.bytes()
            + self.objects.bytes()
            + self.shared.bytes()
            + self.agents.bytes()
    }

    /// Bytes held of each identity, part by part, in the order of their first events.
    pub fn identity_bytes(&self) -> impl Iterator<Item = Vec<(&'static str, usize)>> {
        let fixed = ("fixed", size_of::<Identity>());
        self.identities
            .iter()
            .map(move |identity| [fixed].into_iter().chain(identity.parts()).collect())
    }

    fn find(&self, event: &Event<'_>) -> (u64, Option<usize>) {
        self.find_named(event.tenant(), &event.identity.id)
    }

    /// The hash of an identity, and its number if it is known.
    pub(crate) fn find_named(&self, tenant: &str, id: &str) -> (u64, Option<usize>) {
        let hash = xxh3_64_with_seed(id.as_bytes(), stable_hash(tenant));
        let found = self.index.find(hash, |slot| {
            slot.tag == Slot::tag(hash) && self.identities[slot.at as usize].is(tenant, id)
        });
        (hash, found.map(|slot| slot.at as usize))
    }

    /// The number of the identity with this key: of which a tenant with a slash may have several readings.
    pub(crate) fn find_key(&self, key: &str) -> Option<usize> {
        let slashes = key.match_indices('/');
        let mut readings = slashes.map(|(at, _)| (&key[..at], &key[at + 1..]));
        readings.find_map(|(tenant, id)| self.find_named(tenant, id).1)
    }

    /// The number of the identity with this hash.
    pub(crate) fn find_hash(&self, hash: u64) -> Option<usize> {
        let is_it = |slot: &Slot| self.hashes[slot.at as usize] == hash;
        self.index.find(hash, is_it).map(|slot| slot.at as usize)
    }

    fn identity_of(&mut self, event: &Event<'_>, clock: EventTime) -> usize {
        let (hash, found) = self.find(event);
        if let Some(at) = found {
            return at;
        }
        let kind = event.identity_kind();
        let identity = Identity::new(event.tenant(), &event.identity.id, kind, event.time, clock);
        self.insert(hash, identity)
    }

    /// Gives an identity a number, by which it is found.
    pub(crate) fn insert(&mut self, hash: u64, identity: Identity) -> usize {
        let at = self.identities.push(identity);
        match self.hashes.get_mut(at) {
            Some(vacant) => *vacant = hash,
            None => self.hashes.push(hash),
        }
        let hashes = &self.hashes;
        let slot = Slot {
            at: at as u32,
            tag: Slot::tag(hash),
        };
        self.index
            .insert_unique(hash, slot, |slot| hashes[slot.at as usize]);
        at
    }

    /// Forgets an identity, and gives its key.
    pub(crate) fn remove(&mut self, at: usize) -> Box<str> {
        let found = self
            .index
            .find_entry(self.hashes[at], |slot| slot.at as usize == at);
        if let Ok(slot) = found {
            slot.remove();
        }
        self.identities.forget(at, &self.names)
    }

    /// Remembers the event, and says whether it has come before.
    fn was_seen(&mut self, at: usize, event: &Event<'_>, clock: EventTime) -> bool {
        let lateness_ms = self.config.engine.lateness.as_millis();
        let identity = self.identities.change(at, &self.names);
        match identity.seen.see(event, clock, lateness_ms) {
            Sight::Again => true,
            Sight::First(one_of_many) => {
                let id = one_of_many.map(|(since, id)| (self.hashes[at], since, id));
                self.saving.seen(id);
                false
            }
        }
    }

    fn apply_feedback(
        &mut self,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) -> Disposition {
        let (_, Some(at)) = self.find(event) else {
            // Of somebody never seen nothing is to be changed, but others may have what was stolen.
            if is_compromise(event) {
                self.suspect_related(None, event, clock, outputs);
            }
            return Disposition::Applied;
        };
        if self.was_seen(at, event, clock) {
            return Disposition::Duplicate;
        }
        self.hear(at, event, clock, outputs);
        Disposition::Applied
    }
}
