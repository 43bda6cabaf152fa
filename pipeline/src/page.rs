//! A page of aligned words.

use plumbline_schemas::shown::plain;

/// Prose is broken before this column.
const WIDTH: usize = 96;
/// Between a key and its value.
const GAP: usize = 2;

/// A page that is being written.
#[derive(Default)]
pub(crate) struct Page(String);

/// Keys and values that stand in one column.
#[derive(Default)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(crate) fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.push((key.to_owned(), value.into()));
    }

    pub(crate) fn add_known(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(key, plain(value));
        }
    }
}

impl Page {
    /// A line at the margin, with a free one before it.
    pub(crate) fn heading(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.line(0, text);
    }

    pub(crate) fn line(&mut self, indent: usize, text: &str) {
        let line = format!("{:indent$}{text}", "");
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// Prose in lines of a width that can be read.
    pub(crate) fn prose(&mut self, indent: usize, text: &str) {
        for line in broken(text, WIDTH.saturating_sub(indent)) {
            self.line(indent, &line);
        }
    }

    /// Aligned; a value that needs several lines stays in its column.
    pub(crate) fn pairs(&mut self, indent: usize, pairs: &Pairs) {
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

    /// Rows of cells in columns as wide as their widest cell.
    pub(crate) fn columns<const N: usize>(&mut self, indent: usize, rows: &[[String; N]]) {
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0) + GAP
        };
        let widths: Vec<usize> = (0..N).map(width).collect();
        for row in rows {
            let cells = row.iter().zip(&widths);
            let line: String = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            self.line(indent, &line);
        }
    }

    pub(crate) fn finish(self) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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
