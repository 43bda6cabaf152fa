//! Checkpoints: the state of a worker's partitions, written to `plumbline.state` while the worker goes on.
//!
//! A checkpoint is a transaction of its own, by a thread of its own: what it writes may be a hundred
//! megabytes, and commands do not wait for it. It is committed once what it rests on is. An offset of the state
//! topic goes with it under the membership of the worker, so that who has lost the partition cannot commit it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use plumbline_detectors::state::Entry;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::Worker;
use super::outgoing::Outgoing;
use super::partition::Partition;
use super::transaction::{AttemptError, Transactor};
use crate::run::Counters;

/// The coordinator ends a checkpoint that takes longer. It is given up after half of that, be it that what it rests
/// on cannot be committed.
const LONGEST: Duration = Duration::from_secs(300);
/// Identities are written in so large portions while records are at hand, and while none is.
const FEW: usize = 4;
const MANY: usize = 512;
/// Entries are handed over so many at a time.
const HANDED_OVER: usize = 256;
/// What could not be ended is tried again after so long.
const RETRY: Duration = Duration::from_secs(1);
/// So many of these may wait for the producer.
const WAITING: usize = 64;

/// What the thread is to do.
enum Order {
    /// The checkpoint with this number, of this partition.
    Begin(u64, i32),
    Write(Vec<Entry>),
    Commit(i64, ConsumerGroupMetadata),
    Abandon,
}

/// What became of the checkpoint with this number.
type Outcome = (u64, Result<(), AttemptError>);

/// How far a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Writing,
    /// All of it is written; what it rests on may not be committed yet.
    Written,
    Committing,
}

struct UnderWay {
    number: u64,
    partition: i32,
    position: i64,
    stage: Stage,
    begun: Instant,
    entries: Vec<Entry>,
    written: u64,
    bytes: u64,
}

/// The checkpoints of one worker, one at a time.
pub(super) struct Checkpoints {
    every: Duration,
    orders: Sender<Order>,
    /// How many of the orders to write are still to be carried out.
    waiting: Arc<AtomicUsize>,
    outcomes: Receiver<Outcome>,
    thread: JoinHandle<()>,
    under_way: Option<UnderWay>,
    begun: u64,
    looked: Instant,
}

/// How often to look whether a checkpoint is due.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Checkpoints {
    pub(super) fn start(worker: &Worker) -> io::Result<Self> {
        let (orders, received) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let (outcome, outcomes) = channel();
        let transactor = Transactor::new(
            worker.clients.clone(),
            worker.topics.clone(),
            format!("{}-state", worker.transactional_id),
            LONGEST,
        );
        let scribe = Scribe {
            transactor,
            topic: worker.topics.state.clone(),
            number: 0,
            partition: 0,
            is_over: true,
            waiting: Arc::clone(&waiting),
            outcome,
        };
        let name = format!("{}-state", thread::current().name().unwrap_or("detect"));
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || scribe.work(&received))?;
        Ok(Self {
            every: worker.checkpoint_interval,
            orders,
            waiting,
            outcomes,
            thread,
            under_way: None,
            begun: 0,
            looked: Instant::now(),
        })
    }

    /// Whether there is something to write: nobody should wait for records meanwhile.
    pub(super) fn is_writing(&self) -> bool {
        let stage = self.under_way.as_ref().map(|under_way| under_way.stage);
        stage == Some(Stage::Writing)
    }

    /// Does a little of what there is to do. `idle`: no record is at hand.
    pub(super) fn step(
        &mut self,
        partitions: &mut BTreeMap<i32, Partition>,
        group: impl FnOnce() -> Option<ConsumerGroupMetadata>,
        counters: &Counters,
        (now, idle): (Instant, bool),
    ) -> Result<(), AttemptError> {
        if self.under_way.is_none() {
            self.begin(partitions, now);
            return Ok(());
        }
        self.hear(partitions, counters)?;
        let Some(under_way) = &mut self.under_way else {
            return Ok(());
        };
        let Some(partition) = partitions.get_mut(&under_way.partition) else {
            self.abandon();
            return Ok(());
        };
        if under_way.stage != Stage::Committing && under_way.begun.elapsed() >= LONGEST / 2 {
            partition.lose_checkpoint();
            counters.checkpoint_failed();
            self.abandon();
            return Ok(());
        }
        match under_way.stage {
            Stage::Writing => self.write(partition, if idle { MANY } else { FEW }),
            Stage::Written if partition.is_committed(under_way.position) => {
                if let Some(group) = group() {
                    under_way.stage = Stage::Committing;
                    let order = Order::Commit(under_way.position, group);
                    self.order(order);
                }
            }
            Stage::Written | Stage::Committing => {}
        }
        Ok(())
    }

    fn begin(&mut self, partitions: &mut BTreeMap<i32, Partition>, now: Instant) {
        if now.saturating_duration_since(self.looked) < LOOK_EVERY {
            return;
        }
        self.looked = now;
        // The one that waits the longest: others must not wait for ever.
        let due = partitions
            .iter_mut()
            .filter(|(_, partition)| partition.wants_checkpoint(self.every, now))
            .min_by_key(|(_, partition)| partition.saved_at());
        let Some((number, partition)) = due else {
            return;
        };
        let (position, entries) = partition.begin_checkpoint(now);
        self.begun += 1;
        self.under_way = Some(UnderWay {
            number: self.begun,
            partition: *number,
            position,
            stage: Stage::Writing,
            begun: now,
            entries,
            written: 0,
            bytes: 0,
        });
        self.order(Order::Begin(self.begun, *number));
    }

    fn order(&self, order: Order) {
        // The thread ends when this end of the channel is dropped, and not before.
        let _ = self.orders.send(order);
    }

    /// Writes some more, unless more waits for the producer than it takes.
    fn write(&mut self, partition: &mut Partition, most: usize) {
        let Some(under_way) = &mut self.under_way else {
            return;
        };
        if self.waiting.load(Ordering::Relaxed) >= WAITING {
            return;
        }
        let more = partition.write_checkpoint(most);
        let is_complete = more.is_none();
        under_way.entries.extend(more.into_iter().flatten());
        if is_complete {
            under_way.stage = Stage::Written;
        }
        if is_complete || under_way.entries.len() >= HANDED_OVER {
            let entries = std::mem::take(&mut under_way.entries);
            let bytes = |entry: &Entry| entry.key.len() + entry.value.as_ref().map_or(0, Vec::len);
            under_way.written += entries.len() as u64;
            under_way.bytes += entries.iter().map(bytes).sum::<usize>() as u64;
            self.waiting.fetch_add(1, Ordering::Relaxed);
            self.order(Order::Write(entries));
        }
    }

    /// Takes in what became of the checkpoint.
    fn hear(
        &mut self,
        partitions: &mut BTreeMap<i32, Partition>,
        counters: &Counters,
    ) -> Result<(), AttemptError> {
        while let Ok((number, outcome)) = self.outcomes.try_recv() {
            let Some(done) = self
                .under_way
                .take_if(|under_way| under_way.number == number)
            else {
                continue;
            };
            let Some(partition) = partitions.get_mut(&done.partition) else {
                continue;
            };
            match outcome {
                Ok(()) => {
                    partition.checkpointed(done.position);
                    done.tell(counters);
                }
                Err(error) if error.is_forbidden() => return Err(error),
                Err(error) => {
                    partition.lose_checkpoint();
                    counters.checkpoint_failed();
                    tracing::warn!(
                        partition = done.partition,
                        %error,
                        "a checkpoint is not written; the next one has all of it"
                    );
                }
            }
        }
        Ok(())
    }

    /// Partitions are about to go: a checkpoint of one of them is not finished.
    pub(super) fn release(&mut self, is_released: impl Fn(i32) -> bool) {
        let partition = self.under_way.as_ref().map(|under_way| under_way.partition);
        if partition.is_some_and(is_released) {
            self.abandon();
        }
    }

    fn abandon(&mut self) {
        if self.under_way.take().is_some() {
            self.order(Order::Abandon);
        }
    }

    /// Ends the thread.
    pub(super) fn close(mut self) {
        self.abandon();
        drop(self.orders);
        if self.thread.join().is_err() {
            tracing::error!("the thread that writes state has panicked");
        }
    }
}

impl UnderWay {
    fn tell(&self, counters: &Counters) {
        let took = self.begun.elapsed();
        counters.checkpointed(took, self.bytes);
        tracing::debug!(
            partition = self.partition,
            position = self.position,
            entries = self.written,
            bytes = self.bytes,
            millis = took.as_millis() as u64,
            "state written"
        );
    }
}

/// The thread that sends and commits.
struct Scribe {
    transactor: Transactor,
    topic: String,
    number: u64,
    partition: i32,
    /// Whether the checkpoint at hand is committed, failed or given up: what is still ordered of it is ignored.
    is_over: bool,
    waiting: Arc<AtomicUsize>,
    outcome: Sender<Outcome>,
}

impl Scribe {
    fn work(mut self, orders: &Receiver<Order>) {
        loop {
            self.end_transactions();
            let order = match orders.recv_timeout(RETRY) {
                Ok(order) => order,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let is_end = matches!(order, Order::Commit(..));
            let is_writing = matches!(order, Order::Write(_));
            let followed = self.follow(order);
            if is_writing {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
            }
            if !self.is_over && (is_end || followed.is_err()) {
                self.is_over = true;
                // Nobody listens any more once the worker is gone.
                let _ = self.outcome.send((self.number, followed));
            }
        }
        self.transactor.close();
    }

    /// A transaction that was given up stays open until a producer of its id ends it, and whoever restores
    /// the partition reads no further than to where it begins.
    fn end_transactions(&mut self) {
        if self.is_over
            && let Err(error) = self.transactor.ready()
        {
            tracing::debug!(%error, "what a checkpoint has left open is not ended yet");
        }
    }

    fn follow(&mut self, order: Order) -> Result<(), AttemptError> {
        match order {
            Order::Begin(number, partition) => {
                (self.number, self.partition, self.is_over) = (number, partition, false);
                self.transactor.begin()
            }
            _ if self.is_over => Ok(()),
            Order::Write(entries) => entries.into_iter().try_for_each(|entry| {
                let outgoing = Outgoing::to_state(self.partition, entry);
                self.transactor.send(&outgoing)
            }),
            Order::Commit(position, group) => self.commit(position, group),
            Order::Abandon => {
                self.is_over = true;
                self.transactor.abandon();
                Ok(())
            }
        }
    }

    fn commit(&mut self, position: i64, group: ConsumerGroupMetadata) -> Result<(), AttemptError> {
        let mut offsets = TopicPartitionList::new();
        let offset = Offset::Offset(position);
        let added = offsets.add_partition_offset(&self.topic, self.partition, offset);
        added.map_err(AttemptError::Aborted)?;
        self.transactor.finish(Some((&offsets, group)))
    }
}
