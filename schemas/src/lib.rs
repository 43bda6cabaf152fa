//! What crosses Plumbline's edges: the [`Event`](event::Event) that goes in, the
//! [`Finding`](finding::Finding) and [`Command`](command::Command) that come out, and the log
//! [`formats`] that are read into events. [`json_schema`] and [`arrow`] describe the same to others;
//! `schemas/README.md` does so in words.
//!
//! This crate is pure: bytes in, values out. It opens no file, asks no clock and knows no broker.
//!
//! ```
//! use plumbline_schemas::event::Event;
//!
//! let raw = br#"{"id":"e1","time":"2026-11-20T10:15:30Z","kind":"api",
//!                "identity":{"id":"svc-billing","kind":"service_account"},
//!                "action":{"name":"GET /v1/invoices/{id}","class":"read"}}"#;
//! let event = Event::parse(raw)?;
//! assert_eq!(event.tenant(), "default");
//! # Ok::<(), plumbline_schemas::reject::Reject>(())
//! ```

#[macro_use]
mod vocabulary;

pub mod address;
pub mod archive;
pub mod arrow;
pub mod command;
pub mod drift;
pub mod event;
pub mod finding;
pub mod flat;
pub mod formats;
pub mod json;
pub mod json_schema;
pub mod known;
pub mod ocsf;
mod record;
pub mod reject;
pub mod shown;
pub mod signals;
pub mod time;

pub use record::check_raw;
pub use vocabulary::{Vocabulary, Word};

/// The key of a record in the log and of everything published about an identity: `tenant/identity`.
///
/// It only decides the partition; nobody parses it, so a slash inside either part does no harm.
pub fn log_key(tenant: &str, identity: &str) -> String {
    format!("{tenant}/{identity}")
}
