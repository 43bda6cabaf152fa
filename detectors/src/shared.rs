//! What many share, learnt from who uses it: a network such as a VPN or a carrier's gateway, and what the
//! peers of a group do.
//!
//! A network (a /24, or a /48 of IPv6, in one place) is an egress of a tenant as long as so many
//! established people of it have surfaced there on several days of the last two weeks, sooner after they
//! were elsewhere than anybody can travel. It stops being one when they leave. An office is none: its
//! people are where it is.

use hashbrown::HashMap;
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use crate::memory::push_exact;
use crate::profile::day;

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

/// Who uses what; never walked, so that no order of hashes shows.
#[derive(Debug, Default)]
pub(crate) struct Shared(HashMap<u64, ThinVec<(u64, u16)>, Xxh3DefaultBuilder>);

impl Shared {
    /// An established identity used it, as on earlier days.
    pub(crate) fn used(&mut self, what: u64, identity: u64, time: EventTime) {
        let today = day(time);
        if self.0.len() >= MOST_SHARED && !self.0.contains_key(&what) {
            return;
        }
        let users = self.0.entry(what).or_default();
        if let Some(user) = users.iter_mut().find(|(user, _)| *user == identity) {
            user.1 = user.1.max(today);
            return;
        }
        if users.len() < MOST_USERS {
            push_exact(users, (identity, today));
        } else if let Some(idle) = users.iter_mut().min_by_key(|(_, last)| *last) {
            *idle = (identity, today);
        }
    }

    /// Whether so many use it, beside this identity.
    pub(crate) fn is_shared(
        &self,
        what: u64,
        identity: u64,
        time: EventTime,
        least: usize,
    ) -> bool {
        let today = day(time);
        let uses = |(user, last): &&(u64, u16)| {
            *user != identity && today.saturating_sub(*last) <= LEFT_AFTER_DAYS
        };
        let users = self.0.get(&what);
        users.is_some_and(|users| users.iter().filter(uses).count() >= least)
    }

    pub(crate) fn bytes(&self) -> usize {
        let users = self.0.values().map(crate::memory::thin_bytes);
        self.0.allocation_size() + users.sum::<usize>()
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
            assert!(!egresses.is_shared(7, 99, day(0), many));
            egresses.used(7, identity, day(0));
        }
        assert!(egresses.is_shared(7, 99, day(10), many));
        assert!(
            !egresses.is_shared(7, 0, day(10), many),
            "one's own use does not count"
        );
        assert!(!egresses.is_shared(8, 99, day(10), many));
        assert!(!egresses.is_shared(7, 99, day(15), many));
    }
}
