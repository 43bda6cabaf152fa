//! `envoy`: JSON access logs of Envoy and of Istio's sidecars and gateways. Operators name the fields; read
//! are Istio's own names and the operators' (`%RESPONSE_CODE%` as `response_code`) in lower case.
//!
//! | event | Envoy |
//! |---|---|
//! | `id` | `request_id` and a hash of the entry, because every hop logs the same one; else the hash |
//! | `time` | `start_time`, RFC 3339 or a number of seconds |
//! | `identity` | the SPIFFE id of the peer (workload): `downstream_peer_uri_san`, else the `URI=` of the last element of `x_forwarded_client_cert`; else the subject of the token: `jwt_sub`, `jwt_claim_sub`, `jwt_payload.sub` |
//! | `identity.kind` | of a token's subject `service_account` where it is the client itself (`jwt_azp`, `jwt_client_id`), else human |
//! | `credential` | fingerprint of an authorization header that was logged; else `jwt_jti`; else the peer's certificate, `downstream_peer_fingerprint_256` |
//! | `credential.bound_to` | that certificate, beside a token |
//! | `session` | `jwt_sid`, `session_state` |
//! | `network.ip` | `downstream_remote_address`, with its port; without a peer the nearest public address of `x_forwarded_for` where that is private |
//! | `device` | `user_agent`; `tls_fingerprint` from `tls_ja4_fingerprint`, `tls_ja3_fingerprint` |
//! | `action.name` | `method` and `path`, with ids as `{id}`; of gRPC as it is |
//! | `action.resource` | `authority` and path |
//! | `action.outcome`, `status` | `response_code`; a `grpc_status` that is not 0; of a request without a response `response_flags` |
//! | `action.bytes_out` | `bytes_sent` |
//! | `action.scopes` | `jwt_scope` |
//! | `delegation` | the token's subject, where a workload calls with it |
//!
//! What neither peer nor token names is skipped, as are connections that are not HTTP. A sidecar logs
//! its own application's calls too, without a peer: those stand in the log of the other end.

use std::borrow::Cow;

use super::read::{Node, Opening, Refusal, each, each_part, open, required_instant, scopes};
use super::{Format, Sink, Source, endpoint, http};
use crate::event::{Credential, CredentialKind, Delegate, Event, EventKind, IdentityKind, Outcome};
use crate::json::Json;
use crate::known::Text;

/// Envoy's and Istio's access logs.
pub(super) struct Envoy;

impl Format for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn recognises(&self, record: &Json<'_>) -> bool {
        let has = |name: &str| record.get(name).is_some();
        has("response_code")
            && (has("response_flags")
                || has("downstream_remote_address")
                || has("upstream_cluster"))
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

const SUBJECTS: &[&str] = &["jwt_sub", "jwt_claim_sub", "jwt_subject", "jwt_payload.sub"];
const CLIENTS: &[&str] = &[
    "jwt_azp",
    "jwt_claim_azp",
    "jwt_client_id",
    "jwt_payload.azp",
    "jwt_payload.client_id",
];
const TOKEN_IDS: &[&str] = &["jwt_jti", "jwt_claim_jti", "jwt_payload.jti"];
const SESSIONS: &[&str] = &[
    "jwt_sid",
    "jwt_claim_sid",
    "jwt_payload.sid",
    "session_state",
];

/// The first text among several fields.
fn first<'v>(entry: Node<'v>, fields: &[&'static str]) -> Option<Text<'v>> {
    fields.iter().find_map(|field| entry.at(field).text())
}

fn read<'v>(entry: Node<'v>, source: Source<'v>) -> Result<Vec<Event<'v>>, Refusal> {
    let time = required_instant(entry, &["start_time", "timestamp", "@timestamp"])?;
    let target = first(entry, &["path", "x_envoy_original_path"]);
    let path = target
        .map(http::path)
        .ok_or(Refusal::Skip("not an HTTP request"))?;
    let method = first(entry, &["method", "request_method"]);
    let method = method.unwrap_or(Cow::Borrowed("GET"));
    let (peer, subject) = (peer(entry), first(entry, SUBJECTS));
    let (identity, identity_kind) = match (&peer, &subject) {
        (Some(peer), _) => (peer.clone(), IdentityKind::Workload),
        (None, Some(subject)) => (subject.clone(), subject_kind(entry, subject)),
        (None, None) => return Err(Refusal::Skip("no peer and no token")),
    };
    let request_id = first(entry, &["request_id", "x_request_id"]);
    let opening = Opening {
        id: http::entry_id(request_id, entry).into(),
        time,
        kind: EventKind::Api,
        identity,
        identity_kind,
        action: match grpc_status(entry) {
            // The path of a gRPC call is a service and its method; there is no value in it.
            Some(_) => format!("{method} {path}").into(),
            None => format!("{method} {}", endpoint::by_shape(&path)).into(),
        },
    };
    let mut event = open("envoy", source.tenant.map(Cow::Borrowed), opening);
    event.credential = credential(entry);
    event.session.id = first(entry, SESSIONS);
    let address = first(entry, &["downstream_remote_address", "client_ip"]);
    let address = address.and_then(|address| super::read::address(&address));
    // Who is forwarded for is the user of the workload that called, not the workload.
    let forwarded = match peer {
        Some(_) => Node::ABSENT,
        None => entry.get("x_forwarded_for"),
    };
    event.network.ip = http::client(address, forwarded).map(|ip| ip.to_string().into());
    event.device.user_agent = entry.get("user_agent").short();
    event.device.tls_fingerprint = first(
        entry,
        &["tls_ja4_fingerprint", "ja4", "tls_ja3_fingerprint", "ja3"],
    );
    event.action.class = http::class(&method).into();
    event.action.status = entry
        .get("response_code")
        .always()
        .count()
        .filter(|status| *status > 0);
    event.action.outcome = outcome(entry, event.action.status).into();
    event.action.bytes_out = entry.get("bytes_sent").count();
    event.action.scopes = scopes(entry.get("jwt_scope"));
    event.credential.scopes = event.action.scopes.clone();
    let authority = first(entry, &["authority", "host"]).unwrap_or_default();
    event.action.resource = http::resource(format!("{authority}{path}").into());
    let user = subject.filter(|subject| peer.is_some() && *subject != event.identity.id);
    event.delegation.extend(user.map(|id| Delegate {
        kind: subject_kind(entry, &id).into(),
        id,
    }));
    Ok(vec![event])
}

/// The SPIFFE id in the certificate of whoever called.
fn peer<'v>(entry: Node<'v>) -> Option<Text<'v>> {
    let names = first(
        entry,
        &[
            "downstream_peer_uri_san",
            "peer_uri_san",
            "source_principal",
        ],
    );
    let stated = names.and_then(|names| {
        let name = names
            .split(',')
            .map(str::trim)
            .find(|name| is_spiffe(name))?;
        Some(name.to_owned().into())
    });
    stated.or_else(|| {
        let hops = entry.get("x_forwarded_client_cert").text()?;
        let uri = nearest_uri(&hops)?;
        is_spiffe(uri).then(|| uri.to_owned().into())
    })
}

/// The last `URI=` in the last element of a header of client certificates: each proxy on the way
/// appends what it saw, and only the nearest is this one's own word.
///
/// Read from its end, because what stands before may be a client's invention, with a quote that
/// never closes in it. What the proxy itself wrote has its quotes in pairs, and escapes in them.
fn nearest_uri(hops: &str) -> Option<&str> {
    let bytes = hops.as_bytes();
    let escaped = |at: usize| {
        let before = bytes[..at].iter().rev();
        before.take_while(|byte| **byte == b'\\').count() % 2 == 1
    };
    let (mut quoted, mut end) = (false, bytes.len());
    for (at, byte) in bytes.iter().enumerate().rev() {
        match byte {
            b'"' if !escaped(at) => quoted = !quoted,
            b';' | b',' if !quoted => {
                if let Some(uri) = hops[at + 1..end].trim().strip_prefix("URI=") {
                    return Some(uri);
                }
                if *byte == b',' {
                    return None;
                }
                end = at;
            }
            _ => {}
        }
    }
    hops[..end].trim().strip_prefix("URI=")
}

fn is_spiffe(name: &str) -> bool {
    name.starts_with("spiffe://")
}

fn subject_kind(entry: Node<'_>, subject: &str) -> IdentityKind {
    let is_client = CLIENTS.iter().any(|field| {
        entry
            .at(field)
            .text()
            .is_some_and(|client| client == subject)
    });
    if is_client || subject.ends_with("@clients") || subject.starts_with("system:serviceaccount:") {
        IdentityKind::ServiceAccount
    } else if is_spiffe(subject) {
        IdentityKind::Workload
    } else {
        IdentityKind::Human
    }
}

fn credential<'v>(entry: Node<'v>) -> Credential<'v> {
    let header = |name: &str| entry.member(&name.replace('-', "_"));
    let certificate = first(
        entry,
        &["downstream_peer_fingerprint_256", "downstream_peer_serial"],
    );
    let token = http::presented(header, |_| Node::ABSENT)
        .or_else(|| Some((Some(first(entry, TOKEN_IDS)?), CredentialKind::AccessToken)));
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

fn grpc_status<'v>(entry: Node<'v>) -> Option<Text<'v>> {
    first(entry, &["grpc_status", "grpc_status_number"])
}

fn outcome(entry: Node<'_>, status: Option<u64>) -> Option<Outcome> {
    let grpc = grpc_status(entry).filter(|grpc| !matches!(&**grpc, "0" | "OK" | "Ok"));
    if let Some(grpc) = grpc {
        let name = grpc.to_ascii_lowercase().replace('_', "");
        return Some(match name.as_str() {
            "7" | "16" | "permissiondenied" | "unauthenticated" => Outcome::Denied,
            _ => Outcome::Failure,
        });
    }
    if let Some(status) = status {
        return Some(http::outcome(status));
    }
    let flags = entry.get("response_flags").text()?;
    Some(if flags.split(',').any(|flag| flag == "UAEX") {
        Outcome::Denied
    } else {
        Outcome::Failure
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_nearest_proxy_wrote_names_the_peer() {
        let own = r#"By=spiffe://mesh/gw;Hash=1f;Subject="CN=a, O=b; c \" d";URI=spiffe://mesh/a"#;
        for claimed in [
            "",
            "URI=spiffe://victim,",
            r#"URI=spiffe://victim;Subject=","#,
            r#"URI=spiffe://victim;Subject="\","#,
            r#"Subject="x";URI=spiffe://victim;Subject=""","#,
        ] {
            let hops = format!("{claimed}{own}");
            assert_eq!(nearest_uri(&hops), Some("spiffe://mesh/a"), "{hops}");
        }
        let without = r#"URI=spiffe://victim,Hash=1f;Subject="CN=x;URI=spiffe://victim,O=\"y""#;
        assert_eq!(nearest_uri(without), None);
        assert_eq!(nearest_uri(""), None);
    }
}
