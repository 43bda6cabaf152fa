//! What differs between two results, and how it is put together.

use std::collections::BTreeMap;
use std::path::Path;

use plumbline_schemas::time::EventTime;
use serde::Serialize;

use super::CompareError;
use super::change::{Change, changes};
use super::difference::{Differences, Examples};
use super::quality::{self, Alarms, Answer, Attack, Score};
use super::results::{Item, Overview, Results};
use super::tally::{Counts, Tallies, Tally, is_enforced};
use super::walk::{Met, walk};
use crate::config::CompareConfig;
use crate::replay::labels::LabelledEvent;

/// What differs between two results: `comparison.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The log of A.
    pub a: Overview,
    /// The log of B.
    pub b: Overview,
    /// Whether both have as many records from the same first to the same last time. If not, the two results
    /// are of different logs, and what differs says little of the configurations.
    pub same_log: bool,
    /// All findings and commands.
    pub total: Tally,
    /// Commands enforced on both sides, with a stronger action in B.
    pub stronger: u64,
    /// Commands enforced on both sides, with a weaker action in B.
    pub weaker: u64,
    /// Changed commands of another mode or action.
    pub turned: Vec<Turn>,
    /// Of how many changed findings and commands each field differs.
    pub changed_fields: ChangedFields,
    /// Commands by action and mode.
    pub by_action: Vec<ByAction>,
    /// By detector; a command counts for each of the detectors behind it.
    pub by_detector: Vec<ByDetector>,
    /// By kind of identity.
    pub by_identity_kind: Vec<ByKind>,
    /// By identity; only those of which something differs.
    pub by_identity: Vec<ByIdentity>,
    /// How long after the last event of an attack a command answers it.
    pub answer_within: String,
    /// What the enforced commands are worth.
    pub enforced: Sides<Alarms>,
    /// What all commands are worth, as if those that are only observed were enforced too.
    pub published: Sides<Alarms>,
    /// The labelled attacks, in the order of their first events, and which enforced command answered each.
    pub attacks: Vec<AttackOutcome>,
    /// Commands to be shown to a person.
    #[serde(skip)]
    pub(super) examples: Examples,
}

/// One of each side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sides<T> {
    /// Of A.
    pub a: T,
    /// Of B.
    pub b: T,
}

/// A way in which commands changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// Mode in A.
    pub mode_a: &'static str,
    /// Action in A.
    pub action_a: &'static str,
    /// Mode in B.
    pub mode_b: &'static str,
    /// Action in B.
    pub action_b: &'static str,
    /// How many.
    pub commands: u64,
}

/// Fields that differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangedFields {
    /// Of findings.
    pub findings: BTreeMap<String, u64>,
    /// Of commands.
    pub commands: BTreeMap<String, u64>,
}

/// Commands of one action and mode.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByAction {
    /// What they ask.
    pub action: &'static str,
    /// Whether a bot acts on them.
    pub mode: &'static str,
    /// How many.
    #[serde(flatten)]
    pub commands: Counts,
}

/// What one detector found, and what it led to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByDetector {
    /// Its name.
    pub detector: String,
    /// How many.
    #[serde(flatten)]
    pub tally: Tally,
}

/// What concerns identities of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByKind {
    /// The kind.
    pub kind: &'static str,
    /// How many.
    #[serde(flatten)]
    pub tally: Tally,
}

/// What concerns one identity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByIdentity {
    /// Its tenant.
    pub tenant: String,
    /// Its id.
    pub identity: String,
    /// What it is.
    pub kind: &'static str,
    /// How many.
    #[serde(flatten)]
    pub tally: Tally,
}

/// An attack, and what answered it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttackOutcome {
    /// Its name.
    pub attack: String,
    /// Its tenant.
    pub tenant: String,
    /// Who did it, or to whom it was done.
    pub identity: String,
    /// When it began.
    pub first: Option<EventTime>,
    /// Its labelled events.
    pub events: u64,
    /// The answer in A.
    pub a: Option<Answer>,
    /// The answer in B.
    pub b: Option<Answer>,
}

/// Compares two results, and writes what differs to `out`, where that is given.
pub(super) fn judge(
    a: &Results,
    b: &Results,
    labels: Vec<LabelledEvent>,
    config: &CompareConfig,
    out: Option<&Path>,
) -> Result<Comparison, CompareError> {
    let mut tallies = Tallies::default();
    let mut differences = Differences::begin(out, config.top)?;
    walk(&a.findings, &b.findings, &mut |met| {
        let (a, b) = met.sides();
        tallies.finding(a, b, met.differs());
        if met.differs() {
            let fields = fields(&met, &mut tallies.finding_fields)?;
            differences.finding(a, b, fields)?;
        }
        Ok(())
    })?;
    walk(&a.commands, &b.commands, &mut |met| {
        let (a, b) = met.sides();
        tallies.command(a, b, met.differs());
        if met.differs() {
            let fields = fields(&met, &mut tallies.command_fields)?;
            differences.command(a, b, fields)?;
        }
        Ok(())
    })?;
    let attacks = quality::attacks(&labels);
    let within_ms = config.answer_within.as_millis();
    let score = |side, counts| quality::score(side, &attacks, within_ms, counts);
    let enforced = (score(a, is_enforced)?, score(b, is_enforced)?);
    let published = (score(a, |_| true)?, score(b, |_| true)?);
    let mut comparison = tallied(tallies, (a, b));
    comparison.answer_within = config.answer_within.to_string();
    comparison.attacks = answered(&attacks, &enforced.0, &enforced.1);
    comparison.enforced = sides(enforced);
    comparison.published = sides(published);
    comparison.examples = differences.publish(&comparison)?;
    Ok(comparison)
}

/// What differs of what both sides have, counted.
fn fields<T: Item>(
    met: &Met<T>,
    tally: &mut BTreeMap<String, u64>,
) -> Result<Vec<Change>, CompareError> {
    let Met::Changed(a, b) = met else {
        return Ok(Vec::new());
    };
    let fields = changes(&**a, &**b)?;
    for change in &fields {
        *tally.entry(change.field.clone()).or_default() += 1;
    }
    Ok(fields)
}

fn sides((a, b): (Score, Score)) -> Sides<Alarms> {
    Sides {
        a: a.alarms,
        b: b.alarms,
    }
}

fn answered(attacks: &[Attack], a: &Score, b: &Score) -> Vec<AttackOutcome> {
    let answers = a.answers.iter().zip(&b.answers);
    let outcomes = attacks
        .iter()
        .zip(answers)
        .map(|(attack, (a, b))| AttackOutcome {
            attack: attack.name.clone(),
            tenant: attack.tenant.clone(),
            identity: attack.identity.clone(),
            first: attack.first(),
            events: attack.times.len() as u64,
            a: a.clone(),
            b: b.clone(),
        });
    outcomes.collect()
}

/// What the counts say; the alarms are yet to come.
fn tallied(tallies: Tallies, (a, b): (&Results, &Results)) -> Comparison {
    let (a, b) = (&a.overview, &b.overview);
    let log = |it: &Overview| (it.events, it.event_time_first, it.event_time_last);
    let none = || Sides {
        a: Alarms::default(),
        b: Alarms::default(),
    };
    let differing = tallies
        .by_identity
        .into_iter()
        .filter(|(_, tally)| tally.differs());
    Comparison {
        same_log: log(a) == log(b),
        a: a.clone(),
        b: b.clone(),
        total: tallies.all,
        stronger: tallies.stronger,
        weaker: tallies.weaker,
        turned: turns(tallies.turns),
        changed_fields: ChangedFields {
            findings: tallies.finding_fields,
            commands: tallies.command_fields,
        },
        by_action: tallies
            .by_action
            .into_iter()
            .map(|((action, mode), commands)| ByAction {
                action,
                mode,
                commands,
            })
            .collect(),
        by_detector: tallies
            .by_detector
            .into_iter()
            .map(|(detector, tally)| ByDetector { detector, tally })
            .collect(),
        by_identity_kind: tallies
            .by_kind
            .into_iter()
            .map(|(kind, tally)| ByKind { kind, tally })
            .collect(),
        by_identity: differing
            .map(|(who, tally)| ByIdentity {
                tenant: who.tenant,
                identity: who.identity,
                kind: who.kind,
                tally,
            })
            .collect(),
        answer_within: String::new(),
        enforced: none(),
        published: none(),
        attacks: Vec::new(),
        examples: Examples::default(),
    }
}

fn turns(turns: BTreeMap<[&'static str; 4], u64>) -> Vec<Turn> {
    let turns = turns
        .into_iter()
        .map(|([mode_a, action_a, mode_b, action_b], commands)| Turn {
            mode_a,
            action_a,
            mode_b,
            action_b,
            commands,
        });
    turns.collect()
}
