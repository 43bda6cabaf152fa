//! One credential in two places by turns, too far apart for one hand: what tells regions of one network apart.

use std::net::IpAddr;

use plumbline_schemas::event::Event;

use super::places::{MOST_HABITS, Place, Places};
use super::spot::{Conflict, Spot};
use crate::units::Bits;
use plumbline_schemas::time::EventTime;

/// A use of a credential, and what would make another place of it no other place.
pub(crate) struct Turns<'t> {
    pub(crate) event: &'t Event<'t>,
    pub(crate) place: &'t Place,
    pub(crate) credential: u32,
    /// What tells the machine itself, 0 where nothing does.
    pub(crate) client: u32,
    /// Whether the place was used on an earlier day.
    pub(crate) is_usual: bool,
    /// Here, there, and here again within this time.
    pub(crate) within_ms: i64,
    pub(crate) max_speed_kmh: f64,
    pub(crate) skew_ms: i64,
}

impl Turns<'_> {
    /// Whether what was there may be what is here: the same machine, or an address whose location says nothing of
    /// the other's. Addresses of the two families are located apart, and one address by two databases.
    fn may_be_same(&self, there: &Spot, is_known: impl Fn(&str) -> bool) -> bool {
        let Some(here) = self.event.network.ip.as_deref() else {
            return true;
        };
        let Some(other) = there.address() else {
            return true;
        };
        let is_old = |address: &str| address.parse::<IpAddr>().map(|address| address.is_ipv4());
        let same_client = self.client != 0 && self.client == there.bearer.device;
        let new = if self.is_usual { &other } else { here };
        same_client || here == other || is_old(here) != is_old(&other) || is_known(new)
    }
}

impl Places {
    /// Where else the credential was used since it was here, and it is here again. Of the two places one was used
    /// on earlier days, and the other never.
    pub(crate) fn taken_in_turns(
        &self,
        turns: &Turns<'_>,
        is_known: impl Fn(&str) -> bool,
    ) -> Option<Conflict<'_>> {
        let (cell, now) = (turns.place.cell, turns.event.time);
        // One place of the last day, nearly always.
        let here = self.recent.iter().find(|spot| spot.place.cell == cell)?;
        let since = here.newest();
        let others = self.recent.iter().filter(|spot| {
            spot.bearer.credential == turns.credential
                && !spot.is_egress
                && turns.is_usual != (self.days_at(spot.place.cell, now) > 0)
        });
        let mut conflicts = others.filter_map(|spot| {
            let conflict = spot.conflict(turns.place, now, turns.max_speed_kmh, turns.skew_ms)?;
            let between = since < conflict.time && conflict.time < now;
            let at_once = now.since(since) <= turns.within_ms;
            (between && at_once && !turns.may_be_same(spot, &is_known)).then_some(conflict)
        });
        conflicts.next()
    }

    /// The surprise at a place never used: Good–Turing over days of use, as in `habits`, of places that were used
    /// on an earlier day.
    pub(crate) fn strange(&self, time: EventTime) -> Bits {
        let settled = || {
            let places = self.habits.iter().filter(|habit| !habit.is_device());
            places.filter(move |habit| self.days_at(habit.key(), time) > 0)
        };
        let days: u32 = settled().map(|habit| u32::from(habit.usage.days())).sum();
        let once = settled().filter(|habit| habit.usage.days() == 1).count() as u32;
        let once = match settled().count() {
            1 => 0,
            MOST_HABITS.. => once.max(days / 2),
            _ => once,
        };
        Bits::of_chance(((f64::from(once) + 0.5) / (f64::from(days) + 1.0)).min(1.0))
    }
}
