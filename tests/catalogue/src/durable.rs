//! An engine that crashes, again and again, and goes on from what was written of its state.

use std::collections::BTreeMap;
use std::sync::Arc;

use plumbline_detectors::config::Config;
use plumbline_detectors::state::{Entry, Restorer, SEAL_BYTES};
use plumbline_detectors::{Engine, Output};
use plumbline_schemas::event::Event;

/// What happens before an event is applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    /// A checkpoint begins, unless one is under way.
    pub begins: bool,
    /// So many identities of the checkpoint under way are written.
    pub writes: usize,
    /// Everything in memory is lost.
    pub crashes: bool,
}

/// What came out of a log, and the state it left.
#[derive(Debug, PartialEq)]
pub struct Left {
    /// What was published, in order.
    pub outputs: Vec<Output>,
    /// Every entry of the state; without the numbers of those that are only numbered.
    pub state: Vec<(String, Vec<u8>)>,
}

/// One partition: the engine, the table that survives it, and the checkpoint on its way there.
struct Owner<'e> {
    config: Arc<Config>,
    events: &'e [Event<'e>],
    engine: Engine,
    table: BTreeMap<String, Vec<u8>>,
    /// Who stands by: it has taken every entry as it was written.
    follower: Restorer,
    crashes: usize,
    under_way: Option<Vec<Entry>>,
}

/// Applies a log from one end to the other, without any mishap.
pub fn undisturbed(config: &Arc<Config>, events: &[Event<'_>]) -> Left {
    durably(config, events, |_| Before::default())
}

/// Applies a log while the plan says for each event what happens before it.
pub fn durably(
    config: &Arc<Config>,
    events: &[Event<'_>],
    mut plan: impl FnMut(usize) -> Before,
) -> Left {
    let mut owner = Owner {
        config: config.clone(),
        events,
        engine: fresh(config),
        table: BTreeMap::new(),
        follower: Restorer::new(config.clone(), 1),
        crashes: 0,
        under_way: None,
    };
    let mut outputs = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let before = plan(at);
        if before.crashes {
            owner.crash(at);
        }
        if before.begins && owner.under_way.is_none() {
            owner.under_way = Some(owner.engine.begin_checkpoint(at as i64));
        }
        owner.engine.apply(event, &mut outputs);
        owner.write(before.writes);
    }
    let state = whole(&mut owner.engine);
    Left { outputs, state }
}

fn fresh(config: &Arc<Config>) -> Engine {
    let mut engine = Engine::new(config.clone());
    engine.keep_account();
    engine
}

impl Owner<'_> {
    /// Loses the engine, and makes it again from what was written and the log: in turns by who stands by, and
    /// by who has to read all of it first.
    fn crash(&mut self, at: usize) {
        self.under_way = None;
        self.crashes += 1;
        let mut restorer = Restorer::new(self.config.clone(), 1);
        for (key, value) in &self.table {
            let taken = restorer.take(key.as_bytes(), Some(value));
            taken.expect("an entry as it was written");
        }
        if self.crashes.is_multiple_of(2) {
            std::mem::swap(&mut restorer, &mut self.follower);
        }
        let restored = restorer.finish().expect("a whole checkpoint");
        let (engine, position) = restored.unwrap_or_else(|| (fresh(&self.config), 0));
        self.engine = engine;
        let position = usize::try_from(position).expect("a position in the log");
        for event in &self.events[position..at] {
            self.engine.apply(event, &mut Vec::new());
        }
    }

    /// Writes some of the checkpoint under way. It counts once all of it is written.
    fn write(&mut self, most: usize) {
        let Some(entries) = &mut self.under_way else {
            return;
        };
        match self.engine.write_checkpoint(most) {
            Some(more) => entries.extend(more),
            None => {
                for Entry { key, value } in self.under_way.take().into_iter().flatten() {
                    let taken = self.follower.take(key.as_bytes(), value.as_deref());
                    taken.expect("an entry as it was written");
                    match value {
                        Some(value) => self.table.insert(key, value),
                        None => self.table.remove(&key),
                    };
                }
            }
        }
    }
}

/// All that an engine knows. The checksum has the key in it, and a number may be another.
fn whole(engine: &mut Engine) -> Vec<(String, Vec<u8>)> {
    engine.account_for_all();
    let mut entries = engine.begin_checkpoint(0);
    while let Some(more) = engine.write_checkpoint(1024) {
        entries.extend(more);
    }
    let named = |Entry { key, value }: Entry| {
        let kind = key.split_once('/').map_or(&*key, |(kind, _)| kind);
        let key = if kind == "ids" { kind.to_owned() } else { key };
        Some((key, value?.split_off(SEAL_BYTES)))
    };
    let mut state: Vec<_> = entries.into_iter().filter_map(named).collect();
    state.sort();
    state
}
