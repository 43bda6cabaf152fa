//! Records inside records: what shippers and stores wrap around a vendor's record, and records that
//! hold several events each. Taken apart before a format reads them.

use serde_json::Value;

use super::read::{Node, Refusal, each_part, parse};
use super::{Decoded, Sink, Source};
use crate::event::Event;

/// Gets one part of a record, and hands on what is wrapped in it: at least one value.
pub(super) type Unfold = fn(Value, &mut dyn FnMut(Value));

/// As [`each`](super::read::each), of what `unfold` finds in every part.
pub(super) fn each_unfolded<F>(
    raw: &[u8],
    source: Source<'_>,
    batch: &[&str],
    unfold: Unfold,
    sink: &mut Sink<'_>,
    read: F,
) where
    F: for<'v> Fn(Node<'v>, Source<'v>) -> Result<Vec<Event<'v>>, Refusal>,
{
    match parse(raw) {
        Ok(value) => {
            let parts = unfolded(value, batch, unfold);
            each_part(&parts, raw.len(), source, &[], sink, read);
        }
        Err(reject) => sink(Decoded::Rejected(reject)),
    }
}

/// The parts of a record as an array, or the one part that it is.
fn unfolded(mut record: Value, batch: &[&str], unfold: Unfold) -> Value {
    let wrapped = batch
        .iter()
        .find_map(|path| member_at(&mut record, path).map(std::mem::take));
    let mut found = Vec::new();
    let mut take = |part| found.push(part);
    match wrapped.unwrap_or(record) {
        Value::Array(parts) => {
            for part in parts {
                unfold(part, &mut take);
            }
        }
        part => {
            unfold(part, &mut take);
            if found.len() == 1 {
                return found.swap_remove(0);
            }
        }
    }
    Value::Array(found)
}

/// What `unfold` finds in the first part of a record, which may be a batch.
pub(super) fn first(record: &Value, batch: &[&str], unfold: Unfold) -> Option<Value> {
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
