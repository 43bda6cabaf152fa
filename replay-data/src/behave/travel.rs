//! Business trips: by plane, at the speed of planes, with nothing done in the air.

use rand::RngExt as _;

use crate::clock::{DAY, HOUR, offset};
use crate::profile::{Person, Profile, place_index};
use crate::random::{Purpose, chance, pick, rng};
use crate::world::World;

/// Cruise and climb together; airliners cruise at 850 to 900 km/h.
const PLANE_KMH: f64 = 800.0;
/// To the airport, and from gate to gate what is not flight.
const BEFORE: i64 = 2 * HOUR;
/// From the gate to the first network.
const AFTER: i64 = HOUR;

const DESTINATIONS: &[&str] = &[
    "London",
    "Paris",
    "Berlin",
    "Madrid",
    "New York",
    "San Francisco",
    "Chicago",
    "Singapore",
    "Tokyo",
    "Oslo",
    "Stockholm",
    "Dubai",
    "Mumbai",
    "São Paulo",
    "Toronto",
    "Lagos",
];

/// A trip within one week.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trip {
    pub place: u8,
    /// Leaves home for the airport.
    pub leaves: i64,
    /// Is at the destination.
    pub arrives: i64,
    /// Leaves the destination.
    pub returns: i64,
    /// Is at home again.
    pub back: i64,
}

impl Trip {
    /// Whether a span of time is spent at home.
    pub(crate) fn is_home(&self, from: i64, to: i64) -> bool {
        to <= self.leaves || from >= self.back
    }

    /// Whether a span of time is spent at the destination.
    pub(crate) fn is_there(&self, from: i64, to: i64) -> bool {
        from >= self.arrives && to <= self.returns
    }
}

/// The week of a day; weeks begin on Monday.
pub(crate) fn week_of(day: i64) -> i64 {
    (day + 3).div_euclid(7)
}

/// The trip that a person makes in a week, if any.
pub(crate) fn trip(world: &World, who: &Profile, person: &Person, week: i64) -> Option<Trip> {
    if person.travels == 0.0 {
        return None;
    }
    let mut rng = rng(world.seed(), who.index.into(), Purpose::Trip, week);
    if !chance(&mut rng, person.travels) {
        return None;
    }
    let home = usize::from(person.home);
    let place = place_index(pick(&mut rng, DESTINATIONS));
    let there = usize::from(place);
    let km = world.distance_km(home, there);
    // Nearer, one takes the train and is back in the evening.
    if km < 300.0 {
        return None;
    }
    let flight = (km / PLANE_KMH * HOUR as f64) as i64;
    let day = week * 7 - 3 + rng.random_range(0..3_i64);
    let departs = day * DAY + rng.random_range(13 * HOUR..19 * HOUR) - offset(home, day);
    let arrives = departs + flight + AFTER;
    let nights = rng.random_range(1..3_i64);
    let last = arrives.div_euclid(DAY) + nights;
    let returns = last * DAY + rng.random_range(14 * HOUR..19 * HOUR) - offset(there, last);
    let leaves = departs - BEFORE;
    let left_there = returns - BEFORE;
    Some(Trip {
        place,
        leaves,
        arrives,
        returns: left_there,
        back: returns + flight + AFTER,
    })
}
