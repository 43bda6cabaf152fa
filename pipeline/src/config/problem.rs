//! What is wrong at one place of a file, said so that its writer can put it right.

use std::ops::Range;

use toml::de::Error;

use super::read::Place;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// What is wrong.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: Option<String>,
    /// Where, and what is there; the first is the place of the mistake.
    pub(super) labels: Vec<(Range<usize>, String)>,
}

impl Note {
    /// Something that is no TOML.
    pub(super) fn syntax(error: &Error, text: &str) -> Self {
        let quotes = error.message().contains("string values must be quoted");
        let help = match quotes {
            true => "write text in quotes; numbers, true and false stand without them",
            false => "see https://toml.io for the syntax",
        };
        let span = error.span().unwrap_or(0..0);
        // Something that is still open at the end is shown at the last thing that stands there.
        let end = text.trim_end().len();
        let span = match span.start < end {
            true => span,
            false => text[..end].floor_char_boundary(end.saturating_sub(1))..end,
        };
        Self {
            message: format!("not TOML: {}", error.message()),
            help: Some(help.to_owned()),
            labels: vec![(span, "here".to_owned())],
        }
    }

    /// For the order of the file.
    pub(super) fn position(&self) -> usize {
        self.labels.first().map_or(0, |(span, _)| span.start)
    }
}

/// Turns what serde says into what a person can act on.
pub(super) fn explain(error: &Error, place: Option<&Place>) -> Note {
    let said = error.message();
    let name = place.map(Place::name).unwrap_or_default();
    let (message, help, label) = place
        .and_then(|place| {
            unknown_key(said, place)
                .or_else(|| missing_key(said, place))
                .or_else(|| wrong_word(said, place))
                .or_else(|| wrong_type(said, place))
        })
        .unwrap_or_else(|| other(said, &name));
    Note {
        message,
        help,
        labels: vec![(error.span().unwrap_or(0..0), label)],
    }
}

/// Message, help, and the words under the caret.
type Explanation = (String, Option<String>, String);

fn unknown_key(said: &str, place: &Place) -> Option<Explanation> {
    let expected = said
        .strip_prefix("unknown field ")?
        .split_once("`, expected ")?
        .1;
    let expected = quoted(expected);
    let (key, parent) = (place.key.as_str(), place.parent.as_str());
    let message = match parent {
        "" => format!("there is no section `{key}`"),
        parent => format!("there is no `{key}` in [{parent}]"),
    };
    let help = match nearest(key, &expected) {
        Some(near) => format!("did you mean `{near}`?"),
        None if parent == "kafka" => format!(
            "properties of librdkafka stand in [kafka.properties]; in [kafka] stand {}",
            listed(&expected)
        ),
        None if parent.is_empty() => format!("the sections are {}", listed(&expected)),
        None => format!("in [{parent}] stand {}", listed(&expected)),
    };
    Some((message, Some(help), "unknown".to_owned()))
}

fn missing_key(said: &str, place: &Place) -> Option<Explanation> {
    let name = place.name();
    let key = *quoted(said.strip_prefix("missing field ")?).first()?;
    let help = match (name.as_str(), key) {
        ("policy.suppress", "until") => {
            "every suppression names its end, such as until = \"2026-12-31T00:00:00Z\"".to_owned()
        }
        ("source", "topic") => {
            "name the topic to read, such as topic = \"okta-system-log\"".to_owned()
        }
        ("source", "format") => format!(
            "name the log format of its records: {}",
            listed(&super::sections::format_names())
        ),
        _ => format!("add {key} = …"),
    };
    let message = format!("a [[{name}]] needs `{key}`");
    Some((message, Some(help), format!("without `{key}`")))
}

fn wrong_word(said: &str, place: &Place) -> Option<Explanation> {
    let (word, expected) = match said.strip_prefix("unknown variant ") {
        Some(rest) => {
            let words = quoted(rest);
            let (word, expected) = words.split_first()?;
            (*word, expected.to_vec())
        }
        // The words of an event's vocabulary, which name what was expected only.
        None => {
            let expected = said.strip_prefix("unknown word, expected one of ")?;
            (place.key.as_str(), expected.split(", ").collect())
        }
    };
    let help = match nearest(word, &expected) {
        Some(near) => format!("did you mean `{near}`? possible are {}", listed(&expected)),
        None => format!("write one of {}", listed(&expected)),
    };
    let message = match place.parent.as_str() {
        "policy.freshness" => format!("`{word}` is no class of actions"),
        _ => format!("`{word}` is no value of `{}`", place.name()),
    };
    Some((message, Some(help), "not one of them".to_owned()))
}

fn wrong_type(said: &str, place: &Place) -> Option<Explanation> {
    let rest = said
        .strip_prefix("invalid type: ")
        .or_else(|| said.strip_prefix("invalid value: "))?;
    let (_, expected) = rest.rsplit_once(", expected ")?;
    let expected = match expected {
        "u16" => "a whole number from 1 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 1 or more",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "text in quotes",
        "path string" => "a path in quotes",
        "a sequence" if place.found == "table" => "it in double brackets, once for each entry",
        "a sequence" => "a list, such as [\"one\", \"two\"]",
        expected if expected.starts_with("struct ") => "a section",
        expected => expected,
    };
    let found = match place.found {
        "string" => "text in quotes",
        "integer" => "a whole number",
        "float" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "table" => "a section",
        found => found,
    };
    let help = format!("write {expected}");
    let here = match place.found {
        "table" => "section",
        "array" => "list",
        _ => "value",
    };
    let message = format!("`{}` cannot be set to this {here}", place.name());
    Some((message, Some(help), format!("this is {found}")))
}

/// Messages of our own, whose halves are what is wrong and what would be right.
fn other(said: &str, name: &str) -> Explanation {
    let (wrong, right) = if let Some((wrong, right)) = said.split_once("; ") {
        (Some(wrong), Some(right.to_owned()))
    } else if let Some((_, right)) = said.split_once("expected ") {
        (None, Some(format!("write {right}")))
    } else {
        (Some(said), None)
    };
    let message = match (name, wrong) {
        ("", wrong) => wrong.unwrap_or(said).to_owned(),
        (name, Some(wrong)) => format!("`{name}`: {wrong}"),
        (name, None) => format!("`{name}` cannot be set to this value"),
    };
    (message, right, "here".to_owned())
}

/// What stands in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn listed<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<_> = words.iter().map(AsRef::as_ref).collect();
    words.join(", ")
}

/// What was probably meant: at most one letter in three differs.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = word.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(&plain, known), *known))
        .filter(|(distance, known)| *distance * 3 <= known.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
