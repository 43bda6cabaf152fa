//! A file that is complete under its name or not there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// What is written beside a file under a name that nobody else has, and takes its place at the end. Left
/// alone before that, it is removed.
pub(crate) struct Partial {
    file: NamedTempFile<File>,
    path: PathBuf,
}

impl Partial {
    pub(crate) fn begin(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        // A device or a pipe would be gone, with a file in its place.
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return Err(io::Error::other("what is there is no file"));
        }
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let file = Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            // Readable for whoever may read other new files here.
            .make_in(directory, |path| File::create_new(path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Gives it its name.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path)?;
        Ok(())
    }
}

impl Write for Partial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_file_mut().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(directory).expect("read");
        let mut names: Vec<OsString> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn two_at_once_are_two_files_and_the_last_to_end_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("answer");
        fs::write(&path, "old").expect("written");
        let [mut one, mut two] = [0, 1].map(|_| Partial::begin(&path).expect("begun"));
        one.write_all(b"one").expect("written");
        two.write_all(b"two").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"old");
        two.finish().expect("finished");
        one.finish().expect("finished");
        assert_eq!(fs::read(&path).expect("read"), b"one");
        assert_eq!(names(directory.path()), ["answer"]);
    }

    #[test]
    fn what_lies_where_it_could_be_written_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let victim = directory.path().join("victim");
        fs::write(&victim, "precious").expect("written");
        let trap = directory.path().join(".answer.partial");
        fs::hard_link(&victim, &trap).expect("a link");
        let path = directory.path().join("answer");
        let mut partial = Partial::begin(&path).expect("begun");
        partial.write_all(b"one").expect("written");
        partial.finish().expect("finished");
        assert_eq!(fs::read(&victim).expect("read"), b"precious");
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut partial = Partial::begin(&directory.path().join("answer")).expect("begun");
        partial.write_all(b"half").expect("written");
        drop(partial);
        assert!(names(directory.path()).is_empty());
        assert!(Partial::begin(&directory.path().join("..")).is_err());
        assert!(Partial::begin(directory.path()).is_err());
        assert!(Partial::begin(&directory.path().join("nowhere/answer")).is_err());
    }
}
