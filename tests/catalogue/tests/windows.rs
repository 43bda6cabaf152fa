//! Group D, continued: just-in-time windows (D4), bursts of failures (D6).

#![allow(clippy::expect_used, clippy::panic)]

use plumbline_catalogue::clock::{self, DAY, HOUR, MINUTE, SECOND};
use plumbline_catalogue::lives::{Machine, Person};
use plumbline_catalogue::{Action, Actor, Story, each_seed};

// D4: just-in-time access ends when its window does.

/// An engineer with a just-in-time session until a time, which is told.
fn just_in_time(story: &mut Story) -> (Person, Actor, i64, i64) {
    let days = story.history_days();
    let ann = Person::new(story, "ann");
    ann.lives(story, days);
    let start = ann.morning(days);
    let until = start + story.dice.between(40, 180) * MINUTE;
    let device = ann
        .laptop
        .clone()
        .with("session.jit_until", clock::written(until));
    let session = ann
        .logs_in(story, &device, start)
        .with("session.jit_until", clock::written(until));
    story.add(
        session
            .does("other", "access.granted")
            .at(start + 20 * SECOND),
    );
    (ann, session, start, until)
}

fn is_ended_at(story: &mut Story, ann: &Person, session: &Actor, until: i64) {
    story.begins(until);
    let ran = story.run();
    ran.expect(ann.id())
        .session(session.text("session.id"))
        .on_the_event_of(until)
        .answer(&[Action::RevokeSession]);
    if ran.count(ann.id(), Action::RevokeSession) != 1 {
        ran.fail("the window ends once");
    }
}

#[test]
fn d4_a_used_window_ends_at_its_time_by_a_strangers_event() {
    each_seed("D4", |story| {
        let (ann, session, start, until) = just_in_time(story);
        ann.browses(story, &session, start + MINUTE, until - MINUTE);
        let later = until + story.dice.between(1, 600) * SECOND;
        story.clock_passes(later);
        is_ended_at(story, &ann, &session, until);
    });
}

#[test]
fn d4_an_unused_window_ends_at_its_time() {
    each_seed("D4", |story| {
        let (ann, session, _, until) = just_in_time(story);
        story.clock_passes(until + 5 * MINUTE);
        is_ended_at(story, &ann, &session, until);
    });
}

#[test]
fn d4_a_success_after_the_window_ends_the_session_at_its_time_and_is_found() {
    each_seed("D4", |story| {
        let (ann, session, start, until) = just_in_time(story);
        ann.browses(story, &session, start + MINUTE, until - MINUTE);
        let after = until + story.dice.between(1, 20) * MINUTE;
        let id = story.add(session.does("read", "GET /wiki/{id}").at(after));
        is_ended_at(story, &ann, &session, until);
        let ran = story.run();
        let is_named = |ids: &Vec<String>| ids.contains(&id);
        if !ran
            .findings
            .iter()
            .any(|finding| is_named(&finding.event_ids))
        {
            ran.fail("a success after the window is a finding of its own");
        }
    });
}

#[test]
fn d4_a_session_first_seen_after_its_window_is_ended() {
    each_seed("D4", |story| {
        let days = story.history_days();
        let ann = Person::new(story, "ann");
        ann.lives(story, days);
        let start = ann.morning(days);
        story.begins(start);
        let until = clock::written(start - 30 * MINUTE);
        let session = ann
            .laptop
            .clone()
            .session_since("s-late", start - 2 * HOUR)
            .with("session.jit_until", until);
        story.add(session.does("read", "GET /wiki/{id}").at(start));
        story
            .run()
            .expect_anyway(ann.id())
            .session("s-late")
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn d4_twin_use_inside_the_window() {
    each_seed("D4", |story| {
        let (ann, session, start, until) = just_in_time(story);
        ann.browses(story, &session, start + MINUTE, until - 2 * MINUTE);
        story.clock_passes(until - SECOND);
        story.run().silent();
    });
}

#[test]
fn d4_twin_logged_out_before_the_window_ends() {
    each_seed("D4", |story| {
        let (ann, session, start, until) = just_in_time(story);
        ann.browses(story, &session, start + MINUTE, until - 5 * MINUTE);
        story.add(session.does("logout", "logout").at(until - MINUTE));
        story.clock_passes(until + DAY);
        story.run().silent();
    });
}

// D6: a burst of failures, then a success.

fn fails(story: &mut Story, actor: &Actor, class: &str, from: i64, count: i64) -> i64 {
    let name = if class == "mfa" { "mfa.push" } else { "login" };
    let mut time = from;
    for _ in 0..count {
        story.add(actor.does(class, name).ended("failure").at(time));
        time += story.dice.between(4, 20) * SECOND;
    }
    time
}

/// Somebody with a life, in the morning after it.
fn somebody(story: &mut Story) -> (Person, i64) {
    let days = story.history_days();
    let ann = Person::new(story, "ann");
    ann.lives(story, days);
    let morning = ann.morning(days);
    (ann, morning)
}

#[test]
fn d6_a_burst_of_failed_log_ins_and_a_success_step_up() {
    each_seed("D6", |story| {
        let (ann, start) = somebody(story);
        story.begins(start);
        let count = story.dice.between(20, 60);
        let success = fails(story, &ann.laptop, "login", start, count);
        let session = ann.logs_in(story, &ann.laptop, success);
        ann.browses(story, &session, success + MINUTE, success + HOUR);
        story
            .run()
            .expect(ann.id())
            .since(success)
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn d6_a_burst_of_prompts_that_is_given_in_to_steps_up() {
    each_seed("D6", |story| {
        let (ann, start) = somebody(story);
        story.begins(start);
        story.add(ann.laptop.does("login", "login").at(start));
        let count = story.dice.between(12, 30);
        let success = fails(story, &ann.laptop, "mfa", start + 10 * SECOND, count);
        let session = ann.laptop.clone().session_since("s-tired", success);
        story.add(session.does("mfa", "mfa.push").at(success));
        ann.browses(story, &session, success + MINUTE, success + HOUR);
        story
            .run()
            .expect(ann.id())
            .since(success)
            .answer(&[Action::StepUp]);
    });
}

#[test]
fn d6_a_burst_and_a_success_from_a_new_context_end_the_session() {
    each_seed("D6", |story| {
        let (ann, start) = somebody(story);
        story.begins(start);
        let stranger = ann
            .laptop
            .clone()
            .from(&ann.home.behind_another_provider(30), 5)
            .device("unseen-9", "python-requests/2.32");
        let count = story.dice.between(20, 60);
        let success = fails(story, &stranger, "login", start, count);
        let session = ann.logs_in(story, &stranger, success);
        ann.browses(story, &session, success + MINUTE, success + HOUR);
        story
            .run()
            .expect(ann.id())
            .session(session.text("session.id"))
            .since(success)
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn d6_a_key_that_is_guessed_from_a_new_context_ends_the_session() {
    each_seed("D6", |story| {
        let days = story.history_days();
        let steps = [("read", "GET /v1/items"), ("write", "POST /v1/items")];
        let account = Machine::new(story, "service_account", "svc-items", &steps);
        account.lives(story, days);
        let start = clock::at(days, 10, 0);
        account.at_work(story, start - 2 * MINUTE);
        story.begins(start);
        let place = account.place.behind_another_provider(30);
        let stranger = account
            .actor
            .clone()
            .without("credential")
            .with("network", place.network(8))
            .host("python", "x", "x1");
        let count = story.dice.between(20, 60);
        let success = fails(story, &stranger, "login", start, count);
        let session = stranger.session_since("s-guessed", success);
        story.add(session.does("login", "login").at(success));
        account.runs(story, &session, success + 5 * SECOND);
        story
            .run()
            .expect(account.id())
            .session("s-guessed")
            .answer(&[Action::RevokeSession]);
    });
}

#[test]
fn d6_twin_a_forgotten_password_from_the_usual_device() {
    each_seed("D6", |story| {
        let (ann, start) = somebody(story);
        let count = story.dice.between(2, 5);
        let success = fails(story, &ann.laptop, "login", start, count) + MINUTE;
        let session = ann.logs_in(story, &ann.laptop, success);
        ann.browses(story, &session, success + MINUTE, success + 6 * HOUR);
        story.run().silent();
    });
}

#[test]
fn d6_twin_a_prompt_that_was_missed_twice() {
    each_seed("D6", |story| {
        let (ann, start) = somebody(story);
        story.add(ann.laptop.does("login", "login").at(start));
        let success = fails(story, &ann.laptop, "mfa", start + 10 * SECOND, 2) + 30 * SECOND;
        let session = ann.logs_in(story, &ann.laptop, success);
        ann.browses(story, &session, success + MINUTE, success + 6 * HOUR);
        story.run().silent();
    });
}

#[test]
fn d6_twin_failures_of_many_at_once_are_an_outage() {
    each_seed("D6", |story| {
        let days = 14;
        let people: Vec<Person> = (0..40).map(|_| Person::new(story, "staff")).collect();
        for person in &people {
            person.lives(story, days);
        }
        let start = clock::at(days, 9, 0);
        for person in &people {
            let begins = start + story.dice.between(0, 60) * SECOND;
            let success = fails(story, &person.laptop, "login", begins, 20) + MINUTE;
            let session = person.logs_in(story, &person.laptop, success);
            person.browses(story, &session, success + MINUTE, success + HOUR);
        }
        story.run().silent();
    });
}
