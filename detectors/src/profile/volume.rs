//! How many calls an identity makes in a minute, an hour, a day.
//!
//! Model: the count of a window in which anything happens is Gamma–Poisson (negative binomial,
//! Greenwood and Yule 1920) with the mean m and the shape r of the identity's own windows:
//! r = m² / (variance − m), blended with a prior of three windows and held between 0.5 and 4,
//! because no short history supports thinner tails than that. The chance of k calls or more is
//! bounded by a geometric series:
//!
//! ```text
//! q = m / (m + r)                  p(k) = Γ(k+r) / (Γ(r)·k!) · (1−q)^r · q^k
//! P(X ≥ k) ≤ p(k) / (1 − ρ)        ρ = max(q, q·(k+r)/(k+1))
//! ```

use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;
use statrs::function::gamma::ln_gamma;

use super::sequence::Symbol;
use crate::decay::Sum;
use crate::state::codec::stored;
use crate::units::Bits;

/// The window lengths, milliseconds.
const WINDOWS_MS: [i64; 3] = [MINUTE_MS, 3_600_000, 86_400_000];
/// How many active minutes such a window has: activity comes in bouts, so that the longer the window,
/// the smaller the active part of it. The power 0.7 of its minutes.
const ACTIVE_MINUTES: [f64; 3] = [1.0, 17.567334681314133, 162.5001418673134];
const MINUTE_MS: i64 = 60_000;
/// The most surprised of several windows is less surprised by so much: each may be by chance. Log2 of
/// their number, rounded up.
const SEVERAL_LOOKS_BITS: f64 = 2.0;
/// So many windows the prior is worth.
const PRIOR_WINDOWS: f64 = 3.0;
const PRIOR_SHAPE: f64 = 0.7;
const LEAST_SHAPE: f64 = 0.5;
const MOST_SHAPE: f64 = 4.0;

/// The windows of one length.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// Calls in the current window.
    count: Calls,
    /// The one before, still open for late events.
    previous: Calls,
    /// Decayed number of windows, sum of their counts, and the root of the sum of their squared counts:
    /// the sum itself outgrows what it is kept in.
    windows: Sum,
    sum: Sum,
    root: Sum,
}
stored!(Window {
    count,
    previous,
    windows,
    sum,
    root
});

/// A number of calls that stands anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Calls([u8; 4]);
stored!(Calls(..));

impl Calls {
    fn get(self) -> u32 {
        u32::from_le_bytes(self.0)
    }

    /// One call more.
    fn increment(&mut self) -> u32 {
        let calls = self.get().saturating_add(1);
        self.0 = calls.to_le_bytes();
        calls
    }
}

/// The call volumes of one identity.
#[derive(Debug, Default)]
pub(crate) struct VolumeProfile {
    /// The newest minute, since 1970: it tells the current window of each length.
    minute: u32,
    windows: [Window; WINDOWS_MS.len()],
    /// What is called while there is an unusual number of calls: nothing, nearly always.
    burst: Option<Box<Burst>>,
}
stored!(VolumeProfile {
    minute,
    windows,
    burst
});

/// Which endpoints a burst consists of.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    pub(crate) calls: u32,
    /// How surprising the last call of it was.
    pub(crate) bits: f32,
    endpoints: Vec<(Symbol, u32)>,
}
stored!(Burst {
    calls,
    bits,
    endpoints
});

/// More endpoints than this are counted together.
const MOST_OF_BURST: usize = 8;

impl Burst {
    fn add(&mut self, symbol: Symbol) {
        self.calls = self.calls.saturating_add(1);
        let known = self.endpoints.iter().position(|(own, _)| *own == symbol);
        match known {
            Some(at) => self.endpoints[at].1 = self.endpoints[at].1.saturating_add(1),
            None if self.endpoints.len() < MOST_OF_BURST => self.endpoints.push((symbol, 1)),
            None => {}
        }
    }

    /// Share of this endpoint among the calls of the burst.
    pub(crate) fn share(&self, symbol: Symbol) -> f64 {
        let count = self.endpoints.iter().find(|(own, _)| *own == symbol);
        count.map_or(0.0, |(_, count)| f64::from(*count) / f64::from(self.calls))
    }

    /// How far the mix of the burst is from the usual one: Kullback and Leibler's divergence, in bits
    /// per call. A peak in which everything grows alike has none.
    pub(crate) fn shift(&self, usual: impl Fn(Symbol) -> f64) -> f64 {
        let term = |now: f64, usual: f64| match now > 0.0 {
            true => now * (now / usual.max(1e-6)).log2(),
            false => 0.0,
        };
        let (mut shift, mut rest, mut usual_rest) = (0.0, 1.0, 1.0);
        for (symbol, _) in &self.endpoints {
            let (now, before) = (self.share(*symbol), usual(*symbol));
            shift += term(now, before);
            rest -= now;
            usual_rest -= before;
        }
        shift + term(rest, usual_rest)
    }
}

/// An unusual number of calls, with the numbers to check it by hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Excess {
    pub(crate) bits: Bits,
    pub(crate) window_ms: i64,
    pub(crate) window_start: EventTime,
    pub(crate) count: u32,
    pub(crate) mean: f64,
    pub(crate) shape: f64,
    /// Decayed number of windows behind the mean.
    pub(crate) windows: f64,
}

impl Excess {
    /// The least count of this window that is as surprising as that, found by bisection.
    pub(crate) fn count_at(&self, bits: Bits) -> u32 {
        let (mut below, mut at_least) = (0, self.count);
        while at_least - below > 1 {
            let middle = below + (at_least - below) / 2;
            if tail_bits(middle, self.mean, self.shape) >= bits {
                at_least = middle;
            } else {
                below = middle;
            }
        }
        at_least
    }
}

impl VolumeProfile {
    /// Counts one call and says which window length is the most surprised, if any is.
    ///
    /// A window that is over is learnt when the next one begins, unless `suspect`.
    pub(crate) fn count(
        &mut self,
        kind: IdentityKind,
        time: EventTime,
        weight: f32,
        symbol: Symbol,
        suspect: bool,
    ) -> Option<Excess> {
        let mut worst: Option<Excess> = None;
        let minute = time.as_millis().div_euclid(MINUTE_MS);
        let minute = minute.clamp(0, i64::from(u32::MAX)) as u32;
        let newest = self.minute;
        self.minute = newest.max(minute);
        let lengths = WINDOWS_MS.into_iter().zip(ACTIVE_MINUTES);
        for (window, (length, active)) in self.windows.iter_mut().zip(lengths) {
            let minutes = (length / MINUTE_MS) as u32;
            let (index, mut current) = (minute / minutes, newest / minutes);
            if index > current {
                if !suspect {
                    window.close(weight);
                }
                window.previous = if index == current + 1 {
                    window.count
                } else {
                    Calls::default()
                };
                current = index;
                window.count = Calls::default();
            }
            let count = if index == current {
                window.count.increment()
            } else if index + 1 == current {
                window.previous.increment()
            } else {
                continue;
            };
            let start = EventTime::from_millis(i64::from(index) * length);
            let prior = calls_per_active_minute(kind) * active;
            if let Some(excess) = window.excess(prior, length, start, count, weight)
                && worst.is_none_or(|worst| excess.bits > worst.bits)
            {
                worst = Some(excess);
            }
        }
        let Some(mut excess) = worst else {
            self.burst = None;
            return None;
        };
        excess.bits = Bits((excess.bits.0 - SEVERAL_LOOKS_BITS).max(0.0));
        let burst = self.burst.get_or_insert_default();
        burst.add(symbol);
        burst.bits = excess.bits.0 as f32;
        Some(excess)
    }

    /// What is called in the burst that goes on, if one does.
    pub(crate) fn burst(&self) -> Option<&Burst> {
        self.burst.as_deref()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.burst.as_ref().map_or(0, |burst| {
            size_of::<Burst>() + burst.endpoints.capacity() * size_of::<(Symbol, u32)>()
        })
    }

    pub(crate) fn scale(&mut self, factor: f32) {
        for window in &mut self.windows {
            window.windows.scale(factor);
            window.sum.scale(factor);
            window.root.scale(factor.sqrt());
        }
    }
}

impl Window {
    fn close(&mut self, weight: f32) {
        if self.count != Calls::default() {
            let count = self.count.get() as f32;
            self.windows.add(weight);
            self.sum.add(weight * count);
            let (root, count) = (f64::from(self.root.get()), f64::from(count));
            let squares = root * root + f64::from(weight) * count * count;
            self.root = Sum::new(squares.sqrt() as f32);
        }
    }

    fn excess(
        &self,
        prior_mean: f64,
        length: i64,
        window_start: EventTime,
        count: u32,
        now_weight: f32,
    ) -> Option<Excess> {
        let now = f64::from(now_weight);
        let (windows, sum) = (
            f64::from(self.windows.get()) / now,
            f64::from(self.sum.get()) / now,
        );
        let mean = (sum + PRIOR_WINDOWS * prior_mean) / (windows + PRIOR_WINDOWS);
        // Anything that is not beyond twice the mean is no burst: the tail needs no computing, which is what
        // makes this cheap for every ordinary call.
        if f64::from(count) < 2.0 * mean + 6.0 {
            return None;
        }
        let root = f64::from(self.root.get());
        let squares = root * root / now;
        let own_mean = sum / windows.max(1.0);
        let variance = squares / windows.max(1.0) - own_mean * own_mean;
        let own_shape = match variance - own_mean {
            excess if excess > 0.0 => (own_mean * own_mean / excess).clamp(LEAST_SHAPE, MOST_SHAPE),
            _ => MOST_SHAPE,
        };
        let shape = (windows * own_shape + PRIOR_WINDOWS * PRIOR_SHAPE) / (windows + PRIOR_WINDOWS);
        Some(Excess {
            bits: tail_bits(count, mean, shape),
            window_ms: length,
            window_start,
            count,
            mean,
            shape,
            windows,
        })
    }
}

/// −log2 of the bound on P(X ≥ count), see the module's documentation.
fn tail_bits(count: u32, mean: f64, shape: f64) -> Bits {
    let k = f64::from(count);
    let q = mean / (mean + shape);
    let ln_p = ln_gamma(k + shape) - ln_gamma(shape) - ln_gamma(k + 1.0)
        + shape * (1.0 - q).ln()
        + k * q.ln();
    let ratio = q.max(q * (k + shape) / (k + 1.0));
    if ratio >= 1.0 {
        return Bits::ZERO;
    }
    // Not clamped: what is beyond all measure may be corrected yet.
    Bits((-(ln_p - (1.0 - ratio).ln()) / std::f64::consts::LN_2).max(0.0))
}

/// Calls in an active minute before anything is known of the identity: a person clicks a few times, a
/// program runs a batch.
fn calls_per_active_minute(kind: IdentityKind) -> f64 {
    match kind {
        IdentityKind::Human => 6.0,
        IdentityKind::AiAgent => 12.0,
        IdentityKind::ServiceAccount | IdentityKind::Workload | IdentityKind::ApiKey => 20.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use statrs::distribution::{DiscreteCDF, NegativeBinomial};

    use super::*;

    const START: EventTime = EventTime::from_millis(1_790_000_000_000 / 86_400_000 * 86_400_000);

    /// Worst excess of `calls` evenly spread over a minute, after `days` of `usual` calls an hour.
    fn excess(days: i64, usual: i64, calls: i64) -> Option<Excess> {
        let mut profile = VolumeProfile::default();
        let kind = IdentityKind::ServiceAccount;
        for hour in 0..days * 24 {
            for call in 0..usual {
                let time = START.plus_millis(hour * 3_600_000 + call * 60_000 / usual);
                profile.count(kind, time, 1.0, 2, false);
            }
        }
        let start = START.plus_millis(days * 86_400_000 + 30_000);
        (0..calls)
            .filter_map(|call| {
                profile.count(
                    kind,
                    start.plus_millis(call * 29_000 / calls),
                    1.0,
                    2,
                    false,
                )
            })
            .max_by(|a, b| a.bits.0.total_cmp(&b.bits.0))
    }

    #[test]
    fn twice_the_usual_is_nothing_and_forty_times_is_a_lot() {
        assert!(excess(14, 20, 40).is_none_or(|excess| excess.bits.0 < 5.0));
        let harvest = excess(14, 20, 800).expect("forty times");
        assert!(harvest.bits.0 > 25.0, "{harvest:?}");
    }

    #[test]
    fn active_minutes_are_the_power_of_all() {
        for (length, active) in WINDOWS_MS.into_iter().zip(ACTIVE_MINUTES) {
            let power = ((length / MINUTE_MS) as f64).powf(0.7);
            assert!((power - active).abs() < 1e-9, "{power}");
        }
    }

    #[test]
    fn the_windows_take_64_bytes() {
        assert_eq!(size_of::<VolumeProfile>(), 64);
    }

    #[test]
    fn late_calls_count_in_the_window_before() {
        let (mut profile, kind) = (VolumeProfile::default(), IdentityKind::Human);
        let mut count = |seconds: i64| {
            profile.count(kind, START.plus_millis(seconds * 1000), 1.0, 2, false);
            profile
                .windows
                .map(|window| (window.previous.get(), window.count.get()))
        };
        assert_eq!(count(0), [(0, 1); 3]);
        assert_eq!(count(61), [(1, 1), (0, 2), (0, 2)]);
        assert_eq!(count(59), [(2, 1), (0, 3), (0, 3)]);
        assert_eq!(count(3600), [(0, 1), (3, 1), (0, 4)]);
        assert_eq!(count(61), [(0, 1), (4, 1), (0, 5)]);
        assert_eq!(count(86_400), [(0, 1), (0, 1), (5, 1)]);
    }

    #[test]
    fn a_young_profile_bears_a_batch() {
        assert!(excess(0, 1, 120).is_none_or(|excess| excess.bits.0 < 14.0));
    }

    proptest! {
        #[test]
        fn the_bound_is_never_more_surprised_than_the_exact_tail(
            mean in 0.5_f64..200.0, shape in 0.5_f64..4.0, factor in 3_u32..20,
        ) {
            let count = (mean as u32 + 1) * factor + 10;
            let exact = NegativeBinomial::new(shape, shape / (mean + shape)).expect("valid").sf(u64::from(count) - 1);
            prop_assume!(exact > 1e-12);
            let bound = tail_bits(count, mean, shape).0;
            prop_assert!(bound <= -exact.log2() + 1e-6, "bound {bound}, exact {}", -exact.log2());
            prop_assert!(bound >= -exact.log2() - 3.0, "bound {bound}, exact {}", -exact.log2());
        }
    }
}
