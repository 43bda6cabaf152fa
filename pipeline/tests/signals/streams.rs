//! Discovery and management of streams (SSF 1.0, sections 7 and 8).

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{AUDIENCE, Endpoint, ISSUER, Line, await_that, command};

/// In this time a token arrives, if it is sent at all.
const A_WHILE: Duration = Duration::from_millis(1500);

#[test]
fn the_transmitter_is_found_and_says_what_it_can() {
    let endpoint = Endpoint::willing();
    let line = Line::new(&endpoint.receiver(""));
    let _transmitter = line.start();
    let found = line.get("/.well-known/ssf-configuration");
    assert_eq!(found["issuer"], ISSUER);
    assert_eq!(found["spec_version"], "1_0");
    assert_eq!(found["jwks_uri"], format!("{ISSUER}/jwks.json"));
    assert_eq!(
        found["delivery_methods_supported"],
        json!(["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"])
    );
    for endpoint in [
        "configuration_endpoint",
        "status_endpoint",
        "verification_endpoint",
    ] {
        let url = found[endpoint].as_str().unwrap();
        let path = url.strip_prefix(ISSUER).unwrap();
        let (status, _) = line.ask("GET", path, "secret-2", &Value::Null);
        assert!([200, 405].contains(&status), "{path}: {status}");
    }
}

#[test]
fn a_receiver_sees_its_own_stream_alone_and_no_secret() {
    let endpoint = Endpoint::willing();
    let line = Line::new(&endpoint.receiver("actions = ['revoke_session', 'pause']"));
    let _transmitter = line.start();
    let (status, stream) = line.ask("GET", "/ssf/stream?stream_id=bot", "secret-2", &Value::Null);
    assert_eq!((status, &stream["aud"]), (200, &json!(AUDIENCE)));
    assert_eq!(stream["delivery"]["method"], "urn:ietf:rfc:8935");
    assert_eq!(
        stream["events_delivered"],
        json!([
            "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
            "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
            "https://schemas.openid.net/secevent/ssf/event-type/verification",
        ])
    );
    assert!(!stream.to_string().contains("secret-"), "{stream}");
    let (_, streams) = line.ask("GET", "/ssf/stream", "secret-2", &Value::Null);
    assert_eq!(streams, json!([stream]));
    for (path, token, expected) in [
        ("/ssf/stream", "secret-1", 401),
        ("/ssf/stream?stream_id=other", "secret-2", 404),
        ("/ssf/status", "", 401),
    ] {
        let (status, _) = line.ask("GET", path, token, &Value::Null);
        assert_eq!(status, expected, "{path}");
    }
}

#[test]
fn who_is_a_stranger_is_told_so_before_a_body_is_read() {
    let endpoint = Endpoint::willing();
    let line = Line::new(&endpoint.receiver(""));
    let _transmitter = line.start();
    for path in ["/ssf/status", "/ssf/verify", "/ssf/poll/bot"] {
        assert_eq!(line.promise_body(path, "wrong"), 401, "{path}");
    }
}

#[test]
fn a_paused_stream_keeps_what_comes_also_over_a_restart() {
    let endpoint = Endpoint::willing();
    let line = Line::new(&endpoint.receiver(""));
    let transmitter = line.start();
    line.publish(&[command("c-1", "ann", "step_up")]);
    endpoint.await_ids(&["c-1"]);
    let set = |status: &str| {
        let wanted = json!({ "stream_id": "bot", "status": status });
        line.ask("POST", "/ssf/status", "secret-2", &wanted)
    };
    assert_eq!(
        set("paused"),
        (200, json!({ "stream_id": "bot", "status": "paused" }))
    );
    assert_eq!(set("asleep").0, 400);
    line.publish(&[command("c-2", "ann", "step_up")]);
    thread::sleep(A_WHILE);
    endpoint.await_ids(&["c-1"]);
    transmitter.stop();
    let _next = line.start();
    await_that("the status", || {
        match line.ask("GET", "/ssf/status", "secret-2", &Value::Null) {
            (200, status) if status["status"] == "paused" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    thread::sleep(A_WHILE);
    endpoint.await_ids(&["c-1"]);
    set("enabled");
    endpoint.await_ids(&["c-1", "c-2"]);
    set("disabled");
    line.publish(&[command("c-3", "ann", "step_up")]);
    thread::sleep(A_WHILE);
    set("enabled");
    line.publish(&[command("c-4", "ann", "step_up")]);
    endpoint.await_ids(&["c-1", "c-2", "c-4"]);
}

#[test]
fn a_verification_comes_through_the_stream() {
    let endpoint = Endpoint::willing();
    let line = Line::new(&endpoint.receiver(""));
    let _transmitter = line.start();
    let wanted = json!({ "stream_id": "bot", "state": "VGhpcyBpcyBhbiBleGFtcGxl" });
    assert_eq!(line.ask("POST", "/ssf/verify", "secret-2", &wanted).0, 204);
    assert_eq!(line.ask("POST", "/ssf/verify", "secret-2", &wanted).0, 429);
    let got = await_that("the token", || {
        endpoint.got().first().cloned().ok_or(String::new())
    });
    let claims = line.verified(&got.token);
    assert_eq!(claims["sub_id"], json!({ "format": "opaque", "id": "bot" }));
    let event =
        &claims["events"]["https://schemas.openid.net/secevent/ssf/event-type/verification"];
    assert_eq!(event["state"], wanted["state"]);
}
