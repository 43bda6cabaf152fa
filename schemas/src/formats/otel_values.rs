//! Attributes as OTLP writes them: `[{"key": "a", "value": {"stringValue": "b"}}]`, or a plain object as some
//! exporters do.

use super::read::Node;
use crate::known::Text;

/// The attributes of a span, a log record or a resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes<'v>(Node<'v>);

impl<'v> Attributes<'v> {
    pub(super) fn new(node: Node<'v>) -> Self {
        Self(node)
    }

    /// The value of that name, out of its type.
    pub(super) fn get(self, name: &str) -> Node<'v> {
        if self.0.is_object() {
            return value(self.0.get(name));
        }
        let mut pairs = self.0.elements();
        let pair = pairs.find(|pair| pair.get("key").text().is_some_and(|key| key == name));
        pair.map_or(Node::ABSENT, |pair| value(pair.get("value")))
    }

    /// A text short enough to be kept.
    pub(super) fn text(self, name: &str) -> Option<Text<'v>> {
        self.get(name).short()
    }

    /// The first text among several names.
    pub(super) fn first(self, names: &[&str]) -> Option<Text<'v>> {
        names.iter().find_map(|name| self.text(name))
    }
}

/// What is in an `AnyValue`.
pub(super) fn value(any: Node<'_>) -> Node<'_> {
    let types = ["stringValue", "intValue", "boolValue", "doubleValue"];
    let inside = types
        .iter()
        .map(|kind| any.get(kind))
        .find(|inside| inside.exists());
    inside.unwrap_or(any)
}
