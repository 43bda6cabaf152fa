//! A seeded, deterministic, labelled simulator of an organisation, its small sample logs, and the
//! geolocation files of its world.
//!
//! [`Simulation`] streams typed events in order of arrival; [`emit`] writes them as the sources that
//! would log them do. Everything is in the documentation address ranges ([`places`]), and nothing is
//! anybody's data.

mod attack;
mod behave;
mod catalogue;
mod clock;
mod draft;
pub mod emit;
pub mod geo;
mod labels;
pub mod mmdb;
mod native;
mod options;
pub mod places;
mod profile;
mod random;
mod render;
#[cfg(test)]
mod samples;
mod simulation;
mod world;

pub use labels::Label;
pub use options::{DEFAULT_START, NATURAL_RATE, Options, OptionsError};
pub use simulation::{Arrival, Simulation};
