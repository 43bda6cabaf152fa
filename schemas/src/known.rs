//! Reading of optional fields, where absent, `null`, `""`, `"unknown"` and `"null"` all mean the
//! same: *not known*. Nothing may be concluded from a field that is not known, so it must never
//! turn into an empty string, a zero or a `false`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::time::EventTime;

/// Text of the wire, borrowed from the record unless an escape in it forced a copy.
pub type Text<'a> = Cow<'a, str>;

/// Whether a string says that nothing is known.
pub fn is_not_known(text: &str) -> bool {
    matches!(text, "" | "unknown" | "null")
}

/// The text, unless it says that nothing is known.
pub fn filter(text: &str) -> Option<&str> {
    (!is_not_known(text)).then_some(text)
}

/// An optional value that can be written in its own JSON type or as one of the words for
/// *not known*.
struct Known<T>(PhantomData<T>);

/// What [`Known`] needs of a type; each type overrides the JSON types it is written in.
trait FromJson<'de>: Sized {
    const EXPECTED: &'static str;
    fn from_borrowed(text: &'de str) -> Option<Result<Self, &'static str>> {
        Self::from_text(text)
    }
    fn from_text(_: &str) -> Option<Result<Self, &'static str>> {
        None
    }
    fn from_u64(_: u64) -> Option<Self> {
        None
    }
    fn from_i64(_: i64) -> Option<Self> {
        None
    }
    fn from_f64(_: f64) -> Option<Self> {
        None
    }
    fn from_bool(_: bool) -> Option<Self> {
        None
    }
}

impl<'de, T: FromJson<'de>> Visitor<'de> for Known<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }
    fn visit_unit<E: de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Option<T>, E> {
        if is_not_known(text) {
            return Ok(None);
        }
        accept(T::from_borrowed(text))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<T>, E> {
        if is_not_known(text) {
            return Ok(None);
        }
        accept(T::from_text(text))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Option<T>, E> {
        accept(T::from_u64(value).map(Ok))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Option<T>, E> {
        accept(T::from_i64(value).map(Ok))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Option<T>, E> {
        accept(T::from_f64(value).map(Ok))
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Option<T>, E> {
        accept(T::from_bool(value).map(Ok))
    }
}

/// The value itself stays out of every message: it may be a secret in the wrong place.
fn accept<'de, T: FromJson<'de>, E: de::Error>(
    read: Option<Result<T, &'static str>>,
) -> Result<Option<T>, E> {
    match read {
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(message)) => Err(E::custom(message)),
        None => Err(E::custom(format_args!(
            "wrong type, expected {}",
            T::EXPECTED
        ))),
    }
}

impl<'de> FromJson<'de> for Text<'de> {
    const EXPECTED: &'static str = "a string";
    fn from_borrowed(text: &'de str) -> Option<Result<Self, &'static str>> {
        Some(Ok(Cow::Borrowed(text)))
    }
    fn from_text(text: &str) -> Option<Result<Self, &'static str>> {
        Some(Ok(Cow::Owned(text.to_owned())))
    }
}

impl FromJson<'_> for EventTime {
    const EXPECTED: &'static str = "an RFC 3339 time";
    fn from_text(text: &str) -> Option<Result<Self, &'static str>> {
        Some(EventTime::parse(text).ok_or("bad time, expected RFC 3339, e.g. 2026-11-20T10:15:30Z"))
    }
}

impl FromJson<'_> for u64 {
    const EXPECTED: &'static str = "a whole number, not negative";
    fn from_u64(value: u64) -> Option<Self> {
        Some(value)
    }
    fn from_f64(value: f64) -> Option<Self> {
        // Some emitters write every number with a fraction; 2^53 is where a double stops being exact.
        ((0.0..=9_007_199_254_740_992.0).contains(&value) && value.fract() == 0.0)
            .then_some(value as u64)
    }
}

impl FromJson<'_> for f64 {
    const EXPECTED: &'static str = "a number";
    fn from_u64(value: u64) -> Option<Self> {
        Some(value as f64)
    }
    fn from_i64(value: i64) -> Option<Self> {
        Some(value as f64)
    }
    fn from_f64(value: f64) -> Option<Self> {
        Some(value)
    }
}

impl FromJson<'_> for bool {
    const EXPECTED: &'static str = "true or false";
    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

/// Optional text.
pub(crate) fn text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Text<'de>>, D::Error> {
    d.deserialize_any(Known::<Text<'de>>(PhantomData))
}

/// Text that must be there.
pub(crate) fn required_text<'de, D: Deserializer<'de>>(d: D) -> Result<Text<'de>, D::Error> {
    text(d)?.ok_or_else(|| de::Error::custom("missing: required, but not known"))
}

/// Optional time.
pub(crate) fn time<'de, D: Deserializer<'de>>(d: D) -> Result<Option<EventTime>, D::Error> {
    d.deserialize_any(Known::<EventTime>(PhantomData))
}

/// A time that must be there.
pub(crate) fn required_time<'de, D: Deserializer<'de>>(d: D) -> Result<EventTime, D::Error> {
    time(d)?.ok_or_else(|| de::Error::custom("missing: required, but not known"))
}

/// Optional count.
pub(crate) fn count<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    d.deserialize_any(Known::<u64>(PhantomData))
}

/// Optional number.
pub(crate) fn number<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    d.deserialize_any(Known::<f64>(PhantomData))
}

/// Optional truth value.
pub(crate) fn truth<'de, D: Deserializer<'de>>(d: D) -> Result<Option<bool>, D::Error> {
    d.deserialize_any(Known::<bool>(PhantomData))
}

/// A nested object; not known reads as one in which nothing is known.
pub(crate) fn object<'de, D, T>(d: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    struct Nested<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Nested<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
        fn visit_unit<E: de::Error>(self) -> Result<T, E> {
            Ok(T::default())
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            if is_not_known(text) {
                return Ok(T::default());
            }
            Err(E::custom("wrong type, expected an object"))
        }
    }
    d.deserialize_any(Nested(PhantomData))
}

/// A list of objects or of text; not known reads as empty.
pub(crate) fn list<'de, D, T>(d: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct List<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = seq.next_element()? {
                items.push(item);
            }
            Ok(items)
        }
        fn visit_unit<E: de::Error>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            if is_not_known(text) {
                return Ok(Vec::new());
            }
            Err(E::custom("wrong type, expected an array"))
        }
    }
    d.deserialize_any(List(PhantomData))
}

/// A list of text, without the entries that are not known.
pub(crate) fn texts<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Text<'de>>, D::Error> {
    struct Item<'a>(Option<Text<'a>>);
    impl<'de> Deserialize<'de> for Item<'de> {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            text(d).map(Item)
        }
    }
    let items: Vec<Item<'de>> = list(d)?;
    Ok(items.into_iter().filter_map(|item| item.0).collect())
}
