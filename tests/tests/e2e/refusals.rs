//! What cannot work says why, with the right exit status, within seconds.

use std::fs;
use std::thread;
use std::time::Duration;

use plumbline_tests::broker::{SASL_PASSWORD, SASL_USER};
use plumbline_tests::{Broker, Line};

/// Anything at start is given up after ten seconds; the rest is a loaded machine.
const LIMIT: Duration = Duration::from_secs(30);

const RUN: &[&str] = &["run", "--config", "plumbline.toml"];
const TOPICS: &[&str] = &["topics", "--config", "plumbline.toml", "--create"];

fn with_password(name: &str, password: &str) -> Line {
    Line::new(name, 1)
        .at(Broker::shared().sasl_bootstrap())
        .property("security.protocol", "sasl_plaintext")
        .property("sasl.mechanism", "PLAIN")
        .property("sasl.username", SASL_USER)
        .property("sasl.password", password)
        .written()
}

#[test]
fn wrong_credentials_are_named_as_that() {
    let line = with_password("wrong-password", "hunter2-is-wrong");
    for arguments in [RUN, TOPICS] {
        let ended = line.start(arguments).wait(LIMIT);
        let ended = ended.refused(1, &["credentials", "sasl."]);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
}

#[test]
fn right_credentials_are_let_in() {
    let line = with_password("right-password", SASL_PASSWORD);
    line.start(TOPICS).wait(LIMIT).well();
    line.run_until_end(&[]);
}

#[test]
fn a_plain_client_of_a_listener_with_sasl_is_told_so_in_time() {
    let line = Line::new("no-sasl", 1)
        .at(Broker::shared().sasl_bootstrap())
        .written();
    line.start(RUN).wait(LIMIT).refused(1, &["Kafka"]);
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    // Port 1 of loopback: nobody listens there.
    let line = Line::new("nobody", 1).at("127.0.0.1:1").written();
    for arguments in [RUN, TOPICS] {
        let ended = line.start(arguments).wait(LIMIT);
        ended.refused(1, &["127.0.0.1:1", "bootstrap_servers"]);
    }
}

#[test]
fn missing_topics_are_named_with_the_command_that_creates_them() {
    let line = Line::new("no-topics", 1).source("okta").written();
    let ended = line.start(RUN).wait(LIMIT);
    let (raw, events) = (line.topic("raw-okta"), line.topic("events"));
    ended.refused(1, &[&raw, &events, "topics --config FILE --create"]);
    // Asked about, they are not created by that.
    let told = line.run(&["topics", "--config", "plumbline.toml"]).well();
    assert!(told.stdout.contains("MISSING"), "{}", told.stdout);
    let created = line.run(TOPICS).well();
    assert!(created.stdout.contains("created"), "{}", created.stdout);
    let told = line.run(&["topics", "--config", "plumbline.toml"]).well();
    assert!(
        told.stdout.contains("exists") && !told.stdout.contains("MISSING"),
        "{}",
        told.stdout
    );
    assert!(told.stdout.contains("compact"), "{}", told.stdout);
}

#[test]
fn a_topic_that_has_just_been_created_is_waited_for() {
    let line = Line::new("just-created", 1)
        .created()
        .source("okta")
        .written();
    let service = line.start(RUN);
    thread::sleep(Duration::from_millis(300));
    line.run(TOPICS).well();
    line.await_members(1);
    service.terminate();
    service.wait(LIMIT).well();
}

#[test]
fn a_geo_file_that_cannot_be_read_is_named() {
    let line = Line::new("no-geo", 1).created();
    let config = fs::read_to_string(line.path("plumbline.toml")).expect("written");
    fs::write(line.path("broken.mmdb"), b"this is no database").expect("a file");
    for (file, why) in [
        ("missing.mmdb", "missing.mmdb"),
        ("broken.mmdb", "broken.mmdb"),
    ] {
        let city = config
            .lines()
            .find(|text| text.starts_with("city"))
            .expect("a city file");
        let changed = config.replace(city, &format!("city = \"{file}\""));
        fs::write(line.path("geo.toml"), changed).expect("a configuration");
        let ended = line.start(&["run", "--config", "geo.toml"]).wait(LIMIT);
        ended.refused(2, &[why]);
    }
}

#[test]
fn a_wrong_configuration_is_told_with_its_line() {
    let line = Line::new("no-config", 1).written();
    for (toml, words) in [
        (
            "[kafka]\nbootstrap_server = \"x\"\n",
            ["wrong.toml", "bootstrap_server"],
        ),
        ("[kafka\n", ["wrong.toml", "1"]),
        (
            "[[source]]\ntopic = \"t\"\nformat = \"okto\"\n",
            ["wrong.toml", "okto"],
        ),
        (
            "[kafka.properties]\n\"sasl.pasword\" = \"hunter2\"\n",
            ["sasl.pasword", ""],
        ),
        (
            "[kafka.properties]\n\"sasl.password\" = \"${env:NOT_SET}\"\n",
            ["sasl.password", "NOT_SET"],
        ),
    ] {
        fs::write(line.path("wrong.toml"), toml).expect("a configuration");
        let ended = line.start(&["run", "--config", "wrong.toml"]).wait(LIMIT);
        let ended = ended.refused(2, &words);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
    line.start(&["run", "--config", "nowhere.toml"])
        .wait(LIMIT)
        .refused(2, &["nowhere.toml"]);
    line.start(&["run", "--workers", "0"])
        .wait(LIMIT)
        .refused(2, &["--workers"]);
}
