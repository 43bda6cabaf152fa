//! Secrets end where they come in: in no topic, no log, no message.

use plumbline_tests::broker::{SASL_PASSWORD, SASL_USER};
use plumbline_tests::cluster::Raw;
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::story::{Machine, in_order};
use plumbline_tests::{Broker, Line, feed};
use serde_json::json;

const BEARER: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzdmMtb3JkZXJzIn0.c2lnbmF0dXJlLW9mLXRoZS10ZXN0";
const API_KEY: &str = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
const GITHUB: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

/// Records that hold secrets where vendors put them, and where nobody should.
fn leaky() -> Vec<Raw> {
    let key = json!({
        "request": {"id": "k-1", "uri": "/v1/orders", "method": "GET",
            "headers": {"apikey": API_KEY, "user-agent": "curl/8.10.1"}, "querystring": {"apikey": API_KEY}},
        "client_ip": "198.51.100.70", "consumer": {"username": "key-of-ci"},
        "response": {"status": 200, "size": 12}, "started_at": 1_772_442_000_000_i64
    });
    let no_path = json!({
        "request": {"method": "GET", "headers": {"authorization": format!("Bearer {BEARER}")}},
        "consumer": {"username": "svc"}, "started_at": 1_772_442_000_000_i64
    });
    let broken = format!(
        "{{\"token\": \"{GITHUB}\", \"authorization\": \"Bearer {BEARER}\", \"key\": \"{API_KEY}\""
    );
    [key.to_string(), no_path.to_string(), broken]
        .into_iter()
        .map(|record| Raw::new("k", record))
        .collect()
}

#[test]
fn no_secret_of_a_record_or_of_the_configuration_gets_out() {
    let line = Line::new("secrets", 2)
        .source("kong")
        .at(Broker::shared().sasl_bootstrap())
        .property("security.protocol", "sasl_plaintext")
        .property("sasl.mechanism", "PLAIN")
        .property("sasl.username", SASL_USER)
        .property("sasl.password", SASL_PASSWORD)
        .with("[log]\nlevel = \"debug\"")
        .created();
    let orders = Machine::Service("svc-orders".to_owned(), BEARER.to_owned());
    let story = in_order([orders.days(0..14), orders.is_stolen(14)]);
    feed::write(&line, &story);
    line.write_raw("kong", &leaky());
    let ended = line.run_until_end(&[]);
    let checked = line.run(&["check", "plumbline.toml"]).well();

    let mut said = format!(
        "{}{}{}{}",
        ended.stderr, ended.stdout, checked.stdout, checked.stderr
    );
    for topic in [
        "events",
        "findings",
        "control",
        "deadletter",
        "state",
        "feedback",
    ] {
        let records = line.read(topic);
        for record in &records {
            said.push_str(&format!(
                "{} {} {:?}\n",
                record.key,
                record.text(),
                record.headers
            ));
        }
        let expected = !matches!(topic, "state" | "feedback");
        assert!(
            records.is_empty() != expected,
            "{topic} holds {} records",
            records.len()
        );
    }
    for secret in [BEARER, API_KEY, GITHUB, SASL_PASSWORD] {
        let at = said.find(secret);
        let around = at.map(|at| &said[at.saturating_sub(200)..at]);
        assert!(around.is_none(), "a secret got out after: {around:?}");
    }
    assert!(
        said.contains("sha256:"),
        "what was a secret is known by its fingerprint"
    );
    line.start(&["run", "--config", "plumbline.toml", "--until-end"])
        .wait(WORK_LIMIT)
        .well();
}
