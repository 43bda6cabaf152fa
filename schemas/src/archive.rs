//! The files of a service's archive, by their names: what each holds, and which of them count.
//!
//! `2026-11-25-p003-000000000120-000000000480.parquet` holds what partition 3 of a topic has between the
//! offsets 120 and 480, both included, of the day on which the clock of that partition stood at its first row.
//! A file that takes the place of several smaller ones spans their offsets, and stands beside them for a while:
//! what lies within another file does not count. Everything that reads such files keeps to [`counted`].

use std::fmt;
use std::ops::Range;
use std::path::Path;

use crate::time::EventTime;

const END: &str = ".parquet";
/// How URLs of buckets begin.
pub const BUCKET_SCHEME: &str = "s3://";
/// `2026-11-25`
const DAY_BYTES: usize = 10;
const DAY_MILLIS: i64 = 86_400_000;

/// Whether a path is the URL of a bucket, or of what is in one.
pub fn is_in_bucket(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|path| path.starts_with(BUCKET_SCHEME))
}

/// A day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// The day of a time.
    pub const fn of(time: EventTime) -> Self {
        Self(time.as_millis().div_euclid(DAY_MILLIS))
    }

    fn parse(text: &str) -> Option<Self> {
        EventTime::parse(&format!("{text}T00:00:00Z")).map(Self::of)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let midnight = EventTime::from_millis(self.0.saturating_mul(DAY_MILLIS)).to_string();
        f.write_str(midnight.split('T').next().unwrap_or(&midnight))
    }
}

/// What a file of the archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The partition of the topic.
    pub partition: i32,
    /// The offset of the first row.
    pub first: i64,
    /// The offset of the last row.
    pub last: i64,
    /// The day. Within a partition days never go back from file to file.
    pub day: Day,
}

impl Segment {
    /// What a file of this name holds; nothing known of a file with any other sort of name.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(END)?;
        let (day, rest) = name.split_at_checked(DAY_BYTES)?;
        let mut numbers = rest.strip_prefix("-p")?.split('-');
        let mut next = || numbers.next().filter(|digits| is_number(digits));
        let partition = next()?.parse().ok()?;
        let (first, last) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let ends = numbers.next().is_none();
        let day = Day::parse(day)?;
        (ends && first <= last).then_some(Self {
            partition,
            first,
            last,
            day,
        })
    }

    /// The same of the file at a path.
    pub fn of(path: &Path) -> Option<Self> {
        Self::parse(path.file_name()?.to_str()?)
    }

    /// Whether every row of it is in that one too.
    fn lies_within(&self, other: &Self) -> bool {
        self.partition == other.partition && other.first <= self.first && self.last <= other.last
    }
}

/// The name of the file.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, partition, first, last) = (self.day, self.partition, self.first, self.last);
        write!(f, "{day}-p{partition:03}-{first:012}-{last:012}{END}")
    }
}

/// The files that count, in the order of partitions and offsets.
pub fn counted<F>(mut files: Vec<(Segment, F)>) -> Vec<(Segment, F)> {
    // Of those that begin at one offset the longest comes first.
    files.sort_by(|(a, _), (b, _)| {
        let key = |segment: &Segment| (segment.partition, segment.first);
        key(a).cmp(&key(b)).then(b.last.cmp(&a.last))
    });
    files.dedup_by(|(next, _), (kept, _)| next.lies_within(kept));
    files
}

/// Which neighbours among these rows of files, of one partition each on its day, may become one file of at most
/// so many rows: of days that are over. A file that is large enough stays what it is.
pub fn to_merge(files: &[(Segment, usize)], most_rows: usize) -> Vec<Range<usize>> {
    let today = files.last().map(|(segment, _)| segment.day);
    let (mut groups, mut start, mut rows) = (Vec::new(), 0, 0);
    for (at, (segment, own)) in files.iter().enumerate() {
        let is_new_day = segment.day != files[start].0.day;
        if at > start && (is_new_day || rows + own > most_rows) {
            groups.push(start..at);
            (start, rows) = (at, 0);
        }
        rows += own;
    }
    groups.push(start..files.len());
    groups.retain(|group| group.len() > 1 && Some(files[group.start].0.day) != today);
    groups
}

fn is_number(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(day: u32, partition: i32, first: i64, last: i64) -> Segment {
        let day = Day::parse(&format!("2026-11-{day:02}")).unwrap();
        Segment {
            partition,
            first,
            last,
            day,
        }
    }

    #[test]
    fn a_name_says_what_the_file_holds() {
        let name = "2026-11-25-p003-000000000120-000000000480.parquet";
        assert_eq!(segment(25, 3, 120, 480).to_string(), name);
        assert_eq!(Segment::parse(name), Some(segment(25, 3, 120, 480)));
        let large = segment(1, 12_345, 7, 1_234_567_890_123_456);
        assert_eq!(Segment::parse(&large.to_string()), Some(large));
        for other in [
            "2026-11-25.parquet",
            "empty.parquet",
            "2026-11-25-p003-000000000120.parquet",
            "2026-11-25-p003-480-120.parquet",
            "2026-11-25-p003-1-2-3.parquet",
            "2026-11-25-p003-+1-2.parquet",
            "26-11-2025-p003-1-2.parquet",
            "2026-11-25-p003-1-2.parquet.gz",
            "2026-11-2é-p003-1-2.parquet",
        ] {
            assert_eq!(Segment::parse(other), None, "{other}");
        }
        let noon = EventTime::from_millis(1_795_176_000_000);
        assert_eq!(Day::of(noon).to_string(), "2026-11-20");
    }

    #[test]
    fn what_lies_within_another_does_not_count() {
        let of = |partition, first, last| (segment(1, partition, first, last), ());
        let files = vec![
            of(1, 0, 9),
            of(0, 20, 29),
            of(0, 10, 19),
            of(0, 0, 9),
            of(0, 0, 19),
            of(0, 20, 20),
            of(0, 30, 30),
        ];
        let kept = counted(files);
        assert_eq!(
            kept,
            [of(0, 0, 19), of(0, 20, 29), of(0, 30, 30), of(1, 0, 9)]
        );
    }

    #[test]
    fn small_files_of_a_day_that_is_over_become_one() {
        let files = [
            (segment(1, 0, 0, 9), 4),
            (segment(1, 0, 10, 19), 3),
            (segment(1, 0, 20, 29), 6),
            (segment(2, 0, 30, 30), 1),
            (segment(3, 0, 31, 40), 11),
            (segment(3, 0, 41, 42), 1),
            (segment(3, 0, 43, 44), 1),
            (segment(4, 0, 45, 46), 1),
            (segment(4, 0, 47, 48), 1),
        ];
        assert_eq!(to_merge(&files, 10), [0..2, 5..7]);
        assert!(to_merge(&files[..3], 10).is_empty(), "the day goes on");
        assert!(to_merge(&[], 10).is_empty());
    }
}
