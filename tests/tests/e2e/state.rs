//! State survives its process: what the next owner of a partition knows comes from `plumbline.state` and from
//! what of the log came after it.

use jiff::Timestamp;
use plumbline_tests::cluster::Raw;
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::story::{HOUR, MONDAY, Told};
use plumbline_tests::{Line, Window, admin, feed};
use serde_json::{Value, json};

use crate::stories::impersonations;

const OFTEN: &str = "[run]\ncheckpoint_interval = \"200ms\"";

fn line(name: &str, partitions: u32) -> Line {
    let line = Line::new(name, partitions).source("okta");
    line.with(OFTEN).created()
}

/// What a service that nothing happens to makes of the story.
fn undisturbed(story: &[Told], partitions: u32) -> Outputs {
    let line = line("undisturbed-state", partitions);
    feed::write(&line, story);
    line.run_until_end(&[]);
    Outputs::of(&line)
}

#[test]
fn the_next_owner_knows_what_is_in_the_log_no_more() {
    let story = impersonations(9);
    let line = line("state", 3);
    let service = line.start_service(&[]);
    let mut rest = &story[..];
    for share in [story.len() / 2, story.len() / 4] {
        let (part, after) = rest.split_at(share);
        feed::write(&line, part);
        rest = after;
        line.await_log(story.len() - rest.len());
        let _ = line.await_state(WORK_LIMIT);
    }
    let written = line.await_state(WORK_LIMIT);
    service.kill();
    admin::delete_below(line.bootstrap(), &line.topic("events"), &written);

    feed::write(&line, rest);
    let ended = line.run_until_end(&["--workers", "2"]);
    let told = |text: &str| ended.stderr.matches(text).count();
    assert_eq!(told("state read"), 3, "{}", ended.stderr);
    assert_eq!(told("state restored from the log"), 0, "{}", ended.stderr);
    let once = Outputs::of(&line);
    once.assert_none_twice();
    once.assert_same(&undisturbed(&story, 3));
}

#[test]
fn who_stands_by_has_read_the_state_before_it_is_needed() {
    const PARTITIONS: u32 = 4;
    let story = impersonations(9);
    let line = line("standby", PARTITIONS);
    let (first, rest) = story.split_at(story.len() / 2);
    let flags = ["run", "--config", "plumbline.toml"];
    let busy = line.start_with(&flags, &[("PLUMBLINE_INSTANCE", "busy")]);
    feed::write(&line, first);
    line.await_log(first.len());
    let _ = line.await_state(WORK_LIMIT);
    let window = Window::new();
    let port = window.port();
    let flags = [&flags[..], &["--standby", "--listen", &port]].concat();
    let standby = line.start_with(&flags, &[("PLUMBLINE_INSTANCE", "standby")]);
    line.await_members(2);
    window.await_standby(PARTITIONS);
    let (second, third) = rest.split_at(rest.len() / 2);
    feed::write(&line, second);
    line.await_log(first.len() + second.len());
    let _ = line.await_state(WORK_LIMIT);
    busy.kill();
    feed::write(&line, third);
    line.await_log(story.len());
    line.await_detected();
    line.await_members(1);
    standby.terminate();
    let told = standby.wait(WORK_LIMIT).well().stderr;
    let stood_by = told.matches("stood_by=true").count();
    let taken_over = told.matches("partition assigned").count();
    assert!(stood_by >= 2 && taken_over >= 4, "{told}");
    let once = Outputs::of(&line);
    once.assert_none_twice();
    once.assert_same(&undisturbed(&story, PARTITIONS));
}

#[test]
fn a_poisoned_entry_is_told_and_the_state_is_rebuilt_from_the_log() {
    let story = impersonations(4);
    let line = line("poisoned", 1);
    let (usual, rest) = story.split_at(story.len() * 2 / 3);
    feed::write(&line, usual);
    let service = line.start_service(&[]);
    line.await_log(usual.len());
    let _ = line.await_state(WORK_LIMIT);
    service.kill();
    let state = line.topic("state");
    line.writer.write(&state, &[Raw::new("engine", "poison")]);

    let service = line.start_service(&[]);
    feed::write(&line, rest);
    line.await_log(story.len());
    let _ = line.await_state(WORK_LIMIT);
    let told = service.stderr();
    assert!(
        told.contains("the state cannot be used") && told.contains("entry engine is damaged"),
        "{told}"
    );
    service.kill();
    let once = Outputs::of(&line);
    once.assert_none_twice();
    once.assert_same(&undisturbed(&story, 1));
    let ended = line.run_until_end(&[]);
    assert!(ended.stderr.contains("state read"), "{}", ended.stderr);
}

#[test]
fn what_a_later_version_has_written_is_not_passed_over() {
    let line = line("newer", 1);
    let newer = Raw::new("engine", *b"pl\xFF\x7F........");
    line.writer.write(&line.topic("state"), &[newer]);
    let ended = line.start_service(&[]).wait(WORK_LIMIT);
    ended.refused(
        1,
        &[
            "version 32767 of the encoding",
            "start the version of Plumbline that wrote it",
        ],
    );
}

#[test]
fn a_state_that_is_divided_otherwise_than_the_log_is_refused() {
    let line = Line::new("divided", 3).source("okta");
    admin::create(line.bootstrap(), &line.topic("state"), 2);
    let line = line.created();
    let told = line
        .run(&["topics", "--config", "plumbline.toml"])
        .well()
        .stdout;
    assert!(
        told.contains("has 2 partitions and the log has 3"),
        "{told}"
    );
    let ended = line.start_service(&["--until-end"]).wait(WORK_LIMIT);
    ended.refused(
        1,
        &[
            "has 2 partitions",
            "has 3",
            "create it again with 3 partitions",
        ],
    );
}

#[test]
fn the_state_of_a_log_that_is_there_is_created_as_the_log_is_divided() {
    let line = Line::new("as-the-log", 3).source("okta");
    admin::create(line.bootstrap(), &line.topic("events"), 5);
    let line = line.created();
    assert_eq!(line.reader.partitions(&line.topic("state")), 5);
    assert_eq!(line.reader.partitions(&line.topic("findings")), 3);
}

#[test]
fn a_partition_does_not_wait_for_the_backlog_of_another() {
    const BACKLOG: i64 = 150_000;
    let line = Line::new("backlog-beside", 4).created();
    let event = |partition: i32, number: i64, identity: Value, action: Value| {
        let time = |millis| {
            Timestamp::from_millisecond(MONDAY + millis)
                .expect("a time")
                .to_string()
        };
        let event = json!({
            "id": format!("{partition}-{number}"), "time": time(number * 20), "kind": "api", "tenant": "acme",
            "identity": identity, "session": { "authenticated_at": time(-HOUR) }, "action": action,
        });
        Raw {
            partition: Some(partition),
            ..Raw::new("acme/svc", event.to_string())
        }
    };
    let call = |number| {
        let identity = json!({ "id": format!("svc-{}", number % 500), "kind": "service_account" });
        event(0, number, identity, json!({ "name": "GET /" }))
    };
    // Whoever pays is asked for a fresh authentication at once.
    let payment = |partition, number| {
        let identity = json!({ "id": format!("payer-of-{partition}") });
        event(
            partition,
            number,
            identity,
            json!({ "name": "pay", "class": "payment" }),
        )
    };
    let events = line.topic("events");
    let backlog: Vec<Raw> = (0..BACKLOG)
        .map(call)
        .chain([payment(0, BACKLOG)])
        .collect();
    line.writer.write(&events, &backlog);
    let others: Vec<Raw> = (1..4).map(|partition| payment(partition, 0)).collect();
    line.writer.write(&events, &others);
    let service = line.start_service(&[]);
    let control = line.topic("control");
    let mut commands = line.reader.await_count(&control, 4, WORK_LIMIT);
    service.kill();

    commands.sort_by_key(|command| command.millis);
    let order: Vec<&str> = commands.iter().map(|command| &*command.key).collect();
    assert_eq!(order.last(), Some(&"acme/payer-of-0"), "{order:?}");
}
