//! Attributes as OTLP writes them: `[{"key": "a", "value": {"stringValue": "b"}}]`, or a plain object as some
//! exporters do.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::read::Node;
use crate::drift::Seen;
use crate::known::Text;

/// The attributes of a span, a log record or a resource, by their names. Indexed once: every span of a
/// resource looks its attributes up, and those of the spans above it.
#[derive(Clone, Debug)]
pub(super) struct Attributes<'v> {
    index: Rc<BTreeMap<Text<'v>, Node<'v>>>,
    /// Where it is noted what cannot be read; else where it was when they were indexed.
    seen: Option<&'v Seen>,
}

impl<'v> Attributes<'v> {
    pub(super) fn new(node: Node<'v>) -> Self {
        let mut index = BTreeMap::new();
        let pairs = node.elements();
        for (key, pair) in pairs.filter_map(|pair| Some((pair.get("key").text()?, pair))) {
            index.entry(key).or_insert_with(|| value(pair.get("value")));
        }
        for (key, member) in node.members() {
            index.entry(key.into()).or_insert_with(|| value(member));
        }
        for (key, member) in node.members() {
            // Some exporters write names in another case.
            let lower = key.to_ascii_lowercase();
            index.entry(lower.into()).or_insert_with(|| value(member));
        }
        Self {
            index: Rc::new(index),
            seen: None,
        }
    }

    /// The same, of which is noted what a span or a record asks of them.
    pub(super) fn noting(self, seen: &'v Seen) -> Self {
        Self {
            seen: Some(seen),
            ..self
        }
    }

    /// The value of that name, which is in lower case, out of its type.
    pub(super) fn get(&self, name: &'static str) -> Node<'v> {
        let node = self.index.get(name).copied().unwrap_or(Node::ABSENT);
        let node = node.named(name);
        self.seen.map_or(node, |seen| node.noting(seen))
    }

    /// A text short enough to be kept.
    pub(super) fn text(&self, name: &'static str) -> Option<Text<'v>> {
        self.get(name).short()
    }

    /// The first text among several names.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<Text<'v>> {
        names.iter().find_map(|name| self.text(name))
    }
}

/// What is in an `AnyValue`.
pub(super) fn value(any: Node<'_>) -> Node<'_> {
    if !any.is_object() {
        return any;
    }
    let types = ["stringValue", "intValue", "boolValue", "doubleValue"];
    let inside = types
        .iter()
        .map(|kind| any.get(kind))
        .find(|inside| inside.exists());
    inside.unwrap_or(any)
}
