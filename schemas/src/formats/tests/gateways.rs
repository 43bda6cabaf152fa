use super::story;

/// Two entries of `kafka-logger`: nothing is redacted, sizes are text, times have a fraction.
pub(super) const APISIX: &str = r#"[
 {"request": {"url": "http://api.example.com:9080/v1/invoices/4711?page=2", "uri": "/v1/invoices/4711?page=2", "method": "GET", "size": 231, "querystring": {"page": "2"}, "headers": {"host": "api.example.com", "user-agent": "billing/2.3 (java 21)", "x-request-id": "b0c8f7d2-11f0-4f2b-9a4e-1d2c3b4a5968", "x-forwarded-for": "203.0.113.66, 10.0.3.4"}},
  "response": {"status": 200, "size": "1834", "headers": {"content-type": "application/json", "server": "APISIX/3.11.0"}}, "server": {"hostname": "apisix-0", "version": "3.11.0"}, "upstream": "10.0.4.9:8080", "service_id": "", "route_id": "00000000000000000012", "consumer": {"username": "svc_billing"}, "client_ip": "10.0.3.4", "start_time": 1795169730123.4, "latency": 12.000083923, "upstream_latency": 10, "apisix_latency": 2.000083923},
 {"request": {"uri": "/v1/users/ann%40example.com", "url": "http://api.example.com/v1/users/ann%40example.com", "method": "DELETE", "querystring": {}, "headers": {"apikey": "planted-api-key-77", "user-agent": ["curl/8.10.1", "second"]}}, "response": {"status": "403", "size": 512, "headers": {"x-request-id": "made-by-the-gateway"}}, "consumer": {"username": "ci_key"}, "route_id": "7", "client_ip": "198.51.100.23", "start_time": "1795169731000"},
 {"request": {"uri": "/healthz", "method": "GET", "headers": {}}, "response": {"status": 200, "size": "2"}, "client_ip": "198.51.100.24", "start_time": 1795169732000},
 {"request": {"uri": "/v1/me", "method": "GET"}, "consumer": {"username": "svc_billing"}, "client_ip": "198.51.100.24", "start_time": "once"},
 {"host": "api.example.com", "client_ip": "198.51.100.24", "@timestamp": "2026-11-20T10:15:30Z"}
]"#;

/// Istio with the caller's certificate and claims of its token; a plain edge proxy; gRPC.
pub(super) const ENVOY: &str = r#"[
 {"authority": "invoices.prod.svc:8080", "bytes_received": 0, "bytes_sent": 1834, "connection_termination_details": null, "downstream_local_address": "10.0.4.9:8080", "downstream_peer_uri_san": "spiffe://cluster.local/ns/shop/sa/frontend", "downstream_peer_fingerprint_256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "downstream_remote_address": "10.0.3.4:51234", "duration": 12, "jwt_sub": "ann", "jwt_jti": "jti-1", "jwt_sid": "s-1", "jwt_scope": "openid invoices:read", "method": "GET", "path": "/v1/invoices/4711?token=abc", "protocol": "HTTP/2", "request_id": "0f9d2f3c-6d1e-9d1f-8a2b-1c2d3e4f5a6b", "response_code": 200, "response_code_details": "via_upstream", "response_flags": "-", "route_name": "default", "start_time": "2026-11-20T10:15:30.123Z", "upstream_cluster": "inbound|8080||", "user_agent": "Mozilla/5.0", "x_forwarded_for": "203.0.113.66"},
 {"authority": "api.example.com", "bytes_sent": "512", "downstream_remote_address": "198.51.100.23:40000", "jwt_claim_sub": "svc-reports", "jwt_claim_azp": "svc-reports", "method": "DELETE", "path": "/v1/users/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "request_id": "0f9d2f3c-6d1e-9d1f-8a2b-1c2d3e4f5a6b", "response_code": "403", "response_flags": "UAEX", "start_time": "1795169731.000500", "authorization": "Bearer planted-api-key-77", "ja3": "0cce74b0d9b7f8528fb2181588d23793"},
 {"authority": "ledger.prod:9000", "downstream_remote_address": "[2001:db8::17]:40000", "method": "POST", "path": "/ledger.v1.Ledger/Book", "response_code": 200, "grpc_status": "PermissionDenied", "response_flags": "-", "start_time": 1795169732, "x_forwarded_client_cert": "By=spiffe://cluster.local/ns/edge/sa/gw;URI=spiffe://cluster.local/ns/evil/sa/claimed,By=spiffe://cluster.local/ns/prod/sa/ledger;Hash=ab;Subject=\"CN=a,O=b\";URI=spiffe://cluster.local/ns/prod/sa/orders"},
 {"authority": "-", "downstream_peer_uri_san": "spiffe://cluster.local/ns/shop/sa/frontend", "downstream_remote_address": "10.0.3.4:51234", "method": "GET", "path": "/slow", "response_code": 0, "response_flags": "DC", "start_time": "2026-11-20T10:15:33.000Z"},
 {"downstream_peer_uri_san": null, "downstream_remote_address": "10.0.3.4:51234", "method": "GET", "path": "/out", "response_code": 200, "response_flags": "-", "start_time": "2026-11-20T10:15:34.000Z"},
 {"downstream_peer_uri_san": "spiffe://cluster.local/ns/shop/sa/frontend", "downstream_remote_address": "10.0.3.4:51234", "method": null, "path": "-", "response_code": 0, "response_flags": "-", "start_time": "2026-11-20T10:15:34.000Z", "upstream_cluster": "outbound|5432||db"},
 {"downstream_peer_uri_san": "spiffe://cluster.local/ns/shop/sa/frontend", "method": "GET", "path": "/", "response_code": 200, "response_flags": "-"}
]"#;

/// NGINX Plus with claims, mutual TLS, a basic credential, and the common log's time and request line.
pub(super) const NGINX: &str = r#"[
 {"msec": "1795169730.123", "request_id": "6a1f2c0e9d7b4b3fa5e1c27d8b9f0a11", "remote_addr": "10.0.3.4", "http_x_forwarded_for": "203.0.113.66, 192.0.2.10", "remote_user": "", "jwt_claim_sub": "ann", "jwt_claim_jti": "jti-1", "jwt_claim_sid": "s-1", "jwt_claim_scope": "openid invoices:read", "ssl_client_fingerprint": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "request_method": "GET", "uri": "/v1/invoices/4711", "status": "200", "bytes_sent": "1834", "http_user_agent": "Mozilla/5.0", "host": "api.example.com"},
 {"time_iso8601": "2026-11-20T11:15:31+01:00", "remote_addr": "198.51.100.23", "ssl_client_verify": "SUCCESS", "ssl_client_s_dn": "CN=ci,O=Example", "ssl_client_fingerprint": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "request": "PUT /v1/builds/77/log?x=1 HTTP/1.1", "status": 201, "body_bytes_sent": 12},
 {"time_local": "20/Nov/2026:11:15:32 +0100", "remote_addr": "198.51.100.24", "remote_user": "bob", "request": "DELETE /admin/users/7 HTTP/1.1", "status": 401, "http_authorization": "Basic cGxhbnRlZDpwYXNzd29yZA==", "http_user_agent": "-"},
 {"msec": 1795169733.0, "remote_addr": "unix:", "jwt_claim_sub": "svc", "jwt_claim_client_id": "svc", "http_x_request_id": "chosen-by-the-client", "request_method": "POST", "request_uri": "/v1/export?api_key=1", "status": 502, "http_cookie": "theme=dark; sessionid=plantedCookieValue99"},
 {"msec": 1795169734.0, "remote_addr": "198.51.100.25", "ssl_client_verify": "NONE", "ssl_client_s_dn": "CN=claimed", "remote_user": "-", "request": "GET / HTTP/1.1", "status": 200},
 {"msec": 1795169734.0, "remote_addr": "198.51.100.25", "remote_user": "bob", "request": "", "status": 400},
 {"time_local": "sometime", "remote_addr": "198.51.100.25", "remote_user": "bob", "request": "GET / HTTP/1.1", "status": 200},
 {"remote_addr": "198.51.100.25", "remote_user": "bob", "request": "GET / HTTP/1.1", "status": 200}
]"#;

#[test]
fn apisix_redacts_nothing_so_we_do() {
    insta::assert_snapshot!(story("apisix", APISIX.as_bytes()));
}

#[test]
fn envoy_knows_workloads_and_whom_they_act_for() {
    insta::assert_snapshot!(story("envoy", ENVOY.as_bytes()));
}

#[test]
fn nginx_is_read_by_the_names_of_its_variables() {
    insta::assert_snapshot!(story("nginx", NGINX.as_bytes()));
}

#[test]
fn a_request_id_that_a_client_chose_makes_no_request_a_duplicate() {
    let entry = |path: &str| {
        format!(
            r#"{{"request": {{"uri": "{path}", "method": "GET", "headers": {{"x-request-id": "same"}}}}, "response": {{"status": 200}}, "consumer": {{"username": "a"}}, "client_ip": "192.0.2.1", "start_time": 1795169730123}}"#
        )
    };
    let id = |path: &str| {
        let told = story("apisix", entry(path).as_bytes());
        told.lines().nth(1).expect("an id").to_owned()
    };
    assert_ne!(id("/a"), id("/b"));
    assert_eq!(id("/a"), id("/a"));
    assert!(id("/a").contains("same/"));
}
