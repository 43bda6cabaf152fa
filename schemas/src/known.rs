//! Reading of optional fields, where absent, `null`, `""`, `"unknown"` and `"null"` all mean the
//! same: *not known*. Nothing may be concluded from a field that is not known, so it must never
//! turn into an empty string, a zero or a `false`.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::event::Delegate;
use crate::time::{EARLIEST, EventTime};
use crate::vocabulary::Vocabulary;

/// The messages by which the reader of a record tells the reasons of a refusal apart. None quotes
/// the value: it may be a secret in the wrong place.
pub(crate) const MISSING: &str = "required, but absent, null or not known";
pub(crate) const BAD_TIME: &str = "expected an RFC 3339 time, e.g. 2026-11-20T10:15:30Z";
pub(crate) const UNKNOWN_WORD: &str = "unknown word,";

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
        Some(EventTime::parse(text).ok_or(BAD_TIME))
    }
}

impl FromJson<'_> for u64 {
    const EXPECTED: &'static str = "a whole number, not negative";
    fn from_u64(value: u64) -> Option<Self> {
        Some(value)
    }
    fn from_i64(value: i64) -> Option<Self> {
        value.try_into().ok()
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
    text(d)?.ok_or_else(|| de::Error::custom(MISSING))
}

/// Optional time. One before 2000 is an unset clock's, such as `0001-01-01T00:00:00Z`: not known.
pub(crate) fn time<'de, D: Deserializer<'de>>(d: D) -> Result<Option<EventTime>, D::Error> {
    let time = d.deserialize_any(Known::<EventTime>(PhantomData))?;
    Ok(time.filter(|time| *time >= EARLIEST))
}

/// A time that must be there.
pub(crate) fn required_time<'de, D: Deserializer<'de>>(d: D) -> Result<EventTime, D::Error> {
    d.deserialize_any(Known::<EventTime>(PhantomData))?
        .ok_or_else(|| de::Error::custom(MISSING))
}

/// Optional count.
pub(crate) fn count<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    d.deserialize_any(Known::<u64>(PhantomData))
}

fn number<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    d.deserialize_any(Known::<f64>(PhantomData))
}

/// Whether there is such a latitude.
pub(crate) fn is_latitude(degrees: f64) -> bool {
    (-90.0..=90.0).contains(&degrees)
}

/// Whether there is such a longitude.
pub(crate) fn is_longitude(degrees: f64) -> bool {
    (-180.0..=180.0).contains(&degrees)
}

/// Optional latitude; one that does not exist is not known.
pub(crate) fn latitude<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    Ok(number(d)?.filter(|degrees| is_latitude(*degrees)))
}

/// Optional longitude; one that does not exist is not known.
pub(crate) fn longitude<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    Ok(number(d)?.filter(|degrees| is_longitude(*degrees)))
}

/// Optional radius; a negative one is not known.
pub(crate) fn radius<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    Ok(number(d)?.filter(|radius| radius.is_finite() && *radius >= 0.0))
}

/// Optional truth value.
pub(crate) fn truth<'de, D: Deserializer<'de>>(d: D) -> Result<Option<bool>, D::Error> {
    d.deserialize_any(Known::<bool>(PhantomData))
}

/// A word that must be there and in its vocabulary.
pub(crate) fn required_word<'de, D, T>(d: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Vocabulary,
{
    let word: Text<'de> = required_text(d)?;
    T::parse(&word).ok_or_else(|| {
        let words = T::WORDS.join(", ");
        de::Error::custom(format_args!("{UNKNOWN_WORD} expected one of {words}"))
    })
}

/// A nested object, with what stands for it where it is not known. It is read in place: the event
/// is more than a kilobyte, too large to be passed through an `Option` on the hot path.
struct Nested<T>(fn() -> Option<T>);

impl<T> Nested<T> {
    fn not_known<E: de::Error>(self) -> Result<T, E> {
        (self.0)().ok_or_else(|| E::custom(MISSING))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Nested<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
    fn visit_unit<E: de::Error>(self) -> Result<T, E> {
        self.not_known()
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        if is_not_known(text) {
            return self.not_known();
        }
        Err(E::custom("wrong type, expected an object"))
    }
}

/// A nested object; not known reads as one in which nothing is known.
pub(crate) fn object<'de, D, T>(d: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    d.deserialize_any(Nested(|| Some(T::default())))
}

/// A nested object that must be there.
pub(crate) fn required_object<'de, D, T>(d: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    d.deserialize_any(Nested(|| None))
}

/// An entry of a list; `None` where it is not known.
trait Entry<'de>: Sized {
    fn read<D: Deserializer<'de>>(d: D) -> Result<Option<Self>, D::Error>;
}

impl<'de> Entry<'de> for Text<'de> {
    fn read<D: Deserializer<'de>>(d: D) -> Result<Option<Self>, D::Error> {
        text(d)
    }
}

impl<'de> Entry<'de> for Delegate<'de> {
    fn read<D: Deserializer<'de>>(d: D) -> Result<Option<Self>, D::Error> {
        /// A link as it is written: nothing in it has to be known.
        #[derive(Default, serde::Deserialize)]
        struct Link<'a> {
            #[serde(borrow, default, deserialize_with = "text")]
            id: Option<Text<'a>>,
            #[serde(default)]
            kind: crate::vocabulary::Word<crate::event::IdentityKind>,
        }
        let link: Link<'de> = object(d)?;
        Ok(link.id.map(|id| Self {
            id,
            kind: link.kind,
        }))
    }
}

/// A list without the entries that are not known; not known itself, it reads as empty.
fn list<'de, D: Deserializer<'de>, T: Entry<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    struct Item<T>(Option<T>);
    impl<'de, T: Entry<'de>> Deserialize<'de> for Item<T> {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            T::read(d).map(Item)
        }
    }
    struct List<T>(PhantomData<T>);
    impl<'de, T: Entry<'de>> Visitor<'de> for List<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            // Nothing is set aside before the first entry: an empty list costs no allocation.
            let mut items = Vec::new();
            while let Some(Item(item)) = seq.next_element()? {
                items.extend(item);
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

/// A list of text.
pub(crate) fn texts<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Text<'de>>, D::Error> {
    list(d)
}

/// A delegation chain.
pub(crate) fn delegates<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Delegate<'de>>, D::Error> {
    list(d)
}
