//! A story: events in the order in which they arrive, and the configuration they meet.

use std::sync::Arc;

use plumbline_detectors::Output;
use plumbline_detectors::config::{Config, PolicyConfig};
use plumbline_schemas::event::Event;
use serde_json::{Value, json};

use crate::{Actor, Before, Dice, Draft, Ran, clock, durably, undisturbed};

/// The seeds of every test, unless `CATALOGUE_SEEDS` says how many.
const SEEDS: [u64; 3] = [1, 7, 42];

/// A story of the catalogue.
#[derive(Clone, Debug)]
pub struct Story {
    /// What varies with the seed.
    pub dice: Dice,
    row: String,
    seed: u64,
    config: Config,
    drafts: Vec<(String, Draft)>,
    begins: Option<i64>,
}

/// One event as the engine gets it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) arrival: i64,
    pub(crate) json: String,
}

impl Line {
    fn event(&self) -> Event<'_> {
        Event::parse(self.json.as_bytes())
            .unwrap_or_else(|reject| panic!("{reject}: {}", self.json))
    }
}

/// Tells a story once per seed.
pub fn each_seed(row: &str, tell: impl Fn(&mut Story)) {
    let wanted: Option<u64> = std::env::var("CATALOGUE_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok());
    match wanted {
        Some(count) => (0..count).for_each(|seed| tell(&mut Story::new(row, seed))),
        None => SEEDS
            .iter()
            .for_each(|seed| tell(&mut Story::new(row, *seed))),
    }
}

impl Story {
    /// An empty story of a row of the catalogue.
    pub fn new(row: &str, seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            row: row.to_owned(),
            seed,
            config: Config::default(),
            drafts: Vec::new(),
            begins: None,
        }
    }

    /// Sets `[policy]` as the configuration file would: what is not named keeps its default.
    pub fn policy(&mut self, policy: Value) {
        let policy: PolicyConfig = serde_json::from_value(policy).expect("a policy");
        self.config.policy = policy;
    }

    /// How many days of ordinary life come first: 2 to 6 weeks, ending between Monday and Wednesday, so
    /// that the next two days are working days too.
    pub fn history_days(&mut self) -> i64 {
        let weeks = self.dice.between(2, 5);
        weeks * 7 + self.dice.between(1, 3)
    }

    /// Adds an event, and tells its id.
    pub fn add(&mut self, draft: Draft) -> String {
        let id = format!("evt-{}-{}", self.seed, self.drafts.len());
        self.drafts.push((id.clone(), draft));
        id
    }

    /// Somebody who has nothing to do with it moves the clock.
    pub fn clock_passes(&mut self, time: i64) {
        let name = format!("bystander-{}", self.drafts.len());
        let bystander = Actor::service(&name);
        self.add(bystander.does("read", "GET /healthz").at(time));
    }

    /// From here on it is no ordinary life: what came before must have been silent.
    pub fn begins(&mut self, time: i64) {
        self.begins = Some(time);
    }

    /// What the engine makes of it.
    pub fn run(&self) -> Ran {
        self.run_lines(&self.lines())
    }

    /// What the engine makes of it if each record is delivered twice, the second a little later.
    pub fn run_twice_delivered(&self, later: usize) -> Ran {
        let lines = self.lines();
        let mut doubled = Vec::with_capacity(2 * lines.len());
        for at in 0..lines.len() + later {
            doubled.extend(lines.get(at).cloned());
            let again = at.checked_sub(later).and_then(|at| lines.get(at));
            doubled.extend(again.cloned());
        }
        self.run_lines(&doubled)
    }

    /// What the engine makes of it if records arrive up to so much later than they happened.
    pub fn run_shuffled(&self, reach: i64) -> Ran {
        let mut dice = Dice::new(self.seed ^ 0x5eed);
        let mut lines = self.lines();
        for line in &mut lines {
            line.arrival += dice.between(0, reach);
        }
        lines.sort_by_key(|line| line.arrival);
        self.run_lines(&lines)
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self
            .drafts
            .iter()
            .map(|(id, draft)| line(id, draft))
            .collect();
        lines.sort_by_key(|line| line.arrival);
        lines
    }

    fn run_lines(&self, lines: &[Line]) -> Ran {
        let events: Vec<_> = lines.iter().map(Line::event).collect();
        let outputs = self.run_events(&events);
        let mut ran = Ran::new(&self.row, self.seed, self.begins);
        for output in outputs {
            match output {
                Output::Finding(finding) => ran.findings.push(*finding),
                Output::Command(command) => ran.commands.push(*command),
                Output::Context(_) => {}
            }
        }
        ran
    }
}

impl Story {
    /// What the engine publishes, which is the same however often it loses its memory.
    fn run_events(&self, events: &[Event<'_>]) -> Vec<Output> {
        let config = Arc::new(self.config.clone());
        let undisturbed = undisturbed(&config, events);
        let mut dice = Dice::new(self.seed ^ 0xd1ce);
        let few = (events.len() as i64 / 8).max(2);
        let disturbed = durably(&config, events, |_| Before {
            begins: dice.between(0, few / 4) == 0,
            writes: dice.between(0, 3) as usize,
            crashes: dice.between(0, few) == 0,
        });
        assert!(
            undisturbed == disturbed,
            "row {}, seed {}: state that was written and read again led to something else",
            self.row,
            self.seed
        );
        undisturbed.outputs
    }
}

fn line(id: &str, draft: &Draft) -> Line {
    assert!(draft.time > 0, "no time: {}", draft.value);
    let mut value = draft.value.clone();
    value["id"] = json!(id);
    value["time"] = json!(clock::written(draft.time));
    value["source"] = json!("native");
    Line {
        arrival: draft.arrival,
        json: value.to_string(),
    }
}
