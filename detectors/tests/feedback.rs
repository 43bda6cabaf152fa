//! What follows an answer: challenges, verdicts, suppressions and the breaker.

#![allow(clippy::expect_used, missing_docs)]

mod story;

use plumbline_detectors::config::{Config, SuppressRule};
use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::event::{ActionClass, IdentityKind, Outcome, Verdict};
use story::*;

const TEN_DAYS: i64 = 10 * DAY;
const NOON: i64 = TEN_DAYS + 12 * HOUR;

/// Ten days in Oslo, the morning of the eleventh too; then what a device without an id does in Sydney.
fn somebody_far_away(story: &mut Story) -> Tell {
    story.office_days("ann", &OSLO, 10);
    let here = call("ann", "mail").from(&OSLO).on("laptop").session("home");
    story.tell(here.at(monday(NOON - HOUR)));
    call("ann", "mail").from(&SYDNEY).session("away")
}

/// The usual work of some hours, from there.
fn work(story: &mut Story, away: &Tell, from: i64) {
    for step in 0..12 {
        let mut tell = away.clone();
        tell.0.action.name = page(step).into();
        story.tell(tell.at(monday(from + step * 15 * MINUTE)));
    }
}

fn what_was_said(story: &Story) -> Vec<String> {
    let findings = story.findings().into_iter();
    findings
        .map(|finding| format!("{} {}: {}", finding.time, finding.detector, finding.summary))
        .collect()
}

#[test]
fn a_passed_challenge_is_the_end_of_it() {
    let mut story = Story::new();
    let away = somebody_far_away(&mut story);
    story.tell(away.clone().at(monday(NOON)));
    assert_eq!(story.actions(), [Action::StepUp]);
    let passed = away.clone().class(ActionClass::Mfa);
    story.tell(passed.at(monday(NOON + MINUTE)));
    work(&mut story, &away, NOON + 2 * MINUTE);
    assert_eq!(
        story.actions(),
        [Action::StepUp],
        "{:?}",
        what_was_said(&story)
    );
}

#[test]
fn a_challenge_that_is_passed_elsewhere_is_the_end_of_it_too() {
    let mut story = Story::new();
    let mut away = somebody_far_away(&mut story);
    away.0.session.id = None;
    story.tell(away.clone().at(monday(NOON)));
    assert_eq!(story.actions(), [Action::StepUp]);
    let command = story.commands()[0].id.clone();
    let passed = call("ann", "feedback").verdict(Verdict::StepUpPassed, Some(&command));
    story.tell(passed.at(monday(NOON + MINUTE)));
    work(&mut story, &away, NOON + 2 * MINUTE);
    assert_eq!(
        story.actions(),
        [Action::StepUp],
        "{:?}",
        what_was_said(&story)
    );
}

#[test]
fn after_a_passed_challenge_another_tactic_is_answered_more_strongly() {
    let secrets = |story: &mut Story| {
        for step in 0..8 {
            let name = format!("vault:read:{step}");
            let read = call("ann", &name).class(ActionClass::Secret);
            let read = read.from(&SYDNEY).session("away");
            story.tell(read.at(monday(NOON + 30 * MINUTE + step * 10_000)));
        }
    };
    let mut tricked = Story::new();
    let away = somebody_far_away(&mut tricked);
    tricked.tell(away.clone().at(monday(NOON)));
    tricked.tell(
        away.clone()
            .class(ActionClass::Mfa)
            .at(monday(NOON + MINUTE)),
    );
    secrets(&mut tricked);
    let strongest = tricked.actions().into_iter().max();
    assert!(strongest >= Some(Action::RevokeSession), "{strongest:?}");
}

#[test]
fn what_a_person_calls_harmless_stays_harmless() {
    let mut story = Story::new();
    let away = somebody_far_away(&mut story).on("other");
    story.tell(away.clone().at(monday(NOON)));
    assert_eq!(story.actions(), [Action::RevokeSession]);
    let command = story.commands()[0].id.clone();
    let verdict = call("ann", "feedback").verdict(Verdict::FalsePositive, Some(&command));
    story.tell(verdict.at(monday(NOON + MINUTE)));
    story.outputs.clear();
    work(&mut story, &away, NOON + 2 * MINUTE);
    work(&mut story, &away.session("next day"), NOON + 20 * HOUR);
    assert!(story.outputs.is_empty(), "{:?}", what_was_said(&story));
}

#[test]
fn an_export_that_was_cleared_is_usual_from_then_on() {
    let verdicts = [Verdict::StepUpPassed, Verdict::FalsePositive];
    for verdict in verdicts.map(Some).into_iter().chain([None]) {
        let mut story = Story::new();
        let reads = |name: &str, class: ActionClass, mega: u64, time: i64| {
            let day = format!("day {}", time / DAY);
            let mut call = call("ann", name).from(&OSLO).on("laptop").session(&day);
            call.0.action.bytes_out = Some(mega << 20);
            call.0.session.authenticated_at = Some(monday(time));
            call.class(class).outcome(Outcome::Success).at(monday(time))
        };
        let export = |day: i64| reads("ledger.export", ActionClass::Export, 30, day * DAY + NOON);
        for day in 0..22 {
            if day == 14 {
                story.tell(export(day));
                let asked = story.commands().last().map(|command| command.id.clone());
                assert_eq!(story.actions(), [Action::StepUp]);
                if let Some(verdict) = verdict {
                    let answer = call("ann", "feedback").verdict(verdict, asked.as_deref());
                    story.tell(answer.at(monday(day * DAY + NOON + MINUTE)));
                }
                story.outputs.clear();
            }
            for hour in 1..6 {
                story.tell(reads(
                    "read",
                    ActionClass::Read,
                    1,
                    day * DAY + NOON + hour * HOUR,
                ));
            }
        }
        story.tell(export(22));
        assert_eq!(
            story.found("data_extraction"),
            verdict.is_none(),
            "{verdict:?}"
        );
    }
}

#[test]
fn what_is_suppressed_does_not_become_usual() {
    let mut config = Config::default();
    config.policy.suppress = vec![SuppressRule {
        detector: "impossible_travel".to_owned(),
        identity: "ann".to_owned(),
        until: monday(NOON + 3 * DAY),
        reason: "a conference".to_owned(),
    }];
    let mut story = Story::with(config);
    let away = somebody_far_away(&mut story);
    for day in 0..5 {
        let here = call("ann", "mail").from(&OSLO).on("laptop").session("home");
        story.tell(here.at(monday(NOON + day * DAY - HOUR)));
        let session = format!("away-{day}");
        story.tell(away.clone().session(&session).at(monday(NOON + day * DAY)));
    }
    assert!(!story.actions().is_empty());
}

#[test]
fn an_open_breaker_says_of_each_target_once_what_it_withholds() {
    let mut config = Config::default();
    config.policy.breaker.minimum = 2;
    let mut story = Story::with(config);
    for minute in 0..4 {
        for who in ["ann", "bob", "cid"] {
            let (far, near) = (&SYDNEY, &OSLO);
            for (city, session) in [(near, "near"), (far, "far")] {
                let event = call(who, "mail").from(city).session(session);
                story.tell(event.at(monday(minute * MINUTE + i64::from(session == "far"))));
            }
        }
    }
    let of = |who: &str, mode: Mode| {
        let commands = story.commands();
        let mine = commands.into_iter().filter(|c| c.target.identity == who);
        mine.filter(|c| c.mode == mode).count()
    };
    // Ann's second session comes when bob's command has opened it already.
    let withheld =
        ["ann", "bob", "cid"].map(|who| (of(who, Mode::Enforce), of(who, Mode::Observe)));
    assert_eq!(withheld, [(1, 1), (0, 2), (0, 2)]);
}

#[test]
fn a_session_that_brings_many_new_things_counts_each_once() {
    let mut story = Story::new();
    story.job("svc", IdentityKind::ServiceAccount, 14);
    for round in 0..3 {
        for thing in 0..20 {
            let name = format!("GET /new/{thing}");
            let time = 14 * DAY + round * HOUR + thing * 1000;
            let tell = job_call("svc", IdentityKind::ServiceAccount, &name);
            story.tell(tell.session("new").at(monday(time)));
        }
        if round == 0 {
            story.outputs.clear();
        }
    }
    let drift = story.findings().into_iter();
    let drift: Vec<_> = drift.filter(|f| f.detector == "scope_drift").collect();
    assert_eq!(drift.len(), 0);
}

#[test]
fn where_nothing_narrower_is_known_a_person_is_logged_out_everywhere() {
    let mut story = Story::new();
    let mut away = somebody_far_away(&mut story).on("other");
    away.0.session.id = None;
    story.tell(away.at(monday(NOON)));
    assert_eq!(story.actions(), [Action::RevokeAll]);
}

/// A machine that does something else at ten in the evening of every day, which somebody calls harmless on the first.
fn cleared(also: impl Fn(i64) -> Vec<Tell>) -> Story {
    let mut story = Story::new();
    for hour in 0..18 * 24 {
        let session = format!("run {}", hour / 24);
        for (step, endpoint) in JOB.into_iter().enumerate() {
            let call = job_call("svc", IdentityKind::ServiceAccount, endpoint).session(&session);
            story.tell(call.at(monday(hour * HOUR + step as i64 * 2_000)));
        }
        let day = hour / 24;
        if hour % 24 != 22 || day < 14 {
            continue;
        }
        for tell in also(day) {
            story.tell(tell.session(&session));
        }
        if day == 14 {
            assert!(!story.actions().is_empty(), "{:?}", story.findings());
        }
    }
    story
}

/// On which days something was commanded that is not a question about an old authentication.
fn answered_days(story: &Story) -> Vec<i64> {
    let commands = story.commands().into_iter();
    let stronger = commands.filter(|command| command.action > Action::StepUp);
    let mut days: Vec<i64> = stronger
        .map(|command| command.time.since(monday(0)) / DAY)
        .collect();
    days.dedup();
    days
}

fn harmless(day: i64, minute: i64) -> Tell {
    let word = job_call("svc", IdentityKind::ServiceAccount, "triage");
    let word = word.verdict(Verdict::FalsePositive, None);
    word.at(monday(day * DAY + 22 * HOUR + minute * MINUTE))
}

#[test]
fn a_privilege_that_somebody_called_harmless_is_taken_again() {
    let story = cleared(|day| {
        let assume = job_call("svc", IdentityKind::ServiceAccount, "AssumeRole Admin");
        let assume = assume.class(ActionClass::Privilege);
        let assume = assume.outcome(Outcome::Success);
        let assume = assume.at(monday(day * DAY + 22 * HOUR + 10 * MINUTE));
        match day {
            14 => vec![assume, harmless(day, 20)],
            _ => vec![assume],
        }
    });
    assert_eq!(answered_days(&story), [14]);
}

#[test]
fn where_a_machine_was_that_somebody_called_harmless_it_may_be_again() {
    let story = cleared(|day| {
        let from_oslo = |name: &str, class, minute: i64| {
            let call = call("svc", name).kind(IdentityKind::ServiceAccount);
            let call = call.class(class).from(&OSLO).on("host-2");
            let call = call.credential("sha256:key").outcome(Outcome::Success);
            call.at(monday(day * DAY + 22 * HOUR + minute * MINUTE))
        };
        let policy = from_oslo("PUT /policy", ActionClass::Admin, 10);
        let back = job_call("svc", IdentityKind::ServiceAccount, JOB[0]);
        let back = back.at(monday(day * DAY + 22 * HOUR + 12 * MINUTE));
        match day {
            14 => vec![policy, back, harmless(day, 20)],
            _ => vec![policy, back],
        }
    });
    assert_eq!(answered_days(&story), [14]);
}
