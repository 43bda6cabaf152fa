//! The name of an endpoint from a concrete path: `/users/123` is a call of `/users/{id}`.
//!
//! Without this every record of a customer would be an endpoint never called before.

use super::read::Node;

/// Deeper paths than this are file trees or noise; the rest becomes one part.
const MAX_SEGMENTS: usize = 16;
/// A longer segment is a value, not a name.
const MAX_SEGMENT_BYTES: usize = 64;

/// The endpoint of `path`: as the first route with a regular expression that fits says, else by the
/// shape of each segment.
pub(super) fn name(path: &str, routes: Node<'_>) -> String {
    let texts = routes.texts();
    let template = texts
        .iter()
        .filter_map(|route| route_template(route.strip_prefix('~')?))
        .find(|template| fits(template, path));
    template.unwrap_or_else(|| by_shape(path))
}

/// `/v1/invoices/(?<id>\d+)$` as `/v1/invoices/{id}`; nothing where it is more than segments and
/// groups.
fn route_template(pattern: &str) -> Option<String> {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let mut rest = pattern.strip_suffix('$')?;
    let mut template = String::new();
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '(' => {
                let end = closing(rest)?;
                let inside = rest[..end]
                    .trim_start_matches("?P<")
                    .trim_start_matches("?<");
                let named = inside.len() < end;
                let name = if named {
                    inside.split('>').next()?
                } else {
                    "id"
                };
                template.extend(["{", name, "}"]);
                rest = &rest[end + 1..];
            }
            '\\' => {
                let escaped = rest
                    .chars()
                    .next()
                    .filter(|c| matches!(c, '.' | '-' | '/' | '_'))?;
                template.push(escaped);
                rest = &rest[1..];
            }
            '[' | ']' | '*' | '+' | '?' | '|' | '.' | ')' => return None,
            other => template.push(other),
        }
    }
    Some(template)
}

/// Where the group ends that began before `rest`.
fn closing(rest: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn fits(template: &str, path: &str) -> bool {
    let (mut parts, mut segments) = (template.split('/'), path.split('/'));
    loop {
        match (parts.next(), segments.next()) {
            (None, None) => return true,
            (Some(part), Some(segment)) if part == segment || part.contains('{') => {}
            _ => return false,
        }
    }
}

/// The endpoint of `path` by the shape of each segment.
pub(super) fn by_shape(path: &str) -> String {
    let mut name = String::with_capacity(path.len() + 8);
    for (index, segment) in path.split('/').filter(|part| !part.is_empty()).enumerate() {
        if index == MAX_SEGMENTS {
            name.push_str("/{rest}");
            break;
        }
        name.push('/');
        match segment.rsplit_once('.') {
            Some((stem, extension))
                if !segment.contains(['@', '%'])
                    && is_value(stem)
                    && extension.len() <= 5
                    && !is_value(extension) =>
            {
                name.extend(["{id}.", extension]);
            }
            _ if is_value(segment) => name.push_str("{id}"),
            _ => name.push_str(segment),
        }
    }
    if name.is_empty() {
        name.push('/');
    }
    name
}

/// Whether a segment is a value by its shape: a number, a date, a UUID, a long hexadecimal or
/// random text, an address of mail, or a word with a number such as `inv-00123`.
fn is_value(segment: &str) -> bool {
    if segment.len() > MAX_SEGMENT_BYTES || segment.contains(['@', '%', '=', ':', '+']) {
        return !segment.starts_with('{');
    }
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    if digits == 0 {
        return looks_shuffled(bytes);
    }
    if letters == 0 {
        return true;
    }
    let is_hex = bytes
        .iter()
        .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    if is_hex && bytes.len() >= 8 {
        return true;
    }
    let mut chunks = segment.split(['-', '_']);
    let mixed = |chunk: &str| {
        let digits = chunk.bytes().filter(u8::is_ascii_digit).count();
        digits > 0 && digits < chunk.len()
    };
    if segment
        .split(['-', '_'])
        .any(|chunk| chunk.len() >= 8 && mixed(chunk))
    {
        return true;
    }
    // One word and a number of three digits or more; `oauth-2` and `release-notes-2026` are names.
    let (Some(word), Some(number), None) = (chunks.next(), chunks.next(), chunks.next()) else {
        return false;
    };
    word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && number.len() >= 3
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Letters alone, but in an order of cases that no name has.
fn looks_shuffled(bytes: &[u8]) -> bool {
    let turns = bytes
        .windows(2)
        .filter(|pair| pair[0].is_ascii_uppercase() && pair[1].is_ascii_lowercase())
        .count();
    let upper = bytes
        .iter()
        .filter(|byte| byte.is_ascii_uppercase())
        .count();
    bytes.len() >= 20 && turns >= 3 && upper >= bytes.len() / 3
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::{Arena, Json};

    #[test]
    fn values_in_a_path_become_parameters() {
        let none = Json::Null;
        for (path, name_expected) in [
            ("/", "/"),
            ("", "/"),
            ("/v1/invoices", "/v1/invoices"),
            ("/v1/invoices/123", "/v1/invoices/{id}"),
            ("/v2.1/oauth-2/token", "/v2.1/oauth-2/token"),
            (
                "/users/3f2504e0-4f89-11d3-9a0c-0305e82c3301/keys",
                "/users/{id}/keys",
            ),
            (
                "/commits/9fceb02d0ae598e95dc970b74767f19372d61af8",
                "/commits/{id}",
            ),
            ("/customers/cus_9s6XKzkNRiz8i3", "/customers/{id}"),
            ("/invoices/inv-00123.pdf", "/invoices/{id}.pdf"),
            ("/users/ann%40example.com", "/users/{id}"),
            ("/docs/release-notes-2026", "/docs/release-notes-2026"),
            ("/days/2026-11-20", "/days/{id}"),
            ("/t/dGhpc2lzYXNlY3JldHRva2Vu", "/t/{id}"),
            (
                "/api/getCustomerInvoicesByAccount",
                "/api/getCustomerInvoicesByAccount",
            ),
        ] {
            assert_eq!(name(path, Node::from(&none)), name_expected, "{path}");
        }
    }

    #[test]
    fn a_regular_expression_route_names_its_parameters() {
        let routes = json!([
            "/v1",
            r"~/v1/invoices/(?<invoice>\d+)/lines/(?<line>[^/]+)$"
        ]);
        let arena = Arena::new();
        let routes = Json::of(&routes, &arena);
        let routes = Node::from(&routes);
        assert_eq!(
            name("/v1/invoices/7/lines/first", routes),
            "/v1/invoices/{invoice}/lines/{line}"
        );
        assert_eq!(name("/v1/invoices/7", routes), "/v1/invoices/{id}");
    }
}
