//! What an expression can ask for, and what kind of thing each is.

use plumbline_schemas::Vocabulary;
use plumbline_schemas::event::{
    ActionClass, Anonymizer, CredentialKind, IdentityKind, Outcome, Posture,
};

use crate::detect::DetectorId;

/// What an expression, or a part of it, comes to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Only its evaluation tells.
    Any,
    Truth,
    Number,
    Text,
    /// Text out of these words.
    Word(fn() -> Vec<&'static str>),
    List(&'static Kind),
    /// Named fields, and nothing else.
    Record(Fields),
}

pub(super) type Fields = &'static [(&'static str, Kind)];

impl Kind {
    /// As a person says it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Any => "something",
            Self::Truth => "true or false",
            Self::Number => "a number",
            Self::Text | Self::Word(_) => "text",
            Self::List(_) => "a list",
            Self::Record(_) => "a record",
        }
    }

    /// Whether something of this kind can ever equal something of the other.
    pub(super) fn can_equal(self, other: Self) -> bool {
        matches!((self, other), (Self::Any, _) | (_, Self::Any)) || self.name() == other.name()
    }
}

fn words<T: Vocabulary>() -> Vec<&'static str> {
    T::WORDS.to_vec()
}

fn detectors() -> Vec<&'static str> {
    DetectorId::ALL
        .iter()
        .map(|detector| detector.name())
        .collect()
}

/// What an expression can ask for. `policy::circumstances` fills it.
pub(super) const VARIABLES: Fields = &[
    (
        "identity",
        Kind::Record(&[
            ("id", Kind::Text),
            ("kind", Kind::Word(words::<IdentityKind>)),
            ("groups", Kind::List(&Kind::Text)),
            ("tenant", Kind::Text),
        ]),
    ),
    (
        "session",
        Kind::Record(&[
            ("id", Kind::Text),
            ("assurance", Kind::Text),
            ("mfa", Kind::Truth),
            ("privileged", Kind::Truth),
            ("age_seconds", Kind::Number),
        ]),
    ),
    (
        "credential",
        Kind::Record(&[
            ("id", Kind::Text),
            ("kind", Kind::Word(words::<CredentialKind>)),
            ("scopes", Kind::List(&Kind::Text)),
        ]),
    ),
    (
        "network",
        Kind::Record(&[
            ("ip", Kind::Text),
            ("asn", Kind::Number),
            ("country", Kind::Text),
            ("city", Kind::Text),
            ("anonymizer", Kind::Word(words::<Anonymizer>)),
        ]),
    ),
    (
        "device",
        Kind::Record(&[
            ("id", Kind::Text),
            ("posture", Kind::Word(words::<Posture>)),
        ]),
    ),
    (
        "workload",
        Kind::Record(&[
            ("runtime", Kind::Text),
            ("environment", Kind::Text),
            ("region", Kind::Text),
            ("host", Kind::Text),
        ]),
    ),
    (
        "action",
        Kind::Record(&[
            ("name", Kind::Text),
            ("class", Kind::Word(words::<ActionClass>)),
            ("outcome", Kind::Word(words::<Outcome>)),
            ("resource", Kind::Text),
            ("environment", Kind::Text),
            ("scopes", Kind::List(&Kind::Text)),
            ("target_tenant", Kind::Text),
            ("bytes_out", Kind::Number),
            ("records", Kind::Number),
            ("status", Kind::Number),
        ]),
    ),
    (
        "task",
        Kind::Record(&[("id", Kind::Text), ("objective", Kind::Text)]),
    ),
    ("findings", Kind::List(&FINDING)),
    (
        "risk",
        Kind::Record(&[("session", Kind::Number), ("identity", Kind::Number)]),
    ),
];

const FINDING: Kind = Kind::Record(&[("detector", Kind::Word(detectors)), ("bits", Kind::Number)]);
