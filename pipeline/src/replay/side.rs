//! One of the configurations that a log is replayed under: its engine, and where its outputs go.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use plumbline_detectors::context::is_news;
use plumbline_detectors::{Disposition, Engine, Output};
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;

use super::feed::Taken;
use super::results::{Kept, Results};
use super::resume::Resumed;
use super::{ReplayError, Side, Summary};
use crate::enrich::Enricher;
use crate::worker::Seed;

/// What adds places to events: for all sides at once, or for each its own.
pub(super) struct Enrichers {
    pub(super) common: Arc<Enricher>,
    pub(super) own: Vec<Option<Enricher>>,
}

impl Enrichers {
    pub(super) fn open(sides: &[Side<'_>]) -> Result<Self, ReplayError> {
        let mut geo = sides.iter().map(|side| &side.config.geo);
        let first = geo.next();
        if let Some(first) = first.filter(|first| geo.all(|geo| geo == *first)) {
            return Ok(Self {
                common: Arc::new(Enricher::open(first)?),
                own: sides.iter().map(|_| None).collect(),
            });
        }
        let own = sides
            .iter()
            .map(|side| Enricher::open(&side.config.geo).map(Some));
        Ok(Self {
            common: Arc::new(Enricher::none()),
            own: own.collect::<Result<_, _>>()?,
        })
    }
}

/// The engine of one side, and where its outputs go.
pub(super) struct Run {
    engine: Engine,
    /// Of a side whose `[geo]` is another than that of the others.
    enricher: Option<Enricher>,
    outputs: Vec<Output>,
    results: Results,
    summary: Summary,
    /// What a service will begin with.
    seed: Option<Seed>,
}

impl Run {
    /// With nothing known, or with what a checkpoint knows.
    pub(super) fn begin(
        side: &Side<'_>,
        enricher: Option<Enricher>,
        mut seed: Option<Seed>,
        resumed: Option<Resumed>,
    ) -> Result<Self, ReplayError> {
        let kept = resumed.as_ref().map(|resumed| &resumed.known.results);
        let results = Results::begin(side.out, side.parquet, kept)?;
        let (engine, summary) = match resumed {
            None => {
                let engine = Engine::new(Arc::new(side.config.engine_config()));
                (engine, Summary::default())
            }
            Some(resumed) => {
                if let Some(seed) = &mut seed {
                    seed.resume(resumed.exported);
                }
                (resumed.engine, resumed.known.summary)
            }
        };
        Ok(Self {
            engine,
            enricher,
            outputs: Vec::new(),
            results,
            summary: Summary {
                configuration: side.config.engine_digest(),
                ..summary
            },
            seed,
        })
    }

    pub(super) fn summary(&mut self) -> &mut Summary {
        &mut self.summary
    }

    /// Whether nothing that was taken before waits for what comes next, an event of that time or none.
    pub(super) fn is_settled(&self, next: Option<EventTime>) -> bool {
        self.results.is_settled(next)
    }

    /// What is known now, and the engines that know it. Nothing may wait.
    pub(super) fn moment(
        &mut self,
        took: Duration,
    ) -> Result<(Summary, Kept, impl Iterator<Item = &mut Engine>), ReplayError> {
        let results = self.results.keep(&mut self.summary)?;
        let mut summary = self.summary.clone();
        summary.wall_ms += took.as_millis() as u64;
        let exported = self.seed.iter_mut().flat_map(Seed::engines);
        Ok((
            summary,
            results,
            iter::once(&mut self.engine).chain(exported),
        ))
    }

    pub(super) fn take(&mut self, source: &str, taken: &Taken<'_>) -> Result<(), ReplayError> {
        // A field that is not what it should be is no record of its own, and of no side alone.
        self.summary.events += u64::from(!matches!(taken, Taken::Drift(_) | Taken::Place(_)));
        match taken {
            Taken::Event(event) => match &self.enricher {
                None => self.apply(event),
                Some(enricher) => {
                    let mut event = Event::clone(event);
                    enricher.enrich(&mut event);
                    self.apply(&event)
                }
            },
            Taken::Rejected(line, reject, raw) => {
                self.summary.dead_letters += 1;
                *self
                    .summary
                    .dead_letters_by_reason
                    .entry(reject.reason.as_str().into())
                    .or_default() += 1;
                self.results.reject(source, *line, reject, raw)
            }
            Taken::Skipped => {
                self.summary.skipped += 1;
                Ok(())
            }
            Taken::LeftOut => {
                self.summary.left_out += 1;
                Ok(())
            }
            Taken::Drift(_) | Taken::Place(_) => Ok(()),
        }
    }

    fn apply(&mut self, event: &Event<'_>) -> Result<(), ReplayError> {
        self.summary.saw(event.time);
        self.results.event(event)?;
        if let Some(seed) = &mut self.seed {
            seed.take(event);
        }
        // Whoever has the whole log knows it already.
        if is_news(event) {
            return Ok(());
        }
        match self.engine.apply(event, &mut self.outputs) {
            Disposition::Applied | Disposition::Told => {}
            Disposition::Duplicate => self.summary.duplicates += 1,
            Disposition::Late => self.summary.late += 1,
        }
        self.results
            .take(event.time, &mut self.outputs, &mut self.summary)
    }

    /// Writes what is left. Nothing of it stands under its name yet.
    pub(super) fn finish(&mut self, took: Duration) -> Result<(), ReplayError> {
        self.results.access(self.engine.access())?;
        self.results.finish(&mut self.summary, |summary| {
            summary.identities = self.engine.identities() as u64;
            summary.state_bytes = self.engine.state_bytes() as u64;
            summary.wall_ms += took.as_millis() as u64;
        })
    }

    /// Puts the results under their names, before what is done with them.
    pub(super) fn publish(
        self,
        then: impl FnOnce() -> Result<(), ReplayError>,
    ) -> Result<Summary, ReplayError> {
        self.results.publish()?;
        then()?;
        if let Some(seed) = self.seed.filter(|_| !self.summary.interrupted) {
            seed.write()?;
        }
        Ok(self.summary)
    }
}
