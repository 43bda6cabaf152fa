//! Reading one record into an [`Event`], and the bounds it must keep.

use serde::de::{Deserialize, Deserializer};

use crate::event::{
    Event, MAX_AHEAD_MILLIS, MAX_DEPTH, MAX_ID_BYTES, MAX_IDENTITY_BYTES, MAX_LIST_ITEMS,
    MAX_RECORD_BYTES, MAX_TEXT_BYTES,
};
use crate::known::{self, Text};
use crate::reject::{Reason, Reject};
use crate::time::{EARLIEST, EventTime};

impl<'a> Event<'a> {
    /// Reads one record, and enforces every bound that needs no clock.
    pub fn parse(raw: &'a [u8]) -> Result<Self, Reject> {
        let raw = check_raw(raw)?;
        let event = match sonic_rs::from_slice::<Record<'_>>(raw) {
            Ok(record) => record.0,
            // The fast reader says no; the slow one says why.
            Err(_) => read_slowly(raw)?,
        };
        event.check(raw.len())?;
        Ok(event)
    }

    /// Enforces the bounds. `raw_bytes` is the size of the record the event came from: no string
    /// in it can be longer, so a short record needs no look at the long bounds.
    pub fn check(&self, raw_bytes: usize) -> Result<(), Reject> {
        bound("id", &self.id, MAX_ID_BYTES)?;
        bound("identity.id", &self.identity.id, MAX_IDENTITY_BYTES)?;
        for (link, delegate) in self.delegation.iter().enumerate() {
            if delegate.id.len() > MAX_IDENTITY_BYTES {
                let field = format!("delegation[{link}].id");
                return bound(&field, &delegate.id, MAX_IDENTITY_BYTES);
            }
        }
        if self.time < EARLIEST {
            return Err(Reject::new(
                Reason::TimeTooEarly,
                format!("time: before {EARLIEST}, the source's clock is not set"),
            ));
        }
        if raw_bytes > MAX_TEXT_BYTES {
            self.check_texts()?;
        }
        if raw_bytes > MAX_LIST_ITEMS {
            self.check_lists()?;
        }
        Ok(())
    }

    /// Refuses an event more than 24 hours ahead of `clock`, the time its log says it is.
    pub fn check_ahead(&self, clock: EventTime) -> Result<(), Reject> {
        if self.time.since(clock) <= MAX_AHEAD_MILLIS {
            return Ok(());
        }
        let detail = format!("time: more than 24 h ahead of the log's clock, which is at {clock}");
        Err(Reject::new(Reason::TimeAhead, detail))
    }

    fn check_texts(&self) -> Result<(), Reject> {
        let texts = [
            ("source", &self.source),
            ("tenant", &self.tenant),
            ("session.id", &self.session.id),
            ("session.assurance", &self.session.assurance),
            ("credential.id", &self.credential.id),
            ("credential.bound_to", &self.credential.bound_to),
            ("network.ip", &self.network.ip),
            ("network.country", &self.network.country),
            ("network.city", &self.network.city),
            ("network.as_org", &self.network.as_org),
            ("device.id", &self.device.id),
            ("device.user_agent", &self.device.user_agent),
            ("device.tls_fingerprint", &self.device.tls_fingerprint),
            ("workload.runtime", &self.workload.runtime),
            ("workload.environment", &self.workload.environment),
            ("workload.region", &self.workload.region),
            ("workload.host", &self.workload.host),
            ("action.resource", &self.action.resource),
            ("action.environment", &self.action.environment),
            ("action.target_tenant", &self.action.target_tenant),
            ("task.id", &self.task.id),
            ("task.objective", &self.task.objective),
            ("feedback.command_id", &self.feedback.command_id),
            ("feedback.finding_id", &self.feedback.finding_id),
            ("feedback.by", &self.feedback.by),
            ("labels.attack", &self.labels.attack),
        ];
        bound("action.name", &self.action.name, MAX_TEXT_BYTES)?;
        for (field, text) in texts {
            bound(field, text.as_deref().unwrap_or_default(), MAX_TEXT_BYTES)?;
        }
        for (field, texts) in self.text_lists() {
            for text in texts {
                bound(field, text, MAX_TEXT_BYTES)?;
            }
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<(), Reject> {
        let lengths = self
            .text_lists()
            .map(|(field, texts)| (field, texts.len()))
            .into_iter()
            .chain([("delegation", self.delegation.len())]);
        for (field, length) in lengths {
            if length > MAX_LIST_ITEMS {
                let detail = format!("{field}: {length} entries, at most {MAX_LIST_ITEMS}");
                return Err(Reject::new(Reason::TooLong, detail));
            }
        }
        Ok(())
    }

    fn text_lists(&self) -> [(&'static str, &[Text<'a>]); 4] {
        [
            ("identity.groups", &self.identity.groups),
            ("credential.scopes", &self.credential.scopes),
            ("action.scopes", &self.action.scopes),
            ("task.allowed", &self.task.allowed),
        ]
    }
}

/// What a JSON record must keep to before a parser may look at it: at most 1 MiB, and at most 128
/// objects and arrays inside each other. Gives the record without a byte order mark.
///
/// The depth matters most where a field is *not* read: parsers skip it by recursion, and a record
/// of a million brackets would overflow the stack.
pub fn check_raw(raw: &[u8]) -> Result<&[u8], Reject> {
    let record = check_size(raw)?;
    if openings(raw) > MAX_DEPTH && depth(raw) > MAX_DEPTH {
        let detail = format!("record: objects and arrays nested over {MAX_DEPTH} deep");
        return Err(Reject::new(Reason::TooDeep, detail));
    }
    Ok(record)
}

/// As [`check_raw`], for a parser that keeps to a depth itself.
pub(crate) fn check_size(raw: &[u8]) -> Result<&[u8], Reject> {
    if raw.len() > MAX_RECORD_BYTES {
        let detail = format!("record: {} bytes, at most {MAX_RECORD_BYTES}", raw.len());
        return Err(Reject::new(Reason::TooLarge, detail));
    }
    Ok(raw.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(raw))
}

/// How many `{` and `[` there are, counted so that the compiler can take many bytes at once.
fn openings(raw: &[u8]) -> usize {
    // One bit tells `{` from `[`, and no other byte has the rest of their bits.
    let is_opening = |byte: &u8| u8::from(byte | 0x20 == b'{');
    raw.chunks(128)
        .map(|chunk| usize::from(chunk.iter().map(is_opening).sum::<u8>()))
        .sum()
}

/// The deepest nesting, as a parser meets it that stops at the first error.
fn depth(raw: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    for byte in raw {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn bound(field: &str, text: &str, most: usize) -> Result<(), Reject> {
    if text.len() <= most {
        return Ok(());
    }
    let detail = format!("{field}: {} bytes, at most {most}", text.len());
    Err(Reject::new(Reason::TooLong, detail))
}

/// An event that is written as an object. Serde would also take an array of its fields in order.
struct Record<'a>(Event<'a>);

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        known::required_object(deserializer).map(Self)
    }
}

/// The second look at a record the fast reader refused: which field, and what is wrong with it.
fn read_slowly(raw: &[u8]) -> Result<Event<'_>, Reject> {
    let text = std::str::from_utf8(raw).map_err(|error| {
        let detail = format!("record: not UTF-8 at byte {}", error.valid_up_to());
        Reject::new(Reason::NotUtf8, detail)
    })?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let record: Record<'_> =
        serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            diagnose(&path, error.inner())
        })?;
    deserializer
        .end()
        .map_err(|error| not_json("more after the end of the record", &error))?;
    Ok(record.0)
}

fn not_json(what: &str, error: &serde_json::Error) -> Reject {
    let (line, column) = (error.line(), error.column());
    Reject::new(
        Reason::NotJson,
        format!("record: {what}, line {line}, column {column}; expected one JSON object"),
    )
}

/// Puts a refusal into words that never repeat the value, which may be a secret in the wrong place.
fn diagnose(path: &str, error: &serde_json::Error) -> Reject {
    use serde_json::error::Category;

    let message = error.to_string();
    if message.starts_with("number out of range") {
        let detail = format!(
            "{}: expected a number that a double can hold",
            field(path, None)
        );
        return Reject::new(Reason::WrongType, detail);
    }
    if matches!(
        error.classify(),
        Category::Syntax | Category::Eof | Category::Io
    ) {
        return not_json("not JSON", error);
    }
    // serde_json appends where it stopped; serde quotes what it found before it says what it
    // expected. Only what follows the last of its own separators is known to be ours.
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(words, _)| words);
    let named = message.split('`').nth(1);
    let (reason, detail) = if message.starts_with("missing field `") {
        let field = field(path, named);
        (Reason::MissingField, format!("{field}: {}", known::MISSING))
    } else if message.starts_with("duplicate field `") {
        let field = field(path, named);
        (Reason::DuplicateField, format!("{field}: given twice"))
    } else if message == known::MISSING {
        (
            Reason::MissingField,
            format!("{}: {message}", field(path, None)),
        )
    } else if message == known::BAD_TIME {
        (Reason::BadTime, format!("{}: {message}", field(path, None)))
    } else if let Some(words) = message.strip_prefix(known::UNKNOWN_WORD) {
        (
            Reason::UnknownKind,
            format!("{}:{words}", field(path, None)),
        )
    } else {
        let expected = message
            .rsplit_once("expected ")
            .map_or("another type", |(_, it)| it);
        let detail = format!("{}: expected {expected}", field(path, None));
        (Reason::WrongType, detail)
    };
    Reject::new(reason, detail)
}

/// The dotted name of a field, from the path to its object and its own name.
fn field(path: &str, name: Option<&str>) -> String {
    match (path, name) {
        (".", Some(name)) => name.to_owned(),
        (".", None) => "record".to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
        (path, None) => path.to_owned(),
    }
}
