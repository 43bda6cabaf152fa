//! Checkpoints of a replay, from which `--resume` goes on.
//!
//! A checkpoint is a file in `.replay-checkpoint/` below the results: where the reading of the log is ([`Place`]), the
//! numbers so far, how much of each result is written, and the engines as they are. The results themselves are only
//! ever added to, so that of a checkpoint and the one before both are good: should the last be damaged, the one
//! before is used. Whoever resumes gets the bytes that a replay writes that was never interrupted.
//!
//! They are made once a minute, and less often where they take longer than a twentieth of the time; and when a signal
//! ends the replay. Once its results are whole they are removed.

mod file;
mod origin;

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline_detectors::Engine;
use plumbline_detectors::config::Config;
use plumbline_detectors::state::Restorer;
use plumbline_schemas::drift::DriftCounts;
use serde::{Deserialize, Serialize};

use super::inputs::{Inputs, STDIN};
use super::labels::Noted;
use super::place::Place;
use super::results::Kept;
use super::{ReplayError, Side, Summary};
use crate::worker::Seed;
use origin::Origin;

/// Where they are, below the results.
const DIRECTORY: &str = ".replay-checkpoint";
/// How the name of one ends that was not written to its end.
const UNFINISHED: &str = ".partial";
/// So often, where the configuration does not say.
const EVERY: Duration = Duration::from_secs(60);
/// Then one is not made before so many times what the last has taken.
const REST: u32 = 20;
/// So many are kept: the last, and the one before.
const KEPT: usize = 2;
/// The clock is looked at after so many things of the log.
const LOOK_EVERY: u64 = 64;

/// All that is known at a checkpoint, beside the engines.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Known {
    origin: Origin,
    /// From where the log is read again, and how much has been taken of it.
    pub(super) place: Place,
    pub(super) taken: u64,
    /// How long it has taken so far is in it.
    pub(super) summary: Summary,
    pub(super) drift: DriftCounts,
    pub(super) labels: Vec<Noted>,
    pub(super) results: Kept,
}

/// What a replay knows at a moment; the rest of it is in the files that are written.
pub(super) struct Moment<'m> {
    pub(super) taken: u64,
    pub(super) summary: Summary,
    pub(super) drift: &'m DriftCounts,
    pub(super) labels: &'m [Noted],
    pub(super) results: Kept,
}

/// From where a replay goes on.
pub(super) struct Resumed {
    pub(super) known: Known,
    pub(super) engine: Engine,
    /// Those of the state that is exported.
    pub(super) exported: Vec<Engine>,
}

/// What a checkpoint is.
enum Found {
    Good(Box<Resumed>),
    /// It is of another replay: what is another, and how.
    Other(String, String),
}

/// The checkpoints of one replay.
pub(super) struct Checkpoints {
    directory: PathBuf,
    origin: Origin,
    /// As often as the configuration says.
    every: Option<Duration>,
    due: Instant,
    /// Whether that has come.
    is_due: bool,
    place: Place,
    /// Of the next.
    number: u64,
}

impl Checkpoints {
    /// Why there can be none, if there can be none: what was read once must be there to be read again.
    pub(super) fn obstacle(files: &[PathBuf]) -> Option<ReplayError> {
        let is_stream = |path: &&PathBuf| {
            path.as_path() == Path::new(STDIN)
                || path.metadata().is_ok_and(|found| !found.is_file())
        };
        let stream = files.iter().find(is_stream)?;
        Some(ReplayError::CannotResume(format!(
            "{} is a stream, which nobody can read again from where it was; write it to a file, and name that as \
             --input",
            stream.display()
        )))
    }

    pub(super) fn of(
        side: &Side<'_>,
        labels: Option<&Path>,
        (inputs, files): (&Inputs, &[PathBuf]),
        seed: Option<&Seed>,
    ) -> Self {
        let every = side.config.replay.checkpoint_interval;
        let every = every.map(|every| Duration::from_millis(every.as_millis().unsigned_abs()));
        Self {
            directory: side.out.join(DIRECTORY),
            origin: Origin::of(side, labels, inputs, files, seed.map(Seed::place)),
            due: Instant::now() + every.unwrap_or(EVERY),
            every,
            is_due: false,
            place: Place::default(),
            number: 0,
        }
    }

    /// The log is read from here: the place of the next checkpoint, unless a later one comes.
    pub(super) fn read_from(&mut self, place: Place) {
        self.place = place;
    }

    /// Whether it is time for one.
    pub(super) fn is_due(&mut self, taken: u64) -> bool {
        self.is_due = self.is_due || taken.is_multiple_of(LOOK_EVERY) && Instant::now() >= self.due;
        self.is_due
    }

    /// Makes one. Where that fails the replay goes on, and it is tried again.
    pub(super) fn make<'e>(
        &mut self,
        moment: Moment<'_>,
        engines: impl Iterator<Item = &'e mut Engine>,
    ) -> bool {
        let begun = Instant::now();
        let made = self.write(moment, engines);
        let took = begun.elapsed();
        self.due = Instant::now() + self.every.unwrap_or_else(|| EVERY.max(took * REST));
        self.is_due = false;
        match made {
            Ok(taken) => {
                tracing::debug!(taken, millis = took.as_millis() as u64, "checkpoint made");
                true
            }
            Err(error) => {
                let directory = self.directory.display();
                tracing::warn!(%directory, %error, "no checkpoint is made; the replay goes on without");
                false
            }
        }
    }

    fn write<'e>(
        &mut self,
        moment: Moment<'_>,
        engines: impl Iterator<Item = &'e mut Engine>,
    ) -> io::Result<u64> {
        fs::create_dir_all(&self.directory)?;
        // The names of the results, too, have to survive a power cut.
        if let Some(out) = self.directory.parent() {
            File::open(out)?.sync_all()?;
        }
        let known = Known {
            origin: self.origin.clone(),
            place: self.place.clone(),
            taken: moment.taken,
            summary: moment.summary,
            drift: moment.drift.clone(),
            labels: moment.labels.to_vec(),
            results: moment.results,
        };
        file::write(&self.path(self.number), &known, engines)?;
        self.number += 1;
        let made = numbers(&self.directory)?;
        let older = made.len().saturating_sub(KEPT);
        for number in &made[..older] {
            fs::remove_file(self.path(*number))?;
        }
        Ok(moment.taken)
    }

    /// The last checkpoint that is whole, with the results that it rests on; nothing where there is none. One of
    /// another log or configuration is an error.
    pub(super) fn find(
        &mut self,
        engine: &Arc<Config>,
        seed: Option<&Seed>,
        out: &Path,
    ) -> Result<Option<Resumed>, ReplayError> {
        let numbers = numbers(&self.directory).unwrap_or_default();
        self.number = numbers.last().map_or(0, |last| last + 1);
        for number in numbers.into_iter().rev() {
            let path = self.path(number);
            let found = self.read(&path, engine, seed).and_then(|found| {
                if let Found::Good(resumed) = &found {
                    resumed.known.results.check(out)?;
                }
                Ok(found)
            });
            match found {
                Ok(Found::Good(resumed)) => {
                    // It knows nothing yet of the files that are begun now.
                    self.due = Instant::now();
                    return Ok(Some(*resumed));
                }
                Ok(Found::Other(what, how)) => {
                    let out = out.to_owned();
                    return Err(ReplayError::OtherReplay { out, what, how });
                }
                Err(error) => {
                    let path = path.display();
                    tracing::warn!(%path, %error, "a checkpoint cannot be used; the one before is looked for");
                }
            }
        }
        Ok(None)
    }

    fn read(&self, path: &Path, config: &Arc<Config>, seed: Option<&Seed>) -> io::Result<Found> {
        let (mut reader, known): (_, Known) = file::Reader::open(path)?;
        if let Some((what, how)) = known.origin.differs(&self.origin) {
            // Nothing is believed of a file that is damaged.
            return reader.end().map(|()| Found::Other(what, how));
        }
        let engine = reader.engine(Restorer::new(Arc::clone(config), 1))?;
        let exported = seed.into_iter().flat_map(Seed::restorers);
        let exported = exported
            .map(|restorer| reader.engine(restorer))
            .collect::<io::Result<_>>()?;
        reader.end()?;
        Ok(Found::Good(Box::new(Resumed {
            known,
            engine,
            exported,
        })))
    }

    /// Removes all of them, and nothing else that came to be there.
    pub(super) fn clear(out: &Path) -> Result<(), ReplayError> {
        let directory = out.join(DIRECTORY);
        match remove(&directory) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ReplayError::Write {
                path: directory,
                source,
            }),
            _ => Ok(()),
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(number.to_string())
    }
}

/// The numbers of those that are there, in order.
fn numbers(directory: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in directory.read_dir()? {
        // What was not finished has no number.
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn remove(directory: &Path) -> io::Result<()> {
    for entry in directory.read_dir()? {
        let entry = entry?;
        let name = entry.file_name();
        let is_number = |name: &str| name.parse::<u64>().is_ok();
        let is_ours = |name: &str| is_number(name) || name.ends_with(UNFINISHED);
        if name.to_str().is_some_and(is_ours) {
            fs::remove_file(entry.path())?;
        }
    }
    match fs::remove_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
        _ => Ok(()),
    }
}

/// When a replay that was asked to end may do so.
#[derive(Default)]
pub(super) struct Patience(u64);

/// Events of one time belong together, and a log may have only one time: then what a checkpoint had before is
/// resumed.
const MOST_PATIENCE: u64 = 1 << 16;

impl Patience {
    /// One more thing has to be waited for, or it is enough.
    pub(super) fn wait(&mut self) -> ControlFlow<()> {
        self.0 += 1;
        match self.0 > MOST_PATIENCE {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
