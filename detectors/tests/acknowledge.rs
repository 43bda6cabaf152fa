//! Bots that answer, bots that do not, and bots that cannot.

#![allow(clippy::expect_used, missing_docs)]

mod story;

use plumbline_detectors::config::{Config, PolicyMode, Span};
use plumbline_schemas::command::{Action, Command};
use plumbline_schemas::event::Verdict;
use plumbline_schemas::finding::{Finding, Severity};
use story::*;

const TEN_DAYS: i64 = 10 * DAY;
const NOON: i64 = TEN_DAYS + 12 * HOUR;

fn config(within: Span) -> Config {
    let mut config = Config::default();
    config.policy.acknowledge.within = Some(within);
    config
}

/// A `step_up` for ann, at noon.
fn challenged(config: Config) -> Story {
    let mut story = Story::with(config);
    story.office_days("ann", &OSLO, 10);
    let here = call("ann", "mail").from(&OSLO).on("laptop").session("home");
    story.tell(here.at(monday(NOON - HOUR)));
    let away = call("ann", "mail").from(&SYDNEY).session("away");
    story.tell(away.at(monday(NOON)));
    assert_eq!(story.actions(), [Action::StepUp]);
    story
}

/// Lets the log's clock come to so long after noon.
fn wait(story: &mut Story, after: i64) {
    story.tell(call("bob", "mail").at(monday(NOON + after)));
}

fn hear(story: &mut Story, verdict: Verdict, after: i64) {
    let command = story.commands()[0].id.clone();
    let said = call("ann", "feedback").verdict(verdict, Some(&command));
    story.tell(said.at(monday(NOON + after)));
}

fn about<'s>(story: &'s Story, name: &str) -> Vec<&'s Finding> {
    let findings = story.findings().into_iter();
    findings
        .filter(|finding| finding.detector == name)
        .collect()
}

fn as_sent(command: &Command) -> String {
    format!("{command:?}")
}

#[test]
fn what_nobody_acknowledges_is_sent_once_more_and_then_missed() {
    let mut story = challenged(config(Span::minutes(5)));
    wait(&mut story, 4 * MINUTE);
    assert_eq!(story.commands().len(), 1);
    wait(&mut story, 6 * MINUTE);
    let sent = story.commands();
    assert_eq!(sent.len(), 2);
    assert_eq!(as_sent(sent[0]), as_sent(sent[1]));
    wait(&mut story, 9 * MINUTE);
    assert!(about(&story, "unacknowledged_command").is_empty());
    wait(&mut story, 12 * MINUTE);
    let missed = about(&story, "unacknowledged_command");
    assert_eq!(missed.len(), 1);
    let (missed, command) = (missed[0], story.commands()[0]);
    assert_eq!(missed.severity, Severity::High);
    assert_eq!(missed.time, monday(NOON + 10 * MINUTE));
    assert_eq!(missed.identity.id, "ann");
    assert_eq!(missed.session_id.as_deref(), Some("away"));
    assert_eq!(missed.evidence["command_id"], command.id.as_str());
    assert_eq!(missed.evidence["sent"], 2);
    assert!(missed.evidence.contains_key("silent_if"));
    assert_eq!(missed.event_ids.len(), 1);
    let said = story.outputs.len();
    for hour in 1..30 {
        wait(&mut story, hour * HOUR);
    }
    assert_eq!(story.outputs.len(), said);
}

#[test]
fn without_the_setting_nobody_waits() {
    let mut story = challenged(Config::default());
    for hour in 1..30 {
        wait(&mut story, hour * HOUR);
    }
    assert_eq!(story.commands().len(), 1);
    assert!(about(&story, "unacknowledged_command").is_empty());
}

#[test]
fn an_answer_in_time_is_the_end_of_it() {
    for verdict in [
        Verdict::Acked,
        Verdict::StepUpPassed,
        Verdict::StepUpFailed,
        Verdict::FalsePositive,
        Verdict::Restored,
        Verdict::Approved,
    ] {
        let mut story = challenged(config(Span::minutes(5)));
        hear(&mut story, verdict, MINUTE);
        let said = story.outputs.len();
        wait(&mut story, 6 * MINUTE);
        wait(&mut story, 20 * MINUTE);
        assert_eq!(story.outputs.len(), said, "{verdict}");
    }
}

#[test]
fn an_answer_to_the_second_one_is_in_time_too() {
    let mut story = challenged(config(Span::minutes(5)));
    wait(&mut story, 6 * MINUTE);
    hear(&mut story, Verdict::Acked, 7 * MINUTE);
    wait(&mut story, 20 * MINUTE);
    assert_eq!(story.commands().len(), 2);
    assert!(about(&story, "unacknowledged_command").is_empty());
}

#[test]
fn what_failed_is_said_at_once_and_not_sent_again() {
    for config in [config(Span::minutes(5)), Config::default()] {
        let mut story = challenged(config);
        hear(&mut story, Verdict::Failed, MINUTE);
        let failed = about(&story, "enforcement_failed");
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].severity, Severity::High);
        assert_eq!(failed[0].time, monday(NOON + MINUTE));
        assert_eq!(failed[0].session_id.as_deref(), Some("away"));
        assert_eq!(failed[0].evidence["action"], "step_up");
        wait(&mut story, 20 * MINUTE);
        assert_eq!(story.commands().len(), 1);
        assert!(about(&story, "unacknowledged_command").is_empty());
    }
}

#[test]
fn what_has_expired_is_not_waited_for() {
    let mut story = challenged(config(Span::minutes(90)));
    wait(&mut story, 4 * HOUR);
    assert_eq!(story.commands().len(), 1);
    assert!(about(&story, "unacknowledged_command").is_empty());
}

#[test]
fn what_is_only_observed_is_not_waited_for() {
    let mut observed = config(Span::minutes(5));
    observed.policy.mode = PolicyMode::Observe;
    let mut story = challenged(observed);
    wait(&mut story, 20 * MINUTE);
    assert_eq!(story.commands().len(), 1);
    assert!(about(&story, "unacknowledged_command").is_empty());
}

#[test]
fn of_what_is_superseded_only_the_stronger_is_waited_for() {
    let mut story = challenged(config(Span::minutes(5)));
    for step in 0..8 {
        let name = format!("vault:read:{step}");
        let read = call("ann", &name).class(plumbline_schemas::event::ActionClass::Secret);
        let read = read.from(&SYDNEY).session("away");
        story.tell(read.at(monday(NOON + MINUTE + step * 1000)));
    }
    let stronger = story.commands().last().map(|command| command.id.clone());
    let given = story.commands().len();
    assert!(given > 1);
    wait(&mut story, 7 * MINUTE);
    let again = &story.commands()[given..];
    let again: Vec<_> = again
        .iter()
        .map(|command| Some(command.id.clone()))
        .collect();
    assert_eq!(again, [stronger]);
}

#[test]
fn a_late_event_gives_the_bot_its_time() {
    let mut story = Story::with(config(Span::minutes(5)));
    story.office_days("ann", &OSLO, 10);
    let here = call("ann", "mail").from(&OSLO).on("laptop").session("home");
    story.tell(here.at(monday(NOON - HOUR)));
    wait(&mut story, HOUR);
    let away = call("ann", "mail").from(&SYDNEY).on("other");
    story.tell(away.session("away").at(monday(NOON)));
    assert_eq!(story.actions(), [Action::RevokeSession]);
    wait(&mut story, HOUR + 4 * MINUTE);
    assert_eq!(story.commands().len(), 1);
    wait(&mut story, HOUR + 6 * MINUTE);
    assert_eq!(story.commands().len(), 2);
}

#[test]
fn an_open_breaker_sends_nothing_again_and_tells_all_the_same() {
    let mut stopped = config(Span::minutes(2));
    stopped.policy.breaker.minimum = 2;
    let mut story = Story::with(stopped);
    for who in ["ann", "bob"] {
        for (city, session) in [(&OSLO, "near"), (&SYDNEY, "far")] {
            let event = call(who, "mail").from(city).session(session);
            story.tell(event.at(monday(i64::from(session == "far"))));
        }
    }
    let given = story.commands().len();
    story.tell(call("cid", "mail").at(monday(3 * MINUTE)));
    assert_eq!(story.commands().len(), given);
    story.tell(call("cid", "mail").at(monday(6 * MINUTE)));
    let missed = about(&story, "unacknowledged_command");
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0].evidence["sent"], 1);
}
