//! The organisation: facts that hold for many, and everybody who is in it.

use geographiclib_rs::{Geodesic, InverseGeodesic as _};
use rand::RngExt as _;

use crate::clock::{DAY, HOUR, MINUTE, date_of, weekday};
use crate::options::Options;
use crate::places::PLACES;
use crate::profile::Profile;
use crate::random::{Purpose, chance, hash, rng, share};

/// A standby that never works is none: it takes one run in twelve, so that everybody knows it before it
/// is needed.
pub(crate) const STANDBY_SHARE: f64 = 1.0 / 12.0;

/// Regions of the cloud and the city whose addresses they have.
pub(crate) const REGIONS: &[(&str, &str)] = &[
    ("us-east-1", "Ashburn"),
    ("eu-west-1", "Dublin"),
    ("ap-southeast-1", "Singapore"),
];

/// Tenant of every event.
pub(crate) const TENANT: &str = "acme";

/// The organisation's accounts at the cloud provider, its own first. AWS's own examples use these.
pub(crate) const ACCOUNTS: &[&str] = &[
    "111122223333",
    "444455556666",
    "777788889999",
    "123456789012",
    "210987654321",
];

/// Part of the system that fails for everybody for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Answers of the gateway are 503.
    Gateway,
    /// Second factors are not accepted.
    Mfa,
}

/// A failure shared by many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    pub what: Broken,
    pub from: i64,
    pub to: i64,
}

/// What one day is like for everybody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DayFacts {
    /// Monday is 0.
    pub weekday: u8,
    /// How much more than usual those do whose work follows the month.
    pub season: f64,
    /// Something broke and people are up at night.
    pub incident: bool,
    pub outage: Option<Outage>,
}

/// The simulated organisation.
pub(crate) struct World {
    pub options: Options,
    pub profiles: Vec<Profile>,
    pub scale: f64,
    /// First moment.
    pub from: i64,
    /// End, exclusive.
    pub to: i64,
    facts: Vec<DayFacts>,
    facts_from: i64,
    earth: Geodesic,
}

/// Days before and after the simulated ones whose facts are asked for: sessions begin earlier.
const MARGIN_DAYS: i64 = 16;

impl World {
    pub(crate) fn new(options: &Options) -> Self {
        let first = options.first_day();
        let end = first + i64::from(options.days);
        let facts_from = first - MARGIN_DAYS;
        let facts = (facts_from..end + MARGIN_DAYS)
            .map(|day| facts_of(options.seed, day))
            .collect();
        let profiles = (0..options.identities)
            .map(|index| Profile::new(options.seed, index, first, options.catalogue))
            .collect();
        Self {
            options: options.clone(),
            profiles,
            scale: options.scale(),
            from: first * DAY,
            to: end * DAY,
            facts,
            facts_from,
            earth: Geodesic::wgs84(),
        }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.options.seed
    }

    pub(crate) fn facts(&self, day: i64) -> DayFacts {
        let index = (day - self.facts_from).clamp(0, self.facts.len() as i64 - 1);
        self.facts[index as usize]
    }

    /// The outage of that sort at that moment.
    pub(crate) fn is_broken(&self, what: Broken, time: i64) -> bool {
        let outage = self.facts(time.div_euclid(DAY)).outage;
        outage.is_some_and(|it| it.what == what && (it.from..it.to).contains(&time))
    }

    /// Kilometres between two places.
    pub(crate) fn distance_km(&self, a: usize, b: usize) -> f64 {
        let (a, b) = (&PLACES[a], &PLACES[b]);
        let metres: f64 = self.earth.inverse(a.lat, a.lon, b.lat, b.lon);
        metres / 1000.0
    }

    /// When the release of a service brings its new endpoint: a working day, at ten o'clock UTC.
    pub(crate) fn release(&self, service: u64) -> i64 {
        let draw = hash([self.seed(), service, 11]);
        let day = self.options.first_day() + 4 + (draw % 21) as i64;
        let moved = if weekday(day) > 3 {
            7 - i64::from(weekday(day))
        } else {
            0
        };
        (day + moved) * DAY + 10 * HOUR
    }

    /// Whether a pair of regions runs on its second one: a few hours about every nine days.
    pub(crate) fn is_failed_over(&self, owner: u64, time: i64) -> bool {
        let day = time.div_euclid(DAY);
        let draw = hash([self.seed(), owner, day as u64, 12]);
        let begin = day * DAY + (share(hash([draw, 1])) * 18.0 * HOUR as f64) as i64;
        let length = HOUR + (share(hash([draw, 2])) * 5.0 * HOUR as f64) as i64;
        share(draw) < 0.11 && (begin..begin + length).contains(&time)
    }
}

fn facts_of(seed: u64, day: i64) -> DayFacts {
    let mut rng = rng(seed, 0, Purpose::Organisation, day);
    let date = date_of(day);
    let to_end = i64::from(date.days_in_month()) - i64::from(date.day());
    let season = match (to_end, date.day()) {
        (0..=1, _) => 1.8,
        (2, _) | (_, 1..=2) => 1.4,
        _ => 1.0,
    };
    let is_broken = chance(&mut rng, 0.12);
    let from = day * DAY + rng.random_range(6 * HOUR..18 * HOUR);
    let length = rng.random_range(12 * MINUTE..45 * MINUTE);
    let what = if chance(&mut rng, 0.7) {
        Broken::Gateway
    } else {
        Broken::Mfa
    };
    DayFacts {
        weekday: weekday(day),
        season,
        incident: chance(&mut rng, 0.08) || is_broken && chance(&mut rng, 0.3),
        outage: is_broken.then_some(Outage {
            what,
            from,
            to: from + length,
        }),
    }
}
