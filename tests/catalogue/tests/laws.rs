//! Laws that hold for every story: duplicates, order of arrival and strangers change nothing.

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Agent, Machine, Person, Step, acts};
use plumbline_catalogue::{Place, Ran, Story, each_seed};
use serde_json::json;

const CALLS: [Step; 3] = [
    ("read", "GET /v1/items"),
    ("read", "GET /v1/items/{id}"),
    ("write", "POST /v1/items/{id}"),
];

const UNUSUAL: [Step; 4] = [
    ("write", "POST /v1/items/{id}"),
    ("read", "GET /v1/customers"),
    ("secret", "GET /v1/keys/{id}"),
    ("export", "POST /v1/export"),
];

/// A stolen token, used in turns with its owner.
fn theft(story: &mut Story) -> Vec<String> {
    let days = story.history_days();
    let owner = Machine::new(story, "service_account", "svc-items", &CALLS);
    owner.lives(story, days);
    let start = clock::at(days, 10, 0);
    let session = owner.at_work(story, start);
    story.begins(start);
    let place = Place::far_region(&mut story.dice);
    let thief = session.clone().from(&place, 9).host("python", "x", "x1");
    for round in 0..5 {
        let time = start + round * 4 * MINUTE;
        owner.runs(story, &session, time);
        acts(story, &thief, time + 2 * MINUTE, &UNUSUAL);
    }
    vec![owner.id().to_owned()]
}

/// A person who logs in from two continents, exports on an old authentication, and rests in a console.
fn person(story: &mut Story) -> Vec<String> {
    let days = story.history_days();
    let ann = Person::new(story, "ann").who_also("admin", "PUT /policies/{id}");
    ann.lives(story, days);
    let start = ann.morning(days);
    story.begins(start);
    let session = ann.logs_in(story, &ann.laptop, start);
    ann.browses(story, &session, start + MINUTE, start + 2 * HOUR);
    story.add(
        session
            .does("admin", "PUT /policies/{id}")
            .at(start + 2 * HOUR),
    );
    let far = Place::far_away(&mut story.dice);
    let stranger = ann
        .laptop
        .clone()
        .from(&far, 3)
        .device("unseen-1", "curl/8.5");
    let elsewhere = ann.logs_in(story, &stranger, start + 130 * MINUTE);
    ann.browses(story, &elsewhere, start + 132 * MINUTE, start + 3 * HOUR);
    story.clock_passes(start + 8 * HOUR);
    vec![ann.id().to_owned()]
}

/// An agent that leaves its task, is approved, and goes on after the task is done.
fn agent(story: &mut Story) -> Vec<String> {
    let days = story.history_days();
    let agent = Agent::of_tickets(story).allowed(&["tool:ticket.*"]);
    agent.lives(story, days);
    let start = clock::at(days, 9, 0);
    story.begins(start);
    let session = agent.starts_task(story, start);
    let call = agent.calls(story, &session, start + 2 * MINUTE, 4) + 2 * MINUTE;
    story.add(session.does("secret", "tool:vault.read").at(call));
    agent.is_approved(story, &session, call + 5 * MINUTE);
    agent.ends_task(story, &session, call + 12 * MINUTE);
    story.add(
        session
            .does("read", "tool:ticket.read")
            .at(call + 20 * MINUTE),
    );
    vec![agent.id().to_owned()]
}

/// A human and a machine at the same object, and a credential that was revoked and still works.
fn contention(story: &mut Story) -> Vec<String> {
    story.policy(json!({ "contention": [{ "resource": "*", "within": "5m" }] }));
    let days = story.history_days();
    let eve = Person::new(story, "eve");
    let machine = Machine::new(story, "service_account", "svc-operator", &CALLS);
    eve.lives(story, days);
    machine.lives(story, days);
    let start = eve.morning(days);
    let human = eve.logs_in(story, &eve.laptop, start - 5 * MINUTE);
    let session = machine.at_work(story, start);
    story.begins(start);
    for (actor, time) in [(&human, start), (&session, start + 2 * MINUTE)] {
        let change = actor.does("write", "PATCH /objects/{id}").on("k8s/web");
        story.add(change.in_production().at(time));
    }
    let revoked = start + 10 * MINUTE;
    story.add(session.is_revoked().at(revoked));
    story.add(
        session
            .does("read", "GET /v1/items")
            .at(revoked + 5 * MINUTE),
    );
    vec![eve.id().to_owned(), machine.id().to_owned()]
}

/// A story of each seed, with what came of it.
fn each(
    tell: fn(&mut Story) -> Vec<String>,
    law: &str,
    check: impl Fn(&mut Story, &Ran, &[String]),
) {
    each_seed(law, |story| {
        let ids = tell(story);
        let ran = story.run();
        if ran.commands.is_empty() {
            ran.fail("a law is only tried on a story that is answered");
        }
        check(story, &ran, &ids);
    });
}

fn same_bytes(ran: &Ran, other: &Ran, ids: &[String], what: &str) {
    for id in ids {
        let (was, is) = (ran.written(id), other.written(id));
        if let Some(at) = (0..was.len().max(is.len())).find(|at| was.get(*at) != is.get(*at)) {
            other.fail(&format!(
                "{what}: for {id}, output {at} was\n{:?}\nand is\n{:?}",
                was.get(at),
                is.get(at)
            ));
        }
    }
}

/// Other people, machines and agents, from the first day until the story is over.
fn add_strangers(story: &mut Story, ran: &Ran) {
    let begins = ran.begins().expect("a story begins");
    let days = clock::day_of(begins) + 1;
    for _ in 0..3 {
        Person::new(story, "stranger").lives(story, days);
        Machine::new(story, "workload", "wl-stranger", &CALLS).lives(story, days);
        Agent::of_tickets(story).lives(story, days);
    }
}

/// The laws of one story, so that a failure says which.
macro_rules! laws {
    ($($name:ident: $tell:path;)+) => {$(
        mod $name {
            use super::*;

            #[test]
            fn the_same_log_gives_the_same_bytes() {
                each($tell, "law: again", |story, ran, ids| {
                    same_bytes(ran, &story.run(), ids, "run again");
                });
            }

            #[test]
            fn records_delivered_twice_change_nothing() {
                each($tell, "law: twice", |story, ran, ids| {
                    same_bytes(ran, &story.run_twice_delivered(0), ids, "twice at once");
                    same_bytes(ran, &story.run_twice_delivered(7), ids, "seven records later");
                });
            }

            #[test]
            fn records_up_to_30_seconds_late_get_the_same_answers() {
                each($tell, "law: shuffled", |story, ran, _| {
                    let shuffled = story.run_shuffled(30 * SECOND);
                    let (was, is) = (ran.answers(), shuffled.answers());
                    if was != is {
                        shuffled.fail(&format!("in order: {was:#?}\nshuffled: {is:#?}"));
                    }
                });
            }

            #[test]
            fn strangers_in_between_change_nothing() {
                each($tell, "law: strangers", |story, ran, ids| {
                    add_strangers(story, ran);
                    same_bytes(ran, &story.run(), ids, "among strangers");
                });
            }
        }
    )+};
}

laws! {
    of_theft: theft;
    of_a_person: person;
    of_an_agent: agent;
    of_contention: contention;
}
