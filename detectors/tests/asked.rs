//! What was asked about day after day, with what and from where the identity always comes: it is its habit.

mod story;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, EventKind, IdentityKind, Verdict};
use story::*;

const SA: IdentityKind = IdentityKind::ServiceAccount;

/// On which of so many days something was commanded, while a day goes like this.
fn days_answered(story: &mut Story, days: i64, mut tell: impl FnMut(&mut Story, i64)) -> Vec<i64> {
    let mut answered = Vec::new();
    for day in 0..days {
        let before = story.commands().len();
        tell(story, day);
        if story.commands().len() > before {
            answered.push(day);
        }
    }
    answered
}

#[test]
fn a_role_that_is_activated_and_used_at_once_every_morning() {
    for (device, least, most) in [("laptop", 1, 3), ("another", 4, 12)] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 14);
        let answered = days_answered(&mut story, 12, |story, day| {
            let time = (14 + day) * DAY + 9 * HOUR;
            let session = format!("morning {day}");
            let from = |tell: Tell| tell.from(&OSLO).on(device).session(&session);
            story.tell(from(login("ann")).at(monday(time)));
            let mut gain = from(call("ann", "pim.activate")).class(ActionClass::Privilege);
            gain.0.kind = EventKind::Admin;
            story.tell(gain.at(monday(time + MINUTE)));
            let used = from(call("ann", "PUT /policies/{id}")).class(ActionClass::Admin);
            story.tell(used.at(monday(time + 3 * MINUTE)));
            let leave = from(call("ann", "logout")).class(ActionClass::Logout);
            story.tell(leave.at(monday(time + 4 * MINUTE)));
        });
        assert!(
            (least..=most).contains(&answered.len()),
            "{device}: {answered:?}"
        );
    }
}

/// A job to which a nightly call is added, from this city and on this host.
fn nightly(class: ActionClass, calls: i64, city: &City, host: &str) -> (Vec<i64>, Vec<Action>) {
    let mut story = Story::new();
    let counted = |endpoint| {
        let mut call = job_call("svc", SA, endpoint);
        call.0.action.records = Some(5);
        call
    };
    for hour in 0..14 * 24 {
        let time = monday(hour * HOUR + 10 * MINUTE);
        story.tell(counted(JOB[0]).at(time));
    }
    story.job("svc", SA, 14);
    let answered = days_answered(&mut story, 20, |story, day| {
        for hour in 0..24 {
            for (step, endpoint) in JOB.into_iter().enumerate() {
                let time = (14 + day) * DAY + hour * HOUR + step as i64 * 2_000;
                story.tell(counted(endpoint).at(monday(time)));
            }
        }
        for nth in 0..calls {
            let mut new = job_call("svc", SA, "POST /nightly").class(class);
            new = new.from(city).on(host).session(&format!("night {day}"));
            let takes = class == ActionClass::Export && calls == 1;
            new.0.action.records = takes.then_some(900);
            let time = (14 + day) * DAY + 23 * HOUR + 30 * MINUTE + nth * 20_000;
            story.tell(new.at(monday(time)));
        }
    });
    (answered, story.actions())
}

#[test]
fn a_nightly_job_that_is_new_is_usual_after_some_nights() {
    for (class, calls) in [
        (ActionClass::Export, 1),
        (ActionClass::Export, 3),
        (ActionClass::Secret, 1),
    ] {
        let (nights, actions) = nightly(class, calls, &FRANKFURT, "host-1");
        assert!(
            !nights.is_empty() && nights.len() <= 5,
            "{class} {nights:?}"
        );
        assert!(
            actions.iter().all(|action| *action == Action::StepUp),
            "{actions:?}"
        );
    }
}

#[test]
fn what_comes_every_night_from_elsewhere_is_never_usual() {
    for (city, host) in [(&LONDON, "host-1"), (&FRANKFURT, "host-9")] {
        let (nights, _) = nightly(ActionClass::Export, 1, city, host);
        assert!(nights.len() >= 2, "{host} {nights:?}");
    }
}

/// What was commanded at the ends of four months, each with an export of five times the daily one.
fn ends_of_months(verdict: Option<Verdict>, times: u64) -> Vec<(i64, Action)> {
    let mut story = Story::new();
    let mut answered = Vec::new();
    // From Monday the 2nd of November 2026 on.
    let last_days = [28, 59, 90, 118];
    for day in 0..120 {
        for hour in (0..24).filter(|hour| *hour != 12) {
            let mut small = job_call("svc", SA, JOB[0]);
            small.0.action.bytes_out = Some(5_000);
            story.tell(small.at(monday(day * DAY + hour * HOUR)));
        }
        let mut export = job_call("svc", SA, "POST /report").class(ActionClass::Export);
        let is_end = last_days.contains(&day);
        export.0.action.bytes_out = Some((20 << 20) * if is_end { times } else { 1 });
        story.outputs.clear();
        story.tell(
            export
                .session(&format!("{day}"))
                .at(monday(day * DAY + 12 * HOUR)),
        );
        let given: Vec<_> = story.commands().into_iter().cloned().collect();
        answered.extend(given.iter().map(|command| (day, command.action)));
        for (command, verdict) in given.iter().zip(verdict) {
            let told = call("svc", "feedback").session(&format!("{day}"));
            let told = told.verdict(verdict, Some(&command.id));
            story.tell(told.at(monday(day * DAY + 13 * HOUR)));
        }
    }
    answered
}

#[test]
fn the_end_of_a_month_is_asked_about_once() {
    let answered = ends_of_months(None, 5);
    assert_eq!(answered, [(28, Action::StepUp)]);
}

#[test]
fn who_approves_what_was_cut_lets_it_be_learnt() {
    for verdict in [Verdict::Approved, Verdict::FalsePositive] {
        let answered = ends_of_months(Some(verdict), 20);
        assert_eq!(answered, [(28, Action::RevokeSession)], "{verdict}");
    }
}
