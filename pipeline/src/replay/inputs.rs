//! Which files the inputs name, and their bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

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

/// Bytes of all files together, before decompression; stdin counts for nothing.
pub(super) fn total_bytes(files: &[PathBuf]) -> u64 {
    files
        .iter()
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
