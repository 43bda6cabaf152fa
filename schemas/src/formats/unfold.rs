//! Records inside records: what shippers and stores wrap around a vendor's record, and records that
//! hold several events each. Taken apart before a format reads them.

use serde_json::Value;

use super::read::{Node, Refusal, each_part, parse};
use super::{Decoded, Format, Sink, Source};
use crate::event::Event;

/// Gets one part of a record, and hands on what is wrapped in it: at least one value.
pub(super) type Unfold = fn(Value, &mut dyn FnMut(Value));

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
    match parse(raw) {
        Ok(value) => {
            let parts = unfolded(value, batch, unfold);
            each_part(format, &parts, raw.len(), source, &[], sink, read);
        }
        Err(reject) => sink(Decoded::Rejected(reject)),
    }
}

/// The parts of a record as an array, or the one part that it is. An array may hold envelopes.
fn unfolded(mut record: Value, batch: &[&'static str], unfold: Unfold) -> Value {
    let mut found = Vec::new();
    let mut is_one = false;
    match batched(&mut record, batch) {
        Some(parts) => spread(parts, &[], unfold, &mut found),
        None => match record {
            Value::Array(parts) => spread(parts, batch, unfold, &mut found),
            part => {
                spread(vec![part], &[], unfold, &mut found);
                is_one = found.len() == 1;
            }
        },
    }
    match found.pop() {
        Some(part) if is_one => part,
        last => {
            found.extend(last);
            Value::Array(found)
        }
    }
}

fn spread(parts: Vec<Value>, batch: &[&'static str], unfold: Unfold, found: &mut Vec<Value>) {
    for mut part in parts {
        match batched(&mut part, batch) {
            Some(parts) => spread(parts, &[], unfold, found),
            None => unfold(part, &mut |part| found.push(part)),
        }
    }
}

/// The records that an envelope holds.
fn batched(record: &mut Value, batch: &[&'static str]) -> Option<Vec<Value>> {
    let mut members = batch.iter();
    members.find_map(|path| {
        let parts = member_at(record, path)?.as_array_mut()?;
        Some(std::mem::take(parts))
    })
}

/// What `unfold` finds in the first part of a record, which may be a batch.
pub(super) fn first(record: &Value, batch: &[&'static str], unfold: Unfold) -> Option<Value> {
    let inside = |path: &&str| record.pointer(&format!("/{}/0", path.replace('.', "/")));
    let part = batch.iter().find_map(inside).unwrap_or(record);
    let mut first = None;
    unfold(part.clone(), &mut |part| {
        first.get_or_insert(part);
    });
    first
}

/// The member at a dotted path, to be changed or taken out.
pub(super) fn member_at<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').try_fold(value, |value, key| {
        let members = value.as_object_mut()?;
        if members.contains_key(key) {
            return members.get_mut(key);
        }
        let mut found = members.iter_mut();
        let (_, value) = found.find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        Some(value)
    })
}

/// Replaces every member that is an object or an array in a string by what it says.
pub(super) fn parse_members(value: &mut Value) {
    for member in value
        .as_object_mut()
        .into_iter()
        .flat_map(|it| it.values_mut())
    {
        let text = member.as_str().unwrap_or_default();
        if text.trim_start().starts_with(['{', '['])
            && let Ok(inside) = serde_json::from_str(text)
        {
            *member = inside;
        }
    }
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
    use serde_json::json;

    use super::*;

    fn twice(part: Value, take: &mut dyn FnMut(Value)) {
        take(part.clone());
        if part == json!(2) {
            take(part);
        }
    }

    #[test]
    fn envelopes_arrays_and_arrays_of_envelopes_give_the_same_parts() {
        for record in [
            json!({ "Records": [1, 2] }),
            json!([1, 2]),
            json!([{ "records": [1] }, 2]),
            json!([{ "records": [1, 2] }]),
        ] {
            let parts = unfolded(record.clone(), &["records"], twice);
            assert_eq!(parts, json!([1, 2, 2]), "{record}");
        }
        assert_eq!(unfolded(json!(1), &["records"], twice), json!(1));
        assert_eq!(
            unfolded(json!({ "records": 1 }), &["records"], twice),
            json!({ "records": 1 })
        );
        assert_eq!(
            unfolded(json!({ "records": [] }), &["records"], twice),
            json!([])
        );
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
