//! Which files the inputs name, which of them are read as one, and their bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use plumbline_schemas::archive::{Segment, counted};

use super::ReplayError;
use super::progress::Progress;

/// The word for stdin.
pub(super) const STDIN: &str = "-";

/// The first bytes of every Parquet file.
pub(super) const PARQUET: [u8; 4] = *b"PAR1";

/// Every file the inputs name: in the order given, globs and directories by file name.
pub(super) fn expand(inputs: &[String]) -> Result<Vec<PathBuf>, ReplayError> {
    let mut files = Vec::new();
    for input in inputs {
        let path = Path::new(input);
        let before = files.len();
        if input == STDIN {
            files.push(path.to_owned());
        } else if path.exists() {
            walk(path, &mut files)?;
        } else {
            let matches = glob::glob(input).map_err(|_| ReplayError::NoInput(input.clone()))?;
            for found in matches {
                let found = found.map_err(|error| ReplayError::Read {
                    path: error.path().to_owned(),
                    offset: 0,
                    source: error.into(),
                })?;
                walk(&found, &mut files)?;
            }
        }
        if files.len() == before {
            return Err(ReplayError::NoInput(input.clone()));
        }
    }
    Ok(files)
}

/// The same files, those together that are read one behind the other: of a service's archive the files of a
/// partition, since one may begin at an earlier time than the last has ended. Those that do not count are left out.
pub(super) fn in_sequence(files: Vec<PathBuf>) -> Vec<Vec<PathBuf>> {
    let mut sequences = Vec::new();
    let mut partitions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for path in files {
        match Segment::of(&path) {
            None => sequences.push(vec![path]),
            Some(segment) => {
                let directory = path.parent().map(Path::to_owned);
                let key = (directory, segment.partition);
                partitions.entry(key).or_default().push((segment, path));
            }
        }
    }
    let partitions = partitions.into_values().map(counted);
    sequences.extend(partitions.map(|files| files.into_iter().map(|(_, path)| path).collect()));
    sequences
}

/// What a sequence is called.
pub(super) fn name(sequence: &[PathBuf]) -> String {
    match sequence {
        [first, _, ..] if let Some(segment) = Segment::of(first) => {
            let files = format!("*-p{:03}-*.parquet", segment.partition);
            first.with_file_name(files).display().to_string()
        }
        sequence => sequence
            .first()
            .map_or_else(String::new, |path| path.display().to_string()),
    }
}

/// Bytes of all files together, before decompression; stdin counts for nothing.
pub(super) fn total_bytes<'p>(files: impl Iterator<Item = &'p PathBuf>) -> u64 {
    files
        .filter_map(|path| path.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), ReplayError> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let failed = |source| ReplayError::Read {
        path: path.to_owned(),
        offset: 0,
        source,
    };
    let mut entries = Vec::new();
    for entry in path.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            entries.push(entry.path());
        }
    }
    entries.sort();
    entries.iter().try_for_each(|entry| walk(entry, files))
}

/// Opens a file; gzip and Zstandard are known by their first bytes, whatever the name says.
pub(super) fn open(path: &Path, progress: &Progress) -> io::Result<Box<dyn BufRead + Send>> {
    let raw: Box<dyn Read + Send> = if path == Path::new(STDIN) {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path)?)
    };
    let mut raw = BufReader::with_capacity(1 << 17, progress.counting(raw));
    // A pipe may give its first bytes one by one.
    let mut head = Vec::with_capacity(4);
    raw.by_ref().take(4).read_to_end(&mut head)?;
    if head == PARQUET {
        return Err(io::Error::other(
            "Parquet is read from its end and cannot come through a pipe; name the file",
        ));
    }
    let (gzip, zstd) = (
        head.starts_with(&[0x1f, 0x8b]),
        head == [0x28, 0xb5, 0x2f, 0xfd],
    );
    let whole = io::Cursor::new(head).chain(raw);
    Ok(if gzip {
        Box::new(BufReader::with_capacity(
            1 << 17,
            flate2::bufread::MultiGzDecoder::new(whole),
        ))
    } else if zstd {
        Box::new(BufReader::with_capacity(
            1 << 17,
            zstd::Decoder::with_buffer(whole)?,
        ))
    } else {
        Box::new(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_partition_are_one_sequence() {
        let name = |partition: i32, first: i64, last: i64| {
            PathBuf::from(format!(
                "a/2026-11-20-p{partition:03}-{first:012}-{last:012}.parquet"
            ))
        };
        let other = PathBuf::from("a/2026-11-20.parquet");
        let files = vec![
            name(0, 0, 9),
            name(0, 20, 29),
            name(1, 0, 9),
            name(0, 0, 19),
            other.clone(),
        ];
        let sequences = in_sequence(files);
        let zero = vec![name(0, 0, 19), name(0, 20, 29)];
        let expected = [vec![other], zero, vec![name(1, 0, 9)]];
        assert_eq!(sequences, expected);
        let names: Vec<String> = sequences.iter().map(|files| super::name(files)).collect();
        assert_eq!(
            names,
            [
                "a/2026-11-20.parquet",
                "a/*-p000-*.parquet",
                "a/2026-11-20-p001-000000000000-000000000009.parquet"
            ]
        );
    }
}
