//! The engine: one keyed, ordered log in, findings and commands out.
//!
//! `record → identity & session → detectors → risk → policy → findings, commands → learn`
//!
//! An event is judged by what was usual *before* it, and learnt afterwards; what is suspect is not
//! learnt at all.

use std::sync::Arc;

use hashbrown::HashTable;
use plumbline_schemas::command::Command;
use plumbline_schemas::event::{ActionClass, Anonymizer, Event, EventKind, Outcome};
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::answer::Publisher;
use crate::config::{Config, DetectorMode};
use crate::detect::{DetectorId, Moment};
use crate::feedback;
use crate::identity::{Identities, Identity};
use crate::names::{Name, Names, Space, stable_hash};
use crate::policy;
use crate::policy::breaker::Breaker;
use crate::profile::places::{Bearer, Place};
use crate::profile::scope::Trust;
use crate::profile::sequence::{Context, symbol};
use crate::risk::DetectorSet;
use crate::session::Session;
use crate::signal::Signal;
use crate::units::Bits;

/// An identity is judged anew in about so many active hours a year: what turns a yearly rate of false
/// alarms into a threshold in bits.
const JUDGEMENTS_PER_YEAR: f64 = 2000.0;
/// From so much surprise on something new is learnt only when it stays.
const PROBATION_BITS: f64 = 8.0;
/// From so much evidence of another order on, the order is not learnt: two odd steps.
const ODD_ORDER_BITS: f64 = 6.0;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It was judged and, unless suspect, learnt.
    Applied,
    /// Seen before: counted, otherwise ignored.
    Duplicate,
    /// Further behind the log's clock than `engine.lateness`: counted, otherwise ignored.
    Late,
}

/// What the engine publishes, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// For topic `plumbline.findings`.
    Finding(Box<Finding>),
    /// For topic `plumbline.control`.
    Command(Box<Command>),
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
    config: Arc<Config>,
    threshold: Bits,
    clock: Option<EventTime>,
    names: Names,
    index: HashTable<Slot>,
    identities: Identities,
    hashes: Vec<u64>,
    breaker: Breaker,
    /// Reused from event to event.
    tokens: Vec<(Name, ActionClass)>,
}

impl Engine {
    /// An engine that knows nobody yet.
    pub fn new(config: Arc<Config>) -> Self {
        let alarms = config.engine.false_alarms_per_identity_year;
        Self {
            threshold: Bits((JUDGEMENTS_PER_YEAR / alarms).log2()).clamped(),
            config,
            clock: None,
            names: Names::default(),
            index: HashTable::new(),
            identities: Identities::default(),
            hashes: Vec::new(),
            breaker: Breaker::default(),
            tokens: Vec::new(),
        }
    }

    /// Takes the next record of the log and appends what it leads to.
    pub fn apply(&mut self, event: &Event<'_>, outputs: &mut Vec<Output>) -> Disposition {
        let clock = self.clock.map_or(event.time, |clock| clock.max(event.time));
        self.clock = Some(clock);
        let lateness_ms = self.config.engine.lateness.as_millis();
        if clock.since(event.time) > lateness_ms {
            return Disposition::Late;
        }
        if event.kind == EventKind::Feedback {
            return self.apply_feedback(event, clock, lateness_ms);
        }
        let at = self.identity_of(event, clock);
        if self.identities[at]
            .seen
            .is_duplicate(event, clock, lateness_ms)
        {
            return Disposition::Duplicate;
        }
        self.judge(at, event, clock, outputs);
        if self.names.wants_sweep() {
            let identities = &self.identities;
            self.names.sweep(|mark| {
                identities
                    .iter()
                    .for_each(|identity| identity.each_name(mark))
            });
        }
        Disposition::Applied
    }

    /// The largest event time applied.
    pub fn clock(&self) -> Option<EventTime> {
        self.clock
    }

    /// How many identities have a profile.
    pub fn identities(&self) -> usize {
        self.identities.len()
    }

    /// Bytes of state held, all of it: profiles, sessions, interned names and tables.
    pub fn state_bytes(&self) -> usize {
        self.identities.bytes()
            + self.hashes.capacity() * size_of::<u64>()
            + self.index.allocation_size()
            + self.names.bytes()
            + self.breaker.bytes()
    }

    /// Bytes held of each identity, in the order of their first events.
    pub fn identity_bytes(&self) -> impl Iterator<Item = usize> {
        let fixed = size_of::<Identity>();
        self.identities
            .iter()
            .map(move |identity| fixed + identity.heap_bytes())
    }

    fn find(&self, event: &Event<'_>) -> (u64, Option<usize>) {
        let (tenant, id) = (event.tenant(), &*event.identity.id);
        let hash = xxh3_64_with_seed(id.as_bytes(), stable_hash(tenant));
        let found = self.index.find(hash, |slot| {
            slot.tag == Slot::tag(hash) && self.identities[slot.at as usize].is(tenant, id)
        });
        (hash, found.map(|slot| slot.at as usize))
    }

    fn identity_of(&mut self, event: &Event<'_>, clock: EventTime) -> usize {
        let (hash, found) = self.find(event);
        if let Some(at) = found {
            return at;
        }
        let kind = event.identity_kind();
        let identity = Identity::new(event.tenant(), &event.identity.id, kind, event.time, clock);
        let at = self.identities.push(identity);
        self.hashes.push(hash);
        let hashes = &self.hashes;
        let slot = Slot {
            at: at as u32,
            tag: Slot::tag(hash),
        };
        self.index
            .insert_unique(hash, slot, |slot| hashes[slot.at as usize]);
        at
    }

    fn apply_feedback(
        &mut self,
        event: &Event<'_>,
        clock: EventTime,
        lateness_ms: i64,
    ) -> Disposition {
        // Feedback about somebody never seen has nothing to change.
        let (_, Some(at)) = self.find(event) else {
            return Disposition::Applied;
        };
        let identity = &mut self.identities[at];
        if identity.seen.is_duplicate(event, clock, lateness_ms) {
            return Disposition::Duplicate;
        }
        feedback::apply(identity, event);
        Disposition::Applied
    }

    fn judge(&mut self, at: usize, event: &Event<'_>, clock: EventTime, outputs: &mut Vec<Output>) {
        self.collect_tokens(event);
        let (endpoint, endpoint_hash) = self.names.intern(Space::Endpoint, &event.action.name);
        let identities = self.identities.len();
        let Identity {
            kind,
            profile,
            sessions,
            ledger,
            standing,
            ..
        } = &mut self.identities[at];
        // A source that says nothing of the kind does not take back what another said.
        *kind = event.identity.kind.known().unwrap_or(*kind);
        let kind = *kind;
        profile.renew(event.time);
        let session = sessions.enter(event);
        let bearer = Bearer::of(event);
        feedback::pass_by_authentication(profile, session, ledger, standing, bearer, event);

        let weight = profile.landmark.weight(event.time);
        let suspect = !standing.is_empty()
            && standing
                .strongest(session.key, bearer.credential, event.time)
                .is_some();
        let symbol = symbol(endpoint_hash);
        let excess = profile
            .volume
            .count(kind, event.time, weight, symbol, suspect);
        let moment = Moment {
            event,
            kind,
            class: event.action.class.known().unwrap_or(ActionClass::Other),
            endpoint,
            symbol,
            tokens: &self.tokens,
            place: Place::of(event),
            bearer,
            is_egress: is_egress(&self.config, event),
            weight,
            excess,
            names: &self.names,
            config: &self.config,
            threshold: self.threshold,
        };
        session.privileged |= matches!(
            moment.class,
            ActionClass::Admin | ActionClass::Privilege | ActionClass::Deploy | ActionClass::Secret
        );

        let mut signals: Vec<Signal> = Vec::new();
        for detector in DetectorId::ALL {
            if detector.mode(&self.config.detectors) == DetectorMode::Off {
                continue;
            }
            let judge = detector.judge();
            let signal = judge(&moment, profile, session);
            signals.extend(signal.filter(|signal| !session.is_vouched(*detector, signal.bits)));
        }
        let raised = signals
            .iter()
            .filter(|signal| {
                signal.bits >= policy::threshold(ledger, signal.detector, moment.threshold)
            })
            .fold(0, |set: DetectorSet, signal| set | signal.detector.bit());
        let mut answered = false;
        if !signals.is_empty() {
            let mut publisher = Publisher {
                moment: &moment,
                session,
                ledger,
                standing,
                breaker: &mut self.breaker,
                identity: at as u32,
                identities,
                clock,
                outputs,
            };
            answered = publisher.publish(&mut signals);
        }
        let tokens = &self.tokens;
        let learnt = Learnt {
            place: moment.place,
            is_egress: moment.is_egress,
            suspect: suspect || answered,
            raised,
        };
        let (endpoint, symbol) = (moment.endpoint, moment.symbol);
        learn(
            &learnt,
            event,
            tokens,
            bearer,
            weight,
            (endpoint, symbol),
            profile,
            session,
            &mut self.names,
        );
    }

    /// What of the event can be new: its endpoint, the scopes it used, the tenant it reached.
    fn collect_tokens(&mut self, event: &Event<'_>) {
        self.tokens.clear();
        let class = event.action.class.known().unwrap_or(ActionClass::Other);
        self.tokens.push((
            self.names.intern(Space::Endpoint, &event.action.name).0,
            class,
        ));
        for scope in &event.action.scopes {
            self.tokens
                .push((self.names.intern(Space::Scope, scope).0, ActionClass::Other));
        }
        if let Some(tenant) = event.action.target_tenant.as_deref() {
            self.tokens.push((
                self.names.intern(Space::Tenant, tenant).0,
                ActionClass::Other,
            ));
        }
    }
}

/// Whether the network of an event stands for many people, or hides where somebody is.
fn is_egress(config: &Config, event: &Event<'_>) -> bool {
    let hides = matches!(
        event.network.anonymizer.known(),
        Some(Anonymizer::Vpn | Anonymizer::Proxy | Anonymizer::Relay)
    );
    let rules = &config.policy.egress;
    if hides || rules.is_empty() {
        return hides;
    }
    let address = event.network.ip.as_deref();
    let address = address.and_then(|address| address.parse().ok());
    address.is_some_and(|address| rules.iter().any(|rule| rule.cidr.contains(address)))
}

/// What the judgement of an event leaves for learning.
struct Learnt {
    place: Option<Place>,
    is_egress: bool,
    /// It was answered, or happened under a standing command: nothing of it becomes usual.
    suspect: bool,
    /// The detectors that had something to say.
    raised: DetectorSet,
}

#[expect(
    clippy::too_many_arguments,
    reason = "the parts of one identity, borrowed one by one"
)]
fn learn(
    learnt: &Learnt,
    event: &Event<'_>,
    tokens: &[(Name, ActionClass)],
    bearer: Bearer,
    weight: f32,
    (endpoint, symbol): (Name, u32),
    profile: &mut crate::profile::Profile,
    session: &mut Session,
    names: &mut Names,
) {
    let in_order = session.in_order && event.outcome() == Outcome::Success;
    if !learnt.suspect {
        for &(name, class) in tokens {
            let surprising = session
                .novelty_of(name)
                .is_some_and(|novel| f64::from(novel.bits) >= PROBATION_BITS);
            let trust = if surprising {
                Trust::Probation
            } else {
                Trust::Usual
            };
            profile.scope.learn(name, class, event.time, weight, trust);
        }
        if in_order && f64::from(session.cusum) < ODD_ORDER_BITS {
            profile.sequence.learn(session.context, symbol, weight);
        }
        if learnt.raised & DetectorId::ImpossibleTravel.bit() == 0 {
            let cell = learnt.place.map(|place| place.cell);
            profile
                .places
                .learn(cell, bearer.device, event.time, weight);
        }
    }
    if in_order {
        session.context.push(symbol);
        session.last_endpoint = Some(endpoint);
    } else {
        session.context = Context::LOST;
        session.last_endpoint = None;
    }
    if let Some(place) = &learnt.place {
        profile
            .places
            .sight(event, place, bearer, learnt.is_egress, names);
    }
}
