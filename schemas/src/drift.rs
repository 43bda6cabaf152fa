//! Drift: where records are not what their format expects. A field that every record has is missing,
//! a value cannot be read as what it should be, a word is of no enumeration that is known.
//!
//! Nothing of this stops a record that can be read without it, and none of it passes in silence:
//! formats hand a [`Drift`] to their sink before what came of the record
//! ([`Decoded::Drift`](crate::formats::Decoded::Drift)).

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::reject::{Reason, Reject};

vocabulary! {
    /// In what way a field has drifted.
    DriftKind {
        /// Every record has it, and this one does not.
        Missing = "missing",
        /// It holds what cannot be read as what it should be.
        Mistyped = "mistyped",
        /// It holds a word that is not known.
        Unknown = "unknown",
    }
}

/// One field in which one record, or one part of a batch, is not what its format expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The format that read it.
    pub format: &'static str,
    /// The field, as the source names it. Names come from the format, never from the record, so
    /// that there are only so many.
    pub field: String,
    /// What is wrong with it.
    pub kind: DriftKind,
}

/// How many records drifted, by format, field and kind, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftCounts(BTreeMap<Cow<'static, str>, BTreeMap<String, BTreeMap<DriftKind, u64>>>);

impl DriftCounts {
    /// Counts one record more.
    pub fn add(&mut self, drift: &Drift) {
        let fields = self.0.entry(drift.format.into()).or_default();
        if !fields.contains_key(&drift.field) {
            fields.insert(drift.field.clone(), BTreeMap::new());
        }
        if let Some(kinds) = fields.get_mut(&drift.field) {
            *kinds.entry(drift.kind).or_default() += 1;
        }
    }

    /// Whether nothing drifted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Format, field, kind and how many, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, DriftKind, u64)> {
        self.0.iter().flat_map(|(format, fields)| {
            fields.iter().flat_map(|(field, kinds)| {
                let one = |(kind, count): (&DriftKind, &u64)| (&**format, &**field, *kind, *count);
                kinds.iter().map(one)
            })
        })
    }

    /// How often there was drift of that kind.
    pub fn of_kind(&self, kind: DriftKind) -> u64 {
        let counts = self.iter().filter(|(_, _, other, _)| *other == kind);
        counts.map(|(.., count)| count).sum()
    }
}

impl AddAssign<&Self> for DriftCounts {
    fn add_assign(&mut self, other: &Self) {
        for (format, fields) in &other.0 {
            for (field, kinds) in fields {
                let own = self.0.entry(format.clone()).or_default();
                let own = own.entry(field.clone()).or_default();
                for (kind, count) in kinds {
                    *own.entry(*kind).or_default() += count;
                }
            }
        }
    }
}

impl fmt::Display for DriftCounts {
    /// One phrase: `okta outcome.result unknown 3, …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (format, field, kind, count)) in self.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{format} {field} {kind} {count}")?;
        }
        Ok(())
    }
}

/// A field by the last two names by which a format reached it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    parent: &'static str,
    name: &'static str,
}

impl Field {
    /// The record itself.
    pub(crate) const ROOT: Self = Self {
        parent: "",
        name: "",
    };

    /// A member of it.
    pub(crate) fn then(self, name: &'static str) -> Self {
        Self {
            parent: self.name,
            name,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.parent, self.name) {
            ("", "") => f.write_str("record"),
            ("", name) => f.write_str(name),
            (parent, name) => write!(f, "{parent}.{name}"),
        }
    }
}

/// What was noted of one part of a record. Nothing is set aside before the first note.
#[derive(Debug, Default)]
pub(crate) struct Seen(RefCell<Vec<(Field, DriftKind)>>);

impl Seen {
    /// Notes a drift, which may have been noted before: formats ask more than once.
    pub(crate) fn note(&self, field: Field, kind: DriftKind) {
        let mut notes = self.0.borrow_mut();
        if !notes.contains(&(field, kind)) {
            notes.push((field, kind));
        }
    }

    /// Hands on what was noted, and what a refusal says, each field once.
    pub(crate) fn tell(
        &self,
        format: &'static str,
        refused: Option<&Reject>,
        mut take: impl FnMut(Drift),
    ) {
        let notes = self.0.borrow();
        let refused = refused.and_then(of_reject);
        if notes.is_empty() && refused.is_none() {
            return;
        }
        // A field is reached by more than one way, and a refusal names it again.
        let notes = notes.iter().map(|(field, kind)| (field.to_string(), *kind));
        let refused = refused.map(|(field, kind)| (field.into_owned(), kind));
        let mut told: Vec<_> = notes.chain(refused).collect();
        told.sort_unstable();
        told.dedup();
        for (field, kind) in told {
            take(Drift {
                format,
                field,
                kind,
            });
        }
    }
}

/// What drifted in a native event: words outside their vocabularies, which read as not known.
pub fn of_event(event: &Event<'_>, mut take: impl FnMut(Drift)) {
    if event.unrecognised_words() == 0 {
        return;
    }
    let links = event.delegation.iter();
    let words = [
        ("identity.kind", event.identity.kind.is_unrecognised()),
        ("credential.kind", event.credential.kind.is_unrecognised()),
        (
            "network.anonymizer",
            event.network.anonymizer.is_unrecognised(),
        ),
        ("device.posture", event.device.posture.is_unrecognised()),
        ("action.class", event.action.class.is_unrecognised()),
        ("action.outcome", event.action.outcome.is_unrecognised()),
        ("feedback.verdict", event.feedback.verdict.is_unrecognised()),
        (
            "delegation.kind",
            { links }.any(|link| link.kind.is_unrecognised()),
        ),
    ];
    for (field, _) in words.iter().filter(|(_, unrecognised)| *unrecognised) {
        take(Drift {
            format: "native",
            field: (*field).to_owned(),
            kind: DriftKind::Unknown,
        });
    }
}

/// What drifted in a native event that was refused.
pub fn of_refusal(reject: &Reject, take: impl FnMut(Drift)) {
    Seen::default().tell("native", Some(reject), take);
}

/// The field of a refusal and what is wrong with it; none where the record is broken otherwise.
fn of_reject(reject: &Reject) -> Option<(Cow<'_, str>, DriftKind)> {
    let kind = match reject.reason {
        Reason::MissingField => DriftKind::Missing,
        Reason::WrongType | Reason::BadTime => DriftKind::Mistyped,
        Reason::UnknownKind => DriftKind::Unknown,
        _ => return None,
    };
    let (path, _) = reject.detail.split_once(':')?;
    if path == "record" {
        return None;
    }
    // The entries of a list are one field: `delegation[3].kind`.
    let field = match path.contains('[') {
        false => Cow::Borrowed(path),
        true => path
            .split(['[', ']'])
            .filter(|piece| !piece.bytes().all(|byte| byte.is_ascii_digit()))
            .collect(),
    };
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-$".contains(&byte);
    field.bytes().all(is_of_name).then_some((field, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_of_a_list_are_one_field() {
        let field = |reason, detail: &str| {
            let reject = Reject::new(reason, detail);
            of_reject(&reject).map(|(field, kind)| format!("{field} {kind}"))
        };
        let is = |field: &str| Some(field.to_owned());
        assert_eq!(
            field(Reason::WrongType, "delegation[12].kind: expected a string"),
            is("delegation.kind mistyped")
        );
        assert_eq!(
            field(Reason::MissingField, "uuid: required"),
            is("uuid missing")
        );
        assert_eq!(field(Reason::TooLong, "id: 200 bytes"), None);
        assert_eq!(field(Reason::WrongType, "of no field"), None);
    }

    #[test]
    fn a_field_is_told_once_however_often_it_was_asked_for() {
        let seen = Seen::default();
        let actor = Field::ROOT.then("actor");
        seen.note(actor.then("id"), DriftKind::Mistyped);
        seen.note(actor.then("id"), DriftKind::Mistyped);
        seen.note(Field::ROOT.then("actor.id"), DriftKind::Mistyped);
        seen.note(actor, DriftKind::Unknown);
        let mut told = Vec::new();
        seen.tell("okta", None, |drift| told.push((drift.field, drift.kind)));
        assert_eq!(
            told,
            [
                ("actor".to_owned(), DriftKind::Unknown),
                ("actor.id".to_owned(), DriftKind::Mistyped)
            ]
        );
    }
}
