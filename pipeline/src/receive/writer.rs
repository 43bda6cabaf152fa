//! Writes what has come to Kafka, and says when it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use axum::body::Bytes;
use rdkafka::error::KafkaError;
use tokio::sync::oneshot;

use super::counts::Counts;
use crate::deliver::{DeliverError, Outbox};
use crate::kafka::Clients;

/// How many tokens may wait; whoever comes later is told to come again.
const MOST_WAITING: usize = 1024;
/// How long the thread waits for a token before it looks whether to stop.
const PAUSE: Duration = Duration::from_millis(50);

/// A token on its way.
struct Letter {
    topic: Arc<str>,
    key: String,
    token: Bytes,
    arrived: oneshot::Sender<()>,
}

/// The way in for requests.
pub(super) struct Writer {
    queue: SyncSender<Letter>,
    timeout: Duration,
}

/// What the thread that writes takes from.
pub(super) struct Queue(Receiver<Letter>);

impl Writer {
    pub(super) fn new(timeout: Duration) -> (Self, Queue) {
        let (queue, letters) = sync_channel(MOST_WAITING);
        (Self { queue, timeout }, Queue(letters))
    }

    /// Whether the token is in the topic before the time for it is up. Where it is not, it may still come there.
    pub(super) async fn write(&self, topic: &Arc<str>, key: &str, token: Bytes) -> bool {
        let (arrived, arrives) = oneshot::channel();
        let letter = Letter {
            topic: Arc::clone(topic),
            key: key.to_owned(),
            token,
            arrived,
        };
        match self.queue.try_send(letter) {
            Ok(()) => {
                let waited = tokio::time::timeout(self.timeout, arrives).await;
                matches!(waited, Ok(Ok(())))
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

impl Queue {
    /// Writes until it is to stop, and what has been taken until then.
    pub(super) fn write(
        self,
        clients: &Clients,
        counts: &Counts,
        stop: &AtomicBool,
    ) -> Result<(), DeliverError> {
        let new = || Outbox::new(clients, stop);
        let mut outbox = new()?;
        counts.set_connected();
        loop {
            let first = match self.0.recv_timeout(PAUSE) {
                Ok(letter) => letter,
                Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => break,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let letters: Vec<Letter> = std::iter::once(first).chain(self.0.try_iter()).collect();
            counts.set_writing(true);
            let sent = send(&outbox, letters);
            counts.set_writing(false);
            if let Err(error) = sent {
                tracing::error!(%error, "tokens cannot be written; whoever pushes them sends them again");
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                outbox.close();
                outbox = new()?;
            }
        }
        outbox.close();
        Ok(())
    }
}

/// Sends these and waits until all have arrived. Whoever hears nothing has to send again.
fn send(outbox: &Outbox<'_>, letters: Vec<Letter>) -> Result<(), KafkaError> {
    for letter in &letters {
        outbox.send(&letter.topic, letter.key.as_bytes(), &letter.token, &[])?;
    }
    let refused = outbox.deliver()?;
    for letter in letters {
        let is_refused = |message: &rdkafka::message::OwnedMessage| {
            rdkafka::Message::payload(message) == Some(&letter.token)
        };
        if refused.iter().any(is_refused) {
            tracing::error!(
                topic = &*letter.topic,
                "the broker refuses a token for its size"
            );
        } else {
            // Who does not wait any more sends it again, and it is a duplicate.
            let _ = letter.arrived.send(());
        }
    }
    Ok(())
}
