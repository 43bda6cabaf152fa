//! What a service shows over HTTP: the truth, also while its broker is away.

use std::net::TcpListener;

use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::{Broker, Line, Window, feed, wait};

use crate::stories::impersonations;

const PEOPLE: i64 = 6;

#[test]
fn metrics_and_readiness_say_what_is() {
    let mut broker = Broker::start(None).unwrap_or_else(|error| panic!("{error}"));
    let line = Line::on(&broker, "outside", 3).source("okta").created();
    let story = impersonations(PEOPLE);
    let window = Window::new();
    let service = line.start_service(&["--listen", &window.port()]);
    window.await_ready(200);
    feed::write(&line, &story);
    line.await_log(story.len());
    line.await_detected();

    let (findings, commands) = Outputs::of(&line).counts();
    assert_eq!(window.sum("plumbline_events_total"), story.len() as f64);
    assert_eq!(window.sum("plumbline_records_total"), story.len() as f64);
    assert_eq!(window.sum("plumbline_findings_total"), findings as f64);
    assert_eq!(window.sum("plumbline_commands_total"), commands as f64);
    let answered = window.sum("plumbline_command_latency_seconds_count");
    assert!(answered > 0.0 && answered <= commands as f64, "{answered}");
    for stage in ["commit_duration", "normalise_latency", "detect_latency"] {
        let seen = window.sum(&format!("plumbline_{stage}_seconds_count"));
        assert!(seen > 0.0 && seen <= story.len() as f64, "{stage}: {seen}");
    }
    wait::until("all to be seen as worked off", WORK_LIMIT, || {
        let (people, lag) = (
            window.sum("plumbline_identities"),
            window.sum("plumbline_log_lag_records"),
        );
        match people == PEOPLE as f64 && lag == 0.0 {
            true => Ok(()),
            false => Err(format!("{people} identities, {lag} records to go")),
        }
    });
    let bytes = window.sum("plumbline_state_bytes");
    assert!(bytes > 500.0 * PEOPLE as f64, "{bytes} bytes of state");

    broker.crash();
    window.await_ready(503);
    let (alive, _) = window.get("/healthz").expect("it listens");
    assert_eq!(alive, 200, "a broker that is away is no reason to end it");
    broker.come_back().unwrap_or_else(|error| panic!("{error}"));
    window.await_ready(200);
    service.terminate();
    service.wait(WORK_LIMIT).well();
    assert_eq!(window.get("/healthz"), None);

    // The next one is ready when it has its state again.
    let next = line.start_service(&["--listen", &window.port()]);
    window.await_ready(200);
    wait::until("its partitions", WORK_LIMIT, || {
        let restored = window.sum("plumbline_restored_total");
        let left = window.sum("plumbline_restore_remaining_records");
        match restored >= story.len() as f64 && left == 0.0 {
            true => Ok(()),
            false => Err(format!("{restored} restored, {left} to go")),
        }
    });
    next.terminate();
    next.wait(WORK_LIMIT).well();
}

#[test]
fn a_port_that_is_taken_is_said_so() {
    let line = Line::new("taken", 1).source("okta").created();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let flags = [
        "run",
        "--config",
        "plumbline.toml",
        "--listen",
        &port.to_string(),
    ];
    let ended = line.run(&flags);
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("run.listen"), "{}", ended.stderr);
}
