//! An AI agent: tasks on working days, tool calls in each.

use super::Step;
use crate::clock::{self, MINUTE, SECOND};
use crate::{Actor, Place, Story};

/// An agent with its tools.
#[derive(Clone, Debug)]
pub struct Agent {
    /// As it works, outside any session.
    pub actor: Actor,
    /// Where it runs.
    pub place: Place,
    /// The tools it uses.
    pub tools: Vec<Step>,
    /// Who approves what it does.
    pub approver: String,
    objective: String,
    allowed: Vec<&'static str>,
    tasks_a_day: i64,
}

impl Agent {
    /// An agent that works on tickets, or on whatever these tools are for.
    pub fn new(story: &mut Story, stem: &str, objective: &str, tools: &[Step]) -> Self {
        let id = story.dice.name(stem);
        let [place, _] = Place::region_pair(&mut story.dice);
        let issued = clock::at(-story.dice.between(3, 20), 3, 0);
        let fingerprint = story.dice.fingerprint();
        let actor = Actor::agent(&id)
            .credential("access_token", &fingerprint, issued)
            .from(&place, 12)
            .host("langgraph", "agents", &format!("agent-host-{id}"));
        Self {
            actor,
            place,
            tools: tools.to_vec(),
            approver: story.dice.name("lead"),
            objective: objective.to_owned(),
            allowed: Vec::new(),
            tasks_a_day: story.dice.between(2, 4),
        }
    }

    /// A triage agent: lists, reads, comments and closes tickets.
    pub fn of_tickets(story: &mut Story) -> Self {
        Self::new(
            story,
            "triage",
            "triage tickets",
            &[
                ("read", "tool:ticket.list"),
                ("read", "tool:ticket.read"),
                ("read", "tool:ticket.search"),
                ("write", "tool:ticket.comment"),
                ("write", "tool:ticket.label"),
            ],
        )
    }

    /// Whose tasks say what they allow.
    pub fn allowed(mut self, globs: &[&'static str]) -> Self {
        self.allowed = globs.to_vec();
        self
    }

    /// The id.
    pub fn id(&self) -> &str {
        self.actor.id()
    }

    /// A new session with a task in it; tells the actor in both.
    pub fn starts_task(&self, story: &mut Story, time: i64) -> Actor {
        let actor = self.opens(story, time);
        let task = format!("t-{}-{}", self.id(), (time / SECOND) % 10_000_000);
        let actor = actor.task(&task, &self.objective, &self.allowed);
        story.add(actor.does("task_start", "task.start").at(time + SECOND));
        actor
    }

    /// A new session without a task.
    pub fn opens(&self, story: &mut Story, time: i64) -> Actor {
        let session = format!("s-{}-{}", self.id(), (time / SECOND) % 10_000_000);
        let actor = self.actor.clone().session_since(&session, time);
        story.add(actor.does("token_issue", "token.issue").at(time));
        actor
    }

    /// So many tool calls; tells when they are done.
    pub fn calls(&self, story: &mut Story, session: &Actor, from: i64, count: i64) -> i64 {
        let mut time = from;
        for _ in 0..count {
            let (class, name) = story.dice.pick(&self.tools);
            let bytes = story.dice.about(3000, 50);
            story.add(session.does(class, name).bytes(bytes).at(time));
            time += story.dice.between(5, 45) * SECOND;
        }
        time
    }

    /// The task is done.
    pub fn ends_task(&self, story: &mut Story, session: &Actor, time: i64) {
        story.add(session.does("task_end", "task.end").at(time));
    }

    /// The approver agrees to what comes next.
    pub fn is_approved(&self, story: &mut Story, session: &Actor, time: i64) {
        story.add(session.is_approved_by(&self.approver).at(time));
    }

    /// Ordinary life of so many days.
    pub fn lives(&self, story: &mut Story, days: i64) {
        self.lives_with(story, days, |_, _, _, _| {});
    }

    /// Ordinary life of so many days; `each_task` adds to each task, given its day, session and start.
    pub fn lives_with(
        &self,
        story: &mut Story,
        days: i64,
        mut each_task: impl FnMut(&mut Story, i64, &Actor, i64),
    ) {
        for day in (0..days).filter(|day| clock::is_working_day(*day)) {
            for number in 0..self.tasks_a_day {
                let time = clock::at(day, 8 + 2 * number, story.dice.between(0, 50));
                let session = self.starts_task(story, time);
                let count = story.dice.between(5, 15);
                let done = self.calls(story, &session, time + 10 * SECOND, count);
                each_task(story, day, &session, done + 20 * SECOND);
                self.ends_task(story, &session, done + 10 * MINUTE);
            }
        }
    }
}
