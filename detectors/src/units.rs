//! Quantities that must not be mixed up.

use std::fmt;

use crate::state::codec::stored;

/// Surprise: −log2 of a chance. Independent surprises add up; ten more bits are a thousand times
/// rarer.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(crate) struct Bits(pub(crate) f64);
stored!(Bits(..));

impl Bits {
    /// No surprise at all.
    pub(crate) const ZERO: Self = Self(0.0);
    /// More than this is not said: no baseline of one identity supports chances below 2^-64.
    pub(crate) const MOST: Self = Self(64.0);

    /// The surprise of something with this chance; never negative, never above [`Bits::MOST`].
    pub(crate) fn of_chance(chance: f64) -> Self {
        Self(-chance.log2()).clamped()
    }

    /// Within what can be said.
    pub(crate) fn clamped(self) -> Self {
        // A degenerate baseline (0/0) surprises nobody.
        if self.0.is_nan() {
            Self::ZERO
        } else {
            Self(self.0.clamp(0.0, Self::MOST.0))
        }
    }

    /// Rounded to a tenth, as findings show it.
    pub(crate) fn rounded(self) -> f64 {
        round_to(self.0, 1)
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} bits", self.0)
    }
}

/// A distance on the earth, kilometres.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(crate) struct Km(pub(crate) f64);

/// Rounds to so many decimals: what a finding shows is what a person can type into a calculator.
pub(crate) fn round_to(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}
