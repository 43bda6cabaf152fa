//! Sequences of events that read like a story, and the engine that hears them.

#![allow(dead_code, missing_docs, unreachable_pub, clippy::expect_used)]

use std::sync::Arc;

use plumbline_detectors::config::Config;
use plumbline_detectors::witness::{Account, Question};
use plumbline_detectors::{Disposition, Engine, Output};
use plumbline_schemas::command::{Action, Command};
use plumbline_schemas::event::{
    ActionClass, Anonymizer, Event, EventKind, IdentityKind, Outcome, Verdict,
};
use plumbline_schemas::finding::Finding;
use plumbline_schemas::time::EventTime;

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

pub struct City {
    pub name: &'static str,
    pub country: &'static str,
    pub lat: f64,
    pub lon: f64,
    pub ip: &'static str,
    pub asn: u64,
}

pub const OSLO: City = City {
    name: "Oslo",
    country: "NO",
    lat: 59.91,
    lon: 10.75,
    ip: "192.0.2.10",
    asn: 64496,
};
pub const LONDON: City = City {
    name: "London",
    country: "GB",
    lat: 51.51,
    lon: -0.13,
    ip: "192.0.2.40",
    asn: 64497,
};
pub const LIMA: City = City {
    name: "Lima",
    country: "PE",
    lat: -12.05,
    lon: -77.04,
    ip: "203.0.113.9",
    asn: 64498,
};
pub const FRANKFURT: City = City {
    name: "Frankfurt",
    country: "DE",
    lat: 50.11,
    lon: 8.68,
    ip: "198.51.100.7",
    asn: 64499,
};
pub const SYDNEY: City = City {
    name: "Sydney",
    country: "AU",
    lat: -33.87,
    lon: 151.21,
    ip: "198.51.100.99",
    asn: 64500,
};

/// Monday 2026-11-02, midnight, plus so many milliseconds.
pub fn monday(millis: i64) -> EventTime {
    EventTime::parse("2026-11-02T00:00:00Z")
        .expect("a time")
        .plus_millis(millis)
}

/// One event in the making.
#[derive(Clone)]
pub struct Tell(pub Event<'static>);

pub fn call(identity: &str, endpoint: &str) -> Tell {
    let json = format!(
        r#"{{"id":"-","time":"2026-11-02T00:00:00Z","kind":"api",
            "identity":{{"id":"{identity}"}},"action":{{"name":"{endpoint}","class":"read"}}}}"#
    );
    let json: &'static str = Box::leak(json.into_boxed_str());
    Tell(Event::parse(json.as_bytes()).expect("a valid event"))
}

pub fn login(identity: &str) -> Tell {
    let mut tell = call(identity, "login").class(ActionClass::Login);
    tell.0.kind = EventKind::Auth;
    tell
}

impl Tell {
    pub fn kind(mut self, kind: IdentityKind) -> Self {
        self.0.identity.kind = kind.into();
        self
    }
    pub fn class(mut self, class: ActionClass) -> Self {
        self.0.action.class = class.into();
        self
    }
    pub fn from(mut self, city: &City) -> Self {
        let network = &mut self.0.network;
        network.ip = Some(city.ip.into());
        network.lat = Some(city.lat);
        network.lon = Some(city.lon);
        network.accuracy_km = Some(20.0);
        network.city = Some(city.name.into());
        network.country = Some(city.country.into());
        network.asn = Some(city.asn);
        self
    }
    pub fn accuracy(mut self, km: Option<f64>) -> Self {
        self.0.network.accuracy_km = km;
        self
    }
    pub fn through(mut self, anonymizer: Anonymizer) -> Self {
        self.0.network.anonymizer = anonymizer.into();
        self
    }
    pub fn on(mut self, device: &str) -> Self {
        self.0.device.id = Some(device.to_owned().into());
        self
    }
    pub fn session(mut self, session: &str) -> Self {
        self.0.session.id = Some(session.to_owned().into());
        self
    }
    pub fn credential(mut self, credential: &str) -> Self {
        self.0.credential.id = Some(credential.to_owned().into());
        self
    }
    pub fn scope(mut self, scope: &str) -> Self {
        self.0.action.scopes.push(scope.to_owned().into());
        self
    }
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.0.action.outcome = outcome.into();
        self
    }
    pub fn verdict(mut self, verdict: Verdict, command: Option<&str>) -> Self {
        self.0.kind = EventKind::Feedback;
        self.0.feedback.verdict = verdict.into();
        self.0.feedback.command_id = command.map(|id| id.to_owned().into());
        self
    }
    pub fn at(mut self, time: EventTime) -> Self {
        self.0.time = time;
        self
    }
}

/// An engine, and all it has published.
pub struct Story {
    engine: Engine,
    pub outputs: Vec<Output>,
    told: u32,
}

impl Story {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        Self {
            engine: Engine::new(Arc::new(config)),
            outputs: Vec::new(),
            told: 0,
        }
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Applies an event, and gives the account of it that was asked for.
    pub fn tell_and_ask(&mut self, tell: Tell) -> Account {
        self.engine.ask(Question {
            tenant: tell.0.tenant().to_owned(),
            identity: tell.0.identity.id.as_ref().to_owned(),
            time: tell.0.time,
        });
        self.tell(tell);
        let account = self.engine.accounts().last();
        account.expect("an account of the event").clone()
    }

    /// Applies an event under a fresh id.
    pub fn tell(&mut self, tell: Tell) -> Disposition {
        self.told += 1;
        let mut event = tell.0;
        event.id = format!("e{}", self.told).into();
        self.apply(&event)
    }

    pub fn apply(&mut self, event: &Event<'_>) -> Disposition {
        self.engine.apply(event, &mut self.outputs)
    }

    pub fn findings(&self) -> Vec<&Finding> {
        self.outputs
            .iter()
            .filter_map(|output| match output {
                Output::Finding(finding) => Some(&**finding),
                Output::Command(_) | Output::Context(_) => None,
            })
            .collect()
    }

    pub fn commands(&self) -> Vec<&Command> {
        self.outputs
            .iter()
            .filter_map(|output| match output {
                Output::Command(command) => Some(&**command),
                Output::Finding(_) | Output::Context(_) => None,
            })
            .collect()
    }

    pub fn actions(&self) -> Vec<Action> {
        self.commands()
            .iter()
            .map(|command| command.action)
            .collect()
    }

    pub fn found(&self, detector: &str) -> bool {
        self.findings()
            .iter()
            .any(|finding| finding.detector == detector)
    }

    /// Two weeks of office days: a login at nine and a few calls an hour, on one laptop.
    pub fn office_days(&mut self, identity: &str, city: &City, days: i64) {
        for day in 0..days {
            let session = format!("{identity}-{day}");
            let start = day * DAY + 9 * HOUR;
            self.tell(
                login(identity)
                    .from(city)
                    .on("laptop")
                    .session(&session)
                    .at(monday(start)),
            );
            for step in 0..32 {
                let time = monday(start + (step + 1) * 15 * MINUTE);
                self.tell(
                    call(identity, page(step + day * 4))
                        .from(city)
                        .on("laptop")
                        .session(&session)
                        .at(time),
                );
            }
        }
    }

    /// A job that walks its four endpoints every hour, around the clock.
    pub fn job(&mut self, identity: &str, kind: IdentityKind, days: i64) {
        for hour in 0..days * 24 {
            for (step, endpoint) in JOB.into_iter().enumerate() {
                let time = monday(hour * HOUR + step as i64 * 2_000);
                self.tell(job_call(identity, kind, endpoint).at(time));
            }
        }
    }
}

/// What a person in an office looks at, in the usual order.
pub fn page(step: i64) -> &'static str {
    const PAGES: [&str; 5] = ["mail", "calendar", "wiki", "tickets", "files"];
    PAGES[(step * 7) as usize % PAGES.len()]
}

pub const JOB: [&str; 4] = [
    "GET /orders",
    "GET /orders/{id}",
    "POST /invoices",
    "PUT /orders/{id}",
];

pub fn job_call(identity: &str, kind: IdentityKind, endpoint: &str) -> Tell {
    call(identity, endpoint)
        .kind(kind)
        .from(&FRANKFURT)
        .on("host-1")
        .credential("sha256:key")
        .session("run")
}
