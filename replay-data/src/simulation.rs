//! The stream of events, in the order in which a log would receive them.

use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;

use crate::attack;
use crate::attack::rows::{Plot, Told};
use crate::behave;
use crate::clock::{HOUR, MINUTE, SECOND};
use crate::draft::Draft;
use crate::labels::{Book, Label};
use crate::options::{NATURAL_RATE, Options, OptionsError};
use crate::random::{hash, share};
use crate::render;
use crate::world::World;

/// An event and when it reached the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When it reached the log. Never earlier than the one before.
    pub at: EventTime,
    /// What reached it.
    pub event: Event<'static>,
}

/// A simulated organisation, event by event.
///
/// Memory holds who everybody is (about two hundred bytes each) and the events of one span of time,
/// as drafts of about a hundred bytes; nothing grows with the number of days.
///
/// ```
/// use plumbline_replay_data::{Options, Simulation};
///
/// let options = Options { identities: 20, days: 2, ..Options::default() };
/// let mut simulation = Simulation::new(&options)?;
/// let events = simulation.by_ref().count();
/// assert!(events > 100);
/// assert!(!simulation.labels().is_empty());
/// # Ok::<(), plumbline_replay_data::OptionsError>(())
/// ```
pub struct Simulation {
    world: World,
    book: Book,
    /// Drafts of attacks that were not reached yet, the earliest last.
    planted: Vec<Draft>,
    /// Events of the catalogue's rows that have not arrived, the earliest last, and what they replace.
    plot: Plot,
    /// Drafts that were performed and have not arrived, in no order.
    pending: Vec<Draft>,
    /// Drafts that arrive within the span, the earliest last.
    ready: Vec<Draft>,
    bouts: Vec<behave::Bout>,
    /// From where on nothing has been performed yet.
    at: i64,
    /// Everything was performed and is ready.
    is_complete: bool,
    span: i64,
}

/// Share of events that arrive much later than they happened.
const LATE: f64 = 0.005;
/// Share of events that are delivered twice.
const TWICE: f64 = 0.003;

/// How many collectors there are, and the share of their hours in which each hangs.
const COLLECTORS: u32 = 8;
const HANGS: f64 = 0.002;

/// How much is performed at once. Long spans are faster, since everybody is asked for their plans
/// once in each; short ones need less memory. What comes out is the same.
fn span(options: &Options) -> i64 {
    let busy = f64::from(options.identities) * options.rate.unwrap_or(NATURAL_RATE);
    match busy {
        ..1e6 => 6 * HOUR,
        ..1e7 => HOUR,
        _ => 20 * MINUTE,
    }
}

impl Simulation {
    /// A world made from these options, before its first event.
    pub fn new(options: &Options) -> Result<Self, OptionsError> {
        options.check()?;
        let world = World::new(options);
        let (mut planted, mut drafts) = attack::plan(&world);
        drafts.reverse();
        let mut plot = Plot::default();
        if options.catalogue {
            plot = attack::rows::plan(&world, &mut planted);
            plot.told.reverse();
        }
        Ok(Self {
            at: world.from,
            span: span(options),
            world,
            book: Book::new(planted),
            planted: drafts,
            plot,
            is_complete: false,
            pending: Vec::new(),
            ready: Vec::new(),
            bouts: Vec::new(),
        })
    }

    /// The attacks whose events have gone by so far; all of them once the stream has ended.
    pub fn labels(&self) -> Vec<Label> {
        self.book.labels()
    }

    /// How much of the simulated time has gone by, 0 to 1.
    pub fn progress(&self) -> f64 {
        let (from, to) = (self.world.from, self.world.to);
        ((self.at - from) as f64 / (to - from) as f64).clamp(0.0, 1.0)
    }

    /// Performs the next span of time.
    fn advance(&mut self) {
        if self.at >= self.world.to {
            self.ready.append(&mut self.pending);
            sort_for_popping(&mut self.ready);
            self.is_complete = true;
            return;
        }
        let (from, to) = (self.at, (self.at + self.span).min(self.world.to));
        let begin = self.pending.len();
        for who in &self.world.profiles {
            self.bouts.clear();
            behave::bouts(&self.world, who, from, to, &mut self.bouts);
            let cancelled = &self.plot.cancelled;
            if !cancelled.is_empty() {
                self.bouts
                    .retain(|bout| !cancelled.contains(&(who.index, bout.number)));
            }
            for bout in &self.bouts {
                behave::perform(&self.world, who, bout, &mut self.pending);
            }
        }
        while let Some(draft) = self.planted.pop_if(|draft| draft.time < to) {
            self.pending.push(draft);
        }
        self.deliver(begin);
        self.at = to;
        let mut index = 0;
        while index < self.pending.len() {
            if self.pending[index].arrival < to {
                self.ready.push(self.pending.swap_remove(index));
            } else {
                index += 1;
            }
        }
        sort_for_popping(&mut self.ready);
    }

    /// The next event of a row's story, where it is due before the next draft.
    fn next_told(&mut self) -> Option<Told> {
        let next = self.plot.told.last()?;
        let is_performed = self.is_complete || next.arrival < self.at;
        let comes_first = self
            .ready
            .last()
            .is_none_or(|draft| next.arrival < draft.arrival);
        (is_performed && comes_first).then(|| self.plot.told.pop())?
    }

    /// An event as it reaches the log, noted where it belongs to something planted.
    fn arrive(&mut self, mut event: Event<'static>, plant: u32, arrival: i64) -> Arrival {
        if plant > 0 {
            event.labels.attack = self.book.name(plant).map(Into::into);
            self.book.note(&self.world, plant, &event);
        }
        Arrival {
            at: EventTime::from_millis(arrival),
            event,
        }
    }

    /// Decides when each new draft arrives, and which arrive twice.
    fn deliver(&mut self, begin: usize) {
        let end = self.world.to;
        let mut index = begin;
        while index < self.pending.len() {
            if self.pending[index].time >= end {
                self.pending.swap_remove(index);
            } else {
                index += 1;
            }
        }
        for index in begin..self.pending.len() {
            let draft = &mut self.pending[index];
            let draw = hash([draft.nonce, 81]);
            let delay = |mean: i64, salt: u64| {
                let uniform = 1.0 - share(hash([draw, salt]));
                (-uniform.ln() * mean as f64) as i64
            };
            // What every event of a source takes is left out: only what differs changes the order.
            draft.arrival = draft.time + delay(300, 1).min(5 * SECOND);
            if share(draw) < LATE {
                draft.arrival += delay(90 * SECOND, 2).min(15 * MINUTE);
            }
            if let Some(hours) = stuck(&self.world, draft) {
                draft.arrival += hours * HOUR;
            }
            if share(hash([draw, 3])) < TWICE {
                let mut again = *draft;
                again.arrival += SECOND + delay(20 * SECOND, 4).min(10 * MINUTE);
                self.pending.push(again);
            }
        }
    }
}

/// Where the whole catalogue is played, one collector in eight or so hangs for an hour now and then, and
/// delivers hours later what it gathered.
fn stuck(world: &World, draft: &Draft) -> Option<i64> {
    if !world.options.catalogue {
        return None;
    }
    let hour = draft.time.div_euclid(HOUR) as u64;
    let collector = u64::from(draft.identity % COLLECTORS);
    let draw = hash([world.seed(), collector, hour, 82]);
    (share(draw) < HANGS).then_some(1 + (draw % 5) as i64)
}

/// The earliest comes last. Nothing is equal to another, so the order never depends on the sort.
fn sort_for_popping(drafts: &mut [Draft]) {
    drafts.sort_unstable_by_key(|draft| {
        std::cmp::Reverse((draft.arrival, draft.identity, draft.nonce))
    });
}

impl Iterator for Simulation {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let draft = loop {
            if let Some(told) = self.next_told() {
                return Some(self.arrive(told.event, told.plant, told.arrival));
            }
            if let Some(draft) = self.ready.pop() {
                break draft;
            }
            if self.is_complete {
                return None;
            }
            self.advance();
        };
        let who = &self.world.profiles[draft.identity as usize];
        let event = render::event(&self.world, who, &draft);
        Some(self.arrive(event, draft.attack, draft.arrival))
    }
}

#[cfg(test)]
#[path = "simulation_tests.rs"]
mod tests;
