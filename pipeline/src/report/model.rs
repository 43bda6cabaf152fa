//! What a report says, apart from how it looks: the JSON in its page.
//!
//! Lists are cut where a page would become too long for a person or a browser; what was left out is
//! counted beside what is there. Text is ready to be shown: nothing in it can move a cursor or turn a line.

use serde::Serialize;

use super::travel::Travels;
use super::world::World;

/// All of it.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Model {
    pub(super) title: String,
    pub(super) span: Span,
    pub(super) figures: Figures,
    pub(super) series: Series,
    pub(super) detectors: Vec<DetectorRow>,
    pub(super) kinds: Vec<KindRow>,
    pub(super) identities: Cut<IdentityRow>,
    /// Identities with a command, or with a finding of severity high or critical.
    pub(super) urgent: u64,
    pub(super) findings: Cut<FindingRow>,
    pub(super) commands: Cut<CommandRow>,
    pub(super) travels: Travels,
    pub(super) world: World,
    pub(super) timelines: Timelines,
}

/// What of a longer list is shown.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Cut<T> {
    pub(super) rows: Vec<T>,
    pub(super) left_out: u64,
}

impl<T> Cut<T> {
    pub(super) fn of(rows: Vec<T>, total: u64) -> Self {
        let left_out = total.saturating_sub(rows.len() as u64);
        Self { rows, left_out }
    }
}

/// The time that is told of.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Span {
    /// Milliseconds: the first and the last event, finding or command.
    pub(super) first: i64,
    pub(super) last: i64,
    /// Whether `--from` or `--to` leaves out what is before or after.
    pub(super) is_part: bool,
}

/// The headline.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Of the log; not known where it is not among the results.
    pub(super) events: Option<u64>,
    pub(super) identities: Option<u64>,
    pub(super) findings: u64,
    /// Identities with a finding.
    pub(super) found: u64,
    /// Commands that ask or take something: neither `resume` nor `restore`.
    pub(super) enforced: u64,
    pub(super) observed: u64,
    /// Enforced commands that give something back.
    pub(super) undone: u64,
    /// Identities with an enforced command.
    pub(super) acted_on: u64,
    /// Findings of severity high or critical.
    pub(super) grave: u64,
    pub(super) tenants: u64,
}

/// Findings and commands over time.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Series {
    /// The beginning of the first bucket, and the length of each, milliseconds.
    pub(super) start: i64,
    pub(super) step: i64,
    /// By bucket, then by severity from `info` to `critical`.
    pub(super) findings: Vec<[u64; 5]>,
    /// Enforced commands by bucket.
    pub(super) enforced: Vec<u64>,
}

/// A detector.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct DetectorRow {
    pub(super) name: String,
    pub(super) notices: String,
    pub(super) findings: u64,
    pub(super) identities: u64,
    /// Findings behind an enforced command.
    pub(super) acted: u64,
    pub(super) bits: f64,
}

/// A kind of identity.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct KindRow {
    pub(super) kind: String,
    /// In the log, where that is there.
    pub(super) known: Option<u64>,
    pub(super) found: u64,
    pub(super) findings: u64,
    pub(super) enforced: u64,
}

/// Whom it is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Who {
    pub(super) tenant: String,
    pub(super) identity: String,
    pub(super) kind: String,
}

/// An identity with a finding or a command, those first that somebody should look at first.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct IdentityRow {
    #[serde(flatten)]
    pub(super) who: Who,
    pub(super) findings: u64,
    pub(super) enforced: u64,
    pub(super) observed: u64,
    pub(super) bits: f64,
    pub(super) risk: u64,
    /// The gravest finding.
    pub(super) severity: Option<&'static str>,
    pub(super) first: i64,
    pub(super) last: i64,
    /// The strongest command, an enforced one before one that is only observed.
    pub(super) command: Option<CommandRow>,
    /// When that command was undone.
    pub(super) undone: Option<i64>,
    /// What is to be done next.
    pub(super) next: Vec<Step>,
}

/// Something to do.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) text: String,
    /// What is typed for it.
    pub(super) code: Option<String>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct CommandRow {
    pub(super) id: String,
    pub(super) time: i64,
    pub(super) expires: i64,
    pub(super) action: String,
    /// What it asks of a bot.
    pub(super) means: String,
    pub(super) mode: String,
    #[serde(flatten)]
    pub(super) who: Who,
    pub(super) session: Option<String>,
    pub(super) credential: Option<String>,
    pub(super) because: String,
    pub(super) risk: u64,
    pub(super) detectors: Vec<String>,
    pub(super) findings: Vec<String>,
}

/// A finding with its explanation.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct FindingRow {
    pub(super) id: String,
    pub(super) time: i64,
    #[serde(flatten)]
    pub(super) who: Who,
    pub(super) session: Option<String>,
    pub(super) detector: String,
    pub(super) severity: String,
    pub(super) bits: f64,
    /// The bits in words.
    pub(super) surprise: String,
    pub(super) risk: u64,
    pub(super) technique: Vec<String>,
    pub(super) summary: String,
    /// Depth, name and value of each line of the evidence.
    pub(super) evidence: Vec<(usize, String, String)>,
    pub(super) arithmetic: Vec<String>,
    pub(super) silent_if: Option<String>,
    pub(super) events: Vec<String>,
    pub(super) more_events: usize,
}

/// The lives of the first identities of the list, on one axis.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Timelines {
    pub(super) start: i64,
    pub(super) step: i64,
    pub(super) buckets: u64,
    /// Whether places and endpoints are known: the log is among the results.
    pub(super) has_events: bool,
    pub(super) lives: Vec<Life>,
}

/// The life of one identity.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Life {
    #[serde(flatten)]
    pub(super) who: Who,
    pub(super) findings: Cut<Mark>,
    pub(super) commands: Cut<Mark>,
    pub(super) places: Lanes,
    pub(super) endpoints: Lanes,
}

/// A finding or a command in a life.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Mark {
    pub(super) id: String,
    pub(super) time: i64,
    /// The detector, or the action.
    pub(super) name: String,
    /// The severity, or the mode.
    pub(super) weight: String,
    /// After a finding that of the identity; by which a command was decided.
    pub(super) risk: u64,
    pub(super) bits: Option<f64>,
    pub(super) text: String,
}

/// Where an identity was, or what it called, when.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Lanes {
    pub(super) rows: Vec<Lane>,
    /// Different values without a lane.
    pub(super) left_out: u64,
}

/// One value, and how often it was seen.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) total: u64,
    /// The first time within what is told of.
    pub(super) first: i64,
    /// Bucket and number.
    pub(super) seen: Vec<(u64, u64)>,
}

impl<T> Default for Cut<T> {
    fn default() -> Self {
        Self::of(Vec::new(), 0)
    }
}
