//! How far what is ordinary for an identity goes beyond what its models expect.
//!
//! A model that is a little wrong for somebody is surprised again and again by what is usual there: by pods that
//! go round side by side with one key, by pages that are read in a row. Model: peaks over a threshold (Pickands
//! 1975; Balkema and de Haan 1974). What an excursion of the surprise brings beyond [`LEVEL`] is exponential, with
//! a mean of 1/ln 2 bits where the model is right. Where the identity's own peaks bring more, blended with two
//! peaks of a right model, what is beyond the level counts for so much less:
//!
//! ```text
//! m    = (Σ excess of own peaks + 2/ln 2) / (number of own peaks + 2)
//! bits = 6 + (b − 6) / (m·ln 2)
//! ```
//!
//! Peaks fade over event time. The excursion that goes on vouches for nothing, and what was answered is no
//! peak, unless the same was asked about, and nothing else was odd, on three earlier days.

use std::f64::consts::LN_2;

use plumbline_schemas::time::EventTime;

use super::{day, hour};
use crate::decay::Sum;
use crate::state::codec::stored;
use crate::units::Bits;

/// Below this no model is corrected: it does not come near a finding.
pub(crate) const LEVEL: f64 = 6.0;
/// Peaks of a right model that the prior is worth.
const PRIOR_PEAKS: f64 = 2.0;
/// Days on which the same was asked about and nothing followed, until it is the identity's own way.
const HABIT_DAYS: u8 = 3;
/// After so many days without it a habit has ended.
const FORGOTTEN_DAYS: u16 = 60;
/// An excursion of which nothing was heard for so many hours is over.
const OVER_AFTER_HOURS: u32 = 1;

/// Whose surprise it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Order,
    Volume,
}

/// The peaks of one model.
#[derive(Clone, Copy, Debug, Default)]
struct Beyond {
    /// Decayed number of peaks, and the sum of what they brought beyond the level.
    count: Sum,
    excess: Sum,
    /// Days on which it was asked about, and the last of them.
    asked: u8,
    last_asked: u16,
    /// The session whose excursion goes on, 0 if none does, its peak so far, and its last hour.
    open: u32,
    peak: f32,
    last_hour: u32,
}
stored!(Beyond {
    count,
    excess,
    asked,
    last_asked,
    open,
    peak,
    last_hour
});

/// The peaks of one identity: none, of most.
#[derive(Debug, Default)]
pub(crate) struct Peaks(Option<Box<[Beyond; 2]>>);
stored!(Peaks(..));

impl Peaks {
    fn of(&self, of: Of) -> Option<&Beyond> {
        self.0.as_ref().map(|all| &all[of as usize])
    }

    fn change(&mut self, of: Of) -> &mut Beyond {
        &mut self.0.get_or_insert_default()[of as usize]
    }

    /// How much less than its model says what is beyond the level counts.
    pub(crate) fn factor(&self, of: Of, now_weight: f32) -> f64 {
        self.of(of)
            .map_or(1.0, |own| own.mean_excess(now_weight) * LN_2)
            .max(1.0)
    }

    /// The surprise, as surprising as it is for this identity.
    pub(crate) fn corrected(&self, of: Of, bits: Bits, now_weight: f32) -> Bits {
        if bits.0 <= LEVEL {
            return bits;
        }
        Bits(LEVEL + (bits.0 - LEVEL) / self.factor(of, now_weight))
    }

    /// What its model must say to be as surprising as that.
    pub(crate) fn uncorrected(&self, of: Of, bits: Bits, now_weight: f32) -> Bits {
        if bits.0 <= LEVEL {
            return bits;
        }
        Bits(LEVEL + (bits.0 - LEVEL) * self.factor(of, now_weight))
    }

    /// An excursion of this session has come so far.
    pub(crate) fn rise(&mut self, of: Of, session: u32, bits: f32, time: EventTime, weight: f32) {
        let now = hour(time);
        let own = self.change(of);
        let is_over = now > own.last_hour.saturating_add(OVER_AFTER_HOURS);
        if own.open != session && (own.open == 0 || is_over) {
            own.close(weight);
            (own.open, own.peak) = (session, 0.0);
        }
        if own.open == session {
            (own.peak, own.last_hour) = (own.peak.max(bits), now);
        }
    }

    /// An excursion of this session is over, if there was one.
    pub(crate) fn end(&mut self, of: Of, session: u32, weight: f32) {
        if self.of(of).is_some_and(|own| own.open == session) {
            self.change(of).close(weight);
        }
    }

    /// What this session does is suspect: nothing of it becomes usual.
    pub(crate) fn drop(&mut self, of: Of, session: u32) {
        if self.of(of).is_some_and(|own| own.open == session) {
            self.change(of).open = 0;
        }
    }

    /// It was asked about, and nothing else was odd. What it is about has become a habit when this has happened on
    /// several earlier days.
    pub(crate) fn asked(&mut self, of: Of, time: EventTime) {
        let today = day(time);
        let own = self.change(of);
        if today > own.last_asked.saturating_add(FORGOTTEN_DAYS) {
            own.asked = 0;
        }
        if today > own.last_asked {
            (own.asked, own.last_asked) = (own.asked.saturating_add(1), today);
        }
    }

    /// Whether it was asked about on several earlier days, and nothing followed.
    pub(crate) fn is_habit(&self, of: Of, time: EventTime) -> bool {
        let today = day(time);
        self.of(of).is_some_and(|own| {
            let earlier = own.asked - u8::from(own.asked > 0 && own.last_asked >= today);
            earlier >= HABIT_DAYS && today <= own.last_asked.saturating_add(FORGOTTEN_DAYS)
        })
    }

    pub(crate) fn scale(&mut self, factor: f32) {
        for own in self.0.iter_mut().flat_map(|all| all.iter_mut()) {
            own.count.scale(factor);
            own.excess.scale(factor);
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |all| size_of_val(&**all))
    }
}

impl Beyond {
    fn mean_excess(&self, now_weight: f32) -> f64 {
        let now = f64::from(now_weight);
        let (count, excess) = (f64::from(self.count.get()), f64::from(self.excess.get()));
        (excess / now + PRIOR_PEAKS / LN_2) / (count / now + PRIOR_PEAKS)
    }

    fn close(&mut self, weight: f32) {
        if self.open != 0 {
            self.count.add(weight);
            self.excess
                .add(weight * (self.peak - LEVEL as f32).max(0.0));
            self.open = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: EventTime = EventTime::from_millis(1_790_000_000_000);

    #[test]
    fn who_often_goes_far_must_go_farther() {
        let mut peaks = Peaks::default();
        assert_eq!(peaks.corrected(Of::Order, Bits(16.0), 1.0), Bits(16.0));
        for _ in 0..50 {
            peaks.rise(Of::Order, 1, 16.0, START, 1.0);
            // As long as it goes on it vouches for nothing.
            peaks.rise(Of::Order, 1, 40.0, START, 1.0);
            peaks.end(Of::Order, 1, 1.0);
        }
        let corrected = peaks.corrected(Of::Order, Bits(16.0), 1.0);
        assert!(corrected.0 < 7.0, "{corrected}");
        let back = peaks.uncorrected(Of::Order, corrected, 1.0);
        assert!((back.0 - 16.0).abs() < 1e-9, "{back}");
        assert_eq!(peaks.corrected(Of::Volume, Bits(16.0), 1.0), Bits(16.0));
    }

    #[test]
    fn what_goes_on_or_is_suspect_vouches_for_nothing() {
        let mut peaks = Peaks::default();
        peaks.rise(Of::Order, 1, 40.0, START, 1.0);
        assert_eq!(peaks.factor(Of::Order, 1.0), 1.0);
        peaks.drop(Of::Order, 1);
        peaks.end(Of::Order, 1, 1.0);
        assert_eq!(peaks.factor(Of::Order, 1.0), 1.0);
        // What nobody ended is over when another begins.
        peaks.rise(Of::Order, 1, 40.0, START, 1.0);
        peaks.rise(Of::Order, 2, 10.0, START.plus_millis(9 * 3_600_000), 1.0);
        assert!(peaks.factor(Of::Order, 1.0) > 5.0);
    }

    #[test]
    fn what_was_asked_on_three_earlier_days_is_a_habit_until_it_ends() {
        let mut peaks = Peaks::default();
        let at = |day: i64| START.plus_millis(day * 86_400_000);
        for day in 0..3 {
            peaks.asked(Of::Volume, at(day));
            peaks.asked(Of::Volume, at(day));
            assert!(!peaks.is_habit(Of::Volume, at(day)));
        }
        assert!(peaks.is_habit(Of::Volume, at(3)));
        assert!(!peaks.is_habit(Of::Volume, at(90)));
        peaks.asked(Of::Volume, at(90));
        assert!(!peaks.is_habit(Of::Volume, at(91)));
    }
}
