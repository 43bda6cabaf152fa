//! `plumbline receive`: takes the Security Event Tokens that identity providers push (RFC 8935), and writes those
//! that are believed to the topic of their source, where `plumbline run` reads them as any record.
//!
//! A token is taken (202) once Kafka has it, and not before. One that comes twice is written twice and is known
//! by its `jti` to whoever reads it: nothing has to be remembered here, any number of these may run.

mod counts;
mod web;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::check::with_cause;
use crate::config::{Config, ConfigError, SourceConfig, resolve};
use crate::deliver::{DeliverError, listen};
use crate::kafka::{Clients, ConnectError, connect};
use crate::log_format::{FormatError, SET, SignedTokens};
use crate::run::{Shutdown, span};
use crate::serve::{self, answer::Latch};
use counts::Counts;
use web::{Door, Site};
use writer::Writer;

/// How often it is looked whether to stop.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);

/// Why nothing can be received.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// Nothing to take tokens for.
    #[error(
        "no source takes tokens that are pushed; write push_token into the tokens of a [[source]] of format set"
    )]
    NoSource,
    /// A bearer token of the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Keys.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The cluster, and where things are served.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
}

impl From<ConnectError> for ReceiveError {
    fn from(error: ConnectError) -> Self {
        Self::Deliver(error.into())
    }
}

impl ReceiveError {
    /// The exit status for it: 2 for the configuration, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Deliver(error) => error.exit_code(),
            Self::NoSource | Self::Config(_) | Self::Format(_) => 2,
        }
    }
}

/// Receives until a signal comes.
pub fn receive(config: &Config) -> Result<(), ReceiveError> {
    let shutdown = Shutdown::on_signals().map_err(DeliverError::Signals)?;
    receive_until(config, &shutdown)
}

/// The same inside another program: until it asks to stop. Blocks.
pub fn receive_until(config: &Config, shutdown: &Shutdown) -> Result<(), ReceiveError> {
    let doors = doors(config)?;
    let timeout = span(config.receive.timeout);
    let topics = doors.iter().map(|door| &*door.topic);
    let counts = Arc::new(Counts::of(topics, timeout));
    // First of all: who starts it wants to see what it waits for.
    let pages = config.run.listen.map(|address| {
        let pages = counts::pages(Arc::clone(&counts));
        listen("run.listen", address, serve::PAGES, pages)
    });
    let _pages = pages.transpose()?;
    let clients = Clients::new(&config.kafka).map_err(ConnectError::from)?;
    let topics: Vec<&str> = doors.iter().map(|door| &*door.topic).collect();
    connect(&config.kafka, &clients, &topics)?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (writer, queue) = Writer::new(timeout);
        let (stop, clients, counted) = (&stop, &clients, &counts);
        let writing = thread::Builder::new()
            .name("receive-write".to_owned())
            .spawn_scoped(scope, move || queue.write(clients, counted, stop))
            .map_err(|error| DeliverError::Thread("what is received".to_owned(), error))?;
        let site = Site {
            doors,
            writer,
            counts: Arc::clone(&counts),
        };
        let address = config.receive.listen;
        let served = listen("receive.listen", address, web::PAGES, web::pages(site));
        if served.is_ok() {
            tracing::info!(topics = topics_of(&counts), "receiving");
        }
        while served.is_ok() && !shutdown.is_requested() && !writing.is_finished() {
            thread::sleep(WATCH_INTERVAL);
        }
        let refused = served.map(drop).err();
        stop.store(true, Ordering::Relaxed);
        let ended = writing.join();
        tracing::info!("stopped");
        match (refused, ended) {
            (Some(error), _) => Err(error.into()),
            (None, Ok(written)) => Ok(written?),
            (None, Err(_)) => Err(DeliverError::Defect("the log".to_owned()).into()),
        }
    })
}

fn topics_of(counts: &Counts) -> String {
    let topics: Vec<&str> = counts.topics().collect();
    topics.join(", ")
}

/// What would keep this machine from receiving: each bearer token that cannot be had.
pub(crate) fn what_is_missing(config: &Config) -> Vec<String> {
    let sources = config.source.iter();
    let missing = sources.filter_map(|source| push_token(config, source).err());
    missing.map(|error| with_cause(&error)).collect()
}

fn push_token(config: &Config, source: &SourceConfig) -> Result<Option<String>, ConfigError> {
    let tokens = source.tokens.as_ref().filter(|_| source.format == SET);
    let secret = tokens.and_then(|tokens| tokens.push_token.as_ref());
    let owner = format!("source `{}`", source.topic);
    resolve(secret, &config.kafka.directory, &owner, "push_token")
}

fn doors(config: &Config) -> Result<Vec<Door>, ReceiveError> {
    let mut doors = Vec::new();
    for source in &config.source {
        let Some(push_token) = push_token(config, source)? else {
            continue;
        };
        let tokens = source.tokens.as_ref().ok_or(FormatError::NoTokens)?;
        doors.push(Door {
            topic: source.topic.as_str().into(),
            tokens: SignedTokens::open(tokens)?,
            latch: Latch::new(&push_token),
        });
    }
    match doors.is_empty() {
        true => Err(ReceiveError::NoSource),
        false => Ok(doors),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::counts::{Counts, Outcome};

    /// Something of every metric.
    pub(crate) fn metrics() -> String {
        let counts = Counts::of(["idp-signals"].into_iter(), Duration::from_secs(1));
        counts.add("idp-signals", Outcome::taken);
        counts.metrics().expect("encoded")
    }

    #[test]
    fn metrics_are_named_and_labelled() {
        // Series of one metric come in no order.
        let text = metrics();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
