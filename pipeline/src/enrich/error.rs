//! What can be wrong with the files that enrichment reads.

use std::path::PathBuf;

use thiserror::Error;

/// A file of `[geo]` that cannot be used: a configuration error.
#[derive(Debug, Error)]
pub enum EnrichError {
    /// The file cannot be read at all.
    #[error("cannot read {}: {cause}; check the path and its permissions, or take it out of [geo]", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file is not a MaxMind DB file, or a damaged one.
    #[error("{} is not a readable MaxMind DB (.mmdb) file: {cause}; download it again", path.display())]
    NotMmdb {
        /// The file.
        path: PathBuf,
        /// What the reader found.
        cause: maxminddb::MaxMindDbError,
    },
    /// A MaxMind DB file of another sort than its key says.
    #[error("{} holds `{found}`, which is no {expected} database; name it under the right key of [geo]", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// What was expected, `city` or `asn`.
        expected: &'static str,
        /// The type in the file's own metadata.
        found: String,
    },
    /// A line of an anonymizer file that cannot be understood.
    #[error("{}, line {line}: {problem}; write `cidr,kind`, e.g. `198.51.100.0/24,vpn`", path.display())]
    BadRange {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}
