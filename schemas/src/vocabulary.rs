//! Closed vocabularies of the wire, and what is made of a word outside them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::known;

/// A closed set of words: `as_str`, `parse`, serde and JSON Schema from one list, so that the four
/// can never drift apart.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* #[doc = concat!("`", $word, "`")] $variant),+ }

        impl $name {
            /// Every word, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl $crate::vocabulary::Vocabulary for $name {
            const WORDS: &'static [&'static str] = &[$($word),+];
            fn number(self) -> u8 {
                self as u8
            }
            fn numbered(number: u8) -> Option<Self> {
                Self::ALL.get(usize::from(number)).copied()
            }
            fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = String;
            fn from_str(word: &str) -> Result<Self, String> {
                use $crate::vocabulary::Vocabulary;
                Self::parse(word).ok_or_else(|| {
                    format!("`{word}` is none of {}", Self::WORDS.join(", "))
                })
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::vocabulary::WordVisitor::<$name>::default())
            }
        }

        impl ::schemars::JsonSchema for $name {
            fn inline_schema() -> bool { true }
            fn schema_name() -> ::std::borrow::Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                ::schemars::json_schema!({ "type": "string", "enum": [$($word),+] })
            }
        }
    };
}

/// What the `vocabulary!` macro gives each of its types.
pub trait Vocabulary: Sized + Copy {
    /// Every word on the wire.
    const WORDS: &'static [&'static str];
    /// Its place among them.
    fn number(self) -> u8;
    /// The word in this place.
    fn numbered(number: u8) -> Option<Self>;
    /// The value of a word, if it is one.
    fn parse(word: &str) -> Option<Self>;
}

/// Reads a word that must be known: a stranger is an error.
pub(crate) struct WordVisitor<T>(PhantomData<T>);

impl<T> Default for WordVisitor<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Vocabulary> Visitor<'_> for WordVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", T::WORDS.join(", "))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<T, E> {
        // The word itself stays out of the message: it may be anything, a secret too.
        T::parse(word).ok_or_else(|| {
            E::custom(format_args!(
                "unknown word, expected one of {}",
                T::WORDS.join(", ")
            ))
        })
    }
}

/// A word of an optional field.
///
/// A word outside the vocabulary reads as not known, but it is remembered that one was there, so
/// that it can be counted: a source that starts to speak differently shows up in a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Word<T> {
    /// Absent, `null`, `""`, `"unknown"` or `"null"`.
    #[default]
    NotKnown,
    /// A word of the vocabulary.
    Known(T),
    /// A word outside the vocabulary.
    Unrecognised,
}

impl<T: Copy> Word<T> {
    /// The word, where there is one of the vocabulary.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(word) => Some(word),
            Self::NotKnown | Self::Unrecognised => None,
        }
    }

    /// For serde: whether there is nothing to write.
    pub fn is_not_known(&self) -> bool {
        !matches!(self, Self::Known(_))
    }

    /// Whether a word was there that is not in the vocabulary.
    pub fn is_unrecognised(&self) -> bool {
        matches!(self, Self::Unrecognised)
    }
}

impl<T> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

impl<T> From<Option<T>> for Word<T> {
    fn from(word: Option<T>) -> Self {
        word.map_or(Self::NotKnown, Self::Known)
    }
}

impl<T: Serialize> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(word) => word.serialize(serializer),
            Self::NotKnown | Self::Unrecognised => serializer.serialize_none(),
        }
    }
}

impl<'de, T: Vocabulary> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Optional<T>(PhantomData<T>);
        impl<T: Vocabulary> Visitor<'_> for Optional<T> {
            type Value = Word<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Word<T>, E> {
                Ok(match T::parse(word) {
                    Some(known) => Word::Known(known),
                    None if known::is_not_known(word) => Word::NotKnown,
                    None => Word::Unrecognised,
                })
            }
            fn visit_unit<E: de::Error>(self) -> Result<Word<T>, E> {
                Ok(Word::NotKnown)
            }
        }
        deserializer.deserialize_any(Optional(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let known = T::json_schema(generator);
        json_schema!({ "anyOf": [known, { "type": ["string", "null"] }] })
    }
}
