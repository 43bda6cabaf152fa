//! People whose laptops, browsers and sources change, and agents whose pods do.

mod story;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{ActionClass, Delegate, EventKind, IdentityKind, Outcome, Posture};
use story::*;

fn at(day: i64, hour: i64, minute: i64) -> plumbline_schemas::time::EventTime {
    monday(day * DAY + hour * HOUR + minute * MINUTE)
}

#[test]
fn the_same_address_where_a_source_does_not_state_its_network() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 12);
    let session = |tell: Tell| tell.on("laptop").session("today");
    story.tell(session(login("ann")).from(&OSLO).at(at(12, 9, 0)));
    let mut bare = session(call("ann", "mail"));
    bare.0.network.ip = Some(OSLO.ip.into());
    story.tell(bare.at(at(12, 9, 2)));
    let admin = session(call("ann", "policy.update")).class(ActionClass::Admin);
    story.tell(admin.from(&OSLO).at(at(12, 9, 4)));
    assert!(!story.found("new_network"), "{:?}", story.findings());
    assert!(!story.found("context_change"), "{:?}", story.findings());
}

#[test]
fn the_ninth_name_of_somebodys_devices_is_known_like_the_others() {
    let mut story = Story::new();
    for day in 0..14 {
        for nth in 0..9 {
            let device = format!("name-{nth}");
            let call = call("ann", page(nth)).from(&OSLO).on(&device);
            story.tell(
                call.session(&format!("{day}-{nth}"))
                    .at(at(day, 9, nth * 5)),
            );
        }
    }
    let at_home = call("ann", "mail").from(&OSLO).on("name-0");
    story.tell(at_home.session("13-0").at(at(13, 10, 0)));
    let through_vpn = call("ann", "mail").from(&SYDNEY).on("name-8");
    story.tell(through_vpn.session("13-8").at(at(13, 10, 5)));
    assert!(story.commands().is_empty(), "{:?}", story.commands());
}

/// A browser of this version, in the office.
fn browser(tell: Tell, version: u32) -> Tell {
    let mut tell = tell.from(&OSLO);
    let agent = format!("Mozilla/5.0 (Windows NT 10.0) Chrome/{version}.0 Safari/537.36");
    tell.0.device.user_agent = Some(agent.into());
    tell.0.device.tls_fingerprint = Some(format!("t13d-{version}").into());
    tell
}

fn fails(story: &mut Story, failures: i64, version: u32, day: i64) {
    for nth in 0..failures {
        let failed = browser(login("ann"), version).outcome(Outcome::Failure);
        story.tell(failed.at(at(day, 9, nth)));
    }
    let done = browser(login("ann"), version).session("new");
    story.tell(done.outcome(Outcome::Success).at(at(day, 9, failures + 1)));
}

#[test]
fn a_forgotten_password_after_an_update_of_the_browser() {
    for (failures, actions) in [(5, vec![]), (14, vec![Action::StepUp])] {
        let mut story = Story::new();
        for day in 0..14 {
            for hour in 8..16 {
                let call = browser(call("ann", page(hour)), 130).session(&format!("{day}"));
                story.tell(call.at(at(day, hour, 0)));
            }
        }
        fails(&mut story, failures, 131, 14);
        assert_eq!(story.actions(), actions, "{failures}");
    }
}

#[test]
fn prompts_every_few_minutes_until_somebody_gives_in() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 14);
    let prompt = |outcome, minute: i64| {
        let mut prompt = call("ann", "mfa.push")
            .class(ActionClass::Mfa)
            .outcome(outcome);
        prompt.0.kind = EventKind::Auth;
        prompt.from(&SYDNEY).on("stranger").at(at(14, 2, minute))
    };
    for nth in 0..7 {
        story.tell(prompt(Outcome::Failure, nth * 6));
    }
    story.tell(prompt(Outcome::Success, 42).session("new"));
    assert!(story.found("failure_burst"), "{:?}", story.findings());
    assert!(story.actions().contains(&Action::RevokeSession));
}

#[test]
fn one_more_application_on_the_laptop_of_every_day() {
    for (city, device, answers) in [(&OSLO, "laptop", false), (&SYDNEY, "stranger", true)] {
        let mut story = Story::new();
        let say = |city: &City, device: &str, session: &str| {
            call("ann", "mail").from(city).on(device).session(session)
        };
        for day in 0..10 {
            for hour in 8..16 {
                story.tell(say(&OSLO, "laptop", "l").at(at(day, hour, 0)));
                story.tell(say(&FRANKFURT, "telephone", "t").at(at(day, hour + 10, 0)));
            }
        }
        story.tell(say(&OSLO, "laptop", "l").at(at(11, 9, 0)));
        story.tell(say(&FRANKFURT, "telephone", "t").at(at(11, 9, 5)));
        story.tell(say(city, device, "new").at(at(11, 9, 10)));
        let found = story.found("parallel_sessions");
        assert_eq!(found, answers, "{device}: {:?}", story.findings());
    }
}

#[test]
fn exports_far_beyond_the_largest_of_somebody_who_exports_now_and_then() {
    for (mega, answers) in [(8, false), (40, true)] {
        let mut story = Story::new();
        let say = |name: &str, class, bytes: u64| {
            let mut call = call("ann", name).from(&OSLO).on("laptop").class(class);
            call.0.action.bytes_out = Some(bytes);
            call
        };
        for day in 0..28 {
            for hour in 8..9 {
                let read = say("crm.read", ActionClass::Read, 20_000 + hour as u64 * 9_000);
                story.tell(read.session(&format!("{day}")).at(at(day, hour, 0)));
            }
            if day % 2 == 0 {
                let bytes = (3 << 20) + (day as u64 * 50_000);
                let export = say("crm.export", ActionClass::Export, bytes);
                story.tell(fresh(export.session(&format!("{day}")), at(day, 15, 1)));
            }
        }
        for nth in 0..4 {
            let export = say("crm.export", ActionClass::Export, mega << 20);
            story.tell(fresh(export.session("28"), at(28, 10, nth * 15)));
        }
        let has_ended = story.actions().contains(&Action::RevokeSession);
        assert_eq!(has_ended, answers, "{mega}: {:?}", story.findings());
    }
}

/// With a proof that is as fresh as exports need it.
fn fresh(mut tell: Tell, time: plumbline_schemas::time::EventTime) -> Tell {
    tell.0.session.authenticated_at = Some(time);
    tell.at(time)
}

/// An agent whose every task runs on a pod of its own; what it exports is approved a minute before.
fn exports_on_pods(stays: bool) -> Story {
    let mut story = Story::new();
    for nth in 0..24 {
        let say = |name: &str, class| {
            let mut call = call("agent", name)
                .kind(IdentityKind::AiAgent)
                .from(&FRANKFURT);
            let pod = if stays { 0 } else { nth };
            call.0.workload.host = Some(format!("pod-{pod}").into());
            call.0.workload.runtime = Some("kubernetes".into());
            call.0.workload.environment = Some("agents".into());
            call.class(class).session(&format!("task-{nth}"))
        };
        let (day, hour) = (nth / 2, 9 + nth % 2);
        for minute in 0..5 {
            story.tell(say("tool:crm.read", ActionClass::Read).at(at(day, hour, minute)));
        }
        if nth >= 20 {
            let mut approval = say("approval.grant", ActionClass::Approval);
            approval.0.kind = EventKind::Admin;
            approval.0.delegation = vec![Delegate {
                id: "boss".into(),
                kind: IdentityKind::Human.into(),
            }];
            story.tell(approval.outcome(Outcome::Success).at(at(day, hour, 10)));
            story.tell(say("tool:crm.export", ActionClass::Export).at(at(day, hour, 11)));
        }
    }
    story
}

#[test]
fn an_approved_agent_whose_pods_come_and_go() {
    for stays in [true, false] {
        let story = exports_on_pods(stays);
        assert!(
            !story.found("unapproved_elevation"),
            "{stays}: {:?}",
            story.findings()
        );
    }
}

#[test]
fn a_device_that_says_after_two_minutes_that_it_is_not_compliant() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 12);
    let session = |tell: Tell| tell.from(&OSLO).on("laptop").session("today");
    story.tell(session(login("ann")).at(at(12, 9, 0)));
    let mut fallen = session(call("ann", "policy.update")).class(ActionClass::Admin);
    fallen.0.device.posture = Posture::NonCompliant.into();
    story.tell(fallen.at(at(12, 9, 2)));
    assert!(story.found("context_change"), "{:?}", story.findings());
}
