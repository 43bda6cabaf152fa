//! The sections that say what is read and how the program runs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use plumbline_detectors::config::Span;
use plumbline_schemas::formats;
use plumbline_schemas::time::EventTime;
use serde::de::{self, Deserialize, Deserializer};

use super::secret::{ScalarVisitor, Secret};
use crate::compare::{FailIf, Sweep};
use crate::log_format::{FormatError, SET, VRL};
use crate::replay::into_kafka::Speed;
use crate::{analyst, telemetry};

/// `[[source]]`: a topic of raw logs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The topic.
    #[serde(deserialize_with = "super::kafka::topic_name")]
    pub topic: String,
    /// Name of the log format of its records.
    #[serde(deserialize_with = "known_format")]
    pub format: String,
    /// The program that format `vrl` is. Relative to the configuration file.
    #[serde(default)]
    pub program: Option<PathBuf>,
    /// Who signs the tokens of format `set`.
    #[serde(default)]
    pub tokens: Option<TokensConfig>,
    /// Tenant of `native` events that name none, and of every record of the other formats.
    #[serde(default)]
    pub tenant: Option<String>,
}

/// `source.tokens`: whose Security Event Tokens are believed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokensConfig {
    /// Who has issued them, as it stands in `iss`.
    pub issuer: String,
    /// For whom, as it stands in `aud`.
    pub audience: String,
    /// The issuer's keys, a JWK Set. Relative to the configuration file.
    pub keys: PathBuf,
    /// The bearer token with which they are pushed to `plumbline receive`; without it none are taken there.
    #[serde(default, deserialize_with = "super::signals::secret")]
    pub push_token: Option<Secret>,
}

/// `[receive]`: `plumbline receive`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiveConfig {
    /// Where tokens are taken: a port of this machine alone, or address and port.
    #[serde(deserialize_with = "super::signals::address_to_listen_at")]
    pub listen: SocketAddr,
    /// How long Kafka may take for a token.
    #[serde(deserialize_with = "longer_than_zero")]
    pub timeout: Span,
}

impl Default for ReceiveConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9466)),
            timeout: Span::seconds(10),
        }
    }
}

/// `[geo]`: files that say where an address is. Paths are relative to the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeoConfig {
    /// MaxMind DB files with places; the first that knows an address answers.
    #[serde(deserialize_with = "one_or_several")]
    pub city: Vec<PathBuf>,
    /// MaxMind DB files with autonomous systems.
    #[serde(deserialize_with = "one_or_several")]
    pub asn: Vec<PathBuf>,
    /// CSV files with ranges of VPNs, Tor exits, proxies, relays and hosters.
    #[serde(deserialize_with = "one_or_several")]
    pub anonymizers: Vec<PathBuf>,
}

impl GeoConfig {
    /// Makes every path relative to `directory`.
    pub(super) fn rebase(&mut self, directory: &Path) {
        for path in self
            .city
            .iter_mut()
            .chain(&mut self.asn)
            .chain(&mut self.anonymizers)
        {
            *path = directory.join(&*path);
        }
    }
}

/// `[run]`: `plumbline run`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// Which part of the line this process is.
    pub stage: Stage,
    /// Threads that detect, each with a consumer and a producer of its own.
    #[serde(deserialize_with = "super::kafka::one_or_more")]
    pub workers: usize,
    /// Stop at the end of what the topics held at start.
    pub until_end: bool,
    /// Longest time between two commits when there is nothing urgent.
    #[serde(deserialize_with = "longer_than_zero")]
    pub commit_interval: Span,
    /// How often the state of a partition is written to `plumbline.state`.
    #[serde(deserialize_with = "longer_than_zero")]
    pub checkpoint_interval: Span,
    /// Read the state of the partitions that others work on too, to take them over faster.
    pub standby: bool,
    /// Name of this process, unique in the group and the same after a restart.
    pub instance: Option<String>,
    /// Where `/metrics`, `/healthz` and `/readyz` are served: a port of this machine alone, or address and port.
    #[serde(deserialize_with = "address_to_listen_at")]
    pub listen: Option<SocketAddr>,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            stage: Stage::All,
            workers: 1,
            until_end: false,
            commit_interval: Span::millis(100),
            checkpoint_interval: Span::millis(10_000),
            standby: false,
            instance: None,
            listen: None,
        }
    }
}

/// `[archive]`: what `plumbline run` keeps as tables.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ArchiveConfig {
    /// The directory of the tables `events`, `findings` and `commands`, relative to the configuration file, or an URL
    /// `s3://bucket/prefix`.
    pub dir: Option<PathBuf>,
    /// How long a file waits for more rows before it is closed.
    #[serde(deserialize_with = "longer_than_zero")]
    pub roll_after: Span,
}

impl Default for ArchiveConfig {
    fn default() -> Self {
        Self {
            dir: None,
            roll_after: Span::seconds(600),
        }
    }
}

fn address_to_listen_at<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    listen_address(&text).map(Some).map_err(de::Error::custom)
}

/// Where to listen. A port alone is on the loopback address: what is shown is not for everybody.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>();
    let address = match port {
        Ok(port) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        Err(_) => text.parse(),
    };
    address.map_err(|_| {
        format!(
            "`{text}` is nothing to listen at; write a port, such as \"9464\" (reached from this machine \
             alone), or an address and a port, such as \"0.0.0.0:9464\""
        )
    })
}

/// A part of the line from raw logs to commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Stage {
    /// Raw logs to events.
    Normalise,
    /// Events to findings and commands.
    Detect,
    /// Both.
    #[default]
    All,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Normalise => "normalise",
            Self::Detect => "detect",
            Self::All => "all",
        })
    }
}

/// `[replay]`: `plumbline replay`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayConfig {
    /// Files, globs, directories or `-`.
    pub input: Vec<String>,
    /// Name of their log format.
    #[serde(deserialize_with = "known_format")]
    pub format: String,
    /// The program that format `vrl` is. Relative to the configuration file.
    pub program: Option<PathBuf>,
    /// Tenant of `native` events that name none, and of every record of the other formats.
    pub tenant: Option<String>,
    /// What happened before it is left out.
    #[serde(deserialize_with = "time")]
    pub from: Option<EventTime>,
    /// What happened then or later is left out.
    #[serde(deserialize_with = "time")]
    pub to: Option<EventTime>,
    /// Globs; who else acts, and not on their behalf, is left out. Without any nobody is.
    pub identities: Vec<String>,
    /// Where findings, commands and the summary are written.
    pub out: Option<PathBuf>,
    /// A second configuration, which the same log is replayed under.
    pub compare: Option<PathBuf>,
    /// A key of the configuration and the values that it takes, one after the other.
    pub sweep: Option<Sweep>,
    /// Whether the tables `events`, `findings` and `commands` are written too.
    pub parquet: bool,
    /// Whether what is learnt is written to `plumbline.state`, for `plumbline run` to begin with.
    pub export_state: bool,
    /// Whether it goes on where the one before has stopped, if that has not come to its end.
    pub resume: bool,
    /// How often a checkpoint is made; without, once a minute, and less often where that took long.
    #[serde(deserialize_with = "some_longer_than_zero")]
    pub checkpoint_interval: Option<Span>,
    /// Whether the log is written into `kafka.topics.events`, for a service to judge, and not judged here.
    pub into_kafka: bool,
    /// How fast it is written there.
    pub speed: Speed,
    /// Whether it is written there though a service would count it as late.
    pub force: bool,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            input: Vec::new(),
            format: "native".to_owned(),
            program: None,
            tenant: None,
            from: None,
            to: None,
            identities: Vec::new(),
            out: None,
            compare: None,
            sweep: None,
            parquet: analyst::IS_BUILT_IN,
            export_state: false,
            resume: false,
            checkpoint_interval: None,
            into_kafka: false,
            speed: Speed::Max,
            force: false,
        }
    }
}

/// `[compare]`: `plumbline compare`, and `plumbline replay` with `compare` or `sweep`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompareConfig {
    /// Where `plumbline compare` writes what differs; nowhere where it is not set.
    pub out: Option<PathBuf>,
    /// CSV file of events that belong to attacks.
    pub labels: Option<PathBuf>,
    /// How long after the last event of an attack a command still answers it.
    #[serde(deserialize_with = "longer_than_zero")]
    pub answer_within: Span,
    /// How many identities, commands and attacks are printed.
    #[serde(deserialize_with = "super::kafka::one_or_more")]
    pub top: usize,
    /// Conditions under which the comparison fails.
    pub fail_if: Vec<FailIf>,
}

impl Default for CompareConfig {
    fn default() -> Self {
        Self {
            out: None,
            labels: None,
            answer_within: Span::hours(2),
            top: 10,
            fail_if: Vec::new(),
        }
    }
}

/// `[query]`: `plumbline query`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueryConfig {
    /// Where replays wrote their results.
    #[serde(deserialize_with = "one_or_several")]
    pub data: Vec<PathBuf>,
    /// How answers are written.
    pub format: AnswerFormat,
    /// Where the answer is written; to stdout without it.
    pub out: Option<PathBuf>,
}

/// How the answer to a query is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum AnswerFormat {
    /// An aligned table.
    #[default]
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// A JSON object for each row, one a line.
    Json,
    /// A Parquet file.
    Parquet,
}

/// `[report]`: `plumbline report`, about the results of `query.data`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportConfig {
    /// The page.
    pub out: Option<PathBuf>,
    /// What it is called.
    pub title: Option<String>,
    /// What happened before it is left out.
    #[serde(deserialize_with = "time")]
    pub from: Option<EventTime>,
    /// What happened then or later is left out.
    #[serde(deserialize_with = "time")]
    pub to: Option<EventTime>,
    /// Whether a file is replaced that no report is.
    pub overwrite: bool,
}

/// `[log]`: what the program says of itself, on stderr and to a collector.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `plumbline=debug,info`.
    #[serde(deserialize_with = "log_filter")]
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
    /// The OpenTelemetry collector that is told it too: `http://host:4318`.
    #[serde(deserialize_with = "collector")]
    pub otlp: Option<String>,
    /// `[log.otlp_headers]`: headers of every request to the collector.
    #[serde(deserialize_with = "headers")]
    pub otlp_headers: BTreeMap<String, Secret>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Text,
            otlp: None,
            otlp_headers: BTreeMap::new(),
        }
    }
}

fn log_filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let level = String::deserialize(deserializer)?;
    telemetry::filter(&level).map_err(de::Error::custom)?;
    Ok(level)
}

fn collector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let url = String::deserialize(deserializer)?;
    telemetry::check_collector(&url).map_err(de::Error::custom)?;
    Ok(Some(url))
}

/// Headers by their names. None of the errors quotes a value.
fn headers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Secret>, D::Error> {
    struct Value(Secret);
    impl<'de> Deserialize<'de> for Value {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(ScalarVisitor).map(Self)
        }
    }
    let headers = BTreeMap::<String, Value>::deserialize(deserializer)?.into_iter();
    headers
        .map(|(name, Value(secret))| {
            telemetry::check_header(&name).map_err(de::Error::custom)?;
            Ok((name, secret))
        })
        .collect()
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The name of a log format that this build reads.
fn known_format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = Cow::<str>::deserialize(deserializer)?;
    check_format(&name).map_err(de::Error::custom)?;
    Ok(name.into_owned())
}

/// Whether this build reads a log format of that name, and if not, which it reads.
pub fn check_format(name: &str) -> Result<(), String> {
    if name == VRL && !cfg!(feature = "vrl") {
        return Err(FormatError::Absent.to_string());
    }
    if [VRL, SET].contains(&name) || formats::by_name(name).is_some() {
        return Ok(());
    }
    Err(format!(
        "there is no log format `{name}`; write one of {}",
        format_names().join(", ")
    ))
}

/// The log formats that this build reads.
pub(super) fn format_names() -> Vec<&'static str> {
    let built_in = formats::ALL.iter().map(|format| format.name());
    built_in.chain([VRL, SET]).collect()
}

pub(super) fn longer_than_zero<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Span, D::Error> {
    let span = Span::deserialize(deserializer)?;
    if span.as_millis() == 0 {
        return Err(de::Error::custom(
            "must be longer than zero; write how long it may be, such as \"100ms\" or \"90d\"",
        ));
    }
    Ok(span)
}

fn some_longer_than_zero<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Span>, D::Error> {
    longer_than_zero(deserializer).map(Some)
}

/// A time, or a day, which begins at midnight UTC.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EventTime>, D::Error> {
    let text: Cow<'de, str> = Deserialize::deserialize(deserializer)?;
    let time = limit_of_time(&text).map_err(de::Error::custom)?;
    Ok(Some(time))
}

/// Reads the beginning or the end of a range of time.
pub fn limit_of_time(text: &str) -> Result<EventTime, String> {
    crate::report::read_time(text).ok_or_else(|| {
        "write a time such as 2026-11-16T09:00:00Z, or a day such as 2026-11-16, which begins at midnight UTC"
            .to_owned()
    })
}

/// One path, or a list of paths.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    struct Paths;
    impl<'de> de::Visitor<'de> for Paths {
        type Value = Vec<PathBuf>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a path or a list of paths")
        }
        fn visit_str<E: de::Error>(self, path: &str) -> Result<Self::Value, E> {
            Ok(vec![PathBuf::from(path)])
        }
        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut paths = Vec::new();
            while let Some(path) = list.next_element()? {
                paths.push(path);
            }
            Ok(paths)
        }
    }
    deserializer.deserialize_any(Paths)
}
