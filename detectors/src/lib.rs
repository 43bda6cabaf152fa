//! The engine of Plumbline: `state + record → state + outputs`.
//!
//! Pure: no clock, no I/O, no randomness, no order that depends on a hash. Time is the event time
//! of the log, so the same log gives the same findings and commands, byte for byte.

pub mod config;
pub mod engine;
