//! Delivery by HTTP POST (RFC 8935), and what the receiver's answer means.

use std::time::Duration;

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

type Body = Full<axum::body::Bytes>;

/// More of an answer than this is nothing that a receiver has to say.
const MAX_ANSWER_BYTES: usize = 8 << 10;
/// Of a description so much is kept.
const MAX_DESCRIPTION: usize = 200;
/// Nobody is let wait for longer, whatever is asked for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Why nothing can be posted.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No certificate authorities.
    #[error(
        "no certificate authorities are found on this machine ({0}); install them, or name a file with SSL_CERT_FILE"
    )]
    Roots(std::io::Error),
    /// A bearer token that no header can hold.
    #[error("the endpoint_token of the receiver `{0}` cannot stand in an HTTP header")]
    Token(String),
    /// An endpoint that is no URL.
    #[error("the endpoint of the receiver `{0}` is no URL")]
    Endpoint(String),
}

/// What the receiver says of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has it.
    Accepted,
    /// Not now: try again, not before that much time.
    Later(String, Option<Duration>),
    /// It will never take it.
    Refused(String),
}

/// Posts tokens to one endpoint.
#[derive(Clone)]
pub(super) struct Pusher {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    endpoint: Uri,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Pusher {
    pub(super) fn new(
        receiver: &str,
        endpoint: &str,
        token: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, PushError> {
        let wrong = |_| PushError::Endpoint(receiver.to_owned());
        let endpoint: Uri = endpoint.parse().map_err(wrong)?;
        let authorization = token.map(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| PushError::Token(receiver.to_owned()))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(PushError::Roots)?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            endpoint,
            authorization: authorization.transpose()?,
            timeout,
        })
    }

    /// `left`: the time in which the token may arrive at all.
    pub(super) async fn push(self, token: String, left: Duration) -> Answer {
        let timeout = self.timeout.min(left);
        match tokio::time::timeout(timeout, self.exchange(token)).await {
            Ok(answer) => answer,
            Err(_) => {
                let seconds = timeout.as_secs_f32();
                Answer::Later(format!("no answer within {seconds} s"), None)
            }
        }
    }

    async fn exchange(&self, token: String) -> Answer {
        let mut request = Request::new(Body::from(token));
        *request.method_mut() = Method::POST;
        request.uri_mut().clone_from(&self.endpoint);
        let headers = request.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/secevent+jwt"),
        );
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Answer::Later(causes(&error), None),
        };
        let (head, body) = response.into_parts();
        // A receiver that breaks off what it says of a token has still said the status.
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        judge(head.status, &head.headers, &body)
    }
}

/// The error and its causes, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The body of a refusal (RFC 8935, section 2.3).
#[derive(Debug, Default, Deserialize)]
pub(super) struct SetError {
    #[serde(default)]
    err: String,
    #[serde(default)]
    description: String,
}

impl SetError {
    /// What it says, without what a log or a header cannot hold.
    pub(super) fn tell(&self) -> String {
        let plain = |text: &str| -> String {
            let text = text.chars().filter(|c| !c.is_control());
            text.take(MAX_DESCRIPTION).collect()
        };
        match (self.err.as_str(), self.description.as_str()) {
            ("", "") => String::new(),
            (err, "") => format!(" {}", plain(err)),
            (err, description) => format!(" {}: {}", plain(err), plain(description)),
        }
    }

    /// Whether what is wrong lies in this token. Otherwise it is a key that the receiver has yet to fetch, a
    /// credential or a setting: somebody can put that right while the token is tried again. Who names no
    /// error has not looked at the token: it is a proxy before him.
    pub(super) fn is_about_the_token(&self) -> bool {
        let passing = [
            "",
            "invalid_key",
            "invalid_issuer",
            "invalid_audience",
            "authentication_failed",
            "access_denied",
            "invalid_state",
        ];
        !passing.contains(&self.err.as_str())
    }
}

fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
    if status.is_success() {
        return Answer::Accepted;
    }
    let error: SetError = serde_json::from_slice(body).unwrap_or_default();
    let reason = format!("{}{}", status.as_u16(), error.tell());
    match status {
        StatusCode::BAD_REQUEST if error.is_about_the_token() => Answer::Refused(reason),
        StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Answer::Refused(reason),
        _ => Answer::Later(reason, retry_after(headers)),
    }
}

/// In seconds; a date is as good as nothing.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).expect("a status");
        judge(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn only_what_lies_in_the_token_is_refused_for_good() {
        for status in [200, 202, 204] {
            assert_eq!(answer(status, ""), Answer::Accepted);
        }
        let refused = answer(
            400,
            r#"{"err":"invalid_request","description":"not\nthis"}"#,
        );
        assert_eq!(
            refused,
            Answer::Refused("400 invalid_request: notthis".to_owned())
        );
        for (status, body) in [(413, ""), (415, ""), (422, "")] {
            assert!(
                matches!(answer(status, body), Answer::Refused(_)),
                "{status}"
            );
        }
        for (status, body) in [
            (400, ""),
            (400, "<html>"),
            (400, r#"{"description":"bad"}"#),
            (400, r#"{"err":"invalid_key"}"#),
            (400, r#"{"err":"invalid_issuer"}"#),
            (400, r#"{"err":"invalid_audience"}"#),
            (401, ""),
            (403, ""),
            (404, ""),
            (429, ""),
            (500, ""),
            (301, ""),
        ] {
            assert!(
                matches!(answer(status, body), Answer::Later(..)),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_receiver_may_ask_for_patience_but_not_for_ever() {
        let asked = |after: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(after))]);
            match judge(StatusCode::SERVICE_UNAVAILABLE, &headers, b"") {
                Answer::Later(_, after) => after.map(|after| after.as_secs()),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(asked("7"), Some(7));
        assert_eq!(asked("86400"), Some(300));
        assert_eq!(asked("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
