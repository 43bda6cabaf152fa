//! Why a part of a record gave no event.

use super::node::Node;
use crate::reject::{Reason, Reject};
use crate::time::EventTime;

/// Why a part of a record gave no event.
#[derive(Debug)]
pub(super) enum Refusal {
    Reject(Reject),
    Skip(&'static str),
}

impl Refusal {
    pub(super) fn missing(field: &str, expected: &str) -> Self {
        let detail = format!("{field}: required, but absent, null or not known; {expected}");
        Self::Reject(Reject::new(Reason::MissingField, detail))
    }
}

/// The time at a path, which must be there.
pub(super) fn required_time(record: Node<'_>, field: &'static str) -> Result<EventTime, Refusal> {
    let node = record.at(field);
    node.time().ok_or_else(|| {
        let expected = "expected RFC 3339, or milliseconds since the epoch";
        no_time(node, field, expected)
    })
}

/// The first time among several fields, in any unit, which must be there.
pub(super) fn required_instant(
    record: Node<'_>,
    fields: &[&'static str],
) -> Result<EventTime, Refusal> {
    let nodes = || fields.iter().map(|field| (record.at(field), *field));
    let found = nodes().find_map(|(node, _)| node.instant());
    found.ok_or_else(|| {
        let (node, field) = nodes()
            .find(|(node, _)| node.text().is_some())
            .unwrap_or((Node::ABSENT, fields.first().copied().unwrap_or("time")));
        no_time(
            node,
            field,
            "expected RFC 3339, or a number since the epoch",
        )
    })
}

fn no_time(node: Node<'_>, field: &str, expected: &str) -> Refusal {
    match node.text() {
        None => Refusal::missing(field, "expected the time of the event"),
        Some(_) => {
            let detail = format!("{field}: {expected}");
            Refusal::Reject(Reject::new(Reason::BadTime, detail))
        }
    }
}
