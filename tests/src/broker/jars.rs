//! Where the jars of Apache Kafka are.

use std::env;
use std::path::{Path, PathBuf};

use super::BrokerError;

/// The one place that names the version.
const POM: &str = include_str!("../../kafka/pom.xml");

/// The directory with the jars: what `kafka/install.sh` fetched, or a release of Kafka as it is
/// downloaded, named in `PLUMBLINE_KAFKA_HOME`.
pub(super) fn find() -> Result<PathBuf, BrokerError> {
    let home = env::var_os("PLUMBLINE_KAFKA_HOME").map_or_else(fetched, PathBuf::from);
    let in_release = home.join("libs");
    let directories = [home.clone(), in_release];
    directories
        .into_iter()
        .find(|directory| has_broker(directory))
        .ok_or(BrokerError::NotInstalled(home))
}

fn fetched() -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    repository
        .join(".data/kafka")
        .join(version().unwrap_or("unknown"))
}

fn version() -> Option<&'static str> {
    let (_, rest) = POM.split_once("<kafka.version>")?;
    rest.split_once('<').map(|(version, _)| version)
}

fn has_broker(directory: &Path) -> bool {
    let Ok(entries) = directory.read_dir() else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("kafka_2.13-")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_pom() {
        assert!(version().is_some_and(|version| version.starts_with("4.")));
    }
}
