//! Text of logs as it may be shown to people.

/// Text of a log as it may be shown on a terminal. Whoever chooses the name of an endpoint must not be
/// able to move the cursor, or to turn the direction of the line, of whoever looks into it.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_hidden(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// Whether a terminal, or whoever reads it, would take this for something else than a letter. All of these
/// are of the Basic Multilingual Plane.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_cannot_move_the_cursor_of_who_reads_it() {
        assert_eq!(
            plain("GET /\u{1b}[2Jx\n\u{202e}é"),
            "GET /\\u{1b}[2Jx\\n\\u{202e}é"
        );
    }
}
