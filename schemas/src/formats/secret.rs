//! Secrets are hashed and dropped at the edge: what leaves this module is a fingerprint.
//!
//! Three doors. [`fingerprint`] is for a format that knows which field is a secret. [`protect`] is
//! the last look at every event, for a secret in a field where none belongs: a token in the query
//! string of `action.name`, a raw key as `credential.id`. [`scrub`] is for raw bytes that are kept
//! although nobody could read them, the dead letters.
//!
//! A secret is known by its shape (JSON Web Tokens and the prefixes that issuers give their keys
//! so that scanners find them), by the scheme before it (`Bearer`, `Basic`, `SSWS`), or by the name
//! of the field it is in (`authorization`, `cookie`, `password`, whatever ends in `token`, …). In the
//! place of an id it is also known behind any one word or `name=`.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;
use sha2::{Digest, Sha256};

use crate::event::Event;
use crate::known::Text;

/// The fingerprint of a secret: `sha256:` and 64 hexadecimal digits.
///
/// Unsalted on purpose: the same token seen by two sources must give the same fingerprint. A bearer
/// token has far too much entropy to be found by trial.
pub fn fingerprint(secret: &str) -> String {
    fingerprint_bytes(secret.as_bytes())
}

fn fingerprint_bytes(secret: &[u8]) -> String {
    fingerprint_of(&Sha256::digest(secret))
}

/// The fingerprint of a secret of which the source tells only the SHA-256, as 32 bytes: the one that
/// [`fingerprint`] makes of the secret itself.
pub fn fingerprint_of(digest: &[u8]) -> String {
    use std::fmt::Write;

    let mut text = String::with_capacity(7 + 64);
    text.push_str("sha256:");
    for byte in digest {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Replaces raw secrets in an event; says whether there was one.
///
/// Ids become fingerprints, so that they still tell one from another. In names and user agents a
/// secret becomes `{secret}`: an endpoint must not look new with every token.
pub fn protect(event: &mut Event<'_>) -> bool {
    let mut changed = protect_id(&mut event.identity.id);
    let ids = [
        &mut event.credential.id,
        &mut event.credential.bound_to,
        &mut event.session.id,
        &mut event.device.id,
        &mut event.task.id,
        &mut event.session.assurance,
        &mut event.workload.host,
    ];
    for id in ids.into_iter().flatten() {
        changed |= protect_id(id);
    }
    let lists = [
        &mut event.identity.groups,
        &mut event.credential.scopes,
        &mut event.action.scopes,
    ];
    for text in lists.into_iter().flatten() {
        changed |= protect_id(text);
    }
    for delegate in &mut event.delegation {
        changed |= protect_id(&mut delegate.id);
    }
    changed |= protect_text(&mut event.action.name, |_| PLACEHOLDER.to_owned());
    for text in [&mut event.device.user_agent, &mut event.task.objective]
        .into_iter()
        .flatten()
    {
        changed |= protect_text(text, |_| PLACEHOLDER.to_owned());
    }
    if let Some(resource) = &mut event.action.resource {
        changed |= protect_text(resource, fingerprint_bytes);
    }
    changed
}

const PLACEHOLDER: &str = "{secret}";

fn protect_id(id: &mut Text<'_>) -> bool {
    let Some(print) = secret_in(id).map(fingerprint) else {
        return false;
    };
    *id = Cow::Owned(print);
    true
}

/// Nothing shorter is a token, and hardly an id begins like one.
const LEAST: usize = 12;

/// The secret that stands in the place of an id: bare, behind its scheme, or behind words and names
/// that say what it is, as in `token ghp_…`, `sid=eyJ…` and `Authorization: Bearer …`.
fn secret_in(id: &str) -> Option<&str> {
    /// More of them before a secret is prose, and prose has no end.
    const MOST_WORDS: usize = 4;
    let mut rest = id;
    for _ in 0..MOST_WORDS {
        if looks_secret(rest) {
            return Some(without_scheme(rest));
        }
        if rest.len() < LEAST {
            return None;
        }
        let at = memchr2(b' ', b'=', rest.as_bytes())?;
        let (word, after) = (&rest.as_bytes()[..at], rest[at + 1..].trim());
        let word = word.strip_suffix(b":").unwrap_or(word);
        if !word.iter().all(|byte| is_word(*byte)) {
            return None;
        }
        if is_opaque_secret(word, rest.as_bytes()[at], after) {
            return Some(after);
        }
        rest = after;
    }
    None
}

/// Whether a text of no shape is a secret by the word or the name before it. The words of these
/// schemes are common ones: a name of something may begin with them, and goes on in words.
fn is_opaque_secret(word: &[u8], sign: u8, after: &str) -> bool {
    let is_plain = token(after.as_bytes()).len() == after.len();
    if sign == b'=' {
        return is_plain && is_sensitive(word) && !says_nothing(after.as_bytes());
    }
    let is_scheme = [&b"token"[..], b"apikey", b"api-key"]
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme));
    is_scheme && is_plain && after.len() >= 20 && after.bytes().any(|byte| byte.is_ascii_digit())
}

fn protect_text(text: &mut Text<'_>, replace: impl Fn(&[u8]) -> String) -> bool {
    let bytes = text.as_bytes();
    // What no secret can do without, looked for first because it costs next to nothing.
    let mark = |byte: &u8| u8::from(*byte == b'=') | u8::from(*byte == b'@');
    let marked = bytes.iter().fold(0, |found, byte| found | mark(byte)) != 0;
    let suspicious = marked || has_long_run(bytes);
    if !suspicious {
        return false;
    }
    let Some(clean) = replace_secrets(bytes, replace) else {
        return false;
    };
    *text = Cow::Owned(String::from_utf8_lossy(&clean).into_owned());
    true
}

/// Replaces every secret in a raw record, well-formed or not, by its fingerprint.
pub fn scrub(raw: &[u8]) -> Cow<'_, [u8]> {
    replace_secrets(raw, fingerprint_bytes).map_or(Cow::Borrowed(raw), Cow::Owned)
}

/// Whether a text is, by its well-known shape, a secret rather than an id of one.
pub fn looks_secret(text: &str) -> bool {
    let bytes = text.as_bytes();
    let [first, second, ..] = bytes else {
        return false;
    };
    if bytes.len() < LEAST || !STARTS.contains(&start(*first, *second)) {
        return false;
    }
    if text.starts_with("sha256:") {
        return false;
    }
    // A scheme ends within the first bytes; there is no need to look for a blank further on.
    let has_scheme =
        bytes.iter().take(10).any(|byte| *byte == b' ') && without_scheme(text).len() != text.len();
    has_scheme || text.starts_with("-----BEGIN") || has_secret_shape(bytes)
}

const SCHEMES: [&[u8]; 6] = [
    b"bearer",
    b"basic",
    b"ssws",
    b"dpop",
    b"digest",
    b"negotiate",
];

/// The first two bytes of every secret, or of the scheme before it, in any case.
const STARTS: [u16; SHAPES.len() + SCHEMES.len() + 1] = {
    let mut starts = [start(b'-', b'-'); SHAPES.len() + SCHEMES.len() + 1];
    let mut at = 0;
    while at < SHAPES.len() {
        starts[at] = start(SHAPES[at].0[0], SHAPES[at].0[1]);
        at += 1;
    }
    while at < SHAPES.len() + SCHEMES.len() {
        let scheme = SCHEMES[at - SHAPES.len()];
        starts[at] = start(scheme[0], scheme[1]);
        at += 1;
    }
    starts
};

const fn start(first: u8, second: u8) -> u16 {
    u16::from_le_bytes([first | 0x20, second | 0x20])
}

const WORD: [bool; 256] = {
    let mut word = [false; 256];
    let mut byte = 0;
    while byte < word.len() {
        word[byte] =
            (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'-' || byte as u8 == b'_';
        byte += 1;
    }
    word
};

/// The secret behind `Bearer `, `Basic ` and the like.
pub fn without_scheme(text: &str) -> &str {
    let Some((scheme, rest)) = text.split_once(' ') else {
        return text;
    };
    if is_scheme(scheme.as_bytes()) {
        rest.trim()
    } else {
        text
    }
}

fn is_scheme(word: &[u8]) -> bool {
    SCHEMES
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// How issuers mark what they issue: prefix, least length, and whether the rest must also look
/// random because the prefix alone is too common.
const SHAPES: &[(&[u8], usize, bool)] = &[
    (b"eyJ", 20, false),
    (b"ghp_", 20, false),
    (b"gho_", 20, false),
    (b"ghs_", 20, false),
    (b"ghu_", 20, false),
    (b"ghr_", 20, false),
    (b"github_pat_", 20, false),
    (b"glpat-", 16, false),
    (b"xoxa-", 16, false),
    (b"xoxb-", 16, false),
    (b"xoxp-", 16, false),
    (b"xoxs-", 16, false),
    (b"sk_live_", 14, false),
    (b"sk_test_", 14, false),
    (b"rk_live_", 14, false),
    (b"sk-", 20, true),
    (b"AIza", 30, false),
    (b"ya29.", 20, false),
    (b"npm_", 20, true),
    (b"pypi-", 20, true),
    (b"hvs.", 20, false),
    (b"SG.", 30, true),
    (b"shpat_", 20, false),
    (b"dop_v1_", 20, false),
    (b"whsec_", 16, false),
    // Okta API tokens are 42 characters from `00`; ids of users and applications are 20.
    (b"00", 42, true),
];

/// Whether the token at the start of `bytes` is marked as a secret by its issuer.
fn has_secret_shape(bytes: &[u8]) -> bool {
    // Every prefix has two bytes or more, so that whatever has one begins with the first two of it.
    let [first, second, ..] = bytes else {
        return false;
    };
    if !STARTS.contains(&start(*first, *second)) {
        return false;
    }
    SHAPES.iter().any(|(prefix, least, random)| {
        bytes.first() == prefix.first() && bytes.starts_with(prefix) && {
            let token = token(bytes);
            token.len() >= *least && (!random || looks_random(token))
        }
    })
}

fn looks_random(token: &[u8]) -> bool {
    token.iter().any(u8::is_ascii_digit)
        && token.iter().any(u8::is_ascii_uppercase)
        && token.iter().any(u8::is_ascii_lowercase)
}

/// The longest start of `bytes` that could be one token.
fn token(bytes: &[u8]) -> &[u8] {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=%".contains(byte);
    let end = bytes.iter().position(|byte| !is_token(byte));
    &bytes[..end.unwrap_or(bytes.len())]
}

const fn is_word(byte: u8) -> bool {
    WORD[byte as usize]
}

/// Whether there are 14 word characters in a row, as in every token that has a shape. Looks at
/// the byte where such a run would have to end first, so ordinary text is mostly stepped over.
fn has_long_run(bytes: &[u8]) -> bool {
    const RUN: usize = 14;
    let mut end = RUN;
    while let Some(window) = end.checked_sub(RUN).and_then(|start| bytes.get(start..end)) {
        match window.iter().rposition(|byte| !is_word(*byte)) {
            None => return true,
            Some(breaks) => end += breaks + 1,
        }
    }
    false
}

/// Copies `bytes` with every secret replaced; `None` where there is none.
fn replace_secrets(bytes: &[u8], replace: impl Fn(&[u8]) -> String) -> Option<Vec<u8>> {
    let mut clean = Vec::new();
    let mut copied = 0;
    find_secrets(bytes, &mut |secret: Range<usize>| {
        let (Some(before), Some(found)) =
            (bytes.get(copied..secret.start), bytes.get(secret.clone()))
        else {
            return;
        };
        clean.extend_from_slice(before);
        clean.extend_from_slice(replace(found).as_bytes());
        copied = secret.end;
    });
    if copied == 0 {
        return None;
    }
    clean.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    Some(clean)
}

/// Calls `found` with the place of each secret, in order.
fn find_secrets(bytes: &[u8], found: &mut dyn FnMut(Range<usize>)) {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(b"-----BEGIN") {
            let length = pem_length(rest);
            found(at..at + length);
            at += length;
        } else if rest.starts_with(b"://") {
            at = password_in_url(bytes, at + 3, found);
        } else if is_word(rest[0]) {
            at = word(bytes, at, found);
        } else {
            at += 1;
        }
    }
}

/// Looks at the word that starts at `at`; returns where to go on.
fn word(bytes: &[u8], at: usize, found: &mut dyn FnMut(Range<usize>)) -> usize {
    let rest = &bytes[at..];
    let length = rest
        .iter()
        .position(|byte| !is_word(*byte))
        .unwrap_or(rest.len());
    let (name, after) = rest.split_at(length);
    // What must follow a name or a scheme is looked at first: it is one byte, and seldom there.
    let next = after.first().copied();
    if next.is_some_and(begins_separator)
        && is_sensitive(name)
        && let Some(skip) = separator(after)
    {
        return value(bytes, at + length + skip, name, found);
    }
    if next == Some(b' ') && is_scheme(name) {
        let gap = after.iter().take_while(|byte| **byte == b' ').count();
        let secret = token(&after[gap..]);
        let plausible = secret.len() >= 24
            || (secret.len() >= 6 && secret.iter().any(|b| b.is_ascii_digit() || *b == b'='));
        if gap > 0 && plausible {
            let start = at + length + gap;
            found(start..start + secret.len());
            return start + secret.len();
        }
    }
    if has_secret_shape(rest) {
        let whole = token(rest);
        found(at..at + whole.len());
        return at + whole.len();
    }
    at + length
}

/// Whether a field of that name holds a secret, whatever its case, hyphens and underscores.
fn is_sensitive(name: &[u8]) -> bool {
    const ENDINGS: &[&[u8]] = &[
        b"authorization",
        b"cookie",
        b"cookies",
        b"apikey",
        b"token",
        b"secret",
        b"password",
        b"passwd",
        b"secretkey",
        b"secretaccesskey",
        b"privatekey",
        b"signature",
        b"assertion",
        b"passphrase",
        b"jsessionid",
    ];
    // An ending is of letters only and of two or more: where the last two that count are those of none, no ending
    // is there. Most names are told by that.
    let mut letters = name
        .iter()
        .rev()
        .filter(|byte| byte.is_ascii_alphanumeric());
    let (Some(last), Some(before)) = (letters.next(), letters.next()) else {
        return false;
    };
    let end = [before.to_ascii_lowercase(), last.to_ascii_lowercase()];
    if !ENDINGS.iter().any(|ending| ending.ends_with(&end)) {
        return false;
    }
    let mut plain = [0_u8; 48];
    let mut length = 0;
    for byte in name.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        let Some(slot) = plain.get_mut(length) else {
            return false;
        };
        *slot = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = &plain[..length];
    ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

/// Whether a [`separator`] may begin so: with a quote or its escape, a blank, or the sign itself.
const fn begins_separator(byte: u8) -> bool {
    matches!(byte, b'\\' | b'"' | b'\'' | b':' | b'=') || byte.is_ascii_whitespace()
}

/// The length of what stands between a name and its value, as in `":"`, `=`, `\": \"`; and in a list
/// of keys and values, as telemetry has: `{"key": "password", "value": …}`.
fn separator(after: &[u8]) -> Option<usize> {
    sign(after).or_else(|| {
        let quotes = quotes(after);
        let quote = after.get(..quotes).filter(|quote| !quote.is_empty())?;
        let next = after.get(quotes..)?.strip_prefix(b",")?.trim_ascii_start();
        let rest = next.strip_prefix(quote)?.strip_prefix(b"value")?;
        Some(after.len() - rest.len() + sign(rest)?)
    })
}

fn quotes(after: &[u8]) -> usize {
    after
        .iter()
        .take_while(|byte| matches!(byte, b'\\' | b'"' | b'\''))
        .count()
}

/// The length of quotes, blanks and the colon or sign of equality after a name.
fn sign(after: &[u8]) -> Option<usize> {
    let blank = |from: usize| {
        after
            .get(from..)
            .map(|rest| rest.iter().take_while(|b| b.is_ascii_whitespace()).count())
    };
    let quotes = quotes(after);
    let sign = quotes + blank(quotes)?;
    matches!(after.get(sign)?, b':' | b'=').then_some(())?;
    Some(sign + 1 + blank(sign + 1)?)
}

/// Reports the secrets in the value that starts at `at`; returns where it ends.
fn value(bytes: &[u8], at: usize, name: &[u8], found: &mut dyn FnMut(Range<usize>)) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let escapes = rest.iter().take_while(|byte| **byte == b'\\').count();
    match rest.get(escapes) {
        Some(quote @ (b'"' | b'\'')) => {
            let start = at + escapes + 1;
            let end = end_of_text(bytes, start, *quote, escapes);
            report(bytes, start..end, found);
            end
        }
        Some(b'{' | b'[') if escapes == 0 => nested(bytes, at, found),
        _ => {
            // Headers hold blanks and semicolons, other bare values do not.
            let header = name.ends_with(b"ookie")
                || name.ends_with(b"uthorization")
                || name.ends_with(b"ATION");
            let ends = |byte: &u8| match byte {
                b' ' | b'\t' | b';' | b'&' => !header,
                other => b"\r\n,\"'\\}])<>".contains(other),
            };
            let length = rest.iter().position(ends).unwrap_or(rest.len());
            report(bytes, at..at + length, found);
            at + length
        }
    }
}

/// Where a text ends that is quoted with `escapes` backslashes before each quote.
fn end_of_text(bytes: &[u8], start: usize, quote: u8, escapes: usize) -> usize {
    let mut backslashes = 0;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        if *byte == b'\\' {
            backslashes += 1;
            continue;
        }
        let closes = if escapes == 0 {
            backslashes % 2 == 0
        } else {
            backslashes == escapes
        };
        if *byte == quote && closes {
            return at.saturating_sub(escapes).max(start);
        }
        backslashes = 0;
    }
    bytes.len()
}

/// Reports every text in an array or object; the names in an object are left.
fn nested(bytes: &[u8], start: usize, found: &mut dyn FnMut(Range<usize>)) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let end = end_of_text(bytes, at + 1, b'"', 0);
                let after = bytes.get(end + 1..).unwrap_or_default();
                let is_name = after.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b':');
                if !is_name {
                    report(bytes, at + 1..end, found);
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at.min(bytes.len())
}

/// Reports a secret without its scheme, unless there is nothing in it to hide.
fn report(bytes: &[u8], mut secret: Range<usize>, found: &mut dyn FnMut(Range<usize>)) {
    let text = bytes.get(secret.clone()).unwrap_or_default();
    if let Some(blank) = text.iter().position(|byte| *byte == b' ')
        && is_scheme(&text[..blank])
    {
        secret.start += blank + 1;
    }
    if !says_nothing(bytes.get(secret.clone()).unwrap_or_default()) {
        found(secret);
    }
}

/// Whether there is nothing in the value of a field to hide.
fn says_nothing(text: &[u8]) -> bool {
    text.len() < 3
        || text.starts_with(b"sha256:")
        || [
            &b"REDACTED"[..],
            b"null",
            b"true",
            b"false",
            b"unknown",
            b"{secret}",
        ]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// The length of a PEM block, up to the end where it was cut off.
fn pem_length(rest: &[u8]) -> usize {
    let find = |from: usize, what: &[u8]| {
        let place = rest
            .get(from..)?
            .windows(what.len())
            .position(|window| window == what)?;
        Some(from + place + what.len())
    };
    find(10, b"-----END")
        .and_then(|end| find(end, b"-----"))
        .unwrap_or(rest.len())
}

/// Reports the password in `scheme://user:password@host`; returns where to go on.
fn password_in_url(bytes: &[u8], start: usize, found: &mut dyn FnMut(Range<usize>)) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/?#\"'\\<>,".contains(byte);
    let authority = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
    let parts = authority
        .iter()
        .rposition(|byte| *byte == b'@')
        .and_then(|at| {
            let colon = authority[..at].iter().position(|byte| *byte == b':')?;
            Some((colon + 1, at))
        });
    match parts {
        Some((from, to)) if from < to => {
            found(start + from..start + to);
            start + to
        }
        _ => start,
    }
}
