//! Group B, continued: compromise (B4), revocation that does not hold (B5), fresh privilege (B7).

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, DAY, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Agent, Machine, Pace, Person, Step};
use plumbline_catalogue::{Action, Actor, Place, Story, each_seed};
use plumbline_schemas::finding::Severity;

const CALLS: [Step; 2] = [("read", "GET /v1/items"), ("write", "POST /v1/items/{id}")];
const REEVALUATED: [Action; 2] = [Action::StepUp, Action::RevokeSession];

// B4: a secret is found compromised in one session.

/// An account and so many sessions of it that are live now.
fn live_sessions(story: &mut Story, count: i64) -> (Machine, Vec<Actor>, i64) {
    let days = story.history_days();
    let account = Machine::new(story, "service_account", "svc-items", &CALLS);
    // Several sessions at once are its habit.
    for day in 0..days {
        for number in 0..count {
            let time = clock::at(day, 6, 3 * number);
            let session = account.opens(story, time);
            account.works(story, &session, time + MINUTE, time + 8 * HOUR);
        }
    }
    let found = clock::at(days, 9, 30);
    let sessions = (0..count)
        .map(|number| {
            let time = clock::at(days, 6, 3 * number);
            let session = account.opens(story, time);
            account.works(story, &session, time + MINUTE, found - 10 * MINUTE);
            account.runs(story, &session, found - (1 + number) * MINUTE);
            session
        })
        .collect();
    (account, sessions, found)
}

/// Analysts say that the session is not its owner's.
fn is_found_compromised(story: &mut Story, session: &Actor, time: i64) {
    story.begins(time);
    story.add(session.feedback("true_positive").at(time));
    story.clock_passes(time + MINUTE);
}

#[test]
fn b4_sessions_with_the_same_credential_are_reevaluated_each() {
    each_seed("B4", |story| {
        let (account, sessions, found) = live_sessions(story, 3);
        is_found_compromised(story, &sessions[0], found);
        let ran = story.run();
        for session in &sessions[1..] {
            ran.expect(account.id())
                .session(session.text("session.id"))
                .by(found + MINUTE)
                .answer(&REEVALUATED);
        }
    });
}

#[test]
fn b4_a_credential_that_is_revoked_as_stolen_reevaluates_its_other_sessions() {
    each_seed("B4", |story| {
        let (account, sessions, found) = live_sessions(story, 3);
        story.begins(found);
        let place = Place::far_region(&mut story.dice);
        let thief = sessions[0]
            .clone()
            .from(&place, 9)
            .host("python", "x", "x1");
        for round in 0..5 {
            let time = found + round * 2 * MINUTE;
            story.add(sessions[0].does("read", "GET /v1/items").at(time));
            story.add(thief.does("read", "GET /v1/items").at(time + MINUTE));
        }
        let ran = story.run();
        let stolen = ran.expect(account.id()).answer(&[Action::RevokeCredential]);
        let since = stolen.time.as_millis();
        for session in &sessions[1..] {
            ran.expect(account.id())
                .session(session.text("session.id"))
                .since(since)
                .answer(&REEVALUATED);
        }
    });
}

#[test]
fn b4_another_identity_with_the_same_credential_is_reevaluated() {
    each_seed("B4", |story| {
        let days = story.history_days();
        let one = Machine::new(story, "service_account", "svc-a", &CALLS);
        let mut other = Machine::new(story, "service_account", "svc-b", &CALLS);
        let shared = one.actor.text("credential.id").to_owned();
        other.actor = other.actor.with("credential.id", shared);
        one.lives(story, days);
        other.lives(story, days);
        let start = clock::at(days, 9, 0);
        let first = one.at_work(story, start);
        let second = other.at_work(story, start + MINUTE);
        is_found_compromised(story, &first, start + 9 * MINUTE);
        story
            .run()
            .expect(other.id())
            .session(second.text("session.id"))
            .answer(&REEVALUATED);
    });
}

#[test]
fn b4_another_identity_on_the_same_device_is_reevaluated() {
    each_seed("B4", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        let mut admin = Person::new(story, "ann-admin");
        admin.laptop = admin
            .laptop
            .from(&ann.home, 9)
            .with("device.id", ann.laptop.text("device.id"));
        admin.phone = admin.phone.on_the_network_of(&ann.phone);
        ann.lives(story, days);
        admin.lives(story, days);
        let start = ann.morning(days);
        let first = ann.logs_in(story, &ann.laptop, start);
        let second = admin.logs_in(story, &admin.laptop, start + 2 * MINUTE);
        story.add(first.does("read", "GET /mail/{id}").at(start + 5 * MINUTE));
        story.add(second.does("read", "GET /tickets").at(start + 7 * MINUTE));
        is_found_compromised(story, &first, start + 15 * MINUTE);
        story
            .run()
            .expect(admin.id())
            .session(second.text("session.id"))
            .answer(&REEVALUATED);
    });
}

#[test]
fn b4_an_agent_that_acts_for_the_identity_is_reevaluated() {
    each_seed("B4", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        let mut agent = Agent::of_tickets(story);
        agent.actor = agent.actor.on_behalf_of(ann.id());
        ann.lives(story, days);
        agent.lives(story, days);
        let start = ann.morning(days);
        let human = ann.logs_in(story, &ann.laptop, start);
        let own = agent.starts_task(story, start + 2 * MINUTE);
        // The token was exchanged in her session, and says so.
        let acting = own.clone().session_since(human.text("session.id"), start);
        agent.calls(story, &acting, start + 3 * MINUTE, 4);
        is_found_compromised(story, &human, start + 12 * MINUTE);
        story
            .run()
            .expect(agent.id())
            .session(acting.text("session.id"))
            .answer(&REEVALUATED);
    });
}

#[test]
fn b4_twin_unrelated_sessions_of_the_same_tenant() {
    each_seed("B4", |story| {
        let (_, sessions, found) = live_sessions(story, 2);
        let ann = Person::new(story, "ann");
        let other = Machine::new(story, "service_account", "svc-other", &CALLS);
        let agent = Agent::of_tickets(story);
        let days = clock::day_of(found);
        ann.lives(story, days);
        other.lives(story, days);
        agent.lives(story, days);
        let human = ann.logs_in(story, &ann.laptop, found - 20 * MINUTE);
        ann.browses(story, &human, found - 18 * MINUTE, found + 20 * MINUTE);
        let machine = other.opens(story, found - 20 * MINUTE);
        other.works(story, &machine, found - 18 * MINUTE, found + HOUR);
        let acting = agent.starts_task(story, found - 5 * MINUTE);
        agent.calls(story, &acting, found - 4 * MINUTE, 20);
        is_found_compromised(story, &sessions[0], found);
        let ran = story.run();
        ran.history_silent();
        for id in [ann.id(), other.id(), agent.id()] {
            ran.silent_for(id);
        }
    });
}

#[test]
fn b4_twin_related_sessions_that_are_no_longer_live() {
    each_seed("B4", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        ann.lives(story, days);
        let start = ann.morning(days);
        let ended = ann.logs_in(story, &ann.laptop, start);
        story.add(ended.does("read", "GET /tickets").at(start + MINUTE));
        story.add(ended.does("logout", "logout").at(start + 2 * MINUTE));
        let resting = ann.logs_in(story, &ann.laptop, start + 3 * MINUTE);
        let found = start + 3 * HOUR;
        let bad = ann.logs_in(story, &ann.laptop, found - 10 * MINUTE);
        story.add(bad.does("read", "GET /mail/{id}").at(found - 5 * MINUTE));
        is_found_compromised(story, &bad, found);
        let ran = story.run();
        ran.history_silent();
        for session in [&ended, &resting] {
            let id = session.text("session.id");
            let named = |target: &Option<String>| target.as_deref() == Some(id);
            if ran
                .commands
                .iter()
                .any(|command| named(&command.target.session_id))
            {
                ran.fail(&format!("{id} is not live"));
            }
        }
    });
}

// B5: a revoked context still succeeds.

/// A machine at work, in a session.
fn machine_at_work(story: &mut Story, kind: &str) -> (Machine, Actor, i64) {
    let days = story.history_days();
    let account = Machine::new(story, kind, "svc-items", &CALLS);
    account.lives(story, days);
    let last = clock::at(days, story.dice.between(2, 20), 0);
    let session = account.at_work(story, last);
    (account, session, last + 5 * MINUTE)
}

/// It succeeds at this time although it was revoked: everything is ended, as critical.
fn everything_is_revoked(story: &mut Story, actor: &Actor, time: i64) {
    story.add(actor.does("read", "GET /v1/items").at(time));
    let ran = story.run();
    let command = ran
        .expect_anyway(actor.id())
        .on_the_event_of(time)
        .answer(&[Action::RevokeAll]);
    let findings = ran.findings_of(command);
    if !findings
        .iter()
        .any(|finding| finding.severity == Severity::Critical)
    {
        ran.fail("a gap in the enforcement is critical");
    }
}

#[test]
fn b5_a_revoked_credential_that_still_works_revokes_everything() {
    each_seed("B5", |story| {
        let kind = story.dice.pick(&["service_account", "api_key", "workload"]);
        let (_, session, revoked) = machine_at_work(story, kind);
        story.begins(revoked);
        let credential = session.clone().without("session");
        story.add(credential.is_revoked().at(revoked));
        let later = revoked + story.dice.between(1, 90) * MINUTE;
        everything_is_revoked(story, &session, later);
    });
}

#[test]
fn b5_a_revoked_session_that_still_works_revokes_everything() {
    each_seed("B5", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        ann.lives(story, days);
        let start = ann.morning(days);
        let session = ann.logs_in(story, &ann.laptop, start);
        ann.browses(story, &session, start + MINUTE, start + HOUR);
        let revoked = start + HOUR + MINUTE;
        story.begins(revoked);
        let only_session = session.clone().without("credential");
        story.add(only_session.is_revoked().at(revoked));
        let later = revoked + story.dice.between(1, 90) * MINUTE;
        everything_is_revoked(story, &session, later);
    });
}

#[test]
fn b5_a_credential_that_a_bot_says_it_revoked_revokes_everything() {
    each_seed("B5", |story| {
        let (account, session, start) = machine_at_work(story, "api_key");
        story.begins(start);
        let place = Place::far_region(&mut story.dice);
        let thief = session.clone().from(&place, 99).host("python", "x", "x1");
        for round in 0..4 {
            let time = start + round * 2 * MINUTE;
            story.add(session.does("read", "GET /v1/items").at(time));
            story.add(thief.does("read", "GET /v1/items").at(time + MINUTE));
        }
        let ran = story.run();
        let command = ran.expect(account.id()).answer(&[Action::RevokeCredential]);
        let acked = start + 12 * MINUTE;
        let ack = session
            .feedback("acked")
            .set("feedback.command_id", command.id.clone());
        story.add(ack.at(acked));
        everything_is_revoked(story, &thief, acked + 5 * MINUTE);
    });
}

#[test]
fn b5_twin_calls_that_fail_after_the_revocation() {
    each_seed("B5", |story| {
        let (_, session, revoked) = machine_at_work(story, "service_account");
        story.add(session.is_revoked().at(revoked));
        for retry in 1..6 {
            let outcome = story.dice.pick(&["denied", "failure"]);
            let call = session.does("read", "GET /v1/items").ended(outcome);
            story.add(call.at(revoked + retry * MINUTE));
        }
        story.run().silent();
    });
}

#[test]
fn b5_twin_a_success_that_happened_before_and_arrives_after() {
    each_seed("B5", |story| {
        let (_, session, revoked) = machine_at_work(story, "service_account");
        story.add(session.is_revoked().at(revoked));
        let earlier = revoked - story.dice.between(5, 100) * SECOND;
        let call = session.does("read", "GET /v1/items").at(earlier);
        story.add(call.arriving(revoked + 4 * MINUTE));
        story.run().silent();
    });
}

#[test]
fn b5_twin_what_is_said_of_the_device_after_the_revocation() {
    each_seed("B5", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        ann.lives(story, days);
        let start = ann.morning(days);
        let session = ann.logs_in(story, &ann.laptop, start);
        let revoked = start + HOUR;
        // The device manager is behind, in its clock as well as in what it sends.
        let report = session.does("posture", "device.compliance");
        if story.dice.between(0, 2) == 0 {
            story.add(
                report
                    .clone()
                    .at(revoked + 2 * SECOND)
                    .arriving(revoked - SECOND),
            );
        }
        story.add(session.is_revoked().at(revoked));
        story.add(report.at(revoked + 5 * MINUTE));
        story.run().silent();
    });
}

#[test]
fn b5_twin_a_log_out_is_no_revocation() {
    each_seed("B5", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        ann.lives(story, days);
        let start = ann.morning(days);
        let session = ann.logs_in(story, &ann.laptop, start);
        story.add(session.does("logout", "logout").at(start + HOUR));
        // Another tab still polls.
        story.add(
            session
                .does("read", "GET /calendar")
                .at(start + HOUR + 20 * SECOND),
        );
        story.run().silent();
    });
}

#[test]
fn b5_twin_a_new_session_after_the_old_one_was_revoked() {
    each_seed("B5", |story| {
        let (account, session, revoked) = machine_at_work(story, "service_account");
        let only_session = session.without("credential");
        story.add(only_session.is_revoked().at(revoked));
        let fresh = account.opens(story, revoked + 2 * MINUTE);
        account.works(story, &fresh, revoked + 3 * MINUTE, revoked + 2 * HOUR);
        story.run().silent();
    });
}

// B7: fresh privilege, used at once.

/// Somebody who gets a right from an admin, outside any session.
fn gains_a_right(story: &mut Story, actor: &Actor, granter: &str, time: i64) {
    let granted = actor
        .clone()
        .without("session")
        .without("network")
        .without("device")
        .on_behalf_of(granter);
    story.add(
        granted
            .does("privilege", "role.grant")
            .on("role/treasurer")
            .at(time),
    );
}

fn sensitive(story: &mut Story) -> Step {
    story.dice.pick(&[
        ("export", "POST /customers/export"),
        ("secret", "GET /vault/{id}"),
        ("admin", "PUT /policies/{id}"),
    ])
}

#[test]
fn b7_a_right_just_granted_and_used_at_once_steps_up() {
    each_seed("B7", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        ann.lives(story, days);
        let start = ann.morning(days);
        let session = ann.logs_in(story, &ann.laptop, start);
        story.add(session.does("read", "GET /mail/{id}").at(start + MINUTE));
        story.begins(start + 2 * MINUTE);
        gains_a_right(story, &ann.laptop, "root-admin", start + 2 * MINUTE);
        let use_of_it = start + story.dice.between(3, 8) * MINUTE;
        let (class, name) = sensitive(story);
        story.add(session.does(class, name).at(use_of_it));
        story
            .run()
            .expect(ann.id())
            .on_the_event_of(use_of_it)
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn b7_an_account_that_uses_a_right_just_granted_steps_up() {
    each_seed("B7", |story| {
        let (account, session, start) = machine_at_work(story, "service_account");
        story.begins(start);
        gains_a_right(story, &account.actor, "root-admin", start);
        let use_of_it = start + story.dice.between(1, 8) * MINUTE;
        let (class, name) = sensitive(story);
        story.add(session.does(class, name).at(use_of_it));
        story
            .run()
            .expect(account.id())
            .on_the_event_of(use_of_it)
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn b7_twin_the_same_right_used_a_week_later_in_the_usual_way() {
    each_seed("B7", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        ann.lives(story, days + 7);
        gains_a_right(story, &ann.laptop, "root-admin", ann.morning(days) + MINUTE);
        let later = ann.morning(days + 7);
        let session = ann.logs_in(story, &ann.laptop, later);
        let (class, name) = sensitive(story);
        story.add(session.does("read", "GET /mail/{id}").at(later + MINUTE));
        story.add(session.does(class, name).at(later + 3 * MINUTE));
        story.add(session.does("logout", "logout").at(later + 5 * MINUTE));
        story.clock_passes(later + DAY);
        story.run().silent();
    });
}

#[test]
fn b7_twin_a_role_that_is_assumed_before_every_deployment() {
    each_seed("B7", |story| {
        let days = story.history_days();
        let steps = [
            ("read", "GET /repos/{id}"),
            ("privilege", "AssumeRole deployer"),
            ("deploy", "POST /deployments"),
        ];
        let pipeline =
            Machine::new(story, "service_account", "svc-deploy", &steps).pace(Pace::Builds(4));
        pipeline.lives(story, days);
        let start = clock::at(days, 11, 0);
        pipeline.runs_once(story, start);
        let first_week = clock::at(7, 0, 0);
        story.run().silent_since(first_week);
    });
}
