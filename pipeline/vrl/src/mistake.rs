//! What is wrong with a program, and where.

use std::fmt;

use vrl::diagnostic::{Diagnostic, DiagnosticList};

/// One mistake in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column in it, in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What would be right, where that is known.
    pub help: Option<String>,
}

impl Mistake {
    /// A mistake at a byte of the source.
    pub(crate) fn at(source: &str, byte: usize, what: impl Into<String>) -> Self {
        let before = source.get(..byte).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.into(),
            help: None,
        }
    }

    pub(crate) fn with(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// All that the compiler has found, in the order of the source.
    pub(crate) fn all(source: &str, list: &DiagnosticList) -> Vec<Self> {
        let mut found: Vec<(usize, Self)> = list
            .errors()
            .into_iter()
            .chain(list.bugs())
            .map(|diagnostic| Self::of(source, diagnostic))
            .collect();
        found.sort_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, mistake)| mistake).collect()
    }

    fn of(source: &str, diagnostic: &Diagnostic) -> (usize, Self) {
        let labels = diagnostic.labels();
        let place = labels.iter().find(|label| label.primary);
        let place = place.or(labels.first());
        let at = place.map_or(0, |label| label.span.start());
        let mut what = diagnostic.message().to_owned();
        if let Some(label) = place.filter(|label| !label.message.is_empty()) {
            what.push_str(": ");
            what.push_str(&label.message);
        }
        let hints = labels.iter().filter(|label| !label.primary);
        let hints: Vec<&str> = hints.map(|label| label.message.as_str()).collect();
        let mistake = Self::at(source, at, what);
        let mistake = match hints.is_empty() {
            true => mistake,
            false => mistake.with(hints.join("; ")),
        };
        (at, mistake)
    }
}

impl fmt::Display for Mistake {
    /// `3:7: what is wrong; what would be right`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}
