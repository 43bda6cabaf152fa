//! Answers in JSON, and who may have them.

use std::borrow::Cow;
use std::fmt;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Why a request is not served, as RFC 8935, section 2.3, has it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) err: &'static str,
    pub(crate) description: Cow<'static, str>,
}

impl Refusal {
    pub(crate) const fn new(
        status: StatusCode,
        err: &'static str,
        description: &'static str,
    ) -> Self {
        Self {
            status,
            err,
            description: Cow::Borrowed(description),
        }
    }

    pub(crate) const fn invalid(description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// Of whoever has no bearer token that is known here.
    pub(crate) const STRANGER: Self = Self::new(
        StatusCode::UNAUTHORIZED,
        "authentication_failed",
        "the bearer token is missing, or belongs to nobody here",
    );
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "err": self.err, "description": self.description });
        let mut response = (self.status, json_of(&body)).into_response();
        let header = match self.status {
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer")),
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, "5")),
            _ => None,
        };
        if let Some((name, value)) = header {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

pub(crate) fn json_of(body: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The bearer token of a request.
pub(crate) fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = given.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then_some(token.trim())
}

/// A bearer token that lets somebody in. Digests are compared: how long that takes tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Latch([u8; 32]);

impl fmt::Debug for Latch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Latch")
    }
}

impl Latch {
    pub(crate) fn new(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    pub(crate) fn opens_to(&self, token: &str) -> bool {
        *self == Self::new(token)
    }
}
