//! The dead letter: what could not be read, with the reason in its headers.

use std::borrow::Cow;

use plumbline_schemas::event::MAX_AHEAD_MILLIS;
use plumbline_schemas::formats::secret::scrub;
use plumbline_schemas::reject::{Reason, Reject};
use plumbline_schemas::time::EventTime;
use rdkafka::message::{Header, OwnedHeaders};

/// What a broker takes by default is 1 MiB with everything around it. A dead letter that the broker
/// refuses would stop the line, so a longer record is cut.
const MAX_DEAD_LETTER_BYTES: usize = 1000 << 10;

/// Where a record came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// A record of a topic, or one of a file, whose line is not always known any more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    Record(Origin<'a>),
    File { name: &'a str, line: Option<u64> },
}

impl<'a> From<Origin<'a>> for Place<'a> {
    fn from(origin: Origin<'a>) -> Self {
        Self::Record(origin)
    }
}

impl Place<'_> {
    fn headers(&self, headers: &mut Vec<(&'static str, String)>) {
        match *self {
            Self::Record(origin) => headers.extend([
                ("plumbline_source_topic", origin.topic.to_owned()),
                ("plumbline_source_partition", origin.partition.to_string()),
                ("plumbline_source_offset", origin.offset.to_string()),
            ]),
            Self::File { name, line } => {
                headers.push(("plumbline_source_file", name.to_owned()));
                headers.extend(line.map(|line| ("plumbline_source_line", line.to_string())));
            }
        }
    }
}

/// The value and the headers of a dead letter. `refused` is how many parts of the record were.
///
/// Secrets of well-known shape are replaced by their fingerprints: more people may read the dead letter than the raw log.
pub(crate) fn dead_letter<'r>(
    raw: &'r [u8],
    reject: &Reject,
    refused: usize,
    origin: impl Into<Place<'r>>,
) -> (Cow<'r, [u8]>, Vec<(&'static str, String)>) {
    let mut headers = vec![
        ("plumbline_reason", reject.reason.to_string()),
        ("plumbline_detail", reject.detail.clone()),
    ];
    origin.into().headers(&mut headers);
    if refused > 1 {
        headers.push(("plumbline_refused", refused.to_string()));
    }
    let mut value = scrub(raw);
    if value.len() > MAX_DEAD_LETTER_BYTES {
        headers.push(("plumbline_truncated_from", raw.len().to_string()));
        value = match value {
            Cow::Borrowed(bytes) => bytes.get(..MAX_DEAD_LETTER_BYTES).unwrap_or(bytes).into(),
            Cow::Owned(mut bytes) => {
                bytes.truncate(MAX_DEAD_LETTER_BYTES);
                bytes.into()
            }
        };
    }
    (value, headers)
}

/// Headers as librdkafka takes them.
pub(crate) fn headers(pairs: &[(&'static str, String)]) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(pairs.len());
    pairs.iter().fold(empty, |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(value),
        })
    })
}

/// The refusal of an event that claims to be far ahead of its record's broker timestamp: one of
/// these would move the log's clock and make everything else late.
pub(crate) fn too_far_ahead(time: EventTime, broker_millis: Option<i64>) -> Option<Reject> {
    let ahead = time.since(EventTime::from_millis(broker_millis?));
    (ahead > MAX_AHEAD_MILLIS).then(|| {
        Reject::new(
            Reason::TimeAhead,
            "time: more than 24 h ahead of the broker's clock when the record arrived",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: Origin<'_> = Origin {
        topic: "okta",
        partition: 3,
        offset: 17,
    };

    #[test]
    fn a_dead_letter_says_why_and_from_where() {
        let reject = Reject::new(Reason::NotJson, "expected an object");
        let (value, headers) = dead_letter(b"{", &reject, 1, ORIGIN);
        assert_eq!(&*value, b"{");
        insta::assert_debug_snapshot!(headers);
    }

    #[test]
    fn a_record_of_a_file_is_found_by_its_line() {
        let reject = Reject::new(Reason::NotJson, "expected an object");
        let name = "logs/okta.ndjson.gz";
        for (line, last) in [
            (Some(17), ("plumbline_source_line", "17")),
            (None, ("plumbline_source_file", name)),
        ] {
            let (_, headers) = dead_letter(b"{", &reject, 1, Place::File { name, line });
            let found = headers.last().map(|(key, value)| (*key, &**value));
            assert_eq!(found, Some(last));
        }
    }

    #[test]
    fn a_dead_letter_holds_no_secret() {
        let raw = br#"{"token": "ghp_16C7e42F292c6912E7710c838347Ae178B4a""#;
        let reject = Reject::new(Reason::NotJson, "expected an object");
        let (value, _) = dead_letter(raw, &reject, 1, ORIGIN);
        let text = String::from_utf8_lossy(&value);
        assert!(text.contains("sha256:") && !text.contains("ghp_"), "{text}");
    }

    #[test]
    fn a_dead_letter_is_never_too_large_for_a_broker() {
        let raw = vec![b'x'; 3 << 20];
        let reject = Reject::new(Reason::TooLarge, "over 1 MiB");
        let (value, headers) = dead_letter(&raw, &reject, 1, ORIGIN);
        assert_eq!(value.len(), MAX_DEAD_LETTER_BYTES);
        let last = headers.last().expect("headers");
        assert_eq!(last, &("plumbline_truncated_from", raw.len().to_string()));
    }

    #[test]
    fn only_what_is_more_than_a_day_ahead_is_refused() {
        let at = |millis| too_far_ahead(EventTime::from_millis(millis), Some(1_000));
        assert!(at(1_000 + MAX_AHEAD_MILLIS).is_none());
        assert!(at(1_001 + MAX_AHEAD_MILLIS).is_some());
        assert!(too_far_ahead(EventTime::from_millis(i64::MAX), None).is_none());
    }
}
