//! Sessions that rest: what has to be known of one without blemish when it goes on, in sixteen bytes.
//!
//! Most never do. Of one that does it matters when its user last authenticated, what it stated of its circumstances, and
//! that it is the session of before: what is new about it has changed in mid-session.

use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use super::Session;
use crate::memory::{push_exact, thin_bytes};
use crate::setting::{Setting, TRAITS};
use crate::state::codec::stored;

/// So many of an identity; the longest idle makes room.
const MOST: usize = 12;

/// One of them. Times are in seconds.
#[derive(Clone, Copy, Debug)]
struct Rested {
    key: u32,
    last: u32,
    authenticated: u32,
    /// Which traits it stated, a bit each.
    stated: u16,
    posture: u8,
    assurance: u8,
}
stored!(Rested {
    key,
    last,
    authenticated,
    stated,
    posture,
    assurance
});

/// Those of one identity.
#[derive(Debug, Default)]
pub(crate) struct RestedSessions(ThinVec<Rested>);
stored!(RestedSessions(..));

impl RestedSessions {
    /// Keeps of a session what is needed when it goes on. One that has ended does not, nor one that has rested for so
    /// long, and one without an id begins anew after every pause.
    pub(crate) fn keep(&mut self, session: &Session, now: EventTime, kept_ms: i64) {
        let last = seconds(session.last());
        let oldest = seconds(now.plus_millis(-kept_ms));
        self.0.retain(|rested| rested.last >= oldest);
        if session.ended || session.id.is_none() || last < oldest {
            return;
        }
        if self.0.len() >= MOST {
            let idlest = (0..self.0.len()).min_by_key(|at| self.0[*at].last);
            idlest.map(|at| self.0.swap_remove(at));
        }
        let setting = &session.setting;
        let is_stated = |what: &usize| setting.get(TRAITS[*what]) != 0;
        let bits = (0..TRAITS.len()).filter(is_stated);
        let rested = Rested {
            key: session.key,
            last,
            // Never older than it is.
            authenticated: seconds(session.authenticated().plus_millis(999)),
            stated: bits.fold(0, |stated, what| stated | 1 << what),
            posture: setting.posture(),
            assurance: setting.assurance(),
        };
        push_exact(&mut self.0, rested);
    }

    /// The session with this key goes on.
    pub(crate) fn resume(&mut self, key: u32, now: EventTime, kept_ms: i64) -> Option<Session> {
        let at = self.0.iter().position(|rested| rested.key == key)?;
        let rested = self.0.swap_remove(at);
        let time = |seconds: u32| EventTime::from_millis(i64::from(seconds) * 1000);
        let last = time(rested.last);
        if now.since(last) > kept_ms {
            return None;
        }
        let mut session = Session::new(key, last);
        session.start(time(rested.authenticated).min(now.max(last)));
        let stated = TRAITS.into_iter().enumerate();
        let stated = stated.filter(|(bit, _)| rested.stated & 1 << bit != 0);
        let stated = stated.map(|(_, what)| what);
        session.setting = Setting::stated(stated, rested.posture, rested.assurance);
        Some(session)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        thin_bytes(&self.0)
    }
}

fn seconds(time: EventTime) -> u32 {
    u32::try_from(time.as_millis() / 1000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_id::EventId;

    const HOUR: i64 = 3_600_000;

    fn at(hours: i64) -> EventTime {
        EventTime::from_millis(1_790_000_000_000).plus_millis(hours * HOUR)
    }

    fn session(key: u32, hours: i64) -> Session {
        let mut session = Session::new(key, at(hours));
        session.id = Some(EventId::new("s"));
        session
    }

    #[test]
    fn a_session_goes_on_for_a_day_and_takes_nothing_afterwards() {
        let mut rested = RestedSessions::default();
        rested.keep(&session(3, 0), at(1), 24 * HOUR);
        let resumed = rested.resume(3, at(20), 24 * HOUR).expect("it is kept");
        assert_eq!((resumed.last(), resumed.authenticated()), (at(0), at(0)));
        assert!(
            rested.resume(3, at(20), 24 * HOUR).is_none(),
            "it has gone on"
        );
        rested.keep(&session(5, 0), at(1), 24 * HOUR);
        rested.keep(&session(7, 0), at(25), 24 * HOUR);
        assert!(rested.0.is_empty(), "both are too old");
    }

    #[test]
    fn of_many_the_longest_idle_makes_room() {
        let mut rested = RestedSessions::default();
        for hour in 0..=MOST as i64 {
            let key = hour as u32 + 1;
            rested.keep(&session(key, hour), at(MOST as i64), 24 * HOUR);
        }
        assert!(rested.resume(1, at(13), 24 * HOUR).is_none());
        assert!(rested.resume(2, at(13), 24 * HOUR).is_some());
    }
}
