//! What stands, what lifts it: one standing command per target, challenges passed, feedback.

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Agent, Person};
use plumbline_catalogue::{Action, Actor, Story, each_seed};

/// Somebody whose authentication is too old for the export that is done twice, a minute apart.
fn exports_twice(story: &mut Story) -> (Person, Actor, i64) {
    let days = story.history_days();
    let ann = Person::new(story, "ann").who_also("export", "POST /ledger/export");
    ann.lives(story, days);
    let start = ann.morning(days);
    let session = ann.logs_in(story, &ann.laptop, start);
    ann.browses(story, &session, start + MINUTE, start + HOUR - MINUTE);
    let now = start + HOUR;
    story.begins(now);
    exports(story, &session, now);
    exports(story, &session, now + MINUTE);
    (ann, session, now)
}

fn exports(story: &mut Story, session: &Actor, time: i64) {
    let export = session.does("export", "POST /ledger/export");
    story.add(export.bytes(60_000).at(time));
}

#[test]
fn a_command_that_stands_is_not_published_again() {
    each_seed("D1", |story| {
        let (ann, _, _) = exports_twice(story);
        let ran = story.run();
        ran.expect(ann.id()).answer(&[Action::StepUp]);
        if ran.count(ann.id(), Action::StepUp) != 1 {
            ran.fail("one standing command per target");
        }
    });
}

#[test]
fn a_step_up_is_passed_by_a_second_factor_in_the_session() {
    each_seed("D1", |story| {
        let (ann, session, now) = exports_twice(story);
        let passed = now + 3 * MINUTE;
        story.add(session.does("mfa", "mfa.verify").at(passed));
        exports(story, &session, passed + MINUTE);
        let again = passed + story.dice.between(20, 40) * MINUTE;
        exports(story, &session, again);
        let ran = story.run();
        ran.silent_between(passed, again);
        ran.expect(ann.id())
            .on_the_event_of(again)
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn a_step_up_is_passed_by_feedback() {
    each_seed("D1", |story| {
        let (ann, session, now) = exports_twice(story);
        let ran = story.run();
        let command = ran.expect(ann.id()).answer(&[Action::StepUp]);
        let passed = now + 3 * MINUTE;
        let feedback = session.feedback("step_up_passed");
        story.add(
            feedback
                .set("feedback.command_id", command.id.as_str())
                .at(passed),
        );
        exports(story, &session, passed + MINUTE);
        story.run().silent_since(passed);
    });
}

#[test]
fn a_false_positive_lifts_the_command() {
    each_seed("D1", |story| {
        let (ann, session, now) = exports_twice(story);
        let ran = story.run();
        let command = ran.expect(ann.id()).answer(&[Action::StepUp]);
        let said = now + 3 * MINUTE;
        let feedback = session.feedback("false_positive");
        story.add(
            feedback
                .set("feedback.command_id", command.id.as_str())
                .at(said),
        );
        let again = said + 2 * MINUTE;
        exports(story, &session, again);
        // What was lifted no longer stands: the rule answers anew.
        story
            .run()
            .expect(ann.id())
            .on_the_event_of(again)
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn an_approval_resumes_a_paused_agent_once() {
    each_seed("A2", |story| {
        let days = story.history_days();
        let agent = Agent::of_tickets(story);
        agent.lives(story, days);
        let start = clock::at(days, 9, 0);
        story.begins(start);
        let session = agent.starts_task(story, start);
        let call = agent.calls(story, &session, start + 10 * SECOND, 3);
        story.add(session.does("deploy", "tool:service.restart").at(call));
        let approval = call + 5 * MINUTE;
        match story.dice.chance(50) {
            true => agent.is_approved(story, &session, approval),
            false => {
                story.add(session.feedback("approved").at(approval));
            }
        }
        story.add(
            session
                .does("deploy", "tool:service.restart")
                .at(approval + MINUTE),
        );
        let ran = story.run();
        let paused = ran
            .expect(agent.id())
            .on_the_event_of(call)
            .answer(&[Action::Pause]);
        let resumed = ran
            .expect(agent.id())
            .on_the_event_of(approval)
            .answer(&[Action::Resume]);
        if resumed.target != paused.target {
            ran.fail("what was paused is resumed");
        }
        ran.silent_since(approval + 1);
    });
}
