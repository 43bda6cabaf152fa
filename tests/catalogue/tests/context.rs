//! Group A: context is evaluated for the whole life of a session, not at login. Environments (A1),
//! elevated calls (A2), travel and order (A3).

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Agent, Machine, Pace, Step, acts};
use plumbline_catalogue::{Action, Actor, Place, Story, each_seed};
use serde_json::json;

// A1: a pipeline's key outside its environments.

const BUILD: [Step; 5] = [
    ("read", "GET /repos/{id}"),
    ("read", "GET /artifacts/{id}"),
    ("write", "PUT /artifacts/{id}"),
    ("deploy", "POST /deployments"),
    ("read", "GET /deployments/{id}"),
];

/// A key that builds in `prod-runners` until a morning, which is told with it.
fn pipeline_key(story: &mut Story) -> (Machine, i64) {
    let days = story.history_days();
    let key = Machine::new(story, "api_key", "ci-build", &BUILD)
        .scopes(&["repo:read", "artifact:write", "deploy:run"])
        .pace(Pace::Builds(6))
        .on("github-actions", "prod-runners", 6);
    key.lives(story, days);
    let minute = story.dice.between(0, 59);
    (key, clock::at(days, 10, minute))
}

fn prod_runners_only(story: &mut Story) {
    story.policy(json!({ "environment": [
        { "identity": "ci-*", "environments": ["prod-runners", "spare-runners"] }
    ] }));
}

/// In the wrong environment it reads first, and deploys then.
fn builds_elsewhere(story: &mut Story, key: &Machine, elsewhere: Actor, start: i64) {
    story.begins(start);
    let session = key.opens_as(story, elsewhere, start);
    let first = start + 20 * SECOND;
    story.add(session.does("read", "GET /repos/{id}").at(first));
    let second = first + story.dice.between(1, 4) * MINUTE;
    story.add(session.does("read", "GET /artifacts/{id}").at(second));
    let sensitive = second + story.dice.between(1, 9) * MINUTE;
    story.add(session.does("deploy", "POST /deployments").at(sensitive));

    let ran = story.run();
    let narrowed = ran
        .expect(key.id())
        .session(session.text("session.id"))
        .by(second)
        .answer(&[Action::Narrow]);
    let granted = ["repo:read", "artifact:write", "deploy:run"];
    let scopes = &narrowed.params.scopes;
    if !scopes
        .iter()
        .flatten()
        .all(|scope| granted.contains(&scope.as_str()))
    {
        ran.fail("what a session is narrowed to must have been granted");
    }
    ran.expect(key.id())
        .on_the_event_of(sensitive)
        .answer(&[Action::StepUp]);
}

#[test]
fn a1_a_key_outside_its_approved_environments_is_narrowed() {
    each_seed("A1", |story| {
        prod_runners_only(story);
        let (key, start) = pipeline_key(story);
        let environment = story.dice.pick(&["dev-laptops", "contractors", "qa"]);
        let elsewhere = key.actor.clone().with("workload.environment", environment);
        builds_elsewhere(story, &key, elsewhere, start);
    });
}

#[test]
fn a1_a_key_in_an_environment_it_never_used_is_narrowed() {
    each_seed("A1", |story| {
        let (key, start) = pipeline_key(story);
        let environment = story.dice.pick(&["dev-laptops", "contractors", "qa"]);
        let elsewhere = key
            .actor
            .clone()
            .with("workload.environment", environment)
            .with("workload.host", "build-77");
        builds_elsewhere(story, &key, elsewhere, start);
    });
}

#[test]
fn a1_a_key_on_a_laptop_far_from_its_runners_is_stepped_up() {
    each_seed("A1", |story| {
        prod_runners_only(story);
        let (key, start) = pipeline_key(story);
        let laptop = key
            .actor
            .clone()
            .with("network", key.place.behind_another_provider(2).network(50))
            .host("curl", "dev-laptops", "macbook-9");
        story.begins(start);
        let session = key.opens_as(story, laptop, start);
        let first = start + 20 * SECOND;
        story.add(session.does("read", "GET /repos/{id}").at(first));
        let sensitive = start + story.dice.between(2, 9) * MINUTE;
        story.add(session.does("deploy", "POST /deployments").at(sensitive));
        let ran = story.run();
        // An environment and a network: two oddities may step up at once.
        ran.expect(key.id())
            .by(first)
            .answer(&[Action::Narrow, Action::StepUp]);
        ran.expect(key.id())
            .by(sensitive)
            .answer(&[Action::StepUp, Action::RevokeCredential]);
    });
}

#[test]
fn a1_twin_another_runner_of_the_same_environment() {
    each_seed("A1", |story| {
        prod_runners_only(story);
        let (key, start) = pipeline_key(story);
        let host = story.dice.between(40, 90);
        let runner = key.on_host(&key.actor, &key.place, host);
        let session = key.opens_as(story, runner, start);
        key.runs(story, &session, start + 10 * SECOND);
        story.run().silent();
    });
}

#[test]
fn a1_twin_another_runner_without_a_policy() {
    each_seed("A1", |story| {
        let (key, start) = pipeline_key(story);
        for build in 0..3 {
            let runner = key.on_host(&key.actor, &key.place, 60 + build);
            let session = key.opens_as(story, runner, start + build * HOUR);
            key.runs(story, &session, start + build * HOUR + 10 * SECOND);
        }
        story.run().silent();
    });
}

#[test]
fn a1_twin_a_second_approved_environment_for_the_first_time() {
    each_seed("A1", |story| {
        prod_runners_only(story);
        let (key, start) = pipeline_key(story);
        let spare = key
            .actor
            .clone()
            .with("workload.environment", "spare-runners")
            .with("workload.host", "spare-1");
        let session = key.opens_as(story, spare, start);
        key.runs(story, &session, start + 10 * SECOND);
        story.run().silent();
    });
}

// A2: an agent's elevated call without all three of device, path and approval.

/// A ticket agent that now and then restarts a service, always right after an approval.
fn agent_with_approvals(story: &mut Story) -> (Agent, i64) {
    let days = story.history_days();
    let agent = Agent::of_tickets(story);
    agent.lives_with(story, days, |story, day, session, time| {
        if day > 3 && story.dice.chance(25) {
            agent.is_approved(story, session, time);
            let call = time + story.dice.between(30, 240) * SECOND;
            story.add(session.does("deploy", "tool:service.restart").at(call));
        }
    });
    let minute = story.dice.between(0, 59);
    (agent, clock::at(days, 9, minute))
}

/// The elevated call is paused when it comes.
fn is_paused(story: &mut Story, agent: &Agent, session: &Actor, call: i64) {
    story.add(session.does("deploy", "tool:service.restart").at(call));
    story
        .run()
        .expect(agent.id())
        .on_the_event_of(call)
        .answer(&[Action::Pause]);
}

#[test]
fn a2_an_elevated_call_without_approval_is_paused_until_approved() {
    each_seed("A2", |story| {
        let (agent, start) = agent_with_approvals(story);
        story.begins(start);
        let session = agent.opens(story, start);
        let call = agent.calls(story, &session, start + 20 * SECOND, 4) + MINUTE;
        is_paused(story, &agent, &session, call);

        let approval = call + story.dice.between(2, 20) * MINUTE;
        agent.is_approved(story, &session, approval);
        story
            .run()
            .expect(agent.id())
            .on_the_event_of(approval)
            .answer(&[Action::Resume]);
    });
}

#[test]
fn a2_an_elevated_call_after_a_stale_approval_is_paused() {
    each_seed("A2", |story| {
        let (agent, start) = agent_with_approvals(story);
        story.begins(start);
        let session = agent.opens(story, start);
        agent.is_approved(story, &session, start + MINUTE);
        let call = start + story.dice.between(18, 28) * MINUTE;
        agent.calls(story, &session, call - 2 * MINUTE, 2);
        is_paused(story, &agent, &session, call);
    });
}

#[test]
fn a2_an_approved_elevated_call_from_an_untrusted_host_is_paused() {
    each_seed("A2", |story| {
        let (agent, start) = agent_with_approvals(story);
        story.begins(start);
        let session = agent.opens(story, start);
        agent.is_approved(story, &session, start + MINUTE);
        let stranger = session.host("python", "notebooks", "jupyter-3");
        is_paused(story, &agent, &stranger, start + 3 * MINUTE);
    });
}

#[test]
fn a2_an_approved_elevated_call_over_an_unexpected_path_is_paused() {
    each_seed("A2", |story| {
        let (agent, start) = agent_with_approvals(story);
        story.begins(start);
        let session = agent.opens(story, start);
        agent.is_approved(story, &session, start + MINUTE);
        let path = agent.place.behind_another_provider(4);
        let network = path.network(9);
        let detour = session.with("network", network);
        is_paused(story, &agent, &detour, start + 3 * MINUTE);
    });
}

#[test]
fn a2_a_tool_that_the_task_allows_but_that_is_no_routine_is_paused() {
    each_seed("A2", |story| {
        let days = story.history_days();
        let agent = Agent::of_tickets(story).allowed(&["tool:ticket.*", "tool:service.*"]);
        agent.lives(story, days);
        let start = clock::at(days, 9, 0);
        story.begins(start);
        let session = agent.starts_task(story, start);
        agent.calls(story, &session, start + 20 * SECOND, 3);
        is_paused(story, &agent, &session, start + 6 * MINUTE);
    });
}

#[test]
fn a2_twin_the_same_call_right_after_an_approval() {
    each_seed("A2", |story| {
        let (agent, start) = agent_with_approvals(story);
        let session = agent.opens(story, start);
        let approval = agent.calls(story, &session, start + 20 * SECOND, 4);
        agent.is_approved(story, &session, approval);
        let call = approval + story.dice.between(1, 12) * MINUTE;
        story.add(session.does("deploy", "tool:service.restart").at(call));
        story.run().silent();
    });
}

#[test]
fn a2_twin_an_approval_that_comes_as_feedback() {
    each_seed("A2", |story| {
        let (agent, start) = agent_with_approvals(story);
        let session = agent.opens(story, start);
        story.add(session.feedback("approved").at(start + MINUTE));
        story.add(
            session
                .does("deploy", "tool:service.restart")
                .at(start + 3 * MINUTE),
        );
        story.run().silent();
    });
}

#[test]
fn a2_twin_a_tool_that_the_task_allows_and_that_is_routine() {
    each_seed("A2", |story| {
        let days = story.history_days() + 7;
        let agent = Agent::of_tickets(story).allowed(&["tool:ticket.*", "tool:service.restart"]);
        agent.lives_with(story, days, |story, day, session, time| {
            if day < 10 {
                agent.is_approved(story, session, time);
            }
            story.add(
                session
                    .does("deploy", "tool:service.restart")
                    .at(time + MINUTE),
            );
        });
        story.run().silent();
    });
}

// A3: an account from elsewhere, too fast, in an order it never used.

const ORDERS: [Step; 3] = [
    ("read", "GET /v1/orders"),
    ("read", "GET /v1/orders/{id}"),
    ("write", "POST /v1/orders/{id}/ack"),
];

const ORDERS_UPSIDE_DOWN: [Step; 9] = [
    ("write", "POST /v1/orders/{id}/ack"),
    ("read", "GET /v1/orders"),
    ("write", "POST /v1/orders/{id}/ack"),
    ("write", "POST /v1/orders/{id}/ack"),
    ("read", "GET /v1/orders/{id}"),
    ("read", "GET /v1/orders"),
    ("read", "GET /v1/orders"),
    ("read", "GET /v1/orders/{id}"),
    ("read", "GET /v1/orders/{id}"),
];

/// An account that calls one internal API, and the session of its last morning.
fn account_of_one_api(story: &mut Story) -> (Machine, Actor, i64) {
    let days = story.history_days();
    let account = Machine::new(story, "service_account", "svc-orders", &ORDERS);
    account.lives(story, days);
    let last = clock::at(days, story.dice.between(3, 20), 0);
    let session = account.at_work(story, last);
    (account, session, last + story.dice.between(1, 8) * MINUTE)
}

#[test]
fn a3_new_place_too_fast_and_unknown_order_revoke_the_credential() {
    each_seed("A3", |story| {
        let (account, session, start) = account_of_one_api(story);
        story.begins(start);
        let place = Place::far_region(&mut story.dice);
        let thief = session.from(&place, 33);
        acts(story, &thief, start, &ORDERS_UPSIDE_DOWN);
        acts(story, &thief, start + 2 * MINUTE, &ORDERS_UPSIDE_DOWN);
        story
            .run()
            .expect(account.id())
            .credential(account.actor.text("credential.id"))
            .answer(&[Action::RevokeCredential]);
    });
}

#[test]
fn a3_all_three_with_endpoints_never_called_revoke_the_credential() {
    each_seed("A3", |story| {
        let (account, _, start) = account_of_one_api(story);
        story.begins(start);
        let place = Place::far_region(&mut story.dice);
        let elsewhere = account.actor.clone().from(&place, 33);
        let thief = account.opens_as(story, elsewhere, start);
        let mut steps = ORDERS_UPSIDE_DOWN.to_vec();
        steps.insert(2, ("read", "GET /v1/customers"));
        steps.insert(4, ("read", "GET /v1/invoices/{id}"));
        acts(story, &thief, start + 5 * SECOND, &steps);
        story
            .run()
            .expect(account.id())
            .answer(&[Action::RevokeCredential]);
    });
}

#[test]
fn a3_travel_alone_gets_a_step_up() {
    each_seed("A3", |story| {
        let (account, session, start) = account_of_one_api(story);
        story.begins(start);
        let place = Place::far_region(&mut story.dice);
        let moved = session.from(&place, 33);
        account.runs(story, &moved, start);
        account.runs(story, &moved, start + 10 * MINUTE);
        // One token at two places is row A6 too.
        story
            .run()
            .expect(account.id())
            .answer(&[Action::StepUp, Action::RevokeCredential]);
    });
}

/// Hours after the account's own work, so that it may have travelled.
#[test]
fn a3_a_new_place_alone_gets_a_step_up() {
    each_seed("A3", |story| {
        let (account, _, last) = account_of_one_api(story);
        let start = last + story.dice.between(20, 23) * HOUR;
        story.begins(start);
        let own = account.actor.clone();
        let elsewhere = match story.dice.between(0, 1) {
            0 => own
                .from(&Place::far_region(&mut story.dice), 33)
                .with("workload.host", "vm-77"),
            _ => own
                .from(&Place::far_away(&mut story.dice), 33)
                .without("workload"),
        };
        let thief = account.opens_as(story, elsewhere, start);
        account.works(story, &thief, start + MINUTE, start + HOUR);
        let ran = story.run();
        ran.expect(account.id()).answer(&[Action::StepUp]);
        if ran.strongest(account.id(), start, i64::MAX) > Some(Action::StepUp) {
            ran.fail("a place alone gets no more than a step-up");
        }
    });
}

/// An account is moved to where others of its organisation are.
#[test]
fn a3_twin_failover_to_a_region_where_others_are() {
    each_seed("A3", |story| {
        let (account, _, last) = account_of_one_api(story);
        let place = Place::far_region(&mut story.dice);
        for _ in 0..4 {
            let mut other = Machine::new(story, "service_account", "svc-there", &ORDERS);
            other.place = place.clone();
            other.actor = other.on_host(&other.actor, &place, 3);
            other.lives(story, 40);
        }
        let start = last + story.dice.between(20, 23) * HOUR;
        let elsewhere = account.on_host(&account.actor, &place, 9);
        let failed_over = account.opens_as(story, elsewhere, start);
        account.works(story, &failed_over, start + MINUTE, start + HOUR);
        story.run().silent();
    });
}

#[test]
fn a3_order_alone_gets_a_step_up() {
    each_seed("A3", |story| {
        let (account, session, start) = account_of_one_api(story);
        story.begins(start);
        for round in 0..2 {
            acts(
                story,
                &session,
                start + round * 5 * MINUTE,
                &ORDERS_UPSIDE_DOWN,
            );
        }
        let ran = story.run();
        ran.expect(account.id()).answer(&[Action::StepUp]);
        if ran.strongest(account.id(), start, i64::MAX) > Some(Action::StepUp) {
            ran.fail("one oddity alone gets no more than a step-up");
        }
    });
}

/// Weeks in which the account works from two regions in turn, hours apart.
fn account_of_two_regions(story: &mut Story) -> (Machine, i64) {
    let days = story.history_days();
    let account = Machine::new(story, "service_account", "svc-orders", &ORDERS)
        .pace(Pace::Every(story.dice.between(15, 30)));
    for day in 0..days {
        let first = account.opens(story, clock::at(day, 0, 5));
        account.works(story, &first, clock::at(day, 0, 6), clock::at(day, 9, 0));
        let second = account.opens_at_second_place(story, clock::at(day, 12, 5));
        account.works(story, &second, clock::at(day, 12, 6), clock::at(day, 20, 0));
    }
    (account, clock::at(days, 4, 0))
}

#[test]
fn a3_twin_failover_to_the_second_known_region() {
    each_seed("A3", |story| {
        let (account, failover) = account_of_two_regions(story);
        let first = account.opens(story, failover - 3 * HOUR);
        account.works(
            story,
            &first,
            failover - 3 * HOUR + MINUTE,
            failover - 10 * MINUTE,
        );
        account.runs(story, &first, failover - MINUTE);
        let second = account.opens_at_second_place(story, failover);
        account.works(story, &second, failover + 10 * SECOND, failover + 5 * HOUR);
        story.run().silent();
    });
}

#[test]
fn a3_twin_failover_within_the_session_and_back() {
    each_seed("A3", |story| {
        let (account, failover) = account_of_two_regions(story);
        let session = account.opens(story, failover - HOUR);
        account.works(
            story,
            &session,
            failover - HOUR + MINUTE,
            failover - 10 * MINUTE,
        );
        account.runs(story, &session, failover - 2 * MINUTE);
        let over = account.on_host(&session, &account.second_place, 7);
        account.works(story, &over, failover, failover + 2 * HOUR);
        account.works(
            story,
            &session,
            failover + 2 * HOUR + 30 * MINUTE,
            failover + 4 * HOUR,
        );
        story.run().silent();
    });
}
