//! Engines of several partitions: what one identity does concerns others who are elsewhere.

#![allow(clippy::expect_used, missing_docs)]

mod story;

use std::sync::Arc;

use plumbline_detectors::config::{Config, ContentionRule, Span};
use plumbline_detectors::{Engine, Output};
use plumbline_schemas::command::{Action, Command};
use plumbline_schemas::event::{ActionClass, Delegate, Event, IdentityKind, Verdict};
use story::*;

/// Two engines, and a log of two partitions: by the length of an identity's name.
struct Partitions {
    engines: [Engine; 2],
    commands: Vec<Command>,
    told: u32,
}

impl Partitions {
    fn new(config: Config) -> Self {
        let config = Arc::new(config);
        let engine = || Engine::of_partition(Arc::clone(&config), 2);
        Self {
            engines: [engine(), engine()],
            commands: Vec::new(),
            told: 0,
        }
    }

    fn tell(&mut self, tell: Tell) {
        self.told += 1;
        let mut event = tell.0;
        event.id = format!("e{}", self.told).into();
        let partition = event.identity.id.len() % 2;
        self.apply(partition, &event);
    }

    fn apply(&mut self, partition: usize, event: &Event<'_>) {
        let mut outputs = Vec::new();
        self.engines[partition].apply(event, &mut outputs);
        for output in outputs {
            match output {
                Output::Command(command) => self.commands.push(*command),
                Output::Context(value) => {
                    let record = Event::parse(&value).expect("a context record is an event");
                    self.apply(1 - partition, &record);
                }
                Output::Finding(_) => {}
            }
        }
    }

    fn answered(&self, identity: &str) -> Vec<Action> {
        let own = self.commands.iter();
        own.filter(|command| command.target.identity == identity)
            .map(|command| command.action)
            .collect()
    }
}

fn changes(identity: &str, kind: IdentityKind, minute: i64) -> Tell {
    let mut tell = call(identity, "PATCH /deployments/{id}")
        .kind(kind)
        .class(ActionClass::Write)
        .session("s")
        .at(monday(minute * MINUTE));
    tell.0.action.resource = Some("k8s/payments".into());
    tell.0.action.environment = Some("production".into());
    tell
}

#[test]
fn a_machine_waits_for_a_person_of_another_partition_whoever_comes_first() {
    for person_first in [true, false] {
        let mut config = Config::default();
        config.policy.contention.push(ContentionRule {
            resource: "*".to_owned(),
            within: Span::minutes(5),
        });
        let mut log = Partitions::new(config);
        let (person, machine) = match person_first {
            true => (1, 2),
            false => (2, 1),
        };
        let mut tells = [
            (person, changes("eve", IdentityKind::Human, person)),
            (
                machine,
                changes("bots", IdentityKind::ServiceAccount, machine),
            ),
        ];
        tells.sort_by_key(|(minute, _)| *minute);
        tells.into_iter().for_each(|(_, tell)| log.tell(tell));
        assert_eq!(log.answered("bots"), [Action::Pause], "{person_first}");
        assert!(log.answered("eve").is_empty());
        // Leave to use a tool is not what it waits for.
        let approval = call("bots", "approve")
            .session("s")
            .verdict(Verdict::Approved, None);
        log.tell(approval.at(monday(3 * MINUTE)));
        assert_eq!(log.answered("bots"), [Action::Pause], "{person_first}");
    }
}

#[test]
fn a_device_that_is_compromised_is_asked_about_in_every_partition() {
    let mut log = Partitions::new(Config::default());
    for (minute, who) in [(0, "eve"), (1, "adam")] {
        log.tell(
            login(who)
                .on("laptop-7")
                .session(who)
                .at(monday(minute * MINUTE)),
        );
    }
    let mut stolen = call("eve", "report")
        .session("eve")
        .verdict(Verdict::TruePositive, None)
        .at(monday(2 * MINUTE));
    // As long as an id may be: what tells of it has one of its own.
    stolen.0.id = "x".repeat(128).into();
    log.apply(1, &stolen.0);
    assert_eq!(log.answered("eve"), [Action::RevokeSession]);
    assert_eq!(log.answered("adam"), [Action::StepUp]);
}

/// A partition that is ahead hears of it later, and still asks about what was in use then.
#[test]
fn a_session_is_related_by_what_it_was_at_that_time() {
    let mut log = Partitions::new(Config::default());
    log.tell(login("eve").on("laptop-7").session("eve").at(monday(0)));
    let before = (0..12).map(|nth| (nth * 10, "before"));
    let after = (2..12).map(|nth| (nth * 10 + 1, "after"));
    for (minute, session) in before.chain(after) {
        let used = call("adam", "mail.read").on("laptop-7").session(session);
        log.tell(used.at(monday(minute * MINUTE)));
    }
    let stolen = call("eve", "report").session("eve");
    let stolen = stolen.verdict(Verdict::TruePositive, None);
    log.tell(stolen.at(monday(10 * MINUTE)));
    let of_adam = log.commands.iter();
    let of_adam = of_adam.filter(|command| command.target.identity == "adam");
    let asked: Vec<_> = of_adam
        .map(|command| command.target.session_id.as_deref())
        .collect();
    assert_eq!(asked, [Some("before")]);
}

#[test]
fn agents_of_one_person_are_asked_about_when_one_is_compromised() {
    let mut log = Partitions::new(Config::default());
    let agents = [(0, "one", "ann"), (1, "four", "ann"), (2, "three", "bob")];
    for (minute, who, person) in agents {
        let mut tell = call(who, "tool:doc.read").kind(IdentityKind::AiAgent);
        tell.0.delegation = vec![Delegate {
            id: person.to_owned().into(),
            kind: IdentityKind::Human.into(),
        }];
        log.tell(tell.session(who).at(monday(minute * MINUTE)));
    }
    let stolen = call("one", "report").session("one");
    let stolen = stolen.verdict(Verdict::TruePositive, None);
    log.tell(stolen.at(monday(3 * MINUTE)));
    assert_eq!(log.answered("one"), [Action::RevokeSession]);
    assert_eq!(log.answered("four"), [Action::StepUp]);
    assert!(log.answered("three").is_empty());
}

#[test]
fn a_tick_ends_a_window_in_a_quiet_partition() {
    let mut log = Partitions::new(Config::default());
    let mut granted = call("eve", "access.granted").session("s").at(monday(0));
    granted.0.session.jit_until = Some(monday(HOUR));
    log.tell(granted);
    assert_eq!(log.engines[1].next_timer(), Some(monday(HOUR)));
    log.apply(1, &plumbline_detectors::context::tick(monday(HOUR)));
    assert_eq!(log.answered("eve"), [Action::RevokeSession]);
    assert_eq!(log.commands[0].time, monday(HOUR));
}
