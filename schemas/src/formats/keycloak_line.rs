//! The lines of Keycloak's log: a prefix that the log handler writes, then `key=value, key="value"`.
//!
//! A line becomes the record that the same event is in JSON; what JSON has no word for is said by
//! members of its own ([`NO_EVENT`], [`UNDATED`]).

use std::collections::BTreeMap;

use crate::json::{Arena, Json};
use crate::time::EventTime;

/// Member of the record of a line in which there is no event: why.
pub(super) const NO_EVENT: &str = "line without an event";
/// The line is one of a log all the same.
pub(super) const OTHER_LINE: &str = "a line of a log";
/// Member of the record of an event whose line has no date.
pub(super) const UNDATED: &str = "line without a date";

/// The fields of an event that are not details of it.
const OWN_FIELDS: [&str; 12] = [
    "type",
    "operationType",
    "realmId",
    "realmName",
    "clientId",
    "userId",
    "sessionId",
    "ipAddress",
    "error",
    "resourceType",
    "resourcePath",
    "representation",
];

/// The line in a record of a JSON log, as the server itself or a log shipper writes it. Shippers may
/// add a `type` of their own, so that the record looks like an event: one in the line is it.
pub(super) fn in_json<'v>(record: &Json<'v>) -> Option<&'v str> {
    let is_event = record.get("type").is_some() || record.get("operationType").is_some();
    let line = record.get("message").or_else(|| record.get("log"));
    line.and_then(Json::as_str)
        .filter(|line| !is_event || event(line).is_some())
}

/// Where in the line the event begins.
pub(super) fn event(line: &str) -> Option<usize> {
    let begins = |key: &str| {
        let at = line.find(key)?;
        let before = line[..at].chars().next_back();
        let alone = before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
        (alone && line[at..].contains("realmId=")).then_some(at)
    };
    match (begins("type="), begins("operationType=")) {
        (Some(user), Some(admin)) => Some(user.min(admin)),
        (user, admin) => user.or(admin),
    }
}

/// The record of a line; `time` is that of the JSON around it.
pub(super) fn record<'v>(line: &'v str, time: Option<Json<'v>>, arena: &'v Arena) -> Json<'v> {
    let Some(at) = event(line) else {
        let is_logged = time.is_some() || date(line).is_some();
        let why = if is_logged { OTHER_LINE } else { "no line" };
        return arena.object(&mut vec![(NO_EVENT, Json::String(why))]);
    };
    let (mut record, mut details) = (BTreeMap::new(), BTreeMap::new());
    for (key, value) in pairs(&line[at..]) {
        let into = if OWN_FIELDS.contains(&key) {
            &mut record
        } else {
            &mut details
        };
        into.entry(key)
            .or_insert_with(|| Json::String(arena.text(&value)));
    }
    let details = arena.object(&mut details.into_iter().collect());
    record.insert("details", details);
    let of_line = || date(&line[..at]).map(|time| arena.text(&time.to_string()));
    match time.or_else(|| of_line().map(Json::String)) {
        Some(time) => record.insert("time", time),
        None => record.insert(UNDATED, Json::Bool(true)),
    };
    arena.object(&mut record.into_iter().collect())
}

/// The first date and time in the prefix of a line.
fn date(prefix: &str) -> Option<EventTime> {
    let mut words = prefix.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let word = word.trim_matches(['[', ']', '(', ')', ',']);
        // Java writes a comma before the fraction, and an offset without its colon.
        let dotted = word.replace(',', ".");
        let colon = dotted.len().checked_sub(5).and_then(|at| {
            let (time, zone) = dotted.split_at_checked(at)?;
            Some(format!("{time}{}", offset(zone)?))
        });
        let time = EventTime::parse(&dotted);
        if let Some(time) = time.or_else(|| EventTime::parse(&colon?)) {
            return Some(time);
        }
        let Some(time) = words.peek().filter(|_| is_date(word)) else {
            continue;
        };
        let time = time.trim_matches(['[', ']', ',']).replace(',', ".");
        let zone = words.clone().nth(1).and_then(offset);
        let whole = format!("{word}T{time}{}", zone.as_deref().unwrap_or("Z"));
        let bare = format!("{word}T{time}");
        if let Some(time) = EventTime::parse(&whole).or_else(|| EventTime::parse(&bare)) {
            return Some(time);
        }
    }
    None
}

fn is_date(word: &str) -> bool {
    word.len() == 10
        && word.split('-').count() == 3
        && word.starts_with(|c: char| c.is_ascii_digit())
}

/// `+0100` or `+01:00` as RFC 3339 wants it.
fn offset(word: &str) -> Option<String> {
    let digits: String = word.chars().filter(char::is_ascii_digit).collect();
    let sign = word.chars().next().filter(|c| matches!(c, '+' | '-'))?;
    let (hours, minutes) = (digits.get(..2)?, digits.get(2..4)?);
    (digits.len() == 4).then(|| format!("{sign}{hours}:{minutes}"))
}

/// `key=value, key="value", key='value'`. A value that is not quoted ends before the next key.
fn pairs(line: &str) -> Vec<(&str, String)> {
    let mut pairs = Vec::new();
    let mut rest = line;
    // Quotes that nothing closes from here to the end: not looked for again at every key.
    let mut unclosed = Vec::new();
    while let Some((key, after)) = rest.split_once('=') {
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let quote = quote.filter(|quote| !unclosed.contains(quote));
        let quoted = quote.and_then(|quote| quoted(&after[1..], quote));
        unclosed.extend(quote.filter(|_| quoted.is_none()));
        let (value, end) = match quoted {
            Some((value, length)) => (value, 1 + length),
            None => {
                let end = next_key(after);
                (after[..end].trim().to_owned(), end)
            }
        };
        pairs.push((key.trim_start_matches([',', ' ']), value));
        rest = &after[end..];
    }
    pairs
}

/// A quoted text without its escapes, and the length up to and with the closing quote: the first
/// that a comma or the end of the line follows.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        let rest = &text[at + character.len_utf8()..];
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            end if end == quote && (rest.is_empty() || rest.starts_with(',')) => {
                return Some((value, at + end.len_utf8()));
            }
            other => value.push(other),
        }
    }
    None
}

/// Where the next `, key=` begins, or the line ends.
fn next_key(text: &str) -> usize {
    let mut from = 0;
    while let Some(comma) = text[from..].find(", ").map(|comma| from + comma) {
        let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let key = &text[comma + 2..];
        if key.starts_with(is_key) && key.trim_start_matches(is_key).starts_with('=') {
            return comma;
        }
        from = comma + 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_the_next_key_begins() {
        let line = r#"type=LOGIN_ERROR, realmId="a, b=c", error=no, not really, reason='it's, so', redirect_uri=https://x/?a=b, last="q\"q""#;
        let expected = [
            ("type", "LOGIN_ERROR"),
            ("realmId", "a, b=c"),
            ("error", "no, not really"),
            ("reason", "it's, so"),
            ("redirect_uri", "https://x/?a=b"),
            ("last", "q\"q"),
        ];
        let found = pairs(line);
        let found: Vec<_> = found.iter().map(|(k, v)| (*k, v.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_date_of_a_line_is_found_behind_any_prefix() {
        for prefix in [
            "2026-11-20 10:15:30,123 WARN  [org.keycloak.events] (executor-thread-1) ",
            "[2026-11-20 10:15:30,123] ",
            "2026-11-20T10:15:30.123456789Z stdout F 09:00:00,000 WARN ",
            "2026-11-20T11:15:30,123+0100 WARN ",
            "2026-11-20 11:15:30,123 +0100 WARN ",
            "keycloak-0 | 2026-11-20T11:15:30.123+01:00 ",
        ] {
            let expected = EventTime::parse("2026-11-20T10:15:30.123Z");
            assert_eq!(date(prefix), expected, "{prefix}");
        }
        for prefix in [
            "10:15:30,123 WARN  [org.keycloak.events] ",
            "Nov 20 10:15:30 host ",
            "",
        ] {
            assert_eq!(date(prefix), None, "{prefix}");
        }
    }
}
