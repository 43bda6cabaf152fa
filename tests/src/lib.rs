//! What the end-to-end tests stand on: a real Apache Kafka, the built `plumbline` program, records in
//! the shape of their vendors, and what comes out of it all.
//!
//! One broker is started per test binary and shared by its tests; each test works under names of its
//! own ([`Line`]). Nothing here waits without a limit, and whatever was started is ended with the
//! process that started it, however that ends ([`reaper`]).
//!
//! | variable | meaning |
//! |---|---|
//! | `PLUMBLINE_TEST_KAFKA` | bootstrap server to use; no broker is started |
//! | `PLUMBLINE_TEST_KAFKA_SASL` | the same broker's listener with SASL/PLAIN, see [`broker::SASL_USER`] |
//! | `PLUMBLINE_KAFKA_HOME` | where the jars of Kafka are, instead of `.data/kafka/VERSION` |
//! | `PLUMBLINE_KEYCLOAK_HOME` | where Keycloak is, instead of `.data/keycloak/VERSION` |
//! | `PLUMBLINE_KAFKA_OPTIONS` | options of the broker's Java, instead of those that suit short tests |
//! | `PLUMBLINE_BIN` | program to test, instead of the one that is built first |

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "test support: what fails here fails the test that asked for it, with these words"
)]

pub mod admin;
pub mod broker;
pub mod cluster;
pub mod feed;
pub mod http;
pub mod keycloak;
pub mod line;
pub mod outputs;
pub mod ports;
pub mod program;
pub mod random;
pub mod reaper;
pub mod story;
pub mod vendor;
pub mod wait;
pub mod window;

pub use broker::{Broker, Brokers};
pub use keycloak::Keycloak;
pub use line::Line;
pub use program::{Ended, Running};
pub use random::Random;
pub use window::Window;
