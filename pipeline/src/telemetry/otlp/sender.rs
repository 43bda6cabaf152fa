//! Posts batches to the collector, and tries again what it does not take.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, StatusCode};
use hyper_util::client::legacy::connect::Connect;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use prost::Message;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::queue::Counts;
use crate::deliver::{Body, Http, Reply, retry_after};
use crate::telemetry::collector::{Collector, CollectorError};

/// The pause after the first failure; every further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Taken,
    /// So many records of it will never be taken.
    RefusedSome(usize, String),
    /// It never will be.
    Refused(String),
    /// Not now: try again, not before that much time.
    Later(String, Option<Duration>),
}

/// What the batches are handed to, in a thread of their own.
pub(super) struct Sender<C> {
    http: Http<C>,
    collector: Collector,
    /// Waits for the collector in that thread. Gone when the process ends: it could wait for a name server.
    runtime: Mutex<Option<Runtime>>,
    resource: ResourceAttributesWithSchema,
    counts: Counts,
    ending: watch::Receiver<Option<Instant>>,
    is_troubled: AtomicBool,
    is_full_told: AtomicBool,
}

impl<C: Connect + Clone + Send + Sync + 'static> Sender<C> {
    pub(super) fn new(
        http: Http<C>,
        collector: Collector,
        counts: &Counts,
        ending: watch::Receiver<Option<Instant>>,
    ) -> Result<Self, CollectorError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            http,
            collector,
            runtime: Mutex::new(Some(runtime.map_err(CollectorError::Start)?)),
            resource: ResourceAttributesWithSchema::default(),
            counts: counts.clone(),
            ending,
            is_troubled: AtomicBool::new(false),
            is_full_told: AtomicBool::new(false),
        })
    }

    /// How many records of the batch the collector was not given.
    async fn deliver(&self, body: Bytes, records: usize) -> usize {
        let mut pause = FIRST_PAUSE;
        loop {
            self.tell_full();
            // Once the process ends, there is one try more and no other.
            let is_last = self.ending.borrow().is_some();
            match self.post(body.clone()).await {
                Outcome::Taken => {
                    self.tell_taken();
                    return 0;
                }
                Outcome::Later(reason, after) if !is_last => {
                    self.tell_trouble(&reason);
                    self.pause(after.unwrap_or_default().max(pause)).await;
                }
                Outcome::Later(reason, _) | Outcome::Refused(reason) => {
                    self.tell_trouble(&reason);
                    return records;
                }
                Outcome::RefusedSome(refused, reason) => {
                    self.tell_trouble(&format!("it refuses {refused} records: {reason}"));
                    return refused.min(records);
                }
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn post(&self, body: Bytes) -> Outcome {
        let mut request = Request::new(Body::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.collector.url.clone();
        *request.headers_mut() = self.collector.headers.clone();
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        request.headers_mut().insert(CONTENT_TYPE, protobuf);
        // Nobody looks at a connection between two batches: one that the collector closes meanwhile would fail.
        let close = HeaderValue::from_static("close");
        request.headers_mut().insert(CONNECTION, close);
        tokio::select! {
            replied = self.http.send(request, Duration::MAX) => match replied {
                Ok(reply) => judge(&reply),
                Err(reason) => Outcome::Later(reason, None),
            },
            () = self.end() => Outcome::Later("no answer before the end".to_owned(), None),
        }
    }

    /// Until nobody waits for the collector any more.
    async fn end(&self) {
        let mut ending = self.ending.clone();
        let end = ending.wait_for(Option::is_some).await;
        // Who could have said when has gone: then it is now.
        if let Some(end) = end.ok().and_then(|end| *end) {
            sleep_until(end).await;
        }
    }

    /// That long, or until the process ends.
    async fn pause(&self, long: Duration) {
        let mut ending = self.ending.clone();
        tokio::select! {
            () = sleep(long) => {}
            _ = ending.wait_for(Option::is_some) => {}
        }
    }

    /// Once, until the collector takes the log again.
    fn tell_trouble(&self, reason: &str) {
        if !self.is_troubled.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                collector = self.collector.name,
                reason,
                "the collector does not take the log"
            );
        }
    }

    fn tell_taken(&self) {
        if self.is_troubled.swap(false, Ordering::Relaxed) {
            tracing::info!(
                collector = self.collector.name,
                dropped = self.counts.dropped(),
                "the collector takes the log again"
            );
        }
    }

    fn tell_full(&self) {
        if self.counts.dropped() > 0 && !self.is_full_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                collector = self.collector.name,
                "records are dropped on their way to the collector; the end says how many"
            );
        }
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> LogExporter for Sender<C> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let records = batch.iter().count();
        let request = ExportLogsServiceRequest {
            resource_logs: group_logs_by_resource_and_scope(&batch, &self.resource),
        };
        let body = Bytes::from(request.encode_to_vec());
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = runtime.as_ref().ok_or(OTelSdkError::AlreadyShutdown)?;
        let dropped = runtime.block_on(self.deliver(body, records));
        self.counts.leave(records, dropped);
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = runtime.take() {
            runtime.shutdown_background();
        }
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

impl<C> fmt::Debug for Sender<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sender = f.debug_struct("Sender");
        sender
            .field("collector", &self.collector)
            .finish_non_exhaustive()
    }
}

/// What the collector says, as OTLP wants it read.
fn judge(reply: &Reply) -> Outcome {
    if reply.status.is_success() {
        let response = ExportLogsServiceResponse::decode(reply.body.clone()).unwrap_or_default();
        let partial = response.partial_success.unwrap_or_default();
        return match usize::try_from(partial.rejected_log_records) {
            Ok(refused @ 1..) => Outcome::RefusedSome(refused, partial.error_message),
            _ => Outcome::Taken,
        };
    }
    let reason = format!("it answers {}", reply.status);
    match reply.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Outcome::Later(reason, retry_after(&reply.headers)),
        _ => Outcome::Refused(reason),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsPartialSuccess;

    use super::*;

    fn said(status: u16, body: Vec<u8>) -> Outcome {
        judge(&Reply {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body: body.into(),
        })
    }

    #[test]
    fn only_what_otlp_says_may_pass_is_tried_again() {
        for status in [429, 502, 503, 504] {
            let outcome = said(status, Vec::new());
            assert!(matches!(outcome, Outcome::Later(_, None)), "{outcome:?}");
        }
        for status in [301, 400, 401, 404, 413, 500] {
            let outcome = said(status, Vec::new());
            assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        }
    }

    #[test]
    fn what_a_collector_takes_in_part_is_counted() {
        let partly = |rejected_log_records| {
            let partial_success = Some(ExportLogsPartialSuccess {
                rejected_log_records,
                error_message: "too old".to_owned(),
            });
            let response = ExportLogsServiceResponse { partial_success };
            said(200, response.encode_to_vec())
        };
        let refused = Outcome::RefusedSome(3, "too old".to_owned());
        assert_eq!(partly(3), refused);
        assert_eq!(partly(0), Outcome::Taken);
        assert_eq!(partly(-1), Outcome::Taken);
        assert_eq!(said(200, Vec::new()), Outcome::Taken);
        // Some collectors answer in JSON whatever they were sent.
        assert_eq!(said(200, b"{}".to_vec()), Outcome::Taken);
    }
}
