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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::memory::tests::command;
    use crate::deliver::bearer;
    use crate::deliver::http::tests::Server;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_subject_is_posted_and_refused_only_for_what_it_is() {
        let server = Server::start(|_, before| ([204, 401, 404, 500][before], String::new()));
        let server = server.await;
        let revocation = Revocation {
            http: Http::new(MINUTE).expect("a client"),
            url: server.url.parse().expect("a URL"),
            authorization: bearer("hunter2"),
            format: SubjectFormat::IssSub,
            issuer: "https://acme.okta.com".to_owned(),
        };
        let target = command("c-1", "revoke_all", None).target;
        let subject = revocation.subject(&target).expect("a subject");
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(revocation.clone().carry_out(subject.clone(), MINUTE).await);
        }
        let later = |status| {
            let reason = format!("the revocation endpoint says {status}");
            Answer::Later(reason, None)
        };
        let gone = Answer::Refused("the revocation endpoint says 404".to_owned());
        assert_eq!(answers, [Answer::Accepted, later(401), gone, later(500)]);
        let (method, _, headers, body) = server.asked().remove(0);
        assert_eq!(
            (&*method, &headers["authorization"]),
            ("POST", &HeaderValue::from_static("Bearer hunter2"))
        );
        assert_eq!(
            body,
            r#"{"sub_id":{"format":"iss_sub","iss":"https://acme.okta.com","sub":"ann"}}"#
        );
    }

    #[test]
    fn who_cannot_be_named_has_no_subject() {
        let revocation = Revocation {
            http: Http::new(MINUTE).expect("a client"),
            url: Uri::from_static("http://127.0.0.1:9"),
            authorization: None,
            format: SubjectFormat::Email,
            issuer: String::new(),
        };
        let target = command("c-1", "revoke_all", None).target;
        assert_eq!(revocation.subject(&target), None);
    }
}
