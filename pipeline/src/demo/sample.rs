//! The sample logs of an invented organisation, and the attacks that were planted in them.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use plumbline_schemas::command::Command;
use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;
use serde::Deserialize;

use super::DemoError;

/// The log of one source.
#[derive(Debug)]
pub(super) struct Sample {
    /// The topic that it is fed to.
    pub(super) topic: &'static str,
    /// Its log format.
    pub(super) format: &'static str,
    pub(super) text: Vec<u8>,
}

const COMPRESSED: [(&str, &str, &[u8]); 4] = [
    (
        "okta-system-log",
        "okta",
        include_bytes!("../../../replay-data/samples/okta-system-log.ndjson.gz"),
    ),
    (
        "cloudtrail",
        "cloudtrail",
        include_bytes!("../../../replay-data/samples/cloudtrail.ndjson.gz"),
    ),
    (
        "kong",
        "kong",
        include_bytes!("../../../replay-data/samples/kong.ndjson.gz"),
    ),
    (
        "agent-tool-calls",
        "native",
        include_bytes!("../../../replay-data/samples/agents.ndjson.gz"),
    ),
];

const LABELS: &str = include_str!("../../../replay-data/samples/labels.ndjson");

impl Sample {
    /// Every log, in the order of the configuration.
    pub(super) fn all() -> Result<Vec<Self>, DemoError> {
        let unpack = |(topic, format, packed): (&'static str, &'static str, &[u8])| {
            let mut text = Vec::new();
            let unpacked = MultiGzDecoder::new(packed).read_to_end(&mut text);
            unpacked.map_err(|error| DemoError::Sample {
                topic,
                reason: error.to_string(),
            })?;
            Ok(Self {
                topic,
                format,
                text,
            })
        };
        COMPRESSED.into_iter().map(unpack).collect()
    }

    /// Its raw records: one a line.
    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.text.split(|byte| *byte == b'\n');
        lines.filter(|line| !line.is_empty())
    }
}

/// A planted attack, as the labels tell it.
#[derive(Debug, Deserialize)]
pub(super) struct Attack {
    #[serde(rename = "attack")]
    pub(super) name: String,
    pub(super) identity: String,
    #[serde(rename = "identity_kind")]
    pub(super) kind: IdentityKind,
    pub(super) start: EventTime,
    pub(super) end: EventTime,
}

impl Attack {
    /// Whether the command comes while the attack goes on.
    pub(super) fn is_answered_by(&self, command: &Command) -> bool {
        self.may_have_led_to(command) && command.time <= self.end
    }

    /// Whether the command is about somebody who had been attacked by then.
    pub(super) fn may_have_led_to(&self, command: &Command) -> bool {
        command.target.identity == self.identity && command.time >= self.start
    }
}

/// The attacks that the labels tell of, in the order of their time.
pub(super) fn attacks() -> Result<Vec<Attack>, DemoError> {
    let lines = LABELS.lines().filter(|line| !line.is_empty());
    let mut attacks = lines
        .map(serde_json::from_str)
        .collect::<Result<Vec<Attack>, _>>()
        .map_err(|error| DemoError::Sample {
            topic: "labels",
            reason: error.to_string(),
        })?;
    attacks.sort_by_key(|attack| attack.start);
    Ok(attacks)
}
