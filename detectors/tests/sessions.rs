//! Sessions whose events come late, rest, or go on elsewhere.

mod story;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, Delegate, IdentityKind};
use plumbline_schemas::time::EventTime;
use story::*;

const SA: IdentityKind = IdentityKind::ServiceAccount;
const TWO_WEEKS: i64 = 14 * DAY;

#[test]
fn a_key_that_is_replayed_while_its_owner_rests_between_runs_is_revoked() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    // The owner's last run is an hour ago, and the next ones come as always.
    for (minute, city) in [(61, &LIMA), (62, &FRANKFURT), (63, &LIMA)] {
        let call = job_call("svc", SA, "GET /orders").from(city);
        story.tell(call.at(monday(TWO_WEEKS - HOUR + minute * MINUTE)));
    }
    assert!(story.found("token_replay"), "{:?}", story.actions());
    assert_eq!(story.actions().last(), Some(&Action::RevokeCredential));
}

#[test]
fn an_owner_who_moves_and_comes_back_is_not_in_two_places() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    for hour in 0..8 {
        let city = if (2..6).contains(&hour) {
            &SYDNEY
        } else {
            &FRANKFURT
        };
        let call = job_call("svc", SA, "GET /orders").from(city);
        story.tell(call.at(monday(TWO_WEEKS + hour * HOUR)));
    }
    assert!(!story.found("token_replay"), "{:?}", story.findings());
}

#[test]
fn a_login_that_arrives_after_the_logout_does_not_open_the_session_again() {
    let mut story = Story::new();
    let at = |minute| monday(9 * HOUR + minute * MINUTE);
    story.tell(login("ann").session("console").at(at(0)));
    for (class, minute) in [
        (ActionClass::Admin, 1),
        (ActionClass::Logout, 2),
        // Of another source, a few seconds behind.
        (ActionClass::Mfa, 0),
    ] {
        let event = call("ann", class.as_str()).class(class).session("console");
        story.tell(event.at(at(minute)));
    }
    story.tell(call("bob", "mail").at(at(120)));
    assert!(story.commands().is_empty(), "{:?}", story.commands());
}

#[test]
fn a_window_ends_at_its_time_whatever_other_sessions_there_are() {
    let mut story = Story::new();
    let mut granted = call("ann", "access.granted").session("lent").at(monday(0));
    granted.0.session.jit_until = Some(monday(30 * HOUR));
    story.tell(granted);
    for other in 0..12 {
        let call = call("ann", "mail").session(&format!("s-{other}"));
        story.tell(call.at(monday((other + 1) * 2 * HOUR)));
    }
    story.tell(call("bob", "mail").at(monday(31 * HOUR)));
    assert_eq!(story.actions(), [Action::RevokeSession]);
    let command = story.commands()[0];
    assert_eq!(command.target.session_id.as_deref(), Some("lent"));
    assert_eq!(command.time, monday(30 * HOUR));
}

#[test]
fn a_privileged_session_on_another_client_is_asked_about_though_clients_were_never_stated() {
    let mut story = Story::new();
    for day in 0..14 {
        let restart = call("svc", "service.restart")
            .kind(SA)
            .class(ActionClass::Deploy)
            .session(&format!("run-{day}"));
        story.tell(restart.at(monday(day * DAY + HOUR)));
    }
    for (minute, client) in [(0, "t13d-1"), (1, "t13d-1"), (2, "t13d-2")] {
        let mut restart = call("svc", "service.restart")
            .kind(SA)
            .class(ActionClass::Deploy)
            .session("run")
            .at(monday(TWO_WEEKS + HOUR + minute * MINUTE));
        restart.0.device.tls_fingerprint = Some(client.into());
        story.tell(restart);
        let asked = story.actions() == [Action::StepUp];
        assert_eq!(asked, minute == 2, "{:?}", story.actions());
    }
}

#[test]
fn an_owner_who_was_away_for_half_an_hour_is_no_thief_of_its_own() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    for (minute, city) in [
        (0, &FRANKFURT),
        (30, &SYDNEY),
        (59, &FRANKFURT),
        (119, &FRANKFURT),
    ] {
        let call = job_call("svc", SA, "GET /orders").from(city);
        story.tell(call.at(monday(TWO_WEEKS + minute * MINUTE)));
    }
    assert!(!story.found("token_replay"), "{:?}", story.findings());
}

#[test]
fn a_small_read_after_a_large_export_takes_nothing_out() {
    let mut story = Story::new();
    let takes = |name: &str, class: ActionClass, records: u64, hour: i64| {
        let mut call = call("helper", name)
            .kind(IdentityKind::Workload)
            .class(class)
            .session("s")
            .at(monday(hour * HOUR));
        call.0.action.records = Some(records);
        call.0.delegation.push(Delegate {
            id: "ann".into(),
            kind: IdentityKind::Human.into(),
        });
        call
    };
    for hour in 0..14 * 24 {
        story.tell(takes(
            "calendar.read",
            ActionClass::Read,
            30 + (hour % 7) as u64,
            hour,
        ));
    }
    story.tell(takes("contact.export", ActionClass::Export, 5000, 14 * 24));
    let read = takes("calendar.read", ActionClass::Read, 30, 14 * 24);
    story.tell(read.at(monday(14 * DAY + MINUTE)));
    assert_eq!(story.actions(), [Action::Shorten], "{:?}", story.findings());
}

/// A console whose events come 14 minutes after they happened, while others move the clock up to this minute.
fn late_console(happened: &[i64], until: i64) -> Story {
    let mut story = Story::new();
    let at = |minute: i64| monday(9 * HOUR + minute * MINUTE);
    let mut next = happened.iter().peekable();
    for minute in 0..=until {
        story.tell(call("bob", "mail").at(at(minute)));
        if let Some(happens) = next.next_if(|happens| **happens + 14 == minute) {
            let change = call("ann", "policy.update").class(ActionClass::Admin);
            story.tell(change.session("console").at(at(*happens)));
        }
    }
    assert!(next.peek().is_none());
    story
}

/// When sessions were ended. That their log-in is old is told too, and asked about.
fn ended(story: &Story) -> Vec<EventTime> {
    let commands = story.commands().into_iter();
    let ended = commands.filter(|command| command.action == Action::RevokeSession);
    ended.map(|command| command.time).collect()
}

#[test]
fn a_console_whose_events_come_late_does_not_rest_while_they_are_on_their_way() {
    let at = |minute: i64| monday(9 * HOUR + minute * MINUTE);
    let mut happened: Vec<i64> = (0..10).map(|turn| turn * 20).collect();
    // It rests after the last one. That shows after twice what its events are late.
    assert_eq!(ended(&late_console(&happened, 180 + 30 + 28)), []);
    assert_eq!(
        ended(&late_console(&happened, 180 + 30 + 29)),
        [at(180 + 30)]
    );

    // Half an hour and a minute without anything happening is a rest, and is seen from what comes after it.
    happened.truncate(3);
    happened.extend([71, 91, 111, 131, 151, 171, 191, 211]);
    assert_eq!(ended(&late_console(&happened, 240)), [at(71)]);
}
