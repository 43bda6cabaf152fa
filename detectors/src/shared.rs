//! What many share, learnt from who uses it: a network such as a VPN or a carrier's gateway, what the peers of a
//! group do, and where a tenant's machines are (a network in a country, by those that were there on two earlier days).
//!
//! A network (a /24, or a /48 of IPv6, in one place) is an egress of a tenant as long as so many
//! established people of it have surfaced there on several days of the last two weeks, sooner after they
//! were elsewhere than anybody can travel. It stops being one when they leave. An office is none: its
//! people are where it is.
//!
//! What is new of it is told to the other partitions of the log. So that this stays rare, of somebody known nothing is
//! new for some days, and of what enough are known to use nothing at all.

use hashbrown::HashMap;
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use crate::memory::{push_exact, thin_bytes};
use crate::profile::day;
use crate::state::codec::stored;

/// So many share a network,
pub(crate) const NETWORK_USERS: usize = 8;
/// and so many peers make something usual in their group.
pub(crate) const PEERS: usize = 3;
/// More things than these are not watched.
const MOST_SHARED: usize = 262_144;
/// Users beyond this are not told apart.
const MOST_USERS: usize = 24;
/// Who has not used it for so many days has left.
const LEFT_AFTER_DAYS: u16 = 14;
/// For so many days it is not noted anew that somebody uses it.
const KNOWN_FOR_DAYS: u16 = 4;
/// So many of the last days are enough for now: more than anybody asks for, and longer than it takes to note them anew.
const ENOUGH: usize = NETWORK_USERS + 4;
const ENOUGH_DAYS: u16 = LEFT_AFTER_DAYS / 2;

/// Who uses what; never walked, so that no order of hashes shows.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    users: HashMap<u64, Watched, Xxh3DefaultBuilder>,
    changed: Vec<u64>,
}

/// Bytes and records of a call.
pub(crate) type Amounts = [u64; 2];

/// Who uses one thing, and on which day last.
#[derive(Debug, Default)]
pub(crate) struct Users {
    days: ThinVec<(u64, u16)>,
    /// The most that one call took.
    largest: Amounts,
}
stored!(Users { days, largest: since 2 });

/// What an event says that it took.
pub(crate) fn amounts(event: &Event<'_>) -> Amounts {
    [event.action.bytes_out, event.action.records].map(Option::unwrap_or_default)
}

#[derive(Debug, Default)]
struct Watched {
    users: Users,
    is_changed: bool,
}

impl Shared {
    /// An established identity used it, as on earlier days, and took so much; whether that is news.
    pub(crate) fn used(
        &mut self,
        what: u64,
        identity: u64,
        amounts: Amounts,
        time: EventTime,
    ) -> bool {
        let today = day(time);
        if self.users.len() >= MOST_SHARED && !self.users.contains_key(&what) {
            return false;
        }
        let watched = self.users.entry(what).or_default();
        let users = &mut watched.users;
        let is_news = users.took(amounts) | users.used(identity, today);
        if is_news && !std::mem::replace(&mut watched.is_changed, true) {
            self.changed.push(what);
        }
        is_news
    }

    /// Whether so many use it, beside this identity; the most that a call took if they do.
    pub(crate) fn shared(
        &self,
        what: u64,
        identity: u64,
        time: EventTime,
        least: usize,
    ) -> Option<Amounts> {
        let today = day(time);
        let uses = |(user, last): &&(u64, u16)| {
            *user != identity && today.saturating_sub(*last) <= LEFT_AFTER_DAYS
        };
        let users = &self.users.get(&what)?.users;
        let is_shared = users.days.iter().filter(uses).count() >= least;
        is_shared.then_some(users.largest)
    }

    /// What has changed since it was last asked: what is used, and by whom.
    pub(crate) fn take_changed(&mut self) -> impl Iterator<Item = (u64, &Users)> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        for what in &changed {
            if let Some(users) = self.users.get_mut(what) {
                users.is_changed = false;
            }
        }
        let users = &self.users;
        changed
            .into_iter()
            .filter_map(|what| Some((what, &users.get(&what)?.users)))
    }

    /// As if nothing of it had ever been asked for.
    pub(crate) fn mark_all(&mut self) {
        self.changed = self.users.keys().copied().collect();
        self.users
            .values_mut()
            .for_each(|users| users.is_changed = true);
    }

    /// Takes back what was written.
    pub(crate) fn restore(&mut self, what: u64, users: Users) {
        let is_changed = false;
        self.users.insert(what, Watched { users, is_changed });
    }

    /// Without the list of what is to be written down, which depends on when that was done last.
    pub(crate) fn bytes(&self) -> usize {
        let users = self.users.values();
        self.users.allocation_size()
            + users
                .map(|watched| thin_bytes(&watched.users.days))
                .sum::<usize>()
    }
}

impl Users {
    /// One of them took so much; whether that is much more than is known.
    fn took(&mut self, amounts: Amounts) -> bool {
        let mut is_news = false;
        for (largest, amount) in self.largest.iter_mut().zip(amounts) {
            if amount > largest.saturating_mul(2) {
                (*largest, is_news) = (amount, true);
            }
        }
        is_news
    }

    /// One of them used it; whether that says anything new.
    fn used(&mut self, identity: u64, today: u16) -> bool {
        let is_recent = |(_, last): &&(u64, u16)| today.saturating_sub(*last) < ENOUGH_DAYS;
        let recent = self.days.iter().filter(is_recent).count();
        if let Some((_, last)) = self.days.iter_mut().find(|(user, _)| *user == identity) {
            let is_news = recent < ENOUGH && today >= last.saturating_add(KNOWN_FOR_DAYS);
            *last = if is_news { today } else { *last };
            return is_news;
        }
        if recent >= ENOUGH {
            return false;
        }
        if self.days.len() < MOST_USERS {
            push_exact(&mut self.days, (identity, today));
        } else if let Some(idle) = self.days.iter_mut().min_by_key(|(_, last)| *last) {
            *idle = (identity, today);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_make_an_egress_and_it_ends_when_they_leave() {
        let day =
            |days: i64| EventTime::from_millis(1_790_000_000_000).plus_millis(days * 86_400_000);
        let mut egresses = Shared::default();
        let many = NETWORK_USERS;
        for identity in 0..many as u64 {
            assert!(egresses.shared(7, 99, day(0), many).is_none());
            egresses.used(7, identity, [0; 2], day(0));
        }
        assert!(egresses.shared(7, 99, day(10), many).is_some());
        assert!(
            egresses.shared(7, 0, day(10), many).is_none(),
            "one's own use does not count"
        );
        assert!(egresses.shared(8, 99, day(10), many).is_none());
        assert!(egresses.shared(7, 99, day(15), many).is_none());
    }
}
