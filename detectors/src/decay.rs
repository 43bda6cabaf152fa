//! Forgetting over event time.
//!
//! Forward decay (Cormode, Shkapenyuk, Srivastava and Xu, "Forward Decay: A Practical Time Decay
//! Model for Streaming Systems", ICDE 2009): an observation at time *t* enters with the weight
//! 2^((t − landmark) / half-life) and is never touched again. A decayed sum at any later time is the
//! plain sum divided by the weight of that time. Nothing has to be swept, and an event that arrives
//! late enters with exactly the weight it would have had.

use plumbline_schemas::time::EventTime;

/// Half of a habit is forgotten in this time. Two months of habit outweigh one odd week, and a
/// changed job shows after a month.
const HABIT_HALF_LIFE_MS: i64 = 30 * 86_400_000;

/// So many half-lives after the landmark it moves, long before an `f32` overflows at 2^127.
const RENEW_AFTER: i64 = 32;

/// The landmark of one profile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Landmark(EventTime);

impl Landmark {
    pub(crate) fn at(time: EventTime) -> Self {
        Self(time)
    }

    /// The weight with which an observation of that time enters.
    pub(crate) fn weight(self, time: EventTime) -> f32 {
        (time.since(self.0) as f64 / HABIT_HALF_LIFE_MS as f64).exp2() as f32
    }

    /// Moves the landmark up when it is far behind, and says by what to multiply every sum. The
    /// factor is a power of two, so that nothing but the exponent of a sum changes.
    pub(crate) fn renew(&mut self, now: EventTime) -> Option<f32> {
        let behind = now.since(self.0) / HABIT_HALF_LIFE_MS;
        (behind >= RENEW_AFTER).then(|| {
            self.0 = self.0.plus_millis(behind * HABIT_HALF_LIFE_MS);
            (-(behind as f32)).exp2()
        })
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
    use super::*;

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
    }
}
