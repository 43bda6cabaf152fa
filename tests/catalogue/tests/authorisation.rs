//! Group B: all active contexts count, not only this session.

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, DAY, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Agent, Machine, Person, Step};
use plumbline_catalogue::{Action, Actor, Place, Story, each_seed, place};
use serde_json::json;

// B1: two actions that must not be combined.

/// An agent that creates invoices on some days and confirms them on others.
fn agent_of_invoices(story: &mut Story, days: i64) -> (Agent, i64) {
    story.policy(json!({ "separation": [
        { "actions": ["tool:invoice.create", "tool:invoice.confirm"], "within": "10m" }
    ] }));
    let tools = [
        ("read", "tool:invoice.list"),
        ("read", "tool:invoice.read"),
        ("write", "tool:invoice.note"),
    ];
    let agent = Agent::new(story, "ap-agent", "process invoices", &tools);
    agent.lives_with(story, days, |story, day, session, time| {
        let name = match day % 2 {
            0 => "tool:invoice.create",
            _ => "tool:invoice.confirm",
        };
        story.add(session.does("write", name).on("invoice/7").at(time));
    });
    (agent, clock::at(days, 9, 5))
}

/// The first action, then the second: that one is denied, and the first is named.
fn second_is_denied(
    story: &mut Story,
    id: &str,
    first: (&Actor, &str),
    second: (&Actor, &str),
    at: [i64; 2],
) {
    let first_id = story.add(first.0.does("write", first.1).on("invoice/9").at(at[0]));
    let second_id = story.add(second.0.does("write", second.1).on("invoice/9").at(at[1]));
    let ran = story.run();
    let command = ran
        .expect(id)
        .on_the_event_of(at[1])
        .answer(&[Action::Deny]);
    ran.names(command, &[&[&first_id], &[&second_id]]);
    if command.params.resource.as_deref() != Some("invoice/9") {
        ran.fail("a denial says of which resource");
    }
}

#[test]
fn b1_two_separated_actions_seconds_apart_deny_the_second() {
    each_seed("B1", |story| {
        let days = story.history_days();
        let (agent, start) = agent_of_invoices(story, days);
        story.begins(start);
        let session = agent.starts_task(story, start);
        let first = agent.calls(story, &session, start + 10 * SECOND, 3);
        let second = first + story.dice.between(4, 50) * SECOND;
        let names = ["tool:invoice.create", "tool:invoice.confirm"];
        let (a, b) = ((&session, names[0]), (&session, names[1]));
        second_is_denied(story, agent.id(), a, b, [first, second]);
    });
}

#[test]
fn b1_two_separated_actions_in_overlapping_sessions_deny_the_second() {
    each_seed("B1", |story| {
        let days = story.history_days();
        let (agent, start) = agent_of_invoices(story, days);
        story.begins(start);
        let one = agent.starts_task(story, start);
        let other = agent.starts_task(story, start + 2 * MINUTE);
        agent.calls(story, &one, start + 10 * SECOND, 2);
        agent.calls(story, &other, start + 130 * SECOND, 2);
        let first = start + 5 * MINUTE;
        let second = first + story.dice.between(2, 8) * MINUTE;
        // In the order in which it never works: the rule knows no order.
        let names = ["tool:invoice.confirm", "tool:invoice.create"];
        let (a, b) = ((&one, names[0]), (&other, names[1]));
        second_is_denied(story, agent.id(), a, b, [first, second]);
    });
}

#[test]
fn b1_a_ticket_and_an_approved_payment_deny_the_payment() {
    each_seed("B1", |story| {
        story.policy(json!({ "separation": [
            { "actions": ["tool:ticket.create", "payment"], "within": "10m" }
        ] }));
        let days = story.history_days();
        let agent = Agent::of_tickets(story);
        agent.lives_with(story, days, |story, day, session, time| {
            if day > 2 && day % 2 == 0 {
                let pay = agent.opens(story, time + 30 * MINUTE);
                agent.is_approved(story, &pay, time + 31 * MINUTE);
                let payment = pay.does("payment", "tool:payment.approve");
                story.add(payment.at(time + 32 * MINUTE));
            } else if day % 2 == 1 {
                story.add(session.does("write", "tool:ticket.create").at(time));
            }
        });
        let start = clock::at(days, 9, 5);
        story.begins(start);
        let session = agent.opens(story, start);
        let ticket = session.does("write", "tool:ticket.create").on("ticket/5");
        let first = story.add(ticket.at(start + MINUTE));
        agent.is_approved(story, &session, start + 90 * SECOND);
        let second = start + 2 * MINUTE;
        let payment = session.does("payment", "tool:payment.approve");
        let payment = story.add(payment.on("payment/5").at(second));
        let ran = story.run();
        let command = ran
            .expect(agent.id())
            .on_the_event_of(second)
            .answer(&[Action::Deny]);
        ran.names(command, &[&[&first], &[&payment]]);
    });
}

#[test]
fn b1_twin_the_two_actions_by_two_agents() {
    each_seed("B1", |story| {
        let days = story.history_days();
        let (agent, start) = agent_of_invoices(story, days);
        let other = agent_of_invoices(story, days).0;
        let one = agent.starts_task(story, start);
        let two = other.starts_task(story, start + 5 * SECOND);
        story.add(
            one.does("write", "tool:invoice.create")
                .on("invoice/9")
                .at(start + MINUTE),
        );
        story.add(
            two.does("write", "tool:invoice.confirm")
                .on("invoice/9")
                .at(start + 80 * SECOND),
        );
        story.run().silent();
    });
}

#[test]
fn b1_twin_the_two_actions_further_apart_than_the_rule() {
    each_seed("B1", |story| {
        let days = story.history_days();
        let (agent, start) = agent_of_invoices(story, days);
        let gap = story.dice.pick(&[15 * MINUTE, 3 * HOUR, DAY]);
        for (time, name) in [
            (start, "tool:invoice.create"),
            (start + gap, "tool:invoice.confirm"),
        ] {
            let session = agent.starts_task(story, time);
            story.add(
                session
                    .does("write", name)
                    .on("invoice/9")
                    .at(time + MINUTE),
            );
            agent.ends_task(story, &session, time + 2 * MINUTE);
        }
        story.run().silent();
    });
}

// B2: a credential is rotated in mid-session.

const LEDGER_CALLS: [Step; 2] = [
    ("read", "GET /v1/ledger"),
    ("write", "POST /v1/ledger/{id}"),
];

/// An account that rotates in mid-session: the session before and after, and the time of the rotation.
fn rotates(story: &mut Story) -> (Machine, Actor, Actor, i64) {
    let days = story.history_days();
    let account = Machine::new(story, "service_account", "svc-ledger", &LEDGER_CALLS);
    account.lives(story, days);
    let rotation = clock::at(days, story.dice.between(4, 20), 0);
    let session = account.at_work(story, rotation);
    let new = story.dice.fingerprint();
    let rotated = session.clone().credential("client_secret", &new, rotation);
    story.add(
        session
            .does("token_rotate", "secret.rotate")
            .on(&new)
            .at(rotation),
    );
    (account, session, rotated, rotation)
}

#[test]
fn b2_the_old_credential_is_denied_until_the_new_one_works() {
    each_seed("B2", |story| {
        let (account, old, new, rotation) = rotates(story);
        story.begins(rotation);
        let call = rotation + story.dice.between(10, 300) * SECOND;
        story.add(old.does("read", "GET /v1/ledger").at(call));
        story.add(old.does("read", "GET /v1/ledger").at(call + 30 * SECOND));
        let good = call + 10 * MINUTE;
        account.works(story, &new, good, good + 6 * HOUR);
        let ran = story.run();
        ran.expect(account.id())
            .on_the_event_of(call)
            .answer(&[Action::Deny]);
        if ran.count(account.id(), Action::Deny) != 1 {
            ran.fail("one standing denial is enough");
        }
        if ran.strongest(account.id(), good, i64::MAX).is_some() {
            ran.fail("once the new credential is used the session goes on");
        }
    });
}

#[test]
fn b2_the_old_credential_in_another_session_is_denied() {
    each_seed("B2", |story| {
        let (account, old, _, rotation) = rotates(story);
        story.begins(rotation);
        let call = rotation + story.dice.between(60, 600) * SECOND;
        let other = old.session_since("s-other", call - 20 * SECOND);
        story.add(other.does("read", "GET /v1/ledger").at(call));
        story
            .run()
            .expect(account.id())
            .on_the_event_of(call)
            .answer(&[Action::Deny]);
    });
}

#[test]
fn b2_twin_the_next_call_carries_the_new_credential() {
    each_seed("B2", |story| {
        let (account, _, new, rotation) = rotates(story);
        account.works(story, &new, rotation + 10 * SECOND, rotation + 10 * HOUR);
        story.run().silent();
    });
}

#[test]
fn b2_twin_a_call_within_the_grace_of_the_rotation() {
    each_seed("B2", |story| {
        let (account, old, new, rotation) = rotates(story);
        let within = rotation + story.dice.between(500, 4500);
        story.add(old.does("read", "GET /v1/ledger").at(within));
        account.works(story, &new, rotation + 10 * SECOND, rotation + 10 * HOUR);
        story.run().silent();
    });
}

#[test]
fn b2_twin_an_old_call_that_happened_before_and_arrives_after() {
    each_seed("B2", |story| {
        let (account, old, new, rotation) = rotates(story);
        let call = old
            .does("read", "GET /v1/ledger")
            .at(rotation - 20 * SECOND);
        story.add(call.arriving(rotation + 3 * MINUTE));
        account.works(story, &new, rotation + 10 * SECOND, rotation + 10 * HOUR);
        story.run().silent();
    });
}

// B3: a human and a machine change the same object.

const OBJECT: &str = "k8s/payments/deployment";

/// A person and a machine that both change production, never the same object within half an hour.
fn two_hands(story: &mut Story) -> (Person, Machine, i64) {
    story.policy(json!({ "contention": [{ "resource": "k8s/*", "within": "5m" }] }));
    let days = story.history_days();
    let eve = Person::new(story, "eve");
    let operator = Machine::new(story, "service_account", "svc-operator", &[]);
    eve.lives(story, days);
    for day in 0..days {
        operates(story, &operator, clock::at(day, 24, 0));
        if clock::is_working_day(day) {
            let session = eve.logs_in(story, &eve.laptop, clock::at(day, 18, 25));
            changes(story, &session, OBJECT, clock::at(day, 18, 40));
            story.add(session.does("logout", "logout").at(clock::at(day, 18, 45)));
        }
    }
    (eve, operator, clock::at(days, 11, 0))
}

/// From midnight on: every hour two looks, and a change ten minutes past.
fn operates(story: &mut Story, operator: &Machine, until: i64) -> Actor {
    let midnight = clock::at(clock::day_of(until - 1), 0, 0);
    let session = operator.opens(story, midnight + MINUTE);
    for hour in (midnight..until).step_by(HOUR as usize) {
        story.add(session.does("read", "GET /objects").at(hour + 8 * MINUTE));
        let resource = story
            .dice
            .pick(&[OBJECT, "k8s/search/deployment", "k8s/web/deployment"]);
        changes(story, &session, resource, hour + 10 * MINUTE);
        story.add(session.does("read", "GET /objects").at(hour + 38 * MINUTE));
    }
    session
}

/// Both in their sessions, shortly before the change.
fn at_work(story: &mut Story, eve: &Person, operator: &Machine, start: i64) -> (Actor, Actor) {
    let machine = operates(story, operator, start);
    story.add(machine.does("read", "GET /objects").at(start - 5 * MINUTE));
    let human = eve.logs_in(story, &eve.laptop, start - 5 * MINUTE);
    (human, machine)
}

/// A change of the object.
fn changes(story: &mut Story, actor: &Actor, resource: &str, time: i64) {
    let change = actor.does("write", "PATCH /objects/{id}").on(resource);
    story.add(change.in_production().at(time));
}

#[test]
fn b3_a_machine_that_changes_what_a_human_just_changed_is_paused() {
    each_seed("B3", |story| {
        let (eve, operator, start) = two_hands(story);
        let (human, machine) = at_work(story, &eve, &operator, start);
        story.begins(start);
        let second = start + story.dice.between(20, 280) * SECOND;
        changes(story, &human, OBJECT, start);
        changes(story, &machine, OBJECT, second);
        let ran = story.run();
        let command = ran
            .expect(operator.id())
            .session(machine.text("session.id"))
            .on_the_event_of(second)
            .answer(&[Action::Pause]);
        ran.names(command, &[&[eve.id()], &[OBJECT]]);
        ran.silent_for(eve.id());
    });
}

#[test]
fn b3_a_machine_is_paused_when_the_human_comes_second_too() {
    each_seed("B3", |story| {
        let (eve, operator, start) = two_hands(story);
        let (human, machine) = at_work(story, &eve, &operator, start);
        story.begins(start);
        let second = start + story.dice.between(20, 280) * SECOND;
        changes(story, &machine, OBJECT, start);
        changes(story, &human, OBJECT, second);
        let ran = story.run();
        let command = ran
            .expect(operator.id())
            .session(machine.text("session.id"))
            .answer(&[Action::Pause]);
        ran.names(command, &[&[eve.id()], &[OBJECT]]);
        ran.silent_for(eve.id());
    });
}

#[test]
fn b3_twin_both_only_read_it() {
    each_seed("B3", |story| {
        let (eve, operator, start) = two_hands(story);
        let (human, machine) = at_work(story, &eve, &operator, start);
        for (actor, time) in [(&human, start), (&machine, start + MINUTE)] {
            let read = actor.does("read", "GET /objects").on(OBJECT);
            story.add(read.in_production().at(time));
        }
        story.run().silent();
    });
}

#[test]
fn b3_twin_the_machine_acts_on_the_humans_behalf() {
    each_seed("B3", |story| {
        let (eve, operator, start) = two_hands(story);
        let (human, machine) = at_work(story, &eve, &operator, start);
        changes(story, &human, OBJECT, start);
        changes(
            story,
            &machine.on_behalf_of(eve.id()),
            OBJECT,
            start + MINUTE,
        );
        story.run().silent();
    });
}

#[test]
fn b3_twin_two_objects_or_far_apart_in_time() {
    each_seed("B3", |story| {
        let (eve, operator, start) = two_hands(story);
        let (human, machine) = at_work(story, &eve, &operator, start);
        changes(story, &human, OBJECT, start);
        changes(story, &machine, "k8s/web/deployment", start + MINUTE);
        changes(story, &machine, OBJECT, start + 7 * MINUTE);
        story.run().silent();
    });
}

// B6: more parallel sessions than ever.

/// Somebody at work on laptop and phone.
fn on_two_devices(story: &mut Story) -> (Person, i64) {
    let days = story.history_days();
    let ann = Person::new(story, "ann");
    ann.lives(story, days);
    let start = ann.morning(days);
    let laptop = ann.logs_in(story, &ann.laptop, start);
    ann.browses(story, &laptop, start + MINUTE, start + 2 * HOUR);
    let phone = ann.logs_in(story, &ann.phone, start + 10 * MINUTE);
    ann.browses(story, &phone, start + 11 * MINUTE, start + 2 * HOUR);
    (ann, start + HOUR)
}

/// A session per provider, minutes apart; the newest of some moment is stepped up.
fn many_sessions(story: &mut Story, ann: &Person, start: i64, device: Option<&str>) {
    story.begins(start);
    let mut sessions = Vec::new();
    for number in 0..4 {
        let network = ann.home.behind_another_provider(20 + number);
        let actor = ann.laptop.clone().without("device").from(&network, 9);
        let actor = match device {
            Some(agent) => actor.device(&format!("unseen-{number}"), agent),
            None => actor,
        };
        let time = start + number as i64 * story.dice.between(90, 200) * SECOND;
        let session = ann.logs_in(story, &actor, time);
        ann.browses(story, &session, time + 30 * SECOND, time + 20 * MINUTE);
        sessions.push(session.text("session.id").to_owned());
    }
    let ran = story.run();
    let command = ran.expect(ann.id()).answer(&[Action::StepUp]);
    let target = command.target.session_id.clone().unwrap_or_default();
    if !sessions.contains(&target) {
        ran.fail("the newest session is to be stepped up, not the usual ones");
    }
}

#[test]
fn b6_four_more_sessions_from_four_networks_step_up_the_newest() {
    each_seed("B6", |story| {
        let (ann, start) = on_two_devices(story);
        many_sessions(
            story,
            &ann,
            start,
            Some("Mozilla/5.0 (Windows NT 10.0) Chrome/139"),
        );
    });
}

#[test]
fn b6_sessions_of_which_no_device_is_known_step_up_the_newest() {
    each_seed("B6", |story| {
        let (ann, start) = on_two_devices(story);
        many_sessions(story, &ann, start, None);
    });
}

#[test]
fn b6_twin_phone_and_laptop_as_usual() {
    each_seed("B6", |story| {
        on_two_devices(story);
        story.run().silent();
    });
}

#[test]
fn b6_twin_three_devices_where_three_are_usual() {
    each_seed("B6", |story| {
        let days = story.history_days();
        let mut ann = Person::new(story, "ann");
        let number = place::any_city(&mut story.dice);
        ann.home = Place::at_home(number, 0);
        ann.laptop = ann.laptop.clone().from(&ann.home, 9);
        ann.phone = ann.phone.clone().from(&Place::at_home(number, 3), 9);
        let desk = ann
            .laptop
            .clone()
            .from(&Place::at_home(number, 5), 30)
            .device("desk-1", "Mozilla/5.0 (X11) Chrome/140");
        for day in (0..=days).filter(|day| clock::is_working_day(*day)) {
            let start = ann.morning(day) + story.dice.between(0, 20) * MINUTE;
            for (minute, device) in [(0, &ann.laptop), (8, &ann.phone), (15, &desk)] {
                let session = ann.logs_in(story, device, start + minute * MINUTE);
                ann.browses(
                    story,
                    &session,
                    start + (minute + 1) * MINUTE,
                    start + 3 * HOUR,
                );
                story.add(session.does("logout", "logout").at(start + 4 * HOUR));
            }
        }
        story.run().silent();
    });
}
