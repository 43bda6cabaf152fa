//! Stories with more in them than one session and a few facts: several sessions side by side, long rests, an incident's
//! many revocations, peers, and what is said in other places than the session.

mod story;

use plumbline_detectors::config::{Config, ContentionRule, SeparationRule, Span};
use plumbline_schemas::command::Action;
use plumbline_schemas::event::{
    ActionClass, Anonymizer, EventKind, IdentityKind, Posture, Verdict,
};
use story::*;

const SA: IdentityKind = IdentityKind::ServiceAccount;
const FORTNIGHT: i64 = 14 * DAY;
const NOON: i64 = FORTNIGHT + 12 * HOUR;

/// A person with a fortnight of office days.
fn office(config: Config) -> Story {
    let mut story = Story::with(config);
    story.office_days("ann", &OSLO, 14);
    assert!(story.actions().is_empty(), "{:?}", story.findings());
    story
}

fn console(minute: i64) -> Tell {
    let call = call("ann", "mail").from(&OSLO).on("laptop");
    call.session("console").at(monday(NOON + minute * MINUTE))
}

fn phone(story: &mut Story, minute: i64) {
    let login = login("ann").from(&OSLO).on("laptop").session("phone");
    story.tell(login.at(monday(NOON + minute * MINUTE)));
}

#[test]
fn a_session_that_rested_while_another_began_is_the_session_of_before() {
    let mut story = office(Config::default());
    let begun = login("ann").from(&OSLO).on("laptop").session("console");
    story.tell(begun.at(monday(NOON)));
    phone(&mut story, 75);
    story.tell(console(90).class(ActionClass::Payment));
    assert_eq!(
        story.actions(),
        [Action::StepUp],
        "an authentication of 90 min"
    );

    let mut story = office(Config::default());
    story.tell(console(0));
    phone(&mut story, 75);
    story.tell(console(90).on("another"));
    assert!(story.actions().is_empty());
    story.tell(console(91).on("another").class(ActionClass::Delete));
    assert_eq!(
        story.actions(),
        [Action::StepUp],
        "a device that changed in mid-session"
    );
}

#[test]
fn a_challenge_that_was_passed_does_not_vouch_for_what_the_success_comes_with() {
    let mut story = office(Config::default());
    let strange = |tell: Tell, second: i64| {
        let tell = tell
            .from(&LIMA)
            .on("another")
            .through(Anonymizer::Tor)
            .session("x");
        tell.at(monday(NOON + second * 1000))
    };
    story.tell(strange(call("ann", "mail"), 0));
    assert_eq!(story.actions(), [Action::StepUp]);
    for attempt in 0..8 {
        let failure = login("ann").outcome(plumbline_schemas::event::Outcome::Failure);
        story.tell(strange(failure, 300 + attempt * 20));
    }
    story.tell(strange(login("ann"), 540));
    assert_eq!(story.actions(), [Action::StepUp, Action::RevokeSession]);
}

#[test]
fn who_breaks_the_glass_is_asked_and_nothing_else() {
    let mut config = Config::default();
    config.policy.break_glass = vec!["ann".to_owned()];
    config.policy.separation = vec![SeparationRule {
        actions: ["ticket", "pay"].map(str::to_owned).to_vec(),
        within: Span::minutes(10),
    }];
    let mut story = office(config);
    story.tell(
        login("ann")
            .from(&OSLO)
            .on("laptop")
            .session("console")
            .at(monday(NOON)),
    );
    let action = |name: &str, minute| {
        let mut tell = console(minute);
        tell.0.action.name = name.to_owned().into();
        tell
    };
    story.tell(action("ticket", 1).class(ActionClass::Write));
    story.tell(action("pay", 2).class(ActionClass::Payment));
    assert_eq!(story.actions(), [Action::StepUp]);
}

#[test]
fn the_first_of_many_revoked_sessions_is_still_revoked() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    let session = |number: i64| job_call("svc", SA, JOB[0]).session(&format!("s{number}"));
    for number in 0..30 {
        story.tell(session(number).at(monday(FORTNIGHT + number * 20_000)));
    }
    for number in 0..30 {
        let revoked = session(number).class(ActionClass::TokenRevoke);
        let mut revoked = revoked.at(monday(FORTNIGHT + 15 * MINUTE + number * 1000));
        (revoked.0.kind, revoked.0.credential.id) = (EventKind::Token, None);
        story.tell(revoked);
    }
    story.tell(session(0).at(monday(FORTNIGHT + 20 * MINUTE)));
    // So many sessions at once are asked about on the way.
    assert_eq!(story.actions().last(), Some(&Action::RevokeAll));
}

#[test]
fn every_live_session_on_a_stolen_credential_is_answered() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    let session = |number: i64| job_call("svc", SA, JOB[0]).session(&format!("s{number}"));
    for number in 0..20 {
        story.tell(session(number).at(monday(FORTNIGHT + number * 20_000)));
    }
    let stolen = session(19).verdict(Verdict::TruePositive, None);
    story.tell(stolen.at(monday(FORTNIGHT + 10 * MINUTE)));
    let mut answered: Vec<_> = story
        .commands()
        .iter()
        .map(|it| it.target.session_id.clone())
        .collect();
    answered.sort();
    answered.dedup();
    assert_eq!(answered.len(), 20);
}

#[test]
fn a_credential_that_was_stolen_from_somebody_unheard_of() {
    let mut story = Story::new();
    story.job("svc", SA, 14);
    let stolen = call("vault", "report").kind(SA).credential("sha256:key");
    let stolen = stolen.verdict(Verdict::TruePositive, None);
    story.tell(stolen.at(monday(FORTNIGHT - HOUR + MINUTE)));
    assert_eq!(story.actions(), [Action::RevokeSession]);
    assert_eq!(story.commands()[0].target.identity, "svc");
}

/// Five of a group, of whom four export two megabytes a day.
fn group() -> Story {
    let mut story = Story::new();
    let names = ["ann", "bea", "cem", "dag", "eva"];
    for name in names {
        story.office_days(name, &OSLO, 14);
    }
    story
}

fn export(who: &str, time: i64, bytes: u64) -> Tell {
    let export = call(who, "export")
        .class(ActionClass::Export)
        .from(&OSLO)
        .on("laptop");
    let mut export = export.session(&format!("{who}-{time}")).at(monday(time));
    export.0.identity.groups = vec!["finance".into()];
    export.0.session.authenticated_at = Some(export.0.time);
    export.0.action.bytes_out = Some(bytes);
    export
}

#[test]
fn what_peers_take_is_no_cover_for_what_they_never_took() {
    for (bytes, expected) in [(2 << 20, None), (5_000 << 20, Some(Action::RevokeSession))] {
        let mut story = group();
        // Each has calls that say how much they took.
        for day in 0..14 {
            for (hour, name) in (9..17)
                .flat_map(|hour| ["ann", "bea", "cem", "dag", "eva"].map(|name| (hour, name)))
            {
                let mut read = call(name, "wiki")
                    .from(&OSLO)
                    .on("laptop")
                    .session(&format!("{name}-{day}"));
                read.0.action.bytes_out = Some(40_000);
                story.tell(read.at(monday(14 * DAY + day * DAY + hour * HOUR)));
            }
            for name in ["bea", "cem", "dag", "eva"] {
                story.tell(export(name, 14 * DAY + day * DAY + 11 * HOUR, 2 << 20));
            }
        }
        let before = story.outputs.len();
        story.tell(export("ann", 28 * DAY + 11 * HOUR, bytes));
        let given = story.outputs.split_off(before);
        let actions = given.iter().filter_map(|output| match output {
            plumbline_detectors::Output::Command(command) => Some(command.action),
            _ => None,
        });
        assert_eq!(actions.max(), expected, "{bytes}: {given:?}");
    }
}

#[test]
fn a_device_manager_speaks_of_every_session_on_the_device() {
    let mut story = office(Config::default());
    let mut admin = console(0).class(ActionClass::Admin);
    admin.0.device.posture = Posture::Compliant.into();
    story.tell(
        login("ann")
            .from(&OSLO)
            .on("laptop")
            .session("console")
            .at(monday(NOON - MINUTE)),
    );
    story.tell(admin);
    let mut told = call("ann", "compliance")
        .class(ActionClass::Posture)
        .on("laptop");
    told.0.kind = EventKind::Device;
    told.0.device.posture = Posture::NonCompliant.into();
    story.tell(told.at(monday(NOON + 5 * MINUTE)));
    assert_eq!(story.actions(), [Action::RevokeSession]);
    let target = &story.commands()[0].target;
    assert_eq!(target.session_id.as_deref(), Some("console"));
}

#[test]
fn approvals_that_are_refused_again_and_again_wherever_that_is_said() {
    let mut story = office(Config::default());
    story.tell(console(0));
    for minute in 1..=3 {
        let refused = console(minute).verdict(Verdict::Rejected, None);
        story.tell(refused);
    }
    assert_eq!(story.actions(), [Action::RevokeSession]);
}

#[test]
fn a_rule_that_looks_back_less_far_does_not_blind_one_that_looks_further() {
    let mut config = Config::default();
    config.policy.contention = [("a*", 5), ("b*", 180)]
        .map(|(resource, minutes)| ContentionRule {
            resource: resource.to_owned(),
            within: Span::minutes(minutes),
        })
        .to_vec();
    let mut story = Story::with(config);
    let change = |who: &str, kind, resource: &str, minute: i64| {
        let mut change = call(who, "put")
            .kind(kind)
            .class(ActionClass::Write)
            .session(who);
        change.0.action.resource = Some(resource.to_owned().into());
        change.0.action.environment = Some("production".into());
        change.at(monday(minute * MINUTE))
    };
    story.tell(change("ann", IdentityKind::Human, "b1", 0));
    story.tell(change("bot", SA, "a1", 90));
    story.tell(change("bot", SA, "b1", 120));
    assert_eq!(story.actions(), [Action::Pause]);
}

#[test]
fn a_run_more_a_week_is_asked_about_three_times() {
    let mut story = Story::new();
    let run = |story: &mut Story, day: i64, hour: i64| {
        for (step, endpoint) in JOB.into_iter().enumerate() {
            let time = monday(day * DAY + hour * HOUR + step as i64 * 2_000);
            story.tell(
                job_call("job", SA, endpoint)
                    .session(&format!("{day}-{hour}"))
                    .at(time),
            );
        }
    };
    for day in 0..84 {
        run(&mut story, day, 2);
        // From the fourth week on, on Sundays.
        if day % 7 == 6 && day > 21 {
            run(&mut story, day, 9);
        }
    }
    assert_eq!(story.actions(), [Action::StepUp; 3]);
}

#[test]
fn an_export_that_an_account_makes_from_its_first_night_on() {
    let mut story = Story::new();
    for day in 0..30 {
        for hour in 0..24 {
            let mut read = job_call("job", SA, JOB[0]);
            read.0.action.bytes_out = Some(5_000);
            story.tell(read.at(monday(day * DAY + hour * HOUR)));
        }
        let mut export = job_call("job", SA, "POST /export").class(ActionClass::Export);
        export.0.action.bytes_out = Some(50 << 20);
        story.tell(export.at(monday(day * DAY + 14 * HOUR + MINUTE)));
    }
    let actions = story.actions();
    assert!(
        actions.len() <= 3 && actions.iter().all(|action| *action == Action::StepUp),
        "{actions:?}"
    );
}

#[test]
fn a_large_export_at_the_end_of_every_month_ends_one_session_and_no_more() {
    let mut story = Story::new();
    for day in 0..100 {
        for hour in 0..24 {
            let mut read = job_call("job", SA, JOB[0]).session(&format!("{day}"));
            read.0.action.bytes_out = Some(5_000);
            story.tell(read.at(monday(day * DAY + hour * HOUR)));
        }
        if day % 30 == 28 {
            let mut export = job_call("job", SA, "POST /export").class(ActionClass::Export);
            export.0.action.bytes_out = Some(500 << 20);
            let export = export.session(&format!("{day}"));
            story.tell(export.at(monday(day * DAY + 14 * HOUR + MINUTE)));
        }
    }
    let ended = story
        .commands()
        .into_iter()
        .filter(|it| it.action != Action::StepUp);
    let ended: Vec<_> = ended
        .map(|it| (it.time, it.reason.summary.clone()))
        .collect();
    assert_eq!(ended.len(), 1, "{ended:#?}");
    // A call once a month is still asked about as a call.
    assert!(
        story.commands()[1..]
            .iter()
            .all(|it| it.reason.detectors == ["scope_drift"])
    );
}
