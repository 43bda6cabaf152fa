//! Local time in the simulated cities, by fixed rules.
//!
//! | rule | summer time, one hour ahead |
//! |---|---|
//! | European | last Sunday of March to last Sunday of October |
//! | North American | second Sunday of March to first Sunday of November |
//! | Australian | first Sunday of October to first Sunday of April |
//!
//! A local day has the offset of its noon. Clocks change at night, when hardly anybody is at work,
//! so the hour between midnight and the change does not matter here.

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday, date};

use crate::places::PLACES;

/// One second.
pub(crate) const SECOND: i64 = 1000;
/// One minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// One hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// One day.
pub(crate) const DAY: i64 = 24 * HOUR;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Summer {
    None,
    European,
    NorthAmerican,
    Australian,
}

/// Offset in standard time, minutes, and the rule of summer time, by city.
const ZONES: &[(&str, i64, Summer)] = &[
    ("London", 0, Summer::European),
    ("Dublin", 0, Summer::European),
    ("Birmingham", 0, Summer::European),
    ("Helsinki", 120, Summer::European),
    ("New York", -300, Summer::NorthAmerican),
    ("Ashburn", -300, Summer::NorthAmerican),
    ("Toronto", -300, Summer::NorthAmerican),
    ("Chicago", -360, Summer::NorthAmerican),
    ("San Francisco", -480, Summer::NorthAmerican),
    ("São Paulo", -180, Summer::None),
    ("Lima", -300, Summer::None),
    ("Mexico City", -360, Summer::None),
    ("Tokyo", 540, Summer::None),
    ("Singapore", 480, Summer::None),
    ("Mumbai", 330, Summer::None),
    ("Lagos", 60, Summer::None),
    ("Dubai", 240, Summer::None),
    ("Sydney", 600, Summer::Australian),
];

/// Local offset from UTC at a place on a day, in milliseconds.
pub(crate) fn offset(place: usize, day: i64) -> i64 {
    let city = PLACES[place].city.unwrap_or("São Paulo");
    let zone = ZONES.iter().find(|(name, ..)| *name == city);
    // The rest of the table is on Central European Time.
    let (minutes, summer) = zone.map_or((60, Summer::European), |(_, minutes, rule)| {
        (*minutes, *rule)
    });
    let ahead = if is_summer(summer, date_of(day)) {
        60
    } else {
        0
    };
    (minutes + ahead) * MINUTE
}

/// The date of a day since the epoch.
pub(crate) fn date_of(day: i64) -> Date {
    let epoch = date(1970, 1, 1);
    epoch.checked_add(day.days()).unwrap_or(epoch)
}

/// Monday is 0, Sunday 6.
pub(crate) fn weekday(day: i64) -> u8 {
    // The epoch was a Thursday.
    (day + 3).rem_euclid(7) as u8
}

fn is_summer(rule: Summer, day: Date) -> bool {
    let sunday = |month: i8, nth: i8| {
        date(day.year(), month, 1)
            .nth_weekday_of_month(nth, Weekday::Sunday)
            .unwrap_or(day)
    };
    match rule {
        Summer::None => false,
        Summer::European => day >= sunday(3, -1) && day < sunday(10, -1),
        Summer::NorthAmerican => day >= sunday(3, 2) && day < sunday(11, 1),
        Summer::Australian => day >= sunday(10, 1) || day < sunday(4, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day_of(day: Date) -> i64 {
        let since = day.since((jiff::Unit::Day, date(1970, 1, 1)));
        i64::from(since.unwrap().get_days())
    }

    fn hours(city: &str, day: Date) -> i64 {
        let place = PLACES.iter().position(|it| it.city == Some(city)).unwrap();
        offset(place, day_of(day)) / HOUR
    }

    #[test]
    fn summer_time_begins_and_ends_by_the_rules_of_each_region() {
        for (city, before, after, expected) in [
            ("London", date(2026, 3, 28), date(2026, 3, 29), (0, 1)),
            ("Berlin", date(2026, 10, 24), date(2026, 10, 25), (2, 1)),
            ("New York", date(2026, 3, 7), date(2026, 3, 8), (-5, -4)),
            ("Sydney", date(2026, 4, 4), date(2026, 4, 5), (11, 10)),
            ("Singapore", date(2026, 3, 7), date(2026, 8, 8), (8, 8)),
        ] {
            assert_eq!(
                (hours(city, before), hours(city, after)),
                expected,
                "{city}"
            );
        }
    }

    #[test]
    fn days_and_dates_agree() {
        assert_eq!(day_of(date(2026, 3, 2)), 20_514);
        assert_eq!(date_of(20_514), date(2026, 3, 2));
        assert_eq!(weekday(20_514), 0);
    }
}
