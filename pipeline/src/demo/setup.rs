//! What the demo brings along: the configuration of the service and the files that it names.

use std::fs;
use std::path::Path;

use super::DemoError;
use crate::config::Config;
use crate::enrich::Enricher;

/// Where the bootstrap servers stand in the configuration.
const SERVERS: &str = "{bootstrap_servers}";
const CONFIGURATION: &str = include_str!("demo.toml");

/// The files that the configuration names.
const FILES: [(&str, &[u8]); 3] = [
    (
        "documentation-city.mmdb",
        include_bytes!("../../../replay-data/geo/documentation-city.mmdb"),
    ),
    (
        "documentation-asn.mmdb",
        include_bytes!("../../../replay-data/geo/documentation-asn.mmdb"),
    ),
    (
        "documentation-anonymizers.csv",
        include_bytes!("../../../replay-data/geo/documentation-anonymizers.csv"),
    ),
];

/// A configuration that has been read from a file, as `plumbline run` reads it, and what was read of
/// the files it names.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) text: String,
    pub(super) config: Config,
    pub(super) enricher: Enricher,
}

impl Setup {
    /// Writes the files to a temporary directory, reads them, and removes them again.
    pub(super) fn make(servers: &str) -> Result<Self, DemoError> {
        let directory = tempfile::Builder::new()
            .prefix("plumbline-demo-")
            .tempdir()
            .map_err(DemoError::Files)?;
        let text = CONFIGURATION.replace(SERVERS, servers);
        let setup = Self::read(directory.path(), text);
        let removed = directory.close().map_err(DemoError::Files);
        setup.and_then(|setup| removed.map(|()| setup))
    }

    fn read(directory: &Path, text: String) -> Result<Self, DemoError> {
        let path = directory.join("plumbline.toml");
        fs::write(&path, &text).map_err(DemoError::Files)?;
        for (name, content) in FILES {
            fs::write(directory.join(name), content).map_err(DemoError::Files)?;
        }
        let config = Config::load(Some(&path))?;
        let enricher = Enricher::open(&config.geo)?;
        Ok(Self {
            text,
            config,
            enricher,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_one_that_the_service_takes() {
        let setup = Setup::make("127.0.0.1:9092").expect("written and read");
        assert_eq!(setup.config.kafka.bootstrap_servers, "127.0.0.1:9092");
        assert_eq!(setup.config.source.len(), 4);
        assert!(
            setup.config.geo.city.iter().all(|path| !path.exists()),
            "nothing is left"
        );
        let tenants = setup
            .config
            .source
            .iter()
            .map(|source| source.tenant.as_deref());
        assert!(
            tenants
                .into_iter()
                .all(|tenant| tenant == Some(super::super::TENANT))
        );
    }
}
