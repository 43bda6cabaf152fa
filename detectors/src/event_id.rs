//! Ids of events and addresses, as they are kept for the evidence: most ids are UUIDs or hexadecimal
//! digests, which take 16 bytes instead of 36, and most addresses take 4.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Serialize, Serializer};

/// The id of an event, exactly as it came.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum EventId {
    /// Lower case, with hyphens: `8f3c2a1e-…`.
    Uuid([u8; 16]),
    /// 32 lower-case hexadecimal digits.
    Digest([u8; 16]),
    /// Anything else.
    Text(Box<str>),
}

/// Where the hyphens of a UUID stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl EventId {
    /// Keeps an id.
    pub(crate) fn new(id: &str) -> Self {
        Self::of_digits(id).unwrap_or_else(|| Self::Text(id.into()))
    }

    fn of_digits(id: &str) -> Option<Self> {
        if let Ok(digits) = id.as_bytes().try_into() {
            return pack(digits).map(Self::Digest);
        }
        let text: &[u8; 36] = id.as_bytes().try_into().ok()?;
        if HYPHENS.iter().any(|at| text[*at] != b'-') {
            return None;
        }
        let mut digits = [0; 32];
        digits[..8].copy_from_slice(&text[..8]);
        digits[8..12].copy_from_slice(&text[9..13]);
        digits[12..16].copy_from_slice(&text[14..18]);
        digits[16..20].copy_from_slice(&text[19..23]);
        digits[20..].copy_from_slice(&text[24..]);
        pack(&digits).map(Self::Uuid)
    }

    /// Bytes held beyond the value itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Uuid(_) | Self::Digest(_) => 0,
            Self::Text(text) => text.len(),
        }
    }
}

/// Texts packed one behind the other, each exactly as it came: a byte that tells the form, and what
/// follows it.
mod form {
    pub(super) const UUID: u8 = 0;
    pub(super) const DIGEST: u8 = 1;
    pub(super) const IPV4: u8 = 2;
    pub(super) const IPV6: u8 = 3;
    /// Four bytes of length before the text.
    pub(super) const LONG: u8 = 4;
    /// A text of `form - SHORT` bytes.
    pub(super) const SHORT: u8 = 5;
}

/// Appends a text.
pub(crate) fn pack_text(text: &str, packed: &mut Vec<u8>) {
    let mut put = |form: u8, bytes: &[u8]| {
        packed.push(form);
        packed.extend_from_slice(bytes);
    };
    match EventId::of_digits(text) {
        Some(EventId::Uuid(bytes)) => return put(form::UUID, &bytes),
        Some(EventId::Digest(bytes)) => return put(form::DIGEST, &bytes),
        _ => {}
    }
    // Only as it is written back: `::FFFF:1.2.3.4` stays a text.
    if let Ok(address) = text.parse::<Ipv4Addr>()
        && address.to_string() == text
    {
        return put(form::IPV4, &address.octets());
    }
    if let Ok(address) = text.parse::<Ipv6Addr>()
        && address.to_string() == text
    {
        return put(form::IPV6, &address.octets());
    }
    match u8::try_from(text.len() + usize::from(form::SHORT)) {
        Ok(form) => put(form, text.as_bytes()),
        Err(_) => {
            put(form::LONG, &(text.len() as u32).to_le_bytes());
            packed.extend_from_slice(text.as_bytes());
        }
    }
}

/// Where the first text ends.
pub(crate) fn end_of_text(packed: &[u8]) -> usize {
    let mut rest = packed;
    let [form] = take(&mut rest);
    let length = match form {
        form::UUID | form::DIGEST | form::IPV6 => 16,
        form::IPV4 => 4,
        form::LONG => 4 + u32::from_le_bytes(take(&mut rest)) as usize,
        short => usize::from(short - form::SHORT),
    };
    (1 + length).min(packed.len())
}

/// The first text.
pub(crate) fn unpack_text(packed: &[u8]) -> String {
    let mut rest = &packed[..end_of_text(packed)];
    match take(&mut rest) {
        [form::UUID] => return EventId::Uuid(take(&mut rest)).to_string(),
        [form::DIGEST] => return EventId::Digest(take(&mut rest)).to_string(),
        [form::IPV4] => return Ipv4Addr::from(take::<4>(&mut rest)).to_string(),
        [form::IPV6] => return Ipv6Addr::from(take::<16>(&mut rest)).to_string(),
        [form::LONG] => rest = &rest[4.min(rest.len())..],
        _ => {}
    }
    String::from_utf8_lossy(rest).into_owned()
}

/// Takes so many bytes off; zeros behind the end.
fn take<const N: usize>(packed: &mut &[u8]) -> [u8; N] {
    let Some((bytes, rest)) = packed.split_first_chunk() else {
        *packed = &[];
        return [0; N];
    };
    *packed = rest;
    *bytes
}

/// What a digit is worth.
const DIGITS: [u8; 256] = {
    let (mut worth, mut digit) = ([NONE; 256], 0);
    while digit < 16 {
        worth[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digit += 1;
    }
    worth
};
/// What anything else is worth.
const NONE: u8 = 0xFF;

/// Sixteen bytes of 32 digits; nothing if one of them is none. Ids come with every event.
fn pack(digits: &[u8; 32]) -> Option<[u8; 16]> {
    let (mut bytes, mut all) = ([0; 16], 0);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| DIGITS[usize::from(digit)]);
        all |= high | low;
        *byte = high << 4 | low;
    }
    (all != NONE).then_some(bytes)
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, hyphens) = match self {
            Self::Text(text) => return f.write_str(text),
            Self::Uuid(bytes) => (bytes, &[4, 6, 8, 10][..]),
            Self::Digest(bytes) => (bytes, &[][..]),
        };
        for (at, byte) in bytes.iter().enumerate() {
            if hyphens.contains(&at) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_comes_back_as_it_was(
            id in "[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-fA-F-]{30,37}|\\PC{0,40}",
        ) {
            prop_assert_eq!(EventId::new(&id).to_string(), id);
        }
    }

    proptest! {
        #[test]
        fn packed_texts_come_back_as_they_were(
            texts in proptest::collection::vec(
                "[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\
                |[0-9]{1,3}(\\.[0-9]{1,3}){3}|([0-9a-fA-F]{0,4}:){2,7}[0-9a-f]{1,4}\
                |::ffff:10\\.0\\.0\\.[0-9]|x{240,260}|\\PC{0,40}", 0..4,
            ),
        ) {
            let mut packed = Vec::new();
            texts.iter().for_each(|text| pack_text(text, &mut packed));
            let mut rest = &packed[..];
            for text in &texts {
                let end = end_of_text(rest);
                prop_assert_eq!(&unpack_text(rest), text);
                rest = &rest[end..];
            }
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn usual_addresses_take_five_bytes_or_seventeen() {
        for (address, bytes) in [("203.0.113.7", 5), ("2001:db8::7", 17), ("", 1)] {
            let mut packed = Vec::new();
            pack_text(address, &mut packed);
            assert_eq!(packed.len(), bytes, "{address}");
        }
    }

    #[test]
    fn usual_ids_take_no_more_than_24_bytes() {
        for id in [
            "8f3c2a1e-0b5d-4c6f-9a7b-1c2d3e4f5a6b",
            "318324fcc4f1c1e03dd3181212fc42ea",
        ] {
            assert_eq!(EventId::new(id).heap_bytes(), 0);
        }
        assert!(size_of::<EventId>() <= 24);
    }
}
