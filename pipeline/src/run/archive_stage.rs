//! Keeps the log, the findings and the commands as tables: a thread with a consumer group of its own, which nothing
//! else waits for.
//!
//! Where a partition is read from its files say ([`PartitionArchive`]); what the group commits only tells others how
//! far it is. Whatever goes wrong, a full disk or a broker that is away, ends the session: files that have no name
//! yet are given up, and after a while the next session reads their records again. It is said, counted, and stops
//! nothing else.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use plumbline_schemas::finding::Finding;
use plumbline_schemas::formats::read_event;
use plumbline_schemas::time::EventTime;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::metrics::Kinds;
use crate::analyst::{ArchiveError, Location, PartitionArchive, Table, prepare};
use crate::config::TopicsConfig;
use crate::deliver::{causes, command_of};
use crate::kafka::{
    ClientError, Clients, Failure, GroupConsumer, IDLE_POLL, Progress, Rebalance, START_TIMEOUT,
    positions, retry_after, too_far_ahead,
};

/// Records that wait for their row group hold no more than about this.
const MOST_WAITING_BYTES: usize = 64 << 20;
/// Records read in one go.
const RECORDS_PER_ROUND: u32 = 256;
/// How often files and offsets are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// A session that went well for so long has not failed again and again.
const WENT_WELL: Duration = Duration::from_secs(60);

/// Why a session ended before its time.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("Kafka cannot be read")]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It would be passed over until the topic has as many records as the old one.
    #[error(
        "what is archived of it goes to offset {archived}, and the topic ends at {end}: it is of another topic of that \
         name; name another archive.dir"
    )]
    Beyond { archived: i64, end: i64 },
}

/// What the thread is given.
pub(super) struct ArchiveStage {
    pub(super) clients: Clients,
    pub(super) topics: TopicsConfig,
    pub(super) directory: PathBuf,
    pub(super) roll_after: Duration,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) kinds: Kinds,
    /// How far it has read.
    pub(super) progress: Arc<Progress>,
}

impl ArchiveStage {
    /// Works until it is told to stop.
    pub(super) fn run(&self) {
        let mut failures = 0;
        while !self.is_stopping() {
            let started = Instant::now();
            let Err(trouble) = Session::start(self).and_then(Session::run) else {
                continue;
            };
            if started.elapsed() > WENT_WELL {
                failures = 0;
            }
            self.failed(&trouble, "nothing is archived for the moment");
            let deadline = Instant::now() + retry_after(failures);
            failures += 1;
            while !self.is_stopping() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn failed(&self, trouble: &Trouble, what: &str) {
        self.kinds.archive_failed();
        let reason = causes(trouble);
        tracing::warn!(reason, "{what}: it is tried again");
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The archive of a partition that has these offsets, and where it goes on.
    fn open(
        &self,
        location: &Location,
        table: Table,
        topic: &str,
        partition: i32,
        offsets: Range<i64>,
    ) -> Result<(PartitionArchive, i64), Trouble> {
        let archive = PartitionArchive::open(location, table, partition)?;
        let next = archive.next().unwrap_or(offsets.start);
        if next > offsets.end {
            return Err(Trouble::Beyond {
                archived: next - 1,
                end: offsets.end,
            });
        }
        if next < offsets.start {
            tracing::warn!(
                topic,
                partition,
                from = next,
                to = offsets.start,
                "records were deleted before they were archived: the archive has a gap"
            );
        }
        let from = next.max(offsets.start);
        tracing::info!(topic, partition, from, "archiving");
        Ok((archive, from))
    }

    fn table(&self, topic: &str) -> Option<Table> {
        let topics = [
            (&self.topics.events, Table::Events),
            (&self.topics.findings, Table::Findings),
            (&self.topics.control, Table::Commands),
        ];
        let found = topics.into_iter().find(|(name, _)| *name == topic);
        found.map(|(_, table)| table)
    }
}

type Place = (Table, i32);

/// A partition that is archived here.
struct Held {
    archive: PartitionArchive,
    /// What was committed last.
    committed: Option<i64>,
    tidied: Option<Instant>,
}

/// A partition of ours that cannot be archived, until it is tried again.
struct Refused {
    topic: String,
    since: Instant,
}

/// One membership in the consumer group.
struct Session<'s> {
    stage: &'s ArchiveStage,
    location: Location,
    consumer: GroupConsumer,
    held: BTreeMap<Place, Held>,
    refused: BTreeMap<Place, Refused>,
    waiting_bytes: usize,
}

impl<'s> Session<'s> {
    fn start(stage: &'s ArchiveStage) -> Result<Self, Trouble> {
        let location = Location::at(&stage.directory)?;
        prepare(&location)?;
        let consumer = stage.clients.consumer(&stage.clients.archive_group())?;
        let topics = &stage.topics;
        consumer
            .client()
            .subscribe(&[&*topics.events, &*topics.findings, &*topics.control])?;
        Ok(Self {
            stage,
            location,
            consumer,
            held: BTreeMap::new(),
            refused: BTreeMap::new(),
            waiting_bytes: 0,
        })
    }

    fn run(mut self) -> Result<(), Trouble> {
        let ended = self.work().and_then(|()| self.leave());
        self.held.clear();
        self.consumer.close();
        ended
    }

    fn work(&mut self) -> Result<(), Trouble> {
        let mut looked = Instant::now();
        while !self.stage.is_stopping() {
            self.read()?;
            self.answer_rebalances()?;
            if self.waiting_bytes >= MOST_WAITING_BYTES {
                self.waiting_bytes = 0;
                self.each(PartitionArchive::spill)?;
            }
            if looked.elapsed() >= LOOK_INTERVAL {
                looked = Instant::now();
                self.roll()?;
                self.commit(CommitMode::Async)?;
                self.ask_again()?;
            }
        }
        Ok(())
    }

    fn each(
        &mut self,
        mut work: impl FnMut(&mut PartitionArchive) -> Result<(), ArchiveError>,
    ) -> Result<(), Trouble> {
        let mut archives = self.held.values_mut().map(|held| &mut held.archive);
        Ok(archives.try_for_each(&mut work)?)
    }

    fn read(&mut self) -> Result<(), Trouble> {
        for round in 0..RECORDS_PER_ROUND {
            let patience = if round == 0 {
                IDLE_POLL
            } else {
                Duration::ZERO
            };
            match self.consumer.poll(patience) {
                None => break,
                Some(Ok(message)) => {
                    let Some(table) = self.stage.table(message.topic()) else {
                        continue;
                    };
                    // What is not held is not to be archived now.
                    if let Some(held) = self.held.get_mut(&(table, message.partition())) {
                        self.waiting_bytes += message.payload_len();
                        append(&mut held.archive, table, &message)?;
                    }
                }
                Some(Err(error)) => {
                    let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
                    if fatal || Failure::of(&error) == Failure::Forbidden {
                        return Err(error.into());
                    }
                    // Anything else is reported, and librdkafka goes on by itself.
                    break;
                }
            }
        }
        Ok(())
    }

    /// Closes what has waited long enough, and puts in order what is there.
    fn roll(&mut self) -> Result<(), Trouble> {
        let roll_after = self.stage.roll_after;
        for ((table, _), held) in &mut self.held {
            let waiting = held.archive.waiting();
            if waiting.is_some_and(|(_, since)| since.elapsed() >= roll_after) {
                held.archive.close()?;
            }
            held.count(*table, &self.stage.kinds);
            if held.tidied.is_none_or(|at| at.elapsed() >= roll_after) {
                held.tidied = Some(Instant::now());
                // Nothing rests on it.
                if let Err(error) = held.archive.tidy() {
                    self.stage.kinds.archive_failed();
                    let reason = causes(&error);
                    tracing::warn!(reason, "small files of the archive stay as they are");
                }
            }
        }
        Ok(())
    }

    /// Commits all that is in files, for who looks how far behind the archive is.
    fn commit(&mut self, mode: CommitMode) -> Result<(), Trouble> {
        let mut list = TopicPartitionList::new();
        for (topic, partition, position) in positions(self.consumer.client())? {
            self.stage.progress.committed(&topic, partition, position);
            let place = self.stage.table(&topic).map(|table| (table, partition));
            let Some(held) = place.and_then(|place| self.held.get_mut(&place)) else {
                continue;
            };
            let at = held.archive.waiting().map_or(position, |(first, _)| first);
            if held.committed != Some(at) {
                held.committed = Some(at);
                list.add_partition_offset(&topic, partition, Offset::Offset(at))?;
            }
        }
        if list.count() > 0
            && let Err(error) = self.consumer.client().commit(&list, mode)
        {
            tracing::debug!(%error, "the archive's offsets are not committed yet");
        }
        Ok(())
    }

    fn answer_rebalances(&mut self) -> Result<(), Trouble> {
        while let Some(rebalance) = self.consumer.next_rebalance() {
            match rebalance {
                Rebalance::Assigned(partitions) => self.own(&partitions)?,
                Rebalance::Revoked { partitions, .. } => {
                    for element in partitions.elements() {
                        self.disown(element.topic(), element.partition())?;
                    }
                    self.consumer.unassign(&partitions)?;
                }
            }
        }
        Ok(())
    }

    /// Goes on with these partitions where their files end.
    fn own(&mut self, partitions: &TopicPartitionList) -> Result<(), Trouble> {
        let (mut from, mut refused) = (TopicPartitionList::new(), TopicPartitionList::new());
        for element in partitions.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            let offset = match self.open(topic, partition)? {
                Some(offset) => Offset::Offset(offset),
                None => {
                    refused.add_partition(topic, partition);
                    Offset::End
                }
            };
            from.add_partition_offset(topic, partition, offset)?;
        }
        self.consumer.assign(&from)?;
        if refused.count() > 0 {
            self.consumer.client().pause(&refused)?;
        }
        Ok(())
    }

    /// Tries again what could not be archived.
    fn ask_again(&mut self) -> Result<(), Trouble> {
        let patience = retry_after(u32::MAX);
        let is_due = |_: &Place, refused: &mut Refused| refused.since.elapsed() >= patience;
        let due: Vec<_> = self.refused.extract_if(.., is_due).collect();
        for ((_, partition), Refused { topic, .. }) in due {
            let Some(offset) = self.open(&topic, partition)? else {
                continue;
            };
            let client = self.consumer.client();
            client.seek(&topic, partition, Offset::Offset(offset), START_TIMEOUT)?;
            let mut list = TopicPartitionList::new();
            list.add_partition(&topic, partition);
            client.resume(&list)?;
        }
        Ok(())
    }

    /// Opens the archive of a partition, and says from which offset on it is read; nothing if it is refused.
    fn open(&mut self, topic: &str, partition: i32) -> Result<Option<i64>, Trouble> {
        let Some(table) = self.stage.table(topic) else {
            return Ok(None);
        };
        let client = self.consumer.client();
        let (low, end) = client.fetch_watermarks(topic, partition, START_TIMEOUT)?;
        let opened = self
            .stage
            .open(&self.location, table, topic, partition, low..end);
        match opened {
            Ok((archive, from)) => {
                self.stage.progress.committed(topic, partition, from);
                let held = Held {
                    archive,
                    committed: None,
                    tidied: None,
                };
                self.held.insert((table, partition), held);
                Ok(Some(from))
            }
            Err(trouble) => {
                let what = format!("partition {partition} of {topic} is not archived");
                self.stage.failed(&trouble, &what);
                let refused = Refused {
                    topic: topic.to_owned(),
                    since: Instant::now(),
                };
                self.refused.insert((table, partition), refused);
                Ok(None)
            }
        }
    }

    /// Lost or not: while a partition is locked nobody else can have begun, and what is here counts.
    fn disown(&mut self, topic: &str, partition: i32) -> Result<(), Trouble> {
        self.stage.progress.released(topic, partition);
        let Some(table) = self.stage.table(topic) else {
            return Ok(());
        };
        self.refused.remove(&(table, partition));
        if let Some(mut held) = self.held.remove(&(table, partition)) {
            held.archive.close()?;
            held.count(table, &self.stage.kinds);
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Trouble> {
        self.each(PartitionArchive::close)?;
        for ((table, _), held) in &mut self.held {
            held.count(*table, &self.stage.kinds);
        }
        self.commit(CommitMode::Sync)
    }
}

impl Held {
    fn count(&mut self, table: Table, kinds: &Kinds) {
        let rows = self.archive.take_named_rows();
        if rows > 0 {
            kinds.archived(table.name(), rows);
        }
    }
}

/// Appends a record, if it is a row: what is none is in the dead letter.
fn append(
    archive: &mut PartitionArchive,
    table: Table,
    message: &BorrowedMessage<'_>,
) -> Result<(), ArchiveError> {
    let (Some(value), offset) = (message.payload(), message.offset()) else {
        return Ok(());
    };
    // A consumer whose offset a broker does not have begins anew.
    if !archive.is_new(offset) {
        return Ok(());
    }
    let skipped = |reason: String| {
        let (topic, partition) = (message.topic(), message.partition());
        tracing::debug!(topic, partition, offset, reason, "not archived");
    };
    match table {
        Table::Events => {
            let broker_millis = message.timestamp().to_millis();
            let read = read_event(value);
            let read = read.and_then(|event| match too_far_ahead(event.time, broker_millis) {
                Some(reject) => Err(reject),
                None => Ok(event),
            });
            let broker_time = broker_millis.map(EventTime::from_millis);
            match read {
                Ok(event) => archive.event(&event, offset, broker_time)?,
                Err(reject) => skipped(reject.to_string()),
            }
        }
        Table::Findings => match serde_json::from_slice::<Finding>(value) {
            Ok(finding) => archive.finding(&finding, offset)?,
            Err(error) => skipped(error.to_string()),
        },
        Table::Commands => match command_of(value) {
            Ok(command) => archive.command(&command, offset)?,
            Err(reject) => skipped(reject.to_string()),
        },
    }
    Ok(())
}
