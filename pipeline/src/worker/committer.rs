//! Commits batches on a thread of its own: the round trips of a transaction take milliseconds, on a busy
//! cluster tens of them, in which a worker judges hundreds of events.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::batch::Batch;
use super::transaction::{AttemptError, Transactor};

/// What is committed in one transaction.
pub(super) struct Transaction {
    pub(super) batches: Vec<Arc<Batch>>,
    pub(super) offsets: TopicPartitionList,
    pub(super) group: ConsumerGroupMetadata,
}

enum Order {
    Commit(Box<Transaction>),
    /// See that nothing of before is open any more.
    End,
}

/// What became of an order, and how long it took.
pub(super) struct Outcome {
    pub(super) result: Result<(), AttemptError>,
    pub(super) took: Duration,
}

/// The thread that commits, one transaction at a time.
pub(super) struct Committer {
    orders: Sender<Order>,
    outcomes: Receiver<Outcome>,
    thread: JoinHandle<()>,
    is_busy: bool,
}

impl Committer {
    pub(super) fn start(mut transactor: Transactor) -> io::Result<Self> {
        let (orders, received) = channel();
        let (outcome, outcomes) = channel();
        let name = format!("{}-commit", thread::current().name().unwrap_or("detect"));
        let work = move || {
            for order in received {
                let begun = Instant::now();
                let result = follow(&mut transactor, order);
                let took = begun.elapsed();
                // Nobody listens any more once the worker is gone.
                let _ = outcome.send(Outcome { result, took });
            }
            transactor.close();
        };
        Ok(Self {
            orders,
            outcomes,
            thread: thread::Builder::new().name(name).spawn(work)?,
            is_busy: false,
        })
    }

    /// Whether a transaction is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Begins to commit. What becomes of it is to be heard before the next one begins.
    pub(super) fn commit(&mut self, transaction: Transaction) {
        self.order(Order::Commit(Box::new(transaction)));
    }

    /// Sees to it that no earlier transaction is open.
    pub(super) fn end_all(&mut self) -> Result<(), AttemptError> {
        self.order(Order::End);
        self.wait().result
    }

    fn order(&mut self, order: Order) {
        self.is_busy = true;
        // The thread ends when this end of the channel is dropped, and not before.
        let _ = self.orders.send(order);
    }

    /// What became of the transaction under way, if it is known within this time.
    pub(super) fn hear(&mut self, within: Duration) -> Option<Outcome> {
        // Asked for at every record, and not worth a look at the clock.
        let heard = match within {
            Duration::ZERO => self
                .outcomes
                .try_recv()
                .map_err(|why| why == TryRecvError::Empty),
            _ => {
                let heard = self.outcomes.recv_timeout(within);
                heard.map_err(|why| why == RecvTimeoutError::Timeout)
            }
        };
        let outcome = match heard {
            Ok(outcome) => outcome,
            Err(true) => return None,
            Err(false) => Outcome::lost(),
        };
        self.is_busy = false;
        Some(outcome)
    }

    /// The same, however long it takes: each call to Kafka has its limit.
    pub(super) fn wait(&mut self) -> Outcome {
        self.is_busy = false;
        self.outcomes.recv().unwrap_or_else(|_| Outcome::lost())
    }

    /// Ends the thread.
    pub(super) fn close(self) {
        drop(self.orders);
        if self.thread.join().is_err() {
            tracing::error!("the thread that commits has panicked");
        }
    }
}

impl Outcome {
    /// There is no thread any more.
    fn lost() -> Self {
        Self {
            result: Err(AttemptError::Lost),
            took: Duration::ZERO,
        }
    }
}

fn follow(transactor: &mut Transactor, order: Order) -> Result<(), AttemptError> {
    match order {
        Order::Commit(transaction) => {
            let Transaction {
                batches,
                offsets,
                group,
            } = *transaction;
            let outputs = batches.iter().flat_map(|batch| &batch.outputs);
            transactor.commit(outputs, &offsets, group)
        }
        Order::End => transactor.ready(),
    }
}
