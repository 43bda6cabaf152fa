//! Tolerant reading of vendors' records, shared by the formats: a raw record becomes its parts, and each part
//! its events. Only a record without a time, an id or anybody in it is refused, and only that record of a batch.

pub(super) use super::node::{Node, address, known, position, scopes};
pub(super) use super::opening::{Opening, concerning, open, with_gainers};
pub(super) use super::refusal::{Refusal, required_instant, required_time};
use super::{Decoded, Format, Sink, Source, secret};
use crate::drift::Seen;
use crate::event::{Event, MAX_DEPTH};
use crate::json::{Arena, Json};
use crate::record::{check_raw, check_size};
use crate::reject::{Reason, Reject};

/// Parses a raw record of `format`, hands each of its parts to `read`, and what came of them to `sink`.
///
/// `batch` names the member under which the format puts several records into one; an array of
/// records is always taken.
pub(super) fn each<F>(
    format: &dyn Format,
    raw: &[u8],
    source: Source<'_>,
    batch: &[&'static str],
    sink: &mut Sink<'_>,
    read: F,
) where
    F: for<'v> Fn(Node<'v>, Source<'v>) -> Result<Vec<Event<'v>>, Refusal>,
{
    let arena = Arena::for_text(raw.len());
    match parse(raw, &arena) {
        Ok(value) => each_part(format, &value, raw.len(), source, batch, sink, read),
        Err(reject) => sink(Decoded::Rejected(reject)),
    }
}

/// As [`each`], of a record of `raw_bytes` that is parsed already.
pub(super) fn each_part<F>(
    format: &dyn Format,
    record: &Json<'_>,
    raw_bytes: usize,
    source: Source<'_>,
    batch: &[&'static str],
    sink: &mut Sink<'_>,
    read: F,
) where
    F: for<'v> Fn(Node<'v>, Source<'v>) -> Result<Vec<Event<'v>>, Refusal>,
{
    let root = Node::from(record);
    let wrapped = batch
        .iter()
        .map(|path| root.at(path))
        .find(|node| node.exists());
    let part = wrapped.unwrap_or(root).value().unwrap_or(record);
    let mut one = |part, place: &dyn Fn() -> Option<String>| {
        let seen = Seen::default();
        let read = object(Node::root(part, &seen)).and_then(|part| read(part, source));
        give(format, read, &seen, raw_bytes, place, sink);
    };
    let Json::Array(parts) = part else {
        return one(part, &|| None);
    };
    for (index, part) in parts.iter().enumerate() {
        one(part, &|| Some(format!("part {index} of the record")));
    }
    if parts.is_empty() {
        sink(Decoded::Skipped("empty batch".into()));
    }
}

fn object(part: Node<'_>) -> Result<Node<'_>, Refusal> {
    if part.is_object() {
        return Ok(part);
    }
    let reject = Reject::new(Reason::WrongFormat, "expected a JSON object");
    Err(Refusal::Reject(reject))
}

/// Hands what one part of a record of `raw_bytes` gave to `sink`: where it drifted, then events with
/// secrets replaced and bounds checked. `place` is where in the record the part stands, for whoever
/// has to find it.
pub(super) fn give(
    format: &dyn Format,
    part: Result<Vec<Event<'_>>, Refusal>,
    seen: &Seen,
    raw_bytes: usize,
    place: impl Fn() -> Option<String>,
    sink: &mut Sink<'_>,
) {
    let refused = match &part {
        Err(Refusal::Reject(reject)) => Some(reject),
        _ => None,
    };
    seen.tell(format.name(), refused, |drift| sink(Decoded::Drift(drift)));
    let refuse = |mut reject: Reject| {
        if let Some(place) = place() {
            reject.detail = format!("{place}: {}", reject.detail);
        }
        reject
    };
    match part {
        Ok(events) => {
            for mut event in events {
                // A replaced secret is longer than it was: then every bound is looked at.
                let changed = secret::protect(&mut event);
                let bytes = if changed {
                    usize::MAX
                } else {
                    raw_bytes.saturating_add(512)
                };
                match event.check(bytes) {
                    Ok(()) => sink(Decoded::Event(Box::new(event))),
                    Err(reject) => sink(Decoded::Rejected(refuse(reject))),
                }
            }
        }
        Err(Refusal::Reject(reject)) => sink(Decoded::Rejected(refuse(reject))),
        Err(Refusal::Skip(why)) => sink(Decoded::Skipped(why.into())),
    }
}

/// The JSON of a raw record.
pub(super) fn parse<'a>(raw: &'a [u8], arena: &'a Arena) -> Result<Json<'a>, Reject> {
    // How deep a record is nested is looked at only where something is wrong with it: the parser reads all of it,
    // and takes less depth than `check_raw` does.
    let whole = raw;
    let raw = check_size(raw)?;
    let text = std::str::from_utf8(raw).map_err(|error| {
        if let Err(reject) = check_raw(whole) {
            return reject;
        }
        let detail = format!("record: not UTF-8 at byte {}", error.valid_up_to());
        Reject::new(Reason::NotUtf8, detail)
    })?;
    Json::parse(text, arena).map_err(|error| {
        if let Err(reject) = check_raw(whole) {
            return reject;
        }
        if error.to_string().starts_with("recursion limit") {
            let detail = format!("record: objects and arrays nested {MAX_DEPTH} deep or more");
            return Reject::new(Reason::TooDeep, detail);
        }
        let (line, column) = (error.line(), error.column());
        let detail = format!("record: not JSON at line {line}, column {column}");
        Reject::new(Reason::NotJson, detail)
    })
}
