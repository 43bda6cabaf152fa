//! Delivery by polling (RFC 8936).

use serde_json::{Value, json};

use crate::support::{AUDIENCE, Door, Line, await_that, command, command_of};

fn polled() -> Line {
    polled_with("")
}

/// `settings`: more lines of `[signals]`.
fn polled_with(settings: &str) -> Line {
    let receiver = format!(
        "[[signals.receiver]]\nname = \"bot\"\naudience = \"{AUDIENCE}\"\ndelivery = \"poll\"\n\
         access_token = \"secret\"\n"
    );
    Line::with(settings, &receiver)
}

impl Door {
    fn poll(&self, request: &Value) -> (Vec<String>, bool) {
        let (status, answer) = self.ask("POST", "/ssf/poll/bot", "secret", request);
        assert_eq!(status, 200, "{answer}");
        let sets = answer["sets"].as_object().unwrap();
        let mut ids: Vec<String> = Vec::new();
        for (jti, token) in sets {
            let claims = self.verified(token.as_str().unwrap());
            assert_eq!(&claims["jti"], jti);
            ids.push(command_of(token.as_str().unwrap()));
        }
        ids.sort();
        (ids, answer["moreAvailable"].as_bool().unwrap())
    }

    /// Polls until these and no others are handed out.
    #[track_caller]
    fn await_polled(&self, ids: &[&str]) {
        await_that(&format!("{ids:?}"), || {
            match self.poll(&json!({ "returnImmediately": true })) {
                (found, _) if found == ids => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }
}

fn at_once(more: &[(&str, Value)]) -> Value {
    let mut request = json!({ "returnImmediately": true });
    for (key, value) in more {
        request[*key] = value.clone();
    }
    request
}

#[test]
fn what_is_not_acknowledged_comes_again_also_after_a_restart() {
    let line = polled();
    let transmitter = line.start();
    line.publish(&[
        command("a-1", "ann", "step_up"),
        command("a-2", "ann", "revoke_session"),
        command("b-1", "bob", "revoke_session"),
    ]);
    // Of Ann one after another: what is in one answer has no order.
    line.await_polled(&["a-1", "b-1"]);
    // The acknowledgement is lost: both come again.
    assert_eq!(
        line.poll(&at_once(&[])),
        (vec!["a-1".to_owned(), "b-1".to_owned()], true)
    );
    let (ids, more) = line.poll(&at_once(&[("maxEvents", json!(1))]));
    assert_eq!((ids.len(), more), (1, true));
    let ack = json!(["a-1.bot", "unknown.bot"]);
    let (ids, _) = line.poll(&at_once(&[("ack", ack.clone())]));
    assert_eq!(ids, ["a-2", "b-1"]);
    // It may be said twice.
    let (ids, _) = line.poll(&at_once(&[("ack", ack), ("maxEvents", json!(0))]));
    assert_eq!(ids, [""; 0]);
    transmitter.stop();
    let _next = line.start();
    line.await_polled(&["a-2", "b-1"]);
    let both = json!(["a-2.bot", "b-1.bot"]);
    assert_eq!(line.poll(&at_once(&[("ack", both)])), (vec![], false));
}

#[test]
fn a_receiver_that_waits_is_answered_when_there_is_something() {
    let line = polled();
    let _transmitter = line.start();
    line.poll(&at_once(&[]));
    std::thread::scope(|scope| {
        let door = line.door;
        let waiting = scope.spawn(move || door.poll(&json!({})));
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!waiting.is_finished(), "it is let wait");
        line.publish(&[command("c-1", "ann", "step_up")]);
        assert_eq!(waiting.join().unwrap().0, ["c-1"]);
    });
}

#[test]
fn what_the_receiver_cannot_use_is_a_dead_letter() {
    let line = polled();
    let _transmitter = line.start();
    line.publish(&[
        command("c-1", "ann", "step_up"),
        command("c-2", "ann", "step_up"),
    ]);
    line.await_polled(&["c-1"]);
    let errors = json!({ "c-1.bot": { "err": "invalid_request", "description": "who is ann?" } });
    line.poll(&at_once(&[("setErrs", errors)]));
    line.await_polled(&["c-2"]);
    let letters = line.await_records("plumbline.deadletter", 1);
    assert_eq!(
        letters[0].header("plumbline_detail"),
        "receiver bot: the receiver says invalid_request: who is ann?"
    );
}

#[test]
fn what_the_receiver_cannot_use_yet_comes_again() {
    let line = polled();
    let _transmitter = line.start();
    line.publish(&[command("c-1", "ann", "revoke_session")]);
    line.await_polled(&["c-1"]);
    let key = json!({ "c-1.bot": { "err": "invalid_key", "description": "which key?" } });
    // It has to wait a little, and nobody is told that there is more at once.
    let (ids, more) = line.poll(&at_once(&[("setErrs", key)]));
    assert_eq!((ids, more), (Vec::new(), false));
    line.await_polled(&["c-1"]);
}

#[test]
fn what_is_handed_out_and_not_acknowledged_is_given_up_after_the_time_that_is_set() {
    let line = polled_with("give_up_after = \"1s\"");
    let _transmitter = line.start();
    line.publish(&[
        command("c-1", "ann", "step_up"),
        command("c-2", "ann", "step_up"),
    ]);
    line.await_polled(&["c-1"]);
    line.await_polled(&["c-2"]);
    let letters = line.await_records("plumbline.deadletter", 1);
    let detail = letters[0].header("plumbline_detail");
    let expected = "receiver bot: not acknowledged, handed out ";
    assert!(detail.starts_with(expected), "{detail}");
}

#[test]
fn who_was_handed_a_token_once_and_was_away_is_handed_it_again() {
    let line = polled_with("give_up_after = \"1s\"");
    let _transmitter = line.start();
    line.publish(&[command("c-1", "ann", "step_up")]);
    line.await_polled(&["c-1"]);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let ack = at_once(&[("ack", json!(["c-1.bot"]))]);
    assert_eq!(line.poll(&at_once(&[])).0, ["c-1"]);
    assert_eq!(line.poll(&ack).0, [""; 0]);
}

#[test]
fn nobody_polls_for_another_receiver() {
    let line = polled();
    let _transmitter = line.start();
    for token in ["", "wrong", "secret2"] {
        let (status, answer) = line.ask("POST", "/ssf/poll/bot", token, &at_once(&[]));
        assert_eq!(
            (status, &answer["err"]),
            (401, &json!("authentication_failed"))
        );
    }
    let (status, _) = line.ask("POST", "/ssf/poll/other", "secret", &at_once(&[]));
    assert_eq!(status, 404);
    let (status, _) = line.ask("POST", "/ssf/poll/bot", "secret", &json!([]));
    assert_eq!(status, 400);
}
