//! What may become of the word before the cursor.

use super::statements::is_code_after;

const WORDS: [&str; 50] = [
    "SELECT",
    "DISTINCT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "LEFT",
    "RIGHT",
    "FULL",
    "INNER",
    "CROSS",
    "ON",
    "USING",
    "UNION",
    "ALL",
    "EXCEPT",
    "INTERSECT",
    "WITH",
    "AS",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS",
    "NULL",
    "LIKE",
    "ILIKE",
    "BETWEEN",
    "EXISTS",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "ASC",
    "DESC",
    "OVER",
    "PARTITION",
    "FILTER",
    "INTERVAL",
    "DESCRIBE",
    "SHOW",
    "TABLES",
    "EXPLAIN",
];

/// Words after which a table is named.
const BEFORE_TABLES: [&str; 4] = ["from", "join", "describe", "into"];

/// A command of the shell and its formats, after a backslash.
pub(super) const COMMANDS: [&str; 5] = ["\\d", "\\df", "\\f", "\\q", "\\?"];
pub(super) const FORMATS: [&str; 3] = ["table", "csv", "json"];

/// The names there are.
pub(super) struct Names {
    /// Tables with their columns.
    pub(super) tables: Vec<(String, Vec<String>)>,
    pub(super) functions: Vec<String>,
}

impl Names {
    /// Where the word at the end of the text begins, and what it may become.
    pub(super) fn complete(&self, text: &str) -> (usize, Vec<String>) {
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '\\' || c == '?';
        let start = text
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_part(*c))
            .last()
            .map_or(text.len(), |(at, _)| at);
        let (before, word) = text.split_at(start);
        let mut fitting = match before.trim_start().strip_prefix('\\') {
            Some(command) => self.argument(command),
            None if word.starts_with('\\') && before.trim().is_empty() => {
                COMMANDS.map(str::to_owned).into()
            }
            None if is_code_after(before) => self.in_code(before, word),
            None => Vec::new(),
        };
        let typed = word.to_lowercase();
        fitting.retain(|name| name.to_lowercase().starts_with(&typed));
        fitting.dedup();
        (start, fitting)
    }

    fn argument(&self, command: &str) -> Vec<String> {
        match command.trim() {
            "d" => self.table_names(),
            "f" => FORMATS.map(str::to_owned).into(),
            _ => Vec::new(),
        }
    }

    fn in_code(&self, before: &str, word: &str) -> Vec<String> {
        if let Some(owner) = before.strip_suffix('.') {
            return self.columns_of(last_word(owner), before);
        }
        let last = last_word(before.trim_end()).to_lowercase();
        if BEFORE_TABLES.contains(&last.as_str()) {
            return self.table_names();
        }
        // Before the first letter everything would fit.
        if word.is_empty() {
            return Vec::new();
        }
        let mut names = self.columns_of("", before);
        names.extend(self.table_names());
        names.extend(self.functions.iter().map(|name| format!("{name}(")));
        names.sort_unstable();
        let is_small = word.chars().all(|c| !c.is_uppercase());
        names.extend(WORDS.map(|word| match is_small {
            true => word.to_lowercase(),
            false => word.to_owned(),
        }));
        names
    }

    fn table_names(&self) -> Vec<String> {
        self.tables.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Of the table of this name; where there is none, such as of an alias, of the tables that the text
    /// names, and where it names none, of all.
    fn columns_of(&self, owner: &str, text: &str) -> Vec<String> {
        let text = text.to_lowercase();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let named = |table: &str| text.split(|c| !is_word(c)).any(|word| word == table);
        let of = |fits: &dyn Fn(&str) -> bool| {
            let fitting = self.tables.iter().filter(|(table, _)| fits(table));
            let mut columns: Vec<String> =
                fitting.flat_map(|(_, columns)| columns.clone()).collect();
            columns.sort_unstable();
            columns.dedup();
            columns
        };
        let owner = owner.to_lowercase();
        let candidates = [of(&|table| table == owner), of(&named), of(&|_| true)];
        candidates
            .into_iter()
            .find(|columns| !columns.is_empty())
            .unwrap_or_default()
    }
}

fn last_word(text: &str) -> &str {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.rsplit(|c| !is_word(c)).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Names {
            tables: vec![
                (
                    "events".to_owned(),
                    columns(&["id", "session_id", "network_ip"]),
                ),
                (
                    "findings".to_owned(),
                    columns(&["id", "severity", "session_id"]),
                ),
                ("sessions".to_owned(), columns(&["session_id", "events"])),
            ],
            functions: vec!["surprise".to_owned(), "sum".to_owned()],
        }
    }

    #[track_caller]
    fn becomes(text: &str, expected: &[&str]) {
        let (start, found) = names().complete(text);
        assert_eq!(found, expected, "{text}");
        assert!(text.is_char_boundary(start));
    }

    #[test]
    fn after_from_there_are_tables() {
        becomes("SELECT * FROM ", &["events", "findings", "sessions"]);
        becomes("SELECT * FROM events e JOIN f", &["findings"]);
        becomes("describe s", &["sessions"]);
    }

    #[test]
    fn columns_are_those_of_the_tables_that_are_named() {
        becomes(
            "SELECT * FROM findings WHERE se",
            &["session_id", "sessions", "severity", "select"],
        );
        becomes("SELECT * FROM events e WHERE e.n", &["network_ip"]);
        becomes("SELECT findings.s", &["session_id", "severity"]);
        becomes("SELECT x.sev", &["severity"]);
    }

    #[test]
    fn functions_come_with_their_parenthesis_and_words_as_they_were_begun() {
        becomes("SELECT su", &["sum(", "surprise("]);
        becomes("sel", &["select"]);
        becomes("SEL", &["SELECT"]);
        becomes("SELECT ", &[]);
    }

    #[test]
    fn nothing_is_completed_in_text_and_comments() {
        becomes("SELECT 'sel", &[]);
        becomes("-- sel", &[]);
        becomes("SELECT é", &[]);
    }

    #[test]
    fn commands_of_the_shell_are_completed_too() {
        becomes("\\", &COMMANDS);
        becomes("\\d", &["\\d", "\\df"]);
        becomes("\\d e", &["events"]);
        becomes("\\f j", &["json"]);
        becomes("\\q x", &[]);
    }
}
