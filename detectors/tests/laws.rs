//! The laws of the engine, on random logs.

#![allow(clippy::expect_used, missing_docs)]

mod story;

use plumbline_detectors::config::{Condition, Config, PolicyRule, RuleAction, Span};
use plumbline_detectors::state::Entry;
use plumbline_detectors::witness::Question;
use plumbline_detectors::{Engine, Output};
use plumbline_schemas::event::{ActionClass, Event, IdentityKind};
use proptest::prelude::*;
use story::*;

/// A log of a few identities that do odd things, so that there is something to publish.
fn log(choices: &[(u8, u8, u8, u16)]) -> Vec<Event<'static>> {
    const ENDPOINTS: [&str; 6] = [
        "list",
        "read",
        "write",
        "vault:read",
        "iam:attach",
        "export",
    ];
    let mut now = 0;
    let mut events = Vec::new();
    for (at, &(who, what, city, step)) in choices.iter().enumerate() {
        now += i64::from(step) * 40_000;
        let city = [&OSLO, &OSLO, &OSLO, &LIMA, &SYDNEY][usize::from(city) % 5];
        let endpoint = ENDPOINTS[usize::from(what) % ENDPOINTS.len()];
        let identity = format!("id-{}", who % 4);
        let kind = IdentityKind::ALL[usize::from(who) % 4];
        let class = if what % 6 > 2 {
            ActionClass::Secret
        } else {
            ActionClass::Read
        };
        let tell = call(&identity, endpoint)
            .kind(kind)
            .class(class)
            .from(city)
            .session(&identity);
        let mut event = tell.at(monday(now)).0;
        event.id = format!("e{at}").into();
        events.push(event);
    }
    events
}

fn publish(events: &[Event<'_>]) -> Vec<Output> {
    publish_under(&Config::default(), events)
}

/// An operator's rules, and bots that are waited for.
fn ruled() -> Config {
    let mut config = Config::default();
    config.policy.acknowledge.within = Some(Span::minutes(30));
    config.policy.rule = [
        ("identity.id == \"id-1\"", RuleAction::None),
        ("action.class == \"secret\"", RuleAction::RevokeSession),
        ("findings.exists(f, f.bits > 30)", RuleAction::Pause),
    ]
    .into_iter()
    .map(|(when, action)| PolicyRule {
        name: action.as_str().to_owned(),
        when: Condition::parse(when).expect(when),
        action,
        max_age: None,
        expires_in: None,
    })
    .collect();
    config
}

fn publish_under(config: &Config, events: &[Event<'_>]) -> Vec<Output> {
    apply(&mut Engine::new(config.clone().into()), events)
}

fn apply(engine: &mut Engine, events: &[Event<'_>]) -> Vec<Output> {
    let mut outputs = Vec::new();
    for event in events {
        engine.apply(event, &mut outputs);
    }
    // Timers wait for the clock, whoever moves it.
    if let Some(last) = events.iter().map(|event| event.time).max() {
        let mut later = call("somebody-else", "read").at(last.plus_millis(DAY)).0;
        later.id = "later".into();
        engine.apply(&later, &mut outputs);
    }
    outputs
}

/// What is published and remembered while somebody asks about this, and the ids of which there is an account.
fn asked(
    config: &Config,
    events: &[Event<'_>],
    question: Option<Question>,
) -> (Vec<Output>, Vec<Entry>, Vec<String>) {
    let mut engine = Engine::new(config.clone().into());
    if let Some(question) = question {
        engine.ask(question);
    }
    let outputs = apply(&mut engine, events);
    let accounts = engine.accounts().iter();
    let accounted = accounts.flat_map(|account| account.published.clone());
    let accounted = accounted.collect();
    engine.keep_account();
    let mut entries = engine.begin_checkpoint(0);
    while let Some(more) = engine.write_checkpoint(64) {
        entries.extend(more);
    }
    (outputs, entries, accounted)
}

fn of(outputs: &[Output], identity: &str) -> Vec<Output> {
    let mine = |output: &&Output| match output {
        Output::Finding(finding) => finding.identity.id == identity,
        Output::Command(command) => command.target.identity == identity,
        Output::Context(_) => false,
    };
    outputs.iter().filter(mine).cloned().collect()
}

fn choices() -> impl Strategy<Value = Vec<(u8, u8, u8, u16)>> {
    prop::collection::vec(
        any::<(u8, u8, u8, u16)>().prop_map(|(a, b, c, d)| (a, b, c, d % 400)),
        1..400,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_log_gives_the_same_outputs(choices in choices()) {
        let events = log(&choices);
        prop_assert_eq!(publish(&events), publish(&events));
    }

    #[test]
    fn what_is_published_of_one_identity_does_not_depend_on_the_others(choices in choices()) {
        let events = log(&choices);
        let all = publish(&events);
        for identity in ["id-0", "id-1", "id-2", "id-3"] {
            let alone: Vec<_> = events.iter().filter(|event| event.identity.id == identity).cloned().collect();
            // One thing of the log is everybody's: its clock. It only decides what is late and what is due.
            prop_assert_eq!(of(&all, identity), publish(&alone));
        }
    }

    #[test]
    fn a_log_delivered_twice_publishes_once(choices in choices()) {
        let events = log(&choices);
        let twice: Vec<_> = events.iter().flat_map(|event| [event.clone(), event.clone()]).collect();
        prop_assert_eq!(publish(&events), publish(&twice));
    }

    #[test]
    fn rules_and_waiting_keep_the_laws(choices in choices()) {
        let (config, events) = (ruled(), log(&choices));
        let all = publish_under(&config, &events);
        prop_assert_eq!(&all, &publish_under(&config, &events));
        let twice: Vec<_> = events.iter().flat_map(|event| [event.clone(), event.clone()]).collect();
        prop_assert_eq!(&all, &publish_under(&config, &twice));
        for identity in ["id-0", "id-1", "id-2", "id-3"] {
            let alone: Vec<_> = events.iter().filter(|event| event.identity.id == identity).cloned().collect();
            prop_assert_eq!(of(&all, identity), publish_under(&config, &alone));
        }
        for output in &all {
            if let Output::Finding(finding) = output {
                prop_assert!(!finding.event_ids.is_empty() && finding.evidence.len() > 1);
            }
        }
    }

    #[test]
    fn who_asks_why_changes_nothing_and_is_told(choices in choices()) {
        let (config, events) = (ruled(), log(&choices));
        let (outputs, state, _) = asked(&config, &events, None);
        let commands = outputs.iter().filter_map(|output| match output {
            Output::Command(command) => Some(command),
            _ => None,
        });
        for command in commands.take(6) {
            let question = Question {
                tenant: command.target.tenant.clone(),
                identity: command.target.identity.clone(),
                time: command.time,
            };
            let (again, also, accounted) = asked(&config, &events, Some(question));
            prop_assert_eq!(&again, &outputs);
            prop_assert_eq!(&also, &state);
            // A timer has no event.
            let target = &command.target.identity;
            let mut of_event = events.iter().filter(|event| event.identity.id == **target);
            let is_of_event = of_event.any(|event| event.time == command.time);
            prop_assert_eq!(accounted.contains(&command.id), is_of_event);
        }
    }

    #[test]
    fn ids_are_unique_and_every_command_names_findings_that_exist(choices in choices()) {
        let outputs = publish(&log(&choices));
        let mut ids = std::collections::BTreeSet::new();
        for output in &outputs {
            match output {
                Output::Finding(finding) => {
                    prop_assert!(ids.insert(finding.id.clone()));
                    prop_assert!(finding.surprise_bits.is_finite());
                    prop_assert!(!finding.event_ids.is_empty() && !finding.summary.is_empty());
                }
                Output::Command(command) => {
                    prop_assert!(ids.insert(command.id.clone()));
                    prop_assert!(!command.reason.finding_ids.is_empty());
                    prop_assert!(command.reason.finding_ids.iter().all(|id| ids.contains(id)));
                    prop_assert!(command.expires_at > command.time);
                }
                Output::Context(_) => prop_assert!(false, "the whole log needs none"),
            }
        }
    }

    #[test]
    fn no_event_makes_the_engine_panic(
        raw in prop::collection::vec(
            (any::<i64>(), any::<f64>(), any::<f64>(), any::<f64>(), "[a-z/*]{0,12}", any::<u64>()), 1..60,
        ),
    ) {
        let mut engine = Engine::new(Default::default());
        let mut outputs = Vec::new();
        for (at, (millis, lat, lon, km, name, count)) in raw.into_iter().enumerate() {
            let mut event = call("x", "y").from(&OSLO).at(plumbline_schemas::time::EventTime::from_millis(millis)).0;
            event.id = format!("{at}").into();
            (event.network.lat, event.network.lon) = (Some(lat), Some(lon));
            event.network.accuracy_km = Some(km);
            event.action.name = name.into();
            event.action.bytes_out = Some(count);
            engine.apply(&event, &mut outputs);
        }
    }
}

#[test]
fn the_random_logs_have_something_to_publish() {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let choices: Vec<_> = (0..400)
        .map(|_| (next(), next(), next(), u16::from(next())))
        .collect();
    let outputs = publish(&log(&choices));
    let commands = outputs
        .iter()
        .filter(|output| matches!(output, Output::Command(_)))
        .count();
    assert!(
        commands >= 4 && outputs.len() > 2 * commands,
        "{commands} of {}",
        outputs.len()
    );
}
