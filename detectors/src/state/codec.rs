//! How state is written down: one value after the other, as exactly as memory holds it.
//!
//! Whole numbers and floats are little-endian and of their full width, lengths are LEB128. Names are written
//! out, because their numbers differ from process to process; so are detectors, whose order changes when one is
//! added. What it is written into checks and compresses it.

use std::borrow::Cow;
use std::collections::VecDeque;

use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::event::{ActionClass, IdentityKind};
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use crate::event_id::{EventId, end_of_text, pack_text, unpack_text};
use crate::names::{Name, Names, PackedName};

/// Bytes that are no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {expected} at byte {at}")]
pub struct Damaged {
    /// What should have been there.
    pub expected: &'static str,
    /// Where, from the beginning of the entry's content.
    pub at: usize,
}

/// Writes values behind one another.
pub(crate) struct Writer<'n> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) names: &'n Names,
}

/// Reads what was written.
pub(crate) struct Reader<'b, 'n> {
    bytes: &'b [u8],
    at: usize,
    version: u16,
    pub(crate) names: &'n mut Names,
}

impl<'b, 'n> Reader<'b, 'n> {
    /// Of bytes that this version of the encoding has written.
    pub(crate) fn new(bytes: &'b [u8], version: u16, names: &'n mut Names) -> Self {
        Self {
            bytes,
            at: 0,
            version,
            names,
        }
    }

    /// The version that has written it: what came later is not there.
    pub(crate) fn version(&self) -> u16 {
        self.version
    }

    pub(crate) fn damaged(&self, expected: &'static str) -> Damaged {
        Damaged {
            expected,
            at: self.at,
        }
    }

    fn raw(&mut self, length: usize, expected: &'static str) -> Result<&'b [u8], Damaged> {
        let rest = &self.bytes[self.at..];
        let Some(found) = rest.get(..length) else {
            return Err(self.damaged(expected));
        };
        self.at += length;
        Ok(found)
    }

    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Damaged> {
        let found = self.raw(N, expected)?;
        found.try_into().map_err(|_| self.damaged(expected))
    }

    /// A number of entries: never more than there are bytes left, so that no bytes ask for more memory
    /// than they could fill.
    fn length(&mut self) -> Result<usize, Damaged> {
        let mut length = 0_usize;
        for shift in (0..28).step_by(7) {
            let [byte] = self.array("length")?;
            length |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                if length > self.bytes.len() - self.at {
                    break;
                }
                return Ok(length);
            }
        }
        Err(self.damaged("length"))
    }

    pub(crate) fn text(&mut self) -> Result<&'b str, Damaged> {
        let length = self.length()?;
        let raw = self.raw(length, "text")?;
        std::str::from_utf8(raw).map_err(|_| self.damaged("text"))
    }

    /// Nothing must be left.
    pub(crate) fn end(&self) -> Result<(), Damaged> {
        match self.at == self.bytes.len() {
            true => Ok(()),
            false => Err(self.damaged("end")),
        }
    }
}

impl Writer<'_> {
    pub(crate) fn length(&mut self, length: usize) {
        let mut rest = length;
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

/// What can be written down.
pub(crate) trait Stored: Sized {
    fn put(&self, to: &mut Writer<'_>);
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged>;
}

/// Writes and reads a struct field by field. A field that is not listed does not compile; one that came with a
/// later version of the encoding says so (`field: since 2`), and is its default where an older one has written.
/// `field: via module` writes it with the module's `put` and `take`. `field: behind (5, u32)` says that something stood
/// before it up to version 4, which is left out.
macro_rules! stored {
    ($type:ident { $($field:ident $(: $how:ident $with:tt)?),+ $(,)? }) => {
        impl $crate::state::codec::Stored for $type {
            fn put(&self, to: &mut $crate::state::codec::Writer<'_>) {
                let Self { $($field),+ } = self;
                $(stored!(@put $field to $($how $with)?);)+
            }
            fn take(
                from: &mut $crate::state::codec::Reader<'_, '_>,
            ) -> Result<Self, $crate::state::codec::Damaged> {
                Ok(Self { $($field: stored!(@take from $($how $with)?)),+ })
            }
        }
    };
    ($type:ident(..)) => {
        impl $crate::state::codec::Stored for $type {
            fn put(&self, to: &mut $crate::state::codec::Writer<'_>) {
                let Self(inner) = self;
                $crate::state::codec::Stored::put(inner, to);
            }
            fn take(
                from: &mut $crate::state::codec::Reader<'_, '_>,
            ) -> Result<Self, $crate::state::codec::Damaged> {
                Ok(Self($crate::state::codec::Stored::take(from)?))
            }
        }
    };
    (@put $field:ident $to:ident via $codec:ident) => { $codec::put($field, $to) };
    (@put $field:ident $to:ident $($since:tt)*) => { $crate::state::codec::Stored::put($field, $to) };
    (@take $from:ident) => { $crate::state::codec::Stored::take($from)? };
    (@take $from:ident via $codec:ident) => { $codec::take($from)? };
    (@take $from:ident behind ($version:tt, $gone:ty)) => {{
        if $from.version() < $version {
            <$gone as $crate::state::codec::Stored>::take($from)?;
        }
        $crate::state::codec::Stored::take($from)?
    }};
    (@take $from:ident since $version:tt) => {
        match $from.version() >= $version {
            true => $crate::state::codec::Stored::take($from)?,
            false => Default::default(),
        }
    };
}

/// Writes a word of a vocabulary as its number, from `ALL`. Words are only ever added at its end.
macro_rules! stored_words {
    ($($type:ty),+ $(,)?) => {
        $(impl $crate::state::codec::Stored for $type {
            fn put(&self, to: &mut $crate::state::codec::Writer<'_>) {
                to.bytes.push(*self as u8);
            }
            fn take(
                from: &mut $crate::state::codec::Reader<'_, '_>,
            ) -> Result<Self, $crate::state::codec::Damaged> {
                let number = u8::take(from)?;
                let word = <$type>::ALL.get(usize::from(number)).copied();
                word.ok_or_else(|| from.damaged(stringify!($type)))
            }
        })+
    };
}

pub(crate) use stored;

stored_words!(Action, ActionClass, IdentityKind, Mode);

macro_rules! plain {
    ($($type:ty),+) => {
        $(impl Stored for $type {
            fn put(&self, to: &mut Writer<'_>) {
                to.bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
                from.array(stringify!($type)).map(Self::from_le_bytes)
            }
        })+
    };
}

plain!(u8, u16, u32, u64, i32, i64, f32, f64);

impl<T: Stored + Default + Copy, const N: usize> Stored for [T; N] {
    fn put(&self, to: &mut Writer<'_>) {
        self.iter().for_each(|item| item.put(to));
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        let mut items = [T::default(); N];
        for item in &mut items {
            *item = T::take(from)?;
        }
        Ok(items)
    }
}

impl Stored for bool {
    fn put(&self, to: &mut Writer<'_>) {
        to.bytes.push(u8::from(*self));
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        match u8::take(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(from.damaged("bool")),
        }
    }
}

impl Stored for EventTime {
    fn put(&self, to: &mut Writer<'_>) {
        self.as_millis().put(to);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        i64::take(from).map(Self::from_millis)
    }
}

impl Stored for Name {
    fn put(&self, to: &mut Writer<'_>) {
        let names = to.names;
        (names.space(*self) as u8).put(to);
        to.text(names.text(*self));
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        let space = crate::names::Space::of(u8::take(from)?);
        let space = space.ok_or_else(|| from.damaged("name"))?;
        let text = from.text()?;
        Ok(from.names.intern(space, text).0)
    }
}

impl Stored for PackedName {
    fn put(&self, to: &mut Writer<'_>) {
        self.name().put(to);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        Name::take(from).map(Self::from)
    }
}

impl Stored for EventId {
    fn put(&self, to: &mut Writer<'_>) {
        pack_text(&self.to_string(), &mut to.bytes);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        let rest = &from.bytes[from.at..];
        let packed = from.raw(end_of_text(rest), "id")?;
        Ok(Self::new(&unpack_text(packed)))
    }
}

impl Stored for String {
    fn put(&self, to: &mut Writer<'_>) {
        to.text(self);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        from.text().map(str::to_owned)
    }
}

impl Stored for Box<str> {
    fn put(&self, to: &mut Writer<'_>) {
        to.text(self);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        from.text().map(Self::from)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn put(&self, to: &mut Writer<'_>) {
        self.is_some().put(to);
        self.iter().for_each(|value| value.put(to));
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        bool::take(from)?.then(|| T::take(from)).transpose()
    }
}

impl<T: Stored> Stored for Box<T> {
    fn put(&self, to: &mut Writer<'_>) {
        (**self).put(to);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        T::take(from).map(Self::new)
    }
}

/// Writes a list.
pub(crate) fn put_all<'t, T: Stored + 't>(
    items: impl ExactSizeIterator<Item = &'t T>,
    to: &mut Writer<'_>,
) {
    to.length(items.len());
    items.for_each(|item| item.put(to));
}

/// Reads a list.
pub(crate) fn take_all<T: Stored, C: FromIterator<T>>(
    from: &mut Reader<'_, '_>,
) -> Result<C, Damaged> {
    let length = from.length()?;
    (0..length).map(|_| T::take(from)).collect()
}

macro_rules! lists {
    ($($list:ident),+) => {
        $(impl<T: Stored> Stored for $list<T> {
            fn put(&self, to: &mut Writer<'_>) {
                put_all(self.iter(), to);
            }
            fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
                let mut items: Self = take_all(from)?;
                items.shrink_to_fit();
                Ok(items)
            }
        })+
    };
}

lists!(ThinVec, Vec, VecDeque);

impl<T: Stored> Stored for Box<[T]> {
    fn put(&self, to: &mut Writer<'_>) {
        put_all(self.iter(), to);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        take_all(from)
    }
}

impl Stored for Cow<'static, str> {
    fn put(&self, to: &mut Writer<'_>) {
        to.text(self);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        String::take(from).map(Self::Owned)
    }
}

/// What crosses the edges anyway is kept as it crosses them.
pub(crate) mod as_json {
    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use super::{Damaged, Reader, Writer};

    pub(crate) fn put(value: &impl Serialize, to: &mut Writer<'_>) {
        to.text(&serde_json::to_string(value).unwrap_or_default());
    }

    pub(crate) fn take<T: DeserializeOwned>(from: &mut Reader<'_, '_>) -> Result<T, Damaged> {
        let text = from.text()?;
        serde_json::from_str(text).map_err(|_| from.damaged("JSON"))
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn put(&self, to: &mut Writer<'_>) {
        self.0.put(to);
        self.1.put(to);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        Ok((A::take(from)?, B::take(from)?))
    }
}

impl<A: Stored, B: Stored, C: Stored> Stored for (A, B, C) {
    fn put(&self, to: &mut Writer<'_>) {
        self.0.put(to);
        self.1.put(to);
        self.2.put(to);
    }
    fn take(from: &mut Reader<'_, '_>) -> Result<Self, Damaged> {
        Ok((A::take(from)?, B::take(from)?, C::take(from)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Older {
        calls: u32,
        last: Option<u16>,
    }
    stored!(Older { calls, last });

    #[derive(Debug, Default, PartialEq)]
    struct Newer {
        calls: u32,
        refused: u64,
        last: Option<u16>,
    }
    stored!(Newer { calls, refused: since 2, last });

    fn bytes(value: &impl Stored) -> Vec<u8> {
        let names = Names::default();
        let mut writer = Writer {
            bytes: Vec::new(),
            names: &names,
        };
        value.put(&mut writer);
        writer.bytes
    }

    #[test]
    fn what_an_older_version_wrote_is_read_with_defaults() {
        let old = bytes(&Older {
            calls: 7,
            last: Some(3),
        });
        let mut names = Names::default();
        let read = Newer::take(&mut Reader::new(&old, 1, &mut names));
        let expected = Newer {
            calls: 7,
            refused: 0,
            last: Some(3),
        };
        assert_eq!(read, Ok(expected));
        let mut reader = Reader::new(&old, 2, &mut names);
        assert!(Newer::take(&mut reader).is_err());
    }

    #[test]
    fn bytes_that_promise_more_than_they_hold_are_refused_before_memory_is_asked_for() {
        let mut names = Names::default();
        let huge = [0xFF, 0xFF, 0xFF, 0x7F, 1, 2, 3];
        let mut reader = Reader::new(&huge, 1, &mut names);
        let read: Result<Vec<u8>, _> = Stored::take(&mut reader);
        assert_eq!(read.map_err(|damaged| damaged.expected), Err("length"));
        for cut in 0..7 {
            let whole = bytes(&vec![1_u16, 2, 3]);
            let mut reader = Reader::new(&whole[..cut], 1, &mut names);
            assert!(Vec::<u16>::take(&mut reader).is_err());
        }
    }
}
