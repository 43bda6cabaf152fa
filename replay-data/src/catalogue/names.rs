//! Names of people, derived from ids so that every emitter finds the same.

use crate::random::{hash, hash_text};

const FIRST: &[&str] = &[
    "Anna", "Ben", "Chloe", "David", "Elena", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Kaya",
    "Liam", "Mira", "Noah", "Olga", "Pavel", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera",
    "Wei", "Xenia", "Yuki", "Zoe",
];
const LAST: &[&str] = &[
    "Adler", "Berg", "Costa", "Dahl", "Eriksen", "Fontaine", "Gomez", "Haas", "Ito", "Jansen",
    "Kowalski", "Lind", "Moreau", "Novak", "Okafor", "Petrov", "Quint", "Rossi", "Silva", "Tan",
    "Ueda", "Vogel", "Weber", "Xu", "Young", "Zimmer",
];

/// A person's display name.
pub(crate) fn display(id: &str) -> String {
    let (first, last, _) = parts(id);
    format!("{first} {last}")
}

/// A person's address of mail, which is also the login. The number makes it unique enough.
pub(crate) fn mail(id: &str) -> String {
    let (first, last, number) = parts(id);
    let name = format!("{first}.{last}{number}").to_lowercase();
    format!("{name}@acme.example")
}

fn parts(id: &str) -> (&'static str, &'static str, u64) {
    let draw = hash([hash_text(id), 1]);
    let first = FIRST[(draw % FIRST.len() as u64) as usize];
    let last = LAST[(draw / 64 % LAST.len() as u64) as usize];
    (first, last, draw >> 32 & 0xfff)
}

/// Letters and digits in the style of Okta's ids, 17 of them behind a prefix such as `00u`.
pub(crate) fn okta_id(prefix: &str, number: u64) -> String {
    alphanumeric(prefix, b"0123456789abcdefghijklmnopqrstuvwxyz", number, 17)
}

/// Capitals and digits in the style of AWS's ids, 16 of them behind a prefix such as `AROA`.
pub(crate) fn aws_id(prefix: &str, number: u64) -> String {
    alphanumeric(prefix, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", number, 16)
}

fn alphanumeric(prefix: &str, letters: &[u8], number: u64, count: usize) -> String {
    let mut text = String::with_capacity(prefix.len() + count);
    text.push_str(prefix);
    let size = letters.len() as u64;
    for (salt, chunk) in (2_u64..).zip([count / 2, count - count / 2]) {
        let mut pool = hash([number, salt]);
        for _ in 0..chunk {
            text.push(char::from(letters[(pool % size) as usize]));
            pool /= size;
        }
    }
    text
}

/// A UUID, version 4 by its looks.
pub(crate) fn uuid(number: u64) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bits = u128::from(hash([number, 4])) << 64 | u128::from(hash([number, 5]));
    // The version nibble and the variant bits.
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let mut text = String::with_capacity(36);
    for nibble in (0..32_u32).rev() {
        text.push(char::from(HEX[(bits >> (nibble * 4) & 0xf) as usize]));
        if matches!(nibble, 24 | 20 | 16 | 12) {
            text.push('-');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_as_their_issuers_make_them() {
        assert_eq!(okta_id("00u", 7).len(), 20);
        assert_eq!(aws_id("ASIA", 7).len(), 20);
        let uuid = uuid(7);
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert!(mail("00u1").ends_with("@acme.example"));
    }
}
