//! The transmitter against a receiver that knows nothing of it but the standards: its own HTTP server, the
//! published keys, and expectations written by hand.
//!
//! The broker is the embedded one: what survives crashes of a real one is tested end to end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod polling;
mod pushing;
mod streams;
mod support;
mod topic;
