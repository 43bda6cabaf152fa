//! What the detectors catch and what they leave alone, as sequences of events.

mod story;

use plumbline_detectors::Disposition;
use plumbline_detectors::config::{Config, DetectorMode, PolicyMode, Span, SuppressRule};
use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::event::{ActionClass, Anonymizer, IdentityKind, Outcome, Verdict};
use plumbline_schemas::finding::Severity;
use story::*;

const TEN_DAYS: i64 = 10 * DAY;
const SA: IdentityKind = IdentityKind::ServiceAccount;

#[test]
fn same_minute_use_on_two_continents_is_impossible() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let now = TEN_DAYS + 9 * HOUR;
    story.tell(
        login("ann")
            .from(&OSLO)
            .on("laptop")
            .session("s-home")
            .at(monday(now)),
    );
    story.tell(
        login("ann")
            .from(&LIMA)
            .on("other")
            .session("s-away")
            .at(monday(now + 20_000)),
    );
    assert_eq!(story.actions(), [Action::RevokeSession]);
    let command = story.commands()[0];
    assert_eq!(command.target.session_id.as_deref(), Some("s-away"));
    assert_eq!(command.mode, Mode::Enforce);
    let finding = story.findings()[0];
    assert_eq!(finding.detector, "impossible_travel");
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(finding.event_ids.len(), 2);
    assert_eq!(
        command.reason.finding_ids,
        std::slice::from_ref(&finding.id)
    );
}

#[test]
fn a_clock_that_runs_behind_does_not_hide_the_travel() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let now = TEN_DAYS + 9 * HOUR;
    story.tell(
        login("ann")
            .from(&OSLO)
            .on("laptop")
            .session("s-home")
            .at(monday(now)),
    );
    story.tell(
        login("ann")
            .from(&LIMA)
            .on("other")
            .session("s-away")
            .at(monday(now - 50_000)),
    );
    assert_eq!(story.actions(), [Action::RevokeSession]);
}

#[test]
fn a_benign_event_in_between_does_not_hide_the_travel() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let now = TEN_DAYS + 9 * HOUR;
    for minute in 0..5 {
        story.tell(
            call("ann", "mail")
                .from(&OSLO)
                .on("laptop")
                .session("s")
                .at(monday(now + minute * MINUTE)),
        );
        let nowhere = call("ann", "mail")
            .on("laptop")
            .session("s")
            .at(monday(now + minute * MINUTE + 1));
        story.tell(nowhere);
    }
    story.tell(
        call("ann", "mail")
            .from(&LIMA)
            .on("other")
            .session("s")
            .at(monday(now + 6 * MINUTE)),
    );
    assert_eq!(story.actions(), [Action::RevokeSession]);
}

#[test]
fn a_flight_is_no_impossible_travel() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let now = TEN_DAYS + 9 * HOUR;
    story.tell(
        call("ann", "mail")
            .from(&OSLO)
            .on("laptop")
            .session("s1")
            .at(monday(now)),
    );
    story.tell(
        login("ann")
            .from(&LIMA)
            .on("laptop")
            .session("s2")
            .at(monday(now + 14 * HOUR)),
    );
    assert!(story.outputs.is_empty(), "{:?}", story.findings());
}

#[test]
fn the_known_laptop_behind_a_vpn_is_left_alone() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let now = TEN_DAYS + 9 * HOUR;
    story.tell(
        call("ann", "mail")
            .from(&OSLO)
            .on("laptop")
            .session("s")
            .at(monday(now)),
    );
    let vpn = call("ann", "wiki")
        .from(&FRANKFURT)
        .through(Anonymizer::Vpn)
        .on("laptop")
        .session("s");
    story.tell(vpn.at(monday(now + MINUTE)));
    assert!(story.commands().is_empty(), "{:?}", story.findings());
}

#[test]
fn a_failed_login_from_afar_says_nothing_of_where_the_identity_is() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let now = TEN_DAYS + 9 * HOUR;
    story.tell(
        login("ann")
            .from(&LIMA)
            .outcome(Outcome::Failure)
            .at(monday(now)),
    );
    story.tell(
        login("ann")
            .from(&OSLO)
            .on("laptop")
            .session("s")
            .at(monday(now + MINUTE)),
    );
    assert!(story.outputs.is_empty(), "{:?}", story.findings());
}

#[test]
fn a_missing_radius_is_a_large_one_and_missing_coordinates_are_nowhere() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let now = TEN_DAYS + 9 * HOUR;
    story.tell(
        call("ann", "mail")
            .from(&OSLO)
            .on("laptop")
            .session("s")
            .at(monday(now)),
    );
    let mut vague = call("ann", "mail")
        .from(&LONDON)
        .accuracy(None)
        .on("laptop")
        .session("s");
    vague.0.network.city = None;
    story.tell(vague.at(monday(now + MINUTE)));
    let mut zero = call("ann", "mail").from(&LONDON).on("laptop").session("s");
    (zero.0.network.lat, zero.0.network.lon) = (Some(0.0), Some(0.0));
    story.tell(zero.at(monday(now + 2 * MINUTE)));
    assert!(!story.found("impossible_travel") && story.commands().is_empty());
}

#[test]
fn a_machine_that_fails_over_to_a_region_it_knows_is_left_alone() {
    let mut story = Story::new();
    for day in 0..10 {
        for hour in 0..24 {
            let region = if day % 4 == 1 && hour > 20 {
                &SYDNEY
            } else {
                &FRANKFURT
            };
            let time = monday(day * DAY + hour * HOUR);
            story.tell(job_call("svc", SA, "GET /orders").from(region).at(time));
        }
    }
    let now = TEN_DAYS;
    story.tell(job_call("svc", SA, "GET /orders").at(monday(now)));
    story.tell(
        job_call("svc", SA, "GET /orders")
            .from(&SYDNEY)
            .at(monday(now + MINUTE)),
    );
    assert!(story.commands().is_empty(), "{:?}", story.findings());
}

#[test]
fn a_machine_far_from_every_place_it_knows_is_asked() {
    let mut story = Story::new();
    story.job("svc", SA, 10);
    let now = TEN_DAYS;
    story.tell(job_call("svc", SA, "GET /orders").at(monday(now)));
    story.tell(
        job_call("svc", SA, "GET /orders/{id}")
            .from(&LIMA)
            .on("x")
            .at(monday(now + MINUTE)),
    );
    assert_eq!(story.actions(), [Action::StepUp]);
}

#[test]
fn an_account_that_turns_to_secrets_is_asked_and_then_cut() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    let now = 14 * DAY;
    for (step, endpoint) in ["vault:list", "vault:read", "vault:read-root", "iam:attach"]
        .into_iter()
        .enumerate()
    {
        let secret = job_call("svc", SA, endpoint).class(ActionClass::Secret);
        story.tell(secret.at(monday(now + step as i64 * MINUTE)));
    }
    assert_eq!(story.actions()[0], Action::StepUp);
    assert!(
        story.actions().last().expect("commands").strength() >= Action::RevokeSession.strength()
    );
    let last = story
        .commands()
        .last()
        .expect("commands")
        .supersedes
        .clone();
    assert!(last.is_some() || story.actions().contains(&Action::RevokeCredential));
}

#[test]
fn a_release_that_adds_endpoints_is_left_alone() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    for hour in 0..72 {
        for (step, endpoint) in [JOB[0], JOB[1], "GET /prices", JOB[2], "GET /taxes", JOB[3]]
            .into_iter()
            .enumerate()
        {
            let time = monday(14 * DAY + hour * HOUR + step as i64 * 2_000);
            story.tell(job_call("svc", SA, endpoint).at(time));
        }
    }
    assert!(story.commands().is_empty(), "{:?}", story.findings());
}

#[test]
fn known_endpoints_in_an_order_never_used_are_asked_about() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    let now = 14 * DAY;
    for step in 0..20 {
        let endpoint = JOB[3 - step as usize % 4];
        story.tell(job_call("svc", SA, endpoint).at(monday(now + step * 2_000)));
    }
    assert!(story.found("endpoint_sequence"), "{:?}", story.findings());
    assert_eq!(story.actions()[0], Action::StepUp);
}

#[test]
fn an_odd_order_that_goes_on_for_hours_is_told_again_with_its_steps() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    for (hour, steps) in [(0, 18), (3, 20)] {
        for step in 0..steps {
            let endpoint = JOB[3 - step as usize % 4];
            let time = monday(14 * DAY + hour * HOUR + step * 2_000);
            story.tell(job_call("svc", SA, endpoint).session("s").at(time));
        }
    }
    let told = story.findings();
    let told = told
        .iter()
        .filter(|told| told.detector == "endpoint_sequence");
    let steps = told.map(|told| told.evidence["odd_steps"].as_array().map_or(0, Vec::len));
    let steps: Vec<usize> = steps.collect();
    assert!(
        steps.len() > 1 && steps.iter().all(|steps| *steps > 0),
        "{steps:?}"
    );
}

#[test]
fn a_busy_day_is_at_most_a_finding() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    for hour in 0..24 {
        for round in 0..6 {
            for (step, endpoint) in JOB.into_iter().enumerate() {
                let time = monday(14 * DAY + hour * HOUR + round * 600_000 + step as i64 * 2_000);
                story.tell(job_call("svc", SA, endpoint).at(time));
            }
        }
    }
    assert!(story.commands().is_empty(), "{:?}", story.findings());
}

#[test]
fn a_harvest_of_known_reads_is_asked_about_and_no_more() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    let now = 14 * DAY;
    for step in 0..1500 {
        story.tell(job_call("svc", SA, "GET /orders/{id}").at(monday(now + step * 400)));
    }
    assert!(story.found("call_volume"), "{:?}", story.findings());
    assert_eq!(story.actions(), [Action::StepUp], "{:?}", story.findings());
}

#[test]
fn what_was_answered_is_not_learnt() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    let secret = |millis| {
        job_call("svc", SA, "vault:read")
            .class(ActionClass::Secret)
            .on("host-2")
            .at(monday(millis))
    };
    for day in 0..6 {
        story.outputs.clear();
        let fresh = secret((14 + day) * DAY).session(&format!("run-{day}"));
        story.tell(fresh);
        assert!(story.found("scope_drift"), "day {day}");
    }
}

#[test]
fn a_false_positive_makes_it_usual() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    let secret = |millis| {
        job_call("svc", SA, "vault:read")
            .class(ActionClass::Secret)
            .at(monday(millis))
    };
    story.tell(secret(14 * DAY));
    let command = story.commands()[0].id.clone();
    let verdict = job_call("svc", SA, "feedback").verdict(Verdict::FalsePositive, Some(&command));
    story.tell(verdict.at(monday(14 * DAY + HOUR)));
    story.outputs.clear();
    story.tell(secret(16 * DAY).session("run-2"));
    assert!(story.outputs.is_empty(), "{:?}", story.findings());
}

#[test]
fn one_target_has_one_standing_command() {
    let mut story = Story::new();
    story.office_days("ann", &OSLO, 10);
    let now = TEN_DAYS + 9 * HOUR;
    for minute in 0..30 {
        story.tell(
            call("ann", "mail")
                .from(&OSLO)
                .on("laptop")
                .session("home")
                .at(monday(now + minute * MINUTE)),
        );
        let away = call("ann", "mail").from(&LIMA).on("other").session("away");
        story.tell(away.at(monday(now + minute * MINUTE + 1)));
    }
    let about_away = |command: &&&plumbline_schemas::command::Command| {
        command.target.session_id.as_deref() == Some("away")
    };
    let commands = story.commands();
    let strengths: Vec<_> = commands
        .iter()
        .filter(about_away)
        .map(|command| command.action.strength())
        .collect();
    assert!(
        !strengths.is_empty() && strengths.is_sorted_by(|a, b| a < b),
        "{strengths:?}"
    );
}

#[test]
fn break_glass_identities_are_only_ever_asked() {
    let mut config = Config::default();
    config.policy.break_glass = vec!["root-*".to_owned()];
    let mut story = Story::with(config);
    story.office_days("root-1", &OSLO, 10);
    let now = TEN_DAYS + 9 * HOUR;
    story.tell(
        login("root-1")
            .from(&OSLO)
            .on("laptop")
            .session("a")
            .at(monday(now)),
    );
    story.tell(
        login("root-1")
            .from(&LIMA)
            .on("other")
            .session("b")
            .at(monday(now + 20_000)),
    );
    assert_eq!(story.actions(), [Action::StepUp]);
}

#[test]
fn observe_mode_publishes_what_would_have_been_done() {
    for policy in [true, false] {
        let mut config = Config::default();
        if policy {
            config.policy.mode = PolicyMode::Observe;
        } else {
            config.detectors.impossible_travel.mode = DetectorMode::Observe;
        }
        let mut story = Story::with(config);
        story.office_days("ann", &OSLO, 10);
        let now = TEN_DAYS + 9 * HOUR;
        story.tell(
            login("ann")
                .from(&OSLO)
                .on("laptop")
                .session("a")
                .at(monday(now)),
        );
        story.tell(
            login("ann")
                .from(&LIMA)
                .on("other")
                .session("b")
                .at(monday(now + 20_000)),
        );
        assert_eq!(story.actions(), [Action::RevokeSession]);
        assert_eq!(story.commands()[0].mode, Mode::Observe);
    }
}

#[test]
fn a_detector_that_is_off_says_nothing() {
    let mut config = Config::default();
    config.detectors.impossible_travel.mode = DetectorMode::Off;
    let mut story = Story::with(config);
    story.office_days("ann", &OSLO, 10);
    let now = TEN_DAYS + 9 * HOUR;
    story.tell(
        login("ann")
            .from(&OSLO)
            .on("laptop")
            .session("a")
            .at(monday(now)),
    );
    story.tell(
        login("ann")
            .from(&LIMA)
            .on("other")
            .session("b")
            .at(monday(now + 20_000)),
    );
    assert!(story.outputs.is_empty());
}

#[test]
fn a_suppression_ends_at_its_date() {
    let mut config = Config::default();
    config.policy.suppress.push(SuppressRule {
        detector: "impossible_*".to_owned(),
        identity: "ann".to_owned(),
        until: monday(TEN_DAYS + 12 * HOUR),
        reason: "conference".to_owned(),
    });
    let mut story = Story::with(config);
    story.office_days("ann", &OSLO, 10);
    for (day, expected) in [(10, 0), (11, 1)] {
        let now = day * DAY + 9 * HOUR;
        story.tell(
            login("ann")
                .from(&OSLO)
                .on("laptop")
                .session("a")
                .at(monday(now)),
        );
        story.tell(
            login("ann")
                .from(&LIMA)
                .on("other")
                .session(&format!("b{day}"))
                .at(monday(now + 20_000)),
        );
        assert_eq!(story.commands().len(), expected, "day {day}");
    }
    assert!(story.findings()[0].evidence.contains_key("suppressed"));
}

#[test]
fn the_breaker_stops_enforcement_and_says_so() {
    let mut config = Config::default();
    config.policy.breaker.minimum = 3;
    let mut story = Story::with(config);
    let names = ["a", "b", "c", "d"];
    for name in names {
        story.office_days(name, &OSLO, 10);
    }
    for (at, name) in names.into_iter().enumerate() {
        let now = TEN_DAYS + 9 * HOUR + at as i64 * 20_000;
        story.tell(login(name).from(&OSLO).session("home").at(monday(now)));
        story.tell(login(name).from(&LIMA).session("away").at(monday(now + 1)));
    }
    let modes: Vec<_> = story
        .commands()
        .iter()
        .map(|command| command.mode)
        .collect();
    assert_eq!(
        modes,
        [Mode::Enforce, Mode::Enforce, Mode::Observe, Mode::Observe]
    );
    assert_eq!(
        story
            .findings()
            .iter()
            .filter(|finding| finding.detector == "breaker")
            .count(),
        1
    );
}

#[test]
fn a_second_arrival_is_a_duplicate_and_an_old_event_is_late() {
    let mut story = Story::new();
    let mut event = call("ann", "mail").at(monday(DAY)).0;
    event.id = "x".into();
    assert_eq!(story.apply(&event), Disposition::Applied);
    assert_eq!(story.apply(&event), Disposition::Duplicate);
    event.source = Some("okta".into());
    assert_eq!(
        story.apply(&event),
        Disposition::Applied,
        "the same id of another source"
    );
    story.tell(call("ann", "mail").at(monday(3 * DAY)));
    event.id = "y".into();
    event.time = monday(3 * DAY - Span::hours(24).as_millis());
    assert_eq!(story.apply(&event), Disposition::Applied, "just not late");
    event.time = event.time.plus_millis(-1);
    assert_eq!(story.apply(&event), Disposition::Late);
}

#[test]
fn a_new_account_that_does_many_things_from_the_start_is_left_alone() {
    let mut story = Story::new();
    for run in 0..12 {
        for thing in 0..30 {
            let time = monday(run * 4 * HOUR + thing * 2_000);
            story.tell(job_call("new", SA, &format!("GET /thing/{thing}")).at(time));
        }
    }
    assert_eq!(story.actions(), []);
}

#[test]
fn who_looks_around_does_not_pass_for_an_explorer() {
    let mut story = Story::new();
    story.job("svc", SA, 7);
    for thing in 0..8 {
        let time = monday(7 * DAY + thing * 10_000);
        story.tell(job_call("svc", SA, &format!("GET /other/{thing}")).at(time));
    }
    assert_eq!(story.actions(), [Action::StepUp]);
}
