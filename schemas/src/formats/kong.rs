//! `kong`: what Kong's log plugins write (`kong.log.serialize`), one object per record or an array
//! of them (`http-log` with `max_batch_size` over 1).
//!
//! | event | Kong |
//! |---|---|
//! | `id` | `request.id`, else `x-kong-request-id` and a hash of the entry, else the hash |
//! | `time` | `started_at`, milliseconds |
//! | `identity` | `consumer.username`, `custom_id`, `id`, else `authenticated_entity.consumer_id` (`api_key` where a key authenticated it, else `service_account`); else `authenticated_entity.id` (human) |
//! | `credential` | fingerprint of a raw bearer token, API key or session cookie, else `authenticated_entity.id`; a password by its kind |
//! | `network.ip` | `client_ip`; the nearest public address of `x-forwarded-for` where that is private |
//! | `device.user_agent` | `request.headers.user-agent` |
//! | `action.name` | method and endpoint: a regular expression route gives it, else the path with ids as `{id}` |
//! | `action.class` | GET, HEAD and OPTIONS read, DELETE deletes, everything else writes |
//! | `action.outcome`, `status` | `response.status`: 401 and 403 denied, other 4xx and 5xx failure |
//! | `action.resource` | the path without its query |
//! | `action.bytes_out` | `response.size` |
//!
//! Kong writes `REDACTED` for authorization headers unless told otherwise: then there is no
//! fingerprint, only `authenticated_entity.id`. Headers that name the user are not believed: a client can send them
//! too. Requests of nobody are skipped.

use std::borrow::Cow;

use super::http::{self, API_KEY_HEADERS};
use super::read::{Node, Opening, Refusal, each, each_part, open, required_time};
use super::{Format, Sink, Source, endpoint};
use crate::event::{Credential, CredentialKind, Event, EventKind, Identity, IdentityKind};
use crate::json::Json;
use crate::known::Text;
use crate::reject::{Reason, Reject};

/// Kong Gateway's log entries.
pub(super) struct Kong;

const BATCH: &[&str] = &[];

impl Format for Kong {
    fn name(&self) -> &'static str {
        "kong"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        record.get("request").is_some_and(Json::is_object)
            && record.get("started_at").is_some()
            && record.get("client_ip").is_some()
    }

    fn decode(&self, raw: &[u8], source: Source<'_>, sink: &mut Sink<'_>) {
        each(self, raw, source, BATCH, sink, read);
    }

    fn decode_parsed(
        &self,
        record: &Json<'_>,
        raw: &[u8],
        source: Source<'_>,
        sink: &mut Sink<'_>,
    ) {
        each_part(self, record, raw.len(), source, BATCH, sink, read);
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
    let target = request
        .get("uri")
        .text()
        .or_else(|| request.get("url").text());
    let path = target
        .map(http::path)
        .ok_or_else(|| Refusal::missing("request.uri", "expected the path"))?;
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
    event.network.ip = http::client(entry.get("client_ip").ip(), headers.get("x-forwarded-for"))
        .map(|ip| ip.to_string().into());
    event.device.user_agent = headers.get("user-agent").short();
    event.action.class = http::class(&method).into();
    let response = entry.get("response");
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

/// Kong's own id of the request, else what its header says, which a client may send too.
fn id<'v>(entry: Node<'v>, request: Node<'v>, headers: Node<'v>) -> Text<'v> {
    let claimed = || headers.get("x-kong-request-id").text();
    let own = request.get("id").text();
    own.unwrap_or_else(|| http::entry_id(claimed(), entry).into())
}

/// The consumer, else the user whom a plugin without consumers authenticated.
///
/// `x-authenticated-userid` is not read. The OAuth 2.0 plugin writes it, and clears what a client sent;
/// other plugins, `key-auth` among them, leave a client's own in place. Both name a consumer and log
/// the same members, so nothing tells Kong's word from the client's.
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

fn credential<'v>(
    entry: Node<'v>,
    request: Node<'v>,
    headers: Node<'v>,
    identity: &Identity<'_>,
) -> Credential<'v> {
    let query = request.get("querystring");
    let presented = http::presented(
        |name: &'static str| headers.get(name),
        |name: &'static str| query.get(name),
    );
    let by_identity = match identity.kind.known() {
        Some(IdentityKind::ApiKey) => CredentialKind::ApiKey,
        _ => CredentialKind::AccessToken,
    };
    let (id, kind) = presented.unwrap_or((None, by_identity));
    let id = id.or_else(|| {
        let entity = entry.at("authenticated_entity.id").text();
        // Without a consumer the entity is the user, not what the user presented.
        entity.filter(|id| *id != identity.id)
    });
    let is_told = id.is_some() || kind == CredentialKind::Password;
    Credential {
        kind: is_told.then_some(kind).into(),
        id,
        ..Credential::default()
    }
}
