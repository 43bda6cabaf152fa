//! Stories told by somebody who knew the catalogue and not the code: what was missed, and what was troubled.

mod story;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{
    ActionClass, Anonymizer, Delegate, EventKind, IdentityKind, Outcome, Posture,
};
use story::*;

const NOON: i64 = 20 * DAY + 12 * HOUR;
const SA: IdentityKind = IdentityKind::ServiceAccount;

fn left_alone(story: &Story) {
    assert!(story.commands().is_empty(), "{:?}", story.findings());
}

#[test]
fn a_rented_server_with_a_device_of_its_own() {
    for (device, answers) in [("laptop", false), ("vm-1", true)] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 20);
        let away = call("ann", "mail").from(&FRANKFURT).on(device);
        let away = away.through(Anonymizer::Hosting).session("away");
        story.tell(away.at(monday(NOON + 2 * DAY)));
        assert_eq!(!story.commands().is_empty(), answers, "{device}");
        assert!(story.found("anonymized_network"));
    }
}

#[test]
fn a_machine_that_lives_in_hosting_networks_may_move_to_another() {
    let mut story = Story::new();
    for hour in 0..20 * 24 {
        for (step, endpoint) in JOB.into_iter().enumerate() {
            let time = monday(hour * HOUR + step as i64 * 2_000);
            let call = job_call("svc", SA, endpoint).through(Anonymizer::Hosting);
            story.tell(call.at(time));
        }
    }
    let moved = job_call("svc", SA, JOB[0]).from(&LONDON).session("moved");
    let moved = moved.through(Anonymizer::Hosting);
    story.tell(moved.at(monday(20 * DAY + HOUR)));
    assert!(!story.found("anonymized_network"), "{:?}", story.findings());
}

#[test]
fn an_anonymiser_on_a_device_that_is_not_compliant_any_more() {
    for (posture, answers) in [(Posture::Compliant, false), (Posture::NonCompliant, true)] {
        let mut story = Story::new();
        for day in 0..20 {
            let mut call = call("ann", "mail").from(&OSLO).on("laptop");
            call.0.device.posture = Posture::Compliant.into();
            let session = format!("day {day}");
            story.tell(call.session(&session).at(monday(day * DAY + 9 * HOUR)));
        }
        let mut away = call("ann", "mail")
            .from(&LONDON)
            .on("laptop")
            .session("tor");
        away.0.device.posture = posture.into();
        let away = away.through(Anonymizer::Tor);
        story.tell(away.at(monday(NOON)));
        assert_eq!(!story.commands().is_empty(), answers, "{posture}");
    }
}

#[test]
fn one_known_call_again_and_again_is_one_oddity() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    let mut step = 0;
    let mut tell = |endpoint: &str, times: i64| {
        for _ in 0..times {
            step += 1;
            story.tell(job_call("svc", SA, endpoint).at(monday(14 * DAY + step * 20_000)));
        }
    };
    tell(JOB[0], 1);
    tell(JOB[1], 8);
    tell(JOB[2], 1);
    tell(JOB[3], 1);
    left_alone(&story);
}

#[test]
fn what_a_machine_has_done_since_its_first_day() {
    let mut story = Story::new();
    let calls = [
        ("vault.renew", ActionClass::Write),
        ("db.user.rotate", ActionClass::Admin),
        ("db.status", ActionClass::Read),
    ];
    for run in 0..35_i64 * 72 {
        let mut calls = calls;
        // In four of a hundred runs two calls that are made at once change places.
        if ((run * 2_654_435_761) >> 16) % 100 < 4 {
            calls.swap(1, 2);
        }
        for (step, (name, class)) in calls.into_iter().enumerate() {
            let time = run * 20 * MINUTE + step as i64 * 3_000;
            let session = format!("day {}", time / DAY);
            let call = job_call("svc", SA, name).class(class).session(&session);
            story.tell(call.at(monday(time)));
        }
    }
    left_alone(&story);
    assert!(!story.found("scope_drift"), "{:?}", story.findings());
}

#[test]
fn prompts_refused_on_the_usual_device_and_then_accepted() {
    for (prompts, answers) in [(2, false), (8, true)] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 20);
        let prompt = |outcome: Outcome, seconds: i64| {
            let mut tell = login("ann").from(&OSLO).on("laptop").session("s");
            tell.0.action.name = "mfa".into();
            tell.0.action.class = ActionClass::Mfa.into();
            tell.outcome(outcome).at(monday(NOON + seconds * 1000))
        };
        for nth in 0..prompts {
            story.tell(prompt(Outcome::Denied, nth * 25));
        }
        story.tell(prompt(Outcome::Success, prompts * 25));
        let asked = story.actions() == [Action::StepUp];
        assert_eq!(asked, answers, "{prompts}: {:?}", story.findings());
    }
}

#[test]
fn a_role_that_an_administrator_grants_to_a_session_of_this_morning() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 20);
    story.tell(
        login("ann")
            .from(&OSLO)
            .on("laptop")
            .session("s")
            .at(monday(NOON - 4 * HOUR)),
    );
    let mut grant = call("ann", "role.assign").session("s");
    grant = grant
        .class(ActionClass::Privilege)
        .outcome(Outcome::Success);
    grant.0.kind = EventKind::Admin;
    grant.0.delegation = vec![Delegate {
        id: "sec.admin".into(),
        kind: IdentityKind::Human.into(),
    }];
    let mut stale = grant.clone();
    story.tell(grant.at(monday(NOON)));
    let read = call("ann", "mail").from(&OSLO).on("laptop").session("s");
    story.tell(read.at(monday(NOON + 45 * MINUTE)));
    left_alone(&story);
    // What the record itself says of the authentication counts.
    stale.0.session.authenticated_at = Some(monday(NOON - 4 * HOUR));
    story.tell(stale.at(monday(NOON + HOUR)));
    assert_eq!(story.actions(), [Action::StepUp]);
}

#[test]
fn a_job_of_the_working_hours_at_night() {
    let mut story = Story::new();
    for day in 0..24 {
        for hour in 8..19 {
            let time = monday(day * DAY + hour * HOUR + 3 * MINUTE);
            story.tell(job_call("svc", SA, JOB[0]).at(time));
        }
    }
    story.tell(job_call("svc", SA, JOB[0]).at(monday(24 * DAY + 3 * HOUR)));
    assert_eq!(story.actions(), [Action::StepUp]);
}

#[test]
fn an_agent_that_goes_on_with_a_strange_tool() {
    let mut story = Story::new();
    let agent = |name: &str| {
        let mut call = call("triage", name)
            .kind(IdentityKind::AiAgent)
            .session("s");
        call.0.task.id = Some("t".into());
        call
    };
    for day in 0..20 {
        for hour in 9..17 {
            let time = monday(day * DAY + hour * HOUR);
            story.tell(agent("ticket.read").session(&format!("{day}")).at(time));
        }
    }
    for second in 0..4 {
        story.tell(agent("shell.exec").at(monday(NOON + second * 1000)));
    }
    assert_eq!(story.actions(), [Action::Pause, Action::RevokeSession]);
}

#[test]
fn a_tool_that_the_peers_of_an_agent_use_but_never_first_in_an_hour() {
    let mut story = Story::new();
    let agent = |name: &str, tool: &str, session: &str| {
        let mut call = call(name, tool)
            .kind(IdentityKind::AiAgent)
            .session(session);
        call.0.identity.groups = vec!["triage".into()];
        call.0.credential.scopes = vec!["mail:read".into()];
        call
    };
    for day in 0..20 {
        for peer in ["one", "two", "three", "four", "me"] {
            let session = format!("{peer}-{day}");
            let start = day * DAY + 9 * HOUR;
            let tools: &[&str] = match peer {
                "me" => &["ticket.read", "kb.search"],
                _ => &["ticket.read", "kb.search", "mail.read"],
            };
            for (step, tool) in tools.iter().enumerate() {
                let time = monday(start + step as i64 * MINUTE);
                story.tell(agent(peer, tool, &session).at(time));
            }
        }
    }
    story.tell(agent("me", "ticket.read", "new").at(monday(NOON)));
    story.tell(agent("me", "mail.read", "new").at(monday(NOON + MINUTE)));
    left_alone(&story);
}

#[test]
fn a_bound_key_elsewhere_in_a_record_that_does_not_repeat_the_binding() {
    let mut story = Story::new();
    let key = |region: &str| {
        let mut call = call("sync", "GET /items").kind(IdentityKind::ApiKey);
        call = call.credential("sha256:key").session("run");
        call.0.workload.region = Some(region.to_owned().into());
        call
    };
    for hour in 0..20 * 24 {
        let mut at_home = key("eu-north-1");
        at_home.0.credential.bound_to = Some("node-7".into());
        story.tell(at_home.at(monday(hour * HOUR)));
    }
    story.tell(key("ap-south-1").at(monday(20 * DAY)));
    assert_eq!(story.actions(), [Action::RevokeCredential]);
}
