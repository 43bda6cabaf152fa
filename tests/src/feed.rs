//! A story told to a line that runs, a day at a time.

use std::time::Duration;

use crate::cluster::Raw;
use crate::line::Line;
use crate::story::{DAY, Told};
use crate::wait;

const DAY_LIMIT: Duration = Duration::from_secs(60);

/// Writes a story to the topics of its formats. The next day comes once all of the day before is in
/// the log: as logs come in, and not as a backlog.
pub fn day_by_day(line: &Line, story: &[Told]) {
    let log = line.topic("events");
    let mut written: i64 = line.reader.ends(&log).iter().sum();
    for day in story.chunk_by(|one, next| one.at.div_euclid(DAY) == next.at.div_euclid(DAY)) {
        write(line, day);
        written += day.len() as i64;
        wait::until(&format!("{written} events in the log"), DAY_LIMIT, || {
            let ends: i64 = line.reader.ends(&log).iter().sum();
            if ends >= written {
                Ok(())
            } else {
                Err(format!("{ends} so far"))
            }
        });
    }
}

/// Writes a story at once.
pub fn write(line: &Line, story: &[Told]) {
    let mut formats: Vec<&str> = story.iter().map(|told| told.format).collect();
    formats.sort_unstable();
    formats.dedup();
    for format in formats {
        let records: Vec<Raw> = story
            .iter()
            .filter(|told| told.format == format)
            .map(|told| told.raw.clone())
            .collect();
        line.write_raw(format, &records);
    }
}
