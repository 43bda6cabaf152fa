//! A terminal to ask one question after another, with history and completion.
//!
//! A question ends with `;` and may have several lines. What begins with a backslash is a command of the
//! shell. The history is kept in the user's state directory, for nobody else to read, because questions
//! name people.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::{env, iter};

use clap::ValueEnum;
use plumbline_schemas::shown::plain;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::completion::{FORMATS, Names};
use super::statements::{is_ended, statements};
use super::{AnswerError, format, rows_text};
use crate::analyst::{Database, QueryError};
use crate::config::AnswerFormat;

const PROMPT: &str = "plumbline> ";
const WELCOME: &str =
    "Ask in SQL and end with ;   \\d lists the tables, \\? says more, Ctrl-D leaves.";
const HELP: &str = "  \\d              the tables
  \\d TABLE        its columns
  \\df             the functions
  \\f FORMAT       how answers are written: table, csv or json
  \\q              leave; so does Ctrl-D
Tab completes names and words. Ctrl-C ends the line, or the query that is being answered.
A line that begins with a space is not kept in the history.";
const NOT_TEXT: &str = "error: that is not UTF-8 text; what was typed of this question is left out";

type Terminal = Editor<Completion, DefaultHistory>;

/// Asks until the user has no more questions.
pub(super) fn run(database: &Database, format: AnswerFormat) -> Result<(), AnswerError> {
    let tables = database.columns()?;
    let names = tables.iter().map(|(table, columns)| {
        let columns = columns.iter().map(|(name, _)| name.clone());
        (table.clone(), columns.collect())
    });
    let completion = Completion(Names {
        tables: names.collect(),
        functions: database.functions(),
    });
    let mut shell = Shell {
        database,
        tables,
        format,
    };
    let mut terminal = open(completion).map_err(terminal_failed)?;
    let history = history_file();
    if let Some(file) = &history {
        // There is none before the first question.
        let _ = terminal.load_history(file);
    }
    say(WELCOME);
    loop {
        let line = match terminal.readline(PROMPT) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                say(NOT_TEXT);
                continue;
            }
            Err(error) => return Err(terminal_failed(error)),
        };
        if line.trim().is_empty() {
            continue;
        }
        // With the space before it, if there is one, by which the history passes over it.
        let remembered = terminal.add_history_entry(line.trim_end());
        if let (Ok(true), Some(file)) = (remembered, &history) {
            // A history that cannot be kept is no reason to answer nothing.
            let _ = terminal.append_history(file);
        }
        let line = line.trim();
        match line.strip_prefix('\\') {
            Some(command) if !shell.obeys(command) => return Ok(()),
            Some(_) => {}
            None => shell.answer(line),
        }
    }
}

struct Shell<'d> {
    database: &'d Database,
    /// With their columns and the types of these.
    tables: Vec<(String, Vec<(String, String)>)>,
    format: AnswerFormat,
}

impl Shell<'_> {
    /// Does what a command of the shell says; whether the shell goes on.
    fn obeys(&mut self, command: &str) -> bool {
        let mut words = command.trim_end_matches(';').split_whitespace();
        match (words.next(), words.next()) {
            (Some("q"), _) => return false,
            (Some("?" | "h"), _) => say(HELP),
            (Some("d"), None) => print(self.tables.iter().map(|(name, _)| name.as_str())),
            (Some("d"), Some(table)) => self.describe(table),
            (Some("df"), _) => print(self.database.functions().iter().map(String::as_str)),
            (Some("f"), Some(name)) if FORMATS.contains(&name) => {
                self.format = AnswerFormat::from_str(name, false).unwrap_or(self.format);
            }
            (Some("f"), _) => say(&format!("\\f takes one of {}", FORMATS.join(", "))),
            _ => say(&format!(
                "there is no command `\\{}`; \\? lists those there are",
                plain(command)
            )),
        }
        true
    }

    fn describe(&self, table: &str) {
        let found = self.tables.iter().find(|(name, _)| name == table);
        let Some((_, columns)) = found else {
            let names: Vec<&str> = self.tables.iter().map(|(name, _)| name.as_str()).collect();
            say(&format!(
                "there is no table `{}`; there are {}",
                plain(table),
                names.join(", ")
            ));
            return;
        };
        let widest = columns
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        let lines: Vec<String> = columns
            .iter()
            .map(|(name, kind)| format!("{name:widest$}  {kind}"))
            .collect();
        print(lines.iter().map(String::as_str));
    }

    fn answer(&self, text: &str) {
        if let Err(error) = self.answer_each(text) {
            say(&told(&error));
        }
    }

    fn answer_each(&self, text: &str) -> Result<(), QueryError> {
        let mut interrupts = self.database.interrupts()?;
        for sql in statements(text) {
            let answered = self.database.answer_unless_interrupted(
                &sql,
                format(self.format),
                &mut interrupts,
                &mut io::stdout(),
            );
            match answered? {
                Some(rows) => say(&rows_text(rows)),
                None => {
                    say("\nended; there may be more rows");
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Data, which goes to stdout.
fn print<'l>(lines: impl Iterator<Item = &'l str>) {
    let mut stdout = io::stdout().lock();
    for line in lines {
        let _ = writeln!(stdout, "{line}");
    }
}

fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn told(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |&error| error.source());
    let causes = causes.map(|cause| format!("\n  because: {cause}"));
    format!("error: {error}{}", causes.collect::<String>())
}

fn terminal_failed(error: ReadlineError) -> AnswerError {
    AnswerError::Terminal(io::Error::other(error))
}

fn open(completion: Completion) -> Result<Terminal, ReadlineError> {
    let settings = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .build();
    let mut terminal = Editor::with_config(settings)?;
    terminal.set_helper(Some(completion));
    Ok(terminal)
}

fn history_file() -> Option<PathBuf> {
    let state = match env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()) {
        Some(state) => PathBuf::from(state),
        None => PathBuf::from(env::var_os("HOME")?).join(".local/state"),
    };
    let directory = state.join("plumbline");
    fs::create_dir_all(&directory).ok()?;
    Some(directory.join("query-history"))
}

/// What the editor asks while a line is typed.
struct Completion(Names);

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.0.complete(&line[..position]))
    }
}

impl Validator for Completion {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input().trim();
        let is_whole = text.is_empty() || text.starts_with('\\') || is_ended(text);
        Ok(match is_whole {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Helper for Completion {}
