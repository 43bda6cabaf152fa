//! Closing a client, which in librdkafka may take for ever.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Drops a client on a thread of its own and waits no longer than this.
///
/// A client that a broker keeps waiting hangs in its destructor. It is then left behind: nothing of it
/// is needed any more, and the end of the process ends it.
pub(crate) fn close<T: Send + 'static>(client: T, patience: Duration) {
    let (closed, wait) = mpsc::channel();
    let closer = thread::Builder::new().name("kafka-close".to_owned());
    let spawned = closer.spawn(move || {
        drop(client);
        let _ = closed.send(());
    });
    if spawned.is_ok() && wait.recv_timeout(patience).is_err() {
        tracing::warn!("a Kafka client does not close; it is left behind");
    }
}

/// Drops a client on a thread of its own, for which nobody waits.
pub(crate) fn drop_aside<T: Send + 'static>(client: T) {
    let closer = thread::Builder::new().name("kafka-close".to_owned());
    // Without a thread it is dropped here.
    let _ = closer.spawn(move || drop(client));
}
