//! Group E, continued: admin consoles (E4) and the lives of credentials (E5).

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, DAY, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Machine, Pace, Person, Step};
use plumbline_catalogue::{Action, Actor, Place, Ran, Story, each_seed};

// E4: a long-lived admin console session.

/// An admin whose console session has changed a policy minutes after its log-in.
fn console(story: &mut Story) -> (Person, Actor, i64) {
    console_on(story, "compliant")
}

fn console_on(story: &mut Story, posture: &str) -> (Person, Actor, i64) {
    let days = story.history_days();
    let mut admin = Person::new(story, "admin").who_also("admin", "PUT /policies/{id}");
    admin.laptop = admin.laptop.with("device.posture", posture);
    admin.phone = admin.phone.with("device.posture", posture);
    admin.lives(story, days);
    let start = admin.morning(days);
    let session = admin.logs_in(story, &admin.laptop, start);
    let changes = start + story.dice.between(2, 9) * MINUTE;
    story.add(session.does("admin", "PUT /policies/{id}").at(changes));
    let last = changes + story.dice.between(1, 9) * MINUTE;
    story.add(session.does("read", "GET /tickets").at(last));
    (admin, session, last)
}

fn is_ended_once(ran: &Ran, admin: &Person, session: &Actor, from: i64, until: i64) {
    ran.expect(admin.id())
        .session(session.text("session.id"))
        .since(from)
        .by(until)
        .answer(&[Action::RevokeSession]);
    if ran.count(admin.id(), Action::RevokeSession) != 1 {
        ran.fail("it is ended once");
    }
}

#[test]
fn e4_an_inactive_console_is_ended_by_the_clock() {
    each_seed("E4", |story| {
        let (admin, session, last) = console(story);
        story.begins(last + MINUTE);
        let later = last + 31 * MINUTE;
        story.clock_passes(later);
        story.clock_passes(later + HOUR);
        let ran = story.run();
        is_ended_once(&ran, &admin, &session, last + 30 * MINUTE, later);
    });
}

#[test]
fn e4_an_inactive_console_that_comes_back_is_ended() {
    each_seed("E4", |story| {
        let (admin, session, last) = console(story);
        story.begins(last + MINUTE);
        let back = last + story.dice.between(31, 300) * MINUTE;
        story.add(session.does("read", "GET /tickets").at(back));
        let ran = story.run();
        is_ended_once(&ran, &admin, &session, last + 30 * MINUTE, back);
    });
}

#[test]
fn e4_a_machines_console_session_is_ended_only_when_it_resumes() {
    each_seed("E4", |story| {
        let days = story.history_days();
        let steps = [("read", "GET /policies"), ("admin", "PUT /policies/{id}")];
        let machine =
            Machine::new(story, "service_account", "svc-policy", &steps).pace(Pace::Builds(5));
        machine.lives(story, days);
        let start = clock::at(days, 9, 0);
        let session = machine.runs_once(story, start);
        let back = start + story.dice.between(45, 300) * MINUTE;
        story.clock_passes(back - MINUTE);
        story.begins(back);
        story.add(session.does("read", "GET /policies").at(back));
        story
            .run()
            .expect(machine.id())
            .session(session.text("session.id"))
            .on_the_event_of(back)
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn e4_a_console_on_a_device_that_drifts_is_ended() {
    each_seed("E4", |story| drifts_from(story, "compliant", 1));
}

/// Who manages devices often speaks of those only that are not as they should be.
#[test]
fn e4_a_console_on_a_device_of_which_nothing_was_known_and_now_nothing_good_is_ended() {
    each_seed("E4", |story| drifts_from(story, "unknown", 4));
}

/// After so many minutes at the least the device of a live console is not compliant.
fn drifts_from(story: &mut Story, posture: &str, minutes: i64) {
    let (admin, session, last) = console_on(story, posture);
    let now = last + story.dice.between(minutes, 25) * MINUTE;
    story.begins(now);
    let drifted = session.clone().with("device.posture", "non_compliant");
    let (class, name) = story
        .dice
        .pick(&[("posture", "device.posture"), ("read", "GET /tickets")]);
    story.add(drifted.does(class, name).at(now));
    let ran = story.run();
    is_ended_once(&ran, &admin, &session, now, now);
}

#[test]
fn e4_twin_a_device_that_never_was_compliant() {
    each_seed("E4", |story| {
        let (_, session, last) = console_on(story, "non_compliant");
        let silent = session.clone().with("device.posture", "unknown");
        story.add(silent.does("read", "GET /tickets").at(last + 4 * MINUTE));
        story.add(session.does("read", "GET /tickets").at(last + 9 * MINUTE));
        let next = last + 40 * MINUTE;
        let again = silent.session_since("s-again", next);
        story.add(again.does("login", "user.login").at(next));
        let told = again.with("device.posture", "non_compliant");
        story.add(told.does("admin", "PUT /policies/{id}").at(next + MINUTE));
        story.add(session.does("logout", "logout").at(last + 10 * MINUTE));
        story.add(told.does("logout", "logout").at(next + 10 * MINUTE));
        story.run().silent();
    });
}

#[test]
fn e4_a_console_that_travels_impossibly_is_ended() {
    each_seed("E4", |story| {
        let (admin, session, last) = console(story);
        let now = last + story.dice.between(5, 25) * MINUTE;
        story.begins(now);
        let place = Place::far_away(&mut story.dice);
        let moved = session.clone().from(&place, 66);
        story.add(moved.does("read", "GET /tickets").at(now));
        // Two places at once may take the cookie with it.
        story
            .run()
            .expect(admin.id())
            .on_the_event_of(now)
            .answer(&[Action::RevokeSession, Action::RevokeCredential]);
    });
}

#[test]
fn e4_twin_inactive_but_within_the_limit() {
    each_seed("E4", |story| {
        let (_, session, last) = console(story);
        let mut now = last;
        for _ in 0..5 {
            now += story.dice.between(20, 29) * MINUTE;
            story.add(session.does("read", "GET /tickets").at(now));
        }
        story.add(session.does("logout", "logout").at(now + MINUTE));
        story.clock_passes(now + DAY);
        story.run().silent();
    });
}

#[test]
fn e4_twin_a_session_that_logged_out() {
    each_seed("E4", |story| {
        let (_, session, last) = console(story);
        story.add(session.does("logout", "logout").at(last + MINUTE));
        story.clock_passes(last + 3 * HOUR);
        story.run().silent();
    });
}

#[test]
fn e4_twin_a_resting_session_that_did_nothing_privileged() {
    each_seed("E4", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann").who_also("export", "POST /ledger/export");
        ann.lives(story, days);
        let start = ann.morning(days);
        let session = ann.logs_in(story, &ann.laptop, start);
        story.add(session.does("read", "GET /tickets").at(start + MINUTE));
        story.clock_passes(start + 2 * HOUR);
        story.add(session.does("read", "GET /tickets").at(start + 3 * HOUR));
        story.run().silent();
    });
}

// E5: the life of a credential.

const CALLS: [Step; 2] = [("read", "GET /v1/items"), ("write", "POST /v1/items/{id}")];

/// A machine whose credential is so many days old on the first day of the story.
fn aged(story: &mut Story, kind: &str, days_old: i64) -> Machine {
    let mut machine = Machine::new(story, kind, "svc-items", &CALLS).pace(Pace::Every(50));
    let issued = clock::written(clock::at(-days_old, 4, 0));
    machine.actor = machine.actor.with("credential.issued_at", issued);
    machine
}

#[test]
fn e5_a_credential_that_grows_over_its_age_steps_up() {
    each_seed("E5", |story| {
        let kind = story.dice.pick(&["service_account", "api_key"]);
        let days = story.history_days();
        let machine = aged(story, kind, 90 - days);
        story.begins(clock::at(days, 4, 0));
        machine.lives(story, days + 1);
        story
            .run()
            .expect(machine.id())
            .by(clock::at(days, 6, 0))
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn e5_a_credential_that_is_over_age_when_first_seen_steps_up() {
    each_seed("E5", |story| {
        let days_old = story.dice.between(95, 700);
        let machine = aged(story, "api_key", days_old);
        story.begins(clock::at(0, 0, 0));
        machine.lives(story, 2);
        story
            .run()
            .expect(machine.id())
            .by(clock::at(0, 2, 0))
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn e5_a_credential_after_a_long_sleep_steps_up() {
    each_seed("E5", |story| {
        let kind = story.dice.pick(&["service_account", "api_key"]);
        let machine = aged(story, kind, 1);
        machine.lives(story, 14);
        for day in 14..75 {
            story.clock_passes(clock::at(day, 12, 0));
        }
        let awake = clock::at(14 + 61 + story.dice.between(0, 10), 10, 0);
        story.begins(awake);
        // The credential stays younger than its limit: only the sleep is long.
        let session = machine.opens(story, awake);
        machine.runs(story, &session, awake + SECOND);
        story
            .run()
            .expect(machine.id())
            .by(awake + MINUTE)
            .answer(&[Action::StepUp]);
    });
}

/// A rotation, the new credential at work, and the old one again.
fn rotated(story: &mut Story) -> (Machine, Actor, Actor, i64) {
    let days = story.history_days();
    let machine = aged(story, "service_account", 20);
    machine.lives(story, days);
    let rotation = clock::at(days, 10, 0);
    let old = machine.at_work(story, rotation);
    let new = story.dice.fingerprint();
    story.add(
        old.does("token_rotate", "secret.rotate")
            .on(&new)
            .at(rotation),
    );
    let fresh = old.clone().credential("client_secret", &new, rotation);
    let until = rotation + story.dice.between(2, 10) * HOUR;
    machine.works(story, &fresh, rotation + MINUTE, until);
    (machine, old, fresh, until + 10 * MINUTE)
}

#[test]
fn e5_the_old_credential_after_the_new_one_works_is_answered() {
    each_seed("E5", |story| {
        let (machine, old, _, call) = rotated(story);
        story.begins(call);
        story.add(old.does("read", "GET /v1/items").at(call));
        story
            .run()
            .expect(machine.id())
            .credential(old.text("credential.id"))
            .on_the_event_of(call)
            .answer(&[Action::StepUp, Action::RevokeCredential]);
    });
}

#[test]
fn e5_twin_a_young_credential_in_daily_use() {
    each_seed("E5", |story| {
        let kind = story.dice.pick(&["service_account", "api_key"]);
        let days = story.history_days();
        let machine = aged(story, kind, 88 - days);
        machine.lives(story, days);
        story.run().silent();
    });
}

#[test]
fn e5_twin_a_credential_that_is_rotated_in_time() {
    each_seed("E5", |story| {
        let (machine, _, fresh, time) = rotated(story);
        machine.works(story, &fresh, time, time + 10 * HOUR);
        story.run().silent();
    });
}

#[test]
fn e5_twin_a_sleep_within_the_limit() {
    each_seed("E5", |story| {
        let machine = aged(story, "api_key", 1);
        machine.lives(story, 14);
        let awake = clock::at(14 + story.dice.between(20, 55), 10, 0);
        let session = machine.opens(story, awake);
        machine.runs(story, &session, awake + SECOND);
        story.run().silent();
    });
}

#[test]
fn e5_twin_a_persons_old_passkey() {
    each_seed("E5", |story| {
        let days = story.history_days();
        let mut ann = Person::new(story, "ann");
        let issued = clock::written(clock::at(-400, 9, 0));
        ann.laptop = ann.laptop.with("credential.issued_at", issued.as_str());
        ann.phone = ann.phone.with("credential.issued_at", issued);
        ann.lives(story, days);
        story.run().silent();
    });
}
