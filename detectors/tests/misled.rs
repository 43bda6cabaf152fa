//! What somebody could do to be left alone, to lift what was commanded, or to stop the line.

mod story;

use plumbline_detectors::config::{Config, SeparationRule, Span};
use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::event::{ActionClass, Delegate, EventKind, IdentityKind, Outcome, Verdict};
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
