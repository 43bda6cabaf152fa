//! Why an answer is what it is, for whoever has to justify it.

use crate::detect::DetectorId;
use crate::units::Bits;

/// The reason that decided on an action, and not on a weaker one.
#[derive(Clone, Debug, PartialEq)]
pub enum Ground {
    /// The rule of this detector demands it.
    Demanded(DetectorId),
    /// This detector is sure enough by itself.
    Alone(DetectorId),
    /// Several kinds of surprise came together.
    Together {
        /// Groups of detectors, each counted once.
        groups: usize,
        /// What the groups add up to, in bits.
        bits: f64,
    },
    /// It went on after a `step_up`.
    GoesOn,
    /// Something was answered before, and this is another way to the same end.
    OtherWay(DetectorId),
    /// A rule of the operator demands it.
    Rule(String),
}

impl Ground {
    pub(super) fn together(groups: usize, bits: Bits) -> Self {
        let bits = bits.rounded();
        Self::Together { groups, bits }
    }

    /// The name of the operator's rule.
    pub(crate) fn rule(&self) -> Option<&str> {
        match self {
            Self::Rule(name) => Some(name),
            _ => None,
        }
    }
}
