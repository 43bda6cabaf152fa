//! Times of a story: milliseconds since 1970, counted from its first Monday.

use plumbline_schemas::time::EventTime;

/// One second.
pub const SECOND: i64 = 1000;
/// One minute.
pub const MINUTE: i64 = 60 * SECOND;
/// One hour.
pub const HOUR: i64 = 60 * MINUTE;
/// One day.
pub const DAY: i64 = 24 * HOUR;

/// Monday, 2026-01-05T00:00:00Z: the first day of every story.
const FIRST_MONDAY: i64 = 1_767_571_200_000;

/// A day of the story, counted from 0, at a time of day in UTC.
pub fn at(day: i64, hour: i64, minute: i64) -> i64 {
    FIRST_MONDAY + day * DAY + hour * HOUR + minute * MINUTE
}

/// Whether people are at work on this day of the story.
pub fn is_working_day(day: i64) -> bool {
    day.rem_euclid(7) < 5
}

/// The day of the story on which this is.
pub fn day_of(time: i64) -> i64 {
    (time - FIRST_MONDAY).div_euclid(DAY)
}

/// As it is written on the wire.
pub fn written(time: i64) -> String {
    EventTime::from_millis(time).to_string()
}
