//! Group A, continued: anonymisers (A7).

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, HOUR, MINUTE};
use plumbline_catalogue::lives::{Machine, Person, Step, acts};
use plumbline_catalogue::{Action, Story, each_seed};

const ORDERS: [Step; 3] = [
    ("read", "GET /v1/orders"),
    ("read", "GET /v1/orders/{id}"),
    ("write", "POST /v1/orders/{id}/ack"),
];

const UPSIDE_DOWN: [Step; 7] = [
    ("write", "POST /v1/orders/{id}/ack"),
    ("read", "GET /v1/orders"),
    ("write", "POST /v1/orders/{id}/ack"),
    ("read", "GET /v1/orders/{id}"),
    ("read", "GET /v1/orders"),
    ("read", "GET /v1/orders"),
    ("read", "GET /v1/orders/{id}"),
];

// A7: an anonymiser raises risk; with a second signal it steps up.

#[test]
fn a7_an_anonymiser_and_a_new_device_step_up() {
    each_seed("A7", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        ann.lives(story, days);
        let start = ann.morning(days);
        story.begins(start);
        let word = story.dice.pick(&["tor", "vpn", "proxy"]);
        let hidden = ann.home.behind_an_anonymizer(word);
        let stranger = ann
            .laptop
            .clone()
            .from(&hidden, 5)
            .device("unseen-1", "Mozilla/5.0 (X11; Linux) Firefox/128");
        let session = ann.logs_in(story, &stranger, start);
        ann.browses(story, &session, start + MINUTE, start + HOUR);
        story.run().expect(ann.id()).answer(&[Action::StepUp]);
    });
}

#[test]
fn a7_a_machine_behind_an_anonymiser_in_unknown_order_steps_up() {
    each_seed("A7", |story| {
        let days = story.history_days();
        let account = Machine::new(story, "service_account", "svc-orders", &ORDERS);
        account.lives(story, days);
        let start = clock::at(days, story.dice.between(3, 20), 0);
        let session = account.at_work(story, start - 3 * MINUTE);
        story.begins(start);
        let hidden = account.place.behind_an_anonymizer("tor");
        let thief = session.with("network", hidden.network(5));
        acts(story, &thief, start, &UPSIDE_DOWN);
        acts(story, &thief, start + 2 * MINUTE, &UPSIDE_DOWN);
        story
            .run()
            .expect(account.id())
            .answer(&[Action::StepUp, Action::RevokeCredential]);
    });
}

#[test]
fn a7_an_anonymiser_alone_is_a_finding_and_no_command() {
    each_seed("A7", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        ann.lives(story, days);
        let start = ann.morning(days);
        story.begins(start);
        let word = story.dice.pick(&["tor", "vpn", "proxy"]);
        let hidden = ann.home.behind_an_anonymizer(word);
        let session = ann.logs_in(story, &ann.laptop.clone().from(&hidden, 5), start);
        ann.browses(story, &session, start + MINUTE, start + HOUR);
        let ran = story.run();
        ran.silent();
        if ran.findings_on(ann.id()).is_empty() {
            ran.fail("an anonymiser raises risk: a finding was to come");
        }
    });
}

/// Somebody who has always used a VPN, or a hosted desktop.
fn always_hidden(story: &mut Story, word: &'static str) -> (Person, i64) {
    let days = story.history_days();
    let mut ann = Person::new(story, "ann");
    let hidden = ann.home.behind_an_anonymizer(word);
    ann.laptop = ann.laptop.clone().from(&hidden, 5);
    ann.lives(story, days);
    let morning = ann.morning(days);
    (ann, morning)
}

#[test]
fn a7_twin_an_identity_that_has_always_used_that_vpn() {
    each_seed("A7", |story| {
        let word = story.dice.pick(&["vpn", "hosting", "relay"]);
        let (ann, start) = always_hidden(story, word);
        let session = ann.logs_in(story, &ann.laptop, start);
        ann.browses(story, &session, start + MINUTE, start + 4 * HOUR);
        story.run().silent();
    });
}

#[test]
fn a7_twin_a_new_laptop_behind_the_usual_vpn() {
    each_seed("A7", |story| {
        let (ann, start) = always_hidden(story, "vpn");
        let laptop = ann
            .laptop
            .clone()
            .device("laptop-new", "Mozilla/5.0 (Macintosh) Firefox/142");
        let session = ann.logs_in(story, &laptop, start);
        ann.browses(story, &session, start + MINUTE, start + 4 * HOUR);
        story.run().silent();
    });
}
