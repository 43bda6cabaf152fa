//! What a replay is of: with other inputs or another configuration nothing of an earlier one can be gone on with.

use std::path::Path;
use std::time::UNIX_EPOCH;

use plumbline_detectors::state;
use plumbline_schemas::archive::is_in_bucket;
use serde::{Deserialize, Serialize};

use crate::replay::Side;
use crate::replay::inputs::Inputs;

/// Names of what matters, and what tells each from others. Of a file that is its size and when it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin(Vec<(String, String)>);

impl Origin {
    pub(super) fn of(
        side: &Side<'_>,
        labels: Option<&Path>,
        inputs: &Inputs,
        files: &[impl AsRef<Path>],
        exported_to: Option<String>,
    ) -> Self {
        let replay = &side.config.replay;
        let mut facts = vec![
            (
                "version of Plumbline".to_owned(),
                format!("{}, state {}", env!("CARGO_PKG_VERSION"), state::VERSION),
            ),
            ("configuration".to_owned(), side.config.engine_digest()),
            ("log format".to_owned(), replay.format.clone()),
            ("tenant".to_owned(), format!("{:?}", replay.tenant)),
            ("--from".to_owned(), format!("{:?}", replay.from)),
            ("--to".to_owned(), format!("{:?}", replay.to)),
            ("--identity".to_owned(), format!("{:?}", replay.identities)),
            ("--parquet".to_owned(), side.parquet.to_string()),
            ("--export-state".to_owned(), format!("{exported_to:?}")),
            ("number of files".to_owned(), files.len().to_string()),
        ];
        let geo = &side.config.geo;
        let read = [&geo.city, &geo.asn, &geo.anonymizers];
        let named = [
            ("program", replay.program.as_deref()),
            ("file of labels", labels),
        ];
        let read = read
            .into_iter()
            .flatten()
            .map(|path| ("[geo] file", path.as_path()));
        let named = named
            .iter()
            .filter_map(|(name, path)| Some((*name, (*path)?)));
        let inputs = files.iter().map(AsRef::as_ref).map(|path| {
            let size = inputs.bytes(path).filter(|_| is_in_bucket(path));
            fact("input", path, size)
        });
        facts.extend(named.chain(read).map(|(name, path)| fact(name, path, None)));
        facts.extend(inputs);
        Self(facts)
    }

    /// The first thing that is another now, how it was, and how it is.
    pub(super) fn differs(&self, now: &Self) -> Option<(String, String)> {
        let (before, now) = (&self.0, &now.0);
        let mut pairs = before.iter().zip(now);
        if let Some((before, now)) = pairs.find(|(before, now)| before != now) {
            let (name, was) = before;
            return Some(match name == &now.0 {
                true => (name.clone(), format!("it was {was} and is {}", now.1)),
                false => (name.clone(), format!("{} stands in its place", now.0)),
            });
        }
        let longer = if before.len() > now.len() {
            before
        } else {
            now
        };
        let (name, _) = longer.get(before.len().min(now.len()))?;
        Some((name.clone(), "one of the two has none".to_owned()))
    }
}

/// A file, by its whole path on this machine.
fn fact(name: &str, path: &Path, size_in_bucket: Option<u64>) -> (String, String) {
    let found = path.metadata();
    let size = size_in_bucket.or_else(|| Some(found.as_ref().ok()?.len()));
    let written = found.and_then(|found| found.modified()).ok();
    let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let size = size.map_or_else(String::new, |size| format!("{size} bytes"));
    let written = written.map_or_else(String::new, |time| {
        format!(", written at {}.{:09}", time.as_secs(), time.subsec_nanos())
    });
    (format!("{name} {}", whole.display()), size + &written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(facts: &[(&str, &str)]) -> Origin {
        let facts = facts.iter();
        Origin(
            facts
                .map(|(name, is)| (String::from(*name), String::from(*is)))
                .collect(),
        )
    }

    #[test]
    fn what_is_another_is_said() {
        let before = origin(&[("tenant", "a"), ("input x", "1 bytes")]);
        let said = |now: &[(&str, &str)]| before.differs(&origin(now));
        assert_eq!(said(&[("tenant", "a"), ("input x", "1 bytes")]), None);
        let of = |name: &str, how: &str| Some((name.to_owned(), how.to_owned()));
        assert_eq!(
            said(&[("tenant", "b"), ("input x", "1 bytes")]),
            of("tenant", "it was a and is b")
        );
        assert_eq!(
            said(&[("tenant", "a"), ("input y", "1 bytes")]),
            of("input x", "input y stands in its place")
        );
        assert_eq!(
            said(&[("tenant", "a")]),
            of("input x", "one of the two has none")
        );
    }
}
