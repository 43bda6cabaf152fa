//! Randomness: every draw belongs to a purpose, and a purpose has a generator of its own.
//!
//! A generator is made from (seed, owner, purpose, number) and from nothing else. So what an identity
//! does does not depend on who else there is, on the order in which anything is generated, or on
//! how much of the time was generated before: this is what makes the simulator streamable.

use rand::distr::{Distribution, StandardUniform};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Exp1, Poisson, StandardNormal};
use xxhash_rust::xxh3::xxh3_64;

/// ChaCha with eight rounds: the same numbers on every machine and in every version.
pub(crate) type Rng = ChaCha8Rng;

/// What a generator is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Facts of the organisation on one day.
    Organisation = 1,
    /// Who an identity is.
    Profile,
    /// Where a person travels in one week.
    Trip,
    /// What an identity plans for one day.
    Day,
    /// What it does in one go.
    Bout,
    /// What one attacker does.
    Attack,
}

/// The generator of an owner for a purpose; `number` tells apart days, bouts and the like.
pub(crate) fn rng(seed: u64, owner: u64, purpose: Purpose, number: i64) -> Rng {
    let mut key = [0_u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&owner.to_le_bytes());
    key[16..24].copy_from_slice(&(purpose as u64).to_le_bytes());
    key[24..].copy_from_slice(&number.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// A hash of numbers, for ids that several places must derive alike.
pub(crate) fn hash<const N: usize>(parts: [u64; N]) -> u64 {
    let mut bytes = [0_u8; 64];
    for (slot, part) in bytes.chunks_exact_mut(8).zip(parts) {
        slot.copy_from_slice(&part.to_le_bytes());
    }
    xxh3_64(&bytes[..(N * 8).min(64)])
}

/// A hash of a text, for what an emitter derives from an id.
pub(crate) fn hash_text(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// A hash as a number in 0..1.
pub(crate) fn share(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// True with this probability.
pub(crate) fn chance(rng: &mut Rng, probability: f64) -> bool {
    let draw: f64 = StandardUniform.sample(rng);
    draw < probability
}

/// One of a slice; the first of an empty one would be nothing, so callers pass tables.
pub(crate) fn pick<T: Copy>(rng: &mut Rng, items: &[T]) -> T {
    items[rng.random_range(0..items.len())]
}

/// An index into `len` items, low ones much more often: what people use most, they use a lot.
pub(crate) fn skewed(rng: &mut Rng, len: usize) -> usize {
    let draw: f64 = StandardUniform.sample(rng);
    ((draw * draw * len as f64) as usize).min(len.saturating_sub(1))
}

/// A normal variate.
pub(crate) fn normal(rng: &mut Rng, mean: f64, deviation: f64) -> f64 {
    let draw: f64 = StandardNormal.sample(rng);
    mean + deviation * draw
}

/// A log-normal variate with this median.
pub(crate) fn lognormal(rng: &mut Rng, median: f64, sigma: f64) -> f64 {
    median * normal(rng, 0.0, sigma).exp()
}

/// An exponential variate with this mean.
pub(crate) fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    let draw: f64 = Exp1.sample(rng);
    mean * draw
}

/// A Poisson variate; none where the mean is not positive.
pub(crate) fn poisson(rng: &mut Rng, mean: f64) -> u32 {
    Poisson::new(mean).map_or(0, |distribution| {
        let draw: f64 = distribution.sample(rng);
        draw as u32
    })
}
