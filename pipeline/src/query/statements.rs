//! Where one statement of SQL ends and the next begins.

/// Where a letter of SQL stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside<'t> {
    Code,
    /// Text or a name in quotes; a quote that is doubled ends it and begins it again.
    Quotes(char),
    /// `E'…'`, in which a backslash takes the next letter.
    Escaped,
    /// `$$…$$` or `$tag$…$tag$`, with what ends it.
    Dollars(&'t str),
    /// To the end of the line.
    Line,
    /// So many comments in one another.
    Comment(usize),
}

impl Inside<'_> {
    fn is_comment(self) -> bool {
        matches!(self, Self::Line | Self::Comment(_))
    }
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

/// The text up to the last `;` that ends a statement.
pub(super) fn ended(text: &str) -> &str {
    let mut end = 0;
    walk(text, |at, c, inside| {
        if c == ';' && inside == Inside::Code {
            end = at + 1;
        }
    });
    &text[..end]
}

/// Whether nothing but an empty end, or a comment, follows the last `;`.
pub(super) fn is_ended(text: &str) -> bool {
    let mut ended = false;
    let last = walk(text, |_, c, inside| match inside {
        Inside::Code if c == ';' => ended = true,
        Inside::Code if c.is_whitespace() => {}
        inside if inside.is_comment() => {}
        _ => ended = false,
    });
    ended && !matches!(last, Inside::Comment(_))
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
        has_code |= !inside.is_comment() && !c.is_whitespace();
    });
    let lines = text[..start].matches('\n').count();
    has_code.then(|| format!("{}{}", "\n".repeat(lines), statement.trim_end()))
}

/// Tells of each letter where it stands, and where whatever follows would.
fn walk<'t>(text: &'t str, mut each: impl FnMut(usize, char, Inside<'t>)) -> Inside<'t> {
    let mut inside = Inside::Code;
    let mut in_word = false;
    let mut letters = text.char_indices();
    while let Some((at, c)) = letters.next() {
        let rest = &text[at..];
        // So many letters belong together.
        let (is, then, length) = match inside {
            Inside::Code => {
                let begun = begin(rest, in_word);
                let is_part = is_word_start(c) || in_word && is_word_part(c);
                in_word = is_part && begun.1 == Inside::Code;
                begun
            }
            Inside::Quotes(quote) if c == quote => (inside, Inside::Code, 1),
            Inside::Escaped if c == '\\' || rest.starts_with("''") => (inside, inside, 2),
            Inside::Escaped if c == '\'' => (inside, Inside::Code, 1),
            Inside::Dollars(end) if rest.starts_with(end) => {
                (inside, Inside::Code, end.chars().count())
            }
            Inside::Line if c == '\n' => (inside, Inside::Code, 1),
            Inside::Comment(depth) if rest.starts_with("/*") => {
                (inside, Inside::Comment(depth + 1), 2)
            }
            Inside::Comment(1) if rest.starts_with("*/") => (inside, Inside::Code, 2),
            Inside::Comment(depth) if rest.starts_with("*/") => {
                (inside, Inside::Comment(depth - 1), 2)
            }
            _ => (inside, inside, 1),
        };
        each(at, c, is);
        for (at, c) in letters.by_ref().take(length - 1) {
            each(at, c, is);
        }
        inside = then;
    }
    inside
}

/// Where the first letter of what was code until here stands, where the next one does, and how many letters
/// that holds for.
fn begin(rest: &str, in_word: bool) -> (Inside<'_>, Inside<'_>, usize) {
    let of = |inside, length| (inside, inside, length);
    match rest.chars().next() {
        Some(quote @ ('\'' | '"' | '`')) => of(Inside::Quotes(quote), 1),
        Some('-') if rest.starts_with("--") => of(Inside::Line, 2),
        Some('/') if rest.starts_with("/*") => of(Inside::Comment(1), 2),
        Some('E' | 'e') if !in_word && rest[1..].starts_with('\'') => of(Inside::Escaped, 2),
        Some('$') if !in_word => match dollars(rest) {
            Some(end) => of(Inside::Dollars(end), end.chars().count()),
            None => of(Inside::Code, 1),
        },
        _ => of(Inside::Code, 1),
    }
}

/// `$$` or `$tag$` at the beginning of this text.
fn dollars(text: &str) -> Option<&str> {
    let tag = text.strip_prefix('$')?;
    let end = tag.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    tag[end..].starts_with('$').then(|| &text[..end + 2])
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '#' | '@')
}

fn is_word_part(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit() || c == '$'
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
            "SELECT $$ ; ' $ \" $$",
            "SELECT $a$ ; $$ ; $b$ ; $a $a$",
            r"SELECT E'\'; ''; \\'",
            r"SELECT e'\';', 'x'",
            "SELECT E'a'$$ ; $$",
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
    fn what_only_looks_like_the_beginning_of_text_is_none() {
        for (text, second) in [
            (r"SELECT 'a\'; SELECT 2", " SELECT 2"),
            // The end of a name is no prefix, and a dollar in it belongs to it.
            (r"SELECT date'a\'; SELECT 2", " SELECT 2"),
            ("SELECT a$$ FROM t; SELECT b$$", " SELECT b$$"),
            ("SELECT $1; SELECT $2", " SELECT $2"),
            ("SELECT 1 $ 2; SELECT 2", " SELECT 2"),
        ] {
            assert_eq!(statements(text).get(1).map(String::as_str), Some(second));
            assert_eq!(statements(text).len(), 2, "{text}");
        }
        assert!(!is_ended("SELECT $$ a;"));
        assert!(!is_ended(r"SELECT E'\';"));
        assert!(!is_code_after("SELECT $t$ a $$ "));
        assert!(is_code_after("SELECT $t$ a $t$ "));
    }

    #[test]
    fn what_is_ended_goes_to_the_last_semicolon_of_code() {
        assert_eq!(ended("SELECT 1; SELECT ';"), "SELECT 1;");
        assert_eq!(ended("SELECT 1; -- ;"), "SELECT 1;");
        assert_eq!(ended("SELECT"), "");
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
        for comment in ["-- done", "/* done */", "/* a */ -- b\n\n"] {
            let text = format!("SELECT 1; {comment}");
            assert!(is_ended(&text), "{text}");
            assert_eq!(statements(&text), ["SELECT 1"]);
        }
        assert!(!is_ended("SELECT 1; /* to be"));
        assert!(!is_ended("SELECT 1; SELECT"));
        assert!(!is_ended("SELECT '1;"));
        assert!(is_code_after("SELECT 'a' "));
        for not in ["SELECT 'a", "SELECT \"a", "-- a", "/* a", "/* /* */"] {
            assert!(!is_code_after(not), "{not}");
        }
    }

    proptest! {
        #[test]
        fn a_statement_is_one_whatever_it_holds(text in "[a-eE'\"`$\\\\\\-/*; \\n]{0,40}") {
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
