//! In which order an identity calls its endpoints.
//!
//! Model: a variable-order Markov chain of order two for machines and one for people (whose order is
//! mostly habit of the last step), each order smoothed with the one below it by a Dirichlet prior
//! (MacKay and Peto 1995, "A Hierarchical Dirichlet Language Model"). Its weight grows with the number t of
//! ways that were taken from the context (Witten and Bell 1991): where much has followed, more may.
//!
//! ```text
//! P(x | c2 c1) = (n(c2 c1 x) + 1·t·P(x | c1)) / (n(c2 c1) + 1·t)
//! P(x | c1)    = (n(c1 x)    + 2·t·P(x))      / (n(c1) + 2·t)
//! P(x)         = (n(x)       + 4/(K+1))       / (n + 4)
//! ```
//!
//! Counts decay over event time. The table is bounded; the rarest contexts make room, each with all its
//! steps.

use plumbline_schemas::event::IdentityKind;

use crate::decay::Sum;
use crate::memory::{insert_exact, retain_exact, warm};
use crate::state::codec::stored;

/// An endpoint as the model sees it: a stable hash of its name.
pub(crate) type Symbol = u32;

/// The symbol of an endpoint with this hash.
pub(crate) fn symbol(hash: u64) -> Symbol {
    (hash >> 32) as u32 | 2
}

/// Stands for a call of which nothing follows. Together with 0, which stands before the first call of
/// a session, it is no endpoint's symbol.
const ANY: Symbol = 1;

/// Prior weight of each order's back-off, from order 0 up; from order 1 on for each way that was taken.
const BACK_OFF_WEIGHT: [f64; 3] = [4.0, 2.0, 1.0];

/// How often one step was taken: six bytes.
///
/// The key is twelve bits of the context's hash before twelve of the step's, so that the steps from one
/// context stand side by side. A step never taken passes for one that was with a chance of one in
/// 4096 for each step known from there, which blurs the order no more than forgetting does.
#[derive(Clone, Copy, Debug)]
struct Count {
    key: Key,
    times: Sum,
}
stored!(Count { key, times });

/// Twenty-four bits that sort by context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key([u8; 3]);
stored!(Key(..));

impl Key {
    fn new(number: u32) -> Self {
        let [a, b, c, _] = number.to_le_bytes();
        Self([a, b, c])
    }

    fn number(self) -> u32 {
        let [a, b, c] = self.0;
        u32::from_le_bytes([a, b, c, 0])
    }

    fn context(self) -> u32 {
        self.number() >> STEP_BITS
    }
}

/// Half of a key.
const STEP_BITS: u32 = 12;

/// The context of a call, and the hash from which its steps derive theirs.
#[derive(Clone, Copy, Debug)]
struct Place(u32);

impl Place {
    /// Of all calls, whatever came before.
    const ANYWHERE: Self = Self(0);

    /// After the last call.
    fn after(last: Symbol) -> Self {
        Self(mixed(mixed(1, last), 0))
    }

    /// After the last two.
    fn after_both(context: Context) -> Self {
        Self(mixed(mixed(2, context.last), context.before))
    }

    /// The key of calling this endpoint there.
    fn key(self, symbol: Symbol) -> Key {
        let step = mixed(self.0, symbol) >> (32 - STEP_BITS);
        Key::new((self.context() << STEP_BITS) | step)
    }

    fn context(self) -> u32 {
        self.0 >> (32 - STEP_BITS)
    }
}

/// Multiplication by odd constants and a shift: cheap, and the same on every machine.
fn mixed(hash: u32, part: u32) -> u32 {
    let hash = (hash.rotate_left(5) ^ part).wrapping_mul(0x85EB_CA6B);
    (hash ^ (hash >> 15)).wrapping_mul(0x9E37_79B9)
}

/// What is known of a context.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    /// All steps from there, and the one in question.
    all: f64,
    own: f64,
    distinct: usize,
}

/// The last calls of a session, newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) last: Symbol,
    pub(crate) before: Symbol,
}
stored!(Context { last, before });

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
    /// All calls so far, decayed.
    pub(crate) calls: f64,
}

/// How much an identity's order of calls tells of its next call: bits per call that the order saves,
/// against the same endpoints without their order. Somebody who has no order cannot break one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Order(f32);
stored!(Order(..));

/// The mean runs over about so many calls: the few dozen of an attack hardly move it.
const ORDER_CALLS: f32 = 512.0;
/// Of so many calls before the first, the order saved nothing.
const PRIOR_CALLS: f32 = 16.0;
/// No call says more than this.
const MOST_ORDER_BITS: f64 = 4.0;

impl Order {
    pub(crate) fn learn(&mut self, step: &Step) {
        let saved = (step.in_order / step.without_order).log2();
        let saved = saved.clamp(-MOST_ORDER_BITS, MOST_ORDER_BITS) as f32;
        let calls = step.calls as f32 + PRIOR_CALLS;
        self.0 += (saved - self.0) / calls.min(ORDER_CALLS);
    }

    /// Bits per call.
    pub(crate) fn bits(self) -> f64 {
        f64::from(self.0)
    }
}

/// The order of the calls of one identity.
#[derive(Debug)]
pub(crate) struct SequenceProfile {
    /// Sorted by key.
    counts: Box<[Count]>,
    second_order: bool,
    pub(crate) order: Order,
}
stored!(SequenceProfile {
    counts,
    second_order,
    order
});

impl SequenceProfile {
    pub(crate) fn new(kind: IdentityKind) -> Self {
        Self {
            counts: Box::default(),
            second_order: kind != IdentityKind::Human,
            order: Order::default(),
        }
    }

    fn most(&self) -> usize {
        if self.second_order { 64 } else { 40 }
    }

    fn steps(&self, place: Place, symbol: Symbol, now: f64) -> Steps {
        let own = place.key(symbol);
        let first = place.context() << STEP_BITS;
        let from = self
            .counts
            .partition_point(|count| count.key.number() < first);
        let mut steps = Steps::default();
        for count in &self.counts[from..] {
            if count.key.context() != place.context() {
                break;
            }
            let times = f64::from(count.times.get());
            steps.all += times;
            steps.distinct += 1;
            if count.key == own {
                steps.own = times;
            }
        }
        (steps.all, steps.own) = (steps.all / now, steps.own / now);
        steps
    }

    /// The chances of this step, or nothing where the context was lost, or where the endpoint was never
    /// called before: whether that is odd is for the scope to say, not for the order.
    pub(crate) fn step(&self, context: Context, symbol: Symbol, now_weight: f32) -> Option<Step> {
        let now = f64::from(now_weight);
        if context.last == ANY {
            return None;
        }
        let anywhere = self.steps(Place::ANYWHERE, symbol, now);
        if anywhere.own == 0.0 {
            return None;
        }
        let unordered = anywhere.chance(0, 1.0 / (anywhere.distinct as f64 + 1.0));
        let after = self.steps(Place::after(context.last), symbol, now);
        let mut in_order = after.chance(1, unordered);
        if self.second_order && context.before != ANY {
            let after_both = self.steps(Place::after_both(context), symbol, now);
            in_order = after_both.chance(2, in_order);
        }
        Some(Step {
            in_order,
            without_order: 0.5 * unordered + 0.5 / anywhere.distinct as f64,
            context_count: after.all,
            step_count: after.own,
            calls: anywhere.all,
        })
    }

    /// Share of this endpoint among all calls.
    pub(crate) fn share(&self, symbol: Symbol, now_weight: f32) -> f64 {
        let anywhere = self.steps(Place::ANYWHERE, symbol, f64::from(now_weight));
        // Of nothing at all, one endpoint is half.
        anywhere.chance(0, 1.0 / (anywhere.distinct.max(1) as f64 + 1.0))
    }

    pub(crate) fn learn(&mut self, context: Context, symbol: Symbol, weight: f32) {
        self.add(Place::ANYWHERE.key(symbol), weight);
        if context.last == ANY {
            return;
        }
        self.add(Place::after(context.last).key(symbol), weight);
        if self.second_order && context.before != ANY {
            self.add(Place::after_both(context).key(symbol), weight);
        }
    }

    fn add(&mut self, key: Key, weight: f32) {
        match self
            .counts
            .binary_search_by_key(&key.number(), |count| count.key.number())
        {
            Ok(at) => self.counts[at].times.add(weight),
            Err(mut at) => {
                if self.counts.len() >= self.most() {
                    self.make_room();
                    at = self
                        .counts
                        .partition_point(|count| count.key.number() < key.number());
                }
                let times = Sum::new(weight);
                insert_exact(&mut self.counts, at, Count { key, times });
            }
        }
    }

    /// Drops the rarest contexts, and of all calls the rarest endpoints, until a quarter is free. All at
    /// once, so that a profile which is always full pays for it once in a while and not at every step.
    ///
    /// A context goes with all its steps: of one that lost some, those would pass for never taken, however
    /// often they are. Of one that is not known the order below speaks.
    fn make_room(&mut self) {
        let counts = &self.counts;
        let weight = |at: usize| match counts[at].key.context() {
            anywhere if anywhere == Place::ANYWHERE.context() => counts[at].times.get(),
            context => {
                let first = counts.partition_point(|count| count.key.context() < context);
                let steps = counts[first..].iter();
                let steps = steps.take_while(|count| count.key.context() == context);
                steps.map(|count| count.times.get()).sum()
            }
        };
        let weights: Vec<f32> = (0..counts.len()).map(weight).collect();
        let mut sorted = weights.clone();
        sorted.sort_by(f32::total_cmp);
        let bound = sorted[sorted.len() / 4];
        let mut to_drop = sorted.len() / 4;
        let mut at = 0;
        let (mut last, mut drops_last) = (0, false);
        retain_exact(&mut self.counts, |count| {
            let context = count.key.context();
            let goes_with_last = context == last && context != Place::ANYWHERE.context();
            let drop = match goes_with_last {
                true => drops_last,
                false => to_drop > 0 && weights[at] <= bound,
            };
            to_drop = to_drop.saturating_sub(usize::from(drop));
            (last, drops_last, at) = (context, drop, at + 1);
            !drop
        });
    }

    pub(crate) fn scale(&mut self, factor: f32) {
        for count in &mut self.counts {
            count.times.scale(factor);
        }
        // What was last done years ago is next to nothing.
        retain_exact(&mut self.counts, |count| count.times != Sum::default());
    }

    pub(crate) fn warm(&self) -> u32 {
        warm(&self.counts, |count| u32::from(count.key.0[0]))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.counts)
    }
}

impl Steps {
    /// The chance of the step in question, smoothed with that of the order below.
    fn chance(&self, order: usize, lower: f64) -> f64 {
        let ways = if order == 0 { 1 } else { self.distinct.max(1) };
        let weight = BACK_OFF_WEIGHT[order] * ways as f64;
        (self.own + weight * lower) / (self.all + weight)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn a_count_takes_six_bytes() {
        assert_eq!(size_of::<Count>(), 6);
    }

    proptest! {
        #[test]
        fn what_is_counted_from_a_context_is_all_of_it_and_nothing_else(
            steps in proptest::collection::vec((2_u32..5, 2_u32..5, 2_u32..5), 1..12),
            asked in (2_u32..5, 2_u32..5, 2_u32..5),
        ) {
            let mut profile = SequenceProfile::new(IdentityKind::Workload);
            for &(before, last, symbol) in &steps {
                profile.learn(Context { last, before }, symbol, 1.0);
            }
            let count = |of: &dyn Fn(&(u32, u32, u32)) -> bool| {
                steps.iter().filter(|step| of(step)).count() as f64
            };
            let (before, last, symbol) = asked;
            let anywhere = profile.steps(Place::ANYWHERE, symbol, 1.0);
            prop_assert_eq!(anywhere.all, steps.len() as f64);
            prop_assert_eq!(anywhere.own, count(&|step| step.2 == symbol));
            let after = profile.steps(Place::after(last), symbol, 1.0);
            prop_assert_eq!(after.all, count(&|step| step.1 == last));
            prop_assert_eq!(after.own, count(&|step| (step.1, step.2) == (last, symbol)));
            let both = profile.steps(Place::after_both(Context { last, before }), symbol, 1.0);
            prop_assert_eq!(both.all, count(&|step| (step.0, step.1) == (before, last)));
            prop_assert_eq!(both.own, count(&|step| *step == asked));
        }
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
