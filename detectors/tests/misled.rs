//! What somebody could do to be left alone, to lift what was commanded, or to stop the line.

mod story;

use plumbline_detectors::config::{Config, SeparationRule, Span};
use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::event::{
    ActionClass, Anonymizer, Delegate, EventKind, IdentityKind, Outcome, Verdict,
};
use plumbline_schemas::finding::Finding;
use story::*;

/// A credential that is used after it was revoked: everything is revoked.
fn breached(story: &mut Story) {
    let mut revocation = call("ann", "token.revoke").class(ActionClass::TokenRevoke);
    revocation.0.kind = EventKind::Token;
    story.tell(revocation.session("s").at(monday(9 * HOUR)));
    story.tell(
        call("ann", "mail")
            .session("s")
            .credential("sha256:k")
            .at(monday(9 * HOUR + MINUTE)),
    );
    assert_eq!(story.actions(), [Action::RevokeAll]);
}

#[test]
fn a_word_about_one_session_lifts_nothing_that_is_about_all() {
    let mut story = Story::new();
    breached(&mut story);
    let command = story.commands()[0];
    let target = (&command.target.session_id, &command.target.credential_id);
    assert_eq!(target, (&None, &None), "it is about no session alone");
    let word = |session: &str, command: Option<&str>| {
        call("ann", "triage")
            .session(session)
            .verdict(Verdict::FalsePositive, command)
    };
    story.tell(word("other", None).at(monday(9 * HOUR + 2 * MINUTE)));
    assert_eq!(story.actions(), [Action::RevokeAll]);
    // Of the session that it began in it is.
    story.tell(word("s", None).at(monday(9 * HOUR + 3 * MINUTE)));
    assert_eq!(story.actions(), [Action::RevokeAll, Action::Restore]);
}

#[test]
fn what_a_forgotten_command_revoked_is_brought_back_days_later() {
    let mut story = Story::new();
    breached(&mut story);
    let command = story.commands()[0].id.clone();
    let revocation = call("ann", "token.revoke").class(ActionClass::TokenRevoke);
    // Another command is given when the first has expired, which is forgotten then.
    story.tell(revocation.session("t").at(monday(2 * DAY)));
    let mail = |session: &str, time: i64| call("ann", "mail").session(session).at(monday(time));
    story.tell(mail("t", 2 * DAY + MINUTE));
    assert_eq!(story.actions(), [Action::RevokeAll, Action::RevokeAll]);
    for session in ["s", "t"] {
        let word = call("ann", "triage").session(session);
        let word = word.verdict(Verdict::FalsePositive, Some(&command));
        story.tell(word.at(monday(2 * DAY + 2 * MINUTE)));
    }
    let word = call("ann", "triage").session("t");
    let word = word.verdict(Verdict::FalsePositive, None);
    story.tell(word.at(monday(2 * DAY + 3 * MINUTE)));
    story.outputs.clear();
    story.tell(mail("s", 2 * DAY + 4 * MINUTE));
    assert!(story.actions().is_empty(), "{:?}", story.findings());
}

#[test]
fn an_agent_does_not_approve_for_itself_by_feedback_either() {
    for (by, lifted) in [("helper", false), ("ann", true)] {
        let mut story = Story::new();
        let agent = IdentityKind::AiAgent;
        story.tell(
            call("helper", "chat")
                .kind(agent)
                .session("s")
                .at(monday(9 * HOUR)),
        );
        let secret = call("helper", "vault.read")
            .kind(agent)
            .class(ActionClass::Secret);
        let asks = |day: i64| secret.clone().session("s").at(monday(day + 9 * HOUR));
        for day in 1..4 {
            let chat = call("helper", "chat").kind(agent).session("s");
            story.tell(chat.at(monday(day * DAY + 9 * HOUR)));
        }
        story.tell(asks(4 * DAY));
        assert_eq!(story.actions(), [Action::Pause], "{by}");
        let mut approval = call("helper", "approve")
            .kind(agent)
            .session("s")
            .verdict(Verdict::Approved, None);
        approval.0.feedback.by = Some(by.to_owned().into());
        story.tell(approval.at(monday(4 * DAY + 9 * HOUR + MINUTE)));
        let is_lifted = story.actions().contains(&Action::Resume);
        assert_eq!(is_lifted, lifted, "{by}: {:?}", story.actions());
    }
}

#[test]
fn much_of_one_part_does_not_hide_another_part_of_a_separation() {
    let mut config = Config::default();
    for actions in [
        ["ticket.create", "payment.approve"],
        ["doc.read", "doc.sign"],
    ] {
        config.policy.separation.push(SeparationRule {
            actions: actions.map(str::to_owned).to_vec(),
            within: Span::minutes(60),
        });
    }
    let mut story = Story::with(config);
    story.tell(login("ann").session("s").at(monday(9 * HOUR)));
    let does = |name: &str, second: i64| {
        let call = call("ann", name).session("s");
        call.at(monday(9 * HOUR + second * 1_000))
    };
    story.tell(does("ticket.create", 10));
    for second in 20..80 {
        story.tell(does("doc.read", second));
    }
    story.tell(does("payment.approve", 100));
    assert!(
        story.actions().contains(&Action::Deny),
        "{:?}",
        story.actions()
    );
}

#[test]
fn a_schedule_of_more_than_a_year_is_still_one() {
    let mut story = Story::new();
    let run = |time: i64| {
        let call = call("backup", "copy").kind(IdentityKind::ServiceAccount);
        call.session(&format!("run {time}")).at(monday(time))
    };
    for day in 0..400 {
        story.tell(run(day * DAY + 3 * HOUR));
    }
    story.outputs.clear();
    story.tell(run(400 * DAY + 15 * HOUR));
    assert!(story.found("off_schedule"), "{:?}", story.findings());
}

#[test]
fn an_event_of_long_names_gives_a_finding_that_a_topic_takes() {
    let long = |number: usize| format!("admin-{number:0>4000}");
    let mut story = Story::new();
    let grant = |scopes: std::ops::Range<usize>, time: i64| {
        let mut call = call("job", "work").kind(IdentityKind::ServiceAccount);
        call.0.credential.scopes = scopes.map(|number| long(number).into()).collect();
        call.session("s").credential("sha256:k").at(monday(time))
    };
    for hour in 0..6 * 24 {
        story.tell(grant(0..100, hour * HOUR));
    }
    story.tell(grant(0..350, 6 * DAY));
    let found = story.findings();
    assert!(!found.is_empty());
    let bytes = |finding: &&Finding| serde_json::to_vec(finding).expect("JSON").len();
    let longest = found.iter().map(bytes).max();
    assert!(longest.is_some_and(|bytes| bytes < 300_000), "{longest:?}");
    let summary = &found[0].summary;
    assert!(summary.len() < 600, "{}", summary.len());
}

#[test]
fn what_a_bot_did_of_an_observed_command_it_says() {
    let mut config = Config::default();
    config.policy.mode = plumbline_detectors::config::PolicyMode::Observe;
    let mut story = Story::with(config);
    story.office_days("ann", &OSLO, 14);
    let away = call("ann", "mail")
        .from(&LIMA)
        .on("other")
        .session("day 13");
    let noon = 13 * DAY + 16 * HOUR;
    story.tell(away.at(monday(noon)));
    let commands = story.commands();
    assert!(commands.iter().all(|it| it.mode == Mode::Observe));
    assert!(!commands.is_empty());
    let acked = call("ann", "bot").session("day 13");
    story.tell(
        acked
            .verdict(Verdict::Acked, None)
            .at(monday(noon + MINUTE)),
    );
    story.outputs.clear();
    let home = call("ann", "mail").from(&OSLO).on("laptop");
    story.tell(home.session("day 13").at(monday(noon + 2 * MINUTE)));
    assert!(!story.found("enforcement_gap"), "{:?}", story.findings());
}

#[test]
fn a_session_for_every_call_does_not_make_an_endless_state() {
    let mut story = Story::new();
    let size = |story: &mut Story, calls: std::ops::Range<i64>| {
        for number in calls {
            let mut call = call("job", "vault.read")
                .kind(IdentityKind::Workload)
                .class(ActionClass::Secret)
                .outcome(Outcome::Success);
            call.0.delegation.push(Delegate {
                id: "ann".into(),
                kind: IdentityKind::Human.into(),
            });
            let session = format!("call {number}");
            story.tell(call.session(&session).at(monday(number * 1_000)));
        }
        let parts = story.engine().identity_bytes().flatten();
        let risk = parts.filter(|(name, _)| *name == "risk");
        risk.map(|(_, bytes)| bytes).sum::<usize>()
    };
    let first = size(&mut story, 0..2_000);
    let second = size(&mut story, 2_000..6_000);
    assert!(first > 0 && second == first, "{first} then {second}");
}

#[test]
fn a_pause_makes_no_authentication_newer_where_sessions_have_no_name() {
    let export = |hour: i64| {
        let mut call = call("ann", "POST /export").class(ActionClass::Export);
        call.0.session.authenticated_at = Some(monday(DAY + 9 * HOUR - 10 * HOUR));
        call.at(monday(DAY + hour * HOUR))
    };
    let mut story = Story::new();
    let mut first = call("ann", "mail");
    first.0.session.authenticated_at = Some(monday(DAY - HOUR));
    story.tell(first.at(monday(DAY + 9 * HOUR)));
    story.tell(export(13));
    assert_eq!(story.actions(), [Action::StepUp], "{:?}", story.findings());
}

#[test]
fn every_session_ends_with_its_window_however_many_there_are() {
    let mut story = Story::new();
    let until = monday(10 * HOUR);
    for number in 0..60 {
        let mut call = call("ann", "deploy").class(ActionClass::Admin);
        call.0.session.jit_until = Some(until);
        let session = format!("s{number}");
        story.tell(call.session(&session).at(monday(9 * HOUR + number * 1_000)));
    }
    story.tell(
        call("ann", "mail")
            .session("mail")
            .at(monday(10 * HOUR + MINUTE)),
    );
    let ended = story.actions().into_iter();
    assert_eq!(ended.filter(|it| *it == Action::RevokeSession).count(), 60);
}

#[test]
fn what_grows_from_hour_to_hour_does_not_excuse_itself() {
    let mut story = Story::new();
    let take = |day: i64, hour: i64, bytes: u64| {
        let mut call = call("ann", "files").from(&OSLO).on("laptop");
        call.0.action.bytes_out = Some(bytes);
        let session = format!("ann-{day}");
        call.session(&session)
            .at(monday(day * DAY + (9 + hour) * HOUR + MINUTE))
    };
    for day in 0..14 {
        for hour in 0..8 {
            story.tell(take(day, hour, 1_000_000 + 100_000 * hour as u64));
        }
    }
    assert!(story.actions().is_empty(), "{:?}", story.findings());
    for hour in 0..8 {
        story.tell(take(
            14,
            hour,
            3_000_000 * 39_u64.pow(hour as u32) / 10_u64.pow(hour as u32),
        ));
    }
    assert!(
        story.actions().contains(&Action::RevokeSession),
        "{:?}",
        story.findings()
    );
}

/// A machine pays, so long after it has authenticated.
fn pay(time: i64, age: i64) -> Tell {
    let call = job_call("job", IdentityKind::ServiceAccount, "POST /payments");
    let mut call = call.class(ActionClass::Payment).outcome(Outcome::Success);
    call.0.session.authenticated_at = Some(monday(time - age));
    call.at(monday(time))
}

#[test]
fn a_payment_that_was_asked_about_excuses_none_after_it() {
    let mut story = Story::new();
    story.job("job", IdentityKind::ServiceAccount, 10);
    for (asked, (day, hour)) in [(10, 2), (10, 5), (11, 3), (12, 3)].into_iter().enumerate() {
        story.tell(pay(day * DAY + hour * HOUR, 20 * HOUR));
        let step_ups = story.actions().into_iter();
        let step_ups = step_ups.filter(|it| *it == Action::StepUp).count();
        assert_eq!(step_ups, asked + 1, "on day {day}: {:?}", story.findings());
    }
    // Whoever lets it go on for three days has got used to it.
    story.outputs.clear();
    story.tell(pay(13 * DAY + 3 * HOUR, 20 * HOUR));
    assert!(
        !story.found("stale_authentication"),
        "{:?}",
        story.findings()
    );
}

#[test]
fn a_few_payments_on_a_fresh_authentication_are_no_habit_of_an_old_one() {
    let mut story = Story::new();
    story.job("job", IdentityKind::ServiceAccount, 10);
    let noon = |day: i64| day * DAY + 12 * HOUR;
    story.tell(pay(noon(10), 20_000));
    story.tell(pay(noon(11), 20_000));
    assert!(story.actions().is_empty(), "{:?}", story.findings());
    story.tell(pay(noon(12), 4 * HOUR));
    assert_eq!(story.actions(), [Action::StepUp]);
}

#[test]
fn on_the_first_day_a_session_that_is_at_once_elsewhere_is_asked() {
    let call = |minute: i64, name: &str, city: &City| {
        let call = call("ann", name).from(city).on("laptop").session("s");
        call.outcome(Outcome::Success)
            .at(monday(9 * HOUR + minute * MINUTE))
    };
    let mut story = Story::new();
    for minute in 0..5 {
        story.tell(call(minute, "mail", &OSLO));
    }
    story.tell(call(6, "mail", &SYDNEY));
    assert!(story.actions().is_empty(), "{:?}", story.findings());
    story.tell(call(8, "export", &SYDNEY).class(ActionClass::Export));
    assert_eq!(story.actions(), [Action::StepUp], "{:?}", story.findings());
}

#[test]
fn an_agent_takes_no_privilege_on_its_first_day() {
    for outcome in [Outcome::Success, Outcome::Denied] {
        let call = |name: &str, minute: i64| {
            let call = job_call("helper", IdentityKind::AiAgent, name);
            call.at(monday(9 * HOUR + minute * MINUTE))
        };
        let mut story = Story::new();
        story.tell(call("tickets", 0));
        story.tell(call("vault", 1).class(ActionClass::Secret));
        assert!(story.actions().is_empty(), "{:?}", story.findings());
        let assume = call("assume-role", 2).class(ActionClass::Privilege);
        story.tell(assume.outcome(outcome));
        assert_eq!(story.actions(), [Action::Pause], "{:?}", story.findings());
    }
}

/// Prompts that somebody refuses, and one that is accepted.
fn prompts(story: &mut Story, from: i64) {
    let prompt = |step: i64, outcome| {
        let mut prompt = call("ann", "mfa").class(ActionClass::Mfa).outcome(outcome);
        prompt.0.kind = EventKind::Auth;
        let prompt = prompt.from(&OSLO).on("laptop").session("ann-13");
        prompt.at(monday(from + step * 20_000))
    };
    for step in 0..6 {
        story.tell(prompt(step, Outcome::Failure));
    }
    story.tell(prompt(6, Outcome::Success));
}

#[test]
fn who_was_answered_and_tries_another_way_is_answered_more_strongly() {
    let noon = 13 * DAY + 17 * HOUR;
    let fan_out = |story: &mut Story| {
        for number in 0..3 {
            let mut call = call("ann", "files").from(&OSLO).on("laptop");
            call.0.action.target_tenant = Some(format!("customer {number}").into());
            let call = call.session("ann-13").outcome(Outcome::Success);
            story.tell(call.at(monday(noon + number * MINUTE)));
        }
        assert_eq!(story.actions(), [Action::StepUp], "{:?}", story.findings());
    };
    for (cleared, second) in [
        (false, &[Action::StepUp, Action::RevokeSession]),
        (true, &[Action::StepUp, Action::StepUp]),
    ] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 14);
        fan_out(&mut story);
        if cleared {
            let word = call("ann", "triage").session("ann-13");
            let word = word.verdict(Verdict::FalsePositive, None);
            story.tell(word.at(monday(noon + 5 * MINUTE)));
        }
        prompts(&mut story, noon + 30 * MINUTE);
        assert_eq!(story.actions(), second, "cleared: {cleared}");
    }
}

#[test]
fn tenants_that_somebody_called_harmless_are_not_asked_about_again() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 14);
    for day in 14..18 {
        for number in 0..4 {
            let mut call = call("ann", "files").from(&OSLO).on("laptop");
            call.0.action.target_tenant = Some(format!("customer {number}").into());
            let call = call
                .session(&format!("ann-{day}"))
                .outcome(Outcome::Success);
            story.tell(call.at(monday(day * DAY + 10 * HOUR + number * MINUTE)));
        }
        if day == 14 {
            let word = call("ann", "triage").session("ann-14");
            let word = word.verdict(Verdict::FalsePositive, None);
            story.tell(word.at(monday(day * DAY + 11 * HOUR)));
        }
    }
    assert_eq!(story.actions(), [Action::StepUp], "{:?}", story.findings());
}

#[test]
fn a_challenge_that_nobody_asked_for_excuses_nothing() {
    for passed in [false, true] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 14);
        let away = |session: &str, minute: i64| {
            let call = call("ann", "mail").from(&SYDNEY).on("stranger");
            call.session(session)
                .outcome(Outcome::Success)
                .at(monday(13 * DAY + 17 * HOUR + minute * MINUTE))
        };
        story.tell(away("ann-13", 2));
        assert_eq!(
            story.actions(),
            [Action::RevokeSession],
            "{:?}",
            story.findings()
        );
        if passed {
            let word = call("ann", "challenge").session("ann-13");
            let word = word.verdict(Verdict::StepUpPassed, None);
            story.tell(word.at(monday(13 * DAY + 17 * HOUR + 10 * MINUTE)));
        }
        let home = call("ann", "mail").from(&OSLO).on("laptop").session("home");
        story.tell(home.at(monday(14 * DAY + 9 * HOUR)));
        story.tell(away("again", 16 * 60 + 30));
        assert!(
            story.actions().len() > 1,
            "passed: {passed}: {:?}",
            story.findings()
        );
    }
}

#[test]
fn a_thief_whose_calls_come_hours_late_was_there_while_the_owner_was_here() {
    let start = 14 * DAY + 9 * HOUR;
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 14);
    for step in 0..48 {
        let mail = call("ann", page(step))
            .from(&OSLO)
            .on("laptop")
            .session("s");
        story.tell(mail.at(monday(start + step * 5 * MINUTE)));
    }
    assert!(story.actions().is_empty(), "{:?}", story.findings());
    let stolen = call("ann", "mail")
        .from(&SYDNEY)
        .on("stranger")
        .session("s");
    story.tell(stolen.at(monday(start + 62 * MINUTE)));
    assert_eq!(
        story.actions(),
        [Action::RevokeSession],
        "{:?}",
        story.findings()
    );
    let travel = story
        .findings()
        .into_iter()
        .find(|it| it.detector == "impossible_travel");
    let in_use = travel.and_then(|finding| finding.evidence.get("there_in_use"));
    assert!(
        in_use.is_some_and(|it| it["longest_rest_minutes"] == 30),
        "{in_use:?}"
    );
}

#[test]
fn a_stolen_key_that_is_used_abroad_while_its_owner_rests() {
    for kind in [
        IdentityKind::ServiceAccount,
        IdentityKind::ApiKey,
        IdentityKind::Workload,
    ] {
        let abroad = |calls: usize, asn: u64| {
            let mut story = Story::new();
            story.job("svc", kind, 14);
            let city = City { asn, ..LIMA };
            for step in 0..calls {
                let call = job_call("svc", kind, JOB[step % JOB.len()]).from(&city);
                let call = call.on("host-9").session("there");
                story.tell(call.at(monday(14 * DAY + 16 * HOUR + step as i64 * 2_000)));
            }
            story
        };
        let moved = abroad(4, LIMA.asn);
        assert!(moved.found("new_network"), "{kind:?}");
        assert_eq!(moved.actions(), [Action::StepUp], "{:?}", moved.findings());
        assert!(!abroad(4, FRANKFURT.asn).found("new_network"));
        let busy = abroad(200, LIMA.asn);
        assert_eq!(busy.actions()[0], Action::StepUp, "{:?}", busy.findings());
    }
}

#[test]
fn who_passes_the_challenge_and_turns_to_what_is_sensitive_is_asked_again() {
    for (device, name, class, asked) in [
        ("stranger", "vault", ActionClass::Secret, 2),
        ("stranger", "roles", ActionClass::Admin, 2),
        ("stranger", "mail", ActionClass::Read, 1),
        ("laptop", "vault", ActionClass::Secret, 0),
    ] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 14);
        let at = |minute: i64| monday(14 * DAY + 12 * HOUR + minute * MINUTE);
        let say = |name: &str, class: ActionClass| {
            let call = call("ann", name).class(class).session("away");
            match device {
                "laptop" => call.from(&OSLO).on(device),
                _ => call.on(device).through(Anonymizer::Vpn),
            }
        };
        story.tell(say("login", ActionClass::Login).at(at(0)));
        story.tell(say("mfa", ActionClass::Mfa).at(at(3)));
        for minute in [5, 6, 7] {
            story.tell(say(name, class).at(at(minute)));
        }
        let actions = story.actions();
        assert_eq!(actions.len(), asked, "{name}: {:?}", story.findings());
        assert!(actions.iter().all(|action| *action == Action::StepUp));
    }
}
