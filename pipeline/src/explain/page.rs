//! A page of aligned words.

/// Prose is broken before this column.
const WIDTH: usize = 96;
/// Between a key and its value.
const GAP: usize = 2;

/// A page that is being written.
#[derive(Default)]
pub(super) struct Page(String);

/// Keys and values that stand in one column.
#[derive(Default)]
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(super) fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.push((key.to_owned(), value.into()));
    }

    pub(super) fn add_known(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(key, plain(value));
        }
    }
}

impl Page {
    /// A line at the margin, with a free one before it.
    pub(super) fn heading(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.line(0, text);
    }

    pub(super) fn line(&mut self, indent: usize, text: &str) {
        let line = format!("{:indent$}{text}", "");
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// Prose in lines of a width that can be read.
    pub(super) fn prose(&mut self, indent: usize, text: &str) {
        for line in broken(text, WIDTH.saturating_sub(indent)) {
            self.line(indent, &line);
        }
    }

    /// Aligned; a value that needs several lines stays in its column.
    pub(super) fn pairs(&mut self, indent: usize, pairs: &Pairs) {
        let widest = pairs.0.iter().map(|(key, _)| key.chars().count()).max();
        let column = widest.unwrap_or(0) + GAP;
        let room = WIDTH.saturating_sub(indent + column).max(WIDTH / 3);
        for (key, value) in &pairs.0 {
            let mut key = key.as_str();
            for line in broken(value, room) {
                self.line(indent, &format!("{key:column$}{line}"));
                key = "";
            }
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// The text in lines of at most so many characters, a longer word by itself.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
    }
    lines
}

/// Text of a log as it may be shown on a terminal. Whoever chooses the name of an endpoint must not be
/// able to move the cursor, or to turn the direction of the line, of whoever looks into it.
pub(super) fn plain(text: &str) -> String {
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

    #[test]
    fn long_values_stay_in_their_column() {
        let mut pairs = Pairs::default();
        pairs.add("a", "word ".repeat(30).trim());
        pairs.add("longer", "x");
        let mut page = Page::default();
        page.pairs(2, &pairs);
        let text = page.finish();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("  a       word") && lines[0].len() <= WIDTH);
        assert!(lines[1].starts_with("          word"));
        assert_eq!(lines[2], "  longer  x");
    }
}
