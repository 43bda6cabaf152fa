//! One event: judged by what was usual before it, and answered. What it leaves is in `learn`.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, Anonymizer, Event, IdentityKind, Outcome};
use plumbline_schemas::time::EventTime;

use crate::alone::{Odd, Only};
use crate::answer::{Given, Publisher};
use crate::config::{Config, DetectorMode};
use crate::context::News;
use crate::detect::{DetectorId, Moment, Subject, is_out_of_country};
use crate::engine::{Engine, Output};
use crate::facts::{is_machine, task_key};
use crate::feedback;
use crate::geography::is_satellite;
use crate::identity::Identity;
use crate::learn::Learnt;
use crate::names::{Name, Names, Space, stable_hash};
use crate::objects::{Change, contended_within};
use crate::policy;
use crate::profile::places::{Bearer, Place};
use crate::profile::scope::is_sensitive;
use crate::profile::sequence::{Symbol, symbol};
use crate::risk::DetectorSet;
use crate::session::{Session, session_key};
use crate::setting::{Setting, describe, machines_network, shared_network};
use crate::shared::{Amounts, NETWORK_USERS, PEERS};
use crate::signal::Signal;

/// What the engine knows of an event before it looks at the identity.
struct Known {
    kind: IdentityKind,
    class: ActionClass,
    endpoint: Name,
    symbol: Symbol,
    tenant: Option<Name>,
    setting: Setting,
    place: Option<Place>,
    /// Its network, if others may share it, and whether they do.
    network: Option<u64>,
    is_egress: bool,
    is_listed: bool,
    is_outage: bool,
    peers_take: Option<Amounts>,
    is_abroad: bool,
    /// The change it makes to a contended object, and those by others that it meets.
    change: Option<Change>,
    contenders: Vec<Change>,
}

/// What became of it.
struct Judged {
    given: Option<Given>,
    learnt: Learnt,
    session: u32,
}

impl Engine {
    pub(crate) fn judge(
        &mut self,
        at: usize,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        let known = self.know(at, event, clock);
        self.collect_tokens(event, &known);
        let on_device = self.sessions_on_device(at, event, &known.setting);
        let judged = self.answer(at, event, &known, clock, outputs);
        self.remember(at, event, &judged.learnt, outputs);
        self.watch(at, judged.session, event, clock);
        if let Some(change) = &known.change {
            self.tell_others(News::Changed(change), event, outputs);
            if known.kind == IdentityKind::Human {
                self.stop_contenders(change, &known.contenders, clock, outputs);
            }
        }
        self.distrust_device(at, &on_device, event, clock, outputs);
        if known.class == ActionClass::TokenRevoke {
            self.find_gaps(at, event, clock, outputs);
        }
        if known.class == ActionClass::Approval {
            self.resume_approved(at, event, outputs);
        }
        let revoked = |given: Given| given.is_enforced && given.action == Action::RevokeCredential;
        if judged.given.is_some_and(revoked) {
            self.suspect_related(Some(at), event, clock, outputs);
        }
    }

    fn know(&mut self, at: usize, event: &Event<'_>, clock: EventTime) -> Known {
        let (endpoint, endpoint_hash) = self.names.intern(Space::Endpoint, &event.action.name);
        let tenant = event.action.target_tenant.as_deref();
        let tenant = tenant.map(|tenant| self.names.intern(Space::Tenant, tenant).0);
        let (hash, identity) = (self.hashes[at], self.identities.change(at, &self.names));
        // A source that says nothing of the kind does not take back what another said.
        identity.kind = event.identity.kind.known().unwrap_or(identity.kind);
        let kind = identity.kind;
        let class = event.action.class.known().unwrap_or(ActionClass::Other);
        let place = Place::of(event);
        let agent = self.agents.key_of(event);
        let network = shared_network(event, place);
        let shared = |what, least| self.shared.shared(what, hash, event.time, least);
        let peers_take = group_actions(event, kind, class)
            .filter_map(|action| shared(action, PEERS))
            .reduce(|a, b| [a[0].max(b[0]), a[1].max(b[1])]);
        let is_abroad = is_out_of_country(event, kind, &identity.profile.habits)
            && machines_network(event).is_none_or(|it| shared(it, PEERS).is_none());
        let is_listed = is_listed(&self.config, event.network.ip.as_deref());
        let is_used_by_many = network.is_some_and(|it| shared(it, NETWORK_USERS).is_some());
        let is_egress = is_listed || hides(event) || is_used_by_many;
        let is_outage = !identity.facts.failures().is_empty() && {
            let tenant = stable_hash(event.tenant());
            self.outages.is_outage(tenant, hash, event.time)
        };
        let refused = matches!(event.outcome(), Outcome::Failure | Outcome::Denied);
        let within = contended_within(&self.config.policy, event, class).filter(|_| !refused);
        let change = within.map(|_| Change::of(event, kind, session_key(event), Some(at)));
        let contenders = match (&change, within) {
            (Some(change), Some(within)) => self.objects.change(change.clone(), within, clock),
            _ => Vec::new(),
        };
        Known {
            kind,
            class,
            endpoint,
            symbol: symbol(endpoint_hash),
            tenant,
            setting: Setting::with_agent(event, is_machine(kind), agent)
                .beside(&identity.profile.habits, event.time),
            place,
            network,
            is_egress,
            is_listed,
            is_outage,
            peers_take,
            is_abroad,
            change,
            contenders,
        }
    }

    /// Asks the detectors, and publishes what they come to.
    fn answer(
        &mut self,
        at: usize,
        event: &Event<'_>,
        known: &Known,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) -> Judged {
        let identities = self.known_identities();
        let Identity {
            profile,
            sessions,
            ledger,
            standing,
            facts,
            ..
        } = self.identities.change(at, &self.names);
        profile.renew(event.time);
        let (number, entered) = sessions.enter(event);
        let (session, others) = sessions.split(number);
        let bearer = Bearer::in_setting(event, &known.setting);
        let passed = feedback::pass_by_authentication(session, ledger, standing, bearer, event);
        let described = described(&mut self.names, session, &known.setting, event);
        let weight = profile.landmark.weight(event.time);
        let witness = self.witness.as_deref_mut();
        let account = witness.and_then(|witness| witness.hear(event, profile, &self.names));
        let standing_now = standing.strongest(session.key, bearer.credential, event.time);
        let suspect = standing_now.is_some_and(|standing| !standing.is_hygiene);
        let excess = profile
            .volume
            .count(known.kind, event.time, weight, known.symbol, suspect);
        let is_new = profile.scope.days(known.endpoint, event.time) == 0;
        profile
            .data
            .count(event, known.peers_take.filter(|_| is_new));
        let step = profile.sequence.step(session.context, known.symbol, weight);
        let contender = known.contenders.last();
        let moment = Moment {
            event,
            kind: known.kind,
            class: known.class,
            endpoint: known.endpoint,
            symbol: known.symbol,
            tokens: &self.tokens,
            place: known.place,
            bearer,
            setting: known.setting,
            described,
            tenant: known.tenant,
            contender: contender.filter(|_| known.kind != IdentityKind::Human),
            entered,
            is_timer: false,
            is_outage: known.is_outage,
            peers_do: known.peers_take.is_some(),
            is_abroad: known.is_abroad,
            is_egress: known.is_egress,
            is_listed: known.is_listed,
            weight,
            step,
            excess,
            names: &self.names,
            config: &self.config,
            threshold: self.threshold,
        };
        session.privileged |=
            makes_privileged(known.class) && !moment.was_refused() && !moment.is_granted();
        let mut subject = Subject {
            profile,
            session,
            others,
            facts,
        };
        let within = self.config.policy.approval.within.as_millis();
        let is_approved = known.kind == IdentityKind::AiAgent && {
            let task = task_key(event);
            let facts = &subject.facts;
            facts
                .approval(event.time, bearer.session, task, within)
                .is_some()
        };
        let mut signals = detect(&moment, &mut subject);
        let reached = policy::reached(&signals, moment.threshold);
        let raised = signals
            .iter()
            .filter(|signal| {
                let alone = (moment.threshold, event.time);
                signal.bits >= policy::threshold(ledger, signal.detector, reached, alone)
            })
            .fold(0, |set: DetectorSet, signal| set | signal.detector.bit());
        let found = signals
            .iter()
            .filter(|signal| signal.demand.is_some() || raised & signal.detector.bit() != 0)
            .fold(0, |set: DetectorSet, signal| set | signal.detector.bit());
        let odd_before = standing_now.filter(|_| suspect);
        let standing_before = odd_before.map(|standing| (standing.action, standing.detectors));
        let given = if signals.is_empty() {
            None
        } else {
            let mut publisher = Publisher {
                moment: &moment,
                session,
                ledger,
                standing,
                facts,
                breaker: &mut self.breaker,
                untold: &mut self.untold,
                timers: &mut self.timers,
                at: at as u32,
                identity: self.hashes[at],
                identities,
                clock,
                // An event that comes late is not yet an answer that does not come.
                heard_from: clock,
                outputs,
                account,
            };
            publisher.publish(&mut signals)
        };
        if !passed.is_empty() && given.is_none() {
            feedback::make_at_home(profile, session, event);
            feedback::admit_pairs(profile, known.kind, &passed, event.time);
        }
        let odd = Odd {
            found,
            given: given.map(|given| given.action),
            standing: standing_before,
        };
        let only = match facts.was_attacked(event.time) {
            true => Only::default(),
            false => odd.only(&moment, profile, session, ledger),
        };
        Judged {
            given,
            session: session.key,
            learnt: Learnt {
                kind: known.kind,
                place: moment.place,
                is_egress: known.is_egress,
                suspect: suspect || given.is_some_and(|given| !given.is_hygiene),
                raised,
                only,
                bearer,
                weight,
                endpoint: known.endpoint,
                symbol: known.symbol,
                step,
                setting: known.setting,
                described,
                entered,
                number,
                network: known.network,
                is_approved,
            },
        }
    }

    /// What of the event can be new: its endpoint and the scopes it used.
    fn collect_tokens(&mut self, event: &Event<'_>, known: &Known) {
        self.tokens.clear();
        self.tokens.push((known.endpoint, known.class));
        for scope in &event.action.scopes {
            self.tokens
                .push((self.names.intern(Space::Scope, scope).0, ActionClass::Other));
        }
    }
}

/// What the detectors say, but for what somebody has vouched for.
fn detect(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Vec<Signal> {
    let mut signals = Vec::new();
    for detector in DetectorId::ALL {
        if detector.mode(&moment.config.detectors) == DetectorMode::Off {
            continue;
        }
        // Taken out of its place only where there is one: a signal is large, and nearly always none.
        if let Some(signal) = detector.judge()(moment, subject)
            && !(detector.is_vouched_for() && subject.session.is_vouched(*detector, signal.bits))
        {
            signals.push(signal);
        }
    }
    signals
}

/// The classes that make a session a privileged one.
fn makes_privileged(class: ActionClass) -> bool {
    matches!(
        class,
        ActionClass::Admin | ActionClass::Privilege | ActionClass::Deploy | ActionClass::Secret
    )
}

/// Whether it matters that peers do such a thing.
pub(crate) fn is_told_to_peers(kind: IdentityKind, class: ActionClass) -> bool {
    kind == IdentityKind::AiAgent || is_sensitive(class)
}

/// What stands for an action among those that peers do: of every group of the identity, of agents that state
/// none their kind. Only what is worth asking about is told.
pub(crate) fn group_actions<'e>(
    event: &'e Event<'_>,
    kind: IdentityKind,
    class: ActionClass,
) -> impl Iterator<Item = u64> + 'e {
    let is_agent = kind == IdentityKind::AiAgent;
    let told = is_told_to_peers(kind, class);
    let groups = event.identity.groups.iter().map(|group| &**group);
    let kind = (is_agent && event.identity.groups.is_empty()).then_some("ai_agent");
    let action = move |group| {
        let [action, tenant] = [&*event.action.name, event.tenant()].map(stable_hash);
        stable_hash(group) ^ action.rotate_left(17) ^ tenant.rotate_left(31)
    };
    groups.chain(kind).filter(move |_| told).map(action)
}

/// How a person reads the circumstances of the session, put into words again when they change.
pub(crate) fn described(
    names: &mut Names,
    session: &Session,
    setting: &Setting,
    event: &Event<'_>,
) -> Name {
    match session.described {
        Some(described) if setting.adds_nothing_to(&session.setting) => described,
        _ => names.compose(Space::Setting, |text| describe(event, text)),
    }
}

/// Whether an event comes from where nobody is: a network that hides somebody, or a satellite's.
fn hides(event: &Event<'_>) -> bool {
    matches!(
        event.network.anonymizer.known(),
        Some(Anonymizer::Vpn | Anonymizer::Proxy | Anonymizer::Relay)
    ) || is_satellite(event.network.asn)
}

/// Whether the operator says that the network of this address stands for many people.
pub(crate) fn is_listed(config: &Config, address: Option<&str>) -> bool {
    let rules = &config.policy.egress;
    if rules.is_empty() {
        return false;
    }
    let address = address.and_then(|address| address.parse().ok());
    address.is_some_and(|address| rules.iter().any(|rule| rule.cidr.contains(address)))
}
