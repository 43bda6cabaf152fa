//! Requests to whoever is told of commands, and what any answer means.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;

pub(crate) type Body = Full<Bytes>;

/// More of an answer than this is nothing that anybody has to say.
const MAX_REPLY_BYTES: usize = 1 << 20;
/// Nobody is let wait for longer, whatever is asked for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// There are no certificate authorities.
#[derive(Debug, thiserror::Error)]
#[error(
    "no certificate authorities are found on this machine ({0}); install them, or name a file with SSL_CERT_FILE"
)]
pub struct RootsError(std::io::Error);

/// What became of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is done.
    Accepted,
    /// Not now: try again, not before that much time.
    Later(String, Option<Duration>),
    /// It never will be.
    Refused(String),
}

/// What a server has answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Nothing where the server broke off, or said more than anybody has to say.
    pub(crate) body: Bytes,
}

impl Reply {
    /// What to do of an answer that says neither that it is done nor that it never will be.
    pub(crate) fn later(&self, reason: String) -> Answer {
        Answer::Later(reason, retry_after(&self.headers))
    }
}

/// Keeps connections open, and gives up on who does not answer. Clones share both.
#[derive(Clone)]
pub(crate) struct Http<C = HttpsConnector<HttpConnector>> {
    client: Client<C, Body>,
    timeout: Duration,
}

impl Http {
    pub(crate) fn new(timeout: Duration) -> Result<Self, RootsError> {
        let connector = HttpsConnectorBuilder::new()
            // Said here, because the client of buckets brings another.
            .with_provider_and_native_roots(aws_lc_rs::default_provider())
            .map_err(RootsError)?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self::over(connector, timeout))
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> Http<C> {
    pub(crate) fn over(connector: C, timeout: Duration) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            timeout,
        }
    }

    /// The answer, or why there is none: then nobody knows what became of the request. `left`: the time in
    /// which it may arrive at all.
    pub(crate) async fn send(
        &self,
        request: Request<Body>,
        left: Duration,
    ) -> Result<Reply, String> {
        let timeout = self.timeout.min(left);
        match tokio::time::timeout(timeout, self.exchange(request)).await {
            Ok(answered) => answered,
            Err(_) => Err(format!("no answer within {} s", timeout.as_secs_f32())),
        }
    }

    async fn exchange(&self, request: Request<Body>) -> Result<Reply, String> {
        let response = self.client.request(request).await;
        let (head, body) = response.map_err(|error| causes(&error))?.into_parts();
        // Who breaks off what he says has still said the status.
        let body = Limited::new(body, MAX_REPLY_BYTES).collect().await;
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body: body.map(|body| body.to_bytes()).unwrap_or_default(),
        })
    }
}

/// The header that shows a bearer token; none where no header can hold it.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// In seconds; a date is as good as nothing.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// The error and its causes, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::Ipv4Addr;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::{Request, State};
    use tokio::net::TcpListener;

    use super::*;

    /// Method, path with query, the headers, and the body of a request.
    pub(crate) type Asked = (String, String, HeaderMap, String);

    /// A server that keeps what it is asked and answers as it is told.
    #[derive(Clone)]
    pub(crate) struct Server {
        pub(crate) url: String,
        asked: Arc<Mutex<Vec<Asked>>>,
        answer: fn(&Asked, usize) -> (u16, String),
    }

    impl Server {
        /// `answer` is given the request, and how many there were before it.
        pub(crate) async fn start(answer: fn(&Asked, usize) -> (u16, String)) -> Self {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let listener = listener.expect("a free port");
            let server = Self {
                url: format!("http://{}", listener.local_addr().expect("an address")),
                asked: Arc::default(),
                answer,
            };
            let routes = Router::new()
                .fallback(Self::take)
                .with_state(server.clone());
            tokio::spawn(async { axum::serve(listener, routes).await });
            server
        }

        async fn take(State(server): State<Self>, request: Request) -> (StatusCode, String) {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("a body").to_bytes();
            let asked = (
                head.method.to_string(),
                head.uri.to_string(),
                head.headers,
                String::from_utf8(body.to_vec()).expect("text"),
            );
            let mut before = server.asked.lock().expect("nobody has failed");
            let (status, answer) = (server.answer)(&asked, before.len());
            before.push(asked);
            (StatusCode::from_u16(status).expect("a status"), answer)
        }

        pub(crate) fn asked(&self) -> Vec<Asked> {
            self.asked.lock().expect("nobody has failed").clone()
        }

        /// The requests, in a line each.
        pub(crate) fn lines(&self) -> Vec<String> {
            let asked = self.asked().into_iter();
            asked
                .map(|(method, path, _, body)| {
                    format!("{method} {path} {body}").trim_end().to_owned()
                })
                .collect()
        }
    }

    #[test]
    fn who_answers_may_ask_for_patience_but_not_for_ever() {
        let asked = |after: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(after))]);
            retry_after(&headers).map(|after| after.as_secs())
        };
        assert_eq!(asked("7"), Some(7));
        assert_eq!(asked("86400"), Some(300));
        assert_eq!(asked("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
