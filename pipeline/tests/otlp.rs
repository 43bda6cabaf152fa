//! The log at an OpenTelemetry collector: what arrives there, and what its absence costs.

#![cfg(feature = "otlp")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::SeverityNumber;
use prost::Message;
use tempfile::TempDir;
use tokio::runtime::Builder;

/// A post: its headers, and what it says.
type Post = (HeaderMap, ExportLogsServiceRequest);

/// Takes logs as a collector does, and keeps them.
#[derive(Clone)]
struct Collector {
    url: String,
    posts: Arc<Mutex<Vec<Post>>>,
    /// The status for the first post, the second and so on.
    answer: fn(usize) -> u16,
}

impl Collector {
    fn start(answer: fn(usize) -> u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let collector = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            posts: Arc::default(),
            answer,
        };
        let routes = Router::new()
            .route("/v1/logs", post(Self::take))
            .with_state(collector.clone());
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, routes).await.unwrap();
            });
        });
        collector
    }

    async fn take(State(collector): State<Self>, headers: HeaderMap, body: Bytes) -> StatusCode {
        let mut posts = collector.posts.lock().unwrap();
        let status = (collector.answer)(posts.len());
        posts.push((headers, ExportLogsServiceRequest::decode(body).unwrap()));
        StatusCode::from_u16(status).unwrap()
    }

    fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        other => format!("{other:?}"),
    }
}

fn by_name(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let attributes = attributes.into_iter();
    attributes
        .map(|attribute| (attribute.key, text(attribute.value)))
        .collect()
}

/// Severity, scope, body and attributes of every record, in a line each.
fn lines(posts: Vec<Post>) -> Vec<String> {
    let resources = posts.into_iter().flat_map(|(_, post)| post.resource_logs);
    let mut lines = Vec::new();
    for scope in resources.flat_map(|resource| resource.scope_logs) {
        let name = scope.scope.unwrap().name;
        for record in scope.log_records {
            assert_ne!(record.time_unix_nano, 0);
            assert_eq!(record.event_name, "");
            let severity = SeverityNumber::try_from(record.severity_number).unwrap();
            assert_eq!(
                severity.as_str_name(),
                format!("SEVERITY_NUMBER_{}", record.severity_text)
            );
            let attributes = by_name(record.attributes);
            let (severity, body) = (record.severity_text, text(record.body));
            lines.push(format!("{severity} {name}: {body} {attributes:?}"));
        }
    }
    lines
}

const EVENT: &str = r#"{"id":"1","time":"2026-11-20T10:15:30Z","kind":"api","identity":{"id":"ann"},"action":{"name":"x"}}"#;

/// A comparison whose labels name an event that there is not, of which the log tells.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("events.ndjson", &format!("{EVENT}\n"));
        place.write("labels.csv", "event_id,attack\nnone,A\n");
        place
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn run(&self, variables: &[(&str, &str)]) -> Ended {
        let arguments = [
            "replay",
            "--input",
            "events.ndjson",
            "--labels",
            "labels.csv",
        ];
        let out = ["--out", "out", "--parquet=false"];
        let mut command = plumbline(&[&arguments[..], &out].concat());
        Ended::of(
            command
                .current_dir(self.0.path())
                .envs(variables.iter().copied()),
        )
    }
}

fn plumbline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(arguments).env_clear();
    command
}

struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
    after: Duration,
}

impl Ended {
    /// The lines on stderr that the log has written, beside those that tell the result.
    fn log(&self) -> Vec<&str> {
        let lines = self.stderr.lines();
        let is_log = |line: &&str| {
            [" INFO ", " WARN "]
                .iter()
                .any(|level| line.contains(level))
        };
        lines.filter(is_log).collect()
    }

    fn of(command: &mut Command) -> Self {
        let began = Instant::now();
        let ended = command.output().unwrap();
        Self {
            status: ended.status.code().unwrap(),
            stdout: String::from_utf8(ended.stdout).unwrap(),
            stderr: String::from_utf8(ended.stderr).unwrap(),
            after: began.elapsed(),
        }
    }
}

const WARNING: &str = "WARN plumbline::replay::labels: labels name events that are not in the input {\"unknown\": \"1\"}";

#[test]
fn a_record_arrives_with_its_fields_and_who_says_it() {
    let collector = Collector::start(|_| 200);
    let place = Place::new();
    place.write(
        "plumbline.toml",
        &format!(
            "[log]\notlp = '{}'\notlp_headers = {{ authorization = 'Bearer ${{env:OTLP_TOKEN}}' }}\n",
            collector.url
        ),
    );
    let ended = place.run(&[
        ("PLUMBLINE_CONFIG", "plumbline.toml"),
        ("PLUMBLINE_INSTANCE", "pod-1"),
        ("OTLP_TOKEN", "hunter2"),
    ]);
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert_eq!(ended.log().len(), 1, "{}", ended.stderr);
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);

    let posts = collector.posts();
    assert_eq!(posts.len(), 1);
    let (headers, post) = &posts[0];
    assert_eq!(headers["authorization"], "Bearer hunter2");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let resource = post.resource_logs[0].resource.clone().unwrap();
    let resource = by_name(resource.attributes);
    assert_eq!(resource["service.name"], "plumbline");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(resource["service.instance.id"], "pod-1");
    assert_eq!(lines(posts), [WARNING]);
}

#[test]
fn the_level_of_stderr_counts_for_the_collector_too() {
    let collector = Collector::start(|_| 200);
    let place = Place::new();
    let url = ("PLUMBLINE_LOG_OTLP", collector.url.as_str());
    let ended = place.run(&[url, ("PLUMBLINE_LOG_LEVEL", "error")]);
    assert_eq!((ended.status, ended.log().len()), (0, 0));
    assert_eq!(lines(collector.posts()).len(), 0);
    let ended = place.run(&[url, ("PLUMBLINE_LOG_FORMAT", "json")]);
    assert_eq!(ended.status, 0);
    assert!(ended.stderr.starts_with('{'), "{}", ended.stderr);
    assert_eq!(lines(collector.posts()), [WARNING]);
}

#[test]
fn a_collector_that_is_away_costs_nothing_but_two_lines() {
    let place = Place::new();
    let without = place.run(&[]);
    // Nobody listens at a port that was just given back.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let ended = place.run(&[("PLUMBLINE_LOG_OTLP", &url)]);
    assert_eq!((ended.status, &ended.stdout), (0, &without.stdout));
    assert!(
        ended.after < without.after + Duration::from_secs(2),
        "{:?}",
        ended.after
    );
    let told = ended.log();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[1].contains("the collector does not take the log"),
        "{told:?}"
    );
    assert!(told[2].contains("was not given the whole log"), "{told:?}");
    assert!(told[2].contains("records=1"), "{told:?}");
}

#[test]
fn a_collector_that_says_nothing_holds_the_end_up_for_5_seconds_at_most() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let ended = Place::new().run(&[("PLUMBLINE_LOG_OTLP", &url)]);
    assert_eq!(ended.status, 0);
    assert!(ended.after < Duration::from_secs(7), "{:?}", ended.after);
    assert!(ended.stderr.contains("records=1"), "{}", ended.stderr);
}

#[test]
fn what_is_not_taken_is_tried_again_and_nothing_is_told_of_that_through_the_collector() {
    let collector = Collector::start(|before| if before == 0 { 503 } else { 200 });
    let mut demo = plumbline(&["demo"]);
    let ended = Ended::of(
        demo.env("PLUMBLINE_LOG_OTLP", &collector.url)
            .env("PLUMBLINE_LOG_LEVEL", "info"),
    );
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    let told = |words: &str| ended.stderr.matches(words).count();
    assert_eq!(
        told("the collector does not take the log"),
        1,
        "{}",
        ended.stderr
    );
    assert_eq!(
        told("the collector takes the log again"),
        1,
        "{}",
        ended.stderr
    );
    let mut posts = collector.posts();
    let first = lines(vec![posts.remove(0)]);
    assert_eq!(first, lines(vec![posts[0].clone()]));
    let lines = lines(posts);
    assert!(
        lines.iter().any(|line| line.contains("running")),
        "{lines:?}"
    );
    assert!(
        !lines.iter().any(|line| line.contains("collector")),
        "{lines:?}"
    );
}

#[test]
fn a_token_that_cannot_be_had_is_named_without_the_rest_of_it() {
    let place = Place::new();
    place.write(
        "plumbline.toml",
        "[log]\notlp = 'http://127.0.0.1:1'\n[log.otlp_headers]\nauthorization = 'hunter2${env:NONE}'\n",
    );
    let ended = place.run(&[("PLUMBLINE_CONFIG", "plumbline.toml")]);
    assert_eq!(ended.status, 2);
    assert!(
        ended.stderr.contains("log.otlp_headers.authorization"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
}
