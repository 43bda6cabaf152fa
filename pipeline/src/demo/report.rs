//! What the demo saw, in numbers and rows, and whether that is what it should have seen.

use std::time::Duration;

use hdrhistogram::Histogram;
use plumbline_schemas::command::Command;
use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;

/// All that the summary tells.
#[derive(Clone, Debug)]
pub struct Report {
    /// The configuration that the service ran with.
    pub config: String,
    /// What was fed, per source.
    pub sources: Vec<SourceCounts>,
    /// Different events read back from the log.
    pub events: u64,
    /// Identities that did something.
    pub identities: usize,
    /// Event times of the first and the last event.
    pub period: (EventTime, EventTime),
    /// Findings read back from the broker.
    pub findings: usize,
    /// Commands read back from the broker, in event time.
    pub commands: Vec<CommandRow>,
    /// Every planted attack.
    pub attacks: Vec<AttackRow>,
    /// Identities that were commanded without having been attacked by then.
    pub innocent_commanded: usize,
    /// How fast the last part was.
    pub latency: Latencies,
    /// Where the broker's findings and commands differ from the engine's own; empty is what it
    /// should be.
    pub differences: Vec<String>,
    /// How long it all took.
    pub wall: Duration,
}

impl Report {
    /// Whether every planted attack was answered, and the broker lost, doubled and changed nothing.
    pub fn is_good(&self) -> bool {
        self.differences.is_empty() && self.answered() == self.attacks.len()
    }

    /// How many planted attacks were answered.
    pub fn answered(&self) -> usize {
        let answered = |attack: &&AttackRow| attack.answer.is_some();
        self.attacks.iter().filter(answered).count()
    }
}

/// What was fed of one source.
#[derive(Clone, Debug)]
pub struct SourceCounts {
    /// The topic.
    pub topic: &'static str,
    /// The log format.
    pub format: &'static str,
    /// Raw records.
    pub records: u64,
    /// Events that they hold.
    pub events: u64,
}

/// A command and what a reader wants to know beside it.
#[derive(Clone, Debug)]
pub struct CommandRow {
    /// As it was read.
    pub command: Command,
    /// Bits of surprise of the findings that it rests on, added up.
    pub bits: f64,
    /// The planted attack that it answers.
    pub attack: Option<String>,
}

/// A planted attack and what became of it.
#[derive(Clone, Debug)]
pub struct AttackRow {
    /// What sort of attack, in the words of the labels.
    pub name: String,
    /// Who was attacked.
    pub identity: String,
    /// What that is.
    pub kind: IdentityKind,
    /// The first command that answers it.
    pub answer: Option<Answer>,
}

/// The first command that answered an attack.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The action, as the bots read it.
    pub action: &'static str,
    /// Event time from the attack's first event to the event that was answered.
    pub after: Duration,
}

/// The latencies of the part that was fed at a measured pace.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// Events per second that it was fed at.
    pub pace: u32,
    /// Raw record handed to the producer → its event read from the log.
    pub to_log: Latency,
    /// Raw record handed to the producer → the command it leads to read from the control topic.
    pub to_command: Latency,
}

/// Percentiles of one latency.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// How many were measured.
    pub count: u64,
    /// Half were no slower.
    pub p50: Duration,
    /// Nine of ten were no slower.
    pub p90: Duration,
    /// 99 of 100 were no slower.
    pub p99: Duration,
    /// The slowest.
    pub max: Duration,
}

impl Latency {
    /// Of these, each measured to the microsecond and kept to three digits.
    pub(super) fn of(measured: impl Iterator<Item = Duration>) -> Self {
        // Three digits are within what a histogram can keep.
        let Ok(mut micros) = Histogram::<u64>::new(3) else {
            return Self::default();
        };
        for duration in measured {
            micros += u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        }
        let at = |quantile| Duration::from_micros(micros.value_at_quantile(quantile));
        Self {
            count: micros.len(),
            p50: at(0.50),
            p90: at(0.90),
            p99: at(0.99),
            max: Duration::from_micros(micros.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_measured() {
        let latency = Latency::of((1..=1000).map(Duration::from_micros));
        let micros = [latency.p50, latency.p90, latency.p99, latency.max].map(|at| at.as_micros());
        assert_eq!((latency.count, micros), (1000, [500, 900, 990, 1000]));
        assert_eq!(Latency::of(std::iter::empty()).count, 0);
    }
}
