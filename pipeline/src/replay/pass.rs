//! One pass over a log, for one or several configurations.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use plumbline_detectors::context::is_news;
use plumbline_schemas::archive::is_in_bucket;
use plumbline_schemas::drift::DriftCounts;

use super::feed::Taken;
use super::inputs::Inputs;
use super::labels::{LabelFile, Labels};
use super::log::Log;
use super::place::Place;
use super::resume::{Checkpoints, Moment, Patience, Resumed};
use super::side::{Enrichers, Run};
use super::{ReplayError, Side, Summary, outdated, results, tables};
use crate::config::ReplayConfig;
use crate::worker::Seed;

/// How a replay begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With the first record, and without checkpoints.
    Once,
    /// With the first record.
    Anew,
    /// Where another has stopped.
    Resumed,
}

/// Replays the input on these sides, of which one alone can have checkpoints.
pub(super) fn replay(
    input: &ReplayConfig,
    labels: Option<&Path>,
    sides: &[Side<'_>],
    start: Start,
    stop: &mut dyn FnMut() -> bool,
) -> Result<Vec<Summary>, ReplayError> {
    let started = Instant::now();
    if let Some(side) = sides.iter().find(|side| side.out.is_file()) {
        return Err(ReplayError::NotADirectory(side.out.to_owned()));
    }
    if let Some(side) = sides.iter().find(|side| is_in_bucket(side.out)) {
        return Err(ReplayError::InBucket(side.out.to_owned()));
    }
    let label_file = labels.map(LabelFile::read).transpose()?;
    let (opened, files) = Inputs::expand(&input.input)?;
    for side in sides {
        tables::check(side.out, &files)?;
        results::check(side.out, &files)?;
        outdated::check(side.out)?;
    }
    let enrichers = Enrichers::open(sides)?;
    let log = Log::new(input, (opened, files), enrichers.common)?;
    let mut seeds = Vec::with_capacity(sides.len());
    for side in sides {
        let seed = side.export_state.then(|| Seed::prepare(side.config));
        seeds.push(seed.transpose()?);
    }
    let (checkpoints, mut resumed) = match (sides, &seeds[..]) {
        ([side], [seed]) => begin(start, side, labels, &log, seed.as_ref())?,
        _ => (None, None),
    };
    let is_resumed = resumed.is_some();
    let known = resumed.as_mut().map(|resumed| &mut resumed.known);
    let (place, taken, noted, drifted) = match known {
        None => (Place::default(), 0, Vec::new(), DriftCounts::default()),
        Some(known) => (
            known.place.clone(),
            known.taken,
            std::mem::take(&mut known.labels),
            std::mem::take(&mut known.drift),
        ),
    };
    let feeds = log.feeds(&place)?;
    let mut runs = Vec::with_capacity(sides.len());
    for ((side, enricher), seed) in sides.iter().zip(enrichers.own).zip(seeds) {
        if resumed.is_none() {
            Checkpoints::clear(side.out)?;
        }
        runs.push(Run::begin(side, enricher, seed, resumed.take())?);
    }
    let mut pass = Pass {
        started,
        runs,
        labels: Labels::new(label_file, noted),
        drifted,
        checkpoints,
        again: taken - place.taken.min(taken),
        taken,
        stop,
        patience: None,
        is_resumable: is_resumed,
    };
    log.read((feeds, place.taken), &mut |source, taken| {
        pass.take(source, taken)
    })?;
    pass.finish(sides, log.files().len() as u64)
}

/// The checkpoints of a replay, where it can have any, and the one that it goes on from.
fn begin(
    start: Start,
    side: &Side<'_>,
    labels: Option<&Path>,
    log: &Log<'_>,
    seed: Option<&Seed>,
) -> Result<(Option<Checkpoints>, Option<Resumed>), ReplayError> {
    let files = log.files();
    let obstacle = Checkpoints::obstacle(&files);
    match (start, obstacle) {
        (Start::Resumed, Some(obstacle)) => return Err(obstacle),
        (Start::Once, _) | (_, Some(_)) => return Ok((None, None)),
        (_, None) => {}
    }
    let mut checkpoints = Checkpoints::of(side, labels, (log.inputs(), &files), seed);
    if start == Start::Anew {
        return Ok((Some(checkpoints), None));
    }
    let engine = Arc::new(side.config.engine_config());
    let resumed = checkpoints.find(&engine, seed, side.out)?;
    let out = side.out.display();
    match &resumed {
        Some(resumed) => {
            checkpoints.read_from(resumed.known.place.clone());
            let records = resumed.known.summary.events;
            tracing::info!(%out, records, "resumed: the replay goes on behind the records that were read before");
        }
        None => {
            tracing::info!(%out, "there is nothing to resume; the replay begins with the first record");
        }
    }
    Ok((Some(checkpoints), resumed))
}

/// What a pass over a log has come to so far.
struct Pass<'s> {
    started: Instant,
    runs: Vec<Run>,
    labels: Labels,
    drifted: DriftCounts,
    checkpoints: Option<Checkpoints>,
    /// How much of what is read now was taken by the process before.
    again: u64,
    /// How much was taken, of what the log holds.
    taken: u64,
    stop: &'s mut dyn FnMut() -> bool,
    /// From when on it is to end.
    patience: Option<Patience>,
    /// Whether there is a checkpoint.
    is_resumable: bool,
}

impl Pass<'_> {
    fn take(&mut self, source: &str, taken: Taken<'_>) -> Result<ControlFlow<()>, ReplayError> {
        if let Taken::Place(place) = taken {
            if let Some(checkpoints) = &mut self.checkpoints {
                checkpoints.read_from(*place);
            }
            return Ok(ControlFlow::Continue(()));
        }
        if self.again > 0 {
            self.again -= 1;
            return Ok(ControlFlow::Continue(()));
        }
        if self.pause(&taken)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.taken += 1;
        match &taken {
            Taken::Drift(drift) => self.drifted.add(drift),
            Taken::Event(event) => self.labels.note(event),
            _ => {}
        }
        // A record is decoded once for all sides.
        let mut runs = self.runs.iter_mut();
        runs.try_for_each(|run| run.take(source, &taken))?;
        Ok(ControlFlow::Continue(()))
    }

    /// Makes a checkpoint where it is time, and says whether what comes next is to be taken at all.
    fn pause(&mut self, next: &Taken<'_>) -> Result<ControlFlow<()>, ReplayError> {
        if self.patience.is_none() && (self.stop)() {
            self.patience = Some(Patience::default());
        }
        let Some(checkpoints) = &mut self.checkpoints else {
            return Ok(match self.patience {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            });
        };
        if self.patience.is_none() && !checkpoints.is_due(self.taken) {
            return Ok(ControlFlow::Continue(()));
        }
        let time = match next {
            Taken::Event(event) if !is_news(event) => Some(event.time),
            _ => None,
        };
        if self.runs.iter().all(|run| run.is_settled(time)) {
            self.is_resumable |= self.checkpoint()?;
            return Ok(match self.patience {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            });
        }
        let patience = self.patience.as_mut();
        Ok(patience.map_or(ControlFlow::Continue(()), Patience::wait))
    }

    fn checkpoint(&mut self) -> Result<bool, ReplayError> {
        let (Some(checkpoints), [run]) = (&mut self.checkpoints, &mut self.runs[..]) else {
            return Ok(false);
        };
        let (summary, results, engines) = run.moment(self.started.elapsed())?;
        let moment = Moment {
            taken: self.taken,
            summary,
            drift: &self.drifted,
            labels: self.labels.noted(),
            results,
        };
        Ok(checkpoints.make(moment, engines))
    }

    fn finish(mut self, sides: &[Side<'_>], inputs: u64) -> Result<Vec<Summary>, ReplayError> {
        self.labels.warn();
        let is_interrupted = self.patience.is_some();
        let took = self.started.elapsed();
        for run in &mut self.runs {
            let summary = run.summary();
            summary.inputs = inputs;
            summary.drifted(&self.drifted);
            summary.interrupted = is_interrupted;
        }
        // Either all sides have new results or none.
        self.runs.iter_mut().try_for_each(|run| run.finish(took))?;
        let mut summaries = Vec::with_capacity(sides.len());
        for (run, side) in self.runs.into_iter().zip(sides) {
            summaries.push(run.publish(|| {
                outdated::remove(side.out)?;
                self.labels.publish(side.out)?;
                match is_interrupted {
                    true => Ok(()),
                    false => Checkpoints::clear(side.out),
                }
            })?);
        }
        let next = match self.is_resumable {
            true => "start it again with --resume for the rest",
            false => "replay the log again for all of it",
        };
        match summaries.first().filter(|_| is_interrupted) {
            Some(summary) => Err(ReplayError::Interrupted {
                events: summary.events,
                next,
            }),
            None => Ok(summaries),
        }
    }
}
