//! Where one statement of SQL ends and the next begins.

/// Where a letter of SQL stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Code,
    /// Text or a name in quotes; a quote that is doubled ends it and begins it again.
    Quotes(char),
    /// To the end of the line.
    Line,
    /// So many comments in one another.
    Comment(usize),
}

/// The statements of a text, without the `;` between them. Each stands in its lines: what is before it
/// are empty ones, so that a mistake is told with its place in the whole text.
pub(super) fn statements(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut start = 0;
    walk(text, |at, c, inside| {
        if c == ';' && inside == Inside::Code {
            found.extend(placed(text, start, at));
            start = at + 1;
        }
    });
    found.extend(placed(text, start, text.len()));
    found
}

/// Whether nothing but an empty end follows the last `;`.
pub(super) fn is_ended(text: &str) -> bool {
    let mut ended = false;
    walk(text, |_, c, inside| match inside {
        Inside::Code if c == ';' => ended = true,
        Inside::Code if c.is_whitespace() => {}
        Inside::Line => {}
        _ => ended = false,
    });
    ended
}

/// Whether what follows this text is code: neither in quotes nor in a comment.
pub(super) fn is_code_after(text: &str) -> bool {
    walk(text, |_, _, _| {}) == Inside::Code
}

/// The statement that is there, if there is one.
fn placed(text: &str, start: usize, end: usize) -> Option<String> {
    let statement = &text[start..end];
    let mut has_code = false;
    walk(statement, |_, c, inside| {
        has_code |= matches!(inside, Inside::Code | Inside::Quotes(_)) && !c.is_whitespace();
    });
    let lines = text[..start].matches('\n').count();
    has_code.then(|| format!("{}{}", "\n".repeat(lines), statement.trim_end()))
}

/// Tells of each letter where it stands, and where whatever follows would.
fn walk(text: &str, mut each: impl FnMut(usize, char, Inside)) -> Inside {
    let mut inside = Inside::Code;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let mut takes_next = false;
        let (is, then) = match (inside, c) {
            (Inside::Code, '\'' | '"' | '`') => (Inside::Quotes(c), Inside::Quotes(c)),
            (Inside::Code, '-') if next == Some('-') => (Inside::Line, Inside::Line),
            (Inside::Code, '/') if next == Some('*') => {
                takes_next = true;
                (Inside::Comment(1), Inside::Comment(1))
            }
            (Inside::Quotes(quote), c) if c == quote => (inside, Inside::Code),
            (Inside::Line, '\n') => (inside, Inside::Code),
            (Inside::Comment(depth), '/') if next == Some('*') => {
                takes_next = true;
                (inside, Inside::Comment(depth + 1))
            }
            (Inside::Comment(depth), '*') if next == Some('/') => {
                takes_next = true;
                let outer = match depth {
                    1 => Inside::Code,
                    depth => Inside::Comment(depth - 1),
                };
                (inside, outer)
            }
            (inside, _) => (inside, inside),
        };
        each(at, c, is);
        if takes_next && let Some((at, c)) = letters.next() {
            each(at, c, is);
        }
        inside = then;
    }
    inside
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_semicolon_ends_a_statement_only_where_it_is_code() {
        assert_eq!(statements("SELECT 1; SELECT 2"), ["SELECT 1", " SELECT 2"]);
        for one in [
            "SELECT ';'",
            "SELECT 'it''s; so'",
            "SELECT \"a;b\" FROM `c;d`",
            "SELECT 1 -- ; not here",
            "SELECT /* ; /* ; */ ; */ 1",
        ] {
            assert_eq!(statements(one), [one]);
            assert!(!is_ended(one), "{one}");
            assert!(is_ended(&format!("{one}\n; ")), "{one}");
        }
        for none in ["", " ;; ", "-- nothing", "/* ; */ ;"] {
            assert!(statements(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn a_statement_keeps_its_lines() {
        let text = "SELECT 1;\n\n-- two\nSELECT\n2;";
        assert_eq!(statements(text)[1], "\n\n-- two\nSELECT\n2");
        let line = |statement: &str| statement.lines().position(|line| line == "SELECT");
        assert_eq!(line(&statements(text)[1]), line(text));
    }

    #[test]
    fn a_comment_after_the_end_changes_nothing() {
        assert!(is_ended("SELECT 1; -- done"));
        assert!(!is_ended("SELECT 1; SELECT"));
        assert!(!is_ended("SELECT '1;"));
        assert!(is_code_after("SELECT 'a' "));
        for not in ["SELECT 'a", "SELECT \"a", "-- a", "/* a", "/* /* */"] {
            assert!(!is_code_after(not), "{not}");
        }
    }

    proptest! {
        #[test]
        fn a_statement_is_one_whatever_it_holds(text in "[a-z'\"`\\-/*; \\n]{0,40}") {
            for one in statements(&text) {
                prop_assert_eq!(statements(&one), [one.as_str()]);
            }
        }

        #[test]
        fn no_letter_is_lost(text in "[a-z; \\n]{0,40}") {
            let solid = |text: &str| text.replace([' ', '\n', ';'], "");
            prop_assert_eq!(solid(&statements(&text).concat()), solid(&text));
        }
    }
}
