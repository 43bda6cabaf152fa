//! When the program is asked to stop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

/// A request to stop: by a signal, or by whoever runs the stages inside another program.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    requested: Arc<AtomicBool>,
}

impl Shutdown {
    /// Asks to drain, commit, leave the group and end.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// Whether it has been asked for.
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// The same for who is only to look.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.requested
    }

    /// Lets SIGTERM and SIGINT ask for it. A second signal ends the process at once: nothing is lost
    /// by that, what is not committed is done again.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::default();
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first signal must find the flag still down.
            let second = Arc::clone(&shutdown.requested);
            signal_hook::flag::register_conditional_shutdown(signal, 1, second)?;
            signal_hook::flag::register(signal, Arc::clone(&shutdown.requested))?;
        }
        Ok(shutdown)
    }
}
