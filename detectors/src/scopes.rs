//! What an identity is granted, and what of it is used: the two are kept apart, because the
//! difference is what somebody wants to see before granting more.
//!
//! Most identities state no scope. They pay one pointer in [`Facts`](crate::facts::Facts).

use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use crate::memory::{push_exact, thin_bytes};
use crate::names::{Name, Names, Space};
use crate::state::codec::stored;

/// Above what one token may carry: a list that loses scopes at every call calls them new at the next.
const MOST_SCOPES: usize = 128;
const MOST_GROUPS: usize = 16;
const MINUTE_MS: i64 = 60_000;

/// A minute of event time, until the year 9999. 0 is never: no event is older than the year 2000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Minute(u32);
stored!(Minute(..));

impl Minute {
    fn of(time: EventTime) -> Self {
        let minutes = time.as_millis().div_euclid(MINUTE_MS);
        Self(minutes.clamp(1, i64::from(u32::MAX)) as u32)
    }

    /// The beginning of the minute, unless it is never.
    pub(crate) fn time(self) -> Option<EventTime> {
        (self.0 != 0).then(|| EventTime::from_millis(i64::from(self.0) * MINUTE_MS))
    }
}

/// A scope that was granted or used.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) name: Name,
    /// When a credential last stated it.
    pub(crate) granted: Minute,
    /// When an action last used it.
    pub(crate) used: Minute,
}
stored!(Held {
    name,
    granted,
    used
});

impl Held {
    fn last(&self) -> Minute {
        self.granted.max(self.used)
    }
}

/// The scopes of one identity, and whom it may be compared with.
#[derive(Debug, Default)]
pub(crate) struct Scopes {
    pub(crate) held: ThinVec<Held>,
    /// Peer groups, as last stated.
    pub(crate) groups: ThinVec<Name>,
    /// Whether there were more than are kept: the report says so.
    pub(crate) is_cut: bool,
}
stored!(Scopes {
    held,
    groups,
    is_cut
});

impl Scopes {
    /// Learns from an event that succeeded and is not suspect.
    pub(crate) fn learn(&mut self, event: &Event<'_>, names: &mut Names) {
        let now = Minute::of(event.time);
        for scope in &event.credential.scopes {
            let held = self.entry(names.intern(Space::Scope, scope).0);
            held.granted = held.granted.max(now);
        }
        for scope in &event.action.scopes {
            let held = self.entry(names.intern(Space::Scope, scope).0);
            held.used = held.used.max(now);
        }
        self.join(event, names);
    }

    /// Replaces the groups by those stated. Saying none takes none back: many sources never do.
    fn join(&mut self, event: &Event<'_>, names: &mut Names) {
        let stated = &event.identity.groups;
        let stated = &stated[..stated.len().min(MOST_GROUPS)];
        let same = stated.len() == self.groups.len()
            && stated
                .iter()
                .zip(&self.groups)
                .all(|(group, known)| names.text(*known) == &**group);
        if stated.is_empty() || same {
            return;
        }
        self.groups = ThinVec::with_capacity(stated.len());
        for group in stated {
            self.groups.push(names.intern(Space::Group, group).0);
        }
    }

    fn entry(&mut self, name: Name) -> &mut Held {
        let at = match self.held.iter().position(|held| held.name == name) {
            Some(at) => at,
            None => {
                self.make_room();
                let (granted, used) = (Minute::default(), Minute::default());
                push_exact(
                    &mut self.held,
                    Held {
                        name,
                        granted,
                        used,
                    },
                );
                self.held.len() - 1
            }
        };
        &mut self.held[at]
    }

    fn make_room(&mut self) {
        if self.held.len() < MOST_SCOPES {
            return;
        }
        if let Some(idle) = (0..self.held.len()).min_by_key(|at| self.held[*at].last()) {
            self.held.remove(idle);
            self.is_cut = true;
        }
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        self.held.iter().for_each(|held| mark(held.name));
        self.groups.iter().for_each(|group| mark(*group));
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + thin_bytes(&self.held) + thin_bytes(&self.groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: EventTime = EventTime::from_millis(1_700_000_000_000);

    fn learn(scopes: &mut Scopes, names: &mut Names, minute: i64, granted: &[String]) {
        const CALL: &[u8] = br#"{"id":"-","time":"2026-11-02T00:00:00Z","kind":"api",
            "identity":{"id":"svc"},"action":{"name":"read"}}"#;
        let mut event = Event::parse(CALL).expect("a valid event");
        event.time = START.plus_millis(minute * MINUTE_MS);
        event.credential.scopes = granted.iter().map(|scope| scope.clone().into()).collect();
        scopes.learn(&event, names);
    }

    #[test]
    fn a_scope_takes_twelve_bytes_and_its_absence_one_pointer() {
        assert_eq!(size_of::<Held>(), 12);
        assert_eq!(size_of::<Option<Box<Scopes>>>(), size_of::<usize>());
    }

    #[test]
    fn the_scope_that_rested_longest_makes_room_and_that_is_remembered() {
        let (mut scopes, mut names) = (Scopes::default(), Names::default());
        for number in 0..MOST_SCOPES as i64 {
            learn(&mut scopes, &mut names, number, &[format!("s{number}")]);
        }
        assert!(!scopes.is_cut);
        learn(&mut scopes, &mut names, 1_000, &["new".to_owned()]);
        assert!(scopes.is_cut);
        assert_eq!(scopes.held.len(), MOST_SCOPES);
        let oldest = names.intern(Space::Scope, "s0").0;
        assert!(scopes.held.iter().all(|held| held.name != oldest));
    }

    #[test]
    fn a_late_arrival_does_not_make_a_grant_older() {
        let (mut scopes, mut names) = (Scopes::default(), Names::default());
        for minute in [5, 2] {
            learn(&mut scopes, &mut names, minute, &["a".to_owned()]);
        }
        let granted = scopes.held[0].granted.time();
        let expected = Minute::of(START.plus_millis(5 * MINUTE_MS));
        assert_eq!(granted, expected.time());
    }
}
