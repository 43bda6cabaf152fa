//! The breaker: when commands hit more identities than any attack plausibly does, something else is
//! wrong, and enforcement stops until the window has passed.

use std::collections::VecDeque;

use plumbline_schemas::time::EventTime;

use crate::config::BreakerConfig;
use crate::state::codec::stored;

/// The identities commanded within the window.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// In the order of the commands; an identity is here once, with its latest command.
    commanded: VecDeque<(EventTime, u64)>,
    open: bool,
}
stored!(Breaker { commanded, open });

/// What the breaker says of a command that is about to be enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// Enforce it.
    Closed,
    /// Do not, and say so: this is the command too many.
    Tripped {
        /// Identities commanded within the window.
        commanded: usize,
        /// This many are too many.
        limit: usize,
    },
    /// Do not; it has been said.
    Open,
}

impl Breaker {
    /// Takes in a command about an identity, of so many known.
    pub(crate) fn rule(
        &mut self,
        config: &BreakerConfig,
        identity: u64,
        identities: usize,
        now: EventTime,
    ) -> Ruling {
        let oldest = now.plus_millis(-config.window.as_millis());
        self.commanded
            .retain(|(time, other)| *time > oldest && *other != identity);
        self.commanded.push_back((now, identity));
        let limit = limit(config, identities);
        let commanded = self.commanded.len();
        if commanded < limit {
            self.open = false;
            return Ruling::Closed;
        }
        if std::mem::replace(&mut self.open, true) {
            return Ruling::Open;
        }
        Ruling::Tripped { commanded, limit }
    }

    /// Whether it is open: a command given now would not be enforced.
    pub(crate) fn is_open(
        &self,
        config: &BreakerConfig,
        identity: u64,
        identities: usize,
        now: EventTime,
    ) -> bool {
        let oldest = now.plus_millis(-config.window.as_millis());
        let others = self
            .commanded
            .iter()
            .filter(|(time, other)| *time > oldest && *other != identity);
        self.open && others.count() + 1 >= limit(config, identities)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.commanded.capacity() * size_of::<(EventTime, u64)>()
    }
}

/// From so many commanded identities on it is open: at least the minimum, and more than the share.
fn limit(config: &BreakerConfig, identities: usize) -> usize {
    let share = (config.share * identities as f64).floor() as usize;
    (share + 1).max(config.minimum as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Span;

    #[test]
    fn it_opens_at_the_minimum_and_closes_when_the_window_has_passed() {
        let config = BreakerConfig {
            share: 0.01,
            minimum: 3,
            window: Span::minutes(5),
        };
        let mut breaker = Breaker::default();
        let start = EventTime::from_millis(1_790_000_000_000);
        for identity in 0..2 {
            assert_eq!(breaker.rule(&config, identity, 100, start), Ruling::Closed);
        }
        assert_eq!(
            breaker.rule(&config, 1, 100, start),
            Ruling::Closed,
            "the same identity again"
        );
        assert_eq!(
            breaker.rule(&config, 2, 100, start),
            Ruling::Tripped {
                commanded: 3,
                limit: 3
            }
        );
        assert_eq!(breaker.rule(&config, 3, 100, start), Ruling::Open);
        assert!(breaker.is_open(&config, 9, 100, start));
        let later = start.plus_millis(5 * 60_000 + 1);
        assert!(!breaker.is_open(&config, 9, 100, later));
        assert_eq!(breaker.rule(&config, 4, 100, later), Ruling::Closed);
    }

    #[test]
    fn among_many_identities_the_share_is_the_limit() {
        let config = BreakerConfig {
            share: 0.01,
            minimum: 3,
            window: Span::minutes(5),
        };
        let mut breaker = Breaker::default();
        let start = EventTime::from_millis(1_790_000_000_000);
        assert!(
            (0..10).all(|identity| breaker.rule(&config, identity, 1000, start) == Ruling::Closed)
        );
        assert!(matches!(
            breaker.rule(&config, 10, 1000, start),
            Ruling::Tripped { limit: 11, .. }
        ));
    }
}
