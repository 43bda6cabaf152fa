//! Waiting with a limit.

use std::thread;
use std::time::{Duration, Instant};

/// How often is looked.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until there is something, and fails with what was awaited when the time is up.
///
/// `look` may also say how far things are: the last word of that is part of the failure.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return found,
            Err(state) if Instant::now() >= deadline => {
                panic!("waited {limit:?} in vain for {what}: {state}")
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}
