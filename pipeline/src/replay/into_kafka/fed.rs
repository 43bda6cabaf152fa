//! What has been written, and why not all of it.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use plumbline_schemas::drift::DriftCounts;
use plumbline_schemas::time::EventTime;
use rdkafka::error::KafkaError;

use crate::kafka::ConnectError;
use crate::replay::feed::Taken;
use crate::replay::{INTERRUPTED, ReplayError};

/// What came of a log that was written into Kafka.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fed {
    /// The topic.
    pub topic: String,
    /// Events written.
    pub events: u64,
    /// Records, or parts of them, that went to the dead letter.
    pub dead_letters: u64,
    /// Readable, but of no identity.
    pub skipped: u64,
    /// Of another time or of somebody else than was asked for.
    pub left_out: u64,
    /// What the partitions of another log have told each other: those of this one tell each other themselves.
    pub told: u64,
    /// Records that are not what their format expects.
    pub drift: DriftCounts,
    /// The smallest event time.
    pub event_time_first: Option<EventTime>,
    /// The largest event time.
    pub event_time_last: Option<EventTime>,
    /// How long it took, milliseconds.
    pub wall_ms: u64,
}

impl Fed {
    /// Counts what is not for the log.
    pub(super) fn count(&mut self, taken: &Taken<'_>) {
        match taken {
            Taken::Event(_) => self.told += 1,
            Taken::Skipped => self.skipped += 1,
            Taken::LeftOut => self.left_out += 1,
            Taken::Drift(drift) => self.drift.add(drift),
            // Counted where it is written; and nobody goes on there.
            Taken::Rejected(..) | Taken::Place(_) => {}
        }
    }

    pub(super) fn saw(&mut self, time: EventTime) {
        let first = self.event_time_first;
        self.event_time_first = Some(first.map_or(time, |first| first.min(time)));
        self.event_time_last = self.event_time_last.max(Some(time));
    }
}

impl fmt::Display for Fed {
    /// A few lines for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.wall_ms as f64 / 1000.0;
        let rate = self.events as f64 / seconds.max(0.001);
        write!(
            f,
            "{} events written to {} in {seconds:.1} s ({rate:.0}/s)",
            self.events, self.topic
        )?;
        if let (Some(first), Some(last)) = (self.event_time_first, self.event_time_last) {
            write!(f, "\nfrom {first} to {last}")?;
        }
        write!(
            f,
            "\nnot written:  {} dead letters, {} of no identity",
            self.dead_letters, self.skipped
        )?;
        if self.told > 0 {
            write!(f, ", {} that partitions told each other", self.told)?;
        }
        if self.left_out > 0 {
            write!(f, "\nleft out:     {} not asked for", self.left_out)?;
        }
        if !self.drift.is_empty() {
            write!(f, "\ndrift:        {}", self.drift)?;
        }
        Ok(())
    }
}

/// How far somebody came who did not come to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The topic.
    pub topic: String,
    /// Events that were sent.
    pub sent: u64,
    /// So many of them, the first ones, have been confirmed.
    pub confirmed: u64,
    /// When the last of those happened.
    pub up_to: Option<EventTime>,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            sent,
            confirmed,
            up_to,
        } = self;
        match up_to {
            None if *sent == 0 => write!(f, "no event was written to {topic}"),
            None => write!(
                f,
                "of {sent} events that were sent to {topic} none was confirmed; write them again"
            ),
            Some(time) if confirmed == sent => write!(
                f,
                "{sent} events up to {time} are written to {topic}; go on with --from {time}"
            ),
            Some(time) => write!(
                f,
                "of {sent} events that were sent to {topic} the first {confirmed} are confirmed, up to {time}; go on \
                 with --from {time}"
            ),
        }
    }
}

/// Why a log was not written into Kafka, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum IntoKafkaError {
    /// What is read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The cluster, or what is configured of it.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A log that is somewhere else in time.
    #[error(
        "{topic} has come to {newest}, and what is to be written begins at {first}: more than engine.lateness before \
         that, so that a service would count it as late and decide nothing. Name a topic or a cluster of its own in \
         [kafka] of another --config, or begin later with --from; --force writes it all the same"
    )]
    Late {
        /// The topic.
        topic: String,
        /// The latest event time in it.
        newest: EventTime,
        /// Of the first event that would be written.
        first: EventTime,
    },
    /// Kafka takes no more.
    #[error("the log cannot be written on: {reached}")]
    Write {
        /// How far it came.
        reached: Box<Reached>,
        /// What librdkafka said.
        source: KafkaError,
    },
    /// A file that cannot be read to its end.
    #[error("{path} cannot be read beyond {place}; {reached}")]
    Read {
        /// The file.
        path: PathBuf,
        /// How much of it was read.
        place: String,
        /// How far the log came.
        reached: Box<Reached>,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A signal asked for the end.
    #[error("interrupted: {0}")]
    Interrupted(Box<Reached>),
}

impl IntoKafkaError {
    /// Why reading has ended, told by what has been written by then and not by results that there are none of.
    pub(super) fn broken_off(error: ReplayError, reached: &Reached) -> Self {
        let reached = Box::new(reached.clone());
        match error {
            ReplayError::Read {
                path,
                offset,
                source,
            } => Self::Read {
                path,
                place: format!("byte {offset} of its content"),
                reached,
                source: source.into(),
            },
            ReplayError::Parquet { path, row, source } => Self::Read {
                path,
                place: format!("row {row}"),
                reached,
                source: source.into(),
            },
            other => Self::Replay(other),
        }
    }

    /// The exit status for it: 2 for usage and configuration, 130 if interrupted, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Replay(error) => error.exit_code(),
            Self::Connect(error) => error.exit_code(),
            Self::Late { .. } => 2,
            Self::Write { .. } | Self::Read { .. } => 1,
            Self::Interrupted(_) => INTERRUPTED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_interrupted_is_told_where_to_go_on() {
        let time = EventTime::parse("2026-03-02T09:00:00Z");
        let said = |sent, confirmed, up_to| {
            let topic = "plumbline.events".to_owned();
            let reached = Reached {
                topic,
                sent,
                confirmed,
                up_to,
            };
            IntoKafkaError::Interrupted(Box::new(reached)).to_string()
        };
        let all = [
            said(0, 0, None),
            said(7, 7, time),
            said(7, 5, time),
            said(7, 0, None),
        ];
        insta::assert_snapshot!(all.join("\n"), @"
        interrupted: no event was written to plumbline.events
        interrupted: 7 events up to 2026-03-02T09:00:00.000Z are written to plumbline.events; go on with --from 2026-03-02T09:00:00.000Z
        interrupted: of 7 events that were sent to plumbline.events the first 5 are confirmed, up to 2026-03-02T09:00:00.000Z; go on with --from 2026-03-02T09:00:00.000Z
        interrupted: of 7 events that were sent to plumbline.events none was confirmed; write them again
        ");
    }

    #[test]
    fn the_summary_says_what_was_not_written() {
        let mut fed = Fed {
            topic: "plumbline.events".to_owned(),
            events: 1200,
            dead_letters: 3,
            skipped: 2,
            left_out: 7,
            told: 4,
            wall_ms: 1500,
            ..Fed::default()
        };
        for time in ["2026-03-02T09:00:00Z", "2026-03-02T08:00:00Z"] {
            fed.saw(EventTime::parse(time).expect("a time"));
        }
        insta::assert_snapshot!(fed, @"
        1200 events written to plumbline.events in 1.5 s (800/s)
        from 2026-03-02T08:00:00.000Z to 2026-03-02T09:00:00.000Z
        not written:  3 dead letters, 2 of no identity, 4 that partitions told each other
        left out:     7 not asked for
        ");
    }
}
