//! A webhook: the command as it is, signed.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use plumbline_schemas::command::Command;

use crate::deliver::{Answer, Body, Http, Reply, now};

/// Seconds since 1970, as they are signed.
const TIMESTAMP: &str = "plumbline-timestamp";
const SIGNATURE: &str = "plumbline-signature";
/// The id of the command: who sees it twice acts once.
const COMMAND: &str = "plumbline-command";

/// Posts commands to one URL.
#[derive(Clone)]
pub(super) struct Webhook {
    http: Http,
    url: Uri,
    /// Larger than all else together.
    key: Arc<hmac::Key>,
}

impl Webhook {
    pub(super) fn new(http: Http, url: Uri, secret: &str) -> Self {
        Self {
            http,
            url,
            key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())),
        }
    }

    /// `record`: the command as it was read. `left`: the time in which it may arrive at all.
    pub(super) async fn carry_out(
        self,
        command_id: String,
        record: Vec<u8>,
        left: Duration,
    ) -> Answer {
        let seconds = (now().as_millis() / 1000).to_string();
        let signature = signature(&self.key, &seconds, &record);
        let headers = [
            (TIMESTAMP, seconds),
            (SIGNATURE, signature),
            (COMMAND, command_id),
        ];
        let mut request = Request::new(Body::from(record));
        *request.method_mut() = Method::POST;
        request.uri_mut().clone_from(&self.url);
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, json);
        for (name, value) in headers {
            // An id that no header can hold stands in the body all the same.
            if let Ok(value) = HeaderValue::from_str(&value) {
                request.headers_mut().insert(name, value);
            }
        }
        match self.http.send(request, left).await {
            Ok(reply) => judge(&reply),
            Err(reason) => Answer::Later(reason, None),
        }
    }

    pub(super) fn tell(&self, command: &Command) -> String {
        format!("post {} to {}", command.id, self.url)
    }
}

/// `sha256=` and the HMAC of timestamp, `.` and body, in hexadecimal. With the timestamp in it, a request that
/// was overheard cannot be sent again later.
fn signature(key: &hmac::Key, timestamp: &str, body: &[u8]) -> String {
    let mut signed = hmac::Context::with_key(key);
    signed.update(timestamp.as_bytes());
    signed.update(b".");
    signed.update(body);
    let tag = signed.sign();
    let hex = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("sha256={}", hex.collect::<String>())
}

/// What the webhook itself refuses it refuses for good; what a proxy before it says passes.
fn judge(reply: &Reply) -> Answer {
    let status = reply.status;
    let passes = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    if status.is_success() {
        return Answer::Accepted;
    }
    let reason = format!("the webhook says {}", status.as_u16());
    match status.is_client_error() && !passes.contains(&status) {
        true => Answer::Refused(reason),
        false => reply.later(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::http::tests::Server;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_the_webhook_refuses_is_refused_and_what_passes_is_tried_again() {
        let server = Server::start(|_, before| {
            let status = [204, 503, 429, 422, 404][before];
            (status, String::new())
        });
        let server = server.await;
        let http = Http::new(MINUTE).expect("a client");
        let url = server.url.parse().expect("a URL");
        let webhook = Webhook::new(http, url, "Jefe");
        let mut answers = Vec::new();
        for _ in 0..5 {
            let posted = webhook.clone();
            let posted = posted.carry_out("c-1".to_owned(), b"{}".to_vec(), MINUTE);
            answers.push(match posted.await {
                Answer::Accepted => "accepted",
                Answer::Later(..) => "later",
                Answer::Refused(_) => "refused",
            });
        }
        let expected = ["accepted", "later", "later", "refused", "refused"];
        assert_eq!(answers, expected);
        let (_, _, headers, body) = server.asked().remove(0);
        let header = |name: &str| headers[name].to_str().expect("text");
        assert_eq!((header(COMMAND), &*body), ("c-1", "{}"));
        let expected = signature(&webhook.key, header(TIMESTAMP), b"{}");
        assert_eq!(header(SIGNATURE), expected);
    }

    #[test]
    fn the_signature_is_that_of_other_programs() {
        // printf '1795704811.{"id":"c-1"}' | openssl dgst -sha256 -hmac Jefe
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        assert_eq!(
            signature(&key, "1795704811", br#"{"id":"c-1"}"#),
            "sha256=337f95bab33b8efcf190fb04c9d0db3c003a8d947390be850f38f33c8beea677"
        );
    }
}
