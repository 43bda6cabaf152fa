//! The scenario catalogue as tests: one story per attack, one per innocent that looks like it.
//!
//! A [`Story`] is written event by event, mostly by a *life* (what an identity of some kind does in
//! ordinary weeks), then by the attack or its benign twin. It runs through the real engine, and
//! [`Ran`] holds what came out and the questions that the catalogue asks of it.
//!
//! ```
//! use plumbline_catalogue::{Actor, Story, clock};
//!
//! let mut story = Story::new("A1", 1);
//! let ann = Actor::human("ann").session("s-1");
//! story.add(ann.does("read", "GET /mail").at(clock::at(0, 9, 0)));
//! story.run().silent();
//! ```

// This crate is a test: what it was promised and does not get ends it.
#![allow(clippy::expect_used, clippy::panic)]

mod actor;
pub mod clock;
mod dice;
pub mod lives;
pub mod place;
mod ran;
mod story;

pub use actor::{Actor, Draft};
pub use dice::Dice;
pub use place::Place;
pub use plumbline_schemas::command::{Action, Command};
pub use ran::{Expect, Ran};
pub use story::{Story, each_seed};
