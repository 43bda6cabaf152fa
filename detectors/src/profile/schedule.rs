//! At which hours of the day, and on which days of the week, a machine runs.
//!
//! Counts of distinct days per hour of day and per day of week, UTC. A job that follows local time moves
//! by one hour twice a year: the hours beside a usual one are usual too, also where they are of another day.
//!
//! How soon hours are a schedule depends on how clear they are: eight days of any regular bouts; five of one short
//! bout; four where they are weeks apart. Days of the week are one when n runs on k of the seven would be rarer by
//! chance than (k/7)^n, 4.5 bits; of a bout that lasts for hours each must come on nearly every day: who works all day
//! long may be called at a weekend.

use plumbline_schemas::time::EventTime;

use super::{day, hour};
use crate::decay::Landmark;
use crate::state::codec::stored;
use crate::units::Bits;

/// Before so many days nothing is a schedule, but for one short bout a day,
const LEAST_DAYS: u16 = 8;
/// which is one after so many,
const LEAST_OF_ONE_BOUT: u16 = 5;
/// or, where they are spread over so many weeks, after so many,
const LEAST_SPREAD: u16 = 4;
const SPREAD_MS: i64 = 21 * 86_400_000;
/// and of which a run so many hours away is another one: it may be late by two.
const AWAY_HOURS: i32 = 3;
/// nor are bouts that last longer than so many hours: what is used all day and half the night,
const MOST_HOURS: usize = 14;
/// nor more bouts a day than these,
const MOST_BOUTS: usize = 6;
/// nor those that come on less than this share of the days,
const REGULAR: f64 = 0.7;
/// which is this for the hours of a long bout to tell on what days it comes.
const REGULAR_ALL_DAY: f64 = 0.9;
/// An hour of fewer than one day in so many is none of a bout's own.
const RARE: f64 = 10.0;
/// A bout of up to so many hours is one run that comes at times later or takes longer.
const SHORT_HOURS: usize = 3;
/// Days of the week say something from so many bits on,
const WEEK_BITS: f64 = 4.5;
/// when each has come twice.
const WEEKS_MS: i64 = 14 * 86_400_000;

#[derive(Clone, Debug)]
struct Counts {
    days: u16,
    last_hour: u32,
    last_day: u16,
    hours: [u8; 24],
    week: [u8; 7],
}
stored!(Counts {
    days,
    last_hour,
    last_day,
    hours,
    week
});

/// When one machine runs; of people nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct Schedule(Option<Box<Counts>>);
stored!(Schedule(..));

/// How a run lies outside the schedule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outside {
    /// Hours from the nearest usual hour.
    Hours(u8),
    /// No run on this day of the week: how rare it is that so many have all missed it.
    Weekday(Bits),
}

impl Schedule {
    /// Whether a run at this time is outside a schedule, if there is one. What is known began at `since`.
    pub(crate) fn outside(&self, time: EventTime, since: Landmark) -> Option<Outside> {
        let counts = self.0.as_ref()?;
        let days = counts.days - u16::from(day(time) == counts.last_day);
        let is_spread = days >= LEAST_SPREAD && !since.is_within(SPREAD_MS, time);
        let is_young = days < LEAST_DAYS;
        if is_young && (days < LEAST_OF_ONE_BOUT && !is_spread || !counts.is_one_bout()) {
            return None;
        }
        let now = (hour(time) % 24) as i32;
        let apart = |at: usize| {
            let apart = (at as i32 - now).rem_euclid(24);
            apart.min(24 - apart)
        };
        let usual = (0..24).filter(|at| counts.is_usual(*at));
        let nearest = usual.map(apart).min()?;
        let missed = counts.missed(time);
        let missed = missed.filter(|bits| bits.0 >= WEEK_BITS && !since.is_within(WEEKS_MS, time));
        let least_away = if is_young { AWAY_HOURS } else { 2 };
        let (outside, all_day) = match (nearest, missed) {
            (hours, _) if hours >= least_away => (Outside::Hours(hours as u8), REGULAR),
            (_, Some(bits)) => (Outside::Weekday(bits), REGULAR_ALL_DAY),
            (_, None) => return None,
        };
        counts.is_regular(all_day).then_some(outside)
    }

    /// The usual hours, UTC.
    pub(crate) fn usual_hours(&self) -> Vec<u8> {
        let counts = self.0.as_ref();
        let hours = counts.map(|counts| (0..24).filter(|at| counts.is_usual(*at)));
        hours.into_iter().flatten().map(|at| at as u8).collect()
    }

    pub(crate) fn days(&self) -> u16 {
        self.0.as_ref().map_or(0, |counts| counts.days)
    }

    /// Learns a run.
    pub(crate) fn learn(&mut self, time: EventTime) {
        let (this_hour, today) = (hour(time), day(time));
        let counts = self.0.get_or_insert_with(|| {
            Box::new(Counts {
                days: 0,
                last_hour: 0,
                last_day: 0,
                hours: [0; 24],
                week: [0; 7],
            })
        });
        if this_hour <= counts.last_hour {
            return;
        }
        counts.last_hour = this_hour;
        let slot = &mut counts.hours[this_hour as usize % 24];
        *slot = slot.saturating_add(1);
        if today > counts.last_day {
            counts.last_day = today;
            counts.days = counts.days.saturating_add(1);
            let slot = &mut counts.week[usize::from(today % 7)];
            *slot = slot.saturating_add(1);
        }
        // A schedule of last year is none: halve what has become many.
        if *counts.hours.iter().max().unwrap_or(&0) == u8::MAX {
            counts.hours.iter_mut().for_each(|days| *days /= 2);
            counts.week.iter_mut().for_each(|days| *days /= 2);
            counts.days /= 2;
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |_| size_of::<Counts>())
    }
}

impl Counts {
    /// How rare it is that all runs have missed a day of the week, if they have. A run that is late or follows local
    /// time may come on the day beside.
    fn missed(&self, time: EventTime) -> Option<Bits> {
        let hour_ms = 3_600_000;
        let around = [-hour_ms, 0, hour_ms].map(|millis| time.plus_millis(millis));
        if around
            .iter()
            .any(|time| self.week[usize::from(day(*time) % 7)] > 0)
        {
            return None;
        }
        let used = self.week.iter().filter(|days| **days > 0).count();
        let share = used as f64 / 7.0;
        Some(Bits(-share.log2() * f64::from(self.days)))
    }

    /// Whether every run there was lies in a few hours on end.
    fn is_one_bout(&self) -> bool {
        let begins = |at: &usize| self.is_usual(*at) && !self.is_usual((at + 23) % 24);
        let hours = (0..24).filter(|at| self.is_usual(*at)).count();
        (0..24).filter(begins).count() == 1 && hours <= SHORT_HOURS
    }

    fn is_usual(&self, at: usize) -> bool {
        self.hours[at] > 0
    }

    /// Whether it is a schedule: a few bouts that come on most days, and hardly anything else. Of a long one each
    /// hour comes on `all_day` of them, or somebody works there by hand.
    fn is_regular(&self, all_day: f64) -> bool {
        let Some(quiet) = (0..24).find(|at| !self.is_usual(*at)) else {
            return false;
        };
        let (mut regular, mut all, mut bouts) = (0, 0, 0);
        let mut at = 0;
        while at < 24 {
            let hours = (at..24).take_while(|at| self.is_usual((quiet + at) % 24));
            let counts: Vec<u32> = hours
                .map(|at| u32::from(self.hours[(quiet + at) % 24]))
                .collect();
            let days: u32 = counts.iter().sum();
            all += days;
            if !counts.is_empty() && counts.len() <= MOST_HOURS {
                let comes = |days: u32, share: f64| f64::from(days) >= share * f64::from(self.days);
                // That a run was late once makes no bout longer.
                let is_used = |days: &&u32| RARE * f64::from(**days) >= f64::from(self.days);
                let is_daily = match counts.iter().filter(is_used).count() {
                    0..=SHORT_HOURS => comes(days, REGULAR),
                    _ => inner(&counts).iter().all(|days| comes(*days, all_day)),
                };
                bouts += usize::from(is_daily);
                regular += if is_daily { days } else { 0 };
            }
            at += counts.len().max(1);
        }
        (1..=MOST_BOUTS).contains(&bouts) && f64::from(regular) >= 0.8 * f64::from(all)
    }
}

/// The hours of a bout but for its first and last, which jitter and summer time share with their neighbours.
fn inner(counts: &[u32]) -> &[u32] {
    counts.get(1..counts.len() - 1).unwrap_or(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, hour: i64, minute: i64) -> EventTime {
        let midnight = EventTime::from_millis(1_790_000_000_000 / 86_400_000 * 86_400_000);
        midnight.plus_millis(((day * 24 + hour) * 60 + minute) * 60_000)
    }

    /// A Thursday.
    fn start() -> Landmark {
        Landmark::at(at(0, 0, 0))
    }

    fn nightly(days: i64) -> Schedule {
        let mut schedule = Schedule::default();
        (0..days).for_each(|day| schedule.learn(at(day, 2, 5)));
        schedule
    }

    #[test]
    fn another_hour_is_outside_and_summer_time_is_not() {
        let schedule = nightly(14);
        assert_eq!(
            schedule.outside(at(14, 14, 0), start()),
            Some(Outside::Hours(12))
        );
        assert_eq!(schedule.outside(at(14, 1, 5), start()), None);
        assert_eq!(schedule.outside(at(14, 3, 40), start()), None);
    }

    #[test]
    fn who_runs_all_day_or_has_just_begun_has_no_schedule() {
        assert_eq!(nightly(4).outside(at(4, 14, 0), start()), None);
        let mut hourly = Schedule::default();
        (0..240).for_each(|hour| hourly.learn(at(0, hour, 0)));
        assert_eq!(hourly.outside(at(20, 13, 0), start()), None);
        let mut by_hand = Schedule::default();
        (0..20).for_each(|day| by_hand.learn(at(day, 9 + day * 5 % 9, 0)));
        assert_eq!(by_hand.outside(at(20, 7, 0), start()), None);
    }

    #[test]
    fn every_hour_of_a_working_day_is_a_schedule_and_work_by_hand_is_none() {
        let mut poller = Schedule::default();
        for day in 0..24 {
            (8..19).for_each(|hour| poller.learn(at(day, hour, 3)));
        }
        assert_eq!(
            poller.outside(at(24, 3, 12), start()),
            Some(Outside::Hours(5))
        );
        assert_eq!(poller.outside(at(24, 7, 59), start()), None);
        let mut by_hand = Schedule::default();
        for day in 0..24 {
            (8 + day % 3..19)
                .step_by(1 + day as usize % 4)
                .for_each(|hour| by_hand.learn(at(day, hour, 3)));
        }
        assert_eq!(by_hand.outside(at(24, 3, 12), start()), None);
    }

    #[test]
    fn four_times_a_day_is_a_schedule() {
        let mut schedule = Schedule::default();
        (0..40).for_each(|run| schedule.learn(at(0, run * 6, 10)));
        assert_eq!(
            schedule.outside(at(10, 14, 44), start()),
            Some(Outside::Hours(2))
        );
        assert_eq!(schedule.outside(at(10, 12, 50), start()), None);
    }

    #[test]
    fn once_a_day_is_a_schedule_from_the_sixth_day_on() {
        let schedule = nightly(5);
        assert_eq!(
            schedule.outside(at(5, 14, 0), start()),
            Some(Outside::Hours(12))
        );
        assert_eq!(
            schedule.outside(at(5, 4, 30), start()),
            None,
            "it may be late"
        );
        let mut twice = nightly(5);
        (0..5).for_each(|day| twice.learn(at(day, 9, 0)));
        assert_eq!(twice.outside(at(5, 16, 0), start()), None);
    }

    fn on(weekdays: &[i64], weeks: i64, hour: i64) -> Schedule {
        let mut schedule = Schedule::default();
        for day in (0..weeks * 7).filter(|day| weekdays.contains(&(day % 7))) {
            schedule.learn(at(day, hour, 5));
        }
        schedule
    }

    #[test]
    fn once_a_week_is_a_schedule() {
        let (monday, wednesday) = (4, 6);
        let weekly = on(&[monday], 4, 5);
        let odd = weekly.outside(at(28 + wednesday, 15, 0), start());
        assert_eq!(odd, Some(Outside::Hours(10)));
        let odd = weekly.outside(at(28 + wednesday, 5, 5), start());
        assert!(
            matches!(odd, Some(Outside::Weekday(bits)) if bits.0 > 10.0),
            "{odd:?}"
        );
        assert_eq!(weekly.outside(at(28 + monday, 6, 40), start()), None);
        // Too few, and too short a time.
        assert_eq!(
            on(&[monday], 3, 5).outside(at(21 + wednesday, 15, 0), start()),
            None
        );
        // Summer time may move a run to the day before.
        let midnight = on(&[monday], 12, 0);
        assert_eq!(midnight.outside(at(84 + monday - 1, 23, 5), start()), None);
    }

    #[test]
    fn late_nights_and_summer_time_make_no_nightly_job_irregular() {
        let mut nightly = Schedule::default();
        for day in 0..40 {
            let first = if day < 27 { 2 } else { 1 };
            let last = if matches!(day, 5 | 9) { 4 } else { first + 1 };
            (first..=last).for_each(|hour| nightly.learn(at(day, hour, 20)));
        }
        let odd = nightly.outside(at(40, 14, 0), start());
        assert_eq!(odd, Some(Outside::Hours(10)));
    }

    #[test]
    fn who_works_all_day_may_be_called_at_a_weekend_and_a_poller_is_not() {
        let weekdays = |day: &i64| !matches!(day % 7, 2 | 3);
        let (mut pipeline, mut poller) = (Schedule::default(), Schedule::default());
        for day in (0..42).filter(weekdays) {
            // Most hours of most days, as changes happen to be merged.
            let busy = (8..18).filter(|hour| hour % 9 == 8 || (day * 7 + hour * 5) % 4 != 0);
            busy.for_each(|hour| pipeline.learn(at(day, hour, 20)));
            (8..18).for_each(|hour| poller.learn(at(day, hour, 3)));
        }
        assert_eq!(pipeline.outside(at(42 + 2, 11, 0), start()), None);
        let odd = poller.outside(at(42 + 2, 11, 0), start());
        assert!(matches!(odd, Some(Outside::Weekday(_))), "{odd:?}");
        let at_night = pipeline.outside(at(43, 2, 0), start());
        assert!(matches!(at_night, Some(Outside::Hours(_))), "{at_night:?}");
    }

    #[test]
    fn days_of_the_week_are_a_schedule_when_enough_have_passed() {
        let (tuesday, thursday) = (5, 0);
        let twice = on(&[tuesday, thursday], 6, 2);
        assert!(twice.outside(at(42 + 6, 2, 5), start()).is_some());
        let weekdays = on(&[0, 1, 4, 5, 6], 2, 3);
        assert!(weekdays.outside(at(14 + 2, 3, 5), start()).is_some());
        let but_one = on(&[0, 1, 2, 4, 5, 6], 2, 3);
        assert_eq!(but_one.outside(at(14 + 3, 3, 5), start()), None);
    }
}
