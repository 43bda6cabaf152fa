//! However the log is split, the same is found and commanded: what shows only when many do it is told across.

#![allow(missing_docs, clippy::expect_used)]

mod story;

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use plumbline_detectors::config::Config;
use plumbline_detectors::context::tick;
use plumbline_detectors::{Engine, Output};
use plumbline_replay_data::{Options, Simulation};
use plumbline_schemas::event::{Event, Outcome, Verdict};
use plumbline_schemas::time::EventTime;
use story::{DAY, MINUTE, Tell, call, login, monday};

/// A log of so many partitions, each with its engine; what one tells the others have at once.
struct Log {
    engines: Vec<Engine>,
    /// Findings and commands, as JSON.
    published: Vec<String>,
    /// How many records of each name were told.
    told: BTreeMap<String, usize>,
}

impl Log {
    fn split(partitions: u32, config: &Arc<Config>) -> Self {
        let engine = |_| Engine::of_partition(Arc::clone(config), partitions);
        Self {
            engines: (0..partitions).map(engine).collect(),
            published: Vec::new(),
            told: BTreeMap::new(),
        }
    }

    fn take(&mut self, event: &Event<'_>) {
        let mut hasher = DefaultHasher::new();
        (event.tenant(), &*event.identity.id).hash(&mut hasher);
        let at = hasher.finish() as usize % self.engines.len();
        let mut waiting = VecDeque::from(
            self.apply(at, event)
                .into_iter()
                .map(|it| (at, it))
                .collect::<Vec<_>>(),
        );
        while let Some((from, value)) = waiting.pop_front() {
            let record = Event::parse(&value).expect("a context record is an event");
            *self.told.entry(record.action.name.to_string()).or_default() += 1;
            for other in (0..self.engines.len()).filter(|other| *other != from) {
                waiting.extend(self.apply(other, &record).into_iter().map(|it| (other, it)));
            }
        }
    }

    fn apply(&mut self, at: usize, event: &Event<'_>) -> Vec<Vec<u8>> {
        let (mut outputs, mut told) = (Vec::new(), Vec::new());
        self.engines[at].apply(event, &mut outputs);
        for output in outputs {
            match output {
                Output::Finding(finding) => self
                    .published
                    .push(serde_json::to_string(&finding).expect("JSON")),
                Output::Command(command) => self
                    .published
                    .push(serde_json::to_string(&command).expect("JSON")),
                Output::Context(value) => told.push(value),
            }
        }
        told
    }

    /// What was published, in an order of its own: between partitions there is none.
    fn end(mut self, time: EventTime) -> Vec<String> {
        for at in 0..self.engines.len() {
            let told = self.apply(at, &tick(time));
            assert!(told.is_empty());
        }
        self.published.sort();
        self.published
    }
}

#[test]
fn an_organisation_is_judged_alike_whatever_the_number_of_partitions() {
    let options = Options {
        seed: 5,
        identities: 160,
        days: 21,
        ..Options::default()
    };
    let config = Arc::default();
    let mut logs = [1, 2, 12].map(|partitions| Log::split(partitions, &config));
    let mut last = EventTime::default();
    for arrival in Simulation::new(&options).expect("right options") {
        last = last.max(arrival.event.time);
        logs.iter_mut().for_each(|log| log.take(&arrival.event));
    }
    assert!(logs[0].told.is_empty(), "nobody to be told");
    assert!(logs[2].told["plumbline.used"] > 0);
    assert!(logs[2].told["plumbline.commanded"] > 0);
    let [one, two, twelve] = logs.map(|log| log.end(last.plus_millis(DAY)));
    assert!(one.len() > 10);
    assert_eq!(one, two);
    assert_eq!(one, twelve);
}

/// What a log of so many partitions has published.
fn judged(partitions: u32, config: &Arc<Config>, tells: &[Tell]) -> Vec<String> {
    let mut log = Log::split(partitions, config);
    for (number, tell) in tells.iter().enumerate() {
        let mut event = tell.0.clone();
        event.id = format!("e{number}").into();
        log.take(&event);
    }
    log.end(monday(60 * DAY))
}

fn people() -> impl Iterator<Item = (i64, String)> {
    (0..24).map(|number| (number, format!("person-{number}")))
}

#[test]
fn an_outage_is_one_in_every_partition() {
    let mut tells = Vec::new();
    for day in 0..10 {
        let at = |(number, who): (i64, String)| {
            login(&who)
                .on(&who)
                .session(&who)
                .at(monday(day * DAY + number * MINUTE))
        };
        tells.extend(people().map(at));
    }
    for minute in 0..10 {
        let fail = |(number, who): (i64, String)| {
            login(&who)
                .on(&who)
                .outcome(Outcome::Failure)
                .at(monday(10 * DAY + minute * MINUTE + number * 1000))
        };
        tells.extend(people().map(fail));
    }
    let at = |(number, who): (i64, String)| {
        login(&who)
            .on(&who)
            .session("new")
            .at(monday(10 * DAY + 10 * MINUTE + number * 1000))
    };
    tells.extend(people().map(at));
    let published = [1, 12].map(|partitions| judged(partitions, &Arc::default(), &tells));
    assert_eq!(published[0], published[1]);
    assert_eq!(published[0], Vec::<String>::new());
}

#[test]
fn the_breaker_counts_the_commands_of_every_partition() {
    let mut config = Config::default();
    config.policy.breaker.minimum = 6;
    let mut tells = Vec::new();
    tells.extend(people().map(|(number, who)| login(&who).session(&who).at(monday(number * 1000))));
    let stolen = |(number, who): (i64, String)| {
        let report = call(&who, "report")
            .session(&who)
            .verdict(Verdict::TruePositive, None);
        report.at(monday(MINUTE + number * 1000))
    };
    tells.extend(people().map(stolen));
    let published = judged(12, &Arc::new(config), &tells);
    let enforced = published
        .iter()
        .filter(|it| it.contains("\"mode\":\"enforce\""));
    assert_eq!(enforced.count(), 5, "{published:#?}");
}
