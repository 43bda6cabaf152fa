//! Where an identity has been: the places of the last day with their times, and the places and
//! devices it is used to.

use geographiclib_rs::{Geodesic, InverseGeodesic};
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;

use super::{day, hour};
use crate::event_id::EventId;
use crate::memory::grow_by_quarter;
use crate::names::{Name, Names, Space, stable_hash};
use crate::session::session_key;
use crate::setting::without_versions;
use crate::units::Km;

/// Places are compared with every other of this window, before and after.
pub(crate) const WINDOW_MS: i64 = 24 * 3_600_000;
/// Sightings of one place closer together than this are one.
const STAMP_EVERY_MS: i64 = 60_000;
const MOST_RECENT: usize = 8;
const MOST_HABITS: usize = 16;
const MOST_DEVICES: usize = 8;
/// A city without a stated accuracy: MaxMind gives radii of up to 200 km for most such addresses.
const CITY_RADIUS_KM: f64 = 250.0;
/// Coordinates without a city stand for the middle of a region or a country.
const REGION_RADIUS_KM: f64 = 1000.0;
/// Mean radius of the earth (IUGG).
const EARTH_KM: f64 = 6371.0;

/// A place as an event states it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) lat: f32,
    pub(crate) lon: f32,
    pub(crate) radius: f32,
    /// Stable hash of the rounded position and the network: what counts as the same place.
    pub(crate) cell: u32,
}

impl Place {
    /// The place of an event, where it states one.
    pub(crate) fn of(event: &Event<'_>) -> Option<Self> {
        let (lat, lon) = event.network.position()?;
        let radius = event
            .network
            .accuracy_km
            .filter(|km| km.is_finite() && *km > 0.0)
            .unwrap_or(if event.network.city.is_some() {
                CITY_RADIUS_KM
            } else {
                REGION_RADIUS_KM
            });
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
            cell: (mixed >> 32) as u32,
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
    fn distance_at_most(&self, other: &Self) -> f64 {
        let (a, b) = (self.point(), other.point());
        let square: f64 = (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum();
        square.sqrt() * EARTH_KM * std::f64::consts::FRAC_PI_2 * 1.01
    }
}

/// One use of a place.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    pub(crate) time: EventTime,
    pub(crate) event_id: EventId,
}

/// A place of the last day.
#[derive(Debug)]
pub(crate) struct Spot {
    pub(crate) place: Place,
    pub(crate) label: Name,
    pub(crate) ip: Box<str>,
    pub(crate) bearer: Bearer,
    /// Whether many people, or anybody, may leave from there.
    pub(crate) is_egress: bool,
    newest: Stamp,
    earlier: Option<Stamp>,
}

impl Spot {
    fn stamps(&self) -> impl Iterator<Item = &Stamp> {
        std::iter::once(&self.newest).chain(&self.earlier)
    }

    /// The use nearest in time, before or after.
    fn nearest(&self, time: EventTime) -> &Stamp {
        let apart = |stamp: &Stamp| time.since(stamp.time).unsigned_abs();
        match &self.earlier {
            Some(earlier) if apart(earlier) < apart(&self.newest) => earlier,
            _ => &self.newest,
        }
    }

    fn stamp(&mut self, time: EventTime, event_id: &str) {
        let is_near = |stamp: &Stamp| time.since(stamp.time).abs() < STAMP_EVERY_MS;
        if self.stamps().any(is_near) {
            return;
        }
        // Older than all that is kept: neither newer place nor nearer neighbour.
        if self
            .earlier
            .as_ref()
            .is_some_and(|earlier| time < earlier.time)
        {
            return;
        }
        let mut stamp = Stamp {
            time,
            event_id: EventId::new(event_id),
        };
        if time > self.newest.time {
            std::mem::swap(&mut stamp, &mut self.newest);
        }
        self.earlier = Some(stamp);
    }
}

/// A place or device the identity is used to.
#[derive(Clone, Copy, Debug)]
struct Habit {
    key: u32,
    weight: f32,
    last_hour: u32,
    /// Distinct days of use, up to 255.
    days: u8,
}

/// Who states a place: stable hashes, 0 where nothing is stated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bearer {
    pub(crate) device: u32,
    pub(crate) session: u32,
    pub(crate) credential: u32,
}

impl Bearer {
    /// The bearer of an event.
    pub(crate) fn of(event: &Event<'_>) -> Self {
        let credential = event.credential.id.as_deref();
        Self {
            device: device_of(event),
            session: session_key(event),
            credential: credential.map_or(0, |id| (stable_hash(id) >> 32) as u32 | 1),
        }
    }
}

/// The places of one identity.
#[derive(Debug, Default)]
pub(crate) struct Places {
    recent: Vec<Spot>,
    habits: Vec<Habit>,
    devices: Vec<Habit>,
    total: f32,
}

/// A place that cannot have been left in time.
#[derive(Debug)]
pub(crate) struct Conflict<'p> {
    pub(crate) spot: &'p Spot,
    pub(crate) stamp: &'p Stamp,
    pub(crate) distance: Km,
    /// What is left of the distance when both radii and the fastest travel are taken off.
    pub(crate) excess: Km,
}

impl Places {
    /// The recent place that is the hardest to reconcile with this one, if any cannot be.
    pub(crate) fn worst_conflict(
        &self,
        place: &Place,
        time: EventTime,
        max_speed_kmh: f64,
        skew_ms: i64,
    ) -> Option<Conflict<'_>> {
        let mut worst: Option<Conflict<'_>> = None;
        for spot in self
            .recent
            .iter()
            .filter(|spot| spot.place.cell != place.cell)
        {
            let stamp = spot.nearest(time);
            let apart_ms = time.since(stamp.time).abs();
            if apart_ms > WINDOW_MS {
                continue;
            }
            let reach = max_speed_kmh * (apart_ms + skew_ms) as f64 / 3_600_000.0
                + f64::from(place.radius)
                + f64::from(spot.place.radius);
            if place.distance_at_most(&spot.place) <= reach {
                continue;
            }
            let distance = place.distance(&spot.place);
            let excess = Km(distance.0 - reach);
            if excess.0 > 0.0 && worst.as_ref().is_none_or(|worst| excess.0 > worst.excess.0) {
                worst = Some(Conflict {
                    spot,
                    stamp,
                    distance,
                    excess,
                });
            }
        }
        worst
    }

    /// Whether the identity was here a moment before it was at the other place.
    pub(crate) fn was_here_before(
        &self,
        conflict: &Conflict<'_>,
        here: Option<Place>,
        time: EventTime,
        within_ms: i64,
    ) -> bool {
        let here =
            here.and_then(|here| self.recent.iter().find(|spot| spot.place.cell == here.cell));
        here.is_some_and(|here| {
            let before = here.newest.time < conflict.stamp.time;
            before && time.since(here.newest.time).abs() <= within_ms
        })
    }

    /// Days on which this place was used before `time`.
    pub(crate) fn days_at(&self, cell: u32, time: EventTime) -> u8 {
        days_before(&self.habits, cell, time)
    }

    /// Days on which this device was used before `time`.
    pub(crate) fn days_with(&self, device: u32, time: EventTime) -> u8 {
        days_before(&self.devices, device, time)
    }

    /// Decayed hours of use of all places, and how many there are.
    pub(crate) fn observations(&self, now_weight: f32) -> (f64, usize) {
        (f64::from(self.total / now_weight), self.habits.len())
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
        if self.recent.iter().any(|spot| spot.newest.time < oldest) {
            self.recent.retain(|spot| spot.newest.time >= oldest);
        }
        let known = |spot: &&mut Spot| spot.place.cell == place.cell;
        if let Some(spot) = self.recent.iter_mut().find(known) {
            spot.stamp(event.time, &event.id);
            (spot.bearer, spot.is_egress) = (bearer, is_egress);
            return;
        }
        if self.recent.len() >= MOST_RECENT {
            self.recent.remove(0);
        }
        self.recent.reserve_exact(1);
        self.recent.push(Spot {
            place: *place,
            label: names.intern(Space::Place, &label(event)).0,
            ip: event.network.ip.as_deref().unwrap_or_default().into(),
            bearer,
            is_egress,
            newest: Stamp {
                time: event.time,
                event_id: EventId::new(&event.id),
            },
            earlier: None,
        });
    }

    /// Learns that being here, with this device, is usual.
    pub(crate) fn learn(&mut self, cell: Option<u32>, device: u32, time: EventTime, weight: f32) {
        if let Some(cell) = cell
            && learn_habit(&mut self.habits, MOST_HABITS, cell, time, weight)
        {
            self.total += weight;
        }
        if device != 0 {
            learn_habit(&mut self.devices, MOST_DEVICES, device, time, weight);
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
            let places = self.habits.iter_mut().filter(|habit| habit.key == cell);
            let devices = self.devices.iter_mut().filter(|habit| habit.key == device);
            for habit in places.chain(devices) {
                // Today is one more, and does not count.
                habit.days = habit.days.max(days + 1);
            }
        }
    }

    pub(crate) fn scale(&mut self, factor: f32) {
        self.total *= factor;
        for habit in self.habits.iter_mut().chain(&mut self.devices) {
            habit.weight *= factor;
        }
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        self.recent.iter().for_each(|spot| mark(spot.label));
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let spots: usize = self
            .recent
            .iter()
            .map(|spot| {
                let ids = spot.stamps().map(|stamp| stamp.event_id.heap_bytes());
                ids.sum::<usize>() + spot.ip.len()
            })
            .sum();
        spots
            + self.recent.capacity() * size_of::<Spot>()
            + (self.habits.capacity() + self.devices.capacity()) * size_of::<Habit>()
    }
}

/// How a person calls the place of an event.
pub(crate) fn label(event: &Event<'_>) -> String {
    let network = &event.network;
    match (network.city.as_deref(), network.country.as_deref()) {
        (Some(city), Some(country)) => format!("{city}, {country}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => network.position().map_or_else(
            || "an unknown place".to_owned(),
            |(lat, lon)| format!("{lat:.1}, {lon:.1}"),
        ),
    }
}

/// The stable hash of what tells the device, 0 where nothing does.
fn device_of(event: &Event<'_>) -> u32 {
    let device = &event.device;
    let told = device
        .id
        .as_deref()
        .or(event.workload.host.as_deref())
        .or(device.tls_fingerprint.as_deref());
    match (told, device.user_agent.as_deref()) {
        (Some(told), _) => (stable_hash(told) >> 32) as u32 | 1,
        (None, Some(agent)) => without_versions(agent) | 1,
        (None, None) => 0,
    }
}

fn days_before(habits: &[Habit], key: u32, time: EventTime) -> u8 {
    habits
        .iter()
        .find(|habit| habit.key == key)
        .map_or(0, |habit| {
            // Today does not count: an attacker's first hour must not vouch for the second.
            let today = u32::from(day(time)) == habit.last_hour / 24;
            habit.days.saturating_sub(u8::from(today))
        })
}

/// Whether the hour was new.
fn learn_habit(
    habits: &mut Vec<Habit>,
    most: usize,
    key: u32,
    time: EventTime,
    weight: f32,
) -> bool {
    let this_hour = hour(time);
    if let Some(habit) = habits.iter_mut().find(|habit| habit.key == key) {
        if this_hour <= habit.last_hour {
            return false;
        }
        if this_hour / 24 > habit.last_hour / 24 {
            habit.days = habit.days.saturating_add(1);
        }
        habit.last_hour = this_hour;
        habit.weight += weight;
        return true;
    }
    let habit = Habit {
        key,
        weight,
        last_hour: this_hour,
        days: 1,
    };
    if habits.len() < most {
        grow_by_quarter(habits);
        habits.push(habit);
    } else if let Some(least) = habits
        .iter_mut()
        .min_by(|a, b| a.weight.total_cmp(&b.weight))
    {
        *least = habit;
    }
    true
}
