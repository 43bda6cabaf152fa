//! The sessions of one identity: which of them an event belongs to, and which of them are remembered.

use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use super::rested::RestedSessions;
use super::{PAUSE_MS, Session};
use crate::memory::{push_exact, thin_bytes, warm};
use crate::names::{Name, stable_hash};
use crate::state::codec::stored;

/// Sessions of one identity that are remembered at once; the longest idle makes room, last of all one that is
/// privileged or waited for.
const MOST_SESSIONS: usize = 32;
/// So many where each is to be ended at its time.
const MOST_WAITED_FOR: usize = 128;
/// An idle session is forgotten after this.
pub(super) const FORGOTTEN_AFTER_MS: i64 = 24 * 3_600_000;

/// How an event came into its session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entered {
    /// Whether the session began with it.
    pub(crate) begins: bool,
    /// Whether it came no earlier in time than those before it.
    pub(crate) in_order: bool,
    /// How long the session had rested before.
    pub(crate) rested_ms: i64,
    /// Whether the session had been privileged before.
    pub(crate) was_privileged: bool,
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
    /// The session of the event, begun if need be, and how the event came into it.
    pub(crate) fn enter(&mut self, event: &Event<'_>) -> (usize, Entered) {
        let (key, time) = (session_key(event), event.time);
        let named = event.session.id.is_some();
        let found = self.position(key);
        let (at, begins) = match found {
            Some(at) => {
                if !named && time.since(self.kept[at].last()) > PAUSE_MS {
                    self.kept[at].restart(time);
                }
                (at, false)
            }
            None => self.begin(event, key),
        };
        let session = &mut self.kept[at];
        let elapsed = time.since(session.last());
        let entered = Entered {
            begins,
            in_order: elapsed >= 0,
            rested_ms: elapsed.max(0),
            was_privileged: session.privileged,
        };
        session.touch(time, elapsed);
        session.read(event, entered.in_order);
        (at, entered)
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
            session.start(stated.unwrap_or(time));
            session.is_assumed = true;
            session
        });
        push_exact(&mut self.kept, session);
        (self.kept.len() - 1, begins)
    }

    fn make_room(&mut self, time: EventTime) {
        let Self { kept, rested } = self;
        kept.retain(|session| {
            let is_forgotten = session.is_forgotten(time.since(session.last()));
            if is_forgotten {
                rested.keep(session, time, FORGOTTEN_AFTER_MS);
            }
            !is_forgotten
        });
        let idlest = |at: &usize| {
            // What a timer waits for goes last: it is to end at its time.
            let session = &kept[*at];
            let waited_for = session.waits_until().is_some_and(|until| until > time);
            (waited_for, session.privileged, session.last())
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
