//! Operators that are not taken, found in the text of a program that the compiler has taken.

/// The bytes at which `*` multiplies: outside of text, comments and literals.
pub(crate) fn times(source: &str) -> impl Iterator<Item = usize> {
    let bytes = source.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(byte) = bytes.get(at) {
            let here = at;
            at += 1;
            match byte {
                b'*' => return Some(here),
                b'#' => at = after(bytes, at, b'\n', false),
                b'"' => at = after(bytes, at, b'"', true),
                // Raw text, regular expressions and times: `s'…'`, `r'…'`, `t'…'`.
                b'\'' => at = after(bytes, at, b'\'', true),
                _ => {}
            }
        }
        None
    })
}

/// Behind the next such byte that is not escaped.
fn after(bytes: &[u8], from: usize, end: u8, escapes: bool) -> usize {
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte == end {
            break;
        }
        if escapes && *byte == b'\\' {
            at += 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_operator_is_found() {
        let at = |source| times(source).collect::<Vec<_>>();
        assert_eq!(at("a * 2"), [2]);
        assert!(at(r#"x = "a * b\" * c" # d * e"#).is_empty());
        assert!(at(r"match(y, r'a*\'b*')").is_empty());
        assert_eq!(at("# a\nb * c"), [6]);
    }
}
