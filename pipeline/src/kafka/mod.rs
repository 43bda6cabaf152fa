//! Kafka: clients with the settings that the line rests on, and what every stage needs of them.
//!
//! Everything here blocks: a client belongs to one thread of its own, never to an async runtime.

mod clients;
mod close;
mod connect;
mod context;
mod dead_letter;
pub mod embedded;
mod errors;
mod failure;
mod positions;

pub use connect::ConnectError;

pub(crate) use clients::{
    ClientError, Clients, GroupConsumer, IDLE_POLL, TRANSACTION_TIMEOUT, refusal,
};
pub(crate) use close::{close, drop_aside};
pub(crate) use connect::{connect, fit_together, partition_count};
pub(crate) use context::{Context, Deliveries, Rebalance};
pub(crate) use dead_letter::{Origin, Place, dead_letter, headers, too_far_ahead};
pub(crate) use failure::{Failure, retry_after};
pub(crate) use positions::{Ends, Progress, ends_of, lag, positions};

/// How long anything at start may take before it is given up with an error.
pub(crate) const START_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// The time of day, as brokers stamp records.
pub(crate) fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
