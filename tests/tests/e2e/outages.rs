//! What stops for a while and comes back: a process that others took for dead, and the broker. And what comes all at
//! once.

use std::thread;
use std::time::Duration;

use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::story::{Person, in_order};
use plumbline_tests::vendor::OSLO;
use plumbline_tests::{Broker, Line, admin, feed};

use crate::stories::impersonations;

const PEOPLE: i64 = 12;

#[test]
fn a_process_that_was_taken_for_dead_publishes_nothing_when_it_wakes() {
    let line = Line::new("zombie", 4)
        .source("okta")
        .with("[run]\ncommit_interval = \"10ms\"")
        .created();
    let story = impersonations(PEOPLE);
    let parts: Vec<_> = story.chunks(story.len().div_ceil(3)).collect();
    let arguments = ["run", "--config", "plumbline.toml"];
    let zombie = line.start_with(&arguments, &[("PLUMBLINE_INSTANCE", "zombie")]);
    let other = line.start_with(&arguments, &[("PLUMBLINE_INSTANCE", "other")]);
    line.await_members(2);
    feed::write(&line, parts[0]);
    line.await_log(parts[0].len());

    // In the middle of its work, with a batch that is not committed.
    for (number, piece) in parts[1].chunks(parts[1].len().div_ceil(20)).enumerate() {
        feed::write(&line, piece);
        if number == 10 {
            zombie.freeze();
        }
        thread::sleep(Duration::from_millis(20));
    }
    line.await_members(1);
    line.await_log(parts[0].len() + parts[1].len());
    line.await_detected();
    let before = Outputs::of(&line);

    zombie.thaw();
    line.await_members(2);
    line.await_detected();
    Outputs::of(&line).assert_same(&before);
    feed::write(&line, parts[2]);
    line.await_log(story.len());
    line.await_detected();
    for service in [zombie, other] {
        service.terminate();
        service.wait(WORK_LIMIT).well();
    }
    let outputs = Outputs::of(&line);
    outputs.assert_none_twice();
    assert_eq!(outputs.commands.len(), PEOPLE as usize);
    outputs.assert_same(&line.replay());
}

#[test]
fn a_broker_that_dies_and_comes_back_is_waited_for() {
    let mut broker = Broker::start(None).unwrap_or_else(|error| panic!("{error}"));
    let line = Line::on(&broker, "outage", 3).source("okta").created();
    let story = impersonations(PEOPLE);
    let parts: Vec<_> = story.chunks(story.len().div_ceil(3)).collect();
    let mut service = line.start_service(&[]);
    feed::write(&line, parts[0]);
    line.await_detected();
    feed::write(&line, parts[1]);
    broker.crash();
    thread::sleep(Duration::from_secs(4));
    assert!(service.is_running(), "{}", service.stderr());
    broker.come_back().unwrap_or_else(|error| panic!("{error}"));
    feed::write(&line, parts[2]);
    line.await_log(story.len());
    line.await_detected();

    let outputs = Outputs::of(&line);
    outputs.assert_none_twice();
    assert_eq!(outputs.commands.len(), PEOPLE as usize);
    outputs.assert_same(&line.replay());

    // Asked to stop while the broker is away, it does not wait for it for ever.
    broker.crash();
    service.terminate();
    let ended = service.wait(WORK_LIMIT);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn while_commands_cannot_be_written_nothing_is_taken_for_done() {
    let line = Line::new("no-control", 1).source("okta").created();
    let story = impersonations(PEOPLE);
    let (start, rest) = story.split_at(story.len() / 2);
    let mut service = line.start_service(&[]);
    feed::write(&line, start);
    line.await_log(start.len());
    line.await_detected();
    let before = Outputs::of(&line);
    let control = line.topic("control");
    admin::delete(line.bootstrap(), &control);
    feed::write(&line, rest);
    line.await_log(story.len());
    thread::sleep(Duration::from_secs(8));
    let committed = line.reader.committed(line.group(), &line.topic("events"));
    let at = committed.map_or(0, |committed| committed[0]);
    assert!(at < story.len() as i64, "{at} committed of {}", story.len());
    assert!(service.is_running(), "{}", service.stderr());
    admin::create(line.bootstrap(), &control, 1);
    line.await_detected();
    let after = Outputs::of(&line);
    after.assert_none_twice();
    let replayed = line.replay();
    assert_eq!(after.findings, replayed.findings);
    let both = before.commands.into_iter().chain(after.commands);
    assert_eq!(
        both.collect::<std::collections::BTreeMap<_, _>>(),
        replayed.commands
    );
}

/// A day's work of so many people comes in a moment, far more of it than the program may hold.
#[test]
fn a_flood_is_worked_off_in_bounded_memory_and_answers_come_at_once_again() {
    const MEBIBYTE: u64 = 1 << 20;
    let line = Line::new("flood", 2)
        .source("okta")
        .property("queued.max.messages.kbytes", "2048")
        .property("queue.buffering.max.kbytes", "4096")
        .created();
    let victim = Person::new("00u-victim", OSLO);
    let before = victim.days(0..21, 12);
    let mut service = line.start_service(&[]);
    feed::day_by_day(&line, &before);
    line.await_detected();
    let memory = peak_memory(service.id());

    let crowd = (0..8).map(|number| Person::new(&format!("00u-crowd-{number}"), OSLO));
    let flood = in_order(crowd.map(|person| person.days(21..22, 12_500)));
    let bytes: usize = flood
        .iter()
        .map(|told| told.raw.value.as_ref().map_or(0, Vec::len))
        .sum();
    assert!(bytes as u64 > 100 * MEBIBYTE, "{bytes}");
    feed::write(&line, &flood);
    let log = line.topic("events");
    let behind = |committed: Vec<i64>| committed.iter().sum::<i64>() < flood.len() as i64;
    assert!(
        line.reader.committed(line.group(), &log).is_ok_and(behind),
        "no flood"
    );
    line.await_log(before.len() + flood.len());
    line.await_detected();
    let grown = peak_memory(service.id()) - memory;
    assert!(grown < 64 * MEBIBYTE, "{} MiB more", grown / MEBIBYTE);
    assert!(service.is_running(), "{}", service.stderr());
    assert_eq!(line.read("deadletter"), []);

    let commands = Outputs::of(&line).commands.len();
    feed::write(&line, &victim.is_impersonated(22));
    line.reader.await_count(
        &line.topic("control"),
        commands + 1,
        Duration::from_secs(10),
    );
    service.terminate();
    service.wait(WORK_LIMIT).well();
    let outputs = Outputs::of(&line);
    outputs.assert_none_twice();
    outputs.assert_same(&line.replay());
}

/// The most that a process has held in memory so far, in bytes.
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kibibytes
        .and_then(|number| number.trim().parse::<u64>().ok())
        .expect("kibibytes")
        * 1024
}
