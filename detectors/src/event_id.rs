//! Ids of events, as they are kept for the evidence: most are UUIDs or hexadecimal digests, which take
//! 16 bytes instead of 36.

use std::fmt;

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
        let packed = match id.len() {
            32 => pack(id.bytes()).map(Self::Digest),
            36 if HYPHENS.iter().all(|at| id.as_bytes()[*at] == b'-') => {
                pack(id.bytes().filter(|byte| *byte != b'-')).map(Self::Uuid)
            }
            _ => None,
        };
        packed.unwrap_or_else(|| Self::Text(id.into()))
    }

    /// Bytes held beyond the value itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Uuid(_) | Self::Digest(_) => 0,
            Self::Text(text) => text.len(),
        }
    }
}

/// Sixteen bytes of 32 digits; nothing if there are others.
fn pack(mut digits: impl Iterator<Item = u8>) -> Option<[u8; 16]> {
    let mut digit = || match digits.next()? {
        byte @ b'0'..=b'9' => Some(byte - b'0'),
        byte @ b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = digit()? << 4 | digit()?;
    }
    digits.next().is_none().then_some(bytes)
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
