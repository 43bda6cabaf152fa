//! The file of a page: complete under its name or not there, and never in place of somebody else's.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::ReportError;
use super::page::BEGINNING;
use crate::partial::Partial;

/// Refuses what is there and was not written by this program, unless that is wanted.
pub(super) fn check(path: &Path, overwrite: bool) -> Result<(), ReportError> {
    if path.is_dir() {
        return Err(failed(path)(io::ErrorKind::IsADirectory.into()));
    }
    if overwrite {
        return Ok(());
    }
    // What a link leads to belongs to somebody else.
    if path.is_symlink() {
        return Err(ReportError::Foreign(path.to_owned()));
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(path)(source)),
    };
    let mut beginning = Vec::new();
    let read = file
        .take(BEGINNING.len() as u64)
        .read_to_end(&mut beginning);
    read.map_err(failed(path))?;
    match beginning == BEGINNING.as_bytes() {
        true => Ok(()),
        false => Err(ReportError::Foreign(path.to_owned())),
    }
}

/// Writes beside it, and gives it its name at the end.
pub(super) fn write(path: &Path, page: &str) -> Result<(), ReportError> {
    let mut file = Partial::begin(path).map_err(failed(path))?;
    file.write_all(page.as_bytes()).map_err(failed(path))?;
    file.finish().map_err(failed(path))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ReportError {
    move |source| ReportError::Write {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_its_own_pages_are_replaced_unless_that_is_wanted() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("report.html");
        check(&path, false).expect("nothing is there");
        write(&path, &format!("{BEGINNING}one")).expect("written");
        check(&path, false).expect("its own");
        write(&path, "<!doctype html>\n<p>mine").expect("written");
        assert!(matches!(check(&path, false), Err(ReportError::Foreign(_))));
        check(&path, true).expect("wanted");
        fs::write(&path, "").expect("written");
        assert!(matches!(check(&path, false), Err(ReportError::Foreign(_))));
        assert!(matches!(
            check(directory.path(), true),
            Err(ReportError::Write { .. })
        ));
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("nowhere/report.html");
        assert!(write(&path, "x").is_err());
        let path = directory.path().join("taken");
        fs::create_dir_all(path.join("full")).expect("made");
        assert!(write(&path, "x").is_err());
        assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 1);
    }
}
