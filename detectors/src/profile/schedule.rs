//! At which hours of the day, and on which days of the week, a machine runs.
//!
//! Counts of distinct days per hour of day and per day of week, UTC. A job that follows local time moves
//! by one hour twice a year: the hours beside a usual one are usual too.

use plumbline_schemas::time::EventTime;

use super::{day, hour};
use crate::state::codec::stored;

/// Before so many days nothing is a schedule;
const LEAST_DAYS: u16 = 8;
/// nor are bouts that last longer than so many hours: what is used all day and half the night,
const MOST_HOURS: usize = 14;
/// nor more bouts a day than these,
const MOST_BOUTS: usize = 6;
/// nor those that come on less than this share of the days.
const REGULAR: f64 = 0.7;
/// A bout of up to so many hours is one run that comes at times later or takes longer.
const SHORT_HOURS: usize = 3;
/// Days of the week say something after so many days of use.
const LEAST_DAYS_FOR_WEEK: u16 = 15;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// Hours from the nearest usual hour.
    Hours(u8),
    /// No run on this day of the week in so many days.
    Weekday,
}

impl Schedule {
    /// Whether a run at this time is outside a schedule, if there is one.
    pub(crate) fn outside(&self, time: EventTime) -> Option<Outside> {
        let counts = self.0.as_ref()?;
        let today = day(time);
        let days = counts.days - u16::from(today == counts.last_day);
        if days < LEAST_DAYS {
            return None;
        }
        let now = (hour(time) % 24) as i32;
        let apart = |at: usize| {
            let apart = (at as i32 - now).rem_euclid(24);
            apart.min(24 - apart)
        };
        let usual = (0..24).filter(|at| counts.is_usual(*at));
        let nearest = usual.map(apart).min()?;
        let weekday = usize::from(today % 7);
        let never = counts.week[weekday] == 0 && days >= LEAST_DAYS_FOR_WEEK;
        let outside = match nearest {
            0 | 1 if !never => return None,
            0 | 1 => Outside::Weekday,
            hours => Outside::Hours(hours as u8),
        };
        counts.is_regular().then_some(outside)
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
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |_| size_of::<Counts>())
    }
}

impl Counts {
    fn is_usual(&self, at: usize) -> bool {
        self.hours[at] > 0
    }

    /// Whether it is a schedule: a few bouts that come on most days, and hardly anything else. Of a long one each
    /// hour comes on most days, or somebody works there by hand.
    fn is_regular(&self) -> bool {
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
                let on_most_days = |days: u32| f64::from(days) >= REGULAR * f64::from(self.days);
                let is_daily = match counts.len() {
                    0..=SHORT_HOURS => on_most_days(days),
                    _ => inner(&counts).iter().all(|days| on_most_days(*days)),
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

    fn nightly(days: i64) -> Schedule {
        let mut schedule = Schedule::default();
        (0..days).for_each(|day| schedule.learn(at(day, 2, 5)));
        schedule
    }

    #[test]
    fn another_hour_is_outside_and_summer_time_is_not() {
        let schedule = nightly(14);
        assert_eq!(schedule.outside(at(14, 14, 0)), Some(Outside::Hours(12)));
        assert_eq!(schedule.outside(at(14, 1, 5)), None);
        assert_eq!(schedule.outside(at(14, 3, 40)), None);
    }

    #[test]
    fn who_runs_all_day_or_has_just_begun_has_no_schedule() {
        assert_eq!(nightly(4).outside(at(5, 14, 0)), None);
        let mut hourly = Schedule::default();
        (0..240).for_each(|hour| hourly.learn(at(0, hour, 0)));
        assert_eq!(hourly.outside(at(20, 13, 0)), None);
        let mut by_hand = Schedule::default();
        (0..20).for_each(|day| by_hand.learn(at(day, 9 + day * 5 % 9, 0)));
        assert_eq!(by_hand.outside(at(20, 7, 0)), None);
    }

    #[test]
    fn every_hour_of_a_working_day_is_a_schedule_and_work_by_hand_is_none() {
        let mut poller = Schedule::default();
        for day in 0..24 {
            (8..19).for_each(|hour| poller.learn(at(day, hour, 3)));
        }
        assert_eq!(poller.outside(at(24, 3, 12)), Some(Outside::Hours(5)));
        assert_eq!(poller.outside(at(24, 7, 59)), None);
        let mut by_hand = Schedule::default();
        for day in 0..24 {
            (8 + day % 3..19)
                .step_by(1 + day as usize % 4)
                .for_each(|hour| by_hand.learn(at(day, hour, 3)));
        }
        assert_eq!(by_hand.outside(at(24, 3, 12)), None);
    }

    #[test]
    fn four_times_a_day_is_a_schedule() {
        let mut schedule = Schedule::default();
        (0..40).for_each(|run| schedule.learn(at(0, run * 6, 10)));
        assert_eq!(schedule.outside(at(10, 14, 44)), Some(Outside::Hours(2)));
        assert_eq!(schedule.outside(at(10, 12, 50)), None);
    }
}
