//! Where an identity has been: the places of the last day with their times, and the places and
//! devices it is used to.

use std::fmt::Write;

use geographiclib_rs::{Geodesic, InverseGeodesic};
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;

use super::habits::Trait;
use super::spot::{Conflict, Spot, WINDOW_MS};
use super::{day, hour};
use crate::decay::Hours;
use crate::geography::country_radius_km;
use crate::memory::{append_exact, replace, retain_exact, warm};
use crate::names::{Name, Names, Space};
use crate::session::session_key;
use crate::setting::{Setting, key};
use crate::state::codec::stored;
use crate::units::Km;

const MOST_RECENT: usize = 8;
pub(super) const MOST_HABITS: usize = 16;
/// Each source of the log has its own name for the same laptop.
const MOST_DEVICES: usize = 16;
/// A city without a stated accuracy: MaxMind gives radii of up to 200 km for most such addresses.
const CITY_RADIUS_KM: f64 = 250.0;
/// A stated accuracy up to this is that of a place, with or without the name of a city.
const PLACE_RADIUS_KM: f64 = 100.0;
/// Mean radius of the earth (IUGG).
const EARTH_KM: f64 = 6371.0;

/// A place as an event states it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) lat: f32,
    pub(crate) lon: f32,
    pub(crate) radius: f32,
    /// Stable hash of the rounded position and the network: what counts as the same place. Always even.
    pub(crate) cell: u32,
}
stored!(Place {
    lat,
    lon,
    radius,
    cell
});

impl Place {
    /// The place of an event, where it states one.
    pub(crate) fn of(event: &Event<'_>) -> Option<Self> {
        let (lat, lon) = event.network.position()?;
        let network = &event.network;
        let stated = network.accuracy_km;
        let stated = stated.filter(|km| km.is_finite() && *km > 0.0);
        let radius = match (stated, network.city.is_some()) {
            (None, true) => CITY_RADIUS_KM,
            (Some(km), true) => km,
            (Some(km), false) if km <= PLACE_RADIUS_KM => km,
            // Without a city it is the middle of a country.
            (_, false) => country_radius_km(network.country.as_deref()).max(stated.unwrap_or(0.0)),
        };
        // A tenth of a degree is 11 km at most: closer than any geolocation is exact.
        let grid = |degrees: f64| (degrees * 10.0).round() as i64 as u64;
        let asn = event.network.asn.unwrap_or(0);
        let mixed = grid(lat)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(31)
            .wrapping_add(grid(lon))
            .wrapping_mul(0xD6E8_FEB8_6659_FD93)
            .rotate_left(29)
            .wrapping_add(asn)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Some(Self {
            lat: lat as f32,
            lon: lon as f32,
            radius: radius as f32,
            cell: (mixed >> 32) as u32 & !IS_DEVICE,
        })
    }

    fn point(&self) -> [f64; 3] {
        let (lat, lon) = (
            f64::from(self.lat).to_radians(),
            f64::from(self.lon).to_radians(),
        );
        [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
    }

    /// The distance on the WGS 84 ellipsoid (Karney 2013, "Algorithms for geodesics").
    pub(crate) fn distance(&self, other: &Self) -> Km {
        let metres: f64 = Geodesic::wgs84().inverse(
            f64::from(self.lat),
            f64::from(self.lon),
            f64::from(other.lat),
            f64::from(other.lon),
        );
        Km(metres / 1000.0)
    }

    /// Never less than [`Place::distance`], for a hundredth of its cost: an arc is at most π/2 times
    /// its chord, and the ellipsoid within a hundredth of the sphere.
    pub(super) fn distance_at_most(&self, other: &Self) -> f64 {
        let (a, b) = (self.point(), other.point());
        let square: f64 = (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum();
        square.sqrt() * EARTH_KM * std::f64::consts::FRAC_PI_2 * 1.01
    }
}

/// A place or device the identity is used to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit {
    /// The cell of a place, or the odd hash of a device.
    key: [u8; 4],
    weight: Hours,
    pub(super) usage: Usage,
}
stored!(Habit { key, weight, usage });

/// What tells the key of a device from that of a place.
const IS_DEVICE: u32 = 1;

impl Habit {
    pub(super) fn is_device(&self) -> bool {
        self.key() & IS_DEVICE != 0
    }

    pub(super) fn key(&self) -> u32 {
        u32::from_le_bytes(self.key)
    }
}

/// When something was used, in 32 bits: the last hour in 24, which last until 3883, and the distinct
/// days, up to 255, in 8.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage([u8; 4]);
stored!(Usage(..));

impl Usage {
    fn new(last_hour: u32, days: u8) -> Self {
        Self((last_hour.min(0xFF_FFFF) << 8 | u32::from(days)).to_le_bytes())
    }

    fn last_hour(self) -> u32 {
        u32::from_le_bytes(self.0) >> 8
    }

    pub(super) fn days(self) -> u8 {
        self.0[0]
    }
}

/// Who states a place: stable hashes, odd, 0 where nothing is stated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bearer {
    pub(crate) device: u32,
    pub(crate) session: u32,
    pub(crate) credential: u32,
}
stored!(Bearer {
    device,
    session,
    credential
});

impl Bearer {
    /// The bearer of an event.
    pub(crate) fn of(event: &Event<'_>) -> Self {
        Self::in_setting(event, &Setting::of(event, false))
    }

    /// The bearer of an event that states this setting.
    pub(crate) fn in_setting(event: &Event<'_>, setting: &Setting) -> Self {
        Self {
            device: device_of(setting),
            session: session_key(event),
            credential: credential_key(event),
        }
    }
}

/// The places of one identity.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(super) recent: Box<[Spot]>,
    /// Of places and of devices.
    pub(super) habits: Box<[Habit]>,
    /// Hours of use of all places.
    total: f32,
}
stored!(Places {
    recent,
    habits,
    total
});

impl Places {
    /// The recent place, of those that may be meant, that is the hardest to reconcile with this one, if any cannot be. Where a network
    /// surfaces that many use says less than any other place; the same address has not moved, the database has.
    pub(crate) fn worst_conflict(
        &self,
        event: &Event<'_>,
        place: &Place,
        max_speed_kmh: f64,
        skew_ms: i64,
        with: impl Fn(&Spot) -> bool,
    ) -> Option<Conflict<'_>> {
        let ip = event.network.ip.as_deref();
        let mut worst: Option<Conflict<'_>> = None;
        for spot in &self.recent {
            let conflict = spot.conflict(place, event.time, max_speed_kmh, skew_ms);
            let counts = || with(spot) && (ip.is_none() || spot.address().as_deref() != ip);
            let Some(conflict) = conflict.filter(|_| counts()) else {
                continue;
            };
            let rank = |conflict: &Conflict<'_>| (!conflict.spot.is_egress, conflict.excess.0);
            if worst
                .as_ref()
                .is_none_or(|worst| rank(&conflict) > rank(worst))
            {
                worst = Some(conflict);
            }
        }
        worst
    }

    /// Whether the identity was here a moment before it was at the other place.
    pub(crate) fn was_here_before(
        &self,
        conflict: &Conflict<'_>,
        here: &Place,
        time: EventTime,
        within_ms: i64,
    ) -> bool {
        let here = self.recent.iter().find(|spot| spot.place.cell == here.cell);
        here.is_some_and(|here| {
            let before = here.newest() < conflict.time;
            before && time.since(here.newest()).abs() <= within_ms
        })
    }

    /// Whether the identity has been here since it was at the other place.
    pub(crate) fn is_here_again(&self, conflict: &Conflict<'_>, here: &Place) -> bool {
        let here = self.recent.iter().find(|spot| spot.place.cell == here.cell);
        here.is_some_and(|here| here.newest() > conflict.time)
    }

    /// Whether the identity was lately somewhere that it is used to, and cannot have come here since: it has
    /// only surfaced here. Where a thief was does not count, nor that somebody is at home again who had left
    /// through an egress.
    pub(crate) fn surfaces_at(&self, place: &Place, time: EventTime, max_speed_kmh: f64) -> bool {
        self.recent.iter().any(|spot| {
            !spot.is_egress
                && self.days_at(spot.place.cell, time) >= 2
                && spot.conflict(place, time, max_speed_kmh, 0).is_some()
        })
    }

    /// Days on which this place was used before `time`.
    pub(crate) fn days_at(&self, cell: u32, time: EventTime) -> u8 {
        days_before(&self.habits, cell, time)
    }

    /// Days on which this device was used before `time`.
    pub(crate) fn days_with(&self, device: u32, time: EventTime) -> u8 {
        days_before(&self.habits, device, time)
    }

    /// Decayed hours of use of all places, and how many there are.
    pub(crate) fn observations(&self, now_weight: f32) -> (f64, usize) {
        let places = self.habits.iter().filter(|habit| !habit.is_device());
        (f64::from(self.total / now_weight), places.count())
    }

    /// Remembers that the identity is here now, whether that is usual or not.
    pub(crate) fn sight(
        &mut self,
        event: &Event<'_>,
        place: &Place,
        bearer: Bearer,
        is_egress: bool,
        names: &mut Names,
    ) {
        let oldest = event.time.plus_millis(-WINDOW_MS);
        // Nothing to drop, nearly always.
        if self.recent.iter().any(|spot| spot.newest() < oldest) {
            retain_exact(&mut self.recent, |spot| spot.newest() >= oldest);
        }
        let known = |spot: &&mut Spot| spot.place.cell == place.cell;
        if let Some(spot) = self.recent.iter_mut().find(known) {
            spot.stamp(event.time, &event.id);
            (spot.bearer, spot.is_egress) = (bearer, is_egress);
            return;
        }
        let label = names.compose(Space::Place, |text| write_label(event, text));
        let spot = Spot::new(event, place, label, bearer, is_egress);
        if self.recent.len() >= MOST_RECENT {
            let spots = self.recent.iter().enumerate();
            let unused = spots.min_by_key(|(_, spot)| spot.newest());
            let unused = unused.map_or(0, |(at, _)| at);
            replace(&mut self.recent, unused, spot);
        } else {
            append_exact(&mut self.recent, spot);
        }
    }

    /// Learns that being here, with this device, is usual.
    pub(crate) fn learn(&mut self, cell: Option<u32>, device: u32, time: EventTime, weight: f32) {
        if let Some(cell) = cell
            && learn_habit(&mut self.habits, MOST_HABITS, cell, time, weight)
        {
            self.total += weight;
        }
        if device != 0 {
            learn_habit(&mut self.habits, MOST_DEVICES, device, time, weight);
        }
    }

    /// Somebody says that where this session was, and with what, was right: as good as used on so many
    /// earlier days.
    pub(crate) fn vouch(&mut self, session: u32, days: u8, time: EventTime, weight: f32) {
        let was = |spot: &&Spot| spot.bearer.session == session;
        let spots: Vec<(u32, u32)> = self
            .recent
            .iter()
            .filter(was)
            .map(|spot| (spot.place.cell, spot.bearer.device))
            .collect();
        for (cell, device) in spots {
            self.learn(Some(cell), device, time, weight);
            let vouched = |habit: &&mut Habit| [cell, device].contains(&habit.key());
            for habit in self.habits.iter_mut().filter(vouched) {
                // Today is one more, and does not count.
                let days = habit.usage.days().max(days + 1);
                habit.usage = Usage::new(habit.usage.last_hour(), days);
            }
        }
    }

    pub(crate) fn scale(&mut self, factor: f32) {
        self.total *= factor;
        for habit in &mut self.habits {
            habit.weight.scale(factor);
        }
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        self.recent.iter().for_each(|spot| mark(spot.label));
    }

    pub(crate) fn warm(&self) -> u32 {
        let habits = warm(&self.habits, Habit::key);
        habits ^ warm(&self.recent, |spot| spot.place.cell)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let texts = self.recent.iter().map(Spot::heap_bytes);
        texts.sum::<usize>() + size_of_val(&*self.recent) + size_of_val(&*self.habits)
    }
}

/// How a person calls the place of an event.
pub(crate) fn label(event: &Event<'_>) -> String {
    let mut text = String::new();
    write_label(event, &mut text);
    text
}

fn write_label(event: &Event<'_>, text: &mut String) {
    let network = &event.network;
    // Writing to a text cannot fail.
    let _ = match (network.city.as_deref(), network.country.as_deref()) {
        (Some(city), Some(country)) => write!(text, "{city}, {country}"),
        (Some(only), None) | (None, Some(only)) => text.write_str(only),
        (None, None) => match network.position() {
            Some((lat, lon)) => write!(text, "{lat:.1}, {lon:.1}"),
            None => text.write_str("an unknown place"),
        },
    };
}

/// What tells the device, 0 where nothing does.
fn device_of(setting: &Setting) -> u32 {
    let telling = [Trait::Device, Trait::Host, Trait::Fingerprint, Trait::Agent];
    let told = telling.iter().map(|what| setting.get(*what));
    told.into_iter().find(|key| *key != 0).unwrap_or(0)
}

/// The stable hash of the credential, 0 where none is stated.
pub(crate) fn credential_key(event: &Event<'_>) -> u32 {
    event.credential.id.as_deref().map_or(0, key)
}

fn days_before(habits: &[Habit], key: u32, time: EventTime) -> u8 {
    habits
        .iter()
        .find(|habit| habit.key() == key)
        .map_or(0, |habit| {
            // Today does not count: an attacker's first hour must not vouch for the second.
            let today = u32::from(day(time)) == habit.usage.last_hour() / 24;
            habit.usage.days().saturating_sub(u8::from(today))
        })
}

/// Whether the hour was new.
fn learn_habit(
    habits: &mut Box<[Habit]>,
    most: usize,
    key: u32,
    time: EventTime,
    weight: f32,
) -> bool {
    let this_hour = hour(time);
    if let Some(habit) = habits.iter_mut().find(|habit| habit.key() == key) {
        let (last_hour, days) = (habit.usage.last_hour(), habit.usage.days());
        if this_hour <= last_hour {
            return false;
        }
        let new_day = this_hour / 24 > last_hour / 24;
        habit.usage = Usage::new(this_hour, days.saturating_add(u8::from(new_day)));
        habit.weight.add(weight);
        return true;
    }
    let habit = Habit {
        key: key.to_le_bytes(),
        weight: Hours::new(weight),
        usage: Usage::new(this_hour, 1),
    };
    let is_alike = |other: &&mut Habit| other.is_device() == habit.is_device();
    if habits.iter_mut().filter(is_alike).count() < most {
        append_exact(habits, habit);
    } else if let Some(idlest) = habits.iter_mut().filter(is_alike).min_by(|a, b| {
        // What is new has little weight, and is not to make room for what comes next.
        let since = a.usage.last_hour().cmp(&b.usage.last_hour());
        since.then(a.weight.get().total_cmp(&b.weight.get()))
    }) {
        *idlest = habit;
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_packed_usage_comes_back_as_it_was(last_hour in 0_u32..1 << 24, days: u8) {
            let usage = Usage::new(last_hour, days);
            prop_assert_eq!((usage.last_hour(), usage.days()), (last_hour, days));
        }
    }

    #[test]
    fn a_habit_takes_ten_bytes() {
        assert_eq!(size_of::<Habit>(), 10);
    }
}
