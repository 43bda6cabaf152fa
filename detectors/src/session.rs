//! Sessions: what is going on right now, as against what is usual.

use std::borrow::Cow;

use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use crate::decay::decayed;
use crate::detect::DetectorId;
use crate::event_id::EventId;
use crate::memory::{push_exact, thin_bytes, warm};
use crate::names::{Name, stable_hash};
use crate::profile::sequence::{Context, Symbol};
use crate::rested::RestedSessions;
use crate::risk::{BitsEach, SessionLedger};
use crate::setting::Setting;
use crate::state::codec::stored;
use crate::state::detectors::bits_each;
use crate::units::Bits;

/// Sessions of one identity that are remembered at once; the longest idle makes room, last of all one that is
/// privileged or waited for.
const MOST_SESSIONS: usize = 32;
/// So many where each is to be ended at its time.
const MOST_WAITED_FOR: usize = 128;
/// An idle session is forgotten after this.
const FORGOTTEN_AFTER_MS: i64 = 24 * 3_600_000;
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

/// Something new that a session did.
#[derive(Clone, Debug)]
pub(crate) struct Novel {
    pub(crate) name: Name,
    pub(crate) class: u8,
    pub(crate) bits: f32,
    pub(crate) event_id: EventId,
}
stored!(Novel {
    name,
    class,
    bits,
    event_id
});

/// A step out of the usual order.
#[derive(Clone, Debug)]
pub(crate) struct OddStep {
    pub(crate) from: Option<Name>,
    pub(crate) to: Name,
    pub(crate) chance: f32,
    /// How often the step was taken before, and the one it comes from, decayed.
    pub(crate) taken: f32,
    pub(crate) seen: f32,
    pub(crate) bits: f32,
    pub(crate) event_id: EventId,
    /// What was called after what, and whether it was not learnt at once.
    pub(crate) context: Context,
    pub(crate) symbol: Symbol,
    pub(crate) is_held: bool,
}
stored!(OddStep {
    from,
    to,
    chance,
    taken,
    seen,
    bits,
    event_id,
    context,
    symbol,
    is_held
});

/// What somebody has vouched for: a passed challenge, or a person who says that it was nothing.
#[derive(Debug, Default)]
struct Vouched {
    until: EventTime,
    /// Up to so many bits of each detector.
    bits: BitsEach,
}
stored!(Vouched { until, bits: via bits_each });

/// What was odd about a session.
#[derive(Debug, Default)]
struct Oddities {
    /// Steps out of order, as long as they add up.
    steps: ThinVec<OddStep>,
    /// New endpoints, scopes and tenants, and what they weigh together.
    novel: ThinVec<Novel>,
    drift_bits: f32,
    vouched: Vouched,
}
stored!(Oddities {
    steps,
    novel,
    drift_bits,
    vouched
});

/// A change of the circumstances of a session to something that is not usual.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub(crate) what: Vec<Cow<'static, str>>,
    pub(crate) bits: Bits,
    pub(crate) time: EventTime,
    pub(crate) before: Option<Name>,
    pub(crate) after: Name,
    pub(crate) event_id: EventId,
    /// To what.
    pub(crate) setting: Setting,
}
stored!(Changed {
    what,
    bits,
    time,
    before,
    after,
    event_id,
    setting: since 4
});

/// What few sessions have.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// The end of its just-in-time window.
    pub(crate) jit_until: Option<EventTime>,
    pub(crate) expires_at: Option<EventTime>,
    /// Until when a timer waits for its window.
    pub(crate) waits_until: Option<EventTime>,
    /// Its last event; kept of those that timers are for.
    pub(crate) last_event: Option<EventId>,
    pub(crate) changed: Option<Box<Changed>>,
    /// How late its events come at most, of a session that timers are for, in minutes.
    pub(crate) late_minutes: u16,
    /// Calls outside the task's objective so far.
    pub(crate) drifted: u8,
    /// Tenants that it was the first to reach.
    pub(crate) tenants: ThinVec<(Name, EventId)>,
    /// Tenants it had reached when it was last asked about them.
    pub(crate) tenants_asked: u8,
}
stored!(Extra {
    jit_until,
    expires_at,
    waits_until,
    last_event,
    changed,
    late_minutes: since 3,
    drifted,
    tenants,
    tenants_asked
});

/// One session of an identity.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: u32,
    /// As it was stated; commands that no event of the session leads to need it.
    pub(crate) id: Option<EventId>,
    pub(crate) last: EventTime,
    /// Whether what happened then succeeded, and was not the end of it.
    pub(crate) succeeded: bool,
    pub(crate) started: EventTime,
    /// When its user last authenticated, as far as is known,
    pub(crate) authenticated: EventTime,
    /// or is taken to have, because it began then and nothing else is said of it.
    pub(crate) is_assumed: bool,
    pub(crate) credential: u32,
    /// On whose behalf it last acted, nearest first.
    pub(crate) behalf: [u32; 2],
    /// With what and from where it is used, and how a person reads that.
    pub(crate) setting: Setting,
    pub(crate) described: Option<Name>,
    pub(crate) extra: Option<Box<Extra>>,
    /// Whether it logged out.
    pub(crate) ended: bool,
    /// Whether a timer waits for its rest.
    pub(crate) is_watched: bool,
    /// How long it had rested before the event at hand; 24 days at most.
    pub(crate) rested_ms: i32,
    /// Whether it had been privileged before the event at hand.
    pub(crate) was_privileged: bool,
    /// The hour of the last event that its habits were learnt from.
    pub(crate) learnt_hour: u32,
    /// Whether the event at hand came no earlier in time than those before it.
    pub(crate) in_order: bool,
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
    last,
    succeeded,
    started,
    authenticated,
    is_assumed: since 3,
    credential,
    behalf,
    setting,
    described,
    extra,
    ended,
    is_watched,
    rested_ms,
    was_privileged,
    learnt_hour,
    in_order,
    ledger,
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
            last: time,
            succeeded: false,
            started: time,
            authenticated: time,
            is_assumed: false,
            credential: 0,
            behalf: [0; 2],
            setting: Setting::default(),
            described: None,
            extra: None,
            ended: false,
            is_watched: false,
            learnt_hour: 0,
            rested_ms: 0,
            was_privileged: false,
            in_order: true,
            ledger: SessionLedger::default(),
            context: Context::default(),
            last_endpoint: None,
            cusum: 0.0,
            repeats: 0,
            odd: None,
            privileged: false,
        }
    }

    /// Lets time pass. A late event does not turn it back.
    fn touch(&mut self, time: EventTime) {
        let elapsed = time.since(self.last);
        self.in_order = elapsed >= 0;
        self.rested_ms = i32::try_from(elapsed.max(0)).unwrap_or(i32::MAX);
        self.was_privileged = self.privileged;
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
        self.last = time;
    }

    /// Whether little is left to remember of a session that has been idle for so long: of one without blemish no
    /// more than [`RestedSessions`] keep.
    fn is_forgotten(&self, idle_ms: i64) -> bool {
        let is_slight =
            |odd: &Oddities| odd.drift_bits < LEAST_DRIFT_BITS && self.last >= odd.vouched.until;
        let blank = !self.privileged
            && self.extra.is_none()
            && f64::from(self.cusum) < LEAST_CUSUM_BITS
            && self.odd.as_deref().is_none_or(is_slight)
            && self.ledger.is_blank();
        let now = self.last.plus_millis(idle_ms);
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
        let vouched = &mut self.odd.get_or_insert_default().vouched;
        vouched.until = self.last.plus_millis(VOUCHED_FOR_MS);
        for (detector, said) in self.ledger.said() {
            let slot = &mut vouched.bits[detector as usize];
            *slot = slot.max(said + beyond.0 as f32);
        }
    }

    /// Whether somebody has vouched for that much of this detector.
    pub(crate) fn is_vouched(&self, detector: DetectorId, bits: Bits) -> bool {
        self.odd.as_ref().is_some_and(|odd| {
            self.last < odd.vouched.until
                && bits.0 <= f64::from(odd.vouched.bits[detector as usize])
        })
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
        let Some(odd) = &mut self.odd else { return };
        // Nearly every session takes an odd step once: what is over takes no memory.
        odd.steps = ThinVec::new();
        if odd.novel.is_empty() && self.last >= odd.vouched.until {
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

    /// The change of circumstances that nobody has vouched for.
    pub(crate) fn changed(&self) -> Option<&Changed> {
        self.extra.as_ref()?.changed.as_deref()
    }

    /// Until when a timer waits for the end of its window.
    pub(crate) fn waits_until(&self) -> Option<EventTime> {
        self.extra.as_ref()?.waits_until
    }

    /// One of its events has come so long after it happened.
    pub(crate) fn note_delay(&mut self, delay_ms: i64) {
        if delay_ms >= LEAST_DELAY_MS {
            let minutes = u16::try_from(delay_ms / 60_000).unwrap_or(u16::MAX);
            let extra = self.extra();
            extra.late_minutes = extra.late_minutes.max(minutes);
        }
    }

    /// When it will be known that it has rested for longer than the limit. What comes late shows its rest late: the
    /// next event may be on its way for as long again.
    pub(crate) fn rest_shows(&self, limit_ms: i64) -> EventTime {
        let late = self.extra.as_ref().map_or(0, |extra| extra.late_minutes);
        let delay_ms = i64::from(late) * 60_000 * DELAY_SLACK;
        let delay_ms = delay_ms.min(MOST_DELAY_MS);
        self.last.plus_millis(limit_ms + delay_ms + 1)
    }

    /// Whether it has logged out, or has expired by then.
    pub(crate) fn is_over(&self, at: EventTime) -> bool {
        let expires = self.extra.as_ref().and_then(|extra| extra.expires_at);
        self.ended || expires.is_some_and(|expires| expires <= at)
    }

    /// Its last event, of a session that timers are for.
    pub(crate) fn last_event(&self) -> Option<String> {
        let last = self.extra.as_ref()?.last_event.as_ref();
        last.map(ToString::to_string)
    }

    /// Whether it is in use: not logged out, not expired, and active within half an hour.
    pub(crate) fn is_live(&self, now: EventTime) -> bool {
        !self.is_over(now) && now.since(self.last).abs() <= PAUSE_MS
    }

    /// Its user has authenticated then. That may be before it began, as where one log-in opens many sessions.
    pub(crate) fn authenticates(&mut self, time: EventTime) {
        self.authenticated = match self.is_assumed {
            true => time,
            false => self.authenticated.max(time),
        };
        self.is_assumed = false;
    }

    /// Takes in what the event states of the session itself.
    fn read(&mut self, event: &Event<'_>) {
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
        let kept = self.extra.as_ref();
        // A late event does not take back what a later one has said.
        if self.in_order && known(stated.jit_until, kept.and_then(|extra| extra.jit_until)) {
            self.extra().jit_until = stated.jit_until;
        }
        let kept = self.extra.as_ref();
        if self.in_order && known(stated.expires_at, kept.and_then(|extra| extra.expires_at)) {
            self.extra().expires_at = stated.expires_at;
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
        let odd = self.odd.as_ref().map_or(0, |odd| {
            let novel = odd.novel.iter().map(|novel| novel.event_id.heap_bytes());
            let steps = odd.steps.iter().map(|step| step.event_id.heap_bytes());
            let ids = novel.chain(steps).sum::<usize>();
            size_of::<Oddities>() + ids + thin_bytes(&odd.novel) + thin_bytes(&odd.steps)
        });
        let extra = self.extra.as_ref().map_or(0, |extra| {
            let changed = extra.changed.as_ref().map_or(0, |_| size_of::<Changed>());
            let last = extra.last_event.as_ref().map_or(0, EventId::heap_bytes);
            size_of::<Extra>() + thin_bytes(&extra.tenants) + changed + last
        });
        let id = self.id.as_ref().map_or(0, EventId::heap_bytes);
        odd + extra + id + self.ledger.heap_bytes()
    }
}

/// The other sessions of the identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Others<'s> {
    before: &'s [Session],
    after: &'s [Session],
}

impl<'s> Others<'s> {
    pub(crate) fn iter(self) -> impl Iterator<Item = &'s Session> {
        self.before.iter().chain(self.after)
    }
}

/// The sessions of one identity.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    kept: ThinVec<Session>,
    rested: RestedSessions,
}
stored!(Sessions { kept, rested: since 2 });

/// What tells the session of an event: its id, failing that the credential, failing that nothing.
pub(crate) fn session_key(event: &Event<'_>) -> u32 {
    let id = event
        .session
        .id
        .as_deref()
        .or(event.credential.id.as_deref());
    id.map_or(1, |id| (stable_hash(id) >> 32) as u32 | 1)
}

impl Sessions {
    /// The session of the event, begun if need be, and whether it began.
    pub(crate) fn enter(&mut self, event: &Event<'_>) -> (usize, bool) {
        let (key, time) = (session_key(event), event.time);
        let named = event.session.id.is_some();
        let found = self.position(key);
        let (at, begins) = match found {
            Some(at) => {
                if !named && time.since(self.kept[at].last) > PAUSE_MS {
                    self.kept[at].restart(time);
                }
                (at, false)
            }
            None => self.begin(event, key),
        };
        let session = &mut self.kept[at];
        session.touch(time);
        session.read(event);
        (at, begins)
    }

    /// Begins a session, or lets one go on that has rested; which, and whether it begins.
    fn begin(&mut self, event: &Event<'_>, key: u32) -> (usize, bool) {
        let time = event.time;
        self.make_room(time);
        let resumed = self.rested.resume(key, time, FORGOTTEN_AFTER_MS);
        let begins = resumed.is_none();
        let session = resumed.unwrap_or_else(|| {
            let mut session = Session::new(key, time);
            // A session may be seen long after it began.
            let stated = event.session.started_at.filter(|started| *started < time);
            session.started = stated.unwrap_or(time);
            session.authenticated = session.started;
            session.is_assumed = true;
            session
        });
        push_exact(&mut self.kept, session);
        (self.kept.len() - 1, begins)
    }

    fn make_room(&mut self, time: EventTime) {
        let Self { kept, rested } = self;
        kept.retain(|session| {
            let is_forgotten = session.is_forgotten(time.since(session.last));
            if is_forgotten {
                rested.keep(session, time, FORGOTTEN_AFTER_MS);
            }
            !is_forgotten
        });
        let idlest = |at: &usize| {
            // What a timer waits for goes last: it is to end at its time.
            let session = &kept[*at];
            let waited_for = session.waits_until().is_some_and(|until| until > time);
            (waited_for, session.privileged, session.last)
        };
        let goes = |at: &usize| {
            let (waited_for, ..) = idlest(at);
            kept.len() >= MOST_WAITED_FOR || !(waited_for || kept[*at].is_watched)
        };
        if kept.len() >= MOST_SESSIONS
            && let Some(idle) = (0..kept.len()).min_by_key(idlest).filter(goes)
        {
            rested.keep(&kept[idle], time, FORGOTTEN_AFTER_MS);
            kept.remove(idle);
        }
    }

    /// One session, and the others.
    pub(crate) fn split(&mut self, at: usize) -> (&mut Session, Others<'_>) {
        let (before, rest) = self.kept.split_at_mut(at);
        let (session, after) = rest.split_at_mut(1);
        (&mut session[0], Others { before, after })
    }

    pub(crate) fn position(&self, key: u32) -> Option<usize> {
        self.kept.iter().position(|session| session.key == key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.kept.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.kept.iter_mut()
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        self.kept.iter().for_each(|session| session.each_name(mark));
    }

    pub(crate) fn warm(&self) -> u32 {
        // Three lines each.
        let read = |session: &Session| {
            session.key ^ session.learnt_hour ^ session.credential ^ u32::from(session.privileged)
        };
        warm(&self.kept, read)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        thin_bytes(&self.kept)
            + self.rested.heap_bytes()
            + self.kept.iter().map(Session::heap_bytes).sum::<usize>()
    }
}

impl Session {
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
