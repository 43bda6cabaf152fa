//! Event time: when something happened, as the source of the event says.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::known;

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// Finer fractions are cut off when they are read: no source of auth logs orders its events by
/// microseconds, and every output shows milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i64);

/// 2000-01-01T00:00:00Z: whatever claims to be older comes from an unset clock.
pub const EARLIEST: EventTime = EventTime(946_684_800_000);

/// 9999-12-31T23:59:59.999Z.
const LATEST: EventTime = EventTime(253_402_300_799_999);

impl EventTime {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 time with any offset.
    pub fn parse(text: &str) -> Option<Self> {
        parse_utc(text.as_bytes()).or_else(|| {
            // jiff reads more than RFC 3339: times without seconds, without separators, with the
            // name of a zone.
            let [.., b'-', _, _, b'-', _, _, _, _, _, b':', _, _, b':', _, _] =
                text.as_bytes().get(..19)?
            else {
                return None;
            };
            if text.ends_with(']') || !is_within_a_day(text.get(19..)?) {
                return None;
            }
            let timestamp: Timestamp = text.parse().ok()?;
            Some(Self(timestamp.as_millisecond()))
        })
    }

    /// Milliseconds from `earlier` until this, negative when this came before.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time, moved by so many milliseconds.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// Whether the offset behind a time is of 23 hours at most; jiff reads up to 25 of them.
fn is_within_a_day(fraction_and_offset: &str) -> bool {
    match fraction_and_offset.split_once(['+', '-']) {
        Some((_, offset)) => offset.get(..2).is_some_and(|hours| hours < "24"),
        None => true,
    }
}

/// The shape nearly every source writes, `2026-11-20T10:15:30.123Z`, in a tenth of the time of the
/// general parser. Anything else is left to that one.
fn parse_utc(text: &[u8]) -> Option<EventTime> {
    let (&zone, text) = text.split_last()?;
    if zone != b'Z' || text.len() < 19 {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        text[from..to].iter().try_fold(0_i64, |value, byte| {
            byte.is_ascii_digit()
                .then(|| value * 10 + i64::from(byte - b'0'))
        })
    };
    if [text[4], text[7], text[10], text[13], text[16]] != *b"--T::" {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    if day < 1 || day > month_days {
        return None;
    }
    let millis = match text.get(19) {
        None => 0,
        // However many digits there are: three of them count.
        Some(b'.') if text.len() > 20 && text[20..].iter().all(u8::is_ascii_digit) => {
            let end = text.len().min(23);
            number(20, end)? * 10_i64.pow(23 - end as u32)
        }
        Some(_) => return None,
    };
    // Days from civil, Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let shifted_year = year - i64::from(month <= 2);
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(EventTime(
        (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + millis,
    ))
}

impl fmt::Display for EventTime {
    /// RFC 3339 in UTC with milliseconds, always of the same width. Years have four digits: what is later than all of
    /// them is written as the last moment that has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(timestamp) = Timestamp::from_millisecond(self.0) {
            return write!(f, "{timestamp:.3}");
        }
        // jiff ends within the last two days of the year 9999, which some write where they mean for ever.
        let millis = self.0.min(LATEST.0);
        let day = if LATEST.0 - millis < 86_400_000 {
            31
        } else {
            30
        };
        let of_day = millis.rem_euclid(86_400_000);
        let (seconds, millis) = (of_day / 1000, of_day % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "9999-12-{day}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        known::required_time(deserializer)
    }
}

impl JsonSchema for EventTime {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "EventTime".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn offsets_and_fractions_are_the_same_instant() {
        let expected = EventTime::parse("2026-11-20T10:15:30.123Z");
        assert!(expected.is_some());
        for text in [
            "2026-11-20T11:15:30.123+01:00",
            "2026-11-20t10:15:30.123z",
            "2026-11-20T10:15:30.1239999Z",
            "2026-11-20T04:45:30.123-05:30",
            "2026-11-21T10:14:30.123+23:59",
        ] {
            assert_eq!(EventTime::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "yesterday",
            "2026-11-20",
            "2026-11-20T10:15:30",
            "10:15:30Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-20T24:00:00Z",
            "1763633730",
            "2026-11-20T10:15:30.Z",
            "2026-11-20T10:15+01:00:00",
            "20261120T101530.000+01:00",
            "2026-11-20T10:15:30+01:00[Europe/Oslo]",
            "2026-11-20T10:15:30+24:00",
            "2026-11-20T10:15:30.123-25:00",
            "2026-11-20T10:15:30+01:60",
            "",
        ] {
            assert_eq!(EventTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn fractions_may_be_as_long_as_they_like() {
        let expected = EventTime::parse("2026-11-20T10:15:30.999Z");
        for digits in [9, 10, 19, 20, 40] {
            let text = format!("2026-11-20T10:15:30.{}Z", "9".repeat(digits));
            assert_eq!(EventTime::parse(&text), expected, "{text}");
        }
        assert_eq!(EventTime::parse("2026-11-20T10:15:30.1x0Z"), None);
        let tenth = EventTime::parse("2026-11-20T10:15:30.1Z");
        assert_eq!(tenth, EventTime::parse("2026-11-20T10:15:30.100Z"));
    }

    #[test]
    fn for_ever_is_written_as_it_is_read() {
        for text in [
            "9999-12-30T21:59:59.999Z",
            "9999-12-30T22:00:00.000Z",
            "9999-12-30T23:59:59.999Z",
            "9999-12-31T00:00:00.000Z",
            "9999-12-31T23:59:59.999Z",
        ] {
            let time = EventTime::parse(text).expect("a time");
            assert_eq!(time.to_string(), text);
            assert_eq!(LATEST.plus_millis(1).to_string(), LATEST.to_string());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 0_i64..4_000_000_000_000) {
            let time = EventTime::from_millis(millis);
            prop_assert_eq!(EventTime::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn the_fast_path_agrees_with_the_general_one(millis in -2_000_000_000_000_i64..4_000_000_000_000) {
            let text = EventTime::from_millis(millis).to_string();
            let general: Timestamp = text.parse().expect("jiff reads what it wrote");
            prop_assert_eq!(parse_utc(text.as_bytes()).map(EventTime::as_millis), Some(general.as_millisecond()));
        }
    }
}
