//! An engine on its way through the log, up to what is asked about.

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use plumbline_detectors::witness::{Account, Question};
use plumbline_detectors::{Engine, Output};
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;

use super::events::Told;
use super::item::{Item, Stored};
use crate::config::Config;

/// What it has met so far.
pub(super) struct Walk<'s> {
    stored: &'s Stored,
    engine: Engine,
    outputs: Vec<Output>,
    /// When no event of that time is taken any more.
    limit: EventTime,
    /// What has an id that is asked about.
    made: Vec<Item>,
    /// The events that are named, and those of the time that it is about.
    told: Vec<Told>,
    /// What could stand in the place of what it is all about.
    alike: Vec<Item>,
    events: u64,
}

impl<'s> Walk<'s> {
    pub(super) fn begin(config: &Config, stored: &'s Stored) -> Self {
        let (tenant, identity, time) = stored.main.moment();
        let mut engine = Engine::new(Arc::new(config.engine_config()));
        engine.ask(Question {
            tenant: tenant.to_owned(),
            identity: identity.to_owned(),
            time,
        });
        Self {
            stored,
            engine,
            outputs: Vec::new(),
            limit: time.plus_millis(config.engine.lateness.as_millis()),
            made: Vec::new(),
            told: Vec::new(),
            alike: Vec::new(),
            events: 0,
        }
    }

    /// Takes the next event, and says whether there is to be another. What is behind a command was found before it, or
    /// of the same event.
    pub(super) fn take(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        self.events += 1;
        self.tell(event);
        self.engine.apply(event, &mut self.outputs);
        let published = mem::take(&mut self.outputs).into_iter();
        for item in published.filter_map(Item::published) {
            if item.is_like(&self.stored.main) {
                self.alike.push(item.clone());
            }
            if self.stored.all().any(|stored| stored.id() == item.id()) {
                self.made.push(item);
            }
        }
        let is_over = self.engine.clock().is_some_and(|clock| clock > self.limit);
        match is_over || self.made(&self.stored.main).is_some() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// An event that is delivered again is told once.
    fn tell(&mut self, event: &Event<'_>) {
        let (tenant, identity, time) = self.stored.main.moment();
        let is_of_it = event.time == time && *event.identity.id == *identity;
        let is_asked = is_of_it || self.stored.names(&event.id);
        if is_asked
            && event.tenant() == tenant
            && !self.told.iter().any(|told| told.id() == event.id)
        {
            self.told.push(Told::of(event, identity));
        }
    }

    /// The events behind it: those that are named, and the one that it was made of.
    pub(super) fn told(&self) -> Vec<Told> {
        let own = self.account().map(|account| account.event_id.as_str());
        let told = self.told.iter();
        let told = told.filter(|told| Some(told.id()) == own || self.stored.names(told.id()));
        told.cloned().collect()
    }

    /// How many events it has taken.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// What was made under the same id; of a command that is sent again the first.
    pub(super) fn made(&self, stored: &Item) -> Option<&Item> {
        self.made.iter().find(|made| made.id() == stored.id())
    }

    /// What was made in the place of what it is all about, where that was not.
    pub(super) fn in_its_place(&self) -> &[Item] {
        match self.made(&self.stored.main) {
            Some(_) => &[],
            None => &self.alike,
        }
    }

    /// The account of what it is all about, or of what was made in its place.
    pub(super) fn account(&self) -> Option<&Account> {
        let main = self.made(&self.stored.main);
        let made = main.or(self.in_its_place().first())?;
        let mut accounts = self.engine.accounts().iter();
        accounts.find(|account| account.published.iter().any(|id| id == made.id()))
    }

    /// Where the log has ended, if that is before it.
    pub(super) fn ended(&self) -> Option<EventTime> {
        let (_, _, time) = self.stored.main.moment();
        self.engine.clock().filter(|clock| *clock < time)
    }
}
