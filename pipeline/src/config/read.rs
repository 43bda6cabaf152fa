//! Reading of the file, so that every mistake in it is found at once.
//!
//! The types of the configuration are the only judge of what is right. Where they refuse a value,
//! that value is taken out of the document and the rest is judged again, until nothing is refused.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use super::problem::{Note, explain};
use super::{Config, rules};

/// More mistakes than this are not one person's typing errors, but the wrong file.
pub(super) const MOST_NOTES: usize = 40;

/// What a file holds.
pub(super) struct Reading {
    /// The configuration, complete when `notes` is empty.
    pub(super) config: Option<Config>,
    /// Everything that is wrong.
    pub(super) notes: Vec<Note>,
    /// The dotted names of what is set, a list's elements without their index.
    pub(super) set: Vec<String>,
}

/// Reads the text of a file.
pub(super) fn read(text: &str) -> Reading {
    let (mut document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What follows a syntax error is read wrongly: judging it would only add noise.
        let mut notes: Vec<_> = errors.iter().map(|e| Note::syntax(e, text)).collect();
        notes.sort_by_key(Note::position);
        return Reading {
            config: None,
            notes,
            set: Vec::new(),
        };
    }
    dates_as_text(document.get_mut());
    let set = names(document.get_ref());
    let mut notes = rules::across_entries(document.get_ref());
    let config = judge(document, &mut notes);
    notes.sort_by_key(Note::position);
    Reading { config, notes, set }
}

fn judge(mut document: Spanned<DeTable<'_>>, notes: &mut Vec<Note>) -> Option<Config> {
    let mut taken: Vec<Place> = Vec::new();
    loop {
        let error = match Config::deserialize(Deserializer::from(document.clone())) {
            Ok(config) => return notes.is_empty().then_some(config),
            Err(error) => error,
        };
        let span = error.span().unwrap_or(0..0);
        let place = take_out(document.get_mut(), &span, "", None);
        let last = place.is_none();
        // A key that was taken out for its value is not missing.
        let caused = taken.iter().any(|place| place.leaves_missing(&error));
        let note = explain(&error, place.as_ref());
        if !caused && !notes.contains(&note) {
            notes.push(note);
        }
        taken.extend(place);
        if last || notes.len() >= MOST_NOTES {
            return None;
        }
    }
}

/// A part of the document.
pub(super) struct Place {
    /// Dotted name of the table that it is in.
    pub(super) parent: String,
    /// Its key there; empty for an element of a list.
    pub(super) key: String,
    /// What stood there: `string`, `integer`, `table`, …
    pub(super) found: &'static str,
    /// The element of a list of tables that it is in.
    element: Option<Range<usize>>,
}

impl Place {
    /// Its dotted name.
    pub(super) fn name(&self) -> String {
        match self.key.as_str() {
            "" => self.parent.clone(),
            key => join(&self.parent, key),
        }
    }

    fn leaves_missing(&self, error: &toml::de::Error) -> bool {
        let missing = format!("missing field `{}`", self.key);
        self.element.is_some() && self.element == error.span() && error.message() == missing
    }
}

/// Takes the innermost part that has this span, or whose key has it, out of the table.
fn take_out(
    table: &mut DeTable<'_>,
    span: &Range<usize>,
    parent: &str,
    element: Option<Range<usize>>,
) -> Option<Place> {
    for (key, value) in table.iter_mut() {
        let name = join(parent, key.get_ref());
        let inner = match value.get_mut() {
            DeValue::Table(table) => take_out(table, span, &name, element.clone()),
            DeValue::Array(list) => take_out_of_list(list, span, &name),
            _ => None,
        };
        if inner.is_some() {
            return inner;
        }
    }
    let (key, found) = table.iter().find_map(|(key, value)| {
        let found = match key.span() == *span {
            true => Some(value),
            false => at(value, span),
        };
        Some((key.clone(), found?.get_ref().type_str()))
    })?;
    table.remove(&key);
    Some(Place {
        parent: parent.to_owned(),
        key: key.into_inner().into_owned(),
        found,
        element,
    })
}

/// The value with this span, which is this one or stands in this list.
fn at<'v, 'i>(
    value: &'v Spanned<DeValue<'i>>,
    span: &Range<usize>,
) -> Option<&'v Spanned<DeValue<'i>>> {
    if value.span() == *span {
        return Some(value);
    }
    let mut list = value.get_ref().as_array()?.iter();
    list.find(|element| element.span() == *span)
}

/// Only tables are taken out of a list: a list of words would be another list without one.
fn take_out_of_list(list: &mut DeArray<'_>, span: &Range<usize>, name: &str) -> Option<Place> {
    for element in list.iter_mut() {
        let element_span = element.span();
        if let DeValue::Table(table) = element.get_mut() {
            let inner = take_out(table, span, name, Some(element_span));
            if inner.is_some() {
                return inner;
            }
        }
    }
    let gone =
        |element: &Spanned<DeValue<'_>>| element.span() == *span && element.get_ref().is_table();
    if !list.iter().any(gone) {
        return None;
    }
    *list = list
        .iter()
        .filter(|element| !gone(element))
        .cloned()
        .collect();
    Some(Place {
        parent: name.to_owned(),
        key: String::new(),
        found: "table",
        element: None,
    })
}

/// A name in a table.
pub(super) fn join(parent: &str, key: &str) -> String {
    // Keys with a dot in them, such as librdkafka's, are quoted, as in the file.
    let key = match key.contains('.') {
        true => format!("{key:?}"),
        false => key.to_owned(),
    };
    match parent {
        "" => key,
        parent => format!("{parent}.{key}"),
    }
}

/// TOML has a type for instants: `until = 2026-12-31T00:00:00Z` is as good as with quotes.
fn dates_as_text(table: &mut DeTable<'_>) {
    fn value_as_text(value: &mut DeValue<'_>) {
        match value {
            DeValue::Datetime(date) => *value = DeValue::String(date.to_string().into()),
            DeValue::Array(list) => list.iter_mut().for_each(|v| value_as_text(v.get_mut())),
            DeValue::Table(table) => dates_as_text(table),
            _ => {}
        }
    }
    table
        .iter_mut()
        .for_each(|(_, value)| value_as_text(value.get_mut()));
}

/// The dotted name of every table and value, in the order of the alphabet, each once.
fn names(table: &DeTable<'_>) -> Vec<String> {
    fn walk(value: &DeValue<'_>, name: &str, names: &mut Vec<String>) {
        match value {
            DeValue::Table(table) => {
                for (key, value) in table {
                    let name = join(name, key.get_ref());
                    walk(value.get_ref(), &name, names);
                    names.push(name);
                }
            }
            DeValue::Array(list) => list.iter().for_each(|v| walk(v.get_ref(), name, names)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    walk(&DeValue::Table(table.clone()), "", &mut all);
    all.sort();
    all.dedup();
    all
}
