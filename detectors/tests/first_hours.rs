//! What is answered without much history, and whichever way round it arrives.

mod story;

use plumbline_detectors::config::{Config, EnvironmentRule, SeparationRule, Span};
use plumbline_schemas::command::Action;
use plumbline_schemas::event::{
    ActionClass, Anonymizer, Delegate, EventKind, IdentityKind, Outcome, Verdict,
};
use story::*;

const SA: IdentityKind = IdentityKind::ServiceAccount;
const KEY: IdentityKind = IdentityKind::ApiKey;
const AGENT: IdentityKind = IdentityKind::AiAgent;

fn pays(kind: IdentityKind, authenticated_before: i64) -> Tell {
    let pay = call("ann", "payment.release")
        .kind(kind)
        .class(ActionClass::Payment);
    let mut pay = pay.session("app").at(monday(10 * HOUR));
    pay.0.session.started_at = Some(monday(10 * HOUR - MINUTE));
    pay.0.session.authenticated_at = Some(monday(10 * HOUR - authenticated_before * MINUTE));
    pay
}

#[test]
fn a_log_in_may_be_older_than_the_session_that_it_opened() {
    for kind in [IdentityKind::Human, SA, AGENT] {
        let mut story = Story::new();
        story.tell(pays(kind, 150));
        assert_eq!(story.actions(), [Action::StepUp], "{kind:?}");
        let age = &story.findings()[0].evidence["age_seconds"];
        assert_eq!(age.as_i64(), Some(150 * 60));
        let mut story = Story::new();
        story.tell(pays(kind, 4));
        assert!(story.actions().is_empty(), "{kind:?}");
    }
    // What is stated later than a log-in of the session itself is no older than that.
    let mut story = Story::new();
    story.tell(
        login("ann")
            .session("app")
            .at(monday(10 * HOUR - 2 * MINUTE)),
    );
    story.tell(pays(IdentityKind::Human, 150));
    assert!(story.actions().is_empty(), "{:?}", story.findings());
}

#[test]
fn a_thief_may_come_before_the_owner_in_time_or_in_the_log() {
    let thief = |second: i64| {
        let call = call("ann", "mail")
            .from(&LIMA)
            .on("stranger")
            .session("app");
        call.at(monday(14 * DAY + 10 * HOUR + second * 1_000))
    };
    let owner = |second: i64| {
        let call = call("ann", "mail").from(&OSLO).on("laptop").session("app");
        call.at(monday(14 * DAY + 10 * HOUR + second * 1_000))
    };
    for pair in [
        [owner(0), thief(20)],
        [thief(20), owner(0)],
        [thief(0), owner(20)],
        [owner(20), thief(0)],
    ] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 14);
        for tell in pair {
            story.tell(tell);
        }
        assert_eq!(
            story.actions(),
            [Action::RevokeSession],
            "{:?}",
            story.findings()
        );
    }
    // The owner's own phone, on a network that surfaces elsewhere, is nobody else.
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 14);
    let phone = call("ann", "mail").from(&LIMA).on("phone").session("phone");
    story.tell(phone.at(monday(14 * DAY + 10 * HOUR)));
    story.tell(owner(20));
    assert!(story.actions().is_empty(), "{:?}", story.findings());
}

#[test]
fn a_young_account_that_calls_across_tenants_is_asked_and_ended() {
    for days in [5, 8, 10, 20] {
        let mut story = Story::new();
        story.job("svc", SA, days);
        for tenant in 0..12 {
            for turn in 0..20 {
                let mut call = job_call("svc", SA, "GET /orders");
                call.0.action.target_tenant = Some(format!("tenant-{tenant}").into());
                let time = days * DAY + 9 * HOUR + tenant * MINUTE + turn * 1_000;
                story.tell(call.at(monday(time)));
            }
        }
        assert!(story.found("tenant_fanout"), "{days} days");
        let actions = story.actions();
        assert!(
            actions.contains(&Action::StepUp),
            "{days} days: {actions:?}"
        );
        assert_eq!(actions.last(), Some(&Action::RevokeSession), "{days} days");
    }
}

#[test]
fn the_first_sensitive_call_from_another_environment_is_asked_about() {
    let mut config = Config::default();
    config.policy.environment.push(EnvironmentRule {
        identity: "ci".to_owned(),
        environments: vec!["prod-runners".to_owned()],
    });
    let mut story = Story::with(config);
    let run = |endpoint, environment: &'static str| {
        let mut call = job_call("ci", KEY, endpoint);
        call.0.workload.environment = Some(environment.into());
        call
    };
    for hour in 0..20 * 24 {
        for (step, endpoint) in JOB.into_iter().enumerate() {
            let time = hour * HOUR + step as i64 * 2_000;
            story.tell(run(endpoint, "prod-runners").at(monday(time)));
        }
    }
    let start = 20 * DAY + MINUTE;
    let foreign = |endpoint| run(endpoint, "contractor").session("elsewhere");
    story.tell(foreign("GET /orders").at(monday(start)));
    let read = foreign("GET /secrets/{name}").class(ActionClass::Secret);
    story.tell(read.at(monday(start + MINUTE)));
    assert_eq!(story.actions(), [Action::Narrow, Action::StepUp]);
}

#[test]
fn an_approval_that_arrives_late_resumes_what_waited_for_it() {
    let mut story = Story::new();
    for day in 0..10 {
        for step in 0..10 {
            let call = call("agent", "tool:ticket.list").kind(AGENT).on("host-1");
            let call = call.from(&FRANKFURT).session("run");
            story.tell(call.at(monday(day * DAY + 9 * HOUR + step * MINUTE)));
        }
    }
    let at = |seconds: i64| monday(10 * DAY + 9 * HOUR + seconds * 1_000);
    let elevated = call("agent", "tool:user.delete").kind(AGENT).on("host-1");
    let elevated = elevated
        .from(&FRANKFURT)
        .session("run")
        .class(ActionClass::Delete);
    story.tell(elevated.at(at(15)));
    let mut approval = call("agent", "approve").kind(AGENT).session("run");
    approval.0.kind = EventKind::Admin;
    approval.0.delegation = vec![Delegate {
        id: "ann".into(),
        kind: IdentityKind::Human.into(),
    }];
    story.tell(approval.class(ActionClass::Approval).at(at(0)));
    assert_eq!(story.actions(), [Action::Pause, Action::Resume]);
}

#[test]
fn feedback_that_names_no_command_of_ours_lifts_none() {
    for (id, is_lifted) in [
        (Some("c-nope"), false),
        (Some("f-0123456789abcdef"), false),
        (None, true),
    ] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 14);
        let stolen = call("ann", "mail")
            .from(&LIMA)
            .on("stranger")
            .session("ann-13");
        story.tell(stolen.at(monday(13 * DAY + 17 * HOUR + 5 * MINUTE)));
        assert_eq!(story.actions(), [Action::RevokeSession]);
        let said = call("ann", "feedback")
            .session("ann-13")
            .verdict(Verdict::FalsePositive, id);
        story.tell(said.at(monday(13 * DAY + 18 * HOUR)));
        assert_eq!(story.actions().len() == 2, is_lifted, "{id:?}");
    }
}

#[test]
fn more_failures_than_are_kept_are_told_as_that() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 14);
    let start = 14 * DAY + 9 * HOUR;
    for turn in 0..40 {
        let failed = login("ann").from(&LIMA).outcome(Outcome::Failure);
        story.tell(failed.at(monday(start + turn * 5_000)));
    }
    story.tell(
        login("ann")
            .from(&OSLO)
            .on("laptop")
            .at(monday(start + 5 * MINUTE)),
    );
    let findings = story.findings();
    let burst = findings
        .iter()
        .find(|finding| finding.detector == "failure_burst");
    let burst = burst.expect("a burst");
    assert!(
        burst.summary.starts_with("at least 24 failures"),
        "{}",
        burst.summary
    );
    assert_eq!(burst.evidence["more_may_have_been"], true);
}

#[test]
fn what_must_not_be_combined_is_refused_beside_the_question_about_its_session() {
    let mut config = Config::default();
    config.policy.separation.push(SeparationRule {
        actions: vec!["ticket.create".to_owned(), "payment.approve".to_owned()],
        within: Span::minutes(10),
    });
    let mut story = Story::with(config);
    let begun = monday(9 * HOUR);
    story.tell(login("ann").session("s").at(begun));
    story.tell(
        call("ann", "ticket.create")
            .session("s")
            .at(begun.plus_millis(20 * MINUTE)),
    );
    let pay = call("ann", "payment.approve")
        .class(ActionClass::Payment)
        .session("s");
    for minute in [21, 22] {
        story.tell(pay.clone().at(begun.plus_millis(minute * MINUTE)));
    }
    assert_eq!(story.actions(), [Action::StepUp, Action::Deny]);
    let denial = story.commands()[1];
    assert!(denial.params.resource.is_some(), "{denial:?}");
}

#[test]
fn data_out_of_all_proportion_though_none_was_ever_stated() {
    let with = |kind: IdentityKind, bytes: Option<u64>, records: Option<u64>| {
        let mut story = Story::new();
        story.job("svc", kind, 14);
        for turn in 0..5 {
            let mut call = job_call("svc", kind, "GET /orders");
            (call.0.action.bytes_out, call.0.action.records) = (bytes, records);
            story.tell(call.at(monday(14 * DAY + HOUR + turn * 1_000)));
        }
        story.actions()
    };
    for kind in [SA, IdentityKind::Human, AGENT] {
        assert_eq!(
            with(kind, Some(1 << 30), None),
            [Action::RevokeSession],
            "{kind:?}"
        );
        assert_eq!(
            with(kind, None, Some(400_000)),
            [Action::RevokeSession],
            "{kind:?}"
        );
        assert_eq!(with(kind, Some(4 << 20), Some(50)), [], "{kind:?}");
    }
}

#[test]
fn a_second_way_that_a_rule_only_asks_about_is_answered_more_strongly() {
    let uses = |story: &mut Story, minute: i64| {
        let at = |minute: i64| monday(14 * DAY + 9 * HOUR + minute * MINUTE);
        let session = |tell: Tell| tell.from(&OSLO).on("laptop").session("ann-14");
        let mut gain = session(call("ann", "role.assign").class(ActionClass::Privilege));
        gain.0.kind = EventKind::Admin;
        gain.0.delegation = vec![Delegate {
            id: "it".into(),
            kind: IdentityKind::Human.into(),
        }];
        story.tell(gain.at(at(minute)));
        let used = session(call("ann", "bucket.delete").class(ActionClass::Delete));
        story.tell(used.at(at(minute + 1)));
    };
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 15);
    uses(&mut story, 40);
    assert_eq!(story.actions(), [Action::StepUp], "alone it is asked about");

    let mut story = Story::new();
    story.office_days("ann", &OSLO, 14);
    let tor = call("ann", "mail")
        .from(&LIMA)
        .on("stranger")
        .session("tor");
    let tor = tor.through(Anonymizer::Tor).at(monday(14 * DAY + 9 * HOUR));
    story.tell(tor);
    assert_eq!(story.actions(), [Action::StepUp]);
    uses(&mut story, 40);
    assert_eq!(story.actions(), [Action::StepUp, Action::RevokeSession]);
    let params = &story.commands()[1].params;
    assert_eq!(params.max_age, None, "a session that ends is not asked");
}
