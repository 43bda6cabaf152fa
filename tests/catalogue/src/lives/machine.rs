//! A machine: the same steps in the same order, at its own pace.

use super::{Step, acts};
use crate::clock::{self, HOUR, MINUTE, SECOND};
use crate::{Actor, Place, Story};

/// When a machine works.
#[derive(Clone, Debug)]
pub enum Pace {
    /// Around the clock, every so many minutes; one session a day.
    Every(i64),
    /// So many runs on working days at any hour of them; one session a run.
    Builds(i64),
    /// At these minutes of the day, late by at most so many minutes; one session a run.
    At(Vec<i64>, i64),
}

/// A service account, workload or API key.
#[derive(Clone, Debug)]
pub struct Machine {
    /// As it works, outside any session.
    pub actor: Actor,
    /// Where it runs.
    pub place: Place,
    /// The region it fails over to.
    pub second_place: Place,
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// When it does.
    pub pace: Pace,
    runtime: String,
    environment: String,
    host_count: i64,
}

impl Machine {
    /// A machine of this kind: `service_account`, `workload` or `api_key`.
    pub fn new(story: &mut Story, kind: &str, stem: &str, steps: &[Step]) -> Self {
        let id = story.dice.name(stem);
        let [place, second_place] = Place::region_pair(&mut story.dice);
        let issued = clock::at(-story.dice.between(3, 20), 3, 0);
        let fingerprint = story.dice.fingerprint();
        let credential = match kind {
            "api_key" => "api_key",
            "workload" => "federated",
            _ => "client_secret",
        };
        let machine = Self {
            actor: Actor::new(kind, &id).credential(credential, &fingerprint, issued),
            place,
            second_place,
            steps: steps.to_vec(),
            pace: Pace::Every(story.dice.between(20, 60)),
            runtime: "kubernetes".to_owned(),
            environment: "prod".to_owned(),
            host_count: 1,
        };
        let host = story.dice.between(1, 90);
        machine.placed(host)
    }

    fn placed(mut self, host: i64) -> Self {
        self.actor = self.on_host(&self.actor, &self.place, host);
        self
    }

    /// With scopes that its credential grants and its calls use.
    pub fn scopes(mut self, scopes: &[&str]) -> Self {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.actor = self.actor.with("credential.scopes", scopes);
        self
    }

    /// At another pace.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// On a runtime and in an environment, on one of so many hosts.
    pub fn on(mut self, runtime: &str, environment: &str, host_count: i64) -> Self {
        self.runtime = runtime.to_owned();
        self.environment = environment.to_owned();
        self.host_count = host_count;
        self.placed(1)
    }

    /// The id.
    pub fn id(&self) -> &str {
        self.actor.id()
    }

    /// The same on a numbered host of its runtime and environment at a place.
    pub fn on_host(&self, actor: &Actor, place: &Place, host: i64) -> Actor {
        let name = format!("{}-{}-{host}", self.environment, place.city.to_lowercase());
        actor
            .clone()
            .from(place, host)
            .host(&self.runtime, &self.environment, &name)
    }

    /// A new session: its token is issued. Tells the actor in it.
    pub fn opens(&self, story: &mut Story, time: i64) -> Actor {
        let host = story.dice.between(1, self.host_count);
        let actor = match self.host_count {
            1 => self.actor.clone(),
            _ => self.on_host(&self.actor, &self.place, host),
        };
        self.opens_as(story, actor, time)
    }

    /// A new session at its second place.
    pub fn opens_at_second_place(&self, story: &mut Story, time: i64) -> Actor {
        let actor = self.on_host(&self.actor, &self.second_place, 7);
        self.opens_as(story, actor, time)
    }

    /// A new session of an actor.
    pub fn opens_as(&self, story: &mut Story, actor: Actor, time: i64) -> Actor {
        let session = format!("s-{}-{}", self.id(), (time / SECOND) % 10_000_000);
        let actor = actor.session_since(&session, time);
        story.add(actor.does("token_issue", "token.issue").at(time));
        actor
    }

    /// Its steps, once.
    pub fn runs(&self, story: &mut Story, session: &Actor, time: i64) {
        acts(story, session, time, &self.steps);
    }

    /// Its steps, over and over at its pace.
    pub fn works(&self, story: &mut Story, session: &Actor, from: i64, until: i64) {
        let period = match self.pace {
            Pace::Every(minutes) => minutes,
            Pace::Builds(_) | Pace::At(..) => 60,
        };
        let mut time = from;
        while time < until {
            self.runs(story, session, time);
            time += story.dice.about(period * 60, 15) * SECOND;
        }
    }

    /// At work since midnight in the day's session, the last time right before `until`.
    pub fn at_work(&self, story: &mut Story, until: i64) -> Actor {
        let midnight = clock::at(clock::day_of(until), 0, 0) + 30 * SECOND;
        let session = self.opens(story, midnight);
        self.works(story, &session, midnight + MINUTE, until - 8 * MINUTE);
        self.runs(story, &session, until - 2 * MINUTE);
        session
    }

    /// Ordinary life of so many days.
    pub fn lives(&self, story: &mut Story, days: i64) {
        for day in 0..days {
            self.lives_a_day(story, day);
        }
    }

    fn lives_a_day(&self, story: &mut Story, day: i64) {
        match &self.pace {
            Pace::Every(_) => {
                let midnight = clock::at(day, 0, 0) + 30 * SECOND;
                let session = self.opens(story, midnight);
                let until = midnight + 24 * HOUR - 5 * MINUTE;
                self.works(story, &session, midnight + MINUTE, until);
            }
            Pace::Builds(count) if clock::is_working_day(day) => {
                for _ in 0..story.dice.about(*count, 50).max(1) {
                    let time = clock::at(day, story.dice.between(7, 17), story.dice.between(0, 59));
                    self.runs_once(story, time);
                }
            }
            Pace::Builds(_) => {}
            Pace::At(minutes, late) => {
                for minute in minutes.clone() {
                    let time =
                        clock::at(day, 0, minute) + story.dice.between(0, late * 60) * SECOND;
                    self.runs_once(story, time);
                }
            }
        }
    }

    /// One run in a session of its own; tells the actor in it.
    pub fn runs_once(&self, story: &mut Story, time: i64) -> Actor {
        let session = self.opens(story, time);
        self.runs(story, &session, time + 5 * SECOND);
        session
    }
}
