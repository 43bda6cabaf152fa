//! Sessions: what is going on right now, as against what is usual.

mod extra;
mod odd;
mod of_identity;
mod rested;

use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use crate::decay::decayed;
use crate::detect::DetectorId;
use crate::event_id::EventId;
use crate::memory::push_exact;
use crate::names::Name;
use crate::packed_time::{PackedTime, whole};
use crate::profile::sequence::Context;
use crate::risk::SessionLedger;
use crate::setting::Setting;
use crate::state::codec::stored;
use crate::units::Bits;
pub(crate) use extra::{Changed, Extra};
use odd::Oddities;
pub(crate) use odd::{Novel, OddStep};
use of_identity::FORGOTTEN_AFTER_MS;
pub(crate) use of_identity::{Entered, Others, Sessions, session_key};

/// Clocks of two sources may differ by so much.
pub(crate) const SKEW_MS: i64 = 3 * 60_000;
/// Without a session id a pause of this length begins a new one, as identity providers do it.
const PAUSE_MS: i64 = 30 * 60_000;
/// Events that come later than this make the session's rest show later.
const LEAST_DELAY_MS: i64 = 2 * 60_000;
/// So many times the longest delay so far are waited for,
const DELAY_SLACK: i64 = 2;
/// but never for longer than this: what comes hours late is a batch, and nobody waits for that.
const MOST_DELAY_MS: i64 = 3_600_000;
/// Novelties of a session fade with this half-life.
const DRIFT_HALF_LIFE_MS: i64 = 6 * 3_600_000;
/// Nobody vouches for longer than this.
const VOUCHED_FOR_MS: i64 = 24 * 3_600_000;
/// Less evidence of another order than this is not kept over a pause.
const LEAST_CUSUM_BITS: f64 = 4.0;
/// Nor is less than this of novelty.
const LEAST_DRIFT_BITS: f32 = 8.0;
/// Odd steps that are kept for the evidence.
const MOST_ODD_STEPS: usize = 12;
/// Novelties that are told apart. Whoever brings more has said enough.
const MOST_NOVEL: usize = 64;

/// One session of an identity.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: u32,
    /// As it was stated; commands that no event of the session leads to need it.
    pub(crate) id: Option<EventId>,
    last: PackedTime,
    /// Whether what happened then succeeded, and was not the end of it.
    pub(crate) succeeded: bool,
    started: PackedTime,
    /// When its user last authenticated, as far as is known,
    authenticated: PackedTime,
    /// or is taken to have, because it began then and nothing else is said of it.
    pub(crate) is_assumed: bool,
    pub(crate) credential: u32,
    /// With what and from where it is used, and how a person reads that.
    pub(crate) setting: Setting,
    pub(crate) described: Option<Name>,
    pub(crate) extra: Option<Box<Extra>>,
    /// Whether it logged out.
    pub(crate) ended: bool,
    /// Whether a timer waits for its rest.
    pub(crate) is_watched: bool,
    /// The hour of the last event that its habits were learnt from.
    pub(crate) learnt_hour: u32,
    pub(crate) ledger: SessionLedger,
    /// Order of calls: the last two, and the evidence that the order is not the usual one.
    pub(crate) context: Context,
    pub(crate) last_endpoint: Option<Name>,
    pub(crate) cusum: f32,
    /// How often in a row the last endpoint was called again.
    pub(crate) repeats: u8,
    /// What was odd, if anything was.
    odd: Option<Box<Oddities>>,
    /// Whether it has done anything of class admin, privilege, deploy or secret.
    pub(crate) privileged: bool,
}
stored!(Session {
    key,
    id,
    last: via whole,
    succeeded,
    started: via whole,
    authenticated: via whole,
    is_assumed: since 3,
    credential,
    setting: behind (5, [u32; 2]),
    described,
    extra,
    ended,
    is_watched,
    learnt_hour: behind (5, (i32, bool)),
    ledger: behind (5, bool),
    context,
    last_endpoint,
    cusum,
    repeats,
    odd,
    privileged
});

impl Session {
    pub(crate) fn new(key: u32, time: EventTime) -> Self {
        Self {
            key,
            id: None,
            last: PackedTime::new(time),
            succeeded: false,
            started: PackedTime::new(time),
            authenticated: PackedTime::new(time),
            is_assumed: false,
            credential: 0,
            setting: Setting::default(),
            described: None,
            extra: None,
            ended: false,
            is_watched: false,
            learnt_hour: 0,
            ledger: SessionLedger::default(),
            context: Context::default(),
            last_endpoint: None,
            cusum: 0.0,
            repeats: 0,
            odd: None,
            privileged: false,
        }
    }

    /// When its last event happened.
    pub(crate) fn last(&self) -> EventTime {
        self.last.get()
    }

    pub(crate) fn started(&self) -> EventTime {
        self.started.get()
    }

    /// When its user last authenticated, as far as is known, or is taken to have.
    pub(crate) fn authenticated(&self) -> EventTime {
        self.authenticated.get()
    }

    /// It began then, as far as is known, and its user authenticated.
    pub(crate) fn start(&mut self, time: EventTime) {
        (self.started, self.authenticated) = (PackedTime::new(time), PackedTime::new(time));
    }

    /// Lets time pass since its last event. A late event does not turn it back.
    fn touch(&mut self, time: EventTime, elapsed: i64) {
        if elapsed <= 0 {
            return;
        }
        if let Some(odd) = &mut self.odd {
            odd.drift_bits = decayed(odd.drift_bits, elapsed, DRIFT_HALF_LIFE_MS);
        }
        if elapsed > PAUSE_MS {
            // Whatever came before the pause says nothing of what comes after it.
            self.context = Context::default();
            self.last_endpoint = None;
        }
        self.last = PackedTime::new(time);
    }

    /// Whether little is left to remember of a session that has been idle for so long: of one without blemish no
    /// more than [`RestedSessions`] keep.
    fn is_forgotten(&self, idle_ms: i64) -> bool {
        let is_slight =
            |odd: &Oddities| odd.drift_bits < LEAST_DRIFT_BITS && !odd.is_vouched_for(self.last());
        let blank = !self.privileged
            && self.extra.as_deref().is_none_or(Extra::is_slight)
            && f64::from(self.cusum) < LEAST_CUSUM_BITS
            && self.odd.as_deref().is_none_or(is_slight)
            && self.ledger.is_blank();
        let now = self.last().plus_millis(idle_ms);
        let waited_for = self.waits_until().is_some_and(|until| until > now);
        !waited_for && (idle_ms > FORGOTTEN_AFTER_MS || (blank && idle_ms > PAUSE_MS))
    }

    /// What it brought that the identity never used, in the order of its coming.
    pub(crate) fn novel(&self) -> &[Novel] {
        self.odd.as_ref().map_or(&[], |odd| &odd.novel)
    }

    /// What all that is new weighs together.
    pub(crate) fn drift(&self) -> Bits {
        let odd = self.odd.as_ref();
        Bits(odd.map_or(0.0, |odd| f64::from(odd.drift_bits))).clamped()
    }

    /// Adds something new, and to the weight of all that is new.
    pub(crate) fn add_novel(&mut self, novel: Novel, weight: Bits) {
        let odd = self.odd.get_or_insert_default();
        if odd.novel.len() < MOST_NOVEL {
            odd.drift_bits += weight.0 as f32;
            push_exact(&mut odd.novel, novel);
        }
    }

    /// Forgets what was new, and gives it.
    pub(crate) fn take_novel(&mut self) -> ThinVec<Novel> {
        let Some(odd) = &mut self.odd else {
            return ThinVec::new();
        };
        odd.drift_bits = 0.0;
        std::mem::take(&mut odd.novel)
    }

    /// What of this name was surprising, if the session brought it.
    pub(crate) fn novelty_of(&self, name: Name) -> Option<&Novel> {
        self.novel().iter().find(|novel| novel.name == name)
    }

    /// Somebody vouches for all that was said of this session, and for so many bits more.
    pub(crate) fn vouch(&mut self, beyond: Bits) {
        let until = self.last().plus_millis(VOUCHED_FOR_MS);
        let odd = self.odd.get_or_insert_default();
        let vouched = odd.vouched.get_or_insert_default();
        vouched.until = until;
        for (detector, said) in self.ledger.said() {
            let slot = &mut vouched.bits[detector as usize];
            *slot = slot.max(said + beyond.0 as f32);
        }
    }

    /// Whether somebody has vouched for that much of this detector.
    pub(crate) fn is_vouched(&self, detector: DetectorId, bits: Bits) -> bool {
        let vouched = self.odd.as_ref().and_then(|odd| odd.vouched.as_ref());
        vouched.is_some_and(|vouched| {
            self.last() < vouched.until && bits.0 <= f64::from(vouched.bits[detector as usize])
        })
    }

    /// Whether somebody has vouched for anything of it, as by passing a challenge.
    pub(crate) fn was_vouched_for(&self) -> bool {
        let odd = self.odd.as_ref();
        odd.is_some_and(|odd| odd.is_vouched_for(self.last()))
    }

    /// The steps out of order that add up.
    pub(crate) fn odd_steps(&self) -> &[OddStep] {
        self.odd.as_ref().map_or(&[], |odd| &odd.steps)
    }

    pub(crate) fn add_odd_step(&mut self, step: OddStep) {
        let steps = &mut self.odd.get_or_insert_default().steps;
        // One call again and again is one oddity, however often.
        if let Some(last) = steps.last_mut()
            && step.from == Some(step.to)
            && (last.from, last.to) == (step.from, step.to)
        {
            last.bits += step.bits;
            last.event_id = step.event_id;
            return;
        }
        if steps.len() >= MOST_ODD_STEPS {
            steps.remove(0);
        }
        push_exact(steps, step);
    }

    /// The order is the usual one again.
    pub(crate) fn forget_steps(&mut self) {
        self.cusum = 0.0;
        let last = self.last();
        let Some(odd) = &mut self.odd else { return };
        // Nearly every session takes an odd step once: what is over takes no memory.
        odd.steps = ThinVec::new();
        if odd.novel.is_empty() && !odd.is_vouched_for(last) {
            self.odd = None;
        }
    }

    /// The little that few sessions have.
    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Whether it was the first to reach a tenant.
    pub(crate) fn is_new_tenant(&self, is: impl Fn(Name) -> bool) -> bool {
        let extra = self.extra.as_ref();
        extra.is_some_and(|extra| extra.tenants.iter().any(|(name, _)| is(*name)))
    }

    /// On whose behalf it last acted, nearest first; 0 where on nobody's.
    pub(crate) fn behalf(&self) -> [u32; 2] {
        self.extra.as_ref().map_or([0; 2], |extra| extra.behalf)
    }

    /// The change of circumstances that nobody has vouched for.
    pub(crate) fn changed(&self) -> Option<&Changed> {
        self.extra.as_ref()?.changed.as_deref()
    }

    /// Until when a timer waits for the end of its window.
    pub(crate) fn waits_until(&self) -> Option<EventTime> {
        self.extra.as_ref()?.waits_until.map(PackedTime::get)
    }

    /// One of its events has come so long after it happened.
    pub(crate) fn note_delay(&mut self, delay_ms: i64) {
        if delay_ms >= LEAST_DELAY_MS {
            let minutes = u16::try_from(delay_ms / 60_000).unwrap_or(u16::MAX);
            let extra = self.extra();
            extra.late_minutes = extra.late_minutes.max(minutes);
        }
    }

    /// The end of its just-in-time window.
    pub(crate) fn jit_until(&self) -> Option<EventTime> {
        self.extra.as_ref()?.jit_until.map(PackedTime::get)
    }

    fn expires_at(&self) -> Option<EventTime> {
        self.extra.as_ref()?.expires_at.map(PackedTime::get)
    }

    /// When it will be known that it has rested for longer than the limit. What comes late shows its rest late: the
    /// next event may be on its way for as long again.
    pub(crate) fn rest_shows(&self, limit_ms: i64) -> EventTime {
        let late = self.extra.as_ref().map_or(0, |extra| extra.late_minutes);
        let delay_ms = i64::from(late) * 60_000 * DELAY_SLACK;
        let delay_ms = delay_ms.min(MOST_DELAY_MS);
        self.last().plus_millis(limit_ms + delay_ms + 1)
    }

    /// Whether it has logged out, or has expired by then.
    pub(crate) fn is_over(&self, at: EventTime) -> bool {
        let expires = self.expires_at();
        self.ended || expires.is_some_and(|expires| expires <= at)
    }

    /// Its last event, of a session that timers are for.
    pub(crate) fn last_event(&self) -> Option<String> {
        let last = self.extra.as_ref()?.last_event.as_ref();
        last.map(ToString::to_string)
    }

    /// Whether it was in use then: begun, not logged out, not expired, and active within half an hour or since.
    pub(crate) fn is_live(&self, at: EventTime) -> bool {
        self.started() <= at && !self.is_over(at) && at.since(self.last()) <= PAUSE_MS
    }

    /// Its user has authenticated then. That may be before it began, as where one log-in opens many sessions.
    pub(crate) fn authenticates(&mut self, time: EventTime) {
        let known = match self.is_assumed {
            true => time,
            false => self.authenticated().max(time),
        };
        self.authenticated = PackedTime::new(known);
        self.is_assumed = false;
    }

    /// Takes in what the event states of the session itself.
    fn read(&mut self, event: &Event<'_>, in_order: bool) {
        let stated = &event.session;
        if self.id.is_none() {
            self.id = stated.id.as_deref().map(EventId::new);
        }
        let skewed = event.time.plus_millis(SKEW_MS);
        if let Some(time) = stated.authenticated_at.filter(|time| *time <= skewed) {
            self.authenticates(time);
        }
        let known =
            |time: Option<EventTime>, kept: Option<EventTime>| time.is_some() && time != kept;
        // A late event does not take back what a later one has said.
        if in_order && known(stated.jit_until, self.jit_until()) {
            self.extra().jit_until = stated.jit_until.map(PackedTime::new);
        }
        if in_order && known(stated.expires_at, self.expires_at()) {
            self.extra().expires_at = stated.expires_at.map(PackedTime::new);
        }
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        self.described.iter().for_each(|name| mark(*name));
        if let Some(extra) = &self.extra {
            extra.tenants.iter().for_each(|(name, _)| mark(*name));
            if let Some(changed) = &extra.changed {
                changed.before.iter().for_each(|name| mark(*name));
                mark(changed.after);
            }
        }
        self.last_endpoint.iter().for_each(|name| mark(*name));
        self.novel().iter().for_each(|novel| mark(novel.name));
        for step in self.odd_steps() {
            mark(step.to);
            step.from.iter().for_each(|name| mark(*name));
        }
    }

    fn heap_bytes(&self) -> usize {
        let odd = self.odd.as_ref().map_or(0, |odd| odd.bytes());
        let extra = self.extra.as_ref().map_or(0, |extra| extra.bytes());
        let id = self.id.as_ref().map_or(0, EventId::heap_bytes);
        odd + extra + id + self.ledger.heap_bytes()
    }

    /// Begins anew under the same key; the risk that was seen stays.
    fn restart(&mut self, time: EventTime) {
        let ledger = std::mem::take(&mut self.ledger);
        *self = Self {
            ledger,
            last: self.last,
            // Nobody was seen to authenticate: what is stated of that holds, though it be older.
            is_assumed: true,
            ..Self::new(self.key, time)
        };
    }
}
