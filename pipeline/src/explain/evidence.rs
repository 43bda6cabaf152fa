//! The evidence of a finding as lines: what was observed, and what is usual.

use plumbline_schemas::shown::plain;
use serde_json::{Map, Value};

use crate::page::{Page, Pairs};

/// Of a longer list so many are shown; the others are counted.
const MOST_SHOWN: usize = 8;
/// Evidence is two or three levels deep; a file by another hand may be deeper.
const DEEPEST: usize = 6;

/// Told in words of their own, below.
const TOLD_APART: [&str; 2] = ["formula", "silent_if"];

/// Endings of keys that say the unit of the value.
const UNITS: [(&str, &str); 7] = [
    ("_km", " km"),
    ("_kmh", " km/h"),
    ("_ms", " ms"),
    ("_seconds", " s"),
    ("_minutes", " min"),
    ("_hours", " h"),
    ("_percent", " %"),
];

/// A line of evidence, so many levels deep.
pub(crate) struct Line {
    pub(crate) depth: usize,
    pub(crate) part: Part,
}

/// What stands in a line.
pub(crate) enum Part {
    /// A name and its value.
    Pair(String, String),
    /// The name of what the deeper lines after it say.
    Name(String),
    /// One of a list; empty where the deeper lines after it say it.
    Item(String),
}

/// Evidence line by line; an empty one has none.
pub(crate) fn lines(evidence: &Map<String, Value>) -> Vec<Line> {
    let shown = evidence
        .iter()
        .filter(|(key, _)| !TOLD_APART.contains(&key.as_str()));
    let shown: Vec<(&String, &Value)> = shown.collect();
    let mut lines = Lines(Vec::new());
    lines.object(0, &shown, DEEPEST);
    lines.0
}

/// Writes evidence; an empty one is said to be so.
pub(super) fn write(page: &mut Page, indent: usize, evidence: &Map<String, Value>) {
    let lines = lines(evidence);
    if lines.is_empty() {
        page.line(indent, "nothing beside what stands above");
    }
    let is_pair = |line: &Line| matches!(line.part, Part::Pair(..));
    for together in lines.chunk_by(|a, b| is_pair(a) && is_pair(b) && a.depth == b.depth) {
        let mut pairs = Pairs::default();
        for Line { depth, part } in together {
            let indent = indent + 2 * depth;
            match part {
                Part::Pair(key, value) => pairs.add(key, value),
                Part::Name(name) => page.line(indent, name),
                Part::Item(text) => page.prose(indent, format!("- {text}").trim_end()),
            }
        }
        let depth = together.first().map_or(0, |line| line.depth);
        page.pairs(indent + 2 * depth, &pairs);
    }
}

struct Lines(Vec<Line>);

impl Lines {
    fn add(&mut self, depth: usize, part: Part) {
        self.0.push(Line { depth, part });
    }

    /// Plain values together first, then what is nested, each under its name.
    fn object(&mut self, depth: usize, fields: &[(&String, &Value)], room: usize) {
        for (key, value) in fields {
            if let Some(text) = inline(value, room) {
                let (key, unit) = split_unit(key, value);
                self.add(depth, Part::Pair(key, text + unit));
            }
        }
        for (key, value) in fields {
            if inline(value, room).is_none() {
                self.add(depth, Part::Name(words(key)));
                self.nested(depth + 1, value, room.saturating_sub(1));
            }
        }
    }

    /// An object, or a list with objects or lists in it.
    fn nested(&mut self, depth: usize, value: &Value, room: usize) {
        match value {
            Value::Array(items) => {
                for item in items.iter().take(MOST_SHOWN) {
                    let text = row(item);
                    let is_deeper = text.is_none();
                    self.add(depth, Part::Item(text.unwrap_or_default()));
                    if is_deeper {
                        self.nested(depth + 1, item, room.saturating_sub(1));
                    }
                }
                if let Some(more) = beyond(items.len()) {
                    self.add(depth, Part::Item(more));
                }
            }
            Value::Object(fields) => {
                let fields: Vec<(&String, &Value)> = fields.iter().collect();
                self.object(depth, &fields, room);
            }
            scalar => self.add(depth, Part::Item(text(scalar))),
        }
    }
}

/// A value that fits behind its key: anything but objects and lists of them.
fn inline(value: &Value, depth: usize) -> Option<String> {
    match value {
        Value::Object(fields) if fields.is_empty() => Some("none".to_owned()),
        Value::Array(items) if items.is_empty() => Some("none".to_owned()),
        Value::Object(_) | Value::Array(_) if depth == 0 => Some(plain(&value.to_string())),
        Value::Object(_) => None,
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => None,
        Value::Array(items) => {
            let shown = items.iter().take(MOST_SHOWN).map(text);
            let shown: Vec<String> = shown.chain(beyond(items.len())).collect();
            Some(shown.join(", "))
        }
        scalar => Some(text(scalar)),
    }
}

/// A flat object of a list on one line.
fn row(item: &Value) -> Option<String> {
    let Value::Object(fields) = item else {
        return inline(item, 1);
    };
    let parts: Option<Vec<String>> = fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| {
            let shown = inline(value, 1)?;
            let (key, unit) = split_unit(key, value);
            Some(format!("{key} {shown}{unit}"))
        })
        .collect();
    Some(parts?.join(" · "))
}

fn beyond(items: usize) -> Option<String> {
    (items > MOST_SHOWN).then(|| format!("and {} more", items - MOST_SHOWN))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "not known".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").unwrap_or(&text).to_owned()
        }
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => plain(text),
        nested => plain(&nested.to_string()),
    }
}

/// `distance_km` of 11033 is a distance of 11033 km.
fn split_unit(key: &str, value: &Value) -> (String, &'static str) {
    let measured = value.is_number();
    let unit = UNITS.iter().filter(|_| measured);
    let mut found = unit.filter_map(|(ending, unit)| Some((key.strip_suffix(ending)?, *unit)));
    let (key, unit) = found.next().unwrap_or((key, ""));
    (words(key), unit)
}

fn words(key: &str) -> String {
    plain(key).replace('_', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> String {
        let mut page = Page::default();
        write(&mut page, 0, value.as_object().expect("an object"));
        page.finish()
    }

    #[test]
    fn values_are_aligned_and_nested_ones_indented() {
        let text = written(&json!({
            "distance_km": 11033.0, "known": false, "ip": null, "tools": ["a", "b"], "none": [],
            "here": { "place": "Lima, PE", "more": { "radius_km": 20.5 } },
            "new": [{ "name": "x", "bits": 3.0 }, { "name": "y", "bits": 4.5 }],
            "formula": "elsewhere", "silent_if": "elsewhere",
        }));
        insta::assert_snapshot!(text, @r"
        distance  11033 km
        ip        not known
        known     no
        none      none
        tools     a, b
        here
          place  Lima, PE
          more
            radius  20.5 km
        new
          - bits 3 · name x
          - bits 4.5 · name y
        ");
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let many: Vec<u32> = (0..20).collect();
        let rows: Vec<Value> = (0..10).map(|n| json!({ "n": n })).collect();
        let text = written(&json!({ "many": many, "rows": rows }));
        assert!(
            text.contains("0, 1, 2, 3, 4, 5, 6, 7, and 12 more"),
            "{text}"
        );
        assert!(text.ends_with("  - n 7\n  - and 2 more\n"), "{text}");
    }

    #[test]
    fn a_file_by_another_hand_cannot_nest_without_end() {
        let mut value = json!({ "x": 1 });
        for _ in 0..60 {
            value = json!({ "x": value });
        }
        assert!(written(&value).lines().count() < 12);
    }
}
