//! Delivery by HTTP POST (RFC 8935), and what the receiver's answer means.

use std::time::Duration;

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use serde::Deserialize;

use crate::deliver::{Answer, Body, Http, Reply, RootsError, bearer};

/// Of a description so much is kept.
const MAX_DESCRIPTION: usize = 200;

/// Why nothing can be posted.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No certificate authorities.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// A bearer token that no header can hold.
    #[error("the endpoint_token of the receiver `{0}` cannot stand in an HTTP header")]
    Token(String),
    /// An endpoint that is no URL.
    #[error("the endpoint of the receiver `{0}` is no URL")]
    Endpoint(String),
}

/// Posts tokens to one endpoint.
#[derive(Clone)]
pub(super) struct Pusher {
    http: Http,
    endpoint: Uri,
    authorization: Option<HeaderValue>,
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
        let authorization =
            token.map(|token| bearer(token).ok_or_else(|| PushError::Token(receiver.to_owned())));
        Ok(Self {
            http: Http::new(timeout)?,
            endpoint,
            authorization: authorization.transpose()?,
        })
    }

    /// `left`: the time in which the token may arrive at all.
    pub(super) async fn push(self, token: String, left: Duration) -> Answer {
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
        match self.http.send(request, left).await {
            Ok(reply) => judge(&reply),
            Err(reason) => Answer::Later(reason, None),
        }
    }
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

fn judge(reply: &Reply) -> Answer {
    if reply.status.is_success() {
        return Answer::Accepted;
    }
    let error: SetError = serde_json::from_slice(&reply.body).unwrap_or_default();
    let reason = format!("{}{}", reply.status.as_u16(), error.tell());
    match reply.status {
        StatusCode::BAD_REQUEST if error.is_about_the_token() => Answer::Refused(reason),
        StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Answer::Refused(reason),
        _ => reply.later(reason),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        judge(&Reply {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        })
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
}
