//! What a stage has done, counted by its thread and read by the one that reports.

use std::iter::Sum;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::metrics::{Kinds, Shared, Standing};

macro_rules! counters {
    ($(#[doc = $doc:literal] $field:ident, $count:ident;)*) => {
        /// Counts of one thread.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($field: AtomicU64,)*
            pub(super) name: String,
            pub(super) kinds: Kinds,
            pub(super) standing: Mutex<Standing>,
        }

        impl Counters {
            $(pub(crate) fn $count(&self) { self.$field.fetch_add(1, Ordering::Relaxed); })*

            /// All counts at this moment.
            pub(crate) fn snapshot(&self) -> Counts {
                Counts { $($field: self.$field.load(Ordering::Relaxed),)* }
            }
        }

        /// What has been done, of one thread or of all.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts { $(#[doc = $doc] pub $field: u64,)* }

        impl Counts {
            /// Each with its name and what it counts, but for those that are counted by kind.
            pub(super) fn described(self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                let all = [$((stringify!($field), $doc.trim_ascii(), self.$field)),*];
                let by_kind = ["findings", "commands", "dead_letters"];
                all.into_iter().filter(move |(name, ..)| !by_kind.contains(name))
            }
        }

        impl Add for Counts {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self { $($field: self.$field + other.$field,)* }
            }
        }
    };
}

counters! {
    /// Raw records read.
    records, record;
    /// Events written to the log.
    normalised, normalised;
    /// Records, or parts of them, that are about no identity.
    skipped, skipped;
    /// Records of the log, each counted once.
    events, event;
    /// Events seen before.
    duplicates, duplicate;
    /// Events too far behind the log's clock.
    late, late;
    /// Records of the log that were re-read to restore state.
    restored, restored;
    /// Checkpoints of partitions, each committed.
    checkpoints, checkpoint;
    /// Checkpoints that came to nothing.
    failed_checkpoints, checkpoint_failed;
    /// Findings published.
    findings, finding;
    /// Commands published.
    commands, command;
    /// Records that could not be read.
    dead_letters, dead_letter;
}

/// The counts of a service while it runs, for whoever runs it inside another program.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub(super) shared: Arc<Shared>,
}

impl Tally {
    /// The counters of one more thread.
    pub(super) fn new_counters(&self, name: &str) -> Arc<Counters> {
        let counters = Arc::new(Counters {
            name: name.to_owned(),
            kinds: self.shared.kinds.clone(),
            ..Counters::default()
        });
        self.threads().push(Arc::clone(&counters));
        counters
    }

    /// What is counted beside the threads.
    pub(super) fn kinds(&self) -> Kinds {
        self.shared.kinds.clone()
    }

    /// What all threads have done up to now.
    pub fn counts(&self) -> Counts {
        self.threads()
            .iter()
            .map(|counters| counters.snapshot())
            .sum()
    }

    pub(super) fn threads(&self) -> MutexGuard<'_, Vec<Arc<Counters>>> {
        self.shared
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Self::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_threads_add_up() {
        let tally = Tally::default();
        let (one, two) = (tally.new_counters("one"), tally.new_counters("two"));
        one.event();
        two.event();
        two.command();
        let all = tally.counts();
        assert_eq!((all.events, all.commands, all.late), (2, 1, 0));
    }
}
