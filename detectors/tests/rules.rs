//! What an operator's rules add to the policy's answers, and what they take away.

#![allow(clippy::expect_used, missing_docs)]

mod story;

use plumbline_detectors::config::{Condition, Config, DetectorMode, PolicyRule, RuleAction, Span};
use plumbline_schemas::command::{Action, Command, Mode};
use plumbline_schemas::event::{Anonymizer, Event, IdentityKind};
use story::*;

const TEN_DAYS: i64 = 10 * DAY;
const NOON: i64 = TEN_DAYS + 12 * HOUR;

fn rule(when: &str, action: RuleAction) -> PolicyRule {
    PolicyRule {
        name: action.as_str().to_owned(),
        when: Condition::parse(when).expect(when),
        action,
        max_age: None,
        expires_in: None,
    }
}

fn with(rules: impl IntoIterator<Item = PolicyRule>) -> Config {
    let mut config = Config::default();
    config.policy.rule = rules.into_iter().collect();
    config
}

/// Ten days in Oslo, and a call from Sydney an hour after one from home: without rules a `step_up`.
fn far_away(config: Config) -> Story {
    let mut story = Story::with(config);
    story.office_days("ann", &OSLO, 10);
    let here = call("ann", "mail").from(&OSLO).on("laptop").session("home");
    story.tell(here.at(monday(NOON - HOUR)));
    let away = call("ann", "mail").from(&SYDNEY).session("away");
    story.tell(away.at(monday(NOON)));
    story
}

fn commanded(config: Config) -> Vec<Command> {
    let story = far_away(config);
    story.commands().into_iter().cloned().collect()
}

#[test]
fn without_a_finding_no_rule_is_asked() {
    let mut story = Story::with(with([rule("true", RuleAction::RevokeAll)]));
    story.office_days("ann", &OSLO, 3);
    assert!(story.outputs.is_empty());
}

#[test]
fn a_rule_that_asks_for_more_is_obeyed_and_named() {
    let demanded = rule(
        r#"identity.kind == "human" && network.country == "AU" && findings.exists(f, f.bits > 10)"#,
        RuleAction::RevokeSession,
    );
    let story = far_away(with([demanded]));
    assert_eq!(story.actions(), [Action::RevokeSession]);
    let command = story.commands()[0];
    assert_eq!(command.mode, Mode::Enforce);
    assert_eq!(command.target.session_id.as_deref(), Some("away"));
    let summary = &command.reason.summary;
    assert!(summary.ends_with("; rule revoke_session"), "{summary}");
    let findings = story.findings();
    assert_eq!(command.reason.finding_ids, [findings[0].id.clone()]);
    assert_eq!(findings[0].evidence["rule"], "revoke_session");
}

#[test]
fn a_rule_that_asks_for_less_takes_nothing_away() {
    let story = far_away(with([rule("true", RuleAction::Deny)]));
    assert_eq!(story.actions(), [Action::StepUp]);
    let summary = &story.commands()[0].reason.summary;
    assert!(!summary.contains("rule"), "{summary}");
    assert_eq!(story.findings()[0].evidence["rule"], "deny");
}

#[test]
fn of_two_that_ask_for_the_same_the_shorter_time_stands() {
    let mut same = rule("true", RuleAction::StepUp);
    same.max_age = Some(Span::minutes(5));
    let commands = commanded(with([same]));
    assert_eq!(commands[0].params.max_age, Some(0));
    assert!(commands[0].reason.summary.ends_with("; rule step_up"));
}

#[test]
fn of_several_rules_the_one_that_asks_for_most_is_obeyed() {
    let rules = [
        rule("true", RuleAction::Pause),
        rule("true", RuleAction::RevokeAll),
        rule("true", RuleAction::RevokeSession),
        rule("false", RuleAction::None),
    ];
    let commands = commanded(with(rules));
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0].action, Action::RevokeAll);
}

#[test]
fn an_exemption_leads_to_no_command_and_to_no_risk() {
    let exempt = rule(r#"network.country == "AU""#, RuleAction::None);
    let story = far_away(with([exempt, rule("true", RuleAction::RevokeAll)]));
    assert!(story.commands().is_empty());
    let findings = story.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].evidence["rule"], "none");
    assert_eq!(
        (findings[0].risk.session, findings[0].risk.identity),
        (0, 0)
    );
}

#[test]
fn what_is_exempted_is_told_once() {
    let mut story = far_away(with([rule("true", RuleAction::None)]));
    for minute in 1..30 {
        let again = call("ann", "mail").from(&SYDNEY).session("away");
        story.tell(again.at(monday(NOON + minute * MINUTE)));
    }
    assert!(story.commands().is_empty());
    let travels = story.findings().into_iter();
    let travels = travels.filter(|finding| finding.detector == "impossible_travel");
    assert_eq!(travels.count(), 1);
}

/// One key used from Frankfurt and from Lima by turns.
fn replayed(config: Config) -> Story {
    let mut story = Story::with(config);
    story.job("svc", IdentityKind::ServiceAccount, 14);
    for minute in 0..10 {
        let usual = job_call("svc", IdentityKind::ServiceAccount, JOB[0]);
        let stolen = usual.clone().from(&LIMA).on("host-9");
        let time = 14 * DAY + minute * MINUTE;
        story.tell(usual.at(monday(time)));
        story.tell(stolen.at(monday(time + 1000)));
    }
    story
}

#[test]
fn a_contradiction_cannot_be_exempted() {
    let plain = replayed(Config::default());
    assert!(plain.found("token_replay"), "{:?}", plain.findings());
    let exempted = replayed(with([rule("true", RuleAction::None)]));
    let of_replay = |story: &Story| {
        let commands = story.commands().into_iter();
        let rests = |c: &&Command| c.reason.detectors.iter().any(|name| name == "token_replay");
        commands.filter(rests).count()
    };
    assert!(of_replay(&plain) > 0);
    assert_eq!(of_replay(&exempted), of_replay(&plain));
}

#[test]
fn what_is_not_known_makes_no_condition_hold() {
    for when in [
        r#"network.anonymizer == "tor""#,
        r#"network.anonymizer != "tor""#,
        r#"!("admins" in identity.groups)"#,
        "action.bytes_out < 10",
    ] {
        let commands = commanded(with([rule(when, RuleAction::RevokeAll)]));
        assert_eq!(commands[0].action, Action::StepUp, "{when}");
    }
    let known = r#"!has(network.anonymizer) && (action.bytes_out > 9 || network.city == "Sydney")"#;
    let commands = commanded(with([rule(known, RuleAction::RevokeAll)]));
    assert_eq!(commands[0].action, Action::RevokeAll);
}

#[test]
fn what_only_an_observing_detector_sees_is_observed() {
    let mut config = with([rule("true", RuleAction::RevokeSession)]);
    config.detectors.impossible_travel.mode = DetectorMode::Observe;
    let commands = commanded(config);
    assert_eq!(commands[0].action, Action::RevokeSession);
    assert_eq!(commands[0].mode, Mode::Observe);
}

#[test]
fn break_glass_is_stronger_than_a_rule() {
    let mut config = with([rule("true", RuleAction::RevokeAll)]);
    config.policy.break_glass = vec!["ann".to_owned()];
    let commands = commanded(config);
    assert_eq!(commands[0].action, Action::StepUp);
}

#[test]
fn a_finding_that_leads_to_nothing_by_itself_can_be_answered() {
    let hidden = r#"identity.kind == "human" && network.anonymizer == "vpn""#;
    let told = |config: Config| {
        let mut story = Story::with(config);
        story.office_days("ann", &OSLO, 10);
        let here = call("ann", "mail").from(&OSLO).on("laptop").session("home");
        story.tell(here.at(monday(NOON - HOUR)));
        let away = call("ann", "mail").from(&SYDNEY).session("away");
        story.tell(away.through(Anonymizer::Vpn).at(monday(NOON)));
        story
    };
    let plain = told(Config::default());
    assert!(plain.found("anonymized_network") && plain.commands().is_empty());
    let mut shorter = rule(hidden, RuleAction::Shorten);
    shorter.expires_in = Some(Span::minutes(10));
    for (asked, action) in [
        (shorter, Action::Shorten),
        (rule(hidden, RuleAction::Deny), Action::Deny),
        (rule(hidden, RuleAction::Pause), Action::Pause),
    ] {
        let ruled = told(with([asked]));
        let given = ruled.commands()[0];
        assert_eq!(given.action, action);
        match given.action {
            Action::Shorten => assert_eq!(given.params.expires_in, Some(600)),
            Action::Deny => assert_eq!(given.params.resource.as_deref(), Some("mail")),
            _ => {}
        }
    }
}

/// All that a condition can ask for, each in the words of the documentation.
const ALL: [&str; 34] = [
    r#"identity.id == "ann" && identity.kind == "human" && identity.tenant == "acme""#,
    r#""finance" in identity.groups"#,
    r#"session.id == "away""#,
    r#"session.assurance == "aal1""#,
    "session.mfa == false",
    "!session.privileged",
    "session.age_seconds == 7200",
    r#"credential.id == "sha256:a""#,
    r#"credential.kind == "access_token""#,
    r#"credential.scopes.exists(s, s.startsWith("mail"))"#,
    r#"network.ip == "198.51.100.99""#,
    "network.asn == 64500",
    r#"network.country == "AU""#,
    r#"network.city.contains("Syd")"#,
    r#"network.anonymizer in ["hosting", "proxy"]"#,
    r#"device.id == "phone""#,
    r#"device.posture == "non_compliant""#,
    r#"workload.runtime == "k8s""#,
    r#"workload.environment == "prod""#,
    r#"workload.region == "eu""#,
    r#"workload.host == "h1""#,
    r#"action.name == "mail""#,
    r#"action.class == "read""#,
    r#"action.outcome == "success""#,
    r#"action.resource == "r""#,
    r#"action.environment == "production""#,
    r#"size(action.scopes) == 1"#,
    r#"action.target_tenant == "other""#,
    "action.bytes_out - 1 > 1000.5",
    "action.records == 3 && action.status >= 200",
    r#"task.id == "t""#,
    r#"task.objective.endsWith("s")"#,
    r#"findings.filter(f, f.bits > 10).exists(f, f.detector == "impossible_travel")"#,
    "risk.session > 40 && risk.identity > 40.0",
];

#[test]
fn everything_that_is_documented_can_be_asked_for() {
    let json = r#"{"id": "x", "time": "2026-11-12T12:00:00Z", "kind": "api", "tenant": "acme",
        "identity": {"id": "ann", "groups": ["finance"]},
        "session": {"id": "away", "started_at": "2026-11-12T10:00:00Z", "assurance": "aal1", "mfa": false},
        "credential": {"id": "sha256:a", "kind": "access_token", "scopes": ["mail:read"]},
        "network": {"ip": "198.51.100.99", "lat": -33.87, "lon": 151.21, "accuracy_km": 20, "asn": 64500,
                    "country": "AU", "city": "Sydney", "anonymizer": "hosting"},
        "device": {"id": "phone", "posture": "non_compliant"},
        "workload": {"runtime": "k8s", "environment": "prod", "region": "eu", "host": "h1"},
        "action": {"name": "mail", "class": "read", "resource": "r", "environment": "production",
                   "scopes": ["mail:read"], "target_tenant": "other", "bytes_out": 2000, "records": 3,
                   "status": 200},
        "task": {"id": "t", "objective": "tickets"}}"#;
    let away = Event::parse(json.as_bytes()).expect("an event");
    let mut home = call("ann", "mail").from(&OSLO).on("laptop").session("home");
    home.0.tenant = Some("acme".into());
    for when in ALL {
        let mut story = Story::with(with([rule(when, RuleAction::RevokeAll)]));
        for hour in 0..48 {
            story.tell(home.clone().at(monday(NOON - (48 - hour) * HOUR)));
        }
        story.apply(&away);
        let strongest = story.actions().into_iter().max();
        assert_eq!(strongest, Some(Action::RevokeAll), "{when}");
    }
}
