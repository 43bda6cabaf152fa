//! Raw logs: one file per source, each a pure function from an event to a record in the vendor's shape.
//!
//! A record says no more than the event and what the vendor would show beside it. Reading it with
//! `plumbline_schemas::formats` gives the event again, as far as the format can carry it: a test of
//! this crate compares the two for every event.

pub mod cloudtrail;
#[cfg(test)]
mod goldens;
pub mod kong;
pub mod native;
pub mod okta;
#[cfg(test)]
mod tests;

use plumbline_schemas::event::Event;

/// A format to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Plumbline's own events: every source can be written so.
    Native,
    /// Okta's System Log: people.
    Okta,
    /// AWS CloudTrail: roles, users, people in the cloud.
    CloudTrail,
    /// Kong's log plugins: callers of the gateway.
    Kong,
}

impl Output {
    /// In the order of the documentation.
    pub const ALL: &'static [Self] = &[Self::Native, Self::Okta, Self::CloudTrail, Self::Kong];

    /// Name of the format, as the normaliser has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Okta => "okta",
            Self::CloudTrail => "cloudtrail",
            Self::Kong => "kong",
        }
    }

    /// Where raw events of a source go: agents' runtimes write native events.
    pub fn of(event: &Event<'_>) -> Self {
        let source = event.source.as_deref().unwrap_or_default();
        Self::ALL
            .iter()
            .copied()
            .find(|output| output.name() == source)
            .unwrap_or(Self::Native)
    }
}

/// Writes raw records of one source, one to a line; some sources put several into one.
#[derive(Debug)]
pub struct Emitter {
    output: Output,
    /// Records of a batch that is not full yet.
    batch: Vec<String>,
    size: usize,
    batch_began: i64,
    emitted: u64,
}

/// A batch is closed after this many milliseconds, full or not.
const BATCH_MS: i64 = 30_000;

impl Emitter {
    /// An emitter that has written nothing yet.
    pub fn new(output: Output) -> Self {
        Self {
            output,
            batch: Vec::new(),
            size: 1,
            batch_began: 0,
            emitted: 0,
        }
    }

    /// Hands an event over; whatever is complete goes to `line`, without the line break.
    pub fn push<E>(
        &mut self,
        event: &Event<'_>,
        mut line: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let record = match self.output {
            Output::Native => return line(&native::record(event)),
            Output::Okta => return line(&okta::record(event)),
            Output::CloudTrail => cloudtrail::record(event),
            Output::Kong => kong::record(event),
        };
        let now = event.time.as_millis();
        if !self.batch.is_empty() && now - self.batch_began > BATCH_MS {
            self.flush(&mut line)?;
        }
        if self.batch.is_empty() {
            self.batch_began = now;
            self.size = self.batch_size();
        }
        self.batch.push(record);
        if self.batch.len() >= self.size {
            self.flush(&mut line)?;
        }
        Ok(())
    }

    /// Hands over what is waiting.
    pub fn finish<E>(&mut self, mut line: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        self.flush(&mut line)
    }

    /// Most records come alone, some in batches.
    fn batch_size(&mut self) -> usize {
        self.emitted += 1;
        let draw = crate::random::hash([self.emitted, self.batch_began as u64]);
        match draw % 6 {
            0 => 2 + (draw >> 8) as usize % 7,
            _ => 1,
        }
    }

    fn flush<E>(&mut self, line: &mut impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let joined = match (self.size, self.output) {
            (1, _) => self.batch.concat(),
            (_, Output::CloudTrail) => format!("{{\"Records\":[{}]}}", self.batch.join(",")),
            (_, _) => format!("[{}]", self.batch.join(",")),
        };
        self.batch.clear();
        line(&joined)
    }
}
