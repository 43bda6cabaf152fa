//! The log to an OpenTelemetry collector: OTLP over HTTP, in protobuf.
//!
//! Whoever logs puts a record into a queue and goes on. A thread takes batches out of it and posts them, and tries
//! again what the collector does not take. What that thread logs, and the HTTP client in it, goes to stderr alone:
//! the SDK takes nothing from a thread that exports.

mod queue;
mod sender;

use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry::{Context, KeyValue};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, LogExporter, SdkLogger, SdkLoggerProvider,
};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Subscriber;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use self::queue::{Bounded, CAPACITY, Counts};
use self::sender::Sender;
use super::collector::{Collector, CollectorError};
use crate::deliver::Http;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a record waits for others to go with.
const DELAY: Duration = Duration::from_secs(1);
/// Records of a request, at most.
const BATCH: usize = 512;
/// How long the end of the process may be held up.
const END: Duration = Duration::from_secs(5);
/// What is left of that to the thread when the requests are cut off.
const LAST: Duration = Duration::from_millis(200);

/// What sends the log.
pub(super) struct Export {
    provider: SdkLoggerProvider,
    counts: Counts,
    collector: String,
    /// When the requests are cut off, from the moment on when the process ends.
    ending: watch::Sender<Option<Instant>>,
}

impl Export {
    pub(super) fn start(
        collector: Collector,
        instance: Option<&str>,
    ) -> Result<Self, CollectorError> {
        let counts = Counts::default();
        let (ending, end) = watch::channel(None);
        let name = collector.name.clone();
        // Who speaks plain HTTP needs no certificate authorities.
        let queue = if collector.url.scheme_str() == Some("https") {
            let http = Http::new(TIMEOUT)?;
            bounded(Sender::new(http, collector, &counts, end)?, &counts)
        } else {
            let http = Http::over(HttpConnector::new(), TIMEOUT);
            bounded(Sender::new(http, collector, &counts, end)?, &counts)
        };
        let provider = SdkLoggerProvider::builder()
            .with_resource(resource(instance))
            .with_log_processor(queue)
            .build();
        Ok(Self {
            provider,
            counts,
            collector: name,
            ending,
        })
    }

    /// Puts every event into the queue.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        OpenTelemetryTracingBridge::<SdkLoggerProvider, SdkLogger>::new(&self.provider)
    }

    /// Sends what is in the queue, and says on stderr how much the collector was not given.
    pub(super) fn end(&self) {
        self.ending.send_replace(Some(Instant::now() + END - LAST));
        // Whatever goes wrong with it, some records are left, and they are counted.
        let _ = self.provider.shutdown_with_timeout(END);
        let left = self.counts.left();
        if left > 0 {
            let _only_stderr = Context::enter_telemetry_suppressed_scope();
            tracing::warn!(
                collector = self.collector,
                records = left,
                "the collector was not given the whole log"
            );
        }
    }
}

fn bounded<E: LogExporter + 'static>(sender: E, counts: &Counts) -> Bounded {
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(CAPACITY)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    let batches = BatchLogProcessor::builder(sender)
        .with_batch_config(config)
        .build();
    Bounded::new(batches, counts.clone())
}

/// Who says it. `OTEL_RESOURCE_ATTRIBUTES` adds to that.
fn resource(instance: Option<&str>) -> Resource {
    let instance = instance.map(|name| KeyValue::new("service.instance.id", name.to_owned()));
    Resource::builder()
        .with_service_name(env!("CARGO_PKG_NAME"))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attributes(instance)
        .build()
}

#[cfg(test)]
mod tests {
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    use std::sync::mpsc;
    use std::thread;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::config::Config;

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        (listener, address)
    }

    fn export_to(address: SocketAddr) -> Export {
        let mut config = Config::default();
        config.log.otlp = Some(format!("http://{address}"));
        let collector = Collector::of(&config).expect("right").expect("set");
        Export::start(collector, None).expect("started")
    }

    fn tell(export: &Export, records: usize) {
        let subscriber = tracing_subscriber::registry().with(export.layer());
        tracing::subscriber::with_default(subscriber, || {
            for n in 0..records {
                tracing::info!(n, "told");
            }
        });
    }

    #[test]
    fn who_logs_never_waits_and_what_does_not_fit_is_counted() {
        let (free, address) = listener();
        // From here on nobody listens there.
        drop(free);
        let export = export_to(address);
        let began = Instant::now();
        tell(&export, CAPACITY + 5000);
        assert_eq!(export.counts.dropped(), 5000);
        export.end();
        assert_eq!(export.counts.left(), CAPACITY + 5000);
        assert!(began.elapsed() < END, "{:?}", began.elapsed());
    }

    /// Takes a post, and closes the connection without having announced it.
    fn take(stream: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some(("content-length", bytes)) => length = bytes.parse().expect("a number"),
                None if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        stream.read_exact(&mut vec![0; length])?;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.get_mut().write_all(answer)?;
        // Until the sender does not look at it any more.
        thread::sleep(Duration::from_millis(200));
        Ok(())
    }

    #[test]
    fn a_collector_may_close_a_connection_that_rests() {
        let (listener, address) = listener();
        let (taken, posts) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if take(stream.expect("a connection")).is_ok() && taken.send(()).is_err() {
                    break;
                }
            }
        });
        let export = export_to(address);
        let patience = Duration::from_secs(20);
        tell(&export, 1);
        posts.recv_timeout(patience).expect("the first");
        tell(&export, 1);
        export.end();
        assert_eq!(export.counts.left(), 0);
        posts.recv_timeout(patience).expect("the second");
    }
}
