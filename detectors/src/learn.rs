//! What an event leaves: facts always, habits only where nothing about it was suspect.

use plumbline_schemas::event::{ActionClass, Anonymizer, Event, IdentityKind, Outcome};
use plumbline_schemas::time::EventTime;

use crate::alone::Only;
use crate::context::News;
use crate::detect::{DetectorId, is_upkeep, pair, unapproved};
use crate::engine::{Engine, Output};
use crate::event_id::EventId;
use crate::facts::{Facts, Gain, is_authentication, is_machine};
use crate::identity::Identity;
use crate::judge::{group_actions, is_told_to_peers};
use crate::names::{Name, Names, stable_hash};
use crate::profile::habits::{Habits, Trait, off_hours};
use crate::profile::peaks::{LEVEL, Of};
use crate::profile::places::{Bearer, Place};
use crate::profile::scope::{Trust, is_sensitive};
use crate::profile::sequence::{Context, Step, Symbol};
use crate::profile::{Profile, hour};
use crate::risk::DetectorSet;
use crate::session::{Entered, Session, Sessions};
use crate::setting::{Setting, key, machines_network};
use crate::shared::{Amounts, amounts};

/// From so much surprise on something new is learnt only when it stays.
const PROBATION_BITS: f64 = 8.0;
/// A burst is one of the identity, not of a session.
const BURST: u32 = 1;
/// What is done with a privilege within this time belongs to it.
const PAIR_MS: i64 = 30 * 60_000;

impl Engine {
    /// Takes in what an event leaves.
    pub(crate) fn remember(
        &mut self,
        at: usize,
        event: &Event<'_>,
        learnt: &Learnt,
        outputs: &mut Vec<Output>,
    ) {
        let hash = self.hashes[at];
        let Identity {
            profile,
            sessions,
            facts,
            ..
        } = self.identities.change(at, &self.names);
        let usual = || is_usual(profile, &learnt.setting, event.time);
        facts.observe(event, usual, learnt.endpoint);
        let fails = facts.fails_in_a_burst(event.time);
        learn_parallel(profile, sessions, learnt, event);
        let (session, _) = sessions.split(learnt.number);
        let new_hour = session.learnt_hour != hour(event.time);
        let class = event.action.class.known().unwrap_or(ActionClass::Other);
        let tells = is_told_to_peers(learnt.kind, class)
            && !profile.scope.is_used_in_hour(learnt.endpoint, event.time);
        learnt.learn(
            event,
            &self.tokens,
            profile,
            session,
            facts,
            &mut self.names,
        );
        let max_speed = self.config.detectors.impossible_travel.max_speed_kmh;
        let surfaces = new_hour && learnt.surfaces_here(profile, event, max_speed);
        let network = learnt.network.filter(|_| surfaces).map(|it| (it, [0; 2]));
        let mut shared: Vec<(u64, Amounts)> = network.into_iter().collect();
        if new_hour && learnt.is_machine_at_home(profile, event) {
            shared.extend(machines_network(event).map(|it| (it, [0; 2])));
        }
        let is_rare = matches!(class, ActionClass::Export | ActionClass::Deploy);
        if (tells || is_rare) && learnt.does_as_ever(profile, event) {
            let took = amounts(event);
            shared.extend(group_actions(event, learnt.kind, class).map(|it| (it, took)));
        }
        if event.outcome() == Outcome::Success {
            facts.worked(learnt.bearer.credential, event.time);
            if !learnt.suspect {
                facts.learn_access(event, &mut self.names);
            }
        }
        session.credential = learnt.bearer.credential;
        if learnt.entered.in_order || session.described.is_none() {
            session.described = Some(learnt.described);
        }
        settle(session, event, learnt.entered.in_order);
        self.remember_for_all(hash, &shared, fails, event, outputs);
    }

    /// Takes in what shows only when many do it.
    fn remember_for_all(
        &mut self,
        hash: u64,
        shared: &[(u64, Amounts)],
        fails: bool,
        event: &Event<'_>,
        outputs: &mut Vec<Output>,
    ) {
        for (what, took) in shared {
            if self.shared.used(*what, hash, *took, event.time) {
                self.tell_others(News::Used(*what, *took), event, outputs);
            }
        }
        let tenant = || stable_hash(event.tenant());
        if fails && self.outages.burst(tenant(), hash, event.time) {
            self.tell_others(News::Failing, event, outputs);
        }
    }
}

/// The most sessions at once.
fn learn_parallel(
    profile: &mut Profile,
    sessions: &mut Sessions,
    learnt: &Learnt,
    event: &Event<'_>,
) {
    if learnt.entered.begins && !learnt.suspect {
        let (_, others) = sessions.split(learnt.number);
        let is_live = |other: &&Session| other.id.is_some() && other.is_live(event.time);
        let live = others.iter().filter(is_live).count() + 1;
        profile.most_parallel = profile.most_parallel.max(live.min(255) as u8);
    }
}

/// Whether it comes from the identity's own device or, where none is stated, from its network.
fn is_usual(profile: &Profile, setting: &Setting, time: EventTime) -> bool {
    let known = |what| setting.get(what) != 0 && setting.is_known(what, &profile.habits, time);
    let device = [Trait::Device, Trait::Fingerprint, Trait::Host];
    if device.iter().any(|what| setting.get(*what) != 0) {
        // Without an id of its own it is another version of what it was.
        let is_update =
            || setting.get(Trait::Device) == 0 && known(Trait::Agent) && known(Trait::Network);
        return device.iter().any(|what| known(*what)) || is_update();
    }
    known(Trait::Network)
}

/// What the event says of the session itself.
fn settle(session: &mut Session, event: &Event<'_>, in_order: bool) {
    let class = event.action.class.known();
    let succeeded = event.outcome() == Outcome::Success;
    if succeeded && is_authentication(event, class) {
        session.authenticates(event.time);
        // One that arrives late does not undo a log-out.
        session.ended &= !in_order;
        if let Some(extra) = &mut session.extra {
            extra.changed = None;
        }
    }
    // Neither its end is a use of it, nor what is said of its device.
    let is_no_use = [
        ActionClass::Logout,
        ActionClass::TokenRevoke,
        ActionClass::Posture,
    ];
    let is_use = class.is_none_or(|class| !is_no_use.contains(&class));
    if in_order {
        session.succeeded = succeeded && is_use;
    }
    if succeeded && class == Some(ActionClass::Logout) {
        session.ended = true;
    }
    if !event.delegation.is_empty() {
        let link = |at: usize| event.delegation.get(at).map_or(0, |link| key(&link.id));
        session.extra().behalf = [link(0), link(1)];
    }
    if session.privileged || session.waits_until().is_some() || event.session.jit_until.is_some() {
        session.extra().last_event = Some(EventId::new(&event.id));
    }
}

/// What the judgement of an event leaves for learning.
pub(crate) struct Learnt {
    pub(crate) kind: IdentityKind,
    pub(crate) place: Option<Place>,
    pub(crate) is_egress: bool,
    /// It was answered, or happened under a standing command: nothing of it becomes usual.
    pub(crate) suspect: bool,
    /// The detectors that had something to say.
    pub(crate) raised: DetectorSet,
    /// Those that find one thing odd in what is as usual in every other way, and was asked about at most.
    pub(crate) only: Only,
    pub(crate) bearer: Bearer,
    pub(crate) weight: f32,
    pub(crate) endpoint: Name,
    pub(crate) symbol: Symbol,
    pub(crate) step: Option<Step>,
    pub(crate) setting: Setting,
    pub(crate) described: Name,
    /// How it came into its session, and the number of that session.
    pub(crate) entered: Entered,
    pub(crate) number: usize,
    /// Its network, if others may share it.
    pub(crate) network: Option<u64>,
    /// Whether an approval covers what an agent does.
    pub(crate) is_approved: bool,
}

impl Learnt {
    /// Whether it has done this on earlier days.
    fn does_as_ever(&self, profile: &Profile, event: &Event<'_>) -> bool {
        // Exports and deployments are rare, of all who make them: the first few tell the others.
        let class = event.action.class.known();
        let is_rare = matches!(class, Some(ActionClass::Export | ActionClass::Deploy));
        let days = profile.scope.days(self.endpoint, event.time);
        event.outcome() == Outcome::Success && !self.suspect && (is_rare || days >= 2)
    }

    /// Whether an established identity surfaces where it did on two earlier days, and cannot have come there:
    /// an office is where its people are, a VPN is not.
    fn surfaces_here(&self, profile: &Profile, event: &Event<'_>, max_speed_kmh: f64) -> bool {
        let cell = self.place.map_or(0, |place| place.cell);
        event.outcome() == Outcome::Success
            && self.kind == IdentityKind::Human
            && !self.suspect
            && profile.earlier_days(event.time) >= 3
            && profile.places.days_at(cell, event.time) >= 2
            && self.place.is_some_and(|place| {
                profile
                    .places
                    .surfaces_at(&place, event.time, max_speed_kmh)
            })
    }

    /// Whether a machine is on a network that it used on two earlier days.
    fn is_machine_at_home(&self, profile: &Profile, event: &Event<'_>) -> bool {
        let network = self.setting.get(Trait::Network);
        event.outcome() == Outcome::Success
            && is_machine(self.kind)
            && !self.suspect
            && profile.habits.days(Trait::Network, network, event.time) >= 2
    }

    fn learn(
        &self,
        event: &Event<'_>,
        tokens: &[(Name, ActionClass)],
        profile: &mut Profile,
        session: &mut Session,
        facts: &Facts,
        names: &mut Names,
    ) {
        let in_order = self.entered.in_order && event.outcome() == Outcome::Success;
        self.learn_peaks(event, profile, session);
        if session.cusum == 0.0 {
            self.release_steps(profile, session);
        }
        if !self.suspect {
            self.learn_scope(event, tokens, profile, session);
            if in_order {
                self.learn_order(profile, session);
            }
            if self.raised & DetectorId::ImpossibleTravel.bit() == 0
                || self.is_second_device(profile, event.time)
            {
                let cell = self.place.map(|place| place.cell);
                profile
                    .places
                    .learn(cell, self.bearer.device, event.time, self.weight);
            }
            self.learn_habits(event, profile, session, facts, names);
        }
        if self.suspect {
            self.learn_asked(event, tokens, profile, session, facts);
            profile.data.suspect(session.key, self.only);
        }
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
        // What arrives late says where the session was, not where it is.
        if self.entered.in_order {
            session.setting.update(&self.setting);
        }
    }

    /// Whether somebody's first days show again a device that surfaces where nobody can have come to, of which nothing
    /// was asked: a telephone may be abroad for ever, as one whose SIM is.
    fn is_second_device(&self, profile: &Profile, time: EventTime) -> bool {
        let before = |what| {
            let key = self.setting.get(what);
            key != 0 && profile.habits.days(what, key, time) > 0
        };
        let device = [Trait::Device, Trait::Fingerprint];
        self.kind == IdentityKind::Human && profile.is_young(time) && device.into_iter().any(before)
    }

    /// The order is the usual one again, and nothing was said: what was odd for a moment, such as two calls that
    /// change places now and then, is learnt, or it would be odd for ever.
    fn release_steps(&self, profile: &mut Profile, session: &mut Session) {
        if session.odd_steps().is_empty() {
            return;
        }
        if !self.suspect {
            for step in session.odd_steps().iter().filter(|step| step.is_held) {
                profile
                    .sequence
                    .learn(step.context, step.symbol, self.weight);
            }
        }
        session.forget_steps();
    }

    /// What was asked about, where nothing else is odd, is usual after several days of it.
    fn learn_asked(
        &self,
        event: &Event<'_>,
        tokens: &[(Name, ActionClass)],
        profile: &mut Profile,
        session: &Session,
        facts: &Facts,
    ) {
        if event.outcome() != Outcome::Success {
            return;
        }
        if self.only.is_moved {
            self.learn_move(profile, event);
        }
        let is_export = event.action.class.known() == Some(ActionClass::Export);
        let is_asked = self.only.asked & DetectorId::ScopeDrift.bit() != 0;
        if is_asked || self.only.is_ended && is_export {
            let is_new = |(name, _): &&(Name, ActionClass)| session.novelty_of(*name).is_some();
            for &(name, class) in tokens.iter().filter(is_new) {
                let (time, trust) = (event.time, Trust::Probation);
                profile.scope.learn(name, class, time, self.weight, trust);
            }
        }
        if self.only.asked & DetectorId::FreshPrivilege.bit() != 0 {
            self.learn_pairs(event, profile, facts, true);
        }
        self.learn_elevation(event, tokens, profile);
        if self.only.asked & DetectorId::OffSchedule.bit() != 0 {
            for time in off_hours(event.time) {
                let habits = &mut profile.habits;
                habits.learn(Trait::OffHour, time, event.time, true);
            }
        }
    }

    /// What was raised or done without an approval, or with a tool that is none of the agent's.
    fn learn_elevation(
        &self,
        event: &Event<'_>,
        tokens: &[(Name, ActionClass)],
        profile: &mut Profile,
    ) {
        let (time, class) = (event.time, event.action.class.known());
        let is_asked = |detector: DetectorId| self.only.asked & detector.bit() != 0;
        if is_asked(DetectorId::PrivilegeEscalation) && class == Some(ActionClass::Privilege) {
            let privilege = crate::facts::privilege_key(event);
            profile
                .habits
                .learn(Trait::Privilege, privilege, time, true);
        }
        let (name, habits) = (&*event.action.name, &mut profile.habits);
        let elevated = is_asked(DetectorId::UnapprovedElevation) && class.is_some_and(is_sensitive);
        if elevated {
            habits.learn(Trait::Pair, unapproved(name), time, true);
        }
        let is_tool = is_asked(DetectorId::TaskDrift) && !class.is_some_and(is_upkeep);
        if elevated || is_tool {
            let tool = key(family(name));
            let is_new = !habits.is_known(Trait::Family, tool, time);
            habits.learn(Trait::Family, tool, time, is_new);
            for &(name, class) in tokens {
                let (weight, trust) = (self.weight, Trust::Probation);
                profile.scope.learn(name, class, time, weight, trust);
            }
        }
    }

    /// A machine was asked about somewhere else, where it does what it always does.
    fn learn_move(&self, profile: &mut Profile, event: &Event<'_>) {
        let (habits, time) = (&mut profile.habits, event.time);
        self.learn_setting(habits, event, true);
        if let Some(place) = &self.place {
            habits.learn(Trait::Place, place.cell | 1, time, true);
        }
    }

    /// With what and from where, and in which country.
    fn learn_setting(&self, habits: &mut Habits, event: &Event<'_>, surprised: bool) {
        self.setting.learn(habits, event.time, surprised);
        if let Some(country) = country_key(event, self.kind) {
            let strange = surprised && !habits.is_known(Trait::Country, country, event.time);
            habits.learn(Trait::Country, country, event.time, strange);
        }
    }

    /// The addresses of people say nothing of who they are, but that of the database which has moved one.
    fn learn_address(&self, habits: &mut Habits, event: &Event<'_>, surprised: bool) {
        let is_far = self.raised & DetectorId::ImpossibleTravel.bit() != 0;
        let address = event.network.ip.as_deref();
        if let Some(address) = address.filter(|_| !is_far && !is_machine(self.kind)) {
            habits.learn(Trait::Address, key(address), event.time, surprised);
        }
    }

    /// What is done with a privilege soon after it was gained.
    fn learn_pairs(
        &self,
        event: &Event<'_>,
        profile: &mut Profile,
        facts: &Facts,
        surprised: bool,
    ) {
        if !event.action.class.known().is_some_and(is_sensitive) {
            return;
        }
        let is_soon = |gain: &&Gain| (0..PAIR_MS).contains(&event.time.since(gain.time));
        for gain in facts.gains().iter().filter(is_soon) {
            let (pair, habits) = (
                pair(gain.privilege, &event.action.name),
                &mut profile.habits,
            );
            habits.learn(Trait::Pair, pair, event.time, surprised);
        }
    }

    /// From two odd steps on the order is not learnt before it is the usual one again. How much of an order there is
    /// is learnt all the same: who is out of it half of the time has none.
    fn learn_order(&self, profile: &mut Profile, session: &Session) {
        if f64::from(session.cusum) < LEVEL {
            profile
                .sequence
                .learn(session.context, self.symbol, self.weight);
        }
        if let Some(step) = &self.step {
            profile.sequence.order.learn(step);
        }
    }

    /// How far the order strays and the calls burst, where that is ordinary.
    fn learn_peaks(&self, event: &Event<'_>, profile: &mut Profile, session: &Session) {
        let burst = match profile.volume.burst() {
            Some(burst) => burst.bits,
            None => 0.0,
        };
        let (order, volume) = (DetectorId::EndpointSequence, DetectorId::CallVolume);
        for (of, detector, bits, key) in [
            (Of::Order, order, session.cusum, session.key),
            (Of::Volume, volume, burst, BURST),
        ] {
            let peaks = &mut profile.peaks;
            let is_odd = self.suspect || self.raised & detector.bit() != 0;
            let is_alone = self.only.asked & detector.bit() != 0;
            if is_odd && is_alone {
                peaks.asked(of, event.time);
            }
            if is_odd && !(is_alone && peaks.is_habit(of, event.time)) {
                peaks.drop(of, key);
            } else if f64::from(bits) >= LEVEL {
                peaks.rise(of, key, bits, event.time, self.weight);
            } else if bits == 0.0 {
                peaks.end(of, key, self.weight);
            }
        }
    }

    fn learn_scope(
        &self,
        event: &Event<'_>,
        tokens: &[(Name, ActionClass)],
        profile: &mut Profile,
        session: &Session,
    ) {
        // On the first day everything is new, and is what the identity is for.
        let is_first_day = profile.earlier_days(event.time) == 0;
        for &(name, class) in tokens {
            let novel = session.novelty_of(name).filter(|_| !is_first_day);
            let surprising = novel.is_some_and(|novel| f64::from(novel.bits) >= PROBATION_BITS);
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
        facts: &Facts,
        names: &Names,
    ) {
        if event.outcome() != Outcome::Success {
            return;
        }
        let this_hour = hour(event.time);
        let again =
            session.learnt_hour == this_hour && self.setting.adds_nothing_to(&session.setting);
        session.learnt_hour = this_hour;
        profile.active(event.time);
        if self.setting.posture() != 0 && self.entered.in_order {
            profile.posture = self.setting.posture();
        }
        let is_run = event.action.class.known() != Some(ActionClass::TokenRotate);
        if is_machine(self.kind) && is_run {
            profile.schedule.learn(event.time);
        }
        if !again {
            let odd = DetectorId::NewNetwork.bit() | DetectorId::DeviceDrift.bit();
            let surprised = self.raised & odd != 0 || session.changed().is_some();
            self.learn_setting(&mut profile.habits, event, surprised);
            self.learn_address(&mut profile.habits, event, surprised);
            if let Some(anonymizer) = anonymizer_key(event, self.kind, &self.setting) {
                let surprised = self.raised & DetectorId::AnonymizedNetwork.bit() != 0;
                profile
                    .habits
                    .learn(Trait::Anonymizer, anonymizer, event.time, surprised);
            }
        }
        if let Some(tenant) = event.action.target_tenant.as_deref() {
            // One of several, of which the first was not worth telling, does not make the next less surprising.
            let is_noted = session.is_new_tenant(|name| names.text(name) == tenant);
            let surprised = is_noted || self.raised & DetectorId::TenantFanout.bit() != 0;
            profile
                .habits
                .learn(Trait::Tenant, key(tenant), event.time, surprised);
        }
        // An approval or the end of a task is no tool.
        let class = event.action.class.known();
        if self.kind == IdentityKind::AiAgent && !class.is_some_and(is_upkeep) {
            let (name, habits) = (&*event.action.name, &mut profile.habits);
            habits.learn(Trait::Family, key(family(name)), event.time, false);
            if event.action.class.known().is_some_and(is_sensitive) && !self.is_approved {
                habits.learn(Trait::Pair, unapproved(name), event.time, false);
            }
        }
        self.learn_pairs(event, profile, facts, false);
        if event.action.class.known() == Some(ActionClass::Privilege) {
            let privilege = crate::facts::privilege_key(event);
            profile
                .habits
                .learn(Trait::Privilege, privilege, event.time, false);
        }
    }
}

/// The country that a machine is in: people go everywhere, and what an agent was asked about does not become usual.
pub(crate) fn country_key(event: &Event<'_>, kind: IdentityKind) -> Option<u32> {
    let country = event.network.country.as_deref();
    country.filter(|_| is_machine(kind)).map(key)
}

/// The anonymiser that an event comes through, with its network. Of a machine all hosting is one.
pub(crate) fn anonymizer_key(
    event: &Event<'_>,
    kind: IdentityKind,
    setting: &Setting,
) -> Option<u32> {
    let anonymizer = event.network.anonymizer.known()?;
    let network = match anonymizer {
        Anonymizer::Hosting if is_machine(kind) => 0,
        _ => setting.get(Trait::Network),
    };
    Some((anonymizer as u32 + 1).wrapping_mul(0x9E37_79B9) ^ network | 1)
}

/// The family of a tool: `tool:ticket.comment` belongs to `tool:ticket`, `tool:mcp__jira__search` to `tool:mcp__jira`,
/// and what every coding agent looks or edits with belongs together.
pub(crate) fn family(name: &str) -> &str {
    match name.strip_prefix("tool:") {
        Some(
            "Read" | "Grep" | "Glob" | "LS" | "NotebookRead" | "TodoRead" | "TodoWrite" | "Task"
            | "WebSearch" | "WebFetch",
        ) => return "tool:Read",
        Some("Edit" | "MultiEdit" | "Write" | "NotebookEdit") => return "tool:Edit",
        _ => {}
    }
    let end = name.rfind(['.', '/', ' ']).or_else(|| name.rfind("__"));
    &name[..end.unwrap_or(name.len())]
}
