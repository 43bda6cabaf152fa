//! Why a record could not be read, in words a person can act on and a reason a metric can count.

use thiserror::Error;

vocabulary! {
    /// The reasons for which a record goes to the dead letter.
    Reason {
        /// The record is larger than [`MAX_RECORD_BYTES`](crate::event::MAX_RECORD_BYTES).
        TooLarge = "too_large",
        /// Objects and arrays nested deeper than [`MAX_DEPTH`](crate::event::MAX_DEPTH).
        TooDeep = "too_deep",
        /// Not UTF-8.
        NotUtf8 = "not_utf8",
        /// Not JSON, or more than one JSON value.
        NotJson = "not_json",
        /// A required field is absent, null or not known.
        MissingField = "missing_field",
        /// A field is there twice in one object: which of the two counts would be a guess.
        DuplicateField = "duplicate_field",
        /// A field holds another JSON type than it should.
        WrongType = "wrong_type",
        /// A string or a list is over its bound.
        TooLong = "too_long",
        /// A time that is not RFC 3339.
        BadTime = "bad_time",
        /// An event kind outside the vocabulary.
        UnknownKind = "unknown_kind",
        /// Before the year 2000: an unset clock.
        TimeTooEarly = "time_too_early",
        /// More than 24 hours ahead of the log's clock.
        TimeAhead = "time_ahead",
        /// Not a record of the format its source was configured with.
        WrongFormat = "wrong_format",
        /// A program that reads records of its source failed on it.
        ProgramFailed = "program_failed",
        /// A command that a receiver of Shared Signals does not take.
        Undeliverable = "undeliverable",
    }
}

/// A record that was refused.
///
/// The detail names the field and what was expected; it never quotes the value, which may be a
/// secret in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}: {detail}")]
pub struct Reject {
    /// The countable reason.
    pub reason: Reason,
    /// Which field, and what would have been right.
    pub detail: String,
}

impl Reject {
    /// A refusal with its explanation.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    /// The Kafka headers of the dead letter, with where the record came from.
    pub fn headers(&self, topic: &str, partition: i32, offset: i64) -> [(&'static str, String); 5] {
        [
            ("plumbline_reason", self.reason.to_string()),
            ("plumbline_detail", self.detail.clone()),
            ("plumbline_source_topic", topic.to_owned()),
            ("plumbline_source_partition", partition.to_string()),
            ("plumbline_source_offset", offset.to_string()),
        ]
    }
}
