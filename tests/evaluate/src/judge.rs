//! Which attacks were answered, what the twins met, and what it cost everybody else.

use std::collections::{BTreeMap, HashMap};

use plumbline_replay_data::Label;
use plumbline_schemas::command::{Command, Mode};

use crate::play::{AFTERMATH_MS, Given, Played};

/// What rests or ends is answered by a timer, so long after the last event at most.
const TIMERS_MS: i64 = 2 * 3_600_000;
/// Anything else is answered on one of its own events, or by a context record right after.
const AT_ONCE_MS: i64 = 60_000;

/// An attack or a twin, and what came of it.
pub(crate) struct Judged {
    pub(crate) seed: u64,
    pub(crate) label: Label,
    /// For an attack: the first accepted command.
    pub(crate) answer: Option<Answer>,
    /// Commands that are none of the accepted ones; for a twin, all that no rule demands.
    pub(crate) others: Vec<String>,
}

/// The first accepted command.
pub(crate) struct Answer {
    /// Events of the attack up to it.
    pub(crate) events: usize,
    pub(crate) seconds: f64,
}

/// Every label of a population.
pub(crate) fn attacks_and_twins(played: &Played) -> Vec<Judged> {
    let mut by_identity: HashMap<&str, Vec<&Given>> = HashMap::new();
    for given in played.given.iter().filter(|it| it.is_burden()) {
        let identity = given.command.target.identity.as_str();
        by_identity.entry(identity).or_default().push(given);
    }
    let labels = played.labels.iter();
    labels
        .map(|label| {
            let given = by_identity.get(label.identity.as_str());
            let given = given.map(Vec::as_slice).unwrap_or_default();
            judge(played, label, given)
        })
        .collect()
}

fn judge(played: &Played, label: &Label, given: &[&Given]) -> Judged {
    let has_timer = matches!(label.attack.as_str(), "D4" | "E4");
    let patience = if has_timer { TIMERS_MS } else { AT_ONCE_MS };
    let within = |command: &Command| {
        command.time >= label.start && command.time.since(label.end) <= patience
    };
    let mut judged = Judged {
        seed: played.seed,
        label: label.clone(),
        answer: None,
        others: Vec::new(),
    };
    for given in given.iter().filter(|given| within(&given.command)) {
        let command = &given.command;
        let is_accepted = label.accepted.is_empty() || label.accepted.contains(&command.action);
        if label.is_twin {
            if given.rule.is_none() {
                judged.others.push(given.story());
            }
        } else if is_accepted && judged.answer.is_none() {
            let so_far = label.event_ids.iter().filter(|id| {
                let time = played.struck.get(id.as_str());
                time.is_some_and(|time| *time <= command.time)
            });
            judged.answer = Some(Answer {
                events: so_far.count(),
                seconds: command.time.since(label.start) as f64 / 1000.0,
            });
        } else if !is_accepted {
            judged.others.push(given.story());
        }
    }
    judged
}

impl Given {
    /// Whether it asks or takes something of somebody.
    fn is_burden(&self) -> bool {
        self.command.action.strength().is_some() && self.command.mode == Mode::Enforce
    }

    fn detectors(&self) -> String {
        self.command.reason.detectors.join("+")
    }

    fn story(&self) -> String {
        let command = &self.command;
        format!(
            "{} {} {} on {}: {}",
            command.time,
            command.action,
            self.detectors(),
            self.trigger,
            command.reason.summary
        )
    }
}

/// What those met who did nothing wrong.
#[derive(Default)]
pub(crate) struct Innocent {
    pub(crate) identity_days: u64,
    pub(crate) events: u64,
    /// Commands that no rule demands, by detectors.
    pub(crate) false_alarms: BTreeMap<String, u64>,
    /// The same by kind of identity and action.
    pub(crate) burdens: BTreeMap<(String, String), u64>,
    /// Commands that a rule demands, by rule.
    pub(crate) by_rule: BTreeMap<&'static str, u64>,
    pub(crate) stories: Vec<String>,
}

impl Innocent {
    pub(crate) fn add(&mut self, played: &Played) {
        self.identity_days += played.identity_days;
        self.events += played.events;
        let mut attacks: HashMap<&str, Vec<&Label>> = HashMap::new();
        // Row B5 revokes somebody's credential, its twin too, and what is revoked stays so: nobody here restores it.
        let revokes = |label: &Label| label.attack == "B5";
        let counts = |label: &&Label| !label.is_twin || revokes(label);
        for label in played.labels.iter().filter(counts) {
            attacks.entry(&label.identity).or_default().push(label);
        }
        for given in played.given.iter().filter(|it| it.is_burden()) {
            let command = &given.command;
            let behind = &command.reason.detectors;
            let is_gap = behind.iter().all(|it| it == "enforcement_gap");
            let about_attack = |label: &&Label| {
                let is_soon = command.time.since(label.end) <= AFTERMATH_MS && !label.is_twin;
                command.time >= label.start && (is_soon || is_gap)
            };
            let of_identity = attacks.get(command.target.identity.as_str());
            if of_identity.is_some_and(|labels| labels.iter().any(about_attack)) {
                continue;
            }
            if let Some(rule) = given.rule {
                *self.by_rule.entry(rule).or_default() += 1;
                continue;
            }
            *self.false_alarms.entry(given.detectors()).or_default() += 1;
            let burden = (command.target.kind.to_string(), command.action.to_string());
            *self.burdens.entry(burden).or_default() += 1;
            let (seed, who) = (played.seed, &command.target.identity);
            self.stories
                .push(format!("seed {seed} {who} {}", given.story()));
        }
    }
}
