//! Delivery by push (RFC 8935).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    AUDIENCE, Endpoint, ISSUER, Line, await_that, command, command_at, write_key,
};

const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type";

fn refused(err: &str) -> (u16, String) {
    (400, json!({ "err": err, "description": "no" }).to_string())
}

fn taken() -> (u16, String) {
    (202, String::new())
}

fn away() -> (u16, String) {
    (503, String::new())
}

#[test]
fn every_command_arrives_as_the_standards_have_it() {
    let endpoint = Endpoint::willing();
    let line = Line::new(&endpoint.receiver("subject_issuer = \"https://acme.okta.com\""));
    let _transmitter = line.start();
    let mut key = command("c-key", "ci-deploy", "revoke_credential");
    key["target"] = json!({
        "tenant": "acme", "identity": "ci-deploy", "kind": "api_key", "credential_id": "sha256:5e88"
    });
    let mut agent = command("c-agent", "spiffe://acme.example/agent/7", "pause");
    agent["target"]["kind"] = json!("ai_agent");
    let mut narrow = command("c-narrow", "e", "narrow");
    narrow["params"] = json!({ "scopes": ["invoices:read", "mail:read"] });
    let mut shorten = command("c-shorten", "f", "shorten");
    shorten["time"] = json!("2026-11-16T09:26:00Z");
    shorten["params"] = json!({ "expires_in": 600 });
    let step_up = command("c-step", "d", "step_up");
    line.publish(&[
        command("c-session", "a", "revoke_session"),
        key,
        agent,
        narrow,
        shorten,
    ]);
    line.publish(&[
        command("c-all", "a", "revoke_all"),
        step_up,
        command("c-deny", "a", "deny"),
    ]);
    let got = await_that("seven tokens", || match endpoint.got() {
        got if got.len() == 7 => Ok(got),
        got => Err(format!("{} of them", got.len())),
    });
    let mut told: BTreeMap<String, (Value, Value)> = BTreeMap::new();
    for got in got {
        assert_eq!(got.headers["content-type"], "application/secevent+jwt");
        assert_eq!(got.headers["accept"], "application/json");
        assert_eq!(got.headers["authorization"], "Bearer secret-1");
        let claims = line.verified(&got.token);
        assert_eq!(
            (&claims["iss"], &claims["aud"]),
            (&json!(ISSUER), &json!(AUDIENCE))
        );
        assert_eq!(claims["txn"], "f-1");
        let (kind, event) = claims["events"].as_object().unwrap().iter().next().unwrap();
        if kind.starts_with(CAEP) {
            assert_eq!(event["reason_admin"]["en"], "Oslo to Lima in 11 min");
            assert!(event["event_timestamp"].is_i64());
            assert_eq!(event["initiating_entity"], "policy");
        }
        assert_eq!(event.get("subject"), None, "only by request");
        told.insert(kind.clone(), (claims["sub_id"].clone(), event.clone()));
    }
    let user = |id: &str| json!({ "format": "iss_sub", "iss": "https://acme.okta.com", "sub": id });
    let acme = json!({ "format": "opaque", "id": "acme" });
    let session = json!({ "format": "opaque", "id": "s-1" });

    // Ann's session first, then all she has: the second is the last of this type.
    let (subject, _) = &told[&format!("{CAEP}/session-revoked")];
    assert_eq!(
        *subject,
        json!({ "format": "complex", "user": user("a"), "tenant": acme })
    );

    let (subject, event) = &told[&format!("{CAEP}/credential-change")];
    assert_eq!(
        subject["application"],
        json!({ "format": "opaque", "id": "ci-deploy" })
    );
    assert_eq!(
        (&event["credential_type"], &event["change_type"]),
        (&json!("api-key"), &json!("revoke"))
    );

    let (subject, event) = &told[&format!("{RISC}/account-disabled")];
    let agent = json!({ "format": "uri", "uri": "spiffe://acme.example/agent/7" });
    assert_eq!(
        (&subject["agent"], &event["reason"]),
        (&agent, &json!("hijacking"))
    );

    let (subject, event) = &told[&format!("{CAEP}/assurance-level-change")];
    assert_eq!(
        (&subject["session"], &subject["user"]),
        (&session, &user("d"))
    );
    assert_eq!(event["namespace"], "NIST-AAL");
    assert_eq!(
        (&event["previous_level"], &event["current_level"]),
        (&json!("nist-aal2"), &json!("nist-aal1"))
    );
    assert_eq!(event["change_direction"], "decrease");

    let claims = told[&format!("{CAEP}/token-claims-change")].1["claims"].clone();
    assert!(
        claims == json!({ "scope": "invoices:read mail:read" })
            || claims == json!({ "exp": 1_794_821_760 }),
        "{claims}"
    );
}

#[test]
fn tokens_about_one_identity_keep_their_order_and_others_do_not_wait() {
    let mut left = 3;
    let endpoint = Endpoint::new(move |id| match id {
        "a-1" if left > 0 => {
            left -= 1;
            away()
        }
        _ => taken(),
    });
    let line = Line::new(&endpoint.receiver(""));
    let _transmitter = line.start();
    line.publish(&[
        command("a-1", "ann", "step_up"),
        command("a-2", "ann", "revoke_session"),
        command("b-1", "bob", "revoke_session"),
    ]);
    let ids = await_that("all tokens", || match endpoint.ids() {
        ids if ids.len() == 6 => Ok(ids),
        ids => Err(format!("{ids:?}")),
    });
    let anns: Vec<_> = ids.iter().filter(|id| id.starts_with('a')).collect();
    assert_eq!(anns, ["a-1", "a-1", "a-1", "a-1", "a-2"]);
    let tokens: Vec<String> = endpoint.got().into_iter().map(|got| got.token).collect();
    let first: Vec<&String> = ids
        .iter()
        .zip(&tokens)
        .filter(|(id, _)| *id == "a-1")
        .map(|(_, token)| token)
        .collect();
    assert!(
        first.windows(2).all(|pair| pair[0] == pair[1]),
        "it is the same token each time"
    );
}

#[test]
fn one_token_that_is_not_taken_holds_up_nobody_else() {
    let endpoint = Endpoint::new(|id| match id {
        "stuck" => (404, String::new()),
        _ => taken(),
    });
    let line = Line::new(&endpoint.receiver(""));
    let _transmitter = line.start();
    let others =
        (0..1200).map(|number| command(&format!("b-{number}"), &format!("b-{number}"), "step_up"));
    let mut commands = vec![command("stuck", "ann", "revoke_session")];
    commands.extend(others);
    commands.push(command("last", "carol", "revoke_session"));
    line.publish_together(&commands);
    endpoint.await_id("last");
}

#[test]
fn what_is_undone_or_replaced_before_it_was_taken_is_not_sent_any_more() {
    let endpoint = Endpoint::new(|_| away());
    let line = Line::new(&endpoint.receiver("actions = ['step_up', 'revoke_session']"));
    let _transmitter = line.start();
    let replacing = |id: &str, action: &str, replaced: &str| {
        let mut command = command(id, "ann", action);
        command["supersedes"] = json!(replaced);
        command
    };
    line.publish(&[command("a-1", "ann", "revoke_session")]);
    endpoint.await_id("a-1");
    // Of the restoring itself it is not told, of what replaces the second it is.
    line.publish(&[
        replacing("a-2", "restore", "a-1"),
        command("a-3", "ann", "step_up"),
    ]);
    endpoint.await_id("a-3");
    line.publish(&[replacing("a-4", "revoke_session", "a-3")]);
    endpoint.await_id("a-4");
    // Of what replaces this one it is not told: the weaker one is better than nothing.
    line.publish(&[replacing("a-5", "revoke_all", "a-4")]);
    let before = endpoint.ids().len();
    await_that("one more try", || match &endpoint.ids()[before..] {
        [] => Err("none".to_owned()),
        more => {
            assert!(more.iter().all(|id| id == "a-4"), "{more:?}");
            Ok(())
        }
    });
}

#[test]
fn what_is_refused_for_good_is_a_dead_letter_and_the_next_goes_on() {
    let endpoint = Endpoint::new(|id| match id {
        "a-1" => refused("invalid_request"),
        _ => taken(),
    });
    let line = Line::new(&endpoint.receiver(""));
    let transmitter = line.start();
    line.publish(&[
        command("a-1", "ann", "step_up"),
        command("a-2", "ann", "revoke_session"),
    ]);
    endpoint.await_ids(&["a-1", "a-2"]);
    let letters = line.await_records("plumbline.deadletter", 1);
    let letter = &letters[0];
    assert_eq!(letter.key, "acme/ann");
    assert!(
        letter.value.contains("\"id\":\"a-1\""),
        "the command as it was read"
    );
    assert_eq!(letter.header("plumbline_reason"), "undeliverable");
    assert_eq!(
        letter.header("plumbline_detail"),
        "receiver bot: 400 invalid_request: no"
    );
    assert_eq!(letter.header("plumbline_receiver"), "bot");
    assert_eq!(letter.header("plumbline_source_topic"), "plumbline.control");
    // Neither is tried again by the next process.
    transmitter.stop();
    let _next = line.start();
    line.publish(&[command("a-3", "ann", "step_up")]);
    endpoint.await_ids(&["a-1", "a-2", "a-3"]);
}

#[test]
fn what_nobody_takes_is_given_up_after_the_time_that_is_set() {
    let endpoint = Endpoint::new(|id| if id == "a-1" { away() } else { taken() });
    let line = Line::with("give_up_after = \"1s\"", &endpoint.receiver(""));
    let _transmitter = line.start();
    line.publish(&[
        command("a-1", "ann", "step_up"),
        command("a-2", "ann", "step_up"),
    ]);
    let letters = line.await_records("plumbline.deadletter", 1);
    let detail = letters[0].header("plumbline_detail");
    assert!(detail.starts_with("receiver bot: 503, "), "{detail}");
    await_that("the next", || match endpoint.ids() {
        ids if ids.last().is_some_and(|id| id == "a-2") => Ok(()),
        ids => Err(format!("{ids:?}")),
    });
}

#[test]
fn what_has_expired_or_is_not_for_this_receiver_is_never_sent() {
    let endpoint = Endpoint::willing();
    let line = Line::new(&endpoint.receiver("tenants = ['acme']\nactions = ['step_up']"));
    let expired = command_at("expired", "ann", "step_up", -3600, 3599);
    let mut observed = command("observed", "ann", "step_up");
    observed["mode"] = json!("observe");
    let mut other = command("other", "ann", "step_up");
    other["target"]["tenant"] = json!("umbrella");
    line.publish(&[
        expired,
        observed,
        other,
        command("unwanted", "ann", "revoke_session"),
    ]);
    line.write(&[("acme/ann".to_owned(), "{\"id\": 7}".to_owned())]);
    line.publish(&[command("wanted", "ann", "step_up")]);
    let _transmitter = line.start();
    endpoint.await_ids(&["wanted"]);
    let letters = line.await_records("plumbline.deadletter", 1);
    assert_eq!(letters[0].header("plumbline_reason"), "wrong_type");
}

#[test]
fn what_expires_while_it_is_tried_is_a_dead_letter() {
    let endpoint = Endpoint::new(|id| if id == "a-1" { away() } else { taken() });
    let line = Line::new(&endpoint.receiver(""));
    let _transmitter = line.start();
    line.publish(&[command("first", "bob", "step_up")]);
    endpoint.await_ids(&["first"]);
    line.publish(&[command_at("a-1", "ann", "step_up", 0, 2)]);
    let letters = line.await_records("plumbline.deadletter", 1);
    let detail = letters[0].header("plumbline_detail");
    assert!(
        detail.starts_with("receiver bot: expired after "),
        "{detail}"
    );
    let tried = endpoint.ids().len();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(endpoint.ids().len(), tried, "not once more");
}

#[test]
fn nobody_is_still_being_told_of_a_command_after_it_has_expired() {
    // It lets connect, and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let line = Line::with(
        "timeout = \"40s\"",
        &format!(
            "[[signals.receiver]]\nname = \"bot\"\naudience = \"{AUDIENCE}\"\n\
             delivery = \"push\"\nendpoint = \"http://{address}/\"\n"
        ),
    );
    let transmitter = line.start();
    let started = Instant::now();
    line.publish(&[command_at("a-1", "ann", "step_up", 0, 4)]);
    let letters = line.await_records("plumbline.deadletter", 1);
    let detail = letters[0].header("plumbline_detail");
    assert_eq!(detail, "receiver bot: expired after 1 tries");
    let waited = started.elapsed();
    assert!(waited < Duration::from_secs(30), "{waited:?}");
    transmitter.stop();
}

#[test]
fn who_asks_for_it_is_told_of_what_is_only_observed_as_a_risk() {
    let endpoint = Endpoint::willing();
    let line = Line::new(&endpoint.receiver("observe = true"));
    let _transmitter = line.start();
    let mut observed = command("c-1", "ann", "revoke_all");
    observed["mode"] = json!("observe");
    line.publish(&[observed]);
    endpoint.await_ids(&["c-1"]);
    let claims = line.verified(&endpoint.got()[0].token);
    let event = &claims["events"][format!("{CAEP}/risk-level-change")];
    assert_eq!(
        (&event["principal"], &event["current_level"]),
        (&json!("USER"), &json!("HIGH"))
    );
}

#[test]
fn a_restart_loses_nothing_and_repeats_what_was_taken_behind_a_waiting_token() {
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    let endpoint = Endpoint::new(move |id| match id {
        "a-3" if !is_open.load(Ordering::Relaxed) => away(),
        _ => taken(),
    });
    let line = Line::new(&endpoint.receiver(""));
    let transmitter = line.start();
    line.publish_together(&[
        command("a-1", "ann", "step_up"),
        command("a-2", "ann", "step_up"),
        command("a-3", "ann", "step_up"),
        command("b-1", "bob", "step_up"),
        command("a-4", "ann", "step_up"),
    ]);
    endpoint.await_id("a-3");
    endpoint.await_id("b-1");
    transmitter.stop();
    open.store(true, Ordering::Relaxed);
    let before = endpoint.ids();
    assert!(!before.contains(&"a-4".to_owned()), "{before:?}");
    let _next = line.start();
    endpoint.await_id("a-4");
    await_that("what was taken behind the waiting one", || {
        match endpoint.ids()[before.len()..].contains(&"b-1".to_owned()) {
            true => Ok(()),
            false => Err(format!("{:?}", endpoint.ids())),
        }
    });
    let ids = endpoint.ids();
    let mut anns: Vec<_> = ids.iter().filter(|id| id.starts_with('a')).collect();
    anns.dedup();
    assert_eq!(anns, ["a-1", "a-2", "a-3", "a-4"]);
    let got = endpoint.got().into_iter().zip(&ids);
    let bobs: Vec<String> = got
        .filter(|(_, id)| *id == "b-1")
        .map(|(got, _)| got.token)
        .collect();
    assert_eq!(bobs.len(), 2);
    assert_eq!(bobs[0], bobs[1], "the receiver knows it by its jti");
}

#[test]
fn who_has_read_further_than_there_is_begins_anew_and_remembers_how_far() {
    let endpoint = Endpoint::willing();
    let line = Line::new(&endpoint.receiver(""));
    // As after the control topic was deleted and created again.
    line.commit(1000);
    line.publish_together(&[command("c-1", "ann", "step_up")]);
    let transmitter = line.start();
    endpoint.await_ids(&["c-1"]);
    transmitter.stop();
    let _next = line.start();
    line.publish_together(&[command("c-2", "ann", "step_up")]);
    endpoint.await_ids(&["c-1", "c-2"]);
}

#[test]
fn keys_are_rotated_without_a_token_that_cannot_be_checked() {
    let endpoint = Endpoint::willing();
    let line = Line::new(&endpoint.receiver(""));
    write_key(&line.directory.path().join("two.pem"));
    let mut signed_by = Vec::new();
    for (number, keys) in [
        &["one.pem"][..],
        &["one.pem", "two.pem"],
        &["two.pem", "one.pem"],
    ]
    .iter()
    .enumerate()
    {
        let transmitter = line.start_with(keys);
        line.publish(&[command(&format!("c-{number}"), "ann", "step_up")]);
        let got = await_that("the token", || {
            endpoint.got().get(number).cloned().ok_or(String::new())
        });
        line.verified(&got.token);
        let published = line.get("/jwks.json");
        let published = published["keys"].as_array().unwrap();
        assert_eq!(published.len(), keys.len());
        for key in published {
            let names = key.as_object().unwrap().keys().map(String::as_str);
            let names: BTreeSet<&str> = names.collect();
            let public = BTreeSet::from(["alg", "e", "kid", "kty", "n", "use"]);
            assert_eq!(names, public, "nothing private");
        }
        signed_by.push(
            jsonwebtoken::decode_header(&got.token)
                .unwrap()
                .kid
                .unwrap(),
        );
        transmitter.stop();
    }
    assert_eq!(signed_by[0], signed_by[1]);
    assert_ne!(signed_by[1], signed_by[2]);
}
