//! Text of logs as it may be shown to people.

/// Text of a log as it may be shown on a terminal. Whoever chooses the name of an endpoint must not be
/// able to move the cursor, or to turn the direction of the line, of whoever looks into it.
pub fn plain(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match hidden(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
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
