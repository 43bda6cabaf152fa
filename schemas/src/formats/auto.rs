//! `auto`: finds out of each record which of the other formats it is of ([`Format::recognises`]), and reads it
//! as that one does. The event's `source` is the name of that format.
//!
//! A record is parsed once, to be recognised, and handed over parsed. An array in which only one format is
//! recognised is handed over whole; one of several formats, and what an envelope `{"records":[…]}` holds, part by
//! part. What is no JSON is offered to the formats that read text. What none recognises is refused, with the
//! names of those that were tried.
//!
//! Naming the format is better where it is known: it costs less, and the refusal of a broken record says
//! which field is wrong rather than that nobody knows it.

use super::read::parse;
use super::{ALL, Decoded, Format, Sink, Source};
use crate::json::{Arena, Json};
use crate::reject::{Reason, Reject};

/// Whatever format a record is of.
pub(super) struct Auto;

impl Format for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    /// Nothing is of this format; what it reads is of another.
    fn recognises(&self, _record: &Json<'_>) -> bool {
        false
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        let arena = Arena::for_text(raw.len());
        match parse(raw, &arena) {
            Ok(record) => self.decode_parsed(&record, raw, source, sink),
            Err(reject) => match ALL.iter().find(|format| format.recognises_text(raw)) {
                Some(format) => format.decode(raw, source, sink),
                None => sink(Decoded::Rejected(reject)),
            },
        }
    }

    fn decode_parsed(
        &self,
        record: &Json<'_>,
        raw: &[u8],
        source: Source<'_>,
        sink: &mut Sink<'_>,
    ) {
        let parts = match record {
            Json::Array([]) => {
                return sink(Decoded::Skipped("empty batch".into()));
            }
            Json::Array(parts) => *parts,
            record => enveloped(record),
        };
        let formats: Vec<_> = parts.iter().map(format_of).collect();
        let mut known = formats.iter().copied().flatten();
        let first = known.next();
        let is_mixed = known.any(|other| Some(other.name()) != first.map(Format::name));
        let of_envelope = match record {
            Json::Array(_) => None,
            // Of an envelope's parts those that nobody knows are skipped or refused as its format does it.
            record => first.or_else(|| format_of(record)),
        };
        let whole = match record {
            Json::Array(_) => first.filter(|_| !is_mixed),
            _ => of_envelope.filter(|_| parts.is_empty()),
        };
        if let Some(format) = whole {
            return format.decode_parsed(record, raw, source, sink);
        }
        if parts.is_empty() {
            return sink(Decoded::Rejected(not_recognised("")));
        }
        for (index, (part, format)) in parts.iter().zip(formats).enumerate() {
            let place = format!("part {index} of the record: ");
            let Some(format) = format.or(of_envelope) else {
                sink(Decoded::Rejected(not_recognised(&place)));
                continue;
            };
            let text = part.to_string();
            let mut placed = |decoded: Decoded<'_>| match decoded {
                Decoded::Rejected(mut reject) => {
                    reject.detail = format!("{place}{}", reject.detail);
                    sink(Decoded::Rejected(reject));
                }
                other => sink(other),
            };
            format.decode_parsed(part, text.as_bytes(), source, &mut placed);
        }
    }
}

/// What an envelope holds in which Azure exports the logs of several services together.
fn enveloped<'v>(record: &Json<'v>) -> &'v [Json<'v>] {
    let parts = record.get("records").and_then(Json::as_array);
    parts.unwrap_or_default()
}

fn format_of(record: &Json<'_>) -> Option<&'static dyn Format> {
    ALL.iter().copied().find(|format| format.recognises(record))
}

fn not_recognised(place: &str) -> Reject {
    let others = ALL.iter().map(|format| format.name());
    let tried: Vec<_> = others.filter(|name| *name != "auto").collect();
    let detail = format!(
        "{place}not recognised as any of {}; name the format of the source instead of auto, and the \
         refusal says what is wrong",
        tried.join(", ")
    );
    Reject::new(Reason::WrongFormat, detail)
}
