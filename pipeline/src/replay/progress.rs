//! How far a replay is, for whoever watches the terminal.

use std::io::{IsTerminal, Read};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The progress bar; nothing where stderr is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
}

/// Counts a file by its rows.
pub(super) struct Counter {
    bar: ProgressBar,
    bytes_per_step: u64,
    rows: u64,
}

impl Counter {
    pub(super) fn row(&mut self) {
        self.rows += 1;
        if self.rows.is_multiple_of(STEP) {
            self.bar.inc(self.bytes_per_step);
        }
    }
}

/// The bar is told of events in steps of this many.
const STEP: u64 = 4096;

impl Progress {
    /// For so many bytes of input; 0 where that is not known.
    pub(super) fn new(bytes: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::hidden();
        }
        let (bar, template) = match bytes {
            0 => (
                ProgressBar::new_spinner(),
                "{spinner} {bytes} {elapsed}  {msg}",
            ),
            bytes => (
                ProgressBar::new(bytes),
                "{bar:32} {percent:>3} %  {bytes}/{total_bytes}  {msg}  {eta} left",
            ),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        // The templates are constants; one that is wrong shows as the default bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// The same bytes, counted as they are read.
    pub(super) fn counting(&self, raw: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        Box::new(self.bar.wrap_read(raw))
    }

    /// For a file of so many bytes and rows, which is counted by its rows, of which so many were read before.
    pub(super) fn counter(&self, bytes: u64, rows: u64, before: u64) -> Counter {
        let bytes_per_step = bytes * STEP / rows.max(1);
        self.pass(before / STEP * bytes_per_step);
        Counter {
            bar: self.bar.clone(),
            bytes_per_step,
            rows: before,
        }
    }

    /// Shows so many bytes as read, which says nothing of how fast they are.
    pub(super) fn pass(&self, bytes: u64) {
        if bytes > 0 {
            self.bar.inc(bytes);
            self.bar.reset_eta();
        }
    }

    /// Shows nothing.
    pub(super) fn hidden() -> Self {
        let bar = ProgressBar::hidden();
        Self { bar }
    }

    /// So many bytes were read.
    pub(super) fn read(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// Shows how many events have been applied, the first of them by a process before.
    pub(super) fn events(&self, before: u64, since: u64) {
        if since.is_multiple_of(STEP) && !self.bar.is_hidden() {
            let seconds = self.bar.elapsed().as_secs_f64().max(0.001);
            let (events, rate) = (before + since, since as f64 / seconds);
            self.bar
                .set_message(format!("{events} events, {rate:.0}/s"));
        }
    }

    /// Shows this beside the bar.
    pub(super) fn tell(&self, text: impl FnOnce() -> String) {
        if !self.bar.is_hidden() {
            self.bar.set_message(text());
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
