//! Files that are made of results, and do not belong to those that replace them.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use super::{ReplayError, labels};

/// Each with a member that it has.
const OUTDATED: [(&str, &str); 4] = [
    (labels::FILE, "event_id"),
    ("comparison.json", "same_log"),
    ("differences.ndjson", "change"),
    ("sweep.json", "values"),
];

/// Refuses what is there under such a name and is somebody else's: a simulator writes a `labels.ndjson` too.
pub(super) fn check(out: &Path) -> Result<(), ReplayError> {
    for (name, member) in OUTDATED {
        let path = out.join(name);
        let file = match File::open(&path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ReplayError::Write { path, source }),
        };
        let first = serde_json::Deserializer::from_reader(file)
            .into_iter::<serde_json::Value>()
            .next();
        // One without differences is empty.
        let is_ours = first.is_none_or(|first| first.is_ok_and(|it| it.get(member).is_some()));
        if !is_ours {
            return Err(ReplayError::Foreign(path));
        }
    }
    Ok(())
}

pub(super) fn remove(out: &Path) -> Result<(), ReplayError> {
    for path in OUTDATED.map(|(name, _)| out.join(name)) {
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(ReplayError::Write { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}
