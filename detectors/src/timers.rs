//! What happens because time passes: timers on the log's clock.
//!
//! They fire when the clock passes them, before the record that moved it is applied, in the order of
//! their due times and then of the identities; what they publish carries the due time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use plumbline_schemas::event::{Event, EventKind, IdentityKind};
use plumbline_schemas::time::EventTime;

use crate::detect;
use crate::engine::{Engine, Output};
use crate::packed_time::PackedTime;
use crate::session::Session;

/// What a timer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wait {
    /// The end of a just-in-time window.
    Window,
    /// The rest of a privileged session.
    Rest,
    /// The end of the time in which a command that began in the session is to be acknowledged.
    Answer,
}

impl Wait {
    /// What has this number.
    pub(crate) fn of(number: u8) -> Option<Self> {
        let all = [Self::Window, Self::Rest, Self::Answer];
        all.into_iter().find(|wait| *wait as u8 == number)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) due: EventTime,
    pub(crate) identity: u32,
    pub(crate) session: u32,
    pub(crate) wait: Wait,
}

/// The timers of one engine.
#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<Timer>>);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer) {
        self.0.push(Reverse(timer));
    }

    /// The next ones that are due, all of the same time.
    fn due(&mut self, clock: EventTime) -> Vec<Timer> {
        let mut due: Vec<Timer> = Vec::new();
        while let Some(Reverse(next)) = self.0.peek().copied() {
            let same = due.first().is_none_or(|first| first.due == next.due);
            if next.due > clock || !same {
                break;
            }
            self.0.pop();
            due.push(next);
        }
        due
    }

    /// Those that are due and have not fired yet: they do before the next record.
    pub(crate) fn overdue(&self, clock: EventTime) -> impl Iterator<Item = &Timer> {
        let timers = self.0.iter().map(|Reverse(timer)| timer);
        timers.filter(move |timer| timer.due <= clock)
    }

    /// Drops those of identities that are no more.
    pub(crate) fn retain(&mut self, is_known: impl Fn(u32) -> bool) {
        self.0.retain(|Reverse(timer)| is_known(timer.identity));
    }

    pub(crate) fn next(&self) -> Option<EventTime> {
        self.0.peek().map(|Reverse(timer)| timer.due)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Timer>()
    }
}

impl Engine {
    /// Lets the clock come to this time.
    pub(crate) fn pass_time(&mut self, clock: EventTime, outputs: &mut Vec<Output>) {
        loop {
            let mut due = self.timers.due(clock);
            if due.is_empty() {
                return;
            }
            let identities = &self.identities;
            due.sort_by(|a, b| {
                let name = |timer: &Timer| identities[timer.identity as usize].key();
                name(a).cmp(name(b)).then(a.cmp(b))
            });
            due.dedup();
            for timer in due {
                match timer.wait {
                    // The session may have ended, or been forgotten: the command stands.
                    Wait::Answer => self.miss(timer, clock, outputs),
                    _ => self.fire(timer, clock, outputs),
                }
            }
        }
    }

    /// Sets the timers that a session needs after an event.
    pub(crate) fn watch(&mut self, at: usize, session: u32, event: &Event<'_>, clock: EventTime) {
        let identity = self.identities.change(at, &self.names);
        let kind = identity.kind;
        let Some(session) = identity
            .sessions
            .iter_mut()
            .find(|other| other.key == session)
        else {
            return;
        };
        let key = session.key;
        let timer = |due, wait| Timer {
            due,
            identity: at as u32,
            session: key,
            wait,
        };
        if let Some(until) = event.session.jit_until
            && session.waits_until() != Some(until)
        {
            session.extra().waits_until = Some(PackedTime::new(until));
            self.timers.set(timer(until, Wait::Window));
        }
        let rests = session.privileged && !session.ended && session.id.is_some();
        if !rests || kind != IdentityKind::Human {
            return;
        }
        session.note_delay(clock.since(event.time));
        if !session.is_watched {
            session.is_watched = true;
            let limit = self.config.policy.session.inactivity.as_millis();
            let due = session.rest_shows(limit);
            self.timers.set(timer(due, Wait::Rest));
        }
    }

    fn fire(&mut self, timer: Timer, clock: EventTime, outputs: &mut Vec<Output>) {
        let at = timer.identity as usize;
        let limit = self.config.policy.session.inactivity.as_millis();
        let sessions = &mut self.identities.change(at, &self.names).sessions;
        let Some(number) = sessions.position(timer.session) else {
            return;
        };
        let (session, _) = sessions.split(number);
        // A limit is passed a moment after it was reached; it is told as the limit.
        let (signal, time, purpose) = match timer.wait {
            Wait::Window => {
                let until = session.jit_until();
                if until != Some(timer.due) || session.ended {
                    return;
                }
                let signal = detect::jit_expired(session, timer.due);
                (signal, timer.due, WINDOW)
            }
            // Another session under its key is none that it was set for.
            Wait::Rest if !session.is_watched => return,
            Wait::Rest => {
                let due = session.rest_shows(limit);
                if due > timer.due {
                    self.timers.set(Timer { due, ..timer });
                    return;
                }
                session.is_watched = false;
                // Whenever it shows, it ended at the limit: how late others make it seem says nothing of it.
                let ended = session.last().plus_millis(limit);
                if session.is_over(ended) {
                    return;
                }
                (detect::rested(session, limit), ended, REST)
            }
            Wait::Answer => return,
        };
        let signal = signal.resting_on(session.last_event());
        let trigger = Trigger::about(Some(session), purpose, time, clock);
        self.publish_elsewhere(at, number, &trigger, vec![signal], outputs);
    }
}

/// What timers call themselves in what they publish.
const WINDOW: &str = "window";
const REST: &str = "rest";

/// What a command rests on that no event of its session leads to.
pub(crate) struct Trigger {
    pub(crate) purpose: &'static str,
    pub(crate) time: EventTime,
    pub(crate) session: Option<String>,
    pub(crate) clock: EventTime,
}

impl Trigger {
    /// About a session that is known.
    pub(crate) fn about(
        session: Option<&Session>,
        purpose: &'static str,
        time: EventTime,
        clock: EventTime,
    ) -> Self {
        let id = session.and_then(|session| session.id.as_ref());
        Self {
            purpose,
            time,
            session: id.map(ToString::to_string),
            clock,
        }
    }

    /// From when on a bot can have heard of it. A timer counts from when it was due and not from the
    /// clock that passed it, which others move.
    pub(crate) fn heard_from(&self) -> EventTime {
        match self.purpose {
            WINDOW | REST => self.time,
            _ => self.clock,
        }
    }

    /// An event that stands for it, so that it is published like any other.
    pub(crate) fn event<'e>(&'e self, tenant: &'e str, identity: &'e str) -> Event<'e> {
        let session = self.session.as_deref().unwrap_or_default();
        let id = format!("{}/{}/{session}", self.purpose, self.time);
        let mut event = Event::bare(id, self.time, EventKind::Session, identity, self.purpose);
        event.source = Some("plumbline".into());
        event.tenant = Some(tenant.into());
        event.session.id = self.session.as_deref().map(Into::into);
        event
    }
}
