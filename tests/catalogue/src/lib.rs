//! The scenario catalogue as tests: one story per attack, one per innocent that looks like it.
//!
//! A [`Story`] is written event by event, mostly by a *life* (what an identity of some kind does in
//! ordinary weeks), then by the attack or its benign twin. It runs through the real engine, and
//! [`Ran`] holds what came out and the questions that the catalogue asks of it.
//!
//! The tests are named after their row: `cargo test -p plumbline-catalogue -- c3_` runs row C3, and
//! `CATALOGUE_SEEDS=50` in front of it tells each of its stories fifty times.
//!
//! | file in `tests/` | rows |
//! |---|---|
//! | `context`, `live_sessions`, `anonymisers` | A1–A3, A5–A6, A7 |
//! | `authorisation`, `trust_lost` | B1–B3 and B6, B4–B5 and B7 |
//! | `risk`, `delegated` | C1–C2, C4 and C6, C3 and C5 |
//! | `security`, `windows` | D1–D3 and D5, D4 and D6 |
//! | `assurance`, `lifetimes` | E1–E3, E4–E5 |
//! | `standing`, `laws` | what stands and what lifts it; what must change nothing |
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
mod durable;
pub mod lives;
pub mod place;
mod ran;
mod story;

pub use actor::{Actor, Draft};
pub use dice::Dice;
pub use durable::{Before, Left, durably, undisturbed};
pub use place::Place;
pub use plumbline_schemas::command::{Action, Command};
pub use ran::{Expect, Ran};
pub use story::{Story, each_seed};
