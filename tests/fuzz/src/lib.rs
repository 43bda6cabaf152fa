//! What reads bytes from outside, on bytes that nobody meant.
//!
//! [`targets`] holds one function for each reader: it panics where a promise is broken. [`seeds`] gives what
//! to begin with: what the simulator writes, and the files of `corpus/` (whatever once broke something belongs
//! there). `cargo test` runs each target on the seeds and on a fixed number of [`mutate`]d ones;
//! `make fuzz` lets libFuzzer look for more.

// A broken promise is told by a panic: that is what a fuzzer looks for.
#![allow(clippy::expect_used, clippy::panic)]

pub mod mutate;
pub mod seeds;
pub mod targets;

/// A target: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("event", targets::event),
    ("formats", targets::formats),
    ("state", targets::state),
    ("engine", targets::engine),
    ("config", targets::config),
];
