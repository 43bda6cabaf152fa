//! A file among the results. It is written under a temporary name, and renamed at the end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::ReplayError;

/// How much of a file is written, and what tells that from anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extent {
    bytes: u64,
    hash: u64,
}

/// Counts what goes through.
struct Counted<F> {
    inner: F,
    bytes: u64,
    hash: Xxh3,
}

impl<F> Counted<F> {
    fn new(inner: F) -> Self {
        Self {
            inner,
            bytes: 0,
            hash: Xxh3::new(),
        }
    }

    fn count(&mut self, passed: &[u8]) {
        self.bytes += passed.len() as u64;
        self.hash.update(passed);
    }

    fn extent(&self) -> Extent {
        Extent {
            bytes: self.bytes,
            hash: self.hash.digest(),
        }
    }
}

impl<F: Write> Write for Counted<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<F: Read> Read for Counted<F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.count(&bytes[..read]);
        Ok(read)
    }
}

/// A file that is being written.
pub(crate) struct Writing {
    file: BufWriter<Counted<File>>,
    temporary: PathBuf,
    path: PathBuf,
    /// Whether a checkpoint rests on it: then it stays when the replay fails.
    is_kept: bool,
}

fn temporary(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!(".{name}.partial"))
}

impl Writing {
    pub(crate) fn begin(directory: &Path, name: &str) -> Result<Self, ReplayError> {
        let temporary = temporary(directory, name);
        let file = File::create(&temporary).map_err(|source| failed(&temporary, source))?;
        let path = directory.join(name);
        Ok(Self::of(Counted::new(file), temporary, path))
    }

    fn of(file: Counted<File>, temporary: PathBuf, path: PathBuf) -> Self {
        Self {
            file: BufWriter::with_capacity(1 << 16, file),
            temporary,
            path,
            is_kept: false,
        }
    }

    /// Whether so much of a file is there, under either name: one that was interrupted has its last.
    pub(super) fn check(directory: &Path, name: &str, extent: Extent) -> io::Result<()> {
        find(directory, name, extent).map(drop)
    }

    /// Goes on behind so much of a file. The one that has its last name already stays as it is.
    pub(super) fn resume(
        directory: &Path,
        name: &str,
        extent: Extent,
    ) -> Result<Self, ReplayError> {
        let (temporary, path) = (temporary(directory, name), directory.join(name));
        let resumed = || {
            let (found, hash) = find(directory, name, extent)?;
            if found != temporary {
                let mut from = File::open(found)?.take(extent.bytes);
                io::copy(&mut from, &mut File::create(&temporary)?)?;
            }
            let inner = OpenOptions::new().append(true).open(&temporary)?;
            inner.set_len(extent.bytes)?;
            Ok(Counted {
                inner,
                bytes: extent.bytes,
                hash,
            })
        };
        let file = resumed().map_err(|source| failed(&temporary, source))?;
        let mut resumed = Self::of(file, temporary, path);
        resumed.is_kept = true;
        Ok(resumed)
    }

    /// Brings all there is to the disk, and says how much that is.
    pub(super) fn keep(&mut self) -> Result<Extent, ReplayError> {
        self.finish()?;
        let written = self.file.get_ref();
        { written.inner.sync_data() }.map_err(|source| failed(&self.temporary, source))?;
        self.is_kept = true;
        Ok(written.extent())
    }

    pub(crate) fn line(&mut self, value: &impl Serialize) -> Result<(), ReplayError> {
        let written = serde_json::to_writer(&mut self.file, value);
        self.end_line(written)
    }

    /// A value on lines of its own, for people.
    pub(crate) fn pretty(&mut self, value: &impl Serialize) -> Result<(), ReplayError> {
        let written = serde_json::to_writer_pretty(&mut self.file, value);
        self.end_line(written)
    }

    fn end_line(&mut self, written: serde_json::Result<()>) -> Result<(), ReplayError> {
        written.map_err(|error| match error.is_io() {
            // Such as a disk that is full.
            true => failed(&self.temporary, error.into()),
            false => ReplayError::Encode(error),
        })?;
        self.file
            .write_all(b"\n")
            .map_err(|source| failed(&self.temporary, source))
    }

    /// Flushed, not yet under its name.
    pub(crate) fn finish(&mut self) -> Result<(), ReplayError> {
        self.file
            .flush()
            .map_err(|source| failed(&self.temporary, source))
    }

    pub(crate) fn publish(&self) -> Result<(), ReplayError> {
        fs::rename(&self.temporary, &self.path).map_err(|source| failed(&self.path, source))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.is_kept {
            // Gone already when it was published.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Where a file begins with that, and the hash of it.
fn find(directory: &Path, name: &str, extent: Extent) -> io::Result<(PathBuf, Xxh3)> {
    for path in [temporary(directory, name), directory.join(name)] {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut begins = Counted::new(file.take(extent.bytes));
        io::copy(&mut begins, &mut io::sink())?;
        if begins.extent() == extent {
            return Ok((path, begins.hash));
        }
    }
    Err(io::Error::other(format!(
        "{name} does not begin with what was written of it"
    )))
}

pub(super) fn failed(path: &Path, source: io::Error) -> ReplayError {
    ReplayError::Write {
        path: path.to_owned(),
        source,
    }
}
