//! The directories of Parquet among the results of a replay, which the next replay into the same
//! directory replaces.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plumbline_schemas::archive::Segment;

use super::ReplayError;
use crate::analyst::Table;

/// One for each table.
const NAMES: [&str; 3] = ["events", "findings", "commands"];

/// Whether they may be replaced: they hold what a replay wrote and nothing else, and no input.
pub(super) fn check(out: &Path, inputs: &[PathBuf]) -> Result<(), ReplayError> {
    for name in NAMES {
        let directory = out.join(name);
        // What it leads to belongs to somebody else.
        if directory.is_symlink() {
            return Err(ReplayError::Occupied(directory));
        }
        let entries = match directory.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => return Err(ReplayError::Occupied(directory)),
        };
        for entry in entries {
            let path = entry.map_err(|source| failed(&directory, source))?.path();
            if !is_part_of(&path, name) {
                return Err(ReplayError::Occupied(directory));
            }
        }
        let place = directory.canonicalize();
        let place = place.map_err(|source| failed(&directory, source))?;
        let holds = |input: &&PathBuf| {
            let input = input.canonicalize();
            input.is_ok_and(|input| input.starts_with(&place))
        };
        if let Some(input) = inputs.iter().find(holds) {
            return Err(ReplayError::InputInOutput(input.clone()));
        }
    }
    Ok(())
}

/// Removes them.
pub(super) fn remove(out: &Path) -> Result<(), ReplayError> {
    for name in NAMES {
        let directory = out.join(name);
        if directory.is_dir() && !directory.is_symlink() {
            empty(&directory, name).map_err(|source| failed(&directory, source))?;
        }
    }
    Ok(())
}

/// Removes a directory with the files of the table in it, and nothing else that came to be there since.
fn empty(directory: &Path, table: &str) -> io::Result<()> {
    for entry in directory.read_dir()? {
        let path = entry?.path();
        if is_part_of(&path, table) {
            fs::remove_file(path)?;
        }
    }
    fs::remove_dir(directory)
}

/// Whether a replay wrote a file: Parquet alone may be anybody's, and the archive of a service is not to be replaced.
fn is_part_of(path: &Path, table: &str) -> bool {
    let is_of_service = Segment::of(path).is_some();
    !is_of_service
        && !path.is_symlink()
        && Table::of_file(path).is_some_and(|of| of.name() == table)
}

fn failed(path: &Path, source: io::Error) -> ReplayError {
    ReplayError::Write {
        path: path.to_owned(),
        source,
    }
}
