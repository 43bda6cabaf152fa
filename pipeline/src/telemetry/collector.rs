//! The collector that is told the log: where it is, and what it wants to see.

use axum::http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::config::{Config, SecretError};
use crate::deliver::RootsError;

/// Where a collector takes logs, under its URL.
const PATH: &str = "/v1/logs";

/// What HTTP itself says of a request.
const RESERVED: [HeaderName; 6] = [
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    HOST,
    TRANSFER_ENCODING,
];

/// There is no way to the collector.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// A build without OpenTelemetry.
    #[error(
        "log.otlp: this build of plumbline sends its log to no collector; build it with its default features, or with \
         `--features otlp`"
    )]
    Absent,
    /// No URL of a collector.
    #[error("log.otlp: {0}")]
    Url(String),
    /// The value of a header cannot be resolved.
    #[error("the value of log.otlp_headers.{name} cannot be had")]
    Header {
        /// Name of the header.
        name: String,
        /// Why.
        source: SecretError,
    },
    /// The value of a header is none.
    #[error(
        "the value of log.otlp_headers.{0} is empty, or holds what no header can; write visible ASCII in one line"
    )]
    Value(String),
    /// No certificate authorities.
    #[error("no TLS session with the collector of log.otlp")]
    Roots(#[from] RootsError),
    /// No means to wait for it.
    #[error("the log cannot be sent to the collector of log.otlp")]
    Start(#[source] std::io::Error),
}

impl CollectorError {
    /// 2 where the configuration is to be changed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Absent | Self::Url(_) | Self::Header { .. } | Self::Value(_) => 2,
            Self::Roots(_) | Self::Start(_) => 1,
        }
    }
}

/// A collector that speaks OTLP over HTTP.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "otlp"),
    expect(dead_code, reason = "such a build only checks what is written")
)]
pub(super) struct Collector {
    /// As it is written in the configuration.
    pub(super) name: String,
    /// What takes logs.
    pub(super) url: Uri,
    /// The headers of every request, marked as secret.
    pub(super) headers: HeaderMap,
}

impl Collector {
    /// The one of the configuration, if there is one.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, CollectorError> {
        let Some(name) = &config.log.otlp else {
            return Ok(None);
        };
        let url = url(name).map_err(CollectorError::Url)?;
        let mut headers = HeaderMap::new();
        for (name, secret) in &config.log.otlp_headers {
            let value = secret.resolve(&config.kafka.directory);
            let value = value.map_err(|source| CollectorError::Header {
                name: name.clone(),
                source,
            })?;
            let (header, value) = header(name, &value)?;
            headers.insert(header, value);
        }
        let name = name.clone();
        Ok(Some(Self { name, url, headers }))
    }
}

/// Whether that is the URL of a collector. What is said of it does not quote it: somebody will write a password
/// into it.
pub fn check_collector(text: &str) -> Result<(), String> {
    url(text).map(|_| ())
}

/// The URL that takes logs. The address of the collector is enough, as in every program that speaks OTLP.
fn url(text: &str) -> Result<Uri, String> {
    let error = || {
        "this is no collector; write its http or https URL, without a password and without `?`, such as \
         \"http://127.0.0.1:4318\""
            .to_owned()
    };
    let base = text.trim_end_matches('/');
    let base = base.strip_suffix(PATH).unwrap_or(base);
    let url: Uri = format!("{base}{PATH}").parse().map_err(|_| error())?;
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    let is_host = url.host().is_some_and(|host| !host.is_empty());
    if is_http && is_host && !text.contains(['@', '?', '#']) {
        return Ok(url);
    }
    Err(error())
}

/// Whether a header of that name can be set.
pub fn check_header(name: &str) -> Result<(), String> {
    match name.parse::<HeaderName>() {
        Ok(header) if !RESERVED.contains(&header) => Ok(()),
        _ => Err(format!(
            "`{name}` is no header that can be set; write its name, such as authorization"
        )),
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), CollectorError> {
    let error = || CollectorError::Value(name.to_owned());
    let header = name.parse().map_err(|_| error())?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| error())?;
    if value.is_empty() {
        return Err(error());
    }
    value.set_sensitive(true);
    Ok((header, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn the_address_of_a_collector_is_enough() {
        for (text, is) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/logs"),
            ("http://collector:4318/", "http://collector:4318/v1/logs"),
            ("https://[::1]:4318", "https://[::1]:4318/v1/logs"),
            ("https://a.example/otlp", "https://a.example/otlp/v1/logs"),
            ("https://a.example/v1/logs", "https://a.example/v1/logs"),
        ] {
            assert_eq!(url(text).expect(text), is);
        }
    }

    #[test]
    fn what_is_no_collector_is_refused_and_not_quoted() {
        for text in [
            "",
            "collector:4318",
            "http://",
            "http:///v1/logs",
            "grpc://collector:4317",
            "http://ann:hunter2@collector:4318",
            "http://collector:4318?token=hunter2",
            "http://collector:4318/#hunter2",
            "http://a b:4318",
        ] {
            let error = url(text).expect_err(text);
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    fn with(name: &str, value: &str) -> Config {
        let mut config = Config::default();
        config.log.otlp = Some("http://collector:4318".to_owned());
        let headers = &mut config.log.otlp_headers;
        headers.insert(name.to_owned(), Secret::new(value));
        config
    }

    #[test]
    fn headers_are_resolved_and_never_shown() {
        let config = with("Authorization", "Bearer hunter2 ");
        let collector = Collector::of(&config).expect("resolved").expect("set");
        assert_eq!(collector.headers["authorization"], "Bearer hunter2");
        assert!(!format!("{collector:?}").contains("hunter2"));
    }

    #[test]
    fn a_header_that_cannot_be_had_is_named_without_its_value() {
        for (value, said) in [
            ("hunter2${env:PLUMBLINE_NOT_SET}", "cannot be had"),
            ("hunter2\nx: y", "holds what no header can"),
            (" ", "is empty"),
        ] {
            let error = Collector::of(&with("authorization", value)).expect_err(value);
            let text = error.to_string();
            assert!(text.contains("log.otlp_headers.authorization"), "{text}");
            assert!(text.contains(said) && !text.contains("hunter2"), "{text}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn what_http_says_itself_cannot_be_set() {
        assert!(check_header("authorization").is_ok());
        assert!(check_header("X-Scope-OrgID").is_ok());
        for name in ["", "two words", "Content-Type", "host"] {
            assert!(check_header(name).is_err(), "{name}");
        }
    }
}
