//! The breaker: when commands hit more identities than any attack plausibly does, something else is
//! wrong, and enforcement stops until the window has passed.

use std::collections::VecDeque;

use plumbline_schemas::time::EventTime;

use crate::config::BreakerConfig;
use crate::state::codec::stored;

/// More are not kept.
const MOST: usize = 65_536;

/// The identities commanded within the window.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// In the order of the commands; an identity is here once, with its latest command.
    commanded: VecDeque<(EventTime, u64)>,
    open: bool,
}
stored!(Breaker { commanded, open });

/// A command that the other partitions of the log are to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Commanded {
    pub(crate) identity: u64,
    pub(crate) time: EventTime,
}

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
        command: Commanded,
        identities: usize,
    ) -> Ruling {
        self.count(config, command, command.time);
        let limit = limit(config, identities);
        let commanded = self.others(config, command.identity, command.time) + 1;
        if commanded < limit {
            self.open = false;
            return Ruling::Closed;
        }
        if std::mem::replace(&mut self.open, true) {
            return Ruling::Open;
        }
        Ruling::Tripped { commanded, limit }
    }

    /// Takes in a command, here or in another partition of the log, which may be ahead of this one.
    pub(crate) fn count(&mut self, config: &BreakerConfig, command: Commanded, now: EventTime) {
        let oldest = now.plus_millis(-config.window.as_millis());
        let Commanded { identity, time } = command;
        self.commanded
            .retain(|(time, other)| *time > oldest && *other != identity);
        if self.commanded.len() >= MOST {
            self.commanded.pop_front();
        }
        self.commanded.push_back((time, identity));
    }

    /// Whether the other partitions are to count it too: twice as many as open it will keep it open.
    pub(crate) fn is_news(
        &self,
        config: &BreakerConfig,
        command: Commanded,
        identities: usize,
    ) -> bool {
        let others = self.others(config, command.identity, command.time);
        others <= 2 * limit(config, identities)
    }

    /// Whether it is open: a command given now would not be enforced.
    pub(crate) fn is_open(
        &self,
        config: &BreakerConfig,
        identity: u64,
        identities: usize,
        now: EventTime,
    ) -> bool {
        self.open && self.others(config, identity, now) + 1 >= limit(config, identities)
    }

    /// How many others were commanded within the window. What a partition tells that is further ahead than that does
    /// not count yet.
    fn others(&self, config: &BreakerConfig, identity: u64, now: EventTime) -> usize {
        let window_ms = config.window.as_millis();
        let (oldest, newest) = (now.plus_millis(-window_ms), now.plus_millis(window_ms));
        let others = self
            .commanded
            .iter()
            .filter(|(time, other)| *time > oldest && *time < newest && *other != identity);
        others.count()
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

    fn by(identity: u64, time: EventTime) -> Commanded {
        Commanded { identity, time }
    }

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
            assert_eq!(
                breaker.rule(&config, by(identity, start), 100),
                Ruling::Closed
            );
        }
        assert_eq!(
            breaker.rule(&config, by(1, start), 100),
            Ruling::Closed,
            "the same identity again"
        );
        assert_eq!(
            breaker.rule(&config, by(2, start), 100),
            Ruling::Tripped {
                commanded: 3,
                limit: 3
            }
        );
        assert_eq!(breaker.rule(&config, by(3, start), 100), Ruling::Open);
        assert!(breaker.is_open(&config, 9, 100, start));
        let later = start.plus_millis(5 * 60_000 + 1);
        assert!(!breaker.is_open(&config, 9, 100, later));
        assert_eq!(breaker.rule(&config, by(4, later), 100), Ruling::Closed);
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
            (0..10)
                .all(|identity| breaker.rule(&config, by(identity, start), 1000) == Ruling::Closed)
        );
        assert!(matches!(
            breaker.rule(&config, by(10, start), 1000),
            Ruling::Tripped { limit: 11, .. }
        ));
    }
}
