//! From what was planned and what was read to the report.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use plumbline_detectors::engine::Output;
use plumbline_schemas::command::Command;
use plumbline_schemas::finding::Finding;

use super::observe::{ById, Published, Seen};
use super::plan::Plan;
use super::report::{Answer, AttackRow, CommandRow, Latencies, Latency};
use super::sample::Attack;
use crate::run::Counts;

/// More differences than this are not told one by one.
const MOST_TOLD: usize = 12;

/// The commands as they were read, in the order of event time, each with the attack it answers.
pub(super) fn commands(seen: &Seen, attacks: &[Attack]) -> Vec<CommandRow> {
    let mut rows: Vec<CommandRow> = seen
        .commands
        .values()
        .filter_map(|published| serde_json::from_slice(&published.value).ok())
        .map(|command: Command| CommandRow {
            bits: bits(&command, &seen.findings),
            attack: attacks
                .iter()
                .find(|attack| attack.may_have_led_to(&command))
                .map(|attack| attack.name.clone()),
            command,
        })
        .collect();
    rows.sort_by(|one, other| {
        let key = |row: &CommandRow| (row.command.time, row.command.id.clone());
        key(one).cmp(&key(other))
    });
    rows
}

fn bits(command: &Command, findings: &ById) -> f64 {
    let of = |id: &String| {
        let finding: Finding = serde_json::from_slice(&findings.get(id)?.value).ok()?;
        Some(finding.surprise_bits)
    };
    command.reason.finding_ids.iter().filter_map(of).sum()
}

/// Every attack with the first command that answers it.
pub(super) fn attacks(planted: &[Attack], commands: &[CommandRow]) -> Vec<AttackRow> {
    let row = |attack: &Attack| {
        let first = commands
            .iter()
            .map(|row| &row.command)
            .find(|command| attack.is_answered_by(command));
        AttackRow {
            name: attack.name.clone(),
            identity: attack.identity.clone(),
            kind: attack.kind,
            answer: first.map(|command| Answer {
                action: command.action.as_str(),
                after: Duration::from_millis(
                    u64::try_from(command.time.since(attack.start)).unwrap_or(0),
                ),
            }),
        }
    };
    planted.iter().map(row).collect()
}

/// How many identities were commanded for nothing.
pub(super) fn innocent_commanded(commands: &[CommandRow]) -> usize {
    let innocent: BTreeSet<(&str, &str)> = commands
        .iter()
        .filter(|row| row.attack.is_none())
        .map(|row| (&*row.command.target.tenant, &*row.command.target.identity))
        .collect();
    innocent.len()
}

/// The latencies from this step on.
pub(super) fn latencies(
    plan: &Plan<'_>,
    seen: &Seen,
    sent_at: &[Instant],
    first: usize,
    pace: u32,
) -> Latencies {
    let since_sent = |step: usize, read: Instant| {
        let sent = sent_at.get(step).filter(|_| step >= first)?;
        Some(read.saturating_duration_since(*sent))
    };
    let events = plan.events.iter().filter_map(|(key, step)| {
        let read = seen.events.get(key)?;
        since_sent(*step, *read)
    });
    let commands = plan.expected.iter().filter_map(|expected| {
        let read = seen.commands.get(id_of(&expected.output))?.at;
        let is_command = matches!(expected.output, Output::Command(_));
        since_sent(expected.step, read).filter(|_| is_command)
    });
    Latencies {
        pace,
        to_log: Latency::of(events),
        to_command: Latency::of(commands),
    }
}

/// Where what was read is not what was planned.
pub(super) fn differences(plan: &Plan<'_>, seen: &Seen, counts: &Counts) -> Vec<String> {
    let mut told = Vec::new();
    let unread = plan.events.len().saturating_sub(seen.events.len());
    if unread > 0 {
        told.push(format!("events that never came into the log: {unread}"));
    }
    if seen.events.keys().any(|key| !plan.events.contains_key(key)) {
        told.push("the log holds events that no raw record holds".to_owned());
    }
    let unjudged = seen.records.saturating_sub(counts.events);
    if unjudged > 0 {
        told.push(format!(
            "records of the log that were never judged: {unjudged}"
        ));
    }
    for reason in &seen.dead_letters {
        told.push(format!("dead letter: {reason}"));
    }
    compare("finding", plan, &seen.findings, &mut told, |output| {
        matches!(output, Output::Finding(_))
    });
    compare("command", plan, &seen.commands, &mut told, |output| {
        matches!(output, Output::Command(_))
    });
    if told.len() > MOST_TOLD {
        let more = told.len() - MOST_TOLD;
        told.truncate(MOST_TOLD);
        told.push(format!("and {more} more"));
    }
    told
}

fn compare(
    noun: &str,
    plan: &Plan<'_>,
    published: &ById,
    told: &mut Vec<String>,
    is_one: impl Fn(&Output) -> bool,
) {
    let mut planned = BTreeSet::new();
    let expected = plan.expected.iter().map(|expected| &expected.output);
    for output in expected.filter(|output| is_one(output)) {
        let id = id_of(output);
        planned.insert(id);
        if let Some(problem) = problem(output, published.get(id)) {
            told.push(format!("{noun} {id}: {problem}"));
        }
    }
    let more = published.keys().filter(|id| !planned.contains(&***id));
    told.extend(more.map(|id| format!("{noun} {id}: the engine alone does not give it")));
}

fn problem(planned: &Output, published: Option<&Published>) -> Option<String> {
    let Some(published) = published else {
        return Some("never read from the broker".to_owned());
    };
    if published.times > 1 {
        return Some(format!("read {} times", published.times));
    }
    let json = match planned {
        Output::Finding(finding) => serde_json::to_vec(finding),
        Output::Command(command) => serde_json::to_vec(command),
        Output::Context(value) => Ok(value.clone()),
    };
    let same = json.is_ok_and(|json| json == published.value);
    (!same).then(|| "not the bytes that the engine alone gives".to_owned())
}

fn id_of(output: &Output) -> &str {
    match output {
        Output::Finding(finding) => &finding.id,
        Output::Command(command) => &command.id,
        Output::Context(_) => "",
    }
}

#[cfg(test)]
mod tests;
