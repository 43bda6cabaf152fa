//! How well the commands of a side answer what is known to be an attack.
//!
//! - An **attack** is the labelled events of one tenant, identity and name, as far as no two neighbours in
//!   time are more than 24 hours apart.
//! - An **alarm** is a command that asks or takes something (neither `resume` nor `restore`). One that was
//!   sent again is one.
//! - An alarm is **true** when it is about the identity of an attack and its time is from the first event of
//!   the attack to `compare.answer_within` after its last; else it is false.
//! - An attack is **answered** by the first such alarm. Which action would have been right is not judged.
//! - **Precision** is true alarms of all alarms, **recall** is answered attacks of all attacks. Nothing of
//!   nothing is not known.
//! - **Delay** is from the first event of an attack to the alarm that answers it: in seconds of event time,
//!   and in labelled events of the attack that are not later than the alarm (1: on its first event). Over the
//!   answered attacks median, nine of ten and the longest, by nearest rank.
//! - **Identity-years** are the identities with a profile at the end times the event time of the log from first
//!   to last, in years of 365.25 days.

use std::collections::{BTreeMap, HashMap};

use plumbline_schemas::command::{Action, Command, Mode};
use plumbline_schemas::time::EventTime;
use serde::{Serialize, Serializer};

use super::CompareError;
use super::results::{Overview, Results};
use crate::replay::labels::LabelledEvent;

/// Longer than this between two events, they belong to two attacks.
const APART_MS: i64 = 24 * 3_600_000;
const YEAR_MS: f64 = 365.25 * 86_400_000.0;

/// The alarms of one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Alarms {
    /// Commands that ask or take something.
    pub alarms: u64,
    /// Identities times years of the log.
    #[serde(serialize_with = "round")]
    pub identity_years: f64,
    /// Alarms by those; absent where the log has no length.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "round_known")]
    pub alarms_per_identity_year: Option<f64>,
    /// What they are worth; absent where nothing is labelled.
    #[serde(flatten)]
    pub judged: Option<Judged>,
}

/// Alarms against attacks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Judged {
    /// Alarms about an attack.
    pub true_alarms: u64,
    /// All others.
    pub false_alarms: u64,
    /// False alarms by identity-years.
    #[serde(serialize_with = "round_known")]
    pub false_alarms_per_identity_year: Option<f64>,
    /// True alarms of all alarms, 0 to 1.
    #[serde(serialize_with = "round_known")]
    pub precision: Option<f64>,
    /// Attacks that were answered.
    pub answered: u64,
    /// Answered attacks of all attacks, 0 to 1.
    #[serde(serialize_with = "round_known")]
    pub recall: Option<f64>,
    /// Labelled events up to the answer.
    pub delay_events: Option<Spread>,
    /// Seconds up to the answer.
    pub delay_seconds: Option<Spread>,
}

/// How a quantity is spread, by nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Half are no more.
    pub median: f64,
    /// Nine of ten are no more.
    pub p90: f64,
    /// The largest.
    pub max: f64,
}

/// The command that answered an attack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Its id.
    pub command_id: String,
    /// What it asks.
    pub action: Action,
    /// Whether a bot acts on it.
    pub mode: Mode,
    /// Labelled events up to it.
    pub events: u64,
    /// Seconds from the first event to it.
    pub seconds: f64,
}

/// Labelled events that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attack {
    pub(super) tenant: String,
    pub(super) identity: String,
    pub(super) name: String,
    /// Of its events, in order.
    pub(super) times: Vec<EventTime>,
}

impl Attack {
    pub(super) fn first(&self) -> Option<EventTime> {
        self.times.first().copied()
    }

    fn is_answered_at(&self, time: EventTime, within_ms: i64) -> bool {
        match (self.times.first(), self.times.last()) {
            (Some(first), Some(last)) => time >= *first && time.since(*last) <= within_ms,
            _ => false,
        }
    }
}

/// The attacks that these events make, in the order of their first events.
pub(super) fn attacks(events: &[LabelledEvent]) -> Vec<Attack> {
    let mut times: BTreeMap<(&str, &str, &str), Vec<EventTime>> = BTreeMap::new();
    for event in events {
        let key = (&*event.tenant, &*event.identity, &*event.attack);
        times.entry(key).or_default().push(event.time);
    }
    let mut attacks = Vec::new();
    for ((tenant, identity, name), mut times) in times {
        times.sort();
        for times in times.chunk_by(|one, next| next.since(*one) <= APART_MS) {
            attacks.push(Attack {
                tenant: tenant.to_owned(),
                identity: identity.to_owned(),
                name: name.to_owned(),
                times: times.to_vec(),
            });
        }
    }
    attacks.sort_by_key(Attack::first);
    attacks
}

/// What the alarms of one side are worth, and for each attack its answer.
pub(super) struct Score {
    pub(super) alarms: Alarms,
    pub(super) answers: Vec<Option<Answer>>,
}

/// Judges the commands of a side for which `counts` holds.
pub(super) fn score(
    results: &Results,
    attacks: &[Attack],
    within_ms: i64,
    counts: fn(&Command) -> bool,
) -> Result<Score, CompareError> {
    let mut by_identity: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (at, attack) in attacks.iter().enumerate() {
        let who = (&*attack.tenant, &*attack.identity);
        by_identity.entry(who).or_default().push(at);
    }
    let mut answers: Vec<Option<(EventTime, Command)>> = attacks.iter().map(|_| None).collect();
    let (mut alarms, mut true_alarms) = (0, 0);
    let mut commands = results.commands.items()?;
    while let Some((_, _, command)) = commands.next()? {
        if command.action.strength().is_none() || !counts(&command) {
            continue;
        }
        alarms += 1;
        let who = (&*command.target.tenant, &*command.target.identity);
        let of_identity = by_identity.get(&who).map(Vec::as_slice).unwrap_or_default();
        let mut is_true = false;
        for at in of_identity {
            if !attacks[*at].is_answered_at(command.time, within_ms) {
                continue;
            }
            is_true = true;
            let is_first = answers[*at]
                .as_ref()
                .is_none_or(|(time, _)| command.time < *time);
            if is_first {
                answers[*at] = Some((command.time, command.clone()));
            }
        }
        true_alarms += u64::from(is_true);
    }
    let answers: Vec<Option<Answer>> = attacks
        .iter()
        .zip(answers)
        .map(|(attack, answer)| Some(answer_of(attack, &answer?.1)))
        .collect();
    let years = identity_years(&results.overview);
    let judged = (!attacks.is_empty()).then(|| judge(alarms, true_alarms, years, &answers));
    Ok(Score {
        alarms: Alarms {
            alarms,
            identity_years: years,
            alarms_per_identity_year: share(alarms as f64, years),
            judged,
        },
        answers,
    })
}

fn answer_of(attack: &Attack, command: &Command) -> Answer {
    let so_far = attack.times.iter().filter(|time| **time <= command.time);
    let first = attack.first().unwrap_or(command.time);
    Answer {
        command_id: command.id.clone(),
        action: command.action,
        mode: command.mode,
        events: so_far.count() as u64,
        seconds: command.time.since(first) as f64 / 1000.0,
    }
}

fn judge(alarms: u64, true_alarms: u64, years: f64, answers: &[Option<Answer>]) -> Judged {
    let answered: Vec<&Answer> = answers.iter().flatten().collect();
    let false_alarms = alarms - true_alarms;
    Judged {
        true_alarms,
        false_alarms,
        false_alarms_per_identity_year: share(false_alarms as f64, years),
        precision: share(true_alarms as f64, alarms as f64),
        answered: answered.len() as u64,
        recall: share(answered.len() as f64, answers.len() as f64),
        delay_events: spread(answered.iter().map(|answer| answer.events as f64)),
        delay_seconds: spread(answered.iter().map(|answer| answer.seconds)),
    }
}

fn identity_years(overview: &Overview) -> f64 {
    match (overview.event_time_first, overview.event_time_last) {
        (Some(first), Some(last)) => {
            overview.identities as f64 * last.since(first) as f64 / YEAR_MS
        }
        _ => 0.0,
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// Four digits after the point say more to a person than such numbers know. Conditions ask for the number itself.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

fn round<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    rounded(*number).serialize(serializer)
}

fn round_known<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    number.map(rounded).serialize(serializer)
}

fn spread(values: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let rank = |share: f64| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied()
    };
    Some(Spread {
        median: rank(0.5)?,
        p90: rank(0.9)?,
        max: rank(1.0)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(identity: &str, attack: &str, hour: i64) -> LabelledEvent {
        LabelledEvent {
            event_id: format!("{identity}-{attack}-{hour}"),
            tenant: "acme".to_owned(),
            identity: identity.to_owned(),
            time: EventTime::from_millis(hour * 3_600_000),
            attack: attack.to_owned(),
        }
    }

    #[test]
    fn a_condition_sees_what_a_person_need_not() {
        let rate = |alarms: f64| share(alarms, 25_000.0);
        assert!(rate(9.0) < rate(11.0) && rate(1.0) > Some(0.0));
        let alarms = Alarms {
            alarms_per_identity_year: rate(11.0),
            ..Alarms::default()
        };
        let written = serde_json::to_value(alarms).expect("JSON");
        assert_eq!(written["alarms_per_identity_year"], 0.0004);
    }

    #[test]
    fn an_attack_is_of_one_identity_and_name_and_ends_with_a_day_of_rest() {
        let events = [
            labelled("ann", "A1", 50),
            labelled("ann", "A1", 0),
            labelled("ann", "A1", 24),
            labelled("ann", "B1", 1),
            labelled("bob", "A1", 2),
        ];
        let found = attacks(&events);
        let shown: Vec<_> = found
            .iter()
            .map(|attack| (&*attack.identity, &*attack.name, attack.times.len()))
            .collect();
        assert_eq!(
            shown,
            [
                ("ann", "A1", 2),
                ("ann", "B1", 1),
                ("bob", "A1", 1),
                ("ann", "A1", 1)
            ]
        );
    }

    #[test]
    fn an_attack_can_be_answered_from_its_first_event_until_so_long_after_its_last() {
        let attack = &attacks(&[labelled("ann", "A1", 10), labelled("ann", "A1", 12)])[0];
        let at = |hour: i64, ms: i64| {
            attack.is_answered_at(EventTime::from_millis(hour * 3_600_000 + ms), 3_600_000)
        };
        assert!(!at(10, -1) && at(10, 0) && at(13, 0) && !at(13, 1));
    }

    #[test]
    fn ranks_are_values_that_occur() {
        let spread = |values: &[f64]| spread(values.iter().copied());
        assert_eq!(spread(&[]), None);
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        let expected = Spread {
            median: 5.0,
            p90: 9.0,
            max: 10.0,
        };
        assert_eq!(spread(&ten), Some(expected));
        let one = Spread {
            median: 7.0,
            p90: 7.0,
            max: 7.0,
        };
        assert_eq!(spread(&[7.0]), Some(one));
    }
}
