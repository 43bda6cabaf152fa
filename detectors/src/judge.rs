//! One event: judged by what was usual before it, answered, and learnt from.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, Anonymizer, Event, IdentityKind, Outcome};
use plumbline_schemas::time::EventTime;

use crate::answer::{Given, Publisher};
use crate::config::{Config, DetectorMode};
use crate::detect::{DetectorId, Moment, Subject, pair, unapproved};
use crate::engine::{Engine, Output};
use crate::event_id::EventId;
use crate::facts::{Gain, is_authentication, is_machine, task_key};
use crate::feedback;
use crate::identity::Identity;
use crate::names::{Name, Names, Space, stable_hash};
use crate::objects::{Change, contended_within};
use crate::policy;
use crate::profile::habits::Trait;
use crate::profile::places::{Bearer, Place};
use crate::profile::scope::{Trust, is_sensitive};
use crate::profile::sequence::{Context, Step, Symbol, symbol};
use crate::profile::{Profile, hour};
use crate::risk::DetectorSet;
use crate::session::Session;
use crate::setting::{Setting, describe, key, shared_network};
use crate::signal::Signal;

/// From so much surprise on something new is learnt only when it stays.
const PROBATION_BITS: f64 = 8.0;
/// From so much evidence of another order on, the order is not learnt: two odd steps.
const ODD_ORDER_BITS: f64 = 6.0;

/// Nobody commutes so far.
const SURFACES_KM: f64 = 500.0;
/// What is done with a privilege within this time belongs to it.
const PAIR_MS: i64 = 30 * 60_000;

impl Engine {
    pub(crate) fn judge(
        &mut self,
        at: usize,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        self.collect_tokens(event);
        let (endpoint, endpoint_hash) = self.names.intern(Space::Endpoint, &event.action.name);
        let identities = self.identities.len();
        let Identity {
            kind,
            profile,
            sessions,
            ledger,
            standing,
            facts,
            ..
        } = &mut self.identities[at];
        // A source that says nothing of the kind does not take back what another said.
        *kind = event.identity.kind.known().unwrap_or(*kind);
        let kind = *kind;
        profile.renew(event.time);
        let (number, begins) = sessions.enter(event);
        let (session, others) = sessions.split(number);
        let bearer = Bearer::of(event);
        feedback::pass_by_authentication(profile, session, ledger, standing, bearer, event);
        let setting = Setting::of(event, is_machine(kind));
        let described = described(&mut self.names, session, &setting, event);
        let tenant = event.action.target_tenant.as_deref();
        let tenant = tenant.map(|tenant| self.names.intern(Space::Tenant, tenant).0);
        let class = event.action.class.known().unwrap_or(ActionClass::Other);
        let contenders = match contended_within(&self.config.policy, event, class) {
            Some(within) if !matches!(event.outcome(), Outcome::Failure | Outcome::Denied) => {
                let change = Change::of(event, kind, session.key, at);
                self.objects.change(change, within, clock)
            }
            _ => Vec::new(),
        };

        let weight = profile.landmark.weight(event.time);
        let suspect = !standing.is_empty()
            && standing
                .strongest(session.key, bearer.credential, event.time)
                .is_some_and(|standing| !standing.is_hygiene);
        let symbol = symbol(endpoint_hash);
        let excess = profile
            .volume
            .count(kind, event.time, weight, symbol, suspect);
        profile.data.count(event);
        let shared = shared_network(event);
        let is_shared =
            shared.is_some_and(|network| self.egresses.is_shared(network, at as u32, event.time));
        let outage = !facts.failures().is_empty()
            && self
                .outages
                .is_outage(stable_hash(event.tenant()), at as u32, event.time);
        let step = profile.sequence.step(session.context, symbol, weight);
        let moment = Moment {
            event,
            kind,
            class,
            endpoint,
            symbol,
            tokens: &self.tokens,
            place: Place::of(event),
            bearer,
            setting,
            described,
            tenant,
            contender: contenders.last().filter(|_| kind != IdentityKind::Human),
            begins,
            is_timer: false,
            is_outage: outage,
            is_egress: is_egress(&self.config, event) || is_shared,
            weight,
            step,
            excess,
            names: &self.names,
            config: &self.config,
            threshold: self.threshold,
        };
        session.privileged |= makes_privileged(moment.class);

        let mut signals: Vec<Signal> = Vec::new();
        let mut subject = Subject {
            profile,
            session,
            others,
            facts,
        };
        for detector in DetectorId::ALL {
            if detector.mode(&self.config.detectors) == DetectorMode::Off {
                continue;
            }
            let judge = detector.judge();
            let signal = judge(&moment, &mut subject);
            signals.extend(signal.filter(|signal| {
                signal.demand.is_some() || !subject.session.is_vouched(*detector, signal.bits)
            }));
        }
        let raised = signals
            .iter()
            .filter(|signal| {
                signal.bits >= policy::threshold(ledger, signal.detector, moment.threshold)
            })
            .fold(0, |set: DetectorSet, signal| set | signal.detector.bit());
        let mut given: Option<Given> = None;
        if !signals.is_empty() {
            let mut publisher = Publisher {
                moment: &moment,
                session,
                ledger,
                standing,
                facts,
                breaker: &mut self.breaker,
                identity: at as u32,
                identities,
                clock,
                outputs,
            };
            given = publisher.publish(&mut signals);
        }
        let approved_ms = self.config.policy.approval.within.as_millis();
        let usual = is_usual(profile, &setting, event.time);
        facts.observe(event, usual, endpoint);
        if facts.fails_in_a_burst(event.time) {
            self.outages
                .burst(stable_hash(event.tenant()), at as u32, event.time);
        }
        let learnt = Learnt {
            kind,
            place: moment.place,
            is_egress: moment.is_egress,
            suspect: suspect || given.is_some_and(|given| !given.is_hygiene),
            raised,
            bearer,
            weight,
            endpoint,
            symbol,
            step,
            setting,
            is_approved: facts
                .approval(event.time, bearer.session, task_key(event), approved_ms)
                .is_some(),
        };
        let new_hour = session.learnt_hour != hour(event.time);
        learnt.learn(
            event,
            &self.tokens,
            profile,
            session,
            facts.gains(),
            &mut self.names,
        );
        if let Some(network) = shared
            && kind == IdentityKind::Human
            && new_hour
            && !learnt.suspect
            && learnt.surfaces_here(profile, event)
        {
            self.egresses.used(network, at as u32, event.time);
        }
        facts.worked(
            if event.outcome() == Outcome::Success {
                bearer.credential
            } else {
                0
            },
            event.time,
        );
        session.credential = bearer.credential;
        if begins && !learnt.suspect {
            let live = others
                .iter()
                .filter(|other| other.id.is_some() && other.is_live(event.time));
            let live = live.count().saturating_add(1).min(255) as u8;
            profile.most_parallel = profile.most_parallel.max(live);
        }
        session.described = Some(described);
        settle(session, event);
        let key = session.key;
        if !learnt.suspect && event.outcome() == Outcome::Success {
            facts.learn_access(event, &mut self.names);
        }
        self.watch(at, key, event);
        if kind == IdentityKind::Human && !contenders.is_empty() {
            let own = Change::of(event, kind, key, at);
            self.stop_contenders(&own, &contenders, clock, outputs);
        }
        if event.action.class.known() == Some(ActionClass::Approval) {
            self.resume_approved(at, event, outputs);
        }
        if given.is_some_and(|given| given.action == Action::RevokeCredential) {
            self.suspect_related(at, event, clock, outputs);
        }
    }

    /// What of the event can be new: its endpoint and the scopes it used.
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
    }
}

/// The classes that make a session a privileged one.
fn makes_privileged(class: ActionClass) -> bool {
    matches!(
        class,
        ActionClass::Admin | ActionClass::Privilege | ActionClass::Deploy | ActionClass::Secret
    )
}

/// How a person reads the circumstances of the session, put into words again when they change.
fn described(names: &mut Names, session: &Session, setting: &Setting, event: &Event<'_>) -> Name {
    match session.described {
        Some(described) if setting.adds_nothing_to(&session.setting) => described,
        _ => names.intern(Space::Setting, &describe(event)).0,
    }
}

/// Whether the network of an event stands for many people, or hides where somebody is.
pub(crate) fn is_egress(config: &Config, event: &Event<'_>) -> bool {
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

/// Whether it comes from the identity's own device or, where none is stated, from its network.
fn is_usual(profile: &Profile, setting: &Setting, time: EventTime) -> bool {
    let known = |what| setting.get(what) != 0 && setting.is_known(what, &profile.habits, time);
    let device = [Trait::Device, Trait::Fingerprint, Trait::Host];
    if device.iter().any(|what| setting.get(*what) != 0) {
        return device.iter().any(|what| known(*what));
    }
    known(Trait::Network)
}

/// What the event says of the session itself.
fn settle(session: &mut Session, event: &Event<'_>) {
    let class = event.action.class.known();
    let succeeded = event.outcome() == Outcome::Success;
    if succeeded && is_authentication(event, class) {
        session.authenticated = session.authenticated.max(event.time);
        session.ended = false;
    }
    if succeeded && class == Some(ActionClass::Logout) {
        session.ended = true;
    }
    for (kept, link) in session.behalf.iter_mut().zip(&event.delegation) {
        *kept = key(&link.id);
    }
    if session.privileged || session.waits_until.is_some() || event.session.jit_until.is_some() {
        session.last_event = Some(EventId::new(&event.id));
    }
}

/// What the judgement of an event leaves for learning.
struct Learnt {
    kind: IdentityKind,
    place: Option<Place>,
    is_egress: bool,
    /// It was answered, or happened under a standing command: nothing of it becomes usual.
    suspect: bool,
    /// The detectors that had something to say.
    raised: DetectorSet,
    bearer: Bearer,
    weight: f32,
    endpoint: Name,
    symbol: Symbol,
    step: Option<Step>,
    setting: Setting,
    /// Whether an approval covers it.
    is_approved: bool,
}

impl Learnt {
    /// Whether an established identity surfaces where it did on two earlier days, far from where it also
    /// is: an office is where its people are, a VPN is not.
    fn surfaces_here(&self, profile: &Profile, event: &Event<'_>) -> bool {
        let cell = self.place.map_or(0, |place| place.cell);
        event.outcome() == Outcome::Success
            && profile.earlier_days(event.time) >= 3
            && profile.places.days_at(cell, event.time) >= 2
            && self
                .place
                .is_some_and(|place| profile.places.was_far_from(&place, SURFACES_KM))
    }

    fn learn(
        &self,
        event: &Event<'_>,
        tokens: &[(Name, ActionClass)],
        profile: &mut Profile,
        session: &mut Session,
        gains: &[Gain],
        names: &mut Names,
    ) {
        let in_order = session.in_order && event.outcome() == Outcome::Success;
        if !self.suspect {
            self.learn_scope(event, tokens, profile, session);
            if in_order && f64::from(session.cusum) < ODD_ORDER_BITS {
                profile
                    .sequence
                    .learn(session.context, self.symbol, self.weight);
                if let Some(step) = &self.step {
                    profile.order.learn(step);
                }
            }
            if self.raised & DetectorId::ImpossibleTravel.bit() == 0 {
                let cell = self.place.map(|place| place.cell);
                profile
                    .places
                    .learn(cell, self.bearer.device, event.time, self.weight);
            }
            self.learn_habits(event, profile, session, gains);
        }
        profile.data.settle(self.suspect);
        if in_order {
            session.context.push(self.symbol);
            session.last_endpoint = Some(self.endpoint);
        } else {
            session.context = Context::LOST;
            session.last_endpoint = None;
        }
        if let Some(place) = &self.place {
            profile
                .places
                .sight(event, place, self.bearer, self.is_egress, names);
        }
        session.setting.update(&self.setting);
    }

    fn learn_scope(
        &self,
        event: &Event<'_>,
        tokens: &[(Name, ActionClass)],
        profile: &mut Profile,
        session: &Session,
    ) {
        for &(name, class) in tokens {
            let surprising = session
                .novelty_of(name)
                .is_some_and(|novel| f64::from(novel.bits) >= PROBATION_BITS);
            let trust = if surprising {
                Trust::Probation
            } else {
                Trust::Usual
            };
            profile
                .scope
                .learn(name, class, event.time, self.weight, trust);
        }
    }

    /// What succeeded becomes a habit; who fails may be anybody.
    fn learn_habits(
        &self,
        event: &Event<'_>,
        profile: &mut Profile,
        session: &mut Session,
        gains: &[Gain],
    ) {
        if event.outcome() != Outcome::Success {
            return;
        }
        let this_hour = hour(event.time);
        let again =
            session.learnt_hour == this_hour && self.setting.adds_nothing_to(&session.setting);
        session.learnt_hour = this_hour;
        profile.active(event.time);
        if is_machine(self.kind) {
            profile.schedule.learn(event.time);
        }
        if !again {
            let odd = DetectorId::NewNetwork.bit() | DetectorId::DeviceDrift.bit();
            let surprised = self.raised & odd != 0 || session.changed().is_some();
            self.setting
                .learn(&mut profile.habits, event.time, surprised);
            if let Some(anonymizer) = anonymizer_key(event, &self.setting) {
                let surprised = self.raised & DetectorId::AnonymizedNetwork.bit() != 0;
                profile
                    .habits
                    .learn(Trait::Anonymizer, anonymizer, event.time, surprised);
            }
        }
        if let Some(tenant) = event.action.target_tenant.as_deref() {
            let surprised = self.raised & DetectorId::TenantFanout.bit() != 0;
            profile
                .habits
                .learn(Trait::Tenant, key(tenant), event.time, surprised);
        }
        if self.kind == IdentityKind::AiAgent {
            let (name, habits) = (&*event.action.name, &mut profile.habits);
            habits.learn(Trait::Family, key(family(name)), event.time, false);
            if event.action.class.known().is_some_and(is_sensitive) && !self.is_approved {
                habits.learn(Trait::Pair, unapproved(name), event.time, false);
            }
        }
        for gain in gains {
            let used = event.action.class.known().is_some_and(is_sensitive);
            if used && (0..PAIR_MS).contains(&event.time.since(gain.time)) {
                let pair = pair(gain.privilege, &event.action.name);
                profile.habits.learn(Trait::Pair, pair, event.time, false);
            }
        }
        if event.action.class.known() == Some(ActionClass::Privilege) {
            let privilege = crate::facts::privilege_key(event);
            profile
                .habits
                .learn(Trait::Privilege, privilege, event.time, false);
        }
    }
}

/// The anonymiser that an event comes through, with its network.
pub(crate) fn anonymizer_key(event: &Event<'_>, setting: &Setting) -> Option<u32> {
    let anonymizer = event.network.anonymizer.known()?;
    Some((anonymizer as u32 + 1).wrapping_mul(0x9E37_79B9) ^ setting.get(Trait::Network) | 1)
}

/// The family of a tool: `tool:ticket.comment` belongs to `tool:ticket`.
pub(crate) fn family(name: &str) -> &str {
    let end = name.rfind(['.', '/', ' ']).unwrap_or(name.len());
    &name[..end]
}
