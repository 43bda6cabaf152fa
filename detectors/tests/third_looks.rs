//! More stories told by somebody who knew the catalogue and not the code: what was missed, and what was troubled.

mod story;

use plumbline_detectors::config::{Config, EgressKind, EgressRule};
use plumbline_schemas::command::Action;
use plumbline_schemas::event::{
    ActionClass, Anonymizer, Delegate, EventKind, IdentityKind, Outcome,
};
use story::*;

const SA: IdentityKind = IdentityKind::ServiceAccount;
const KEY: IdentityKind = IdentityKind::ApiKey;

fn left_alone(story: &Story) {
    assert!(story.commands().is_empty(), "{:?}", story.findings());
}

/// One call of a build, with one key, on this runner.
fn build(environment: &str, host: &str) -> Tell {
    let mut call = call("ci", JOB[0])
        .kind(KEY)
        .credential("sha256:ci")
        .from(&OSLO);
    call.0.workload.environment = Some(environment.to_owned().into());
    call.0.workload.region = Some("eu-north-1".into());
    call.0.workload.host = Some(host.to_owned().into());
    call
}

/// Two weeks of builds, in both environments every day, on six runners.
fn builds() -> Story {
    let mut story = Story::new();
    for run in 0..14 * 8 {
        let environment = ["release", "linux"][run as usize % 2];
        let host = format!("runner-{}", run % 6);
        for step in 0..4 {
            let time = run * 3 * HOUR + step * 30_000;
            story.tell(build(environment, &host).at(monday(time)));
        }
    }
    story
}

#[test]
fn runners_of_two_environments_that_are_both_used_every_day() {
    let mut story = builds();
    for run in 0..8 {
        let environment = ["release", "linux"][run as usize % 2];
        let host = format!("fresh-{run}");
        for step in 0..4 {
            let time = 14 * DAY + run * 9 * MINUTE + step * 30_000;
            story.tell(build(environment, &host).at(monday(time)));
        }
    }
    left_alone(&story);
    // The same key in an environment of somebody else's, by turns.
    for turn in 0..4 {
        let time = 15 * DAY + turn * 4 * MINUTE;
        story.tell(build("release", "runner-1").at(monday(time)));
        let mut away = build("laptop", "mine");
        away.0.network.asn = Some(7);
        story.tell(away.at(monday(time + 2 * MINUTE)));
    }
    assert!(
        story.actions().contains(&Action::RevokeCredential),
        "{:?}",
        story.actions()
    );
}

#[test]
fn fresh_pods_of_an_account_that_has_just_moved() {
    let mut story = Story::new();
    let pod = |city: &City, host: &str| {
        let mut call = job_call("svc", SA, JOB[0])
            .credential("sha256:svc")
            .from(city);
        call.0.device.id = None;
        call.0.workload.host = Some(host.to_owned().into());
        call.0.workload.region = Some(city.name.to_owned().into());
        call
    };
    let mut run = |city: &City, at: i64, nth: i64| {
        for step in 0..4 {
            let time = monday(at + step * 1000);
            story.tell(pod(city, &format!("pod-{nth}")).at(time));
        }
    };
    (0..14 * 24).for_each(|nth| run(&OSLO, nth * HOUR, nth));
    (0..12).for_each(|nth| run(&FRANKFURT, 14 * DAY + nth * 50 * MINUTE, 1000 + nth));
    assert!(!story.found("token_replay"), "{:?}", story.findings());
}

/// Calls of an account in a cloud whose regions are all one network.
fn cloud_call(city: &City, ip: &str) -> Tell {
    let mut call = job_call("svc", SA, JOB[0])
        .credential("sha256:svc")
        .from(city);
    call.0.device.id = None;
    call.0.network.asn = Some(64512);
    call.0.network.ip = Some(ip.to_owned().into());
    call
}

fn cloud_account(days: i64) -> Story {
    let mut story = Story::new();
    for step in 0..days * 96 {
        let ip = format!("192.0.2.{}", 10 + step % 2);
        story.tell(cloud_call(&OSLO, &ip).at(monday(step * 15 * MINUTE)));
    }
    story
}

#[test]
fn a_stolen_token_in_another_region_of_the_same_network() {
    for days in [2, 5, 14] {
        let mut story = cloud_account(days);
        for turn in 0..4 {
            let time = days * DAY + turn * 6 * MINUTE;
            story.tell(cloud_call(&OSLO, "192.0.2.10").at(monday(time)));
            story.tell(cloud_call(&SYDNEY, "198.51.100.9").at(monday(time + 3 * MINUTE)));
        }
        assert!(
            story.actions().contains(&Action::RevokeCredential),
            "{days}: {:?}",
            story.findings()
        );
        let findings = story.findings();
        let replay = findings
            .iter()
            .find(|finding| finding.detector == "token_replay");
        let summary = &replay.expect("it is told").summary;
        assert!(
            summary.contains("192.0.2.10 in Oslo") && summary.contains("198.51.100.9 in Sydney"),
            "{summary}"
        );
    }
}

#[test]
fn what_is_located_elsewhere_and_has_not_moved() {
    // Another family of addresses, the same address in another database, a known address, the same host.
    let (v6, new) = ("2001:db8::9", "198.51.100.9");
    for (other, host) in [
        (v6, None),
        ("192.0.2.10", None),
        ("192.0.2.11", None),
        (new, Some("node")),
    ] {
        let mut story = cloud_account(14);
        for turn in 0..6 {
            let time = 14 * DAY + turn * 6 * MINUTE;
            for (city, ip, after) in [(&OSLO, "192.0.2.10", 0), (&SYDNEY, other, 3 * MINUTE)] {
                let mut call = cloud_call(city, ip);
                call.0.workload.host = host.map(Into::into);
                story.tell(call.at(monday(time + after)));
            }
        }
        assert!(
            !story.found("token_replay"),
            "{other}: {:?}",
            story.findings()
        );
    }
}

#[test]
fn an_account_that_moves_to_another_region_of_its_network() {
    let mut story = cloud_account(14);
    // Once more at the old place, as the last of it is drained; then never.
    story.tell(cloud_call(&SYDNEY, "198.51.100.9").at(monday(14 * DAY)));
    story.tell(cloud_call(&OSLO, "192.0.2.10").at(monday(14 * DAY + 20 * MINUTE)));
    for step in 0..96 {
        let time = 14 * DAY + 90 * MINUTE + step * 15 * MINUTE;
        story.tell(cloud_call(&SYDNEY, "198.51.100.9").at(monday(time)));
    }
    assert!(!story.found("token_replay"), "{:?}", story.findings());
    // On the next day both are known, and used by turns.
    for turn in 0..6 {
        let time = 16 * DAY + turn * 6 * MINUTE;
        story.tell(cloud_call(&OSLO, "192.0.2.10").at(monday(time)));
        story.tell(cloud_call(&SYDNEY, "198.51.100.9").at(monday(time + 3 * MINUTE)));
    }
    assert!(!story.found("token_replay"), "{:?}", story.findings());
}

#[test]
fn another_runner_of_the_same_environment_has_its_own_address() {
    for (address, network, answers) in [("192.0.2.77", 64496, false), ("203.0.113.77", 7, true)] {
        let mut story = builds();
        for run in 0..6 {
            let mut call = build("release", "runner-9").session("-");
            call.0.session.id = None;
            if run % 2 == 1 {
                call.0.network.ip = Some(address.into());
                call.0.network.asn = Some(network);
                call = call.class(ActionClass::Deploy);
            }
            story.tell(call.at(monday(14 * DAY + run * 20 * MINUTE)));
        }
        let changed = story.found("context_change") || story.found("token_replay");
        assert_eq!(changed, answers, "{address}: {:?}", story.findings());
    }
}

/// Ten days at home, in a log that states no devices; then by turns through another network.
fn by_turns(config: Config, anonymizer: Option<Anonymizer>) -> Story {
    let mut story = Story::with(config);
    for step in 0..10 * 24 {
        let session = format!("day {}", step / 24);
        let call = call("ann", page(step)).from(&OSLO).session(&session);
        story.tell(call.at(monday(step / 24 * DAY + 9 * HOUR + step % 24 * 15 * MINUTE)));
    }
    for step in 0..20 {
        let mut call = call("ann", page(step)).from(&OSLO).session("now");
        if step / 5 % 2 == 1 {
            call = call.from(&LIMA);
            call.0.network.anonymizer = anonymizer.map(Into::into).unwrap_or_default();
        }
        story.tell(call.at(monday(10 * DAY + 9 * HOUR + step * 3 * MINUTE)));
    }
    story
}

#[test]
fn a_listed_egress_in_a_log_without_devices() {
    let mut config = Config::default();
    config.policy.egress = vec![EgressRule {
        cidr: "203.0.113.0/24".parse().expect("a network"),
        kind: EgressKind::Vpn,
    }];
    for anonymizer in [None, Some(Anonymizer::Vpn)] {
        let listed = by_turns(config.clone(), anonymizer);
        left_alone(&listed);
        let silent = ["new_network", "anonymized_network"];
        assert!(
            !silent.iter().any(|name| listed.found(name)),
            "{:?}",
            listed.findings()
        );
    }
    assert!(!by_turns(Config::default(), None).commands().is_empty());
}

/// So many days of an agent's reading, from one host.
fn young_agent(days: i64) -> Story {
    let mut story = Story::new();
    for task in 0..days * 8 {
        let session = format!("task {task}");
        let start = task / 8 * DAY + 7 * HOUR + task % 8 * HOUR;
        for (step, tool) in ["ticket.list", "ticket.get", "kb.search"]
            .into_iter()
            .enumerate()
        {
            let time = start + step as i64 * 20_000;
            story.tell(tool_call(tool, "ag-7").session(&session).at(monday(time)));
        }
    }
    story
}

fn tool_call(tool: &str, host: &str) -> Tell {
    let mut call = call("agent", tool).kind(IdentityKind::AiAgent).from(&OSLO);
    call.0.workload.host = Some(host.to_owned().into());
    call
}

#[test]
fn the_first_secret_of_a_young_agent() {
    let at =
        |days: i64, seconds: i64| monday(days * DAY + 10 * HOUR + 30 * MINUTE + seconds * 1000);
    let approval = |by: &str, session: &str| {
        let mut tell = call("agent", "approval").kind(IdentityKind::AiAgent);
        tell = tell.class(ActionClass::Approval).session(session);
        tell.0.kind = EventKind::Admin;
        tell.0.delegation = vec![Delegate {
            id: by.to_owned().into(),
            kind: IdentityKind::Human.into(),
        }];
        tell
    };
    let secret = |host: &str| {
        tool_call("vault.read", host)
            .class(ActionClass::Secret)
            .session("now")
    };
    for days in [1, 2, 5] {
        for (by, session, host, answers) in [
            ("rosa", "now", "ag-7", false),
            ("agent", "now", "ag-7", true),
            ("rosa", "other", "ag-7", true),
            ("rosa", "now", "kali", true),
        ] {
            let mut story = young_agent(days);
            story.tell(
                tool_call("ticket.get", "ag-7")
                    .session("now")
                    .at(at(days, 0)),
            );
            story.tell(approval(by, session).at(at(days, 30)));
            story.tell(secret(host).at(at(days, 60)));
            let paused = story.actions() == [Action::Pause];
            assert_eq!(
                paused,
                answers,
                "{days} {by} {session} {host}: {:?}",
                story.findings()
            );
        }
    }
}

#[test]
fn a_success_that_arrives_before_the_revocation_it_comes_after() {
    for (after_s, outcome, answers) in [
        (5, Outcome::Success, true),
        (-5, Outcome::Success, false),
        (5, Outcome::Failure, false),
    ] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 10);
        let revoked = 10 * DAY + 10 * HOUR;
        let call = |name: &str| call("ann", name).from(&OSLO).on("laptop").session("s");
        story.tell(call("mail").at(monday(revoked - 10 * MINUTE)));
        story.tell(
            call("mail")
                .outcome(outcome)
                .at(monday(revoked + after_s * 1000)),
        );
        story.tell(
            call("revoke")
                .class(ActionClass::TokenRevoke)
                .at(monday(revoked)),
        );
        assert_eq!(
            story.actions() == [Action::RevokeAll],
            answers,
            "{after_s} {outcome:?}"
        );
        assert_eq!(story.commands().is_empty(), !answers);
    }
}

#[test]
fn a_vpn_and_a_new_device_after_three_days() {
    for (device, answers) in [("laptop", false), ("strange", true)] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 3);
        let away = call("ann", "mail")
            .on(device)
            .through(Anonymizer::Vpn)
            .session("away");
        story.tell(away.at(monday(3 * DAY + 12 * HOUR)));
        assert_eq!(story.actions() == [Action::StepUp], answers, "{device}");
    }
}

#[test]
fn a_mass_of_data_in_many_small_calls_of_another_mix() {
    // A peak in which everything grows alike, and one record after the other.
    for (mixed, answers) in [(true, false), (false, true)] {
        let mut story = Story::new();
        let call = |step: i64| {
            let mut call = job_call("svc", SA, JOB[step as usize % 4]);
            call.0.action.bytes_out = Some(5_000 + (step as u64 % 7) * 300);
            call
        };
        for step in 0..14 * 24 * 20 {
            story.tell(call(step).at(monday(step * 3 * MINUTE)));
        }
        for step in 0..6000 {
            let which = if mixed { step } else { 0 };
            story.tell(call(which).at(monday(14 * DAY + 6 * MINUTE + step * 500)));
        }
        let ended = story
            .actions()
            .iter()
            .any(|action| *action >= Action::RevokeSession);
        assert_eq!(ended, answers, "{mixed}: {:?}", story.actions());
    }
}

#[test]
fn what_comes_with_one_event_corroborates_each_other() {
    // Somebody with a laptop, a telephone and a tablet, of whom a new device says little, and who has been seen for three
    // days.
    for (sensitive, answers) in [(0, false), (2, true)] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 3);
        for (device, hour) in [("telephone", 20), ("tablet", 21)] {
            let evening = call("ann", "mail").from(&OSLO).on(device);
            story.tell(evening.at(monday(2 * DAY + hour * HOUR)));
        }
        let calls = [
            ("mail", ActionClass::Read),
            ("vault", ActionClass::Secret),
            ("export", ActionClass::Export),
        ];
        for (step, (name, class)) in calls.into_iter().take(1 + sensitive).enumerate() {
            let away = call("ann", name)
                .class(class)
                .on("strange")
                .through(Anonymizer::Proxy);
            let time = 3 * DAY + 12 * HOUR + step as i64 * MINUTE;
            story.tell(away.session("away").at(monday(time)));
        }
        assert_eq!(
            story.actions().contains(&Action::StepUp),
            answers,
            "{:?}",
            story.findings()
        );
    }
}

#[test]
fn risk_that_has_decayed_corroborates_nothing_and_is_not_shown() {
    for weeks in [0, 2] {
        let mut story = Story::new();
        story.office_days("ann", &OSLO, 10);
        let near = call("ann", "mail").from(&OSLO).on("laptop");
        story.tell(near.session("near").at(monday(10 * DAY + 11 * HOUR)));
        let far = call("ann", "mail").from(&SYDNEY);
        story.tell(far.session("far").at(monday(10 * DAY + 12 * HOUR)));
        let before = story.findings()[0].risk.identity;
        assert!(before > 20, "{:?}", story.findings());
        // A session that moves is told, however little it is.
        let later = 11 * DAY + weeks * 7 * DAY + 9 * HOUR;
        let here = call("ann", "mail").from(&OSLO).on("laptop");
        story.tell(here.session("moves").at(monday(later)));
        let there = call("ann", "mail").from(&LONDON).on("laptop");
        story.tell(there.session("moves").at(monday(later + 4 * HOUR)));
        let findings = story.findings();
        let moved = findings.last().expect("the move");
        assert_eq!(moved.detector, "new_network");
        assert_eq!(moved.risk.identity < before / 4, weeks > 0, "{moved:?}");
    }
}
