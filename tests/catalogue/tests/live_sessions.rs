//! Group A, continued: a context that changes in mid-session (A5), and one token in two (A6).

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Machine, Pace, Person, Step};
use plumbline_catalogue::{Action, Actor, Place, Story, each_seed};
use serde_json::json;

// A5: the context of a live session changes, and a high-risk action follows.

const LEDGER: (&str, &str) = ("export", "POST /ledger/export");

/// A person who exports the ledger every other day, in a session that is minutes old.
fn accountant(story: &mut Story) -> (Person, Actor, i64) {
    let days = story.history_days();
    let ann = Person::new(story, "ann").who_also(LEDGER.0, LEDGER.1);
    ann.lives(story, days);
    let start = ann.morning(days);
    let session = ann.logs_in(story, &ann.laptop, start);
    story.add(session.does("read", "GET /mail/{id}").at(start + MINUTE));
    (ann, session, start + 3 * MINUTE)
}

/// The change alone is no command; the action after it steps up, on its own event.
fn steps_up_at_the_action(story: &mut Story, ann: &Person, changed: &Actor, change: i64) {
    story.begins(change);
    story.add(changed.does("read", "GET /wiki/{id}").at(change));
    story.add(
        changed
            .does("read", "GET /calendar")
            .at(change + 30 * SECOND),
    );
    let action = change + story.dice.between(60, 240) * SECOND;
    story.add(changed.does(LEDGER.0, LEDGER.1).bytes(60_000).at(action));
    let ran = story.run();
    ran.silent_between(change, action);
    ran.expect(ann.id())
        .on_the_event_of(action)
        .answer(&[Action::StepUp]);
}

#[test]
fn a5_a_new_network_and_then_an_export_step_up() {
    each_seed("A5", |story| {
        let (ann, session, change) = accountant(story);
        let elsewhere = ann.home.behind_another_provider(8);
        let changed = session.from(&elsewhere, 77);
        steps_up_at_the_action(story, &ann, &changed, change);
    });
}

#[test]
fn a5_a_new_device_and_then_an_export_step_up() {
    each_seed("A5", |story| {
        let (ann, session, change) = accountant(story);
        let changed = session.device("unseen-2", "Mozilla/5.0 (Windows NT 10.0) Chrome/140");
        steps_up_at_the_action(story, &ann, &changed, change);
    });
}

#[test]
fn a5_a_worse_posture_and_then_an_export_step_up() {
    each_seed("A5", |story| {
        let (ann, session, change) = accountant(story);
        let changed = session.with("device.posture", "non_compliant");
        steps_up_at_the_action(story, &ann, &changed, change);
    });
}

#[test]
fn a5_a_lower_assurance_and_then_an_export_step_up() {
    each_seed("A5", |story| {
        let (ann, session, change) = accountant(story);
        let changed = session
            .with("session.mfa", false)
            .with("session.assurance", "aal1");
        steps_up_at_the_action(story, &ann, &changed, change);
    });
}

#[test]
fn a5_a_machine_on_a_new_network_that_then_exports_steps_up() {
    each_seed("A5", |story| {
        let days = story.history_days();
        let steps = [
            ("read", "GET /v1/reports"),
            ("export", "POST /v1/reports/{id}/export"),
        ];
        let account = Machine::new(story, "service_account", "svc-reports", &steps);
        account.lives(story, days);
        let start = clock::at(days, 10, 0);
        let session = account.opens(story, start);
        story.add(session.does("read", "GET /v1/reports").at(start + MINUTE));
        let change = start + story.dice.between(10, 25) * MINUTE;
        story.begins(change);
        let elsewhere = account.place.behind_another_provider(8);
        let changed = session.with("network", elsewhere.network(14));
        story.add(changed.does("read", "GET /v1/reports").at(change));
        let action = change + MINUTE;
        story.add(
            changed
                .does("export", "POST /v1/reports/{id}/export")
                .at(action),
        );
        let ran = story.run();
        ran.silent_between(change, action);
        ran.expect(account.id())
            .on_the_event_of(action)
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn a5_twin_the_change_alone_to_a_known_network() {
    each_seed("A5", |story| {
        let (ann, session, change) = accountant(story);
        let moved = session.on_the_network_of(&ann.phone);
        ann.browses(story, &moved, change, change + 3 * HOUR);
        story.add(moved.does("logout", "logout").at(change + 4 * HOUR));
        story.run().silent();
    });
}

#[test]
fn a5_twin_the_change_alone_to_a_new_network_is_only_a_finding() {
    each_seed("A5", |story| {
        let (ann, session, change) = accountant(story);
        story.begins(change);
        let elsewhere = ann.home.behind_another_provider(8);
        let moved = session.from(&elsewhere, 77);
        ann.browses(story, &moved, change, change + 3 * HOUR);
        story.run().silent();
    });
}

#[test]
fn a5_twin_a_browser_that_was_updated() {
    each_seed("A5", |story| {
        let (ann, session, change) = accountant(story);
        let updated = session.with("device.user_agent", "Mozilla/5.0 (Macintosh) Firefox/142");
        ann.browses(story, &updated, change, change + 3 * HOUR);
        story.run().silent();
    });
}

// A6: a stolen token is replayed while its owner still uses it.

const INVOICES: [Step; 3] = [
    ("read", "GET /v1/invoices"),
    ("read", "GET /v1/invoices/{id}"),
    ("write", "POST /v1/invoices/{id}/lines"),
];

/// A busy owner of a token, at work.
fn owner(story: &mut Story, kind: &str) -> (Machine, Actor, i64) {
    let days = story.history_days();
    let owner = Machine::new(story, kind, "invoicing", &INVOICES)
        .pace(Pace::Every(story.dice.between(10, 30)));
    owner.lives(story, days);
    let start = clock::at(days, story.dice.between(5, 18), 0);
    let session = owner.at_work(story, start);
    (owner, session, start)
}

/// Owner and thief take turns; both contexts must be in the evidence.
fn take_turns(story: &mut Story, owner: &Machine, session: &Actor, thief: &Actor, start: i64) {
    story.begins(start);
    let (mut owners, mut thiefs) = (Vec::new(), Vec::new());
    for round in 0..6 {
        let time = start + round * story.dice.between(100, 180) * SECOND;
        owners.push(story.add(session.does("read", "GET /v1/invoices").at(time)));
        let later = time + story.dice.between(20, 70) * SECOND;
        thiefs.push(story.add(thief.does("read", "GET /v1/invoices/{id}").at(later)));
    }
    let ran = story.run();
    let command = ran
        .expect(owner.id())
        .credential(session.text("credential.id"))
        .answer(&[Action::RevokeCredential]);
    let contexts = [(session, &owners), (thief, &thiefs)].map(|(actor, ids)| {
        let mut words: Vec<&str> = ids.iter().map(String::as_str).collect();
        words.extend([actor.text("network.ip"), actor.text("workload.host")]);
        words
    });
    ran.names(command, &[&contexts[0], &contexts[1]]);
}

#[test]
fn a6_a_token_replayed_from_a_new_region_is_revoked() {
    each_seed("A6", |story| {
        let (owner, session, start) = owner(story, "service_account");
        let place = Place::far_region(&mut story.dice);
        let thief = session
            .clone()
            .from(&place, 99)
            .host("python", "prod", "x1");
        take_turns(story, &owner, &session, &thief, start);
    });
}

#[test]
fn a6_a_key_replayed_from_a_new_host_is_revoked() {
    each_seed("A6", |story| {
        let (owner, session, start) = owner(story, "api_key");
        let place = owner.place.behind_another_provider(9);
        let thief = session
            .clone()
            .with("network", place.network(44))
            .host("curl", "laptop", "kali")
            .with("device.user_agent", "curl/8.5");
        take_turns(story, &owner, &session, &thief, start);
    });
}

#[test]
fn a6_a_key_replayed_in_a_session_of_its_own_is_revoked() {
    each_seed("A6", |story| {
        let (owner, session, start) = owner(story, "api_key");
        let place = Place::far_region(&mut story.dice);
        let thief = session
            .clone()
            .session_since("s-stolen", start)
            .from(&place, 99)
            .host("python", "prod", "x1");
        take_turns(story, &owner, &session, &thief, start);
    });
}

#[test]
fn a6_twin_the_owner_moves_to_its_other_network() {
    each_seed("A6", |story| {
        let days = story.history_days();
        let owner = Machine::new(story, "service_account", "invoicing", &INVOICES);
        for day in 0..days {
            let first = owner.opens(story, clock::at(day, 0, 5));
            owner.works(story, &first, clock::at(day, 0, 6), clock::at(day, 10, 0));
            let second = owner.opens_at_second_place(story, clock::at(day, 13, 5));
            owner.works(story, &second, clock::at(day, 13, 6), clock::at(day, 22, 0));
        }
        let session = owner.opens(story, clock::at(days, 0, 5));
        owner.works(
            story,
            &session,
            clock::at(days, 0, 6),
            clock::at(days, 4, 0),
        );
        let moved = owner.on_host(&session, &owner.second_place, 7);
        owner.works(
            story,
            &moved,
            clock::at(days, 4, 15),
            clock::at(days, 12, 0),
        );
        story.run().silent();
    });
}

#[test]
fn a6_twin_the_owner_moves_to_a_configured_egress() {
    each_seed("A6", |story| {
        let (owner, session, start) = owner(story, "service_account");
        let egress = owner.place.behind_another_provider(12);
        story.policy(json!({ "egress": [
            { "cidr": format!("{}.0/24", egress.prefix()), "kind": "cloud" }
        ] }));
        let moved = session.with("network", egress.network(3));
        owner.works(story, &moved, start + 15 * MINUTE, start + 5 * HOUR);
        story.run().silent();
    });
}
