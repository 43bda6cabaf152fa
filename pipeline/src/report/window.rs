//! Of which time a report tells, and in which steps it counts.

use plumbline_schemas::time::EventTime;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;

/// The first Monday of the epoch, so that weeks begin on Mondays.
const MONDAY_MS: i64 = 4 * DAY_MS;

/// Steps that people count in.
const STEPS: [i64; 10] = [
    MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    3 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    WEEK_MS,
];

/// From when to when, where it is not from the beginning to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    /// What happened at this time is told.
    pub(super) from: Option<EventTime>,
    /// What happened at this time is not.
    pub(super) to: Option<EventTime>,
}

impl Window {
    pub(super) fn is_part(self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// As a condition of SQL.
    pub(super) fn condition(self) -> String {
        let bound = |sign: &str, time: EventTime| format!("time {sign} '{time}'");
        match (self.from, self.to) {
            (None, None) => "true".to_owned(),
            (Some(from), None) => bound(">=", from),
            (None, Some(to)) => bound("<", to),
            (Some(from), Some(to)) => format!("{} AND {}", bound(">=", from), bound("<", to)),
        }
    }
}

/// Buckets of equal length that cover a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buckets {
    /// Of the first one, milliseconds.
    pub(super) start: i64,
    pub(super) step: i64,
    pub(super) count: u64,
}

impl Buckets {
    /// Hours for some days, days for some months, and weeks beyond: as many as a chart can show.
    pub(super) fn of_chart(first: i64, last: i64) -> Self {
        Self::cover(first, last, &[HOUR_MS, DAY_MS, WEEK_MS], 96)
    }

    /// As fine as a line of time can show.
    pub(super) fn of_life(first: i64, last: i64) -> Self {
        Self::cover(first, last, &STEPS, 180)
    }

    fn cover(first: i64, last: i64, steps: &[i64], most: i64) -> Self {
        let fits = |step: &&i64| Self::in_steps(first, last, **step).count <= most.unsigned_abs();
        let step = steps.iter().find(fits).copied().unwrap_or_else(|| {
            let weeks = last.saturating_sub(first) / (WEEK_MS * (most - 1));
            (weeks + 1) * WEEK_MS
        });
        Self::in_steps(first, last, step)
    }

    fn in_steps(first: i64, last: i64, step: i64) -> Self {
        let origin = if step % WEEK_MS == 0 { MONDAY_MS } else { 0 };
        let start = (first - origin).div_euclid(step) * step + origin;
        let count = (last.max(first) - start) / step + 1;
        Self {
            start,
            step,
            count: count.unsigned_abs(),
        }
    }

    /// In SQL, the number of the bucket that a row belongs to.
    pub(super) fn number(self) -> String {
        format!("(CAST(time AS BIGINT) - {}) / {}", self.start, self.step)
    }
}

/// Reads a time: RFC 3339, or a day, which begins at midnight UTC.
pub(crate) fn read_time(text: &str) -> Option<EventTime> {
    EventTime::parse(text).or_else(|| EventTime::parse(&format!("{text}T00:00:00Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        read_time(text).expect("a time").as_millis()
    }

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(at("2026-03-05"), at("2026-03-05T00:00:00Z"));
        assert_eq!(at("2026-03-05T01:00:00+01:00"), at("2026-03-05"));
        assert_eq!(read_time("yesterday"), None);
        assert_eq!(read_time("2026-13-05"), None);
    }

    #[test]
    fn the_step_follows_from_the_span() {
        let of = |first: &str, last: &str| Buckets::of_chart(at(first), at(last));
        let day = of("2026-03-05T08:30:00Z", "2026-03-05T17:10:00Z");
        assert_eq!((day.step, day.count), (HOUR_MS, 10));
        let fortnight = of("2026-03-05T08:30:00Z", "2026-03-18T23:59:59Z");
        assert_eq!((fortnight.step, fortnight.count), (DAY_MS, 14));
        assert_eq!(fortnight.start, at("2026-03-05"));
        let year = of("2026-01-01", "2026-12-31");
        assert_eq!((year.step, year.count), (WEEK_MS, 53));
        assert_eq!(year.start, at("2025-12-29"), "a Monday");
        let life = Buckets::of_life(at("2026-03-05"), at("2026-03-18"));
        assert_eq!((life.step, life.count), (2 * HOUR_MS, 157));
    }

    #[test]
    fn however_long_it_is_the_buckets_are_few_and_cover_it() {
        for last in [
            "2000-01-01T00:00:00.001Z",
            "2001-01-01",
            "2026-11-26",
            "2200-02-03",
        ] {
            let (first, last) = (at("2000-01-01"), at(last));
            for buckets in [
                Buckets::of_chart(first, last),
                Buckets::of_life(first, last),
            ] {
                assert!(buckets.count <= 180, "{buckets:?}");
                assert!(buckets.start <= first, "{buckets:?}");
                let end = buckets.start + buckets.step * i64::try_from(buckets.count).expect("few");
                assert!(end > last, "{buckets:?}");
            }
        }
    }

    #[test]
    fn a_window_is_a_condition() {
        let window = Window {
            from: read_time("2026-03-05"),
            to: read_time("2026-03-06"),
        };
        assert_eq!(
            window.condition(),
            "time >= '2026-03-05T00:00:00.000Z' AND time < '2026-03-06T00:00:00.000Z'"
        );
        assert!(window.is_part() && !Window::default().is_part());
    }
}
