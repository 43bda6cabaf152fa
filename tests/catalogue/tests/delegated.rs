//! Group C, continued: delegated sessions that read secrets (C3), privilege raised in mid-session (C5).

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, MINUTE, SECOND};
use plumbline_catalogue::lives::{Agent, Machine, Pace, Person, Step};
use plumbline_catalogue::{Action, Actor, Ran, Story, each_seed};

// C3: a delegated session reads sensitive data.

const EXCHANGE: [Step; 3] = [
    ("read", "GET /v1/cases"),
    ("read", "GET /v1/cases/{id}"),
    ("write", "POST /v1/cases/{id}/notes"),
];

/// A workload that works for somebody with a delegated token, in a session of today.
fn delegated_workload(story: &mut Story) -> (Machine, Actor, i64) {
    let days = story.history_days();
    let alice = story.dice.name("alice");
    let mut workload = Machine::new(story, "workload", "wl-cases", &EXCHANGE);
    workload.actor = workload.actor.on_behalf_of(&alice);
    workload.lives(story, days);
    let start = clock::at(days, story.dice.between(2, 20), 0);
    let session = workload.at_work(story, start);
    (workload, session, start)
}

fn is_shortened(ran: &Ran, id: &str, session: &Actor, read: i64) {
    let command = ran
        .expect(id)
        .session(session.text("session.id"))
        .on_the_event_of(read)
        .answer(&[Action::Shorten]);
    if command.params.expires_in != Some(900) {
        ran.fail(&format!(
            "900 s are left by default, not {:?}",
            command.params
        ));
    }
}

#[test]
fn c3_a_delegated_secret_read_shortens_the_session() {
    each_seed("C3", |story| {
        let (workload, session, start) = delegated_workload(story);
        story.begins(start);
        let read = start + story.dice.between(1, 20) * MINUTE;
        story.add(
            session
                .does("secret", "GET /vault/{id}")
                .on("vault/db")
                .at(read),
        );
        is_shortened(&story.run(), workload.id(), &session, read);
    });
}

#[test]
fn c3_a_delegated_export_shortens_the_session() {
    each_seed("C3", |story| {
        let (workload, session, start) = delegated_workload(story);
        story.begins(start);
        let read = start + story.dice.between(1, 20) * MINUTE;
        story.add(
            session
                .does("export", "POST /v1/cases/export")
                .bytes(9000)
                .at(read),
        );
        is_shortened(&story.run(), workload.id(), &session, read);
    });
}

#[test]
fn c3_an_agents_approved_delegated_secret_read_shortens_the_session() {
    each_seed("C3", |story| {
        let days = story.history_days();
        let mut agent = Agent::of_tickets(story);
        agent.actor = agent.actor.on_behalf_of("alice");
        agent.lives(story, days);
        let start = clock::at(days, 9, 0);
        story.begins(start);
        let session = agent.opens(story, start);
        agent.is_approved(story, &session, start + MINUTE);
        let read = start + 2 * MINUTE;
        story.add(
            session
                .does("secret", "tool:vault.read")
                .on("vault/db")
                .at(read),
        );
        is_shortened(&story.run(), agent.id(), &session, read);
    });
}

#[test]
fn c3_however_usual_each_delegated_session_is_shortened_once() {
    each_seed("C3", |story| {
        let days = story.history_days();
        let steps = [("read", "GET /v1/cases"), ("secret", "GET /vault/{id}")];
        let mut workload =
            Machine::new(story, "workload", "wl-cases", &steps).pace(Pace::At(vec![300, 900], 5));
        workload.actor = workload.actor.on_behalf_of("alice");
        workload.lives(story, days);
        let ran = story.run();
        let shortened = ran.count(workload.id(), Action::Shorten);
        if shortened != 2 * days as usize || ran.commands.len() != shortened {
            ran.fail(&format!("{} sessions, each shortened once", 2 * days));
        }
    });
}

#[test]
fn c3_twin_the_delegating_human_reads_it_in_a_session_of_her_own() {
    each_seed("C3", |story| {
        let days = story.history_days();
        let alice = Person::new(story, "alice").who_also("secret", "GET /vault/{id}");
        alice.lives(story, days);
        let mut workload = Machine::new(story, "workload", "wl-cases", &EXCHANGE);
        workload.actor = workload.actor.on_behalf_of(alice.id());
        workload.lives(story, days);
        alice.works_in_console(story, alice.morning(days));
        story.clock_passes(alice.morning(days + 1));
        story.run().silent();
    });
}

#[test]
fn c3_twin_a_workload_reads_its_own_secret_as_always() {
    each_seed("C3", |story| {
        let days = story.history_days();
        let steps = [("secret", "GET /vault/{id}"), ("read", "GET /v1/cases")];
        Machine::new(story, "workload", "wl-cases", &steps)
            .pace(Pace::Every(15))
            .lives(story, days);
        story.run().silent();
    });
}

#[test]
fn c3_twin_a_delegated_session_that_reads_nothing_sensitive() {
    each_seed("C3", |story| {
        delegated_workload(story);
        story.run().silent();
    });
}

// C5: a federated workload raises its privilege inside the session.

const DEPLOYMENT: [Step; 4] = [
    ("read", "GET /repos/{id}"),
    ("read", "GET /artifacts/{id}"),
    ("write", "PUT /images/{id}"),
    ("read", "GET /deployments/{id}"),
];

/// A federated workload that deploys on working days, in a session of this morning.
fn federated(story: &mut Story) -> (Machine, Actor, i64) {
    let days = story.history_days();
    let workload = Machine::new(story, "workload", "wl-deploy", &DEPLOYMENT)
        .pace(Pace::Builds(4))
        .on("github-actions", "prod-runners", 4);
    workload.lives(story, days);
    let start = clock::at(days, 11, story.dice.between(0, 50));
    let session = workload.runs_once(story, start);
    (workload, session, start + MINUTE)
}

fn raises(story: &mut Story, session: &Actor, outcome: &str, time: i64) {
    let raise = session
        .does("privilege", "AssumeRole admin")
        .on("role/admin");
    story.add(raise.ended(outcome).at(time));
}

#[test]
fn c5_an_attempt_steps_up_and_a_success_ends_the_session() {
    each_seed("C5", |story| {
        let (workload, session, start) = federated(story);
        story.begins(start);
        let outcome = story.dice.pick(&["denied", "failure"]);
        raises(story, &session, outcome, start);
        let success = start + story.dice.between(30, 300) * SECOND;
        raises(story, &session, "success", success);
        let ran = story.run();
        ran.expect(workload.id())
            .on_the_event_of(start)
            .answer(&[Action::StepUp]);
        ran.expect(workload.id())
            .session(session.text("session.id"))
            .on_the_event_of(success)
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn c5_a_success_without_approval_ends_the_session() {
    each_seed("C5", |story| {
        let (workload, session, start) = federated(story);
        story.begins(start);
        raises(story, &session, "success", start);
        story
            .run()
            .expect(workload.id())
            .session(session.text("session.id"))
            .on_the_event_of(start)
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn c5_another_role_than_the_deployment_role_ends_the_session() {
    each_seed("C5", |story| {
        let (workload, days) = assumes_its_role(story, i64::MAX);
        let start = clock::at(days, 11, 0);
        let session = workload.runs_once(story, start);
        story.begins(start + MINUTE);
        raises(story, &session, "success", start + MINUTE);
        story
            .run()
            .expect(workload.id())
            .session(session.text("session.id"))
            .answer(&[Action::RevokeSession]);
    });
}

/// A workload that assumes its deployment role at every deployment, approved on its first days.
fn assumes_its_role(story: &mut Story, approved_days: i64) -> (Machine, i64) {
    let days = story.history_days() + 7;
    let steps = [
        ("read", "GET /repos/{id}"),
        ("privilege", "AssumeRole deployer"),
        ("deploy", "POST /deployments"),
        ("read", "GET /deployments/{id}"),
    ];
    let workload = Machine::new(story, "workload", "wl-deploy", &steps).on(
        "github-actions",
        "prod-runners",
        4,
    );
    for day in (0..days).filter(|day| clock::is_working_day(*day)) {
        for number in 0..4 {
            let time = clock::at(day, 8 + 2 * number, story.dice.between(0, 59));
            let session = workload.opens(story, time);
            if day < approved_days {
                story.add(session.is_approved_by("release-lead").at(time + SECOND));
            }
            workload.runs(story, &session, time + 5 * SECOND);
        }
    }
    (workload, days)
}

#[test]
fn c5_twin_the_deployment_role_at_every_deployment() {
    each_seed("C5", |story| {
        assumes_its_role(story, 7);
        story.run().silent();
    });
}

#[test]
fn c5_twin_the_deployment_role_that_nobody_ever_approved() {
    each_seed("C5", |story| {
        assumes_its_role(story, 0);
        story.run().silent_since(clock::at(10, 0, 0));
    });
}

#[test]
fn c5_twin_a_raise_that_was_approved() {
    each_seed("C5", |story| {
        let (_, session, start) = federated(story);
        story.add(session.is_approved_by("release-lead").at(start));
        raises(story, &session, "success", start + MINUTE);
        story.run().silent();
    });
}
