//! Which endpoints, scopes and tenants an identity uses, how often, and how surprising another one
//! would be.
//!
//! Model: the chance that the next use is of something new follows a Pitman–Yor process (Pitman and
//! Yor 1997), θ the prior weight of the identity's kind, and the discount estimated from what was
//! seen once and twice (Kneser, Essen and Ney 1994; Teh 2006, "A Hierarchical Bayesian Language
//! Model based on Pitman–Yor Processes"), which is the Good–Turing estimate with a prior:
//!
//! ```text
//! discount = n1 / (n1 + 2·n2)
//! P(new)   = (θ + discount·K) / (θ + N)
//! P(new, of class c) = P(new) · (K_c + 4·p_c) / (K + 4)
//! ```
//!
//! N counts *hours of use* (an endpoint called a thousand times in an hour is one), so that a loop
//! does not look like a thousand independent confirmations. So an account with thousands of hours on
//! three endpoints is far more surprised by a fourth than an explorer is.

use plumbline_schemas::event::{ActionClass, IdentityKind};
use plumbline_schemas::time::EventTime;

use super::hour;
use crate::decay::Hours;
use crate::memory::{append_exact, replace, retain_exact, warm};
use crate::names::{Name, PackedName};
use crate::state::codec::stored;
use crate::units::Bits;

/// The least used entry makes room for the next.
const MOST_TOKENS: usize = 128;
/// Pseudo-observations behind the prior share of an action class.
const CLASS_PRIOR_WEIGHT: f64 = 4.0;
/// A new thing that nobody answered counts as usual once it was used on so many days.
const PROBATION_DAYS: u8 = 3;

/// One endpoint, scope or tenant.
#[derive(Clone, Copy, Debug)]
struct Token {
    name: PackedName,
    weight: Hours,
    usage: Packed,
}
stored!(Token {
    name,
    weight,
    usage
});

/// How something was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Usage {
    last_hour: u32,
    /// Distinct hours of use: once, twice, or three for more.
    hours: u8,
    /// Distinct days of use: three for more.
    days: u8,
    class: u8,
    on_probation: bool,
}

/// The usage of a token in 32 bits. From the lowest up: the last hour in 22, which last until 2448; hours
/// and days in 2 each, the class in 5, the probation in 1.
#[derive(Clone, Copy, Debug)]
struct Packed([u8; 4]);
stored!(Packed(..));

/// More hours than this, and more days, are not told apart.
const MOST_USES: u8 = 3;
const LAST_HOUR: u32 = (1 << 22) - 1;
const _: () = assert!(ActionClass::ALL.len() <= 32 && PROBATION_DAYS <= MOST_USES);

impl Usage {
    fn pack(self) -> Packed {
        Packed(
            (self.last_hour.min(LAST_HOUR)
                | u32::from(self.hours.min(MOST_USES)) << 22
                | u32::from(self.days.min(MOST_USES)) << 24
                | u32::from(self.class) << 26
                | u32::from(self.on_probation) << 31)
                .to_le_bytes(),
        )
    }
}

impl Packed {
    fn usage(self) -> Usage {
        let bits = u32::from_le_bytes(self.0);
        Usage {
            last_hour: bits & LAST_HOUR,
            hours: (bits >> 22) as u8 & MOST_USES,
            days: (bits >> 24) as u8 & MOST_USES,
            class: (bits >> 26) as u8 & 31,
            on_probation: bits >> 31 == 1,
        }
    }
}

/// The endpoints, scopes and tenants of one identity.
#[derive(Debug, Default)]
pub(crate) struct ScopeProfile {
    tokens: Box<[Token]>,
    /// Sum of the weights, also of entries dropped since.
    total: f32,
}
stored!(ScopeProfile { tokens, total });

/// How surprising something new is, with the numbers to check it by hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Novelty {
    pub(crate) bits: Bits,
    pub(crate) chance: f64,
    /// N, decayed hours of use.
    pub(crate) observations: f64,
    /// K, distinct things in use.
    pub(crate) distinct: usize,
    pub(crate) seen_once: usize,
    pub(crate) seen_twice: usize,
    pub(crate) prior_weight: f64,
    /// Distinct things of the same action class.
    pub(crate) distinct_of_class: usize,
    pub(crate) class_prior: f64,
}

/// How something is to be learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// As usual.
    Usual,
    /// It was surprising, but nobody was troubled: not usual before it was used on several days.
    Probation,
}

impl ScopeProfile {
    /// Whether this is known and usual.
    pub(crate) fn is_usual(&self, name: Name) -> bool {
        let name = PackedName::from(name);
        self.tokens
            .iter()
            .any(|token| token.name == name && !token.usage.usage().on_probation)
    }

    /// Whether it was on probation for so many hours without being used: nobody has called it an attack.
    pub(crate) fn has_passed(&self, name: Name, hours: u32, time: EventTime) -> bool {
        let name = name.into();
        let token = self.tokens.iter().find(|token| token.name == name);
        token.is_some_and(|token| {
            let usage = token.usage.usage();
            usage.on_probation && usage.last_hour.saturating_add(hours) <= hour(time)
        })
    }

    /// Forgets what is on probation: there was an attack.
    pub(crate) fn condemn(&mut self) {
        retain_exact(&mut self.tokens, |token| !token.usage.usage().on_probation);
    }

    /// Days on which this was used before `time`; two and more are not told apart.
    pub(crate) fn days(&self, name: Name, time: EventTime) -> u8 {
        let name = name.into();
        let token = self.tokens.iter().find(|token| token.name == name);
        token.map_or(0, |token| {
            let usage = token.usage.usage();
            let today = hour(time) / 24 <= usage.last_hour / 24;
            usage.days.saturating_sub(u8::from(today))
        })
    }

    /// Whether it has been used in the hour of `time`, or later.
    pub(crate) fn is_used_in_hour(&self, name: Name, time: EventTime) -> bool {
        let name = name.into();
        let token = self.tokens.iter().find(|token| token.name == name);
        token.is_some_and(|token| token.usage.usage().last_hour >= hour(time))
    }

    /// The surprise at anything new of this class.
    pub(crate) fn novelty(
        &self,
        kind: IdentityKind,
        class: ActionClass,
        time: EventTime,
        now_weight: f32,
    ) -> Novelty {
        // What first came within the last hour vouches for nothing: somebody who looks around must not
        // pass for an explorer because of it. Of an identity that is no older it is all there is.
        let this_hour = hour(time);
        let usages = || self.tokens.iter().map(|token| token.usage.usage());
        let is_fresh = |usage: &Usage| usage.hours == 1 && usage.last_hour + 1 >= this_hour;
        let is_new = usages().all(|usage| is_fresh(&usage));
        let usual = || usages().filter(|usage| !usage.on_probation && (is_new || !is_fresh(usage)));
        let distinct = usual().count();
        let seen_once = usual().filter(|usage| usage.hours == 1).count();
        let seen_twice = usual().filter(|usage| usage.hours == 2).count();
        let distinct_of_class = usual().filter(|usage| usage.class == class as u8).count();
        let discount = match seen_once {
            0 => 0.0,
            once => once as f64 / (once + 2 * seen_twice) as f64,
        };
        let observations = f64::from(self.total / now_weight);
        let prior_weight = prior_weight(kind);
        let class_prior = class_prior(kind, class);
        let new = (prior_weight + discount * distinct as f64) / (prior_weight + observations);
        let of_class = (distinct_of_class as f64 + CLASS_PRIOR_WEIGHT * class_prior)
            / (distinct as f64 + CLASS_PRIOR_WEIGHT);
        let chance = new.min(1.0) * of_class;
        Novelty {
            bits: Bits::of_chance(chance),
            chance,
            observations,
            distinct,
            seen_once,
            seen_twice,
            prior_weight,
            distinct_of_class,
            class_prior,
        }
    }

    /// The most used entries, most used first.
    pub(crate) fn usual(&self, most: usize) -> Vec<Name> {
        let mut tokens: Vec<&Token> = self
            .tokens
            .iter()
            .filter(|token| !token.usage.usage().on_probation)
            .collect();
        // A stable sort: entries of equal weight stay in the order of their first use.
        tokens.sort_by(|a, b| b.weight.get().total_cmp(&a.weight.get()));
        tokens
            .into_iter()
            .take(most)
            .map(|token| token.name.name())
            .collect()
    }

    pub(crate) fn learn(
        &mut self,
        name: Name,
        class: ActionClass,
        time: EventTime,
        weight: f32,
        trust: Trust,
    ) {
        let this_hour = hour(time).min(LAST_HOUR);
        let name = PackedName::from(name);
        let Some(token) = self.tokens.iter_mut().find(|token| token.name == name) else {
            let usage = Usage {
                last_hour: this_hour,
                hours: 1,
                days: 1,
                class: class as u8,
                on_probation: trust == Trust::Probation,
            };
            self.add(
                Token {
                    name,
                    weight: Hours::new(weight),
                    usage: usage.pack(),
                },
                weight,
            );
            return;
        };
        let mut usage = token.usage.usage();
        usage.on_probation &= trust == Trust::Probation;
        if this_hour > usage.last_hour {
            if this_hour / 24 > usage.last_hour / 24 {
                usage.days += 1;
            }
            usage.last_hour = this_hour;
            usage.hours += 1;
            usage.on_probation &= usage.days < PROBATION_DAYS;
            token.weight.add(weight);
            self.total += weight;
        }
        token.usage = usage.pack();
    }

    fn add(&mut self, token: Token, weight: f32) {
        self.total += weight;
        if self.tokens.len() < MOST_TOKENS {
            append_exact(&mut self.tokens, token);
            return;
        }
        let weight_of = |at: usize| self.tokens[at].weight.get();
        let least = (0..self.tokens.len()).min_by(|a, b| weight_of(*a).total_cmp(&weight_of(*b)));
        if let Some(least) = least {
            // Order of first use is kept, because ties in `usual` go by it.
            replace(&mut self.tokens, least, token);
        }
    }

    pub(crate) fn scale(&mut self, factor: f32) {
        self.total *= factor;
        for token in &mut self.tokens {
            token.weight.scale(factor);
        }
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        self.tokens.iter().for_each(|token| mark(token.name.name()));
    }

    pub(crate) fn warm(&self) -> u32 {
        warm(&self.tokens, |token| u32::from(token.usage.0[0]))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.tokens)
    }
}

/// θ: how many hours of something new a young profile of that kind is given. People explore; a
/// deployed program does what it was deployed to do.
fn prior_weight(kind: IdentityKind) -> f64 {
    match kind {
        IdentityKind::Human => 12.0,
        IdentityKind::AiAgent => 6.0,
        IdentityKind::ServiceAccount | IdentityKind::Workload | IdentityKind::ApiKey => 2.0,
    }
}

/// Share of distinct endpoints that are of a class, before anything is known of the identity: an
/// operator's estimate for business APIs, where reads and writes are nearly all there is.
fn class_prior(kind: IdentityKind, class: ActionClass) -> f64 {
    match class {
        // Some people administrate; a program that does was made for it.
        ActionClass::Admin | ActionClass::Privilege | ActionClass::Secret
            if kind == IdentityKind::Human =>
        {
            0.03
        }
        ActionClass::Read => 0.45,
        ActionClass::Write => 0.20,
        ActionClass::Other => 0.10,
        ActionClass::Login | ActionClass::Logout | ActionClass::Mfa | ActionClass::TokenIssue => {
            0.05
        }
        ActionClass::Delete
        | ActionClass::Approval
        | ActionClass::TaskStart
        | ActionClass::TaskEnd => 0.02,
        ActionClass::TokenRotate | ActionClass::TokenRevoke | ActionClass::Posture => 0.02,
        ActionClass::Deploy | ActionClass::Export | ActionClass::Payment => 0.01,
        ActionClass::Admin | ActionClass::Privilege | ActionClass::Secret => 0.005,
    }
}

/// Whether a first use of this class is worth a question by itself.
pub(crate) fn is_sensitive(class: ActionClass) -> bool {
    matches!(
        class,
        ActionClass::Delete
            | ActionClass::Deploy
            | ActionClass::Export
            | ActionClass::Payment
            | ActionClass::Admin
            | ActionClass::Privilege
            | ActionClass::Secret
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decay::Landmark;
    use crate::names::{Names, Space};

    fn hours(hours: i64) -> EventTime {
        EventTime::from_millis(1_790_000_000_000).plus_millis(hours * 3_600_000)
    }

    /// A profile with `endpoints` used once an hour in turn, for so many hours.
    fn profile(endpoints: usize, hours: i64) -> (ScopeProfile, f32) {
        let mut names = Names::default();
        let start = EventTime::from_millis(1_790_000_000_000);
        let landmark = Landmark::at(start);
        let mut profile = ScopeProfile::default();
        for hour in 0..hours {
            let (name, _) = names.intern(
                Space::Endpoint,
                &format!("GET /{}", hour as usize % endpoints),
            );
            let time = start.plus_millis(hour * 3_600_000);
            profile.learn(
                name,
                ActionClass::Read,
                time,
                landmark.weight(time),
                Trust::Usual,
            );
        }
        (
            profile,
            landmark.weight(start.plus_millis(hours * 3_600_000)),
        )
    }

    proptest! {
        #[test]
        fn a_packed_usage_comes_back_as_it_was(
            last_hour in 0..=LAST_HOUR, hours in 1..=MOST_USES, days in 1..=MOST_USES,
            class in 0_u8..32, on_probation: bool,
        ) {
            let usage = Usage { last_hour, hours, days, class, on_probation };
            prop_assert_eq!(usage.pack().usage(), usage);
        }
    }

    #[test]
    fn a_token_takes_ten_bytes() {
        assert_eq!(size_of::<Token>(), 10);
    }

    #[test]
    fn a_narrow_account_is_far_more_surprised_than_an_explorer() {
        let (narrow, now) = profile(3, 600);
        let (explorer, _) = profile(120, 200);
        let kind = IdentityKind::ServiceAccount;
        let narrow = narrow.novelty(kind, ActionClass::Read, hours(600), now);
        let explorer = explorer.novelty(kind, ActionClass::Read, hours(200), now);
        assert!(
            narrow.bits.0 > explorer.bits.0 + 6.0,
            "{narrow:?} {explorer:?}"
        );
    }

    #[test]
    fn a_young_profile_is_surprised_by_nothing_ordinary() {
        let (young, now) = profile(2, 3);
        let novelty = young.novelty(
            IdentityKind::ServiceAccount,
            ActionClass::Read,
            hours(3),
            now,
        );
        assert!(novelty.bits.0 < 4.0, "{novelty:?}");
    }

    #[test]
    fn a_sensitive_class_never_used_adds_to_the_surprise() {
        let (narrow, now) = profile(3, 600);
        let kind = IdentityKind::ServiceAccount;
        let read = narrow.novelty(kind, ActionClass::Read, hours(600), now);
        let secret = narrow.novelty(kind, ActionClass::Secret, hours(600), now);
        assert!(secret.bits.0 > read.bits.0 + 6.0, "{read:?} {secret:?}");
    }

    #[test]
    fn what_was_on_probation_is_usual_after_three_days_of_use() {
        let mut names = Names::default();
        let (name, _) = names.intern(Space::Endpoint, "GET /new");
        let start = EventTime::from_millis(1_790_000_000_000);
        let mut profile = ScopeProfile::default();
        for days in 0..3 {
            assert!(!profile.is_usual(name));
            let time = start.plus_millis(days * 86_400_000);
            profile.learn(name, ActionClass::Read, time, 1.0, Trust::Probation);
        }
        assert!(profile.is_usual(name));
    }
}
