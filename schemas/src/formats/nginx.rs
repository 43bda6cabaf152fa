//! `nginx`: access logs of NGINX written by a `log_format … escape=json`. Operators name the fields; read are
//! the names of the variables (`$remote_addr` as `remote_addr`).
//!
//! | event | NGINX |
//! |---|---|
//! | `id` | `request_id` (else `http_x_request_id`) and a hash of the entry, else the hash |
//! | `time` | `msec`, `time_iso8601`, `time_local`, `time`, `timestamp`, `@timestamp` |
//! | `identity` | `jwt_claim_sub` (human; `service_account` where it is also `jwt_claim_azp` or `jwt_claim_client_id`), else the subject of a verified client certificate, `ssl_client_s_dn` (workload), else `remote_user` (human) |
//! | `credential` | fingerprint of a logged authorization header, API key or session cookie; else `jwt_claim_jti`; else `ssl_client_fingerprint` |
//! | `credential.bound_to` | `ssl_client_fingerprint`, beside a token |
//! | `session` | `jwt_claim_sid` |
//! | `network.ip` | `remote_addr`; the nearest public address of `http_x_forwarded_for` where that is private |
//! | `device` | `http_user_agent`; `tls_fingerprint` from `ssl_ja4`, `ssl_ja3`, `http_ssl_ja3` |
//! | `action.name` | `request_method` and `uri` (else `request_uri`, else of `request`), with ids as `{id}` |
//! | `action.resource` | the path without its query |
//! | `action.outcome`, `status` | `status`: 401 and 403 denied, other 4xx and 5xx failure |
//! | `action.bytes_out` | `bytes_sent`, else `body_bytes_sent` |
//! | `action.scopes` | `jwt_claim_scope` |
//!
//! `remote_user` is what the client wrote into its basic credential, also where NGINX asked for none: log it
//! only where `auth_basic` is on. Requests of nobody are skipped.

use std::borrow::Cow;

use super::read::{Node, Opening, Refusal, each, each_part, open, required_instant, scopes};
use super::{Format, Sink, Source, endpoint, http};
use crate::event::{Credential, CredentialKind, Event, EventKind, IdentityKind};
use crate::json::Json;
use crate::known::Text;
use crate::time::EventTime;

/// NGINX's access logs in JSON.
pub(super) struct Nginx;

impl Format for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let has = |name: &str| record.get(name).is_some();
        has("remote_addr")
            && has("status")
            && (has("request_method") || has("request") || has("request_uri"))
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

const TIMES: &[&str] = &["msec", "time_iso8601", "time", "timestamp", "@timestamp"];

fn read<'v>(entry: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let (method, target) = asked(entry).ok_or_else(|| {
        Refusal::missing(
            "request_method, uri",
            "expected method and path, or request",
        )
    })?;
    let path = http::path(target);
    let (identity, identity_kind) = who(entry).ok_or(Refusal::Skip("no user"))?;
    let local = entry.get("time_local").text();
    let local = local.and_then(|text| local_time(&text));
    let request_id = entry.get("request_id").text();
    let request_id = request_id.or_else(|| entry.get("http_x_request_id").text());
    let opening = Opening {
        id: http::entry_id(request_id, entry).into(),
        time: match local {
            Some(local) => required_instant(entry, TIMES).unwrap_or(local),
            None => required_instant(entry, &[TIMES, &["time_local"]].concat())?,
        },
        kind: EventKind::Api,
        identity,
        identity_kind,
        action: format!("{method} {}", endpoint::by_shape(&path)).into(),
    };
    let mut event = open("nginx", source.tenant.map(Cow::Borrowed), opening);
    event.credential = credential(entry);
    event.session.id = entry.get("jwt_claim_sid").text();
    let forwarded = entry.get("http_x_forwarded_for");
    event.network.ip =
        http::client(entry.get("remote_addr").ip(), forwarded).map(|ip| ip.to_string().into());
    event.device.user_agent = entry.get("http_user_agent").short();
    event.device.tls_fingerprint = ["ssl_ja4", "ssl_ja3", "http_ssl_ja3"]
        .iter()
        .find_map(|name| entry.get(name).short());
    event.action.class = http::class(&method).into();
    event.action.status = entry
        .get("status")
        .always()
        .count()
        .filter(|status| *status > 0);
    event.action.outcome = event.action.status.map(http::outcome).into();
    let sent = entry.get("bytes_sent").count();
    event.action.bytes_out = sent.or_else(|| entry.get("body_bytes_sent").count());
    event.action.scopes = scopes(entry.get("jwt_claim_scope"));
    event.credential.scopes = event.action.scopes.clone();
    event.action.resource = http::resource(path);
    Ok(vec![event])
}

/// Method and target: each for itself, or as the line of the request.
fn asked<'v>(entry: Node<'v>) -> Option<(Text<'v>, Text<'v>)> {
    let line = entry.get("request").text();
    let mut words = line.as_deref().unwrap_or_default().split(' ');
    let (method, target) = (words.next(), words.next());
    let named = |name: &'static str| entry.get(name).text();
    let method = named("request_method").or_else(|| {
        method
            .filter(|method| !method.is_empty())
            .map(|method| method.to_owned().into())
    });
    let target = named("uri")
        .or_else(|| named("request_uri"))
        .or_else(|| target.map(|target| target.to_owned().into()));
    method.zip(target)
}

fn who<'v>(entry: Node<'v>) -> Option<(Text<'v>, IdentityKind)> {
    if let Some(subject) = entry.get("jwt_claim_sub").text() {
        let is_client = ["jwt_claim_azp", "jwt_claim_client_id"].iter().any(|name| {
            entry
                .get(name)
                .text()
                .is_some_and(|client| client == subject)
        });
        let kind = if is_client {
            IdentityKind::ServiceAccount
        } else {
            IdentityKind::Human
        };
        return Some((subject, kind));
    }
    let verified = entry
        .get("ssl_client_verify")
        .text()
        .is_some_and(|result| result.eq_ignore_ascii_case("success"));
    let certificate = entry.get("ssl_client_s_dn").text().filter(|_| verified);
    if let Some(subject) = certificate {
        return Some((subject, IdentityKind::Workload));
    }
    Some((entry.get("remote_user").text()?, IdentityKind::Human))
}

fn credential<'v>(entry: Node<'v>) -> Credential<'v> {
    let header = |name: &str| entry.member(&format!("http_{}", name.replace('-', "_")));
    let argument = |name: &str| entry.member(&format!("arg_{}", name.replace('-', "_")));
    let certificate = entry.get("ssl_client_fingerprint").text();
    let token = http::presented(header, argument).or_else(|| {
        let id = entry.get("jwt_claim_jti").text()?;
        Some((Some(id), CredentialKind::AccessToken))
    });
    let (id, kind, bound_to) = match token {
        Some((id, kind)) => (id, Some(kind), certificate),
        None => {
            let kind = certificate.as_ref().map(|_| CredentialKind::Certificate);
            (certificate, kind, None)
        }
    };
    Credential {
        id,
        kind: kind.into(),
        bound_to,
        ..Credential::default()
    }
}

/// `20/Nov/2026:10:15:30 +0000`, the time of the common log format.
fn local_time(text: &str) -> Option<EventTime> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (time, zone) = text.split_once(' ')?;
    let (date, clock) = time.split_once(':')?;
    let mut parts = date.split('/');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let (hours, minutes) = zone.split_at_checked(3)?;
    EventTime::parse(&format!("{year}-{month:02}-{day}T{clock}{hours}:{minutes}"))
}
