//! Small changes to bytes, such as a fuzzer makes, from a seed: the same every time.

use rand::{Rng, RngExt};

/// What a reader may take for something else.
const WORDS: &[&[u8]] = &[
    b"null",
    b"true",
    b"-1",
    b"1e400",
    b"18446744073709551616",
    b"\"\"",
    b"[]",
    b"{}",
    b"\\u0000",
    b"\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"9999-12-31T23:59:59Z",
    b"1999-12-31T23:59:59Z",
    b"\n",
    b"*",
];

/// Changes a seed in one to six places, perhaps with a piece of another.
pub fn mutate(seed: &[u8], other: &[u8], random: &mut impl Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.random_range(1..=6) {
        let at = random.random_range(0..=bytes.len());
        let to = (at + random.random_range(0..32)).min(bytes.len());
        match random.random_range(0..7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let word = WORDS[random.random_range(0..WORDS.len())];
                bytes.splice(at..to, word.iter().copied());
            }
            4 => {
                let from = random.random_range(0..=other.len());
                let end = (from + random.random_range(0..256)).min(other.len());
                bytes.splice(at..to, other[from..end].iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.random();
                }
            }
        }
    }
    bytes
}
