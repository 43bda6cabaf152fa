//! How far the demo is, on stderr: a bar on a terminal, a few lines elsewhere.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// Tells how far the demo is.
#[derive(Debug)]
pub enum Progress {
    /// For a terminal.
    Bar(ProgressBar),
    /// For a file or a pipe: a line for each phase.
    Lines,
    /// For tests.
    Silent,
}

impl Progress {
    /// What suits stderr.
    pub fn for_stderr() -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::no_length();
        bar.set_style(style("{spinner} {msg}"));
        Self::Bar(bar)
    }

    /// A new phase begins.
    pub(super) fn phase(&self, what: &str) {
        match self {
            Self::Bar(bar) => bar.set_message(what.to_owned()),
            Self::Lines => {
                // Where stderr is closed there is nobody to tell.
                let _ = writeln!(io::stderr(), "demo: {what}");
            }
            Self::Silent => {}
        }
    }

    /// So many of all events are in the log.
    pub(super) fn at(&self, events: u64, all: u64) {
        if let Self::Bar(bar) = self {
            if bar.length().is_none() {
                bar.set_length(all);
                bar.set_style(style("{msg:<44} {bar:30} {human_pos}/{human_len} events"));
            }
            bar.set_position(events);
        }
    }

    /// Nothing more is to come.
    pub(super) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // These templates are right; a wrong one would only look different.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
