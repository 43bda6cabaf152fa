//! Kong Gateway's log plugins (`kong.log.serialize`); [`super::Emitter`] puts some into arrays.

use plumbline_schemas::event::{Event, IdentityKind};
use plumbline_schemas::formats::secret::fingerprint;
use serde_json::{Map, Value, json};

use crate::catalogue::names::uuid;
use crate::random::{hash, hash_text};
use crate::render::fake_key;

/// The record of an event.
pub fn record(event: &Event<'_>) -> String {
    let consumer = &*event.identity.id;
    let (method, _) = event.action.name.split_once(' ').unwrap_or(("GET", ""));
    let path = event.action.resource.as_deref().unwrap_or("/");
    let area = path.split('/').nth(2).unwrap_or("root");
    let number = hash_text(&event.id);
    let latency = 6 + number % 90;
    let status = event.action.status.unwrap_or(200);
    json!({
        "started_at": event.time.as_millis(),
        "request": {
            "id": event.id,
            "method": method,
            "uri": path,
            "url": format!("https://api.acme.example:8443{path}"),
            "size": 300 + number % 900,
            "querystring": {},
            "headers": headers(event),
            "tls": { "version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "client_verify": "NONE" },
        },
        "upstream_uri": path,
        "upstream_status": status.to_string(),
        "response": {
            "status": status,
            "size": event.action.bytes_out,
            "headers": { "content-type": "application/json; charset=utf-8", "via": "1.1 kong/3.9.1" },
        },
        "latencies": { "request": latency, "kong": 2, "proxy": latency - 2, "receive": 0 },
        "tries": [{ "balancer_latency": 0, "port": 8080, "ip": "10.20.0.11" }],
        "client_ip": event.network.ip,
        "workspace": "default",
        "workspace_name": "default",
        "route": {
            "id": uuid(hash([hash_text(area), 1])),
            "name": area,
            "paths": [format!("/{}/{area}", path.split('/').nth(1).unwrap_or("v1"))],
            "protocols": ["https"],
            "strip_path": false,
        },
        "service": {
            "id": uuid(hash([hash_text(area), 2])),
            "name": area,
            "host": format!("{area}.internal"),
            "port": 8080,
            "protocol": "http",
        },
        "consumer": { "id": uuid(hash_text(consumer)), "username": consumer, "custom_id": null },
        "authenticated_entity": { "id": entity(event), "consumer_id": uuid(hash_text(consumer)) },
    })
    .to_string()
}

/// The id of the key or token; where the key itself is in the log, its entry has another.
fn entity(event: &Event<'_>) -> String {
    match event.credential.id.as_deref() {
        Some(id) if !id.starts_with("sha256:") => id.to_owned(),
        _ => uuid(hash([hash_text(&event.identity.id), 3])),
    }
}

fn headers(event: &Event<'_>) -> Value {
    let mut headers = Map::new();
    headers.insert("host".to_owned(), "api.acme.example".into());
    headers.insert("accept".to_owned(), "application/json".into());
    if let Some(agent) = &event.device.user_agent {
        headers.insert("user-agent".to_owned(), agent.as_ref().into());
    }
    headers.insert("x-kong-request-id".to_owned(), event.id.as_ref().into());
    if event.identity_kind() != IdentityKind::ApiKey {
        // Kong hides it by default.
        headers.insert("authorization".to_owned(), "REDACTED".into());
    }
    let key = fake_key(&event.identity.id);
    if event.credential.id.as_deref() == Some(fingerprint(&key).as_str()) {
        headers.insert("apikey".to_owned(), key.into());
    }
    Value::Object(headers)
}
