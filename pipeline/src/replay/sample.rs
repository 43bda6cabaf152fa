//! Some records through a log format, to see what comes of each: `plumbline check --sample`.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use plumbline_schemas::drift::DriftCounts;
use plumbline_schemas::formats::Decoded;
use plumbline_schemas::shown::plain;

use super::ReplayError;
use super::inputs::Inputs;
use super::place::At;
use super::progress::Progress;
use super::reader::Reader;
use super::records::Next;
use crate::config::SourceConfig;
use crate::enrich::Enricher;
use crate::log_format::LogFormat;
use crate::normalise::Normaliser;

/// What came of the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// A line for each thing that came of a record, and what it came to.
    pub text: String,
    /// Raw records.
    pub records: u64,
    /// Events in them.
    pub events: u64,
    /// Parts that say nothing of any identity.
    pub skipped: u64,
    /// Parts that would go to the dead letter.
    pub rejected: u64,
    /// Where they are not what the format expects.
    pub drift: DriftCounts,
}

/// Reads the records of these paths as those of this source, whose topic is not asked for.
///
/// Nothing is added from `[geo]`, and no clock refuses a time that is ahead.
pub fn sample(paths: &[String], source: &SourceConfig) -> Result<Sampled, ReplayError> {
    let normaliser = Normaliser::new(
        LogFormat::of(source)?,
        source.tenant.as_deref(),
        Arc::new(Enricher::none()),
    )?;
    let mut sampled = Sampled::default();
    let (inputs, files) = Inputs::expand(paths)?;
    for path in &files {
        let name = (files.len() > 1).then(|| format!("{}:", path.display()));
        sampled.file(
            &inputs,
            path,
            &name.unwrap_or_default(),
            &source.format,
            &normaliser,
        )?;
    }
    sampled.sum_up();
    Ok(sampled)
}

impl Sampled {
    fn file(
        &mut self,
        inputs: &Inputs,
        path: &Path,
        name: &str,
        format: &str,
        normaliser: &Normaliser,
    ) -> Result<(), ReplayError> {
        let progress = Progress::new(0);
        let mut reader = Reader::open(inputs, path, At::START, format, &progress)?;
        let mut record = Vec::new();
        while let Next::Record = reader.next(path, &mut record)? {
            self.records += 1;
            let place = format!("{name}{}", reader.line());
            normaliser.decode(record.trim_ascii(), &mut |decoded| {
                self.note(&place, decoded)
            });
        }
        Ok(())
    }

    fn note(&mut self, place: &str, decoded: Decoded<'_>) {
        // Writing to a `String` cannot fail, nor can an event be no JSON.
        let _ = match decoded {
            Decoded::Event(event) => {
                self.events += 1;
                let json = serde_json::to_string(&event).unwrap_or_default();
                writeln!(self.text, "{place} event {json}")
            }
            Decoded::Skipped(why) => {
                self.skipped += 1;
                writeln!(self.text, "{place} skipped: {}", plain(&why))
            }
            Decoded::Rejected(reject) => {
                self.rejected += 1;
                writeln!(
                    self.text,
                    "{place} rejected: {}",
                    plain(&reject.to_string())
                )
            }
            Decoded::Drift(drift) => {
                self.drift.add(&drift);
                writeln!(self.text, "{place} drift: {} {}", drift.field, drift.kind)
            }
        };
    }

    fn sum_up(&mut self) {
        let _ = writeln!(
            self.text,
            "\n{} records: {} events, {} skipped, {} rejected",
            self.records, self.events, self.skipped, self.rejected
        );
        if !self.drift.is_empty() {
            let _ = writeln!(self.text, "drift: {}", self.drift);
        }
    }
}
