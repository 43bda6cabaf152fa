//! What a simulated world is made from.

use plumbline_schemas::time::EventTime;
use thiserror::Error;

use crate::clock::DAY;

/// 2026-03-02, a Monday.
pub const DEFAULT_START: EventTime = EventTime::from_millis(20_514 * DAY);
/// Mean number of events of an identity on one day where `rate` says nothing else. Measured over a
/// few hundred identities and four weeks; weekdays have more, weekends fewer.
pub const NATURAL_RATE: f64 = 50.0;

/// What a simulated world is made from. The same options always give the same world.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Every random draw comes from this.
    pub seed: u64,
    /// How many identities there are. More of them change nothing of what the others do, except for
    /// whom the attackers choose as victims in a very small organisation.
    pub identities: u32,
    /// How many days.
    pub days: u32,
    /// Midnight UTC of the first day; the time of day is cut off.
    pub start: EventTime,
    /// Mean number of events per identity and day; [`NATURAL_RATE`] where none is given.
    pub rate: Option<f64>,
    /// Whether attacks are planted, in the last three days.
    pub attacks: bool,
    /// The whole catalogue instead of a sample: half of the identities speak native events with all
    /// that those can carry, ordinary life has more of its oddities, and each row of the catalogue
    /// is planted in its variants, each with a benign twin.
    pub catalogue: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            identities: 100,
            days: 14,
            start: DEFAULT_START,
            rate: None,
            attacks: true,
            catalogue: false,
        }
    }
}

/// Options that make no world.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// Nobody to simulate.
    #[error("identities: 0 given, at least 1 is needed")]
    NoIdentities,
    /// No time to simulate.
    #[error("days: 0 given, at least 1 is needed")]
    NoDays,
    /// More than ten years.
    #[error("days: {0} given, at most 3660")]
    TooManyDays(u32),
    /// A rate that no organisation has.
    #[error("rate: expected a number over 0 and up to 100000")]
    BadRate,
    /// A time before 2000 or after 2200.
    #[error("start: expected a day from 2000 to 2200")]
    BadStart,
}

impl Options {
    /// Whether a world can be made of this.
    pub fn check(&self) -> Result<(), OptionsError> {
        // 2000-01-01 and 2200-01-01 in days since the epoch.
        let possible = 10_957..84_006;
        match self {
            Self { identities: 0, .. } => Err(OptionsError::NoIdentities),
            Self { days: 0, .. } => Err(OptionsError::NoDays),
            Self { days, .. } if *days > 3660 => Err(OptionsError::TooManyDays(*days)),
            Self {
                rate: Some(rate), ..
            } if !(*rate > 0.0 && *rate <= 100_000.0) => Err(OptionsError::BadRate),
            _ if !possible.contains(&self.first_day()) => Err(OptionsError::BadStart),
            _ => Ok(()),
        }
    }

    /// The first day, in days since the epoch.
    pub(crate) fn first_day(&self) -> i64 {
        self.start.as_millis().div_euclid(DAY)
    }

    /// How much more or less than usual everybody does.
    pub(crate) fn scale(&self) -> f64 {
        self.rate.map_or(1.0, |rate| rate / NATURAL_RATE)
    }
}
