//! `kong`: what Kong's log plugins write (`kong.log.serialize`), one object per record or an array
//! of them (`http-log` with `max_batch_size` over 1).
//!
//! | event | Kong |
//! |---|---|
//! | `id` | `request.id`, else `x-kong-request-id`, else a hash of the entry |
//! | `time` | `started_at`, milliseconds |
//! | `identity` | the user of `x-authenticated-userid` (human); else `consumer.username`, `custom_id`, `id`, else `authenticated_entity.consumer_id` (`api_key` where a key authenticated it, else `service_account`); else `authenticated_entity.id` (human) |
//! | `credential` | fingerprint of a raw bearer token, basic credential, API key or session cookie, else `authenticated_entity.id` |
//! | `network.ip` | `client_ip`; the nearest public address of `x-forwarded-for` where that is private |
//! | `device.user_agent` | `request.headers.user-agent` |
//! | `action.name` | method and endpoint: a regular expression route gives it, else the path with ids as `{id}` |
//! | `action.class` | GET, HEAD and OPTIONS read, DELETE deletes, everything else writes |
//! | `action.outcome`, `status` | `response.status`: 401 and 403 denied, other 4xx and 5xx failure |
//! | `action.resource` | the path without its query |
//! | `action.bytes_out` | `response.size` |
//!
//! Kong writes `REDACTED` for authorization headers unless told otherwise: then there is no
//! fingerprint, only `authenticated_entity.id`. Headers that name the user are believed only where
//! Kong authenticated somebody; a client can send them too. Requests of nobody are skipped.

use std::borrow::Cow;
use std::net::IpAddr;

use serde_json::Value;

use super::endpoint;
use super::read::{Node, Opening, Refusal, address, each, known, open, required_time};
use super::secret::{fingerprint, without_scheme};
use super::{Format, Sink, Source};
use crate::event::{
    ActionClass, Credential, CredentialKind, Event, EventKind, Identity, IdentityKind, Outcome,
};
use crate::known::Text;
use crate::reject::{Reason, Reject};

/// Kong Gateway's log entries.
pub(super) struct Kong;

impl Format for Kong {
    fn name(&self) -> &'static str {
        "kong"
    }

    fn recognises(&self, record: &Value) -> bool {
        record.get("request").is_some_and(Value::is_object)
            && record.get("started_at").is_some()
            && record.get("client_ip").is_some()
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each(raw, source, &[], sink, read);
    }
}

fn read<'v>(entry: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let request = entry.get("request");
    if !request.is_object() {
        let detail = "request: absent; expected a log entry of Kong";
        return Err(Refusal::Reject(Reject::new(Reason::WrongFormat, detail)));
    }
    let headers = request.get("headers");
    let (identity, identity_kind) = who(entry, headers).ok_or(Refusal::Skip("no consumer"))?;
    let path = path(request).ok_or_else(|| Refusal::missing("request.uri", "expected the path"))?;
    let method = request.get("method").text().unwrap_or(Cow::Borrowed("GET"));
    let opening = Opening {
        id: id(entry, request, headers),
        time: required_time(entry, "started_at")?,
        kind: EventKind::Api,
        identity,
        identity_kind,
        action: format!(
            "{method} {}",
            endpoint::name(&path, entry.at("route.paths"))
        )
        .into(),
    };
    let tenant = source.tenant.map(Cow::Borrowed);
    let mut event = open("kong", tenant, opening);
    event.credential = credential(entry, request, headers, &event.identity);
    event.network.ip = client(entry, headers).map(|ip| ip.to_string().into());
    event.device.user_agent = headers.get("user-agent").short();
    event.action.class = class(&method).into();
    let response = entry.get("response");
    event.action.status = response.get("status").count().filter(|status| *status > 0);
    event.action.outcome = event.action.status.map(outcome).into();
    event.action.bytes_out = response.get("size").count();
    event.action.resource = (path.len() <= 512).then_some(path);
    Ok(vec![event])
}

fn id<'v>(entry: Node<'v>, request: Node<'v>, headers: Node<'v>) -> Text<'v> {
    request
        .get("id")
        .text()
        .or_else(|| headers.get("x-kong-request-id").text())
        .unwrap_or_else(|| fingerprint(&entry.canonical()).into())
}

fn who<'v>(entry: Node<'v>, headers: Node<'v>) -> Option<(Text<'v>, IdentityKind)> {
    let consumer = entry.get("consumer");
    let entity = entry.get("authenticated_entity");
    let named = consumer
        .get("username")
        .text()
        .or_else(|| consumer.get("custom_id").text())
        .or_else(|| consumer.get("id").text())
        .or_else(|| entity.get("consumer_id").text());
    let entity_id = entity.get("id").text();
    if named.is_none() && entity_id.is_none() {
        return None;
    }
    if let Some(user) = headers.get("x-authenticated-userid").text() {
        return Some((user, IdentityKind::Human));
    }
    let Some(consumer) = named else {
        return entity_id.map(|user| (user, IdentityKind::Human));
    };
    let by_key = entity_id.is_some() && headers.get("authorization").text().is_none()
        || API_KEY_HEADERS
            .iter()
            .any(|name| headers.get(name).text().is_some());
    let kind = if by_key {
        IdentityKind::ApiKey
    } else {
        IdentityKind::ServiceAccount
    };
    Some((consumer, kind))
}

const API_KEY_HEADERS: [&str; 4] = ["apikey", "x-api-key", "api-key", "x-apikey"];

/// A header or parameter with a value that was not redacted.
fn raw<'v>(node: Node<'v>) -> Option<Text<'v>> {
    node.text()
        .filter(|value| !value.eq_ignore_ascii_case("redacted"))
}

fn credential<'v>(
    entry: Node<'v>,
    request: Node<'v>,
    headers: Node<'v>,
    identity: &Identity<'_>,
) -> Credential<'v> {
    let (id, kind) = presented(request, headers).map_or_else(
        || {
            let kind = match identity.kind.known() {
                Some(IdentityKind::ApiKey) => CredentialKind::ApiKey,
                _ => CredentialKind::AccessToken,
            };
            let entity = entry.at("authenticated_entity.id").text();
            // Without a consumer the entity is the user, not what the user presented.
            (entity.filter(|id| *id != identity.id), kind)
        },
        |(secret, kind)| (Some(fingerprint(&secret).into()), kind),
    );
    Credential {
        kind: id.as_ref().map(|_| kind).into(),
        id,
        ..Credential::default()
    }
}

/// The secret that was presented, where the record holds it.
fn presented<'v>(request: Node<'v>, headers: Node<'v>) -> Option<(Text<'v>, CredentialKind)> {
    if let Some(value) = raw(headers.get("authorization")) {
        let basic = value
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic "));
        let kind = if basic {
            CredentialKind::Password
        } else {
            CredentialKind::AccessToken
        };
        return Some((without_scheme(&value).to_owned().into(), kind));
    }
    let query = request.get("querystring");
    let key = API_KEY_HEADERS
        .iter()
        .find_map(|name| raw(headers.get(name)).or_else(|| raw(query.get(name))));
    if let Some(key) = key {
        return Some((key, CredentialKind::ApiKey));
    }
    let cookies = raw(headers.get("cookie"))?;
    // Of all cookies only the session's stays the same from one request to the next.
    let session = cookies.split(';').find_map(|cookie| {
        let (name, value) = cookie.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        let names_session = ["sess", "sid", "auth", "token"]
            .iter()
            .any(|part| name.contains(part));
        names_session.then(|| known(value)).flatten()
    })?;
    Some((session.to_owned().into(), CredentialKind::SessionCookie))
}

fn path<'v>(request: Node<'v>) -> Option<Text<'v>> {
    let uri = match request.get("uri").text() {
        Some(uri) => uri,
        // The full URL, from which the path is taken.
        None => {
            let url = request.get("url").text()?;
            let (_, rest) = url.split_once("://")?;
            rest.find('/')
                .map_or("/", |slash| &rest[slash..])
                .to_owned()
                .into()
        }
    };
    let end = uri.find(['?', '#', ';']).unwrap_or(uri.len());
    Some(match uri {
        Cow::Borrowed(uri) => Cow::Borrowed(&uri[..end]),
        Cow::Owned(uri) => Cow::Owned(uri[..end].to_owned()),
    })
}

/// The address of the client. Behind a load balancer `client_ip` is the balancer's; what it wrote
/// into `x-forwarded-for` stands last, anything before that may be the client's invention.
fn client(entry: Node<'_>, headers: Node<'_>) -> Option<IpAddr> {
    let peer = entry.get("client_ip").ip();
    if peer.is_some_and(|peer| !is_private(peer)) {
        return peer;
    }
    let forwarded = headers.get("x-forwarded-for").text();
    let nearest = forwarded.and_then(|hops| {
        let mut hops = hops.split(',').rev().filter_map(address);
        hops.find(|hop| !is_private(*hop))
    });
    nearest.or(peer)
}

pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            // 100.64.0.0/10 is shared address space (RFC 6598).
            let [first, second, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn class(method: &str) -> ActionClass {
    match method {
        "GET" | "HEAD" | "OPTIONS" => ActionClass::Read,
        "DELETE" => ActionClass::Delete,
        _ => ActionClass::Write,
    }
}

fn outcome(status: u64) -> Outcome {
    match status {
        401 | 403 => Outcome::Denied,
        400.. => Outcome::Failure,
        _ => Outcome::Success,
    }
}
