//! End to end, against a real Apache Kafka: one binary, so that all tests share one broker.

#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod main_job;
