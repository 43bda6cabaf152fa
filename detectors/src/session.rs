//! Sessions: what is going on right now, as against what is usual.

use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use crate::decay::decayed;
use crate::detect::DetectorId;
use crate::event_id::EventId;
use crate::memory::{push_exact, thin_bytes};
use crate::names::{Name, stable_hash};
use crate::profile::sequence::Context;
use crate::risk::{BitsEach, SessionLedger};
use crate::units::Bits;

/// Sessions of one identity that are remembered at once; the longest idle makes room.
const MOST_SESSIONS: usize = 8;
/// An idle session is forgotten after this.
const FORGOTTEN_AFTER_MS: i64 = 24 * 3_600_000;
/// Without a session id a pause of this length begins a new one, as identity providers do it.
const PAUSE_MS: i64 = 30 * 60_000;
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
}

/// What somebody has vouched for: a passed challenge, or a person who says that it was nothing.
#[derive(Debug, Default)]
struct Vouched {
    until: EventTime,
    /// Up to so many bits of each detector.
    bits: BitsEach,
}

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

/// One session of an identity.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: u32,
    pub(crate) last: EventTime,
    /// Whether the event at hand came no earlier in time than those before it.
    pub(crate) in_order: bool,
    pub(crate) ledger: SessionLedger,
    /// Order of calls: the last two, and the evidence that the order is not the usual one.
    pub(crate) context: Context,
    pub(crate) last_endpoint: Option<Name>,
    pub(crate) cusum: f32,
    /// What was odd, if anything was.
    odd: Option<Box<Oddities>>,
    /// Whether it has done anything of class admin, privilege, deploy or secret.
    pub(crate) privileged: bool,
}

impl Session {
    fn new(key: u32, time: EventTime) -> Self {
        Self {
            key,
            last: time,
            in_order: true,
            ledger: SessionLedger::default(),
            context: Context::default(),
            last_endpoint: None,
            cusum: 0.0,
            odd: None,
            privileged: false,
        }
    }

    /// Lets time pass. A late event does not turn it back.
    fn touch(&mut self, time: EventTime) {
        let elapsed = time.since(self.last);
        self.in_order = elapsed >= 0;
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

    /// Whether nothing is left to remember of a session that has been idle for so long. After a pause
    /// one without blemish is as good as a new one.
    fn is_forgotten(&self, idle_ms: i64) -> bool {
        let is_slight =
            |odd: &Oddities| odd.drift_bits < LEAST_DRIFT_BITS && self.last >= odd.vouched.until;
        let blank = !self.privileged
            && f64::from(self.cusum) < LEAST_CUSUM_BITS
            && self.odd.as_deref().is_none_or(is_slight)
            && self.ledger.is_blank();
        idle_ms > FORGOTTEN_AFTER_MS || (blank && idle_ms > PAUSE_MS)
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

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
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
        odd + self.ledger.heap_bytes()
    }
}

/// The sessions of one identity.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Vec<Session>);

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
    /// The session of the event, begun if need be.
    pub(crate) fn enter(&mut self, event: &Event<'_>) -> &mut Session {
        let (key, time) = (session_key(event), event.time);
        let named = event.session.id.is_some();
        let found = self.0.iter().position(|session| session.key == key);
        let at = match found {
            Some(at) => {
                if !named && time.since(self.0[at].last) > PAUSE_MS {
                    self.0[at].restart(time);
                }
                at
            }
            None => self.begin(key, time),
        };
        let session = &mut self.0[at];
        session.touch(time);
        session
    }

    fn begin(&mut self, key: u32, time: EventTime) -> usize {
        self.0
            .retain(|session| !session.is_forgotten(time.since(session.last)));
        if self.0.len() >= MOST_SESSIONS
            && let Some(idle) = (0..self.0.len()).min_by_key(|at| self.0[*at].last)
        {
            self.0.remove(idle);
        }
        self.0.reserve_exact(1);
        self.0.push(Session::new(key, time));
        self.0.len() - 1
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.0.iter_mut()
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        self.0.iter().for_each(|session| session.each_name(mark));
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Session>()
            + self.0.iter().map(Session::heap_bytes).sum::<usize>()
    }
}

impl Session {
    /// Begins anew under the same key; the risk that was seen stays.
    fn restart(&mut self, time: EventTime) {
        let ledger = std::mem::take(&mut self.ledger);
        *self = Self {
            ledger,
            last: self.last,
            ..Self::new(self.key, time)
        };
    }
}
