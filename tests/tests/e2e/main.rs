//! End to end, against a real Apache Kafka: one binary, so that all tests share one broker.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod across;
mod backlogs;
mod bot;
mod clocks;
mod dead_letters;
mod endings;
mod exactly_once;
mod into_kafka;
mod live_and_replay;
mod main_job;
mod outages;
mod receive;
mod refusals;
mod retention;
mod secrets;
mod seeded;
mod seen_from_outside;
mod shared_work;
mod signals;
mod state;
mod stories;
mod told;
