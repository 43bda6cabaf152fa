//! A JSON value that borrows from the text it was read from.
//!
//! Vendors' records are read into this and not into [`serde_json::Value`], which copies every name and every
//! string and keeps each object in a tree of its own: most of what it costs to read a record. Here names and
//! strings are slices of the text, objects and arrays are slices of an [`Arena`], and nothing has to be given
//! back one by one.
//!
//! It is `Copy` and never changes. What is taken apart, such as JSON in a string, is a new value in the same arena.
//! It means what the same text means as [`serde_json::Value`]: of a name that is given twice the last counts,
//! members are told in the order of their names, and text that one refuses the other refuses.

#[cfg(test)]
mod tests;

use std::fmt;

use bumpalo::Bump;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Where values are kept that belong to one record.
#[derive(Debug, Default)]
pub struct Arena(Bump);

impl Arena {
    /// An empty one. Nothing is set aside before the first value.
    pub fn new() -> Self {
        Self::default()
    }

    /// For what stands in a text of that many bytes.
    pub(crate) fn for_text(bytes: usize) -> Self {
        // A member takes 40 bytes and, with its punctuation, seldom less than 20 bytes of text.
        Self(Bump::with_capacity(2 * bytes + 64))
    }

    pub(crate) fn text(&self, text: &str) -> &str {
        self.0.alloc_str(text)
    }

    pub(crate) fn bytes(&self, bytes: &[u8]) -> &[u8] {
        self.0.alloc_slice_copy(bytes)
    }

    pub(crate) fn array<'a>(&'a self, elements: &[Json<'a>]) -> Json<'a> {
        Json::Array(self.0.alloc_slice_copy(elements))
    }

    /// An object of these members; of those with the same name the last counts.
    pub(crate) fn object<'a>(&'a self, members: &mut Vec<Member<'a>>) -> Json<'a> {
        Json::Object(self.members(members, 0))
    }

    /// The members behind the first `start`.
    fn members<'a>(&'a self, members: &mut Vec<Member<'a>>, start: usize) -> Members<'a> {
        if members.len() - start > FEW {
            let mut sorted = members.split_off(start);
            in_order(&mut sorted);
            members.append(&mut sorted);
        }
        Members(self.0.alloc_slice_copy(&members[start..]))
    }
}

/// A value.
#[derive(Clone, Copy, Debug)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, without its escapes.
    String(&'a str),
    /// An array.
    Array(&'a [Self]),
    /// An object.
    Object(Members<'a>),
}

/// A number, as exactly as it was written.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A whole one that is not negative.
    Unsigned(u64),
    /// A whole one that is.
    Negative(i64),
    /// Any other.
    Real(f64),
}

/// A name and its value.
pub type Member<'a> = (&'a str, Json<'a>);

/// The members of an object.
///
/// Up to [`FEW`] they stand as they were written, with names that are given twice, and are looked through one by one:
/// nearly every object of a log is of that size, and sorting it would cost more than it saves. More of them stand in
/// the order of their names, each once, so that a record of nothing but names is no work without end.
#[derive(Clone, Copy)]
pub struct Members<'a>(&'a [Member<'a>]);

const FEW: usize = 48;

impl<'a> Members<'a> {
    /// The value of that name.
    pub fn get(self, name: &str) -> Option<&'a Json<'a>> {
        if self.0.len() > FEW {
            let at = self.0.binary_search_by(|(known, _)| (*known).cmp(name));
            return at.ok().and_then(|at| self.0.get(at)).map(|(_, it)| it);
        }
        // From the end: the last of a name counts.
        let mut members = self.0.iter().rev();
        members.find(|(known, _)| *known == name).map(|(_, it)| it)
    }

    /// The value of that name by exact case or else by any; of several the first in the order of their names.
    pub(crate) fn in_any_case(self, name: &str) -> Option<&'a Json<'a>> {
        if self.0.len() > FEW {
            return self.get(name).or_else(|| self.alike(name));
        }
        // Most of what is asked for is not there. What is the same in any case has the same length, and the same
        // first and last byte but for the bit that tells cases apart: without such a name nothing is left to look for.
        let ends = |name: &str| {
            let (first, last) = (name.as_bytes().first()?, name.as_bytes().last()?);
            Some([first | 0x20, last | 0x20])
        };
        let (length, sought) = (name.len(), ends(name));
        let mut is_alike = false;
        for (known, value) in self.0.iter().rev() {
            if known.len() == length && ends(known) == sought {
                if *known == name {
                    return Some(value);
                }
                is_alike = true;
            }
        }
        is_alike.then(|| self.alike(name)).flatten()
    }

    #[cold]
    fn alike(self, name: &str) -> Option<&'a Json<'a>> {
        let members = self.0.iter().rev();
        let alike = members.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        alike.min_by_key(|(known, _)| *known).map(|(_, it)| it)
    }

    /// Every member once, in the order of their names.
    pub(crate) fn ordered(self) -> impl Iterator<Item = (&'a str, &'a Json<'a>)> {
        let mut members: Vec<&'a Member<'a>> = self.0.iter().collect();
        if members.len() <= FEW {
            in_order(&mut members);
        }
        members.into_iter().map(|(name, value)| (*name, value))
    }

    /// The members as they stand.
    pub(crate) fn as_written(self) -> &'a [Member<'a>] {
        self.0
    }
}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.ordered()).finish()
    }
}

/// Something with a name.
trait Named {
    fn name(&self) -> &str;
}

impl Named for Member<'_> {
    fn name(&self) -> &str {
        self.0
    }
}

impl Named for &Member<'_> {
    fn name(&self) -> &str {
        self.0
    }
}

/// Brings members into the order of their names, and leaves the last of each.
fn in_order<T: Named>(members: &mut Vec<T>) {
    // Stable, so that what was given twice stays in its order, behind the reversal the last comes first.
    members.reverse();
    members.sort_by(|a, b| a.name().cmp(b.name()));
    members.dedup_by(|later, kept| later.name() == kept.name());
}

impl<'a> Json<'a> {
    /// Reads a text. It is refused if [`serde_json::Value`] refuses it, and for the same reason.
    pub fn parse(text: &'a str, arena: &'a Arena) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = Reader::new(arena, &mut Open::default()).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }

    /// The same value, of one that somebody else has read.
    pub fn of(value: &'a serde_json::Value, arena: &'a Arena) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => Self::Number(number.into()),
            Value::String(text) => Self::String(text),
            Value::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(|it| Self::of(it, arena)).collect();
                arena.array(&elements)
            }
            Value::Object(members) => {
                let of = |(name, value): (&'a String, &'a Value)| {
                    (name.as_str(), Self::of(value, arena))
                };
                arena.object(&mut members.iter().map(of).collect())
            }
        }
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&'a Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// What stands at a JSON pointer without escapes.
    pub(crate) fn pointer(&self, pointer: &str) -> Option<&'a Self> {
        let step = |value: &Self, step: &str| match value {
            Self::Object(members) => members.get(step),
            Self::Array(elements) => elements.get(step.parse::<usize>().ok()?),
            _ => None,
        };
        let mut steps = pointer.split('/').skip(1);
        let first = step(self, steps.next()?)?;
        steps.try_fold(first, step)
    }

    /// The member at a dotted path, each name by exact case or else by any.
    pub(crate) fn member_at(&self, path: &str) -> Option<&'a Self> {
        let member = |value: &Self, name: &str| match value {
            Self::Object(members) => members.in_any_case(name),
            _ => None,
        };
        let mut names = path.split('.');
        let first = member(self, names.next()?)?;
        names.try_fold(first, member)
    }

    /// The same object with another value in place of the member of that name, by exact case or else by any.
    pub(crate) fn with_member(
        self,
        name: &str,
        arena: &'a Arena,
        other: impl FnOnce(Self) -> Self,
    ) -> Self {
        let Self::Object(members) = self else {
            return self;
        };
        let Some(value) = members.in_any_case(name) else {
            return self;
        };
        let mut changed = members.0.to_vec();
        if let Some(at) = members.0.iter().position(|(_, it)| std::ptr::eq(it, value)) {
            changed[at].1 = other(*value);
        }
        arena.object(&mut changed)
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    pub(crate) fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }

    pub(crate) fn as_str(&self) -> Option<&'a str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&'a [Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }
}

impl fmt::Display for Json<'_> {
    /// Compact JSON, always the same for the same value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing in a value can fail to be written.
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Number(Number::Unsigned(number)) => serializer.serialize_u64(*number),
            Self::Number(Number::Negative(number)) => serializer.serialize_i64(*number),
            Self::Number(Number::Real(number)) => serializer.serialize_f64(*number),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(elements) => serializer.collect_seq(*elements),
            Self::Object(members) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, value) in members.ordered() {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl Number {
    /// The number, if it is whole, not negative, and was not written with a fraction.
    pub fn as_u64(self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(number),
            Self::Negative(_) | Self::Real(_) => None,
        }
    }

    /// The nearest double.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Unsigned(number) => number as f64,
            Self::Negative(number) => number as f64,
            Self::Real(number) => number,
        }
    }
}

impl From<&serde_json::Number> for Number {
    fn from(number: &serde_json::Number) -> Self {
        match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Self::Unsigned(number),
            (None, Some(number)) => Self::Negative(number),
            (None, None) => Self::Real(number.as_f64().unwrap_or_default()),
        }
    }
}

impl fmt::Display for Number {
    /// As JSON writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(number) => number.fmt(f),
            Self::Negative(number) => number.fmt(f),
            Self::Real(number) => match serde_json::Number::from_f64(*number) {
                Some(number) => number.fmt(f),
                None => f.write_str("null"),
            },
        }
    }
}

/// What is read of the arrays and objects that are not at their end yet: one stack for all of them, so that each is
/// set aside once and at its size.
struct Open<'a> {
    elements: Vec<Json<'a>>,
    members: Vec<Member<'a>>,
}

impl Default for Open<'_> {
    /// Room for what most records hold, so that it seldom has to grow.
    fn default() -> Self {
        Self {
            elements: Vec::with_capacity(16),
            members: Vec::with_capacity(64),
        }
    }
}

/// Reads a value into an arena, as serde_json tells it.
struct Reader<'a, 'o> {
    arena: &'a Arena,
    open: &'o mut Open<'a>,
}

impl<'a, 'o> Reader<'a, 'o> {
    fn new(arena: &'a Arena, open: &'o mut Open<'a>) -> Self {
        Self { arena, open }
    }
}

impl<'a> DeserializeSeed<'a> for Reader<'a, '_> {
    type Value = Json<'a>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Json<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Reader<'a, '_> {
    type Value = Json<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Json<'a>, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Json<'a>, E> {
        Ok(Json::Bool(truth))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Json<'a>, E> {
        Ok(Json::Number(Number::Unsigned(number)))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Json<'a>, E> {
        let number = u64::try_from(number).map_or(Number::Negative(number), Number::Unsigned);
        Ok(Json::Number(number))
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Json<'a>, E> {
        Ok(Json::Number(Number::Real(number)))
    }
    fn visit_borrowed_str<E: de::Error>(self, text: &'a str) -> Result<Json<'a>, E> {
        Ok(Json::String(text))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Json<'a>, E> {
        Ok(Json::String(self.arena.text(text)))
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut elements: A) -> Result<Json<'a>, A::Error> {
        let Self { arena, open } = self;
        let start = open.elements.len();
        while let Some(element) = elements.next_element_seed(Reader::new(arena, open))? {
            open.elements.push(element);
        }
        let array = arena.array(&open.elements[start..]);
        open.elements.truncate(start);
        Ok(array)
    }
    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<Json<'a>, A::Error> {
        let Self { arena, open } = self;
        let start = open.members.len();
        while let Some(name) = members.next_key_seed(Name(arena))? {
            let value = members.next_value_seed(Reader::new(arena, open))?;
            open.members.push((name, value));
        }
        let object = Json::Object(arena.members(&mut open.members, start));
        open.members.truncate(start);
        Ok(object)
    }
}

/// Reads the name of a member.
struct Name<'a>(&'a Arena);

impl<'a> DeserializeSeed<'a> for Name<'a> {
    type Value = &'a str;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<&'a str, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name<'a> {
    type Value = &'a str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string key")
    }
    fn visit_borrowed_str<E: de::Error>(self, name: &'a str) -> Result<&'a str, E> {
        Ok(name)
    }
    fn visit_str<E: de::Error>(self, name: &str) -> Result<&'a str, E> {
        Ok(self.0.text(name))
    }
}
