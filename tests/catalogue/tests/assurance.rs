//! Group E: is it still trusted right now? Verdicts (E1), privileged sessions (E2), agents' tools (E3).

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Agent, Machine, Pace, Person, Step};
use plumbline_catalogue::{Action, Actor, Story, each_seed};

// E1: a payment or a change of privilege on an old verdict.

/// Somebody who does this in fresh sessions, in a session of this age.
fn in_an_older_session(story: &mut Story, step: Step, age: i64) -> (Person, Actor, i64) {
    let days = story.history_days();
    let ann = Person::new(story, "ann").who_also(step.0, step.1);
    ann.lives(story, days);
    let start = ann.morning(days);
    let session = ann.logs_in(story, &ann.laptop, start);
    ann.browses(story, &session, start + MINUTE, start + age - 20 * SECOND);
    (ann, session, start + age)
}

fn needs_a_fresh_verdict(story: &mut Story, step: Step, age: i64) {
    let (ann, session, now) = in_an_older_session(story, step, age);
    story.begins(now);
    story.add(session.does(step.0, step.1).at(now));
    let ran = story.run();
    let command = ran
        .expect(ann.id())
        .session(session.text("session.id"))
        .on_the_event_of(now)
        .answer(&[Action::StepUp]);
    if command.params.max_age.is_none() {
        ran.fail("a step-up for freshness says how fresh");
    }
}

#[test]
fn e1_a_payment_on_an_old_verdict_steps_up() {
    each_seed("E1", |story| {
        let age = story.dice.between(6, 200) * MINUTE;
        needs_a_fresh_verdict(story, ("payment", "POST /payments"), age);
    });
}

#[test]
fn e1_a_privilege_change_on_an_old_verdict_steps_up() {
    each_seed("E1", |story| {
        let age = story.dice.between(16, 200) * MINUTE;
        needs_a_fresh_verdict(story, ("privilege", "AssumeRole treasurer"), age);
    });
}

/// A payment service whose sessions last a run: issue, read, pay.
fn payment_service(story: &mut Story) -> (Machine, i64) {
    let days = story.history_days();
    let steps = [("read", "GET /v1/due"), ("payment", "POST /v1/payments")];
    let service = Machine::new(story, "service_account", "svc-pay", &steps).pace(Pace::Builds(6));
    service.lives(story, days);
    (service, clock::at(days, 10, 0))
}

#[test]
fn e1_a_machines_payment_on_an_old_verdict_steps_up() {
    each_seed("E1", |story| {
        let (service, start) = payment_service(story);
        let session = service.opens(story, start);
        let now = start + story.dice.between(20, 200) * MINUTE;
        for read in 0..3 {
            let time = start + (now - start) * (read + 1) / 4;
            story.add(session.does("read", "GET /v1/due").at(time));
        }
        story.begins(now);
        story.add(session.does("payment", "POST /v1/payments").at(now));
        story
            .run()
            .expect(service.id())
            .on_the_event_of(now)
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn e1_twin_a_fresh_verdict() {
    for (step, minutes) in [
        (("payment", "POST /payments"), 4),
        (("privilege", "AssumeRole treasurer"), 14),
    ] {
        each_seed("E1", |story| {
            let age = story.dice.between(1, minutes) * MINUTE;
            let (_, session, now) = in_an_older_session(story, step, age);
            story.add(session.does(step.0, step.1).at(now));
            story.add(session.does("logout", "logout").at(now + 20 * SECOND));
            story.run().silent();
        });
    }
}

#[test]
fn e1_twin_a_machines_payment_in_a_fresh_session() {
    each_seed("E1", |story| {
        let (service, start) = payment_service(story);
        service.runs_once(story, start);
        story.run().silent();
    });
}

#[test]
fn e1_twin_a_machine_whose_long_habit_is_older_than_the_limit() {
    each_seed("E1", |story| {
        let days = story.history_days() + 14;
        let steps = [("read", "GET /v1/due"), ("payment", "POST /v1/payments")];
        let service = Machine::new(story, "service_account", "svc-pay", &steps);
        service.lives(story, days);
        story.run().silent_since(clock::at(14, 0, 0));
    });
}

// E2: a privileged session changes its address, its device or what it does.

const PRIVILEGED: [Step; 3] = [
    ("read", "GET /v1/keys"),
    ("secret", "GET /v1/keys/{id}"),
    ("admin", "PUT /v1/keys/{id}"),
];

/// A machine with privileged calls in its session.
fn privileged(story: &mut Story, steps: &[Step]) -> (Machine, Actor, i64) {
    let days = story.history_days();
    let kind = story.dice.pick(&["service_account", "api_key"]);
    // Never at rest for half an hour: a privileged session that resumes after that is ended.
    let mut account = Machine::new(story, kind, "svc-keys", steps).pace(Pace::Every(18));
    account.actor = account
        .actor
        .with("device.id", "node-1")
        .with("device.tls_fingerprint", "t13d1516h2")
        .with("device.user_agent", "keys/2.1");
    account.lives(story, days);
    let start = clock::at(days, story.dice.between(3, 20), 0);
    let session = account.at_work(story, start);
    (account, session, start + story.dice.between(3, 10) * MINUTE)
}

fn is_reevaluated_at_once(story: &mut Story, account: &Machine, changed: &Actor, now: i64) {
    story.begins(now);
    story.add(changed.does("read", "GET /v1/keys").at(now));
    let ran = story.run();
    let command = ran
        .expect(account.id())
        .on_the_event_of(now)
        .answer(&[Action::StepUp]);
    if command.target.session_id.as_deref() != Some(changed.text("session.id")) {
        ran.fail("the step-up is about the session that changed");
    }
}

#[test]
fn e2_a_new_address_in_a_privileged_session_steps_up() {
    each_seed("E2", |story| {
        let (account, session, now) = privileged(story, &PRIVILEGED);
        let elsewhere = account.place.behind_another_provider(11);
        let changed = session.with("network", elsewhere.network(21));
        is_reevaluated_at_once(story, &account, &changed, now);
    });
}

#[test]
fn e2_a_new_device_fingerprint_in_a_privileged_session_steps_up() {
    each_seed("E2", |story| {
        let (account, session, now) = privileged(story, &PRIVILEGED);
        let changed = session
            .with("device.id", "node-77")
            .with("device.tls_fingerprint", "t10d0000h1")
            .with("device.user_agent", "curl/8.5");
        is_reevaluated_at_once(story, &account, &changed, now);
    });
}

#[test]
fn e2_another_pattern_of_use_in_a_privileged_session_steps_up() {
    each_seed("E2", |story| {
        let (account, session, now) = privileged(story, &PRIVILEGED);
        story.begins(now);
        for call in 0..60 {
            let class = if call % 3 == 0 { "secret" } else { "read" };
            let name = ["GET /v1/keys/{id}", "GET /v1/audit", "GET /v1/users"][call % 3];
            let time = now + call as i64 * story.dice.between(300, 900);
            story.add(session.does(class, name).at(time));
        }
        story
            .run()
            .expect(account.id())
            .by(now + 2 * MINUTE)
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn e2_twin_a_pool_of_addresses_that_it_has_always_rotated_through() {
    each_seed("E2", |story| {
        let days = story.history_days();
        let account = Machine::new(story, "service_account", "svc-keys", &PRIVILEGED);
        for day in 0..=days {
            let session = account.opens(story, clock::at(day, 0, 1));
            for quarter in 0..90 {
                let address = account.place.network(story.dice.between(16, 31));
                let behind = session.clone().with("network", address);
                let time = clock::at(day, 0, 15 * quarter + story.dice.between(2, 12));
                account.runs(story, &behind, time);
            }
        }
        story.run().silent();
    });
}

#[test]
fn e2_twin_the_change_in_a_session_without_privilege_is_only_a_finding() {
    each_seed("E2", |story| {
        let steps = [("read", "GET /v1/keys"), ("read", "GET /v1/labels")];
        let (account, session, now) = privileged(story, &steps);
        let elsewhere = account.place.behind_another_provider(11);
        let changed = session.with("network", elsewhere.network(21));
        account.works(story, &changed, now, now + 3 * HOUR);
        story.run().silent();
    });
}

// E3: an agent asks for more than its usual scope.

/// An agent among three peers, who use a tool daily that it does not use.
fn agent_among_peers(story: &mut Story) -> (Agent, i64) {
    let days = story.history_days();
    let mut agents: Vec<Agent> = (0..4).map(|_| Agent::of_tickets(story)).collect();
    let granted = vec!["ticket:read", "ticket:write", "kb:read"];
    for (number, agent) in agents.iter_mut().enumerate() {
        agent.actor = agent
            .actor
            .clone()
            .with("identity.groups", vec!["triage-agents"])
            .with("credential.scopes", granted.clone());
        agent.lives_with(story, days, |story, _, session, time| {
            if number > 0 {
                let call = session.does("read", "tool:kb.search");
                story.add(call.set("action.scopes", vec!["kb:read"]).at(time));
            }
        });
    }
    (agents.swap_remove(0), clock::at(days, 9, 5))
}

/// After some ordinary calls.
fn asks(story: &mut Story, agent: &Agent, start: i64) -> (Actor, i64) {
    let session = agent.starts_task(story, start);
    let now = agent.calls(story, &session, start + 10 * SECOND, 5);
    (session, now)
}

#[test]
fn e3_an_agent_that_asks_for_a_privilege_is_paused() {
    each_seed("E3", |story| {
        let (agent, start) = agent_among_peers(story);
        let (session, now) = asks(story, &agent, start);
        story.begins(now);
        let outcome = story.dice.pick(&["denied", "success", "challenged"]);
        let raise = session
            .does("privilege", "tool:iam.assume_role")
            .on("role/admin");
        story.add(raise.ended(outcome).at(now));
        story
            .run()
            .expect(agent.id())
            .on_the_event_of(now)
            .answer(&[Action::Pause]);
    });
}

#[test]
fn e3_an_agent_with_a_tool_outside_its_scope_is_paused() {
    each_seed("E3", |story| {
        let (agent, start) = agent_among_peers(story);
        let (session, now) = asks(story, &agent, start);
        story.begins(now);
        let name = story
            .dice
            .pick(&["tool:crm.update", "tool:shell.run", "tool:hr.search"]);
        let call = session
            .does("write", name)
            .set("action.scopes", vec!["crm:write"]);
        story.add(call.at(now));
        story
            .run()
            .expect(agent.id())
            .on_the_event_of(now)
            .answer(&[Action::Pause]);
    });
}

#[test]
fn e3_twin_a_tool_that_its_peers_use_daily_and_its_grant_covers() {
    each_seed("E3", |story| {
        let (agent, start) = agent_among_peers(story);
        let (session, now) = asks(story, &agent, start);
        for call in 0..3 {
            let search = session.does("read", "tool:kb.search");
            let search = search.set("action.scopes", vec!["kb:read"]);
            story.add(search.at(now + call * 30 * SECOND));
        }
        agent.ends_task(story, &session, now + 5 * MINUTE);
        story.run().silent();
    });
}

#[test]
fn e3_twin_its_usual_tools() {
    each_seed("E3", |story| {
        let (agent, start) = agent_among_peers(story);
        let (session, now) = asks(story, &agent, start);
        agent.calls(story, &session, now, 12);
        story.run().silent();
    });
}
