//! In which order an identity calls its endpoints.
//!
//! Model: a variable-order Markov chain of order two for machines and one for people (whose order is
//! mostly habit of the last step), each order smoothed with the one below it by a Dirichlet prior
//! (MacKay and Peto 1995, "A Hierarchical Dirichlet Language Model"):
//!
//! ```text
//! P(x | c2 c1) = (n(c2 c1 x) + 1·P(x | c1)) / (n(c2 c1) + 1)
//! P(x | c1)    = (n(c1 x)    + 2·P(x))      / (n(c1) + 2)
//! P(x)         = (n(x)       + 4/(K+1))     / (n + 4)
//! ```
//!
//! Counts decay over event time. The table is bounded; the rarest quarter makes room.

use plumbline_schemas::event::IdentityKind;

use crate::memory::grow_by_quarter;

/// An endpoint as the model sees it: a stable hash of its name.
pub(crate) type Symbol = u32;

/// The symbol of an endpoint with this hash.
pub(crate) fn symbol(hash: u64) -> Symbol {
    (hash >> 32) as u32 | 2
}

/// Stands for "anything" in the key of a context's total. Together with 0, which stands before the
/// first call of a session, it is no endpoint's symbol.
const ANY: Symbol = 1;

/// Prior weight of each order's back-off, from order 0 up.
const BACK_OFF_WEIGHT: [f64; 3] = [4.0, 2.0, 1.0];

#[derive(Clone, Copy, Debug)]
struct Count {
    key: u32,
    weight: f32,
}

/// The last calls of a session, newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) last: Symbol,
    pub(crate) before: Symbol,
}

impl Context {
    /// Something failed or came late: what comes next does not follow from the usual order.
    pub(crate) const LOST: Self = Self {
        last: ANY,
        before: ANY,
    };

    pub(crate) fn push(&mut self, symbol: Symbol) {
        self.before = self.last;
        self.last = symbol;
    }
}

/// The chances of one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// P(x | context): in the identity's usual order.
    pub(crate) in_order: f64,
    /// Half P(x), half 1/K: the same endpoints without their order.
    pub(crate) without_order: f64,
    /// How often the context was seen, decayed.
    pub(crate) context_count: f64,
    /// How often this step was taken from the last call, decayed.
    pub(crate) step_count: f64,
}

/// The order of the calls of one identity.
#[derive(Debug)]
pub(crate) struct SequenceProfile {
    /// Sorted by key.
    counts: Vec<Count>,
    /// Distinct endpoints in the table.
    endpoints: u16,
    second_order: bool,
}

fn key(order: u32, before: Symbol, last: Symbol, symbol: Symbol) -> u32 {
    // Multiplication by odd constants and rotation: cheap, and the same on every machine.
    let mut hash = order.wrapping_mul(0x9E37_79B9);
    for part in [before, last, symbol] {
        hash = (hash.rotate_left(5) ^ part).wrapping_mul(0x85EB_CA6B);
    }
    hash ^ (hash >> 15)
}

impl SequenceProfile {
    pub(crate) fn new(kind: IdentityKind) -> Self {
        Self {
            counts: Vec::new(),
            endpoints: 0,
            second_order: kind != IdentityKind::Human,
        }
    }

    fn most(&self) -> usize {
        if self.second_order { 96 } else { 64 }
    }

    fn count(&self, key: u32) -> f64 {
        match self.counts.binary_search_by_key(&key, |count| count.key) {
            Ok(at) => f64::from(self.counts[at].weight),
            Err(_) => 0.0,
        }
    }

    /// The chances of this step, or nothing where the context was lost, or where the endpoint was never
    /// called before: whether that is odd is for the scope to say, not for the order.
    pub(crate) fn step(&self, context: Context, symbol: Symbol, now_weight: f32) -> Option<Step> {
        let now = f64::from(now_weight);
        let own = self.count(key(0, 0, 0, symbol)) / now;
        if own == 0.0 || context.last == ANY {
            return None;
        }
        let all = self.count(key(0, 0, 0, ANY)) / now;
        let distinct = f64::from(self.endpoints.max(1));
        let unordered = self.unordered(own, all);
        let smoothed = |order: u32, before: Symbol, lower: f64| {
            let context_count = self.count(key(order, before, context.last, ANY)) / now;
            let step_count = self.count(key(order, before, context.last, symbol)) / now;
            let weight = BACK_OFF_WEIGHT[order as usize];
            (
                (step_count + weight * lower) / (context_count + weight),
                context_count,
                step_count,
            )
        };
        let (first, context_count, step_count) = smoothed(1, 0, unordered);
        let in_order = if self.second_order && context.before != ANY {
            smoothed(2, context.before, first).0
        } else {
            first
        };
        let without_order = 0.5 * unordered + 0.5 / distinct;
        Some(Step {
            in_order,
            without_order,
            context_count,
            step_count,
        })
    }

    /// Share of this endpoint among all calls.
    pub(crate) fn share(&self, symbol: Symbol, now_weight: f32) -> f64 {
        let now = f64::from(now_weight);
        let own = self.count(key(0, 0, 0, symbol)) / now;
        self.unordered(own, self.count(key(0, 0, 0, ANY)) / now)
    }

    fn unordered(&self, own: f64, all: f64) -> f64 {
        let distinct = f64::from(self.endpoints.max(1));
        (own + BACK_OFF_WEIGHT[0] / (distinct + 1.0)) / (all + BACK_OFF_WEIGHT[0])
    }

    pub(crate) fn learn(&mut self, context: Context, symbol: Symbol, weight: f32) {
        if self.add(key(0, 0, 0, symbol), weight) {
            self.endpoints = self.endpoints.saturating_add(1);
        }
        self.add(key(0, 0, 0, ANY), weight);
        if context.last == ANY {
            return;
        }
        self.add(key(1, 0, context.last, symbol), weight);
        self.add(key(1, 0, context.last, ANY), weight);
        if self.second_order && context.before != ANY {
            self.add(key(2, context.before, context.last, symbol), weight);
            self.add(key(2, context.before, context.last, ANY), weight);
        }
    }

    /// Whether the key is new.
    fn add(&mut self, key: u32, weight: f32) -> bool {
        match self.counts.binary_search_by_key(&key, |count| count.key) {
            Ok(at) => {
                self.counts[at].weight += weight;
                false
            }
            Err(_) => {
                if self.counts.len() >= self.most() {
                    self.make_room();
                }
                let at = self.counts.partition_point(|count| count.key < key);
                grow_by_quarter(&mut self.counts);
                self.counts.insert(at, Count { key, weight });
                true
            }
        }
    }

    /// Drops the rarest quarter. All at once, so that a profile which is always full pays for it
    /// once in a while and not at every step.
    fn make_room(&mut self) {
        let mut weights: Vec<f32> = self.counts.iter().map(|count| count.weight).collect();
        weights.sort_by(f32::total_cmp);
        let bound = weights[weights.len() / 4];
        let mut to_drop = weights.len() / 4;
        self.counts.retain(|count| {
            let drop = to_drop > 0 && count.weight <= bound;
            to_drop -= usize::from(drop);
            !drop
        });
    }

    pub(crate) fn scale(&mut self, factor: f32) {
        for count in &mut self.counts {
            count.weight *= factor;
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.counts.capacity() * size_of::<Count>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOP: [Symbol; 4] = [11, 12, 13, 14];

    fn looping(rounds: usize) -> (SequenceProfile, Context) {
        let mut profile = SequenceProfile::new(IdentityKind::ServiceAccount);
        let mut context = Context::default();
        for symbol in LOOP.into_iter().cycle().take(rounds * LOOP.len()) {
            profile.learn(context, symbol, 1.0);
            context.push(symbol);
        }
        (profile, context)
    }

    #[test]
    fn the_usual_order_is_likely_and_another_is_not() {
        let (profile, context) = looping(50);
        let usual = profile.step(context, 11, 1.0).expect("known");
        let odd = profile.step(context, 13, 1.0).expect("known");
        assert!(usual.in_order > 0.95, "{usual:?}");
        assert!(odd.in_order < 0.01, "{odd:?}");
        assert!(odd.without_order > 0.2, "{odd:?}");
    }

    #[test]
    fn a_stranger_is_not_judged_by_order() {
        let (profile, context) = looping(50);
        assert!(profile.step(context, 99, 1.0).is_none());
    }

    #[test]
    fn the_table_stays_bounded_and_keeps_the_frequent() {
        let (mut profile, mut context) = looping(200);
        for stranger in 1000..3000 {
            profile.learn(context, stranger, 1.0);
            context.push(stranger);
        }
        assert!(profile.counts.len() <= profile.most());
        let context = Context {
            last: 11,
            before: 14,
        };
        assert!(profile.step(context, 12, 1.0).expect("kept").in_order > 0.9);
    }
}
