//! OAuth Global Token Revocation (draft-parecki-oauth-global-token-revocation): whoever is named loses every
//! refresh token, and where the server can do that every access token.

use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use plumbline_schemas::command;
use plumbline_schemas::signals::{SubjectFormat, subject};
use serde_json::{Value, json};

use crate::deliver::{Answer, Body, Http, Reply};

/// Posts subjects to one endpoint.
#[derive(Clone)]
pub(super) struct Revocation {
    pub(super) http: Http,
    pub(super) url: Uri,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) format: SubjectFormat,
    pub(super) issuer: String,
}

impl Revocation {
    /// The subject of this command; none where the format cannot name it.
    pub(super) fn subject(&self, target: &command::Target) -> Option<Value> {
        subject(target, self.format, &self.issuer)
    }

    /// `left`: the time in which it may arrive at all.
    pub(super) async fn carry_out(self, subject: Value, left: Duration) -> Answer {
        let body = json!({ "sub_id": subject }).to_string();
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::POST;
        request.uri_mut().clone_from(&self.url);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        if let Some(authorization) = self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        match self.http.send(request, left).await {
            Ok(reply) => judge(&reply),
            Err(reason) => Answer::Later(reason, None),
        }
    }

    pub(super) fn tell(&self, subject: &Value) -> String {
        format!("post {subject} to {}", self.url)
    }
}

/// Somebody can put a credential right while the command is tried again, but not who is named.
fn judge(reply: &Reply) -> Answer {
    if reply.status.is_success() {
        return Answer::Accepted;
    }
    let reason = format!("the revocation endpoint says {}", reply.status.as_u16());
    match reply.status {
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => {
            Answer::Refused(reason)
        }
        _ => reply.later(reason),
    }
}
