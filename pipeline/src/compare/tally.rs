//! Counts of what was gained, lost and changed, in total and by what it is about.

use std::collections::BTreeMap;

use plumbline_schemas::command::{Command, Mode};
use plumbline_schemas::finding::Finding;
use serde::Serialize;

/// How many of something there are on each side. `b = a + gained − lost`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// In A.
    pub a: u64,
    /// In B.
    pub b: u64,
    /// In B and not in A.
    pub gained: u64,
    /// In A and not in B.
    pub lost: u64,
    /// In both, and not the same in all.
    pub changed: u64,
}

impl Counts {
    fn note(&mut self, a: bool, b: bool, changed: bool) {
        self.a += u64::from(a);
        self.b += u64::from(b);
        match (a, b) {
            (true, true) => self.changed += u64::from(changed),
            (true, false) => self.lost += 1,
            (false, true) => self.gained += 1,
            (false, false) => {}
        }
    }

    /// Whether the two sides differ in it.
    pub fn differs(&self) -> bool {
        self.gained + self.lost + self.changed > 0
    }
}

/// Findings and commands of one group, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Findings.
    pub findings: Counts,
    /// Commands of every action and mode.
    pub commands: Counts,
    /// Commands that a bot acts on and that ask or take something: mode enforce, and neither `resume` nor
    /// `restore`. One that is observed in A and enforced in B is gained here, and changed among `commands`.
    pub enforced: Counts,
}

impl Tally {
    /// Whether the two sides differ in it.
    pub fn differs(&self) -> bool {
        self.findings.differs() || self.commands.differs() || self.enforced.differs()
    }

    /// How much the two sides differ, to put the most important first.
    pub(super) fn weight(&self) -> (u64, u64, u64) {
        let weight = |counts: &Counts| counts.gained + counts.lost + counts.changed;
        (
            weight(&self.enforced),
            weight(&self.commands),
            weight(&self.findings),
        )
    }
}

/// An identity of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    pub(super) tenant: String,
    pub(super) identity: String,
    pub(super) kind: &'static str,
}

/// All counts. What changed from one group to another is lost in the one and gained in the other.
#[derive(Default)]
pub(super) struct Tallies {
    pub(super) all: Tally,
    /// A command counts for each of the detectors behind it.
    pub(super) by_detector: BTreeMap<String, Tally>,
    pub(super) by_action: BTreeMap<(&'static str, &'static str), Counts>,
    pub(super) by_kind: BTreeMap<&'static str, Tally>,
    pub(super) by_identity: BTreeMap<Who, Tally>,
    /// Commands of which mode or action changed: from what to what.
    pub(super) turns: BTreeMap<[&'static str; 4], u64>,
    /// By field, of how many findings and commands it changed.
    pub(super) finding_fields: BTreeMap<String, u64>,
    pub(super) command_fields: BTreeMap<String, u64>,
    pub(super) stronger: u64,
    pub(super) weaker: u64,
}

pub(super) fn is_enforced(command: &Command) -> bool {
    command.mode == Mode::Enforce && command.action.strength().is_some()
}

impl Tallies {
    /// Counts a finding of either side, or of both.
    pub(super) fn finding(&mut self, a: Option<&Finding>, b: Option<&Finding>, changed: bool) {
        let Some(finding) = a.or(b) else { return };
        let who = Who {
            tenant: finding.tenant.clone(),
            identity: finding.identity.id.clone(),
            kind: finding.identity.kind.as_str(),
        };
        let detector = self.by_detector.entry(finding.detector.clone());
        let groups = [
            &mut self.all,
            detector.or_default(),
            self.by_kind.entry(who.kind).or_default(),
            self.by_identity.entry(who).or_default(),
        ];
        for group in groups {
            group.findings.note(a.is_some(), b.is_some(), changed);
        }
    }

    /// Counts a command of either side, or of both.
    pub(super) fn command(&mut self, a: Option<&Command>, b: Option<&Command>, changed: bool) {
        let Some(command) = a.or(b) else { return };
        let who = Who {
            tenant: command.target.tenant.clone(),
            identity: command.target.identity.clone(),
            kind: command.target.kind.as_str(),
        };
        let groups = [
            &mut self.all,
            self.by_kind.entry(who.kind).or_default(),
            self.by_identity.entry(who).or_default(),
        ];
        for group in groups {
            note(group, a, b, changed);
        }
        let mut detectors: Vec<&String> = [a, b]
            .into_iter()
            .flatten()
            .flat_map(|command| &command.reason.detectors)
            .collect();
        detectors.sort();
        detectors.dedup();
        for detector in detectors {
            let is_behind = |command: &&Command| command.reason.detectors.contains(detector);
            let group = self.by_detector.entry(detector.clone()).or_default();
            note(group, a.filter(is_behind), b.filter(is_behind), changed);
        }
        let key = |command: &Command| (command.action.as_str(), command.mode.as_str());
        let (key_a, key_b) = (a.map(key), b.map(key));
        if let Some(key) = key_a {
            let group = self.by_action.entry(key).or_default();
            group.note(true, key_a == key_b, changed);
        }
        if let Some(key) = key_b.filter(|_| key_a != key_b) {
            self.by_action
                .entry(key)
                .or_default()
                .note(false, true, changed);
        }
        if let (Some(a), Some(b)) = (a, b) {
            self.turn(a, b);
        }
    }

    fn turn(&mut self, a: &Command, b: &Command) {
        if (a.action, a.mode) == (b.action, b.mode) {
            return;
        }
        let words = [
            a.mode.as_str(),
            a.action.as_str(),
            b.mode.as_str(),
            b.action.as_str(),
        ];
        *self.turns.entry(words).or_default() += 1;
        if is_enforced(a) && is_enforced(b) {
            self.stronger += u64::from(b.action > a.action);
            self.weaker += u64::from(b.action < a.action);
        }
    }
}

fn note(group: &mut Tally, a: Option<&Command>, b: Option<&Command>, changed: bool) {
    group.commands.note(a.is_some(), b.is_some(), changed);
    let (a, b) = (a.is_some_and(is_enforced), b.is_some_and(is_enforced));
    group.enforced.note(a, b, changed);
}
