//! What a replay came to, in numbers: `summary.json`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use plumbline_detectors::Output;
use plumbline_schemas::drift::{DriftCounts, DriftKind};
use plumbline_schemas::time::EventTime;
use serde::{Deserialize, Serialize};

/// A word of a vocabulary, and how often it came.
pub type Counts = BTreeMap<Cow<'static, str>, u64>;

/// The numbers of one replay. Of two runs over the same input only `wall_ms` differs; and `state_bytes`, if one of
/// them was resumed: tables that were read back have less room to spare.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Records read, each event of a batch for itself: applied, duplicate, late, refused, skipped and left out.
    pub events: u64,
    /// Seen before, and ignored.
    pub duplicates: u64,
    /// Too far behind the log's clock, and kept out of profiles and decisions.
    pub late: u64,
    /// Refused, in `deadletter.ndjson`.
    pub dead_letters: u64,
    /// Refused, by reason.
    pub dead_letters_by_reason: Counts,
    /// Readable, but of no identity.
    pub skipped: u64,
    /// Whether a signal ended it before the log did: all numbers are of the records before that.
    #[serde(default, skip_serializing_if = "is_false")]
    pub interrupted: bool,
    /// Of another time or of somebody else than was asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Fields that hold a word that is not known: all of kind `unknown` in `drift`.
    pub unrecognised_words: u64,
    /// Records that are not what their format expects, by format, field, and what is wrong there.
    pub drift: DriftCounts,
    /// Findings by detector.
    pub findings: BTreeMap<String, u64>,
    /// Commands by action.
    pub commands: Counts,
    /// Commands by mode.
    pub commands_by_mode: Counts,
    /// Identities with a profile.
    pub identities: u64,
    /// Bytes of state at the end.
    pub state_bytes: u64,
    /// Files read.
    pub inputs: u64,
    /// What tells the configuration of the engine from others: its
    /// [digest](crate::config::Config::engine_digest).
    pub configuration: String,
    /// The smallest event time.
    pub event_time_first: Option<EventTime>,
    /// The largest event time.
    pub event_time_last: Option<EventTime>,
    /// How long it took, milliseconds.
    pub wall_ms: u64,
}

impl Summary {
    pub(super) fn count(&mut self, output: &Output) {
        match output {
            Output::Finding(finding) => {
                *self.findings.entry(finding.detector.clone()).or_default() += 1
            }
            // A replay is one engine, which needs no other to tell it anything.
            Output::Context(_) => {}
            Output::Command(command) => {
                *self
                    .commands
                    .entry(command.action.as_str().into())
                    .or_default() += 1;
                *self
                    .commands_by_mode
                    .entry(command.mode.as_str().into())
                    .or_default() += 1;
            }
        }
    }

    pub(super) fn drifted(&mut self, counts: &DriftCounts) {
        self.unrecognised_words = counts.of_kind(DriftKind::Unknown);
        self.drift.clone_from(counts);
    }

    pub(super) fn saw(&mut self, time: EventTime) {
        self.event_time_first = Some(self.event_time_first.map_or(time, |first| first.min(time)));
        self.event_time_last = self.event_time_last.max(Some(time));
    }
}

impl fmt::Display for Summary {
    /// A few lines for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.wall_ms as f64 / 1000.0;
        let rate = self.events as f64 / seconds.max(0.001);
        writeln!(
            f,
            "{} events of {} identities in {seconds:.1} s ({rate:.0}/s)",
            self.events, self.identities
        )?;
        if let (Some(first), Some(last)) = (self.event_time_first, self.event_time_last) {
            writeln!(f, "from {first} to {last}")?;
        }
        writeln!(f, "findings:     {}", listed(&self.findings))?;
        writeln!(f, "commands:     {}", listed(&self.commands))?;
        write!(
            f,
            "not applied:  {} duplicates, {} late, {} dead letters, {} of no identity",
            self.duplicates, self.late, self.dead_letters, self.skipped
        )?;
        if self.left_out > 0 {
            write!(f, "\nleft out:     {} not asked for", self.left_out)?;
        }
        if !self.drift.is_empty() {
            write!(f, "\ndrift:        {}", self.drift)?;
        }
        Ok(())
    }
}

fn is_false(it: &bool) -> bool {
    !it
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn listed<K: fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}
