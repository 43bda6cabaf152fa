//! What is told to somebody who asks why.

#![allow(clippy::expect_used, clippy::panic, missing_docs)]

mod story;

use plumbline_detectors::DetectorId;
use plumbline_detectors::config::{
    Condition, Config, PolicyRule, RuleAction, SeparationRule, Span, SuppressRule,
};
use plumbline_detectors::witness::{Account, Decision, Ground, Risks, Weighed};
use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::event::ActionClass;
use story::*;

const NOW: i64 = 14 * DAY + 9 * HOUR;

/// Two weeks of an office, and the next morning.
fn morning(config: Config) -> Story {
    let mut story = Story::with(config);
    story.office_days("ann", &OSLO, 14);
    let home = login("ann").from(&OSLO).on("laptop").session("home");
    story.tell(home.at(monday(NOW)));
    story
}

/// Somebody in Lima who is called ann too.
fn away(story: &mut Story, minute: i64) -> Account {
    let away = login("ann").from(&LIMA).on("other").session("away");
    story.tell_and_ask(away.at(monday(NOW + minute * MINUTE)))
}

fn weighed(account: &Account, detector: DetectorId) -> &Weighed {
    let mut weighed = account.weighed.iter();
    let found = weighed.find(|weighed| weighed.detector == detector);
    found.expect("the detector said something")
}

fn due(account: &Account) -> (Action, &Ground) {
    match &account.decision {
        Decision::Commanded(due, _) | Decision::NoStronger(due) => (due.action, &due.ground),
        _ => panic!("nothing was due: {account:#?}"),
    }
}

#[test]
fn an_impossible_travel_is_accounted_for_from_the_baseline_to_the_command() {
    let mut story = morning(Config::default());
    let account = away(&mut story, 1);
    let (finding, command) = (story.findings()[0], story.commands()[0]);

    let baseline = &account.baseline;
    assert_eq!(
        (baseline.days, baseline.places, baseline.devices),
        (14, 1, 1)
    );
    assert!(baseline.usual_actions.contains(&"mail".to_owned()));
    assert!(baseline.usual_hours.is_empty(), "people have no schedule");

    let travel = weighed(&account, DetectorId::ImpossibleTravel);
    assert_eq!(travel.bits, finding.surprise_bits);
    assert!(travel.bits > travel.counts_from && travel.demands.is_none());

    assert_eq!(account.session.before, Risks::default());
    assert_eq!(account.identity.before, Risks::default());
    let bits = (DetectorId::ImpossibleTravel, travel.bits);
    assert!(account.session.after.each.contains(&bits));
    assert_eq!(account.session.after.score, command.reason.risk);
    assert_eq!(account.identity.after.score, finding.risk.identity);

    assert_eq!(account.stood, None);
    let Decision::Commanded(due, mode) = &account.decision else {
        panic!("{account:#?}");
    };
    assert_eq!((due.action, *mode), (command.action, Mode::Enforce));
    assert_eq!(due.ground, Ground::Alone(DetectorId::ImpossibleTravel));
    assert_eq!(
        account.published.first(),
        Some(&finding.id),
        "{:?}",
        account.published
    );
    assert!(account.published.contains(&command.id));
}

#[test]
fn what_stands_already_is_the_reason_for_saying_nothing() {
    let mut story = morning(Config::default());
    away(&mut story, 1);
    let before = story.commands().len();
    let again = away(&mut story, 2);
    assert_eq!(story.commands().len(), before);
    assert_eq!(again.stood, Some((Action::RevokeSession, Mode::Enforce)));
    assert!(
        matches!(again.decision, Decision::NoStronger(_)),
        "{again:#?}"
    );
    // What was seen a minute ago is still there.
    assert!(again.session.before.score > 0);
}

#[test]
fn what_is_usual_has_nothing_to_account_for() {
    let mut story = morning(Config::default());
    let mail = call("ann", "mail").from(&OSLO).on("laptop").session("home");
    let account = story.tell_and_ask(mail.at(monday(NOW + MINUTE)));
    assert!(account.weighed.is_empty() && account.published.is_empty());
    assert_eq!(account.decision, Decision::TooLittle);
}

#[test]
fn the_operator_s_rule_is_named_whether_it_demands_or_exempts() {
    let rule = |when: &str, action| PolicyRule {
        name: "the rule".to_owned(),
        when: Condition::parse(when).expect(when),
        action,
        max_age: None,
        expires_in: None,
    };
    let mut config = Config::default();
    config.policy.rule = vec![rule(r#"identity.id == "ann""#, RuleAction::RevokeAll)];
    let account = away(&mut morning(config.clone()), 1);
    let named = Ground::Rule("the rule".to_owned());
    assert_eq!(due(&account), (Action::RevokeAll, &named));

    config.policy.rule = vec![rule(r#"identity.id == "ann""#, RuleAction::None)];
    let account = away(&mut morning(config), 1);
    assert_eq!(account.decision, Decision::Exempt("the rule".to_owned()));
    assert_eq!(account.session.after, Risks::default(), "it raises nothing");
}

#[test]
fn what_is_silenced_or_spared_is_told() {
    let mut config = Config::default();
    config.policy.break_glass = vec!["ann".to_owned()];
    let account = away(&mut morning(config.clone()), 1);
    let Decision::Commanded(due, _) = &account.decision else {
        panic!("{account:#?}");
    };
    assert!(due.is_break_glass && due.action == Action::StepUp);

    config.policy.suppress = vec![SuppressRule {
        detector: "impossible_travel".to_owned(),
        identity: "ann".to_owned(),
        until: monday(20 * DAY),
        reason: "a trial".to_owned(),
    }];
    let account = away(&mut morning(config), 1);
    assert!(weighed(&account, DetectorId::ImpossibleTravel).is_suppressed);
}

#[test]
fn a_question_that_goes_unanswered_and_another_way_are_grounds() {
    let mut story = morning(Config::default());
    let mut told = Vec::new();
    for (minute, name, class) in [
        (1, "vault/read", ActionClass::Secret),
        (9, "iam/attach", ActionClass::Admin),
        (17, "export/all", ActionClass::Export),
    ] {
        for nth in 0..4 {
            let new = call("ann", &format!("{name}/{nth}")).class(class);
            let new = new.from(&OSLO).on("another").session("home");
            let time = NOW + minute * MINUTE + nth * 10_000;
            let account = story.tell_and_ask(new.at(monday(time)));
            if let Decision::Commanded(due, _) = account.decision {
                told.push((due.action, due.ground));
            }
        }
    }
    assert!(!told.is_empty());
    let revoked = told.iter().find(|(action, _)| *action != Action::StepUp);
    let (_, ground) = revoked.expect("somebody who goes on is stopped");
    assert!(
        !matches!(ground, Ground::Alone(_) | Ground::Rule(_)),
        "{told:?}"
    );
}

#[test]
fn what_is_refused_beside_a_question_is_told_with_its_rule() {
    let mut config = Config::default();
    config.policy.separation.push(SeparationRule {
        actions: vec!["ticket.create".to_owned(), "payment.approve".to_owned()],
        within: Span::minutes(10),
    });
    let mut story = Story::with(config);
    let at = |minute| monday(9 * HOUR + minute * MINUTE);
    story.tell(login("ann").session("s").at(at(0)));
    story.tell(call("ann", "ticket.create").session("s").at(at(20)));
    let pay = call("ann", "payment.approve").class(ActionClass::Payment);
    let account = story.tell_and_ask(pay.session("s").at(at(21)));
    assert_eq!(due(&account).0, Action::StepUp);
    assert_eq!(account.refuses, Some(DetectorId::SeparationOfDuties));
    assert_eq!(story.actions(), [Action::StepUp, Action::Deny]);
}
