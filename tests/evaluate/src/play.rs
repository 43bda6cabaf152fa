//! Puts a population through the engine, with what people and bots would answer.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline_detectors::config::{Config, PolicyMode};
use plumbline_detectors::{Engine, Output};
use plumbline_replay_data::{Arrival, Label, Options, Simulation};
use plumbline_schemas::command::{Action, Command};
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;
use serde_json::json;

use crate::calibration::Watch;
use crate::rules::Rules;

/// Somebody innocent who is asked for more proof gives it after so long.
const PROVES_AFTER_MS: i64 = 100_000;
/// Somebody approves what was paused for no reason after so long.
const APPROVES_AFTER_MS: i64 = 600_000;
/// After an attack the identity is not innocent for so long.
pub(crate) const AFTERMATH_MS: i64 = 24 * 3_600_000;

/// A command, and what a rule says of it.
pub(crate) struct Given {
    pub(crate) command: Command,
    /// The rule that demands it whatever the baseline.
    pub(crate) rule: Option<&'static str>,
    pub(crate) trigger: String,
}

/// What became of a population.
pub(crate) struct Played {
    pub(crate) seed: u64,
    pub(crate) labels: Vec<Label>,
    /// Times of the events of attacks, by id.
    pub(crate) struck: HashMap<String, EventTime>,
    pub(crate) given: Vec<Given>,
    pub(crate) watch: Watch,
    pub(crate) identity_days: u64,
    pub(crate) events: u64,
}

/// Plays a population with a configuration.
pub(crate) fn play(options: &Options, config: &Arc<Config>) -> Result<Played, Box<dyn Error>> {
    let mut simulation = Simulation::new(options)?;
    let mut stage = Stage::new(config);
    let mut progress = Progress::new(options.seed);
    for arrival in simulation.by_ref() {
        stage.next(&arrival)?;
        progress.count(stage.events, arrival.at);
    }
    progress.finish(stage.events);
    Ok(Played {
        seed: options.seed,
        labels: simulation.labels(),
        struck: stage.struck,
        given: stage.given,
        watch: stage.watch,
        identity_days: stage.engine.identities() as u64 * u64::from(options.days),
        events: stage.events,
    })
}

struct Stage {
    engine: Engine,
    /// The same with a low threshold: what it publishes is only counted.
    sensitive: Engine,
    rules: Rules,
    watch: Watch,
    outputs: Vec<Output>,
    /// What people will answer, and when; one queue for each delay, so both are in order.
    answers: [VecDeque<(EventTime, String)>; 2],
    /// When an identity was last attacked.
    attacked: HashMap<String, EventTime>,
    struck: HashMap<String, EventTime>,
    given: Vec<Given>,
    events: u64,
}

impl Stage {
    fn new(config: &Arc<Config>) -> Self {
        let mut sensitive = Config::clone(config);
        sensitive.engine.false_alarms_per_identity_year = crate::calibration::FALSE_ALARMS;
        sensitive.policy.mode = PolicyMode::Observe;
        Self {
            engine: Engine::new(Arc::clone(config)),
            sensitive: Engine::new(Arc::new(sensitive)),
            rules: Rules::new(config),
            watch: Watch::default(),
            outputs: Vec::new(),
            answers: Default::default(),
            attacked: HashMap::new(),
            struck: HashMap::new(),
            given: Vec::new(),
            events: 0,
        }
    }

    fn next(&mut self, arrival: &Arrival) -> Result<(), Box<dyn Error>> {
        for kind in 0..self.answers.len() {
            while let Some((_, answer)) =
                self.answers[kind].pop_front_if(|(due, _)| *due <= arrival.at)
            {
                let event = Event::parse(answer.as_bytes())
                    .map_err(|reason| format!("{answer}: {reason:?}"))?;
                self.apply(&event, arrival.at);
            }
        }
        let event = &arrival.event;
        if event.labels.attack.is_some() {
            self.struck.insert(event.id.to_string(), event.time);
            self.attacked
                .insert(event.identity.id.to_string(), event.time);
        }
        self.events += 1;
        self.watch.active(event);
        self.apply(event, arrival.at);
        Ok(())
    }

    fn apply(&mut self, event: &Event<'_>, at: EventTime) {
        self.listen(event);
        let mut outputs = std::mem::take(&mut self.outputs);
        self.engine.apply(event, &mut outputs);
        for output in outputs.drain(..) {
            if let Output::Command(command) = output {
                self.command(*command, event, at);
            }
        }
        self.outputs = outputs;
        self.rules.learn(event);
    }

    /// Counts what the sensitive engine finds. What it commands is cleared at once: it would ask for much,
    /// and does not learn while something stands.
    fn listen(&mut self, event: &Event<'_>) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.sensitive.apply(event, &mut outputs);
        let mut answers = Vec::new();
        for output in outputs.drain(..) {
            match output {
                Output::Finding(finding) => self.watch.found(&finding),
                Output::Context(_) => {}
                Output::Command(command) => {
                    let verdict = match command.action {
                        Action::StepUp => "step_up_passed",
                        _ => "restored",
                    };
                    answers.push(answer(&command, verdict, event.time));
                }
            }
        }
        for answer in answers {
            // It is made of the command above; what could not be read back would only not be cleared.
            if let Ok(event) = Event::parse(answer.as_bytes()) {
                self.sensitive.apply(&event, &mut outputs);
            }
        }
        outputs.clear();
        self.outputs = outputs;
    }

    fn command(&mut self, command: Command, event: &Event<'_>, at: EventTime) {
        let about_attack = event.labels.attack.is_some()
            || self
                .attacked
                .get(&command.target.identity)
                .is_some_and(|last| command.time.since(*last) < AFTERMATH_MS);
        // Only the innocent come forward.
        if !about_attack {
            match command.action {
                Action::StepUp => {
                    let due = at.plus_millis(PROVES_AFTER_MS);
                    self.answers[0].push_back((due, answer(&command, "step_up_passed", due)));
                }
                Action::Pause => {
                    let due = at.plus_millis(APPROVES_AFTER_MS);
                    self.answers[1].push_back((due, answer(&command, "approved", due)));
                }
                _ => {}
            }
        }
        let rule = self.rules.demands(&command, event);
        self.given.push(Given {
            command,
            rule,
            trigger: event.action.name.to_string(),
        });
    }
}

/// What the identity provider reports when somebody has answered a command.
fn answer(command: &Command, verdict: &str, time: EventTime) -> String {
    let (id, target) = (&command.id, &command.target);
    json!({
        "id": format!("{verdict}-{id}"), "time": time, "kind": "feedback", "tenant": target.tenant,
        "identity": { "id": target.identity, "kind": target.kind },
        "session": { "id": target.session_id },
        "action": { "name": verdict },
        "feedback": { "verdict": verdict, "command_id": id },
    })
    .to_string()
}

/// Says on standard error how far it is.
struct Progress {
    seed: u64,
    began: Instant,
    said: Instant,
    is_terminal: bool,
}

impl Progress {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        Self {
            seed,
            began: now,
            said: now,
            is_terminal: io::stderr().is_terminal(),
        }
    }

    fn count(&mut self, events: u64, at: EventTime) {
        if self.is_terminal
            && events.is_multiple_of(20_000)
            && self.said.elapsed() > Duration::from_millis(500)
        {
            self.said = Instant::now();
            let day = &at.to_string()[..10];
            say(&format!("\rseed {}: {events} events, {day}", self.seed));
        }
    }

    fn finish(&self, events: u64) {
        let seconds = self.began.elapsed().as_secs_f64();
        let lead = if self.is_terminal { "\r" } else { "" };
        let rate = events as f64 / seconds.max(1e-9);
        say(&format!(
            "{lead}seed {}: {events} events in {seconds:.1} s, {rate:.0} per second\n",
            self.seed
        ));
    }
}

fn say(text: &str) {
    // Progress is a courtesy: no reason to fail.
    let _ = io::stderr().write_all(text.as_bytes());
}
