//! Group D: control what happens after authentication.

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, DAY, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Agent, Machine, Pace, Person, Step};
use plumbline_catalogue::{Action, Actor, Place, Story, each_seed};

// D1: an authentication that is too old for what is done.

/// An admin at work in a session that was authenticated at this time; the limit of the class in seconds.
fn admin_at_work(story: &mut Story, step: Step, age: i64) -> (Person, Actor, i64) {
    let days = story.history_days();
    let admin = Person::new(story, "admin").who_also(step.0, step.1);
    admin.lives(story, days);
    let start = admin.morning(days);
    let session = admin.logs_in(story, &admin.laptop, start);
    admin.browses(story, &session, start + MINUTE, start + age - 30 * SECOND);
    (admin, session, start + age)
}

fn demands_fresh_authentication(story: &mut Story, step: Step, limit: i64, age: i64) {
    let (admin, session, now) = admin_at_work(story, step, age);
    story.begins(now);
    story.add(
        session
            .does(step.0, step.1)
            .bytes(60_000)
            .in_production()
            .at(now),
    );
    let ran = story.run();
    let command = ran
        .expect(admin.id())
        .session(session.text("session.id"))
        .on_the_event_of(now)
        .answer(&[Action::StepUp]);
    match command.params.max_age {
        Some(max_age) if (max_age as i64) * SECOND <= limit => {}
        other => ran.fail(&format!(
            "max_age is to be set, within {limit} ms: {other:?}"
        )),
    }
}

#[test]
fn d1_an_export_on_an_old_authentication_steps_up() {
    each_seed("D1", |story| {
        let age = story.dice.between(16, 300) * MINUTE;
        let step = ("export", "POST /customers/export");
        demands_fresh_authentication(story, step, 15 * MINUTE, age);
    });
}

#[test]
fn d1_a_policy_change_on_an_old_authentication_steps_up() {
    each_seed("D1", |story| {
        let age = story.dice.between(62, 400) * MINUTE;
        demands_fresh_authentication(story, ("admin", "PUT /policies/{id}"), HOUR, age);
    });
}

#[test]
fn d1_a_production_update_on_an_old_authentication_steps_up() {
    each_seed("D1", |story| {
        let age = story.dice.between(16, 300) * MINUTE;
        demands_fresh_authentication(story, ("deploy", "POST /rollouts"), 15 * MINUTE, age);
    });
}

#[test]
fn d1_a_session_of_which_only_the_start_is_known_steps_up() {
    each_seed("D1", |story| {
        let step = ("export", "POST /customers/export");
        let days = story.history_days();
        let admin = Person::new(story, "admin").who_also(step.0, step.1);
        admin.lives(story, days);
        let start = admin.morning(days);
        let now = start + story.dice.between(20, 200) * MINUTE;
        let session = admin.laptop.clone().session_since("s-old", start);
        admin.browses(story, &session, now - 10 * MINUTE, now - MINUTE);
        story.begins(now);
        story.add(session.does(step.0, step.1).bytes(60_000).at(now));
        story
            .run()
            .expect(admin.id())
            .on_the_event_of(now)
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn d1_twin_the_same_within_the_limit() {
    let steps = [
        (("export", "POST /customers/export"), 14),
        (("admin", "PUT /policies/{id}"), 58),
        (("deploy", "POST /rollouts"), 14),
    ];
    for (step, minutes) in steps {
        each_seed("D1", |story| {
            let age = story.dice.between(2, minutes) * MINUTE;
            let (_, session, now) = admin_at_work(story, step, age);
            story.add(session.does(step.0, step.1).bytes(60_000).at(now));
            story.add(session.does("logout", "logout").at(now + MINUTE));
            story.clock_passes(now + DAY);
            story.run().silent();
        });
    }
}

#[test]
fn d1_twin_a_second_factor_right_before() {
    each_seed("D1", |story| {
        let step = ("export", "POST /customers/export");
        let age = story.dice.between(60, 300) * MINUTE;
        let (_, session, now) = admin_at_work(story, step, age);
        story.add(session.does("mfa", "mfa.verify").at(now - MINUTE));
        story.add(session.does(step.0, step.1).bytes(60_000).at(now));
        story.run().silent();
    });
}

// D2: a token bound to a workload changes region, device or runtime.

const JOB: [Step; 2] = [("read", "GET /queue"), ("write", "PUT /results/{id}")];

/// A machine whose token is bound to it, in its session of today.
fn bound(story: &mut Story, kind: &str) -> (Machine, Actor, i64) {
    let days = story.history_days();
    let mut machine = Machine::new(story, kind, "wl-batch", &JOB);
    let bound_to = format!("spiffe://acme/{}", machine.id());
    machine.actor = machine
        .actor
        .with("credential.bound_to", bound_to)
        .with("device.id", "tpm-31");
    machine.lives(story, days);
    let start = clock::at(days, story.dice.between(3, 20), 0);
    let session = machine.at_work(story, start);
    (
        machine,
        session,
        start + story.dice.between(20, 90) * MINUTE,
    )
}

fn leaves_its_binding(story: &mut Story, machine: &Machine, changed: &Actor, start: i64) {
    story.begins(start);
    machine.runs(story, changed, start);
    machine.runs(story, changed, start + 5 * MINUTE);
    story
        .run()
        .expect(machine.id())
        .credential(changed.text("credential.id"))
        .answer(&[Action::RevokeCredential]);
}

#[test]
fn d2_a_bound_token_in_another_region_is_revoked() {
    each_seed("D2", |story| {
        let kind = story.dice.pick(&["workload", "api_key"]);
        let (machine, session, start) = bound(story, kind);
        let place = Place::far_region(&mut story.dice);
        leaves_its_binding(story, &machine, &session.from(&place, 8), start);
    });
}

#[test]
fn d2_a_bound_token_on_another_runtime_is_revoked() {
    each_seed("D2", |story| {
        let (machine, session, start) = bound(story, "workload");
        let runtime = story.dice.pick(&["aws-lambda", "python", "docker-desktop"]);
        let changed = session.with("workload.runtime", runtime);
        leaves_its_binding(story, &machine, &changed, start);
    });
}

#[test]
fn d2_a_bound_token_on_another_device_is_revoked() {
    each_seed("D2", |story| {
        let kind = story.dice.pick(&["workload", "api_key"]);
        let (machine, session, start) = bound(story, kind);
        let changed = session.with("device.id", "tpm-99");
        leaves_its_binding(story, &machine, &changed, start);
    });
}

#[test]
fn d2_twin_a_redeploy_in_the_same_region_and_runtime() {
    each_seed("D2", |story| {
        let (machine, _, start) = bound(story, "workload");
        let host = story.dice.between(100, 200);
        let redeployed = machine.on_host(&machine.actor, &machine.place, host);
        let session = machine.opens_as(story, redeployed, start);
        machine.works(story, &session, start + MINUTE, start + 10 * HOUR);
        story.run().silent();
    });
}

#[test]
fn d2_twin_hosts_that_come_and_go() {
    each_seed("D2", |story| {
        let days = story.history_days();
        let mut machine = Machine::new(story, "workload", "wl-batch", &JOB)
            .on("kubernetes", "prod", 30)
            .pace(Pace::Builds(8));
        machine.actor = machine
            .actor
            .with("credential.bound_to", "spiffe://acme/wl-batch");
        machine.lives(story, days);
        story.run().silent();
    });
}

// D3: sudden escalation of scopes, data that leaves, approvals that fail.

#[test]
fn d3_a_sudden_escalation_of_scopes_ends_the_session() {
    each_seed("D3", |story| {
        let days = story.history_days();
        let mut scoped = Machine::new(story, "service_account", "svc-batch", &JOB)
            .scopes(&["queue:read", "results:write"]);
        scoped.actor = scoped.actor.with("action.scopes", vec!["queue:read"]);
        scoped.lives(story, days);
        let start = clock::at(days, 10, 0);
        let session = scoped.at_work(story, start);
        story.begins(start);
        let steps = [
            ("read", "GET /users", "users:read"),
            ("write", "PUT /users/{id}", "users:write"),
            ("write", "PUT /tenants/{id}", "tenants:admin"),
            ("read", "GET /audit", "audit:read"),
            ("write", "PUT /keys/{id}", "keys:admin"),
        ];
        let granted: Vec<&str> = steps.iter().map(|step| step.2).collect();
        for (time, (class, name, scope)) in (start..).step_by(20_000).zip(steps) {
            let call = session
                .does(class, name)
                .set("credential.scopes", granted.clone());
            story.add(call.set("action.scopes", vec![scope]).at(time));
        }
        story
            .run()
            .expect(scoped.id())
            .session(session.text("session.id"))
            .answer(&[Action::RevokeSession]);
    });
}

/// Somebody who exports every other day, some tens of megabytes, and more at the end of the month.
fn exporter(story: &mut Story, days: i64) -> Person {
    let ann = Person::new(story, "ann");
    ann.lives(story, days);
    for day in (0..days).filter(|day| clock::is_working_day(*day)) {
        if day % 2 == 0 || is_month_end(day) {
            exports(story, &ann, day);
        }
    }
    ann
}

/// 2026-01-30 and 2026-02-27, Fridays.
fn is_month_end(day: i64) -> bool {
    [25, 53].contains(&day)
}

fn exports(story: &mut Story, ann: &Person, day: i64) {
    let start = clock::at(day, 15, story.dice.between(0, 50));
    let session = ann.logs_in(story, &ann.laptop, start);
    let usual = if is_month_end(day) { 120 } else { 60 };
    let megabytes = story.dice.about(usual, 70);
    let export = session.does("export", "POST /ledger/export");
    story.add(export.bytes(megabytes * 1_000_000).at(start + 2 * MINUTE));
    story.add(session.does("logout", "logout").at(start + 10 * MINUTE));
}

#[test]
fn d3_an_unusual_volume_of_data_ends_the_session() {
    each_seed("D3", |story| {
        let days = 50;
        let ann = exporter(story, days);
        let start = ann.morning(days);
        let session = ann.logs_in(story, &ann.laptop, start);
        story.begins(start + 2 * MINUTE);
        for part in 0..4 {
            let bytes = story.dice.between(8, 30) * 1_000_000_000;
            let export = session.does("export", "POST /ledger/export");
            story.add(export.bytes(bytes).at(start + (2 + 2 * part) * MINUTE));
        }
        story
            .run()
            .expect(ann.id())
            .session(session.text("session.id"))
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn d3_a_machine_that_pours_out_data_ends_its_session() {
    each_seed("D3", |story| {
        let days = story.history_days();
        let account = Machine::new(story, "service_account", "svc-batch", &JOB);
        account.lives(story, days);
        let start = clock::at(days, 10, 0);
        let session = account.at_work(story, start);
        story.begins(start);
        for call in 0..20 {
            let bytes = story.dice.between(200, 900) * 1_000_000;
            story.add(
                session
                    .does("read", "GET /queue")
                    .bytes(bytes)
                    .at(start + call * 20 * SECOND),
            );
        }
        story
            .run()
            .expect(account.id())
            .session(session.text("session.id"))
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn d3_approvals_that_fail_again_and_again_end_the_session() {
    each_seed("D3", |story| {
        let days = story.history_days();
        let agent = Agent::of_tickets(story);
        agent.lives(story, days);
        let start = clock::at(days, 9, 0);
        let session = agent.starts_task(story, start);
        agent.calls(story, &session, start + 10 * SECOND, 3);
        story.begins(start + 3 * MINUTE);
        for attempt in 0..8 {
            let outcome = story.dice.pick(&["denied", "failure"]);
            let approval = session.is_approved_by(&agent.approver).ended(outcome);
            story.add(approval.at(start + 3 * MINUTE + attempt * 25 * SECOND));
        }
        story
            .run()
            .expect(agent.id())
            .session(session.text("session.id"))
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn d3_twin_the_month_end_export_of_the_usual_size() {
    each_seed("D3", |story| {
        exporter(story, 54);
        story.run().silent();
    });
}

#[test]
fn d3_twin_one_mistyped_approval() {
    each_seed("D3", |story| {
        let days = story.history_days();
        let agent = Agent::of_tickets(story);
        agent.lives(story, days);
        let start = clock::at(days, 9, 0);
        let session = agent.starts_task(story, start);
        let now = agent.calls(story, &session, start + 10 * SECOND, 3);
        let mistyped = session.is_approved_by(&agent.approver).ended("failure");
        story.add(mistyped.at(now));
        agent.is_approved(story, &session, now + 20 * SECOND);
        agent.calls(story, &session, now + MINUTE, 5);
        story.run().silent();
    });
}

#[test]
fn d3_twin_a_scope_more() {
    each_seed("D3", |story| {
        let days = story.history_days();
        let account = Machine::new(story, "service_account", "svc-batch", &JOB)
            .scopes(&["queue:read", "results:write"]);
        account.lives(story, days);
        let grown = account.scopes(&["queue:read", "results:write", "metrics:read"]);
        for day in days..days + 3 {
            grown.at_work(story, clock::at(day, 23, 0));
        }
        story.run().silent();
    });
}

// D5: the task is done, or left.

/// A ticket agent in a task, after some calls.
fn in_a_task(story: &mut Story, allowed: &[&'static str]) -> (Agent, Actor, i64) {
    let days = story.history_days();
    let agent = Agent::of_tickets(story).allowed(allowed);
    agent.lives(story, days);
    let start = clock::at(days, 9, story.dice.between(0, 50));
    let session = agent.starts_task(story, start);
    let count = story.dice.between(4, 10);
    let now = agent.calls(story, &session, start + 10 * SECOND, count);
    (agent, session, now)
}

#[test]
fn d5_a_call_after_completion_ends_the_session() {
    each_seed("D5", |story| {
        let (agent, session, done) = in_a_task(story, &["tool:ticket.*"]);
        agent.ends_task(story, &session, done);
        let call = done + story.dice.between(20, 1500) * SECOND;
        story.begins(call);
        story.add(session.does("read", "tool:ticket.read").at(call));
        story
            .run()
            .expect(agent.id())
            .session(session.text("session.id"))
            .on_the_event_of(call)
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn d5_a_call_after_completion_that_names_no_task_ends_the_session() {
    each_seed("D5", |story| {
        let (agent, session, done) = in_a_task(story, &[]);
        agent.ends_task(story, &session, done);
        let call = done + story.dice.between(20, 1500) * SECOND;
        story.begins(call);
        let without_task = session.clone().without("task");
        story.add(without_task.does("read", "tool:ticket.read").at(call));
        story
            .run()
            .expect(agent.id())
            .session(session.text("session.id"))
            .on_the_event_of(call)
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn d5_drift_is_paused_and_ended_if_it_goes_on() {
    each_seed("D5", |story| {
        let (agent, session, drift) = in_a_task(story, &["tool:ticket.*"]);
        story.begins(drift);
        for call in 0..8 {
            let name = story
                .dice
                .pick(&["tool:mail.search", "tool:crm.read", "tool:web.fetch"]);
            story.add(session.does("read", name).at(drift + call * 30 * SECOND));
        }
        let ran = story.run();
        let paused = ran
            .expect(agent.id())
            .on_the_event_of(drift)
            .answer(&[Action::Pause]);
        ran.expect(agent.id())
            .session(session.text("session.id"))
            .since(paused.time.as_millis() + 1)
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn d5_twin_calls_inside_the_objective() {
    each_seed("D5", |story| {
        let (agent, session, now) = in_a_task(story, &["tool:ticket.*"]);
        story.add(session.does("write", "tool:ticket.close").at(now));
        agent.ends_task(story, &session, now + MINUTE);
        story.clock_passes(now + DAY);
        story.run().silent();
    });
}

#[test]
fn d5_twin_a_call_inside_the_task_that_arrives_after_its_end() {
    each_seed("D5", |story| {
        let (agent, session, now) = in_a_task(story, &["tool:ticket.*"]);
        agent.ends_task(story, &session, now + MINUTE);
        let call = session
            .does("read", "tool:ticket.read")
            .at(now + 30 * SECOND);
        story.add(call.arriving(now + 5 * MINUTE));
        story.run().silent();
    });
}

#[test]
fn d5_twin_the_next_task_in_the_same_session() {
    each_seed("D5", |story| {
        let (agent, session, now) = in_a_task(story, &["tool:ticket.*"]);
        agent.ends_task(story, &session, now);
        let next = session.task("t-next", "triage tickets", &["tool:ticket.*"]);
        story.add(next.does("task_start", "task.start").at(now + MINUTE));
        agent.calls(story, &next, now + 2 * MINUTE, 6);
        story.run().silent();
    });
}
