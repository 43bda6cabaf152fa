//! Forgetting over event time.
//!
//! Forward decay (Cormode, Shkapenyuk, Srivastava and Xu, "Forward Decay: A Practical Time Decay
//! Model for Streaming Systems", ICDE 2009): an observation at time *t* enters with the weight
//! 2^((t − landmark) / half-life) and is never touched again. A decayed sum at any later time is the
//! plain sum divided by the weight of that time. Nothing has to be swept, and an event that arrives
//! late enters with exactly the weight it would have had.

use crate::state::codec::stored;
use plumbline_schemas::time::EventTime;

/// Half of a habit is forgotten in this time. Two months of habit outweigh one odd week, and a
/// changed job shows after a month.
const HABIT_HALF_LIFE_MS: i64 = 30 * 86_400_000;

/// So many half-lives after the landmark it moves, long before a [`Sum`] overflows at 2^64.
const RENEW_AFTER: i64 = 32;

/// The landmark of one profile: its first event, or, of one that is years old, a time more than a
/// half-life ago.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Landmark(EventTime);
stored!(Landmark(..));

impl Landmark {
    pub(crate) fn at(time: EventTime) -> Self {
        Self(time)
    }

    /// The weight with which an observation of that time enters.
    pub(crate) fn weight(self, time: EventTime) -> f32 {
        (time.since(self.0) as f64 / HABIT_HALF_LIFE_MS as f64).exp2() as f32
    }

    /// Whether the profile began within so short a time, less than a half-life, before this.
    pub(crate) fn is_within(self, span_ms: i64, time: EventTime) -> bool {
        time.since(self.0) < span_ms
    }

    /// Moves the landmark up when it is far behind, and says by what to multiply every sum. The
    /// factor is a power of two, so that nothing but the exponent of a sum changes. One half-life is
    /// left, for nobody to pass for young.
    pub(crate) fn renew(&mut self, now: EventTime) -> Option<f32> {
        let behind = now.since(self.0) / HABIT_HALF_LIFE_MS - 1;
        (behind >= RENEW_AFTER).then(|| {
            self.0 = self.0.plus_millis(behind * HABIT_HALF_LIFE_MS);
            (-(behind as f32)).exp2()
        })
    }
}

/// A sum of weights in three bytes: no sign, seven bits of exponent, seventeen of fraction. It holds
/// 2⁻⁶³ to 2⁶⁴; sums stay between, because the landmark moves. Up to 262 144 observations of equal
/// weight are counted one by one; twice as many are the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum([u8; 3]);
stored!(Sum(..));

impl Sum {
    /// Bits of an `f32`'s fraction that are rounded off.
    const ROUNDED_OFF: u32 = 6;
    /// The `f32` just too small to be told from nothing.
    const NOTHING: u32 = 63 << 23;

    /// The nearest sum; nothing if it is next to nothing.
    pub(crate) fn new(value: f32) -> Self {
        let half = 1 << (Self::ROUNDED_OFF - 1);
        let bits = value.max(0.0).to_bits() + half;
        let kept = bits.saturating_sub(Self::NOTHING) >> Self::ROUNDED_OFF;
        let [a, b, c, _] = kept.min(0xFF_FFFF).to_le_bytes();
        Self([a, b, c])
    }

    pub(crate) fn get(self) -> f32 {
        let [a, b, c] = self.0;
        match u32::from_le_bytes([a, b, c, 0]) {
            0 => 0.0,
            kept => f32::from_bits((kept << Self::ROUNDED_OFF) + Self::NOTHING),
        }
    }

    /// Adds to the sum.
    pub(crate) fn add(&mut self, weight: f32) {
        *self = Self::new(self.get() + weight);
    }

    /// Multiplies the sum, when the landmark moves.
    pub(crate) fn scale(&mut self, factor: f32) {
        *self = Self::new(self.get() * factor);
    }
}

/// A sum of hours of use in two bytes: a [`Sum`] without the last byte of its fraction. No sum of hours
/// grows beyond 1039, the hours that are remembered, and up to 1024 are counted one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hours([u8; 2]);
stored!(Hours(..));

impl Hours {
    pub(crate) fn new(value: f32) -> Self {
        let [a, b, c] = Sum::new(value).0;
        let kept = u32::from_le_bytes([a, b, c, 0]).saturating_add(1 << 7) >> 8;
        let [a, b, ..] = kept.min(0xFFFF).to_le_bytes();
        Self([a, b])
    }

    pub(crate) fn get(self) -> f32 {
        let [a, b] = self.0;
        Sum([0, a, b]).get()
    }

    /// Adds to the sum.
    pub(crate) fn add(&mut self, weight: f32) {
        *self = Self::new(self.get() + weight);
    }

    /// Multiplies the sum, when the landmark moves.
    pub(crate) fn scale(&mut self, factor: f32) {
        *self = Self::new(self.get() * factor);
    }
}

/// What is left of a value with this half-life.
pub(crate) fn decayed(value: f32, elapsed_ms: i64, half_life_ms: i64) -> f32 {
    if value == 0.0 || elapsed_ms <= 0 {
        return value;
    }
    value * (-(elapsed_ms as f64) / half_life_ms as f64).exp2() as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sum_comes_back_nearly_as_it_was(exponent in -60_i32..62, fraction in 1.0_f32..2.0) {
            let value = fraction * (exponent as f32).exp2();
            let sum = Sum::new(value);
            prop_assert!((sum.get() / value - 1.0).abs() <= 1.0 / 262_144.0);
            prop_assert_eq!(Sum::new(sum.get()), sum);
        }
    }

    proptest! {
        #[test]
        fn hours_come_back_nearly_as_they_were(exponent in -60_i32..62, fraction in 1.0_f32..2.0) {
            let value = fraction * (exponent as f32).exp2();
            let hours = Hours::new(value);
            prop_assert!((hours.get() / value - 1.0).abs() <= 1.01 / 1024.0);
            prop_assert_eq!(Hours::new(hours.get()), hours);
        }
    }

    #[test]
    fn hours_are_counted_one_by_one() {
        let mut hours = Hours::default();
        (0..1024).for_each(|_| hours.add(1.0));
        assert_eq!(hours.get(), 1024.0);
        hours.scale(0.5);
        assert_eq!(hours.get(), 512.0);
        assert!(Hours::new(f32::MAX).get() > 63_f32.exp2());
    }

    #[test]
    fn a_sum_counts_one_by_one_and_ends_at_what_it_holds() {
        let mut sum = Sum::default();
        assert_eq!(sum.get(), 0.0);
        (0..262_144).for_each(|_| sum.add(1.0));
        assert_eq!(sum.get(), 262_144.0);
        sum.scale(0.25);
        assert_eq!(sum.get(), 65_536.0);
        assert_eq!(Sum::new((-70_f32).exp2()).get(), 0.0);
        assert!(Sum::new(f32::MAX).get() > 63_f32.exp2());
    }

    #[test]
    fn renewing_the_landmark_changes_no_decayed_sum() {
        let start = EventTime::from_millis(1_700_000_000_000);
        let later = start.plus_millis(40 * HABIT_HALF_LIFE_MS);
        let mut landmark = Landmark::at(start);
        let sum = landmark.weight(later.plus_millis(-HABIT_HALF_LIFE_MS));
        let before = sum / landmark.weight(later);
        let factor = landmark.renew(later).expect("40 half-lives are far");
        assert_eq!(sum * factor / landmark.weight(later), before);
        assert_eq!(before, 0.5);
        assert!(landmark.renew(later).is_none());
        assert!(!landmark.is_within(HABIT_HALF_LIFE_MS, later));
        assert!(Landmark::at(start).is_within(2, start.plus_millis(1)));
    }
}
