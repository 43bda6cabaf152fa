//! What a worker knows of a partition when it takes it over: the state of its last checkpoint, read while the
//! worker goes on with what it has.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use plumbline_detectors::config::Config as EngineConfig;
use plumbline_detectors::engine::Engine;
use plumbline_detectors::state::{EntryError, Restorer};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::partition::Known;
use super::standby::Standby;
use crate::config::TopicsConfig;
use crate::kafka::{
    Clients, ConnectError, Context, Failure, IDLE_POLL, START_TIMEOUT, drop_aside, retry_after,
};

const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Why nothing can be known of a partition, whatever is tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum RestoreError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("topic {topic}, partition {partition}: {error}")]
    Entry {
        topic: String,
        partition: i32,
        error: EntryError,
    },
    /// It is not wanted any more.
    #[error("given up")]
    Unwanted,
}

/// A partition whose state is being read.
struct Wanted {
    committed: Option<i64>,
    is_unwanted: Arc<AtomicBool>,
}

/// A partition that can be read from where its state ends.
pub(super) struct Restored {
    pub(super) partition: i32,
    pub(super) committed: Option<i64>,
    pub(super) known: Result<Known, RestoreError>,
}

/// The partitions of one worker that are being restored.
pub(super) struct Restorations {
    wanted: BTreeMap<i32, Wanted>,
    done: Receiver<(i32, Result<Known, RestoreError>)>,
    sender: Sender<(i32, Result<Known, RestoreError>)>,
}

/// What it takes to read the state of a partition.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) clients: Clients,
    pub(crate) topics: TopicsConfig,
    pub(crate) engine: Arc<EngineConfig>,
    /// How many partitions the log has.
    pub(crate) partitions: i32,
    /// Who may have read it already.
    pub(crate) standby: Option<Arc<Standby>>,
}

struct Job {
    partition: i32,
    committed: Option<i64>,
    is_unwanted: Arc<AtomicBool>,
}

impl Restorations {
    pub(super) fn new() -> Self {
        let (sender, done) = channel();
        let wanted = BTreeMap::new();
        Self {
            wanted,
            done,
            sender,
        }
    }

    /// Begins with these partitions, each with what the group has committed of it; as many at a time as
    /// there are cores.
    pub(super) fn begin(
        &mut self,
        source: &Source,
        partitions: Vec<(i32, Option<i64>)>,
    ) -> std::io::Result<()> {
        let mut jobs = VecDeque::with_capacity(partitions.len());
        for (partition, committed) in partitions {
            let is_unwanted = Arc::new(AtomicBool::new(false));
            jobs.push_back(Job {
                partition,
                committed,
                is_unwanted: Arc::clone(&is_unwanted),
            });
            let wanted = Wanted {
                committed,
                is_unwanted,
            };
            self.wanted.insert(partition, wanted);
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.min(jobs.len());
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..threads {
            let (source, jobs, done) = (source.clone(), Arc::clone(&jobs), self.sender.clone());
            thread::Builder::new()
                .name(format!("restore-{number}"))
                .spawn(move || {
                    let mut reader = None;
                    while let Some(job) = next(&jobs) {
                        let known = restore(&source, &job, &mut reader);
                        // Nobody listens any more once the worker is gone.
                        let _ = done.send((job.partition, known));
                    }
                })?;
        }
        Ok(())
    }

    /// How many are not restored yet.
    pub(super) fn len(&self) -> usize {
        self.wanted.len()
    }

    /// The next one that is.
    pub(super) fn next(&mut self) -> Option<Restored> {
        loop {
            let (partition, known) = self.done.try_recv().ok()?;
            // One that was given away, and perhaps given back meanwhile.
            if matches!(known, Err(RestoreError::Unwanted)) {
                continue;
            }
            if let Some(wanted) = self.wanted.remove(&partition) {
                let committed = wanted.committed;
                return Some(Restored {
                    partition,
                    committed,
                    known,
                });
            }
        }
    }

    /// This one is not wanted any more.
    pub(super) fn give_up(&mut self, partition: i32) {
        if let Some(wanted) = self.wanted.remove(&partition) {
            wanted.is_unwanted.store(true, Ordering::Relaxed);
        }
    }

    /// None is.
    pub(super) fn give_up_all(&mut self) {
        let all: Vec<i32> = self.wanted.keys().copied().collect();
        all.into_iter()
            .for_each(|partition| self.give_up(partition));
    }
}

impl Drop for Restorations {
    fn drop(&mut self) {
        self.give_up_all();
    }
}

fn next(jobs: &Mutex<VecDeque<Job>>) -> Option<Job> {
    let mut jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
    jobs.pop_front()
}

/// Reads the state of a partition, as often as it takes.
fn restore(source: &Source, job: &Job, reader: &mut Option<Reader>) -> Result<Known, RestoreError> {
    let mut failures = 0;
    loop {
        let opened = match reader.take() {
            Some(reader) => Ok(reader),
            None => Reader::open(source).map_err(Failed::from),
        };
        let tried = opened.and_then(|opened| {
            let known = try_restore(source, job, &opened)?;
            *reader = Some(opened);
            Ok(known)
        });
        let error = match tried {
            Ok(known) => return Ok(known),
            Err(Failed::Hopeless(error)) => return Err(error),
            Err(Failed::Passing(error)) => error,
        };
        if Failure::of(&error) == Failure::Forbidden {
            let what = format!("topic {}", source.topics.state);
            return Err(ConnectError::about(&what, error).into());
        }
        tracing::warn!(partition = job.partition, %error, "state cannot be read yet");
        thread::sleep(retry_after(failures));
        failures += 1;
    }
}

/// Why an attempt came to nothing.
enum Failed {
    Passing(KafkaError),
    Hopeless(RestoreError),
}

impl From<KafkaError> for Failed {
    fn from(error: KafkaError) -> Self {
        Self::Passing(error)
    }
}

/// What the entries of a partition amount to, as far as they have been read.
pub(super) struct Reading {
    restorer: Restorer,
    /// What was written over since does not matter.
    unusable: BTreeMap<Vec<u8>, EntryError>,
    /// Entries that are taken in at the end, the last of each key: most of a topic that was not compacted lately was
    /// written over, and to take an entry in costs more than to keep it. Nothing for who follows a partition: it would
    /// have to keep them for ever.
    latest: Option<HashMap<Vec<u8>, Option<Vec<u8>>>>,
}

impl Reading {
    /// To be read to its end.
    fn whole(source: &Source) -> Self {
        Self {
            latest: Some(HashMap::new()),
            ..Self::begin(source)
        }
    }

    pub(super) fn begin(source: &Source) -> Self {
        Self::of_partition(Arc::clone(&source.engine), source.partitions)
    }

    pub(super) fn of_partition(engine: Arc<EngineConfig>, partitions: i32) -> Self {
        Self {
            restorer: Restorer::new(engine, partitions.unsigned_abs()),
            unusable: BTreeMap::new(),
            latest: None,
        }
    }

    pub(super) fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Some(latest) = &mut self.latest else {
            return self.take_in(key, value);
        };
        match (latest.get_mut(key), value) {
            (Some(Some(before)), Some(value)) => value.clone_into(before),
            (Some(before), value) => *before = value.map(<[u8]>::to_vec),
            (None, value) => drop(latest.insert(key.to_vec(), value.map(<[u8]>::to_vec))),
        }
    }

    /// How many entries have been read, but for those that were written over.
    fn entries(&self) -> usize {
        let latest = self.latest.as_ref().map_or(0, HashMap::len);
        latest + self.restorer.identities()
    }

    fn take_in(&mut self, key: &[u8], value: Option<&[u8]>) {
        match self.restorer.take(key, value) {
            Ok(()) if self.unusable.is_empty() => {}
            Ok(()) => drop(self.unusable.remove(key)),
            Err(error) => drop(self.unusable.insert(key.to_vec(), error)),
        }
    }

    fn finish(mut self) -> Result<Option<(Engine, i64)>, EntryError> {
        let mut latest: Vec<_> = self.latest.take().into_iter().flatten().collect();
        latest.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (key, value) in latest {
            self.take_in(&key, value.as_deref());
        }
        match self.unusable.into_values().next() {
            Some(error) => Err(error),
            None => self.restorer.finish(),
        }
    }
}

fn try_restore(source: &Source, job: &Job, reader: &Reader) -> Result<Known, Failed> {
    let (partition, since) = (job.partition, Instant::now());
    let standby = source.standby.as_ref();
    let follower = standby.and_then(|standby| standby.hand_over(partition));
    let stood_by = follower.is_some();
    let (mut reading, from) = match follower {
        Some(follower) => (follower.reading, follower.next),
        None => (Reading::whole(source), Offset::Beginning),
    };
    let (mut bytes, mut reported) = (0, Instant::now());
    reader.read(source, job, from, |key, value| {
        bytes += key.len() + value.map_or(0, <[u8]>::len);
        reading.take(key, value);
        if reported.elapsed() >= REPORT_EVERY {
            reported = Instant::now();
            let entries = reading.entries();
            tracing::info!(partition, entries, bytes, "reading state");
        }
    })?;
    let unusable = match reading.finish() {
        Ok(None) => return Ok(source.nothing(Vec::new())),
        // At the beginning of the log nothing need be committed: a replay has written it.
        Ok(Some((engine, position))) if job.committed.unwrap_or(0) >= position => {
            tracing::info!(
                partition,
                position,
                identities = engine.identities(),
                bytes,
                stood_by,
                millis = since.elapsed().as_millis() as u64,
                "state read"
            );
            reader.look_for_gap(source, job, position)?;
            return Ok(Known {
                engine,
                position,
                stale: Vec::new(),
                partitions: source.partitions,
            });
        }
        Ok(Some((_, position))) => format!(
            "it is of the log up to {position}, and of that the group has committed {}",
            job.committed
                .map_or("nothing".to_owned(), |end| format!("no more than {end}")),
        ),
        Err(error @ EntryError::Damaged { .. }) => error.to_string(),
        Err(error) => {
            let topic = source.topics.state.clone();
            return Err(Failed::Hopeless(RestoreError::Entry {
                topic,
                partition,
                error,
            }));
        }
    };
    tracing::warn!(
        partition,
        reason = unusable,
        "the state cannot be used: the log is read from its beginning instead, and the state written anew"
    );
    // What is not written anew must not come back.
    let mut stale = BTreeSet::new();
    reader.read(source, job, Offset::Beginning, |key, value| {
        let key = String::from_utf8_lossy(key).into_owned();
        match value {
            Some(_) => stale.insert(key),
            None => stale.remove(&key),
        };
    })?;
    Ok(source.nothing(stale.into_iter().collect()))
}

/// Who reads state: one client for all partitions of a thread.
pub(super) struct Reader(Option<BaseConsumer<Context>>);

impl Drop for Reader {
    fn drop(&mut self) {
        // It says good-bye to a group in which it never was, and that takes its time.
        if let Some(client) = self.0.take() {
            drop_aside(client);
        }
    }
}

impl Reader {
    pub(super) fn open(source: &Source) -> Result<Self, KafkaError> {
        let client = source.clients.reader();
        let client = client.map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        Ok(Self(Some(client)))
    }

    pub(super) fn client(&self) -> Result<&BaseConsumer<Context>, KafkaError> {
        self.0.as_ref().ok_or(KafkaError::Canceled)
    }

    /// Reads these partitions from now on, and no others.
    pub(super) fn assign(
        &self,
        source: &Source,
        partitions: impl IntoIterator<Item = (i32, Offset)>,
    ) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        for (partition, from) in partitions {
            list.add_partition_offset(&source.topics.state, partition, from)?;
        }
        self.client()?.assign(&list)
    }

    /// Whether there is state of any partition.
    pub(super) fn holds_anything(source: &Source) -> Result<bool, KafkaError> {
        let reader = Self::open(source)?;
        for partition in 0..source.partitions {
            let job = Job {
                partition,
                committed: None,
                is_unwanted: Arc::default(),
            };
            let mut holds = false;
            let read = reader.read(source, &job, Offset::Beginning, |_, value| {
                if value.is_some() {
                    holds = true;
                    job.is_unwanted.store(true, Ordering::Relaxed);
                }
            });
            match read {
                _ if holds => return Ok(true),
                Err(Failed::Passing(error)) => return Err(error),
                Err(Failed::Hopeless(_)) | Ok(()) => {}
            }
        }
        Ok(false)
    }

    /// Reads what is committed of the state of a partition, to its end.
    fn read(
        &self,
        source: &Source,
        job: &Job,
        from: Offset,
        mut take: impl FnMut(&[u8], Option<&[u8]>),
    ) -> Result<(), Failed> {
        let client = self.client()?;
        self.assign(source, [(job.partition, from)])?;
        loop {
            if job.is_unwanted.load(Ordering::Relaxed) {
                return Err(Failed::Hopeless(RestoreError::Unwanted));
            }
            match client.poll(IDLE_POLL) {
                None => {}
                // That of the partition before may still be on its way.
                Some(Err(KafkaError::PartitionEOF(partition))) if partition == job.partition => {
                    return Ok(());
                }
                Some(Err(error)) if is_final(&error) => return Err(error.into()),
                // Reported, and librdkafka goes on by itself.
                Some(Err(_)) => {}
                Some(Ok(message)) if message.partition() == job.partition => {
                    take(message.key().unwrap_or_default(), message.payload());
                }
                Some(Ok(_)) => {}
            }
        }
    }

    /// Says so where the log no longer holds what follows the state.
    fn look_for_gap(&self, source: &Source, job: &Job, position: i64) -> Result<(), KafkaError> {
        let log = &source.topics.events;
        let client = self.client()?;
        let (first, _) = client.fetch_watermarks(log, job.partition, START_TIMEOUT)?;
        if first > position {
            tracing::warn!(
                partition = job.partition,
                position,
                first,
                "records of the log were deleted before they came into the state: what they said is not known"
            );
        }
        Ok(())
    }
}

pub(super) fn is_final(error: &KafkaError) -> bool {
    Failure::of(error) == Failure::Forbidden
        || matches!(error, KafkaError::MessageConsumptionFatal(_))
}

impl Source {
    fn nothing(&self, stale: Vec<String>) -> Known {
        Known::nothing(Arc::clone(&self.engine), self.partitions, stale)
    }
}
