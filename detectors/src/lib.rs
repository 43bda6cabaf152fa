//! The engine of Plumbline: `state + record → state + outputs`.
//!
//! Pure: no clock, no I/O, no randomness, no order that depends on a hash. Time is the event time
//! of the log, so the same log gives the same findings and commands, byte for byte.

pub mod access;
mod acknowledge;
mod alone;
mod answer;
pub mod config;
pub mod context;
mod decay;
mod detect;
pub mod engine;
mod event_id;
mod facts;
mod feedback;
mod geography;
pub mod glob;
mod identity;
mod judge;
mod learn;
mod lifecycle;
mod memory;
mod names;
mod objects;
mod outage;
mod packed_time;
mod policy;
mod posture;
mod profile;
mod risk;
mod scopes;
mod seen;
mod session;
mod setting;
mod shared;
mod signal;
pub mod state;
mod timers;
mod units;
pub mod witness;

pub use detect::DetectorId;
pub use engine::{Disposition, Engine, Output};
