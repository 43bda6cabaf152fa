//! The `plumbline` program: Kafka, enrichment, replay and the command line around the pure engine.

pub mod analyst;
pub mod bot;
pub mod check;
pub mod cli;
pub mod compare;
pub mod config;
pub mod deliver;
pub mod demo;
pub mod enrich;
pub mod explain;
pub mod kafka;
pub mod log_format;
pub mod normalise;
mod page;
mod partial;
pub mod query;
pub mod receive;
pub mod replay;
pub mod report;
pub mod run;
mod serve;
pub mod signals;
pub mod telemetry;
pub mod topics;
pub mod trace;
pub mod worker;
