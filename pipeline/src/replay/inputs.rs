//! Which files the inputs name, which of them are read as one, and their bytes.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use plumbline_schemas::archive::{Segment, counted, is_in_bucket};

use super::ReplayError;
use super::progress::Progress;
use crate::analyst::Buckets;

/// The word for stdin.
pub(super) const STDIN: &str = "-";

/// So much of a file is read before it is known what it is.
const HEAD_BYTES: usize = 1024;

/// The first bytes of every Parquet file.
const PARQUET: [u8; 4] = *b"PAR1";

/// The files that the inputs name, on this machine or in buckets.
pub(super) struct Inputs {
    buckets: Option<Buckets>,
    /// Bytes of what is in buckets.
    sizes: HashMap<PathBuf, u64>,
}

impl Inputs {
    /// With every file the inputs name: in the order given, globs and directories by file name.
    pub(super) fn expand(inputs: &[String]) -> Result<(Self, Vec<PathBuf>), ReplayError> {
        let mut expanded = Self {
            buckets: None,
            sizes: HashMap::new(),
        };
        let mut files = Vec::new();
        for input in inputs {
            let path = Path::new(input);
            let before = files.len();
            if input == STDIN {
                files.push(path.to_owned());
            } else if is_in_bucket(path) {
                expanded
                    .look_into(path, &mut files)
                    .map_err(|source| read_failed(path, source))?;
            } else if path.exists() {
                walk(path, &mut files)?;
            } else {
                let matches = glob::glob(input).map_err(|_| ReplayError::NoInput(input.clone()))?;
                for found in matches {
                    let found = found
                        .map_err(|error| read_failed(&PathBuf::from(error.path()), error.into()))?;
                    walk(&found, &mut files)?;
                }
            }
            if files.len() == before {
                return Err(ReplayError::NoInput(input.clone()));
            }
        }
        Ok((expanded, files))
    }

    /// An object, all that are below a directory, or those that a glob matches.
    fn look_into(&mut self, path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
        let buckets = match self.buckets.take() {
            Some(buckets) => buckets,
            None => Buckets::new()?,
        };
        let mut found = buckets.list(path)?;
        if found.is_empty() {
            let size = buckets.size(path)?;
            found.extend(size.map(|size| (path.to_owned(), size)));
        }
        let text = path.to_string_lossy();
        if let Some(wild) = text.find(['*', '?', '['])
            && found.is_empty()
        {
            let above = text[..wild].rsplit_once('/').map_or("", |(above, _)| above);
            let pattern = Pattern::new(&text).map_err(io::Error::other)?;
            let options = MatchOptions {
                require_literal_separator: true,
                ..MatchOptions::default()
            };
            found = buckets.list(Path::new(above))?;
            found.retain(|(path, _)| pattern.matches_path_with(path, options));
        }
        files.extend(found.iter().map(|(path, _)| path.clone()));
        self.sizes.extend(found);
        self.buckets = Some(buckets);
        Ok(())
    }

    /// Bytes of all files together, before decompression; stdin counts for nothing.
    pub(super) fn total_bytes<'p>(&self, files: impl Iterator<Item = &'p PathBuf>) -> u64 {
        files.filter_map(|path| self.bytes(path)).sum()
    }

    /// Bytes of one of them.
    pub(super) fn bytes(&self, path: &Path) -> Option<u64> {
        let size = self.sizes.get(path).copied();
        size.or_else(|| Some(path.metadata().ok()?.len()))
    }

    /// A file of Parquet, which is read from its end; nothing if it is none. Of a pipe nothing is read here: what was
    /// read could not be given back.
    pub(super) fn parquet(&self, path: &Path) -> io::Result<Option<File>> {
        if let Some(buckets) = self.buckets_of(path) {
            let size = self.bytes(path).unwrap_or(0);
            let is_parquet = size >= 4 && buckets.bytes(path, 0..4)? == PARQUET;
            return is_parquet.then(|| buckets.fetch(path)).transpose();
        }
        if !path.is_file() {
            return Ok(None);
        }
        let mut file = File::open(path)?;
        let mut head = Vec::with_capacity(4);
        file.by_ref().take(4).read_to_end(&mut head)?;
        Ok((head == PARQUET).then_some(file))
    }

    /// Opens a file behind so many bytes of its content; gzip and Zstandard are known by their first bytes, whatever
    /// the name says.
    pub(super) fn open(
        &self,
        path: &Path,
        offset: u64,
        progress: &Progress,
    ) -> io::Result<Box<dyn BufRead + Send>> {
        let raw: Box<dyn Read + Send> = if path == Path::new(STDIN) {
            Box::new(io::stdin())
        } else if let Some(buckets) = self.buckets_of(path) {
            buckets.read(path)?
        } else {
            let mut file = File::open(path)?;
            if offset > 0 && is_plain(&mut file)? {
                file.seek(SeekFrom::Start(offset))?;
                progress.pass(offset);
                let rest = progress.counting(Box::new(file));
                return Ok(Box::new(BufReader::with_capacity(1 << 17, rest)));
            }
            Box::new(file)
        };
        let mut input = decompressed(progress.counting(raw))?;
        skip(&mut *input, offset)?;
        Ok(input)
    }

    /// Whether it holds the same when it is opened again: a pipe does not.
    pub(super) fn may_be_reopened(&self, path: &Path) -> bool {
        let is_file = || path.metadata().is_ok_and(|metadata| metadata.is_file());
        path != Path::new(STDIN) && (self.buckets_of(path).is_some() || is_file())
    }

    fn buckets_of(&self, path: &Path) -> Option<&Buckets> {
        self.buckets.as_ref().filter(|_| is_in_bucket(path))
    }
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

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), ReplayError> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let failed = |source| read_failed(path, source);
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

fn read_failed(path: &Path, source: io::Error) -> ReplayError {
    ReplayError::Read {
        path: path.to_owned(),
        offset: 0,
        source,
    }
}

/// Whether it begins with a frame of Zstandard that holds no data, as parallel compressors write one first.
fn is_skippable(head: &[u8]) -> bool {
    head.first().is_some_and(|first| first & 0xf0 == 0x50) && head[1..].starts_with(b"\x2a\x4d\x18")
}

/// How content is packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstandard,
}

impl Packing {
    /// By the first bytes.
    fn of(head: &[u8]) -> Self {
        if head.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || is_skippable(head) {
            Self::Zstandard
        } else {
            Self::Plain
        }
    }
}

/// Whether a file is read as it is; it stands at its beginning again afterwards.
fn is_plain(file: &mut File) -> io::Result<bool> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    file.rewind()?;
    Ok(Packing::of(&head) == Packing::Plain)
}

/// Reads on without looking.
fn skip(input: &mut dyn BufRead, bytes: u64) -> io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let there = input.fill_buf()?.len() as u64;
        if there == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let read = there.min(left);
        input.consume(read as usize);
        left -= read;
    }
    Ok(())
}

fn decompressed(raw: impl Read + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    let mut raw = BufReader::with_capacity(1 << 17, raw);
    // A pipe may give its first bytes one by one. Enough of them to see how the first line begins.
    let mut head = Vec::with_capacity(HEAD_BYTES);
    raw.by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    if head.starts_with(&PARQUET) {
        return Err(io::Error::other(
            "Parquet is read from its end and cannot come through a pipe; name the file",
        ));
    }
    let packing = Packing::of(&head);
    let whole = io::Cursor::new(head).chain(raw);
    Ok(match packing {
        Packing::Gzip => Box::new(BufReader::with_capacity(
            1 << 17,
            flate2::bufread::MultiGzDecoder::new(whole),
        )),
        Packing::Zstandard => Box::new(BufReader::with_capacity(
            1 << 17,
            zstd::Decoder::with_buffer(whole)?,
        )),
        Packing::Plain => Box::new(whole),
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
