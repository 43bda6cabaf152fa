//! What can be wrong with a configuration, and how it is shown.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, NamedSource,
    SourceCode, SourceSpan, SpanContents,
};

use super::mask::mask;
use super::problem::Note;
use super::read::MOST_NOTES;
use super::secret::SecretError;
use crate::log_format::FormatError;
use crate::telemetry::CollectorError;

/// What can be wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read; correct the path, or let this user read the file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file can be read but is wrong.
    #[error(transparent)]
    Invalid(#[from] Box<InvalidFile>),
    /// A `[kafka.properties]` value cannot be resolved.
    #[error("the value of kafka.properties.\"{name}\" cannot be had")]
    Property {
        /// Name of the property.
        name: String,
        /// Why.
        source: SecretError,
    },
    /// The secret of a receiver or target cannot be resolved.
    #[error("the value of {key} of the {owner} cannot be had")]
    Token {
        /// Whose it is, such as "receiver `okta`".
        owner: String,
        /// Name of the key.
        key: &'static str,
        /// Why.
        source: SecretError,
    },
    /// The secret of a receiver or target is empty.
    #[error("the {key} of the {owner} is empty; put a secret there")]
    EmptyToken {
        /// Whose it is, such as "receiver `okta`".
        owner: String,
        /// Name of the key.
        key: &'static str,
    },
    /// The program of a source.
    #[error("the log format of {section} cannot be had")]
    Program {
        /// The source, or `[replay]`.
        section: String,
        /// Why.
        source: FormatError,
    },
    /// The collector of the log.
    #[error(transparent)]
    Collector(#[from] CollectorError),
    /// An environment variable that overrides the file is wrong.
    #[error("{variable}: {message}")]
    Environment {
        /// Name of the variable.
        variable: &'static str,
        /// What is wrong, and what would be right.
        message: String,
    },
}

/// Everything that is wrong with one file.
#[derive(Debug)]
pub struct InvalidFile {
    path: PathBuf,
    mistakes: Vec<Mistake>,
}

/// One mistake, with the lines that it is in.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
struct Mistake {
    message: String,
    #[help]
    help: Option<String>,
    #[source_code]
    text: NamedSource<WholeLines>,
    #[label(collection)]
    labels: Vec<LabeledSpan>,
    line: usize,
    column: usize,
}

impl InvalidFile {
    pub(super) fn new(path: &Path, text: &str, notes: Vec<Note>) -> Self {
        let shown: Arc<str> = mask(text).into();
        let mistake = |note: Note| {
            let (line, column) = line_and_column(text, note.position());
            let labels = note.labels.into_iter();
            Mistake {
                message: note.message,
                help: note.help,
                text: NamedSource::new(path.display().to_string(), WholeLines(Arc::clone(&shown))),
                labels: labels
                    .map(|(span, words)| LabeledSpan::new_with_span(Some(words), span))
                    .collect(),
                line,
                column,
            }
        };
        Self {
            path: path.to_owned(),
            mistakes: notes.into_iter().map(mistake).collect(),
        }
    }

    /// Every mistake with its line and a caret, for a terminal.
    pub fn render(&self, theme: GraphicalTheme, width: usize) -> String {
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_context_lines(1)
            .with_width(width);
        let mut text = String::new();
        for mistake in &self.mistakes {
            // Writing to a `String` cannot fail.
            let _ = handler.render_report(&mut text, mistake);
            text.push('\n');
        }
        let count = match self.mistakes.len() {
            1 => "1 mistake".to_owned(),
            MOST_NOTES => format!("{MOST_NOTES} mistakes; there may be more"),
            several => format!("{several} mistakes"),
        };
        text.push_str(&format!("{}: {count}\n", self.path.display()));
        text
    }
}

/// Text that is quoted in whole lines, and no more of them than the mistake is in.
#[derive(Debug)]
struct WholeLines(Arc<str>);

impl SourceCode for WholeLines {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        if lines_before + lines_after == 0 {
            // Asked for the place of the span, not for something to show.
            return self.0.read_span(span, 0, 0);
        }
        let (start, end) = (span.offset(), span.offset() + span.len());
        let before = self.0.get(..start).ok_or(MietteError::OutOfBounds)?;
        let after = self.0.get(end..).ok_or(MietteError::OutOfBounds)?;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let end = end + after.find('\n').unwrap_or(after.len());
        self.0.read_span(&(start..end).into(), 0, 0)
    }
}

impl fmt::Display for InvalidFile {
    /// One line per mistake, as compilers write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let Mistake {
                line,
                column,
                message,
                help,
                ..
            } = mistake;
            write!(f, "{}:{line}:{column}: {message}", self.path.display())?;
            if let Some(help) = help {
                write!(f, "; {help}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for InvalidFile {}

/// Both from 1, columns in characters.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
