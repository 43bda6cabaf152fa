use super::story;
use crate::formats::secret::fingerprint;

/// A batch of the `http-log` plugin: redacted, behind a balancer, and unauthenticated.
pub(super) const BATCH: &str = r#"[
 {"latencies": {"kong": 9, "proxy": 1430, "request": 1439, "receive": 2}, "service": {"id": "1b4d2c1e-0000-4000-8000-000000000001", "name": "invoices", "host": "invoices.internal", "port": 8080, "protocol": "http", "path": null, "retries": 5, "enabled": true, "ws_id": "0dc6f45b-8f8d-40d2-a504-473544ee190b", "created_at": 1521555129},
  "request": {"id": "6a1f2c0e9d7b4b3fa5e1c27d8b9f0a11", "querystring": {"page": "2"}, "size": 138, "uri": "/v1/invoices/4711/lines?page=2", "url": "http://api.example.com:8000/v1/invoices/4711/lines?page=2", "method": "GET", "headers": {"host": "api.example.com", "accept": "*/*", "user-agent": "billing/2.3 (java 21)", "authorization": "REDACTED", "x-forwarded-for": "203.0.113.66, 192.0.2.10, 10.0.3.4", "x-consumer-username": "svc-billing"}, "tls": {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "supported_client_ciphers": "ECDHE", "client_verify": "NONE"}},
  "tries": [{"balancer_latency": 0, "port": 8080, "balancer_start": 1732097730000, "ip": "10.0.4.9"}], "client_ip": "10.0.3.4", "workspace": "0dc6f45b-8f8d-40d2-a504-473544ee190b", "workspace_name": "default", "upstream_uri": "/invoices/4711/lines", "upstream_status": "200",
  "consumer": {"username": "svc-billing", "created_at": 1519168000, "custom_id": "billing", "tags": null, "id": "8a388226-80e8-4027-a486-25e4f7db5d21"}, "authenticated_entity": {"id": "4135aa9d-dc1b-4bdc-8ba2-3f1e5d2a0c77"},
  "response": {"size": 1834, "status": 200, "headers": {"content-type": "application/json", "via": "kong/3.8.0"}},
  "route": {"id": "78f79740-c410-4fd9-a998-d0a60a99dc9b", "name": "invoices", "protocols": ["http", "https"], "paths": ["/v1/invoices"], "methods": ["GET"], "strip_path": true, "service": {"id": "1b4d2c1e-0000-4000-8000-000000000001"}}, "started_at": 1795169730123},
 {"request": {"querystring": {}, "size": "75", "uri": "/v1/users/ann%40example.com/keys/7", "method": "DELETE", "headers": {"user-agent": "curl/8.10.1", "apikey": "REDACTED", "x-kong-request-id": "b7d2f0aa"}}, "client_ip": "198.51.100.23", "consumer": {"username": "key-of-ci", "id": "8a388226-80e8-4027-a486-25e4f7db5d22"}, "authenticated_entity": {"id": "4135aa9d-dc1b-4bdc-8ba2-3f1e5d2a0c78"},
  "response": {"size": "512", "status": "403", "headers": {}}, "route": {"paths": ["~/v1/users/(?<user>[^/]+)/keys/(?<key>\\d+)$"]}, "started_at": "1795169731000"},
 {"request": {"uri": "/healthz", "method": "GET", "headers": {}}, "client_ip": "198.51.100.24", "response": {"status": 200, "size": 2}, "started_at": 1795169732000},
 {"request": {"uri": "/v1/me", "method": "GET", "headers": {"X-Authenticated-Userid": "ann", "authorization": "REDACTED"}}, "client_ip": "unix:", "authenticated_entity": {"id": "ann"}, "response": {"status": 500}, "started_at": 1795169733000},
 "not an entry",
 {"request": {"uri": "/v1/me", "method": "GET"}, "consumer": {"username": "svc-billing"}, "started_at": "once"}
]"#;

#[test]
fn a_batch_gives_the_events_it_holds() {
    insta::assert_snapshot!(story("kong", BATCH.as_bytes()));
}

#[test]
fn an_entry_without_an_id_has_the_same_one_each_time() {
    let entry = br#"{"started_at": 1795169733000, "client_ip": "192.0.2.3", "consumer": {"username": "a"}, "request": {"uri": "/", "method": "GET"}}"#;
    let spaced = br#"{ "started_at":1795169733000,"client_ip":"192.0.2.3","consumer":{"username":"a"},"request":{"uri":"/","method":"GET"} }"#;
    assert_eq!(story("kong", entry), story("kong", spaced));
}

#[test]
fn what_the_client_claims_of_its_address_or_name_is_not_believed() {
    let entry = br#"{"started_at": 1795169733000, "client_ip": "192.0.2.3", "request": {"uri": "/", "method": "GET", "headers": {"x-forwarded-for": "203.0.113.1", "x-authenticated-userid": "root"}}}"#;
    assert_eq!(story("kong", entry), "skipped: no consumer");
    let known = String::from_utf8_lossy(entry).replace(
        r#""request""#,
        r#""consumer": {"username": "svc"}, "request""#,
    );
    assert!(story("kong", known.as_bytes()).contains(r#""ip": "192.0.2.3""#));
}

/// An entry of the consumer `bot`, with these headers and what stands beside them.
fn of_bot(headers: &str, beside: &str) -> serde_json::Value {
    let entry = format!(
        r#"{{"started_at": 1795169733000, "client_ip": "192.0.2.3", "consumer": {{"username": "bot"}}, "authenticated_entity": {{"id": "e1"}}, "response": {{"status": 200}}, "request": {{"uri": "/", "method": "GET", "headers": {{{headers}}}{beside}}}}}"#
    );
    serde_json::from_str(&story("kong", entry.as_bytes())).expect("an event")
}

#[test]
fn a_consumer_is_not_who_it_claims_to_act_for() {
    for headers in [
        r#""X-Authenticated-Userid": "ceo", "apikey": "REDACTED""#,
        r#""x-authenticated-userid": "ceo", "authorization": "REDACTED""#,
    ] {
        let event = of_bot(headers, "");
        assert_eq!(event["identity"]["id"], "bot", "{event}");
        assert_ne!(event["identity"]["kind"], "human", "{event}");
        assert!(!event.to_string().contains("ceo"), "{event}");
    }
}

#[test]
fn a_client_who_chooses_the_id_of_its_requests_makes_none_a_duplicate() {
    let id = |beside: &str| of_bot(r#""x-kong-request-id": "x""#, beside)["id"].clone();
    assert_ne!(id(r#", "size": 1"#), id(r#", "size": 2"#));
    assert_eq!(id(r#", "size": 1"#), id(r#", "size": 1"#));
    assert_eq!(id(r#", "id": "own""#), "own");
}

#[test]
fn only_what_is_the_same_with_every_call_has_a_fingerprint() {
    let credential = |authorization: &str| {
        let header = format!(r#""authorization": "{authorization}""#);
        of_bot(&header, "")["credential"].clone()
    };
    let token = serde_json::json!({ "id": fingerprint("t1"), "kind": "access_token" });
    for authorization in ["Bearer t1", "token t1", "t1"] {
        assert_eq!(credential(authorization), token, "{authorization}");
    }
    // Whoever has the hash of a name and a password can try passwords on it.
    let basic = credential("Basic Ym90Omh1bnRlcjI=");
    assert_eq!(basic, serde_json::json!({ "id": "e1", "kind": "password" }));
    for signed in [
        "AWS4-HMAC-SHA256 Credential=a/b, Signature=1f",
        r#"Digest username=\"a\", response=\"1f\""#,
        "Negotiate YII=",
    ] {
        assert_eq!(credential(signed)["id"], "e1", "{signed}");
    }
}
