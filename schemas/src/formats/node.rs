//! A place in a vendor's record.
//!
//! Types drift: the same field arrives as a string, an integer or a boolean, and some exporters
//! lower-case every key. What reads here is the meaning, not the JSON type; whatever cannot be read
//! is *not known*, never an error and never a zero.

use std::borrow::Cow;
use std::net::IpAddr;

use memchr::memchr;

use crate::drift::{DriftKind, Field, Seen};
use crate::event::MAX_TEXT_BYTES;
use crate::json::{Arena, Json};
use crate::known::Text;
use crate::time::{EARLIEST, EventTime};

/// A place in a record, which may not be there. What is asked of it and cannot be read is noted in
/// [`Seen`] under the names by which it was reached, once for each part of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'v> {
    value: Option<&'v Json<'v>>,
    seen: Option<&'v Seen>,
    field: Field,
}

impl<'v> Node<'v> {
    /// No place at all.
    pub(super) const ABSENT: Self = Self {
        value: None,
        seen: None,
        field: Field::ROOT,
    };

    /// The whole of a part of a record.
    pub(super) fn root(part: &'v Json<'v>, seen: &'v Seen) -> Self {
        Self::from(part).noting(seen)
    }

    /// The same place, of which is noted what cannot be read.
    pub(super) fn noting<'s>(self, seen: &'s Seen) -> Node<'s>
    where
        'v: 's,
    {
        Node {
            seen: Some(seen),
            ..self
        }
    }

    /// What is here.
    pub(super) fn value(self) -> Option<&'v Json<'v>> {
        self.value
    }

    /// The same place under a name of its own.
    pub(super) fn named(self, name: &'static str) -> Self {
        Self {
            field: Field::ROOT.then(name),
            ..self
        }
    }

    /// Another value that stands for this place.
    fn with(self, value: Option<&'v Json<'v>>) -> Self {
        Self { value, ..self }
    }

    /// The member of that name, by exact case or else by any.
    pub(super) fn get(self, key: &'static str) -> Self {
        Self {
            field: self.field.then(key),
            ..self.member(key)
        }
    }

    /// As [`get`](Self::get), by a name that is made up at run time and is not told in drift.
    pub(super) fn member(self, key: &str) -> Self {
        let members = match self.value {
            Some(Json::Object(members)) => members,
            None | Some(Json::Null) => return self.with(None),
            Some(_) => {
                self.mistyped();
                return self.with(None);
            }
        };
        self.with(members.in_any_case(key))
    }

    /// The member at a dotted path.
    pub(super) fn at(self, path: &'static str) -> Self {
        Self {
            field: self.field.then(path),
            ..self.along(path)
        }
    }

    fn along(self, path: &'static str) -> Self {
        match memchr(b'.', path.as_bytes()) {
            Some(dot) => self.get(&path[..dot]).along(&path[dot + 1..]),
            None => self.get(path),
        }
    }

    /// A place that every record of its format has: where it is not there, that is noted. Words by
    /// which a source says that it does not know are an answer.
    pub(super) fn always(self) -> Self {
        if matches!(self.value, None | Some(Json::Null)) {
            self.note(DriftKind::Missing);
        }
        self
    }

    /// An enumeration of which the format knows these words: where it holds another, that is noted.
    pub(super) fn among(self, words: &[&str]) -> Self {
        if self.text().is_some_and(|word| !words.contains(&&*word)) {
            self.unknown();
        }
        self
    }

    /// Notes that what is here is no word of an enumeration that the format knows.
    pub(super) fn unknown(self) {
        self.note(DriftKind::Unknown);
    }

    /// Notes that what is here cannot be read as what it should be.
    fn mistyped(self) {
        self.note(DriftKind::Mistyped);
    }

    /// The value, or a note that something else is here. Absent and `null` are neither.
    fn or_mistyped<T>(self, value: Option<T>) -> Option<T> {
        if value.is_none() && !matches!(self.value, None | Some(Json::Null)) {
            self.mistyped();
        }
        value
    }

    #[cold]
    fn note(self, kind: DriftKind) {
        if let Some(seen) = self.seen {
            seen.note(self.field, kind);
        }
    }

    pub(super) fn exists(self) -> bool {
        self.value.is_some()
    }

    pub(super) fn is_array(self) -> bool {
        matches!(self.value, Some(Json::Array(_)))
    }

    pub(super) fn is_object(self) -> bool {
        matches!(self.value, Some(Json::Object(_)))
    }

    /// Whether the record has it, known or not.
    pub(super) fn is_there(self) -> bool {
        self.value.is_some()
    }

    /// The elements of an array; of a single object, that one.
    pub(super) fn items(self) -> impl Iterator<Item = Node<'v>> {
        let items = match self.value {
            Some(Json::Array(items)) => Some(*items),
            Some(one @ Json::Object(_)) => Some(std::slice::from_ref(one)),
            _ => None,
        };
        let items = self.or_mistyped(items).unwrap_or_default();
        items.iter().map(move |item| self.with(Some(item)))
    }

    /// The members of an object.
    pub(super) fn members(self) -> impl Iterator<Item = (&'v str, Node<'v>)> {
        let members = match self.value {
            Some(Json::Object(members)) => Some(members.ordered()),
            _ => None,
        };
        let members = members.into_iter().flatten();
        members.map(move |(name, value)| (name, self.with(Some(value))))
    }

    /// The elements of an array, whatever they are.
    pub(super) fn elements(self) -> impl Iterator<Item = Node<'v>> {
        let elements = match self.value {
            Some(Json::Array(elements)) => *elements,
            _ => &[],
        };
        elements.iter().map(move |element| self.with(Some(element)))
    }

    /// The text: a string that says something, or a number. Of an array, its first element.
    pub(super) fn text(self) -> Option<Text<'v>> {
        match self.value? {
            Json::String(text) => known(text).map(Cow::Borrowed),
            Json::Number(number) => Some(Cow::Owned(number.to_string())),
            Json::Array(items) => self.with(items.first()).text(),
            Json::Null => None,
            Json::Bool(_) | Json::Object(_) => {
                self.mistyped();
                None
            }
        }
    }

    /// The texts of an array, or the one text.
    pub(super) fn texts(self) -> Vec<Text<'v>> {
        match self.value {
            Some(Json::Array(items)) => items
                .iter()
                .filter_map(|item| self.with(Some(item)).text())
                .collect(),
            _ => self.text().into_iter().collect(),
        }
    }

    /// Text of a field in which `NONE` is an answer rather than the lack of one.
    pub(super) fn text_or_none_word(self) -> Option<&'v str> {
        self.or_mistyped(self.value?.as_str())
    }

    /// A text short enough to be kept; a longer one is noise that must not cost the whole record.
    pub(super) fn short(self) -> Option<Text<'v>> {
        self.text().filter(|text| text.len() <= MAX_TEXT_BYTES)
    }

    /// A number, also one written as text.
    pub(super) fn number(self) -> Option<f64> {
        let text = self.value?.as_str();
        if text.is_some_and(|text| known(text).is_none()) {
            return None;
        }
        self.or_mistyped(number(self.value?))
    }

    /// A whole number that is not negative, however it is written.
    pub(super) fn count(self) -> Option<u64> {
        let exact = match self.value? {
            Json::Number(number) => number.as_u64(),
            Json::String(text) => known(text)?.parse().ok(),
            _ => None,
        };
        exact.or_else(|| {
            let number = self.number()?;
            // 2^53 is where a double stops being exact.
            ((0.0..=9_007_199_254_740_992.0).contains(&number)).then_some(number as u64)
        })
    }

    /// A truth, written as a boolean, a word or a digit.
    pub(super) fn truth(self) -> Option<bool> {
        let truth = match self.value? {
            Json::Bool(truth) => Some(*truth),
            Json::Number(number) => match number.as_u64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Json::String(text) => {
                let text = known(text)?;
                let is = |word: &&str| text.eq_ignore_ascii_case(word);
                match ["true", "yes", "1"].iter().any(is) {
                    true => Some(true),
                    false => ["false", "no", "0"].iter().any(is).then_some(false),
                }
            }
            _ => None,
        };
        self.or_mistyped(truth)
    }

    /// A time: RFC 3339, ISO 8601 basic format, or milliseconds since the epoch.
    pub(super) fn time(self) -> Option<EventTime> {
        let time = match self.value? {
            Json::String(text) => {
                let text = known(text)?;
                EventTime::parse(text)
                    .or_else(|| basic_time(text))
                    .or_else(|| text.parse().ok().and_then(millis))
            }
            Json::Number(number) => millis(number.as_f64()),
            _ => None,
        };
        self.or_mistyped(time)
    }

    /// A time: RFC 3339, or a number since the epoch in whatever unit its size tells.
    pub(super) fn instant(self) -> Option<EventTime> {
        number(self.value?).map_or_else(|| self.time(), |number| self.or_mistyped(epoch(number)))
    }

    /// As [`instant`](Self::instant), where an unset clock's is not known rather than wrong.
    pub(super) fn moment(self) -> Option<EventTime> {
        self.instant().filter(|time| *time >= EARLIEST)
    }

    /// The address, without port, brackets or zone; a DNS name is not one.
    pub(super) fn ip(self) -> Option<IpAddr> {
        address(&self.text()?)
    }

    /// What `read` finds in JSON that was put into a string, or that was not.
    pub(super) fn embedded<T>(self, read: impl FnOnce(Node<'_>) -> T) -> Option<T> {
        let Json::String(text) = self.value? else {
            return Some(read(self));
        };
        let arena = Arena::new();
        let inside = Json::parse(text, &arena).ok()?;
        Some(read(Node {
            value: Some(&inside),
            ..self
        }))
    }

    /// The text of the value as compact JSON, always the same for the same value.
    pub(super) fn canonical(self) -> String {
        self.value.map(Json::to_string).unwrap_or_default()
    }
}

impl<'v> From<&'v Json<'v>> for Node<'v> {
    /// A value of which nothing is noted: one that is only looked at.
    fn from(value: &'v Json<'v>) -> Self {
        Self::ABSENT.with(Some(value))
    }
}

/// A number, also one written as text.
fn number(value: &Json<'_>) -> Option<f64> {
    match value {
        Json::Number(number) => Some(number.as_f64()),
        Json::String(text) => known(text)?.parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// Latitude and longitude of a place that there is. Sources that know none write zeros.
pub(super) fn position(lat: Node<'_>, lon: Node<'_>) -> Option<(f64, f64)> {
    lat.number()
        .zip(lon.number())
        .filter(|(lat, lon)| (*lat, *lon) != (0.0, 0.0) && lat.abs() <= 90.0 && lon.abs() <= 180.0)
}

/// The text, unless it is one of the words by which sources say that they do not know.
pub(super) fn known(text: &str) -> Option<&str> {
    let text = match text.as_bytes() {
        // No blank at either end: nothing to trim.
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    };
    // None of the words is longer.
    if text.len() > 9 {
        return Some(text);
    }
    let says_nothing = matches!(text, "" | "-" | "(null)" | "undefined")
        || ["unknown", "null", "none", "n/a"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word));
    (!says_nothing).then_some(text)
}

fn millis(number: f64) -> Option<EventTime> {
    // Up to the year 9999; a number of seconds reads as 1970 and is refused as too early.
    (0.0..253_402_300_800_000.0)
        .contains(&number)
        .then(|| EventTime::from_millis(number as i64))
}

/// A number of seconds, milliseconds, microseconds or nanoseconds since the epoch. Between 1973 and
/// 5138 no number means a time in two of them.
fn epoch(number: f64) -> Option<EventTime> {
    let micros = match number.abs() {
        seconds if seconds < 1e11 => number * 1e6,
        millis if millis < 1e14 => number * 1e3,
        micros if micros < 1e17 => number,
        _ => number / 1e3,
    };
    // A double has no exact tenths: what a fraction lacks by that must not cost a millisecond.
    millis((micros.round() / 1e3).floor())
}

/// `20131102T010628Z`, as some CloudTrail records write `creationDate`.
fn basic_time(text: &str) -> Option<EventTime> {
    let (date, time) = text.split_once('T')?;
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let time = time.strip_suffix('Z')?;
    if !digits(date, 8) || !digits(time, 6) {
        return None;
    }
    let (year, month, day) = (&date[..4], &date[4..6], &date[6..]);
    let (hour, minute, second) = (&time[..2], &time[2..4], &time[4..]);
    EventTime::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

/// Reads an address that may carry a port, brackets or a zone.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None if text.bytes().filter(|byte| *byte == b':').count() == 1 => text.split(':').next()?,
        None => text,
    };
    let ip: IpAddr = bare.split('%').next()?.parse().ok()?;
    Some(ip.to_canonical()).filter(|ip| !ip.is_unspecified())
}

/// A list written as an array or as text, separated by commas or blanks.
pub(super) fn scopes<'v>(node: Node<'v>) -> Vec<Text<'v>> {
    if node.is_array() {
        return node.texts();
    }
    match node.text() {
        Some(Cow::Borrowed(text)) => text
            .split([',', ' '])
            .filter_map(known)
            .map(Cow::Borrowed)
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_instant_is_told_in_any_unit() {
        let expected = EventTime::parse("2026-11-20T10:15:30.123Z");
        for value in [
            json!("2026-11-20T11:15:30.123+01:00"),
            json!(1_795_169_730.123),
            json!("1795169730.123"),
            json!(1_795_169_730_123_u64),
            json!(1_795_169_730_122.999_9),
            json!(1_795_169_730_123_456_u64),
            json!("1795169730123456789"),
        ] {
            let arena = Arena::new();
            let read = Json::of(&value, &arena);
            assert_eq!(Node::from(&read).instant(), expected, "{value}");
        }
        for value in [
            json!(null),
            json!("soon"),
            json!("1e300"),
            json!(-1.0),
            json!({}),
            json!(true),
        ] {
            let arena = Arena::new();
            let read = Json::of(&value, &arena);
            assert_eq!(Node::from(&read).instant(), None, "{value}");
        }
    }
}
