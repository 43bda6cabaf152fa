//! Shared Signals in, by push: what is believed is in the log before it is taken, and nothing else gets there.

use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use plumbline_tests::http::{Reply, ask};
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::{Broker, Ended, Line, Running, Window, wait};
use serde_json::{Value, json};

const RECEIVE: [&str; 3] = ["receive", "--config", "plumbline.toml"];
const TOKEN_TYPE: &str = "secevent+jwt";

/// Who signs tokens.
struct Signer {
    key: EncodingKey,
    jwk: Jwk,
}

impl Signer {
    fn new(id: &str) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = AsDer::as_der(&pair).expect("DER");
        let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()));
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key");
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).expect("a public key");
        jwk.common.key_id = Some(id.to_owned());
        Self { key, jwk }
    }

    fn token(&self, typ: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(typ.to_owned());
        header.kid.clone_from(&self.jwk.common.key_id);
        jsonwebtoken::encode(&header, claims, &self.key).expect("a token")
    }
}

/// Where tokens are pushed to.
struct Door {
    line: Line,
    port: u16,
    signer: Signer,
}

impl Door {
    /// Kafka has so long for a token, before whoever pushes is told to come again.
    fn new(line: Line, patience: &str) -> Self {
        let (port, signer) = (Window::new().port(), Signer::new("k-1"));
        let topic = line.topic("pushed");
        let line = line
            .with(&format!(
                "[receive]\nlisten = \"{port}\"\ntimeout = \"{patience}\"\n\
                 [[source]]\ntopic = \"{topic}\"\nformat = \"set\"\ntenant = \"acme\"\n\
                 tokens = {{ issuer = \"https://idp\", audience = \"us\", keys = \"k.json\", \
                 push_token = \"${{env:PUSH_TOKEN}}\" }}\n"
            ))
            .written();
        let published = json!({ "keys": [signer.jwk] }).to_string();
        std::fs::write(line.path("k.json"), published).expect("written");
        let port = port.parse().expect("a number");
        let door = Self { line, port, signer };
        door.run(&["topics", "--config", "plumbline.toml", "--create"])
            .well();
        door
    }

    /// Runs the program with the bearer token in its environment.
    fn run(&self, arguments: &[&str]) -> Ended {
        self.line
            .start_with(arguments, &ENVIRONMENT)
            .wait(WORK_LIMIT)
    }

    /// Takes tokens from now on.
    fn receive(&self, window: &Window) -> Running {
        let port = window.port();
        let flags = [&RECEIVE[..], &["--listen", &port]].concat();
        let receiver = self.line.start_with(&flags, &ENVIRONMENT);
        window.await_ready(200);
        receiver
    }

    fn path(&self) -> String {
        format!("/push/{}", self.line.topic("pushed"))
    }

    fn push(&self, token: &str) -> Reply {
        self.push_to(&self.path(), "hunter2", TOKEN_TYPE, token)
    }

    fn push_to(&self, path: &str, bearer: &str, kind: &str, token: &str) -> Reply {
        let headers = [
            format!("Authorization: Bearer {bearer}"),
            format!("Content-Type: application/{kind}"),
        ];
        ask(self.port, "POST", path, &headers, token).expect("an answer")
    }

    /// As whoever pushes tries again.
    fn push_until_taken(&self, token: &str) {
        wait::until("the token to be taken", WORK_LIMIT, || {
            let reply = self.push(token);
            std::thread::sleep(Duration::from_millis(50));
            match reply.status {
                202 => Ok(()),
                status => Err(format!("{status} {}", reply.body)),
            }
        });
    }

    /// The jti of what is in the topic.
    fn in_topic(&self) -> Vec<String> {
        let jti = |token: &str| {
            let token = jsonwebtoken::dangerous::insecure_decode::<Value>(token).expect("a token");
            token.claims["jti"].as_str().expect("an id").to_owned()
        };
        let records = self.line.read("pushed");
        records.iter().map(|record| jti(record.text())).collect()
    }
}

const ENVIRONMENT: [(&str, &str); 1] = [("PUSH_TOKEN", "hunter2")];

fn claims(jti: &str) -> Value {
    json!({
        "iss": "https://idp", "aud": ["us"], "jti": jti, "iat": 1_795_312_800,
        "sub_id": {
            "format": "complex",
            "user": { "format": "opaque", "id": "ann" },
            "session": { "format": "opaque", "id": "s-1" },
        },
        "events": { "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {} },
    })
}

#[test]
fn what_is_believed_is_taken_and_nothing_else() {
    let door = Door::new(Line::new("receive", 1), "60s");
    let window = Window::new();
    let receiver = door.receive(&window);

    let token = |claims: &Value| door.signer.token(TOKEN_TYPE, claims);
    let with = |key: &str, value: &str| {
        let mut claims = claims("j-9");
        claims[key] = value.into();
        token(&claims)
    };
    let good = token(&claims("j-1"));
    assert_eq!(door.push(&good).status, 202);
    assert!(door.push(&good).body.is_empty(), "RFC 8935, section 2.2");

    let (path, other) = (door.path(), Signer::new("k-1"));
    let long = format!("{good}{}", "a".repeat(70_000));
    let refused = [
        (
            door.push_to(&path, "hunter3", TOKEN_TYPE, &good),
            401,
            "authentication_failed",
        ),
        (
            door.push_to("/push/else", "hunter2", TOKEN_TYPE, &good),
            401,
            "authentication_failed",
        ),
        (
            door.push_to(&path, "hunter2", "json", &good),
            400,
            "invalid_request",
        ),
        (
            door.push(&other.token(TOKEN_TYPE, &claims("j-9"))),
            400,
            "invalid_key",
        ),
        (
            door.push(&door.signer.token("JWT", &claims("j-9"))),
            400,
            "invalid_request",
        ),
        (
            door.push(&with("iss", "https://elsewhere")),
            400,
            "invalid_issuer",
        ),
        (door.push(&with("aud", "them")), 400, "invalid_audience"),
        (door.push(&with("jti", "")), 400, "invalid_request"),
        (door.push("no token"), 400, "invalid_request"),
        (door.push(&long), 413, ""),
    ];
    for (reply, status, err) in refused {
        assert_eq!(reply.status, status, "{err}: {}", reply.body);
        assert!(
            err.is_empty() || reply.body.contains(&format!("\"err\":\"{err}\"")),
            "{err}: {}",
            reply.body
        );
    }
    assert_eq!(door.in_topic(), ["j-1", "j-1"]);
    let (_, metrics) = window.get("/metrics").expect("it listens");
    for (outcome, count) in [("taken", 2), ("refused", 8), ("failed", 0)] {
        let series = format!("outcome=\"{outcome}\"}} {count}");
        assert!(metrics.contains(&series), "{series}: {metrics}");
    }
    receiver.terminate();
    let said = receiver.wait(WORK_LIMIT).well().stderr;
    assert!(!said.contains("hunter"), "{said}");

    // What came twice is one event.
    let run = ["run", "--config", "plumbline.toml", "--until-end"];
    door.run(&run).well();
    let events = door.line.read("events");
    let classes = events
        .iter()
        .map(|event| event.json()["action"]["class"].clone());
    assert_eq!(classes.collect::<Vec<_>>(), ["token_revoke"; 2]);
    assert!(door.line.read("deadletter").is_empty());
}

#[test]
fn a_token_is_taken_only_once_the_broker_has_it() {
    let mut broker = Broker::start(None).unwrap_or_else(|error| panic!("{error}"));
    let door = Door::new(Line::on(&broker, "receive-away", 1), "1500ms");
    let window = Window::new();
    let receiver = door.receive(&window);
    let token = |jti: &str| door.signer.token(TOKEN_TYPE, &claims(jti));
    door.push_until_taken(&token("j-1"));
    broker.crash();
    let away = door.push(&token("j-2"));
    assert_eq!(away.status, 503, "{}", away.body);
    window.await_ready(503);
    broker.come_back().unwrap_or_else(|error| panic!("{error}"));
    // What it has is written by itself, and then it takes more.
    window.await_ready(200);
    door.push_until_taken(&token("j-2"));
    let mut taken = door.in_topic();
    taken.dedup();
    assert_eq!(taken, ["j-1", "j-2"]);
    receiver.terminate();
    receiver.wait(WORK_LIMIT).well();
}

#[test]
fn who_takes_nothing_is_told_how_to() {
    let line = Line::new("no-push", 1).created();
    line.run(&RECEIVE).refused(2, &["push_token", "[[source]]"]);
    let door = Door::new(Line::new("no-push-token", 1), "1s");
    door.line
        .run(&RECEIVE)
        .refused(2, &["push_token", "PUSH_TOKEN"]);
}
