//! `apisix`: what the log plugins of Apache APISIX write by default (`kafka-logger`, `http-logger` and the
//! others, without a `log_format` of their own), one entry or an array of them.
//!
//! | event | APISIX |
//! |---|---|
//! | `id` | header `x-request-id` of request or response and a hash of the entry, else the hash |
//! | `time` | `start_time`, milliseconds with a fraction |
//! | `identity` | `consumer.username`: `api_key` where a key authenticated it, else `service_account` |
//! | `credential` | fingerprint of the bearer token, basic credential, API key or session cookie |
//! | `network.ip` | `client_ip`; the nearest public address of `x-forwarded-for` where that is private |
//! | `device.user_agent` | `request.headers.user-agent` |
//! | `action.name` | method and path, with ids as `{id}` |
//! | `action.class` | GET, HEAD and OPTIONS read, DELETE deletes, everything else writes |
//! | `action.outcome`, `status` | `response.status`: 401 and 403 denied, other 4xx and 5xx failure |
//! | `action.resource` | the path without its query |
//! | `action.bytes_out` | `response.size`, which is text |
//!
//! APISIX redacts nothing: authorization headers, cookies and the whole query reach the topic. They
//! are hashed and dropped here, and bodies are not read. Requests of nobody are skipped.

use std::borrow::Cow;

use super::http::{self, API_KEY_HEADERS};
use super::read::{Node, Opening, Refusal, each, each_part, open, required_instant};
use super::{Format, Sink, Source, endpoint};
use crate::event::{Event, EventKind, IdentityKind};
use crate::json::Json;
use crate::reject::{Reason, Reject};

/// Apache APISIX's log entries.
pub(super) struct Apisix;

impl Format for Apisix {
    fn name(&self) -> &'static str {
        "apisix"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        record.get("request").is_some_and(Json::is_object)
            && record.get("start_time").is_some()
            && record.get("client_ip").is_some()
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each(self, raw, source, &[], sink, read);
    }

    fn decode_parsed(
        &self,
        record: &Json<'_>,
        raw: &[u8],
        source: Source<'_>,
        sink: &mut Sink<'_>,
    ) {
        each_part(self, record, raw.len(), source, &[], sink, read);
    }
}

fn read<'v>(entry: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let request = entry.get("request");
    if !request.is_object() {
        let detail = "request: absent; expected a log entry of APISIX in its default format";
        return Err(Refusal::Reject(Reject::new(Reason::WrongFormat, detail)));
    }
    let (headers, query) = (request.get("headers"), request.get("querystring"));
    let consumer = entry.at("consumer.username").text();
    let consumer = consumer.or_else(|| entry.at("consumer.consumer_name").text());
    let identity = consumer.ok_or(Refusal::Skip("no consumer"))?;
    let target = request
        .get("uri")
        .text()
        .or_else(|| request.get("url").text());
    let path = target
        .map(http::path)
        .ok_or_else(|| Refusal::missing("request.uri", "expected the path"))?;
    let method = request.get("method").text().unwrap_or(Cow::Borrowed("GET"));
    let by_key = headers.get("authorization").text().is_none()
        && API_KEY_HEADERS
            .iter()
            .any(|name| headers.get(name).text().is_some() || query.get(name).text().is_some());
    let response = entry.get("response");
    let request_id = headers.get("x-request-id").text();
    let request_id = request_id.or_else(|| response.at("headers.x-request-id").text());
    let opening = Opening {
        id: http::entry_id(request_id, entry).into(),
        time: required_instant(entry, &["start_time"])?,
        kind: EventKind::Api,
        identity,
        identity_kind: if by_key {
            IdentityKind::ApiKey
        } else {
            IdentityKind::ServiceAccount
        },
        action: format!("{method} {}", endpoint::by_shape(&path)).into(),
    };
    let mut event = open("apisix", source.tenant.map(Cow::Borrowed), opening);
    if let Some((id, kind)) = http::presented(|name| headers.get(name), |name| query.get(name)) {
        event.credential.id = id;
        event.credential.kind = kind.into();
    }
    event.network.ip = http::client(entry.get("client_ip").ip(), headers.get("x-forwarded-for"))
        .map(|ip| ip.to_string().into());
    event.device.user_agent = headers.get("user-agent").short();
    event.action.class = http::class(&method).into();
    event.action.status = response
        .get("status")
        .always()
        .count()
        .filter(|status| *status > 0);
    event.action.outcome = event.action.status.map(http::outcome).into();
    event.action.bytes_out = response.get("size").count();
    event.action.resource = http::resource(path);
    Ok(vec![event])
}
