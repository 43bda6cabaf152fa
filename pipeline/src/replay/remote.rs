//! Results that belong into a bucket: they are put together on this machine, and go there once they are whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plumbline_schemas::archive::is_in_bucket;
use tempfile::TempDir;

use super::ReplayError;
use crate::analyst::Buckets;

/// What stands for the results in the meantime.
pub(super) struct Remote {
    buckets: Buckets,
    out: PathBuf,
    spool: TempDir,
}

impl Remote {
    /// Nothing where the results belong on this machine. In a bucket nothing is replaced.
    pub(super) fn begin(out: &Path) -> Result<Option<Self>, ReplayError> {
        if !is_in_bucket(out) {
            return Ok(None);
        }
        let begun = || {
            let buckets = Buckets::new()?;
            let is_free = buckets.list(out)?.is_empty();
            let spool = tempfile::tempdir()?;
            Ok((
                is_free,
                Self {
                    buckets,
                    out: out.to_owned(),
                    spool,
                },
            ))
        };
        match begun().map_err(|source| failed(out, source))? {
            (true, remote) => Ok(Some(remote)),
            (false, _) => Err(ReplayError::Taken(out.to_owned())),
        }
    }

    pub(super) fn spool(&self) -> &Path {
        self.spool.path()
    }

    /// Sends what has been written. The summary comes last: where it is, all the rest is.
    pub(super) fn publish(self) -> Result<(), ReplayError> {
        let spool = self.spool();
        let mut files = Vec::new();
        below(spool, &mut files).map_err(|source| failed(spool, source))?;
        files.sort_by_key(|path| path.ends_with("summary.json"));
        for file in files {
            let to = self.out.join(file.strip_prefix(spool).unwrap_or(&file));
            let sent = self.buckets.upload(&file, &to);
            sent.map_err(|source| failed(&to, source))?;
        }
        Ok(())
    }
}

fn below(directory: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        match path.is_dir() {
            true => below(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> ReplayError {
    ReplayError::Write {
        path: path.to_owned(),
        source,
    }
}
