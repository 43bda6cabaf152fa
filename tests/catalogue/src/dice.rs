//! What varies from seed to seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A seeded generator: the same seed tells the same story on every machine.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A whole number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high)
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.0.random_range(0..items.len())]
    }

    /// True in so many per cent of cases.
    pub fn chance(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    /// The number, up to so many per cent more or less.
    pub fn about(&mut self, number: i64, percent: i64) -> i64 {
        let reach = number * percent / 100;
        self.between(number - reach, number + reach)
    }

    /// A name that no other story has, such as `billing-3f2a07`.
    pub fn name(&mut self, stem: &str) -> String {
        format!("{stem}-{:06x}", self.between(0, 0x00ff_ffff))
    }

    /// A fingerprint of a credential.
    pub fn fingerprint(&mut self) -> String {
        let words: Vec<String> = (0..4)
            .map(|_| format!("{:016x}", self.between(0, i64::MAX)))
            .collect();
        format!("sha256:{}", words.concat())
    }
}
