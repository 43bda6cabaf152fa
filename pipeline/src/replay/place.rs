//! Where the reading of a log is, so that another process can go on there.
//!
//! A file is read on from a record, its *mark*, and not from the middle of what comes of it: an event that waits for
//! those of other files, or for the next record to confirm its time, is read again. What was handed on since the
//! mark is counted, and handed on no second time.

use serde::{Deserialize, Serialize};

use super::records::Position;

/// A place between two of the things that a log hands on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// How many were handed on before it.
    pub(super) taken: u64,
    /// Of each feed, in their order; of none at the beginning.
    pub(super) feeds: Vec<FeedPlace>,
}

/// The mark of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FeedPlace {
    /// Which of the files that it reads one behind the other.
    pub(super) file: usize,
    pub(super) at: At,
    pub(super) lines_before: u64,
    /// Milliseconds.
    pub(super) clock: Option<i64>,
    /// What was handed on since.
    pub(super) since: Since,
    /// Whether nothing comes any more.
    pub(super) is_over: bool,
}

/// How much was handed on. What is no event never waits, so the two are counted apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Since {
    pub(super) events: u64,
    pub(super) others: u64,
}

/// Where the reading of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum At {
    /// In text.
    Text(Position),
    /// Behind so many rows of Parquet.
    Row(u64),
}

impl At {
    pub(super) const START: Self = Self::Text(Position::START);

    /// As it is in text.
    pub(super) fn position(self) -> Position {
        match self {
            Self::Text(position) => position,
            Self::Row(_) => Position::START,
        }
    }

    /// As it is in a table.
    pub(super) fn row(self) -> u64 {
        match self {
            Self::Text(_) => 0,
            Self::Row(row) => row,
        }
    }
}

impl FeedPlace {
    /// Where a feed begins.
    pub(super) const START: Self = Self {
        file: 0,
        at: At::START,
        lines_before: 0,
        clock: None,
        since: Since {
            events: 0,
            others: 0,
        },
        is_over: false,
    };
}
