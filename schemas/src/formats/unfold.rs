//! Records inside records: what shippers and stores wrap around a vendor's record, and records that
//! hold several events each. Taken apart before a format reads them.

use super::read::{Node, Refusal, each_part, parse};
use super::{Decoded, Format, Sink, Source};
use crate::event::Event;
use crate::json::{Arena, Json};

/// Gets one part of a record, and hands on what is wrapped in it: at least one value.
pub(super) type Unfold = for<'v> fn(Json<'v>, &'v Arena, &mut dyn FnMut(Json<'v>));

/// As [`each`](super::read::each), of what `unfold` finds in every part.
pub(super) fn each_unfolded<F>(
    format: &dyn Format,
    raw: &[u8],
    source: Source<'_>,
    batch: &[&'static str],
    unfold: Unfold,
    sink: &mut Sink<'_>,
    read: F,
) where
    F: for<'v> Fn(Node<'v>, Source<'v>) -> Result<Vec<Event<'v>>, Refusal>,
{
    let arena = Arena::for_text(raw.len());
    match parse(raw, &arena) {
        Ok(value) => {
            let parts = unfolded(value, &arena, batch, unfold);
            each_part(format, &parts, raw.len(), source, &[], sink, read);
        }
        Err(reject) => sink(Decoded::Rejected(reject)),
    }
}

/// The parts of a record as an array, or the one part that it is. An array may hold envelopes.
fn unfolded<'v>(
    record: Json<'v>,
    arena: &'v Arena,
    batch: &[&'static str],
    unfold: Unfold,
) -> Json<'v> {
    let mut found = Vec::new();
    let mut take = |part| found.push(part);
    match batched(record, batch) {
        Some(parts) => spread(parts, arena, &[], unfold, &mut take),
        None => match record {
            Json::Array(parts) => spread(parts, arena, batch, unfold, &mut take),
            part => {
                unfold(part, arena, &mut take);
                if let [one] = *found {
                    return one;
                }
            }
        },
    }
    arena.array(&found)
}

fn spread<'v>(
    parts: &[Json<'v>],
    arena: &'v Arena,
    batch: &[&'static str],
    unfold: Unfold,
    take: &mut dyn FnMut(Json<'v>),
) {
    for part in parts {
        match batched(*part, batch) {
            Some(parts) => spread(parts, arena, &[], unfold, take),
            None => unfold(*part, arena, take),
        }
    }
}

/// The records that an envelope holds.
fn batched<'v>(record: Json<'v>, batch: &[&'static str]) -> Option<&'v [Json<'v>]> {
    let mut members = batch.iter();
    members.find_map(|path| record.member_at(path)?.as_array())
}

/// What `unfold` finds in the first part of a record, which may be a batch.
pub(super) fn first<'v>(
    record: &Json<'v>,
    arena: &'v Arena,
    batch: &[&'static str],
    unfold: Unfold,
) -> Option<Json<'v>> {
    let inside = |path: &&str| record.pointer(&format!("/{}/0", path.replace('.', "/")));
    let part = batch.iter().find_map(inside).unwrap_or(record);
    let mut first = None;
    unfold(*part, arena, &mut |part| {
        first.get_or_insert(part);
    });
    first
}

/// The value with every member that is an object or an array in a string replaced by what it says.
pub(super) fn parse_members<'v>(value: Json<'v>, arena: &'v Arena) -> Json<'v> {
    let Json::Object(members) = value else {
        return value;
    };
    let inside = |value: &Json<'v>| {
        let text = value.as_str()?;
        let is_json = text.trim_start().starts_with(['{', '[']);
        is_json.then(|| Json::parse(text, arena).ok()).flatten()
    };
    let mut changed = Vec::new();
    for (at, (name, value)) in members.as_written().iter().enumerate() {
        if let Some(inside) = inside(value) {
            changed.push((at, (*name, inside)));
        }
    }
    if changed.is_empty() {
        return value;
    }
    let mut members = members.as_written().to_vec();
    for (at, member) in changed {
        members[at] = member;
    }
    arena.object(&mut members)
}

/// Bytes from Base64 in either alphabet, padded or not.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim().trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' => continue,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    (held < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every 2 is two parts.
    fn twice<'v>(part: Json<'v>, _: &'v Arena, take: &mut dyn FnMut(Json<'v>)) {
        take(part);
        if part.to_string() == "2" {
            take(part);
        }
    }

    fn told(record: &str) -> String {
        let arena = Arena::new();
        let record = Json::parse(record, &arena).unwrap();
        unfolded(record, &arena, &["records"], twice).to_string()
    }

    #[test]
    fn envelopes_arrays_and_arrays_of_envelopes_give_the_same_parts() {
        for record in [
            r#"{"Records":[1,2]}"#,
            "[1,2]",
            r#"[{"records":[1]},2]"#,
            r#"[{"records":[1,2]}]"#,
        ] {
            assert_eq!(told(record), "[1,2,2]", "{record}");
        }
        for record in ["1", r#"{"records":1}"#] {
            assert_eq!(told(record), record);
        }
        assert_eq!(told(r#"{"records":[]}"#), "[]");
    }

    #[test]
    fn a_string_that_says_json_is_read_in_its_place() {
        let arena = Arena::new();
        let record = r#"{"b":" [1]","a":"{","c":"x","b":"{\"d\":2}"}"#;
        let record = Json::parse(record, &arena).unwrap();
        let told = parse_members(record, &arena).to_string();
        assert_eq!(told, r#"{"a":"{","b":{"d":2},"c":"x"}"#);
    }

    #[test]
    fn base64_is_read_in_either_alphabet() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8", b"fo"),
            ("Zm9v", b"foo"),
            ("-_-_", &[0xfb, 0xff, 0xbf]),
            ("+/+/", &[0xfb, 0xff, 0xbf]),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!(base64("Z"), None);
        assert_eq!(base64("Zm9v!"), None);
    }
}
