use std::collections::HashMap;

use plumbline_schemas::command::{Action, CommandReason, Mode, Params, Target};
use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;

use super::super::plan::{EventKey, Expected};
use super::*;

const MINUTE: i64 = 60_000;

fn command(id: &str, who: &str, minute: i64) -> Command {
    let time = EventTime::from_millis(1_772_438_400_000 + minute * MINUTE);
    Command {
        id: id.to_owned(),
        time,
        expires_at: time.plus_millis(MINUTE),
        action: Action::StepUp,
        mode: Mode::Enforce,
        target: Target {
            tenant: "acme".to_owned(),
            identity: who.to_owned(),
            kind: IdentityKind::Human,
            session_id: None,
            credential_id: None,
        },
        params: Params::default(),
        reason: CommandReason {
            summary: "odd".to_owned(),
            risk: 50,
            detectors: Vec::new(),
            finding_ids: Vec::new(),
        },
        supersedes: None,
    }
}

fn plan(commands: &[Command]) -> Plan<'static> {
    let expected = commands.iter().enumerate().map(|(step, command)| Expected {
        step,
        output: Output::Command(Box::new(command.clone())),
    });
    Plan {
        steps: Vec::new(),
        expected: expected.collect(),
        sources: Vec::new(),
        events: HashMap::new(),
        identities: 0,
        period: (EventTime::default(), EventTime::default()),
    }
}

fn published(command: &Command, times: u32) -> (String, Published) {
    let value = serde_json::to_vec(command).expect("serialised");
    let at = Instant::now();
    (command.id.clone(), Published { value, at, times })
}

fn seen(commands: impl IntoIterator<Item = (String, Published)>) -> Seen {
    Seen {
        commands: commands.into_iter().collect(),
        ..Seen::default()
    }
}

#[test]
fn what_came_through_unchanged_is_no_difference() {
    let commands = [command("c-1", "ann", 1), command("c-2", "bob", 2)];
    let seen = seen(commands.iter().map(|command| published(command, 1)));
    let told = differences(&plan(&commands), &seen, &Counts::default());
    assert_eq!(told, [""; 0]);
}

#[test]
fn every_sort_of_difference_is_told() {
    let commands = ["c-1", "c-2", "c-3"].map(|id| command(id, "ann", 1));
    let mut changed = command("c-3", "ann", 1);
    changed.reason.risk = 49;
    let more = command("c-4", "ann", 1);
    let mut seen = seen([
        published(&commands[1], 2),
        published(&changed, 1),
        published(&more, 1),
    ]);
    seen.records = 7;
    seen.dead_letters.push("kind: expected a word".to_owned());
    let mut plan = plan(&commands);
    let raw = br#"{"id":"e1","time":"2026-03-02T08:00:00Z","kind":"api","identity":{"id":"ann"},"action":{"name":"GET /"}}"#;
    let event = plumbline_schemas::event::Event::parse(raw).expect("an event");
    plan.events.insert(EventKey::of(&event), 0);
    let counts = Counts {
        events: 5,
        ..Counts::default()
    };
    insta::assert_snapshot!(differences(&plan, &seen, &counts).join("\n"), @r"
    events that never came into the log: 1
    records of the log that were never judged: 2
    dead letter: kind: expected a word
    command c-1: never read from the broker
    command c-2: read 2 times
    command c-3: not the bytes that the engine alone gives
    command c-4: the engine alone does not give it
    ");
}

#[test]
fn many_differences_are_cut_short() {
    let commands: Vec<Command> = (0..20)
        .map(|n| command(&format!("c-{n}"), "ann", 1))
        .collect();
    let told = differences(&plan(&commands), &Seen::default(), &Counts::default());
    assert_eq!(told.len(), MOST_TOLD + 1);
    assert_eq!(told.last().map(String::as_str), Some("and 8 more"));
}

fn attack_on(who: &str, from: i64, to: i64) -> Attack {
    Attack {
        name: "impossible travel".to_owned(),
        identity: who.to_owned(),
        kind: IdentityKind::Human,
        start: command("", who, from).time,
        end: command("", who, to).time,
    }
}

#[test]
fn only_a_command_to_the_attacked_during_the_attack_answers_it() {
    let planted = [attack_on("ann", 10, 20), attack_on("eve", 10, 20)];
    let all = [
        command("c-1", "ann", 9),
        command("c-2", "ann", 12),
        command("c-3", "ann", 15),
        command("c-4", "bob", 12),
    ];
    let seen = seen(all.iter().map(|command| published(command, 1)));
    let rows = commands(&seen, &planted);
    let answered: Vec<bool> = rows.iter().map(|row| row.attack.is_some()).collect();
    // In the order of event time: before the attack, of somebody else, and two that answer.
    assert_eq!(answered, [false, true, false, true]);
    assert_eq!(innocent_commanded(&rows), 2);
    let outcome = attacks(&planted, &rows);
    let answer = outcome[0].answer.as_ref().expect("answered");
    assert_eq!(answer.after, Duration::from_secs(120));
    assert!(outcome[1].answer.is_none());
}
