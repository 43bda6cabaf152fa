//! What reaches from one partition of the log into another, and what happens where nothing comes any more.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use plumbline_tests::cluster::Raw;
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::{Line, wait};
use serde_json::{Value, json};

const PAIRS: usize = 8;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn change(identity: &str, kind: &str, pair: usize, time: Timestamp) -> Raw {
    let event = json!({
        "id": format!("{identity}-change"), "time": time.to_string(), "kind": "api", "tenant": "acme",
        "identity": { "id": identity, "kind": kind }, "session": { "id": format!("s-{identity}") },
        "action": {
            "name": "PATCH /deployments/{id}", "class": "write",
            "resource": format!("k8s/payments-{pair}"), "environment": "production",
        },
    });
    Raw::new(&format!("acme/{identity}"), event.to_string())
}

fn bodies(line: &Line, topic: &str) -> Vec<Value> {
    let read = line.read(topic);
    let parsed = read.iter().map(|read| serde_json::from_slice(&read.value));
    parsed.collect::<Result<_, _>>().expect("JSON")
}

/// The partitions in which the events of each pair are.
fn partitions(line: &Line) -> Vec<BTreeSet<i32>> {
    let mut partitions = vec![BTreeSet::new(); PAIRS];
    for read in line.read("events") {
        let number = read.key.rsplit('-').next();
        if let Some(pair) = number.and_then(|number| number.parse::<usize>().ok()) {
            partitions[pair].insert(read.partition);
        }
    }
    partitions
}

#[test]
fn a_machine_waits_for_a_person_whose_events_are_in_another_partition() {
    let line = Line::new("contention", 6)
        .source("native")
        .with("[[policy.contention]]\nresource = \"k8s/*\"\nwithin = \"5m\"");
    let line = line.created();
    let begun: Timestamp = "2026-11-20T09:00:00Z".parse().expect("a time");
    for pair in 0..PAIRS {
        let (person, machine) = (format!("person-{pair}"), format!("deployer-{pair}"));
        // Of every other pair the machine comes first.
        let (first, second) = (begun, begun + MINUTE);
        let (of_person, of_machine) = match pair % 2 {
            0 => (first, second),
            _ => (second, first),
        };
        line.write_raw(
            "native",
            &[
                change(&person, "human", pair, of_person),
                change(&machine, "service_account", pair, of_machine),
            ],
        );
    }
    let flags = ["run", "--config", "plumbline.toml", "--workers", "2"];
    let service = line.start_with(&flags, &[]);
    wait::until("every machine to be paused", WORK_LIMIT, || {
        let commands = bodies(&line, "control");
        match commands.len() >= PAIRS {
            true => Ok(()),
            false => Err(format!("{commands:?}")),
        }
    });
    service.terminate();
    service.wait(WORK_LIMIT).well();

    let apart = partitions(&line);
    let apart = apart.iter().filter(|partitions| partitions.len() == 2);
    assert!(apart.count() >= 2, "all in one partition");
    let mut paused = BTreeMap::new();
    for command in bodies(&line, "control") {
        assert_eq!(command["action"], "pause", "{command}");
        let identity = command["target"]["identity"].to_string();
        *paused.entry(identity).or_insert(0) += 1;
    }
    let machines = (0..PAIRS).map(|pair| (format!("\"deployer-{pair}\""), 1));
    assert_eq!(paused, machines.collect());
    // Nothing of it is done again by the next who reads the log.
    let before = Outputs::of(&line);
    line.run_until_end(&[]);
    Outputs::of(&line).assert_same(&before);
}

#[test]
fn a_window_ends_in_a_partition_in_which_nothing_happens_any_more() {
    let line = Line::new("quiet", 3).source("native").created();
    let service = line.start_service(&[]);
    let now = Timestamp::now();
    let until = now + SignedDuration::from_secs(5);
    let granted = json!({
        "id": "granted", "time": now.to_string(), "kind": "api", "tenant": "acme",
        "identity": { "id": "ann", "kind": "human" },
        "session": { "id": "s", "jit_until": until.to_string() },
        "action": { "name": "access.granted" },
    });
    line.write_raw("native", &[Raw::new("acme/ann", granted.to_string())]);
    wait::until("the session to be ended", WORK_LIMIT, || {
        match line.read("control").is_empty() {
            false => Ok(()),
            true => Err("no command yet".to_owned()),
        }
    });
    service.terminate();
    service.wait(WORK_LIMIT).well();
    let commands = bodies(&line, "control");
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert_eq!(commands[0]["action"], "revoke_session");
    assert_eq!(commands[0]["target"]["session_id"], "s");
    // The tick is a record of the log, so that whoever reads it later comes to the same.
    let outputs = Outputs::of(&line);
    outputs.assert_same(&line.replay());
}
