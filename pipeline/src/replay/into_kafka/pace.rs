//! How fast a log is written: as fast as it goes, or so many times as fast as it happened.
//!
//! When an event is due is counted from the first one, and never from the one before it: what is lost by waiting a
//! little too long for one is made up for by the next.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plumbline_schemas::time::EventTime;
use serde::de::{self, Deserialize, Deserializer};

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Speed {
    /// As fast as it can be read and written.
    #[default]
    Max,
    /// A multiple of real time.
    Times(f64),
}

impl Speed {
    /// Reads `max` or a number.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let times = text.parse().map_err(|_| unknown(text))?;
        Self::times(times)
    }

    /// Not slower than real time: a service that hears nothing of a partition lets time go on there as fast as it does
    /// on the wall, and the events would come behind it.
    fn times(times: f64) -> Result<Self, String> {
        match times.is_finite() && times >= 1.0 {
            true => Ok(Self::Times(times)),
            false => Err(unknown(&times.to_string())),
        }
    }
}

fn unknown(text: &str) -> String {
    format!(
        "`{text}` is no speed; write max, or how many times as fast as the events happened, 1 or more, such as 60"
    )
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Times(times) => write!(f, "{times}"),
        }
    }
}

impl<'de> Deserialize<'de> for Speed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged, expecting = "write \"max\", or a number, 1 or more")]
        enum Given<'d> {
            Number(f64),
            #[serde(borrow)]
            Text(Cow<'d, str>),
        }
        let speed = match Given::deserialize(deserializer)? {
            Given::Number(times) => Self::times(times),
            Given::Text(text) => Self::parse(&text),
        };
        speed.map_err(de::Error::custom)
    }
}

/// When what is due.
#[derive(Debug)]
pub(super) struct Pace {
    speed: Speed,
    first: Option<EventTime>,
}

impl Pace {
    pub(super) fn new(speed: Speed) -> Self {
        Self { speed, first: None }
    }

    /// How long after the first event one of this time is due. What happened before the first is due at once.
    pub(super) fn due(&mut self, time: EventTime) -> Duration {
        let first = *self.first.get_or_insert(time);
        let Speed::Times(times) = self.speed else {
            return Duration::ZERO;
        };
        let millis = u64::try_from(time.since(first)).unwrap_or(0);
        Duration::from_millis(millis).div_f64(times)
    }

    /// The event time that has come so long after the first event.
    pub(super) fn now(&self, elapsed: Duration) -> Option<EventTime> {
        let (first, Speed::Times(times)) = (self.first?, self.speed) else {
            return None;
        };
        Some(first.plus_millis((elapsed.as_millis() as f64 * times) as i64))
    }
}

/// So long is rested at a time: as long as it may take to notice that no more is wanted.
const LOOK: Duration = Duration::from_millis(20);
/// Clients rest for whole milliseconds.
const SHORTEST: Duration = Duration::from_millis(1);

/// Rests until so much time has elapsed; false if it is to stop before.
pub(super) fn wait_until<E>(
    due: Duration,
    stop: &AtomicBool,
    elapsed: impl Fn() -> Duration,
    mut rest: impl FnMut(Duration) -> Result<(), E>,
) -> Result<bool, E> {
    while !stop.load(Ordering::Relaxed) {
        let left = due.saturating_sub(elapsed());
        if left.is_zero() {
            return Ok(true);
        }
        rest(left.clamp(SHORTEST, LOOK))?;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    const FIRST: EventTime = EventTime::from_millis(1_772_409_600_000);

    fn pace(speed: Speed) -> Pace {
        let mut pace = Pace::new(speed);
        assert_eq!(pace.due(FIRST), Duration::ZERO);
        pace
    }

    /// Writes events of these times, in milliseconds after the first, with a clock that rests always a little longer
    /// than it is asked to. Says when each is written.
    fn written(speed: Speed, times: &[i64], too_long: Duration) -> Vec<Duration> {
        let clock = Cell::new(Duration::ZERO);
        let mut pace = Pace::new(speed);
        let stop = AtomicBool::new(false);
        let times = times.iter().map(|millis| {
            let due = pace.due(FIRST.plus_millis(*millis));
            let waited = wait_until(
                due,
                &stop,
                || clock.get(),
                |most| {
                    clock.set(clock.get() + most + too_long);
                    Ok::<_, Infallible>(())
                },
            );
            assert_eq!(waited, Ok(true));
            clock.get()
        });
        times.collect()
    }

    #[test]
    fn an_hour_takes_a_second_at_3600() {
        let mut pace = pace(Speed::Times(3600.0));
        let due = pace.due(FIRST.plus_millis(3_600_000));
        assert_eq!(due, Duration::from_secs(1));
        let now = pace.now(Duration::from_millis(500));
        assert_eq!(now, Some(FIRST.plus_millis(1_800_000)));
    }

    #[test]
    fn at_max_nothing_is_waited_for() {
        let mut pace = pace(Speed::Max);
        assert_eq!(pace.due(FIRST.plus_millis(i64::MAX)), Duration::ZERO);
        assert_eq!(pace.now(Duration::from_secs(1)), None);
    }

    #[test]
    fn who_always_waits_too_long_does_not_fall_behind() {
        let times: Vec<i64> = (0..=10_000).map(|second| second * 1000).collect();
        let too_long = Duration::from_millis(7);
        let written = written(Speed::Times(60.0), &times, too_long);
        for (second, at) in written.into_iter().enumerate() {
            let due = Duration::from_secs(second as u64).div_f64(60.0);
            assert!(at >= due, "{second}: {at:?}");
            assert!(at <= due + SHORTEST + too_long, "{second}: {at:?}");
        }
    }

    #[test]
    fn what_is_late_goes_at_once_and_moves_nobody() {
        let times = [0, 60_000, 30_000, -60_000, 120_000];
        let written = written(Speed::Times(60.0), &times, Duration::ZERO);
        let seconds = [0, 1, 1, 1, 2].map(Duration::from_secs);
        assert_eq!(written, seconds);
    }

    #[test]
    fn who_is_to_stop_waits_no_longer_than_a_look() {
        let (clock, stop) = (Cell::new(Duration::ZERO), AtomicBool::new(false));
        let rest = |most: Duration| {
            clock.set(clock.get() + most);
            stop.store(clock.get() >= Duration::from_secs(3), Ordering::Relaxed);
            Ok::<_, Infallible>(())
        };
        let waited = wait_until(Duration::from_secs(86_400), &stop, || clock.get(), rest);
        assert_eq!(waited, Ok(false));
        assert!(clock.get() <= Duration::from_secs(3) + LOOK);
    }

    #[test]
    fn a_speed_is_max_or_a_number_that_is_not_below_one() {
        assert_eq!(Speed::parse("max"), Ok(Speed::Max));
        for (text, times) in [("1", 1.0), ("60", 60.0), ("1.5", 1.5), ("3600", 3600.0)] {
            assert_eq!(Speed::parse(text), Ok(Speed::Times(times)));
        }
        for wrong in ["0", "0.5", "-1", "fast", "inf", "NaN", "", "60x"] {
            let said = Speed::parse(wrong).expect_err("refused");
            assert!(said.contains("such as 60"), "{said}");
        }
    }
}
