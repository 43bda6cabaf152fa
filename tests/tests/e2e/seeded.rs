//! A service that begins with what a replay has learnt decides as one that has seen it all.

use std::collections::BTreeSet;
use std::fs;

use plumbline_tests::cluster::{Raw, Read};
use plumbline_tests::story::{DAY, MONDAY};
use plumbline_tests::vendor::rfc3339;
use plumbline_tests::{Line, feed};

use crate::stories::impersonations;

const PEOPLE: i64 = 13;
const PARTITIONS: u32 = 3;
/// What history would have led to has not been commanded, so that it would be in the way of nothing.
const OBSERVED: &str = "[policy]\nmode = \"observe\"";

fn told(line: &Line) -> BTreeSet<String> {
    let (findings, commands) = (line.read("findings"), line.read("control"));
    let all = findings.iter().chain(&commands);
    all.map(|record| record.text().to_owned()).collect()
}

#[test]
fn who_begins_with_the_state_of_history_decides_as_who_has_seen_it() {
    let whole = Line::new("whole", PARTITIONS)
        .source("okta")
        .with(OBSERVED)
        .created();
    feed::write(&whole, &impersonations(PEOPLE));
    whole.run_until_end(&[]);
    // Of the three weeks the first two are history.
    let live_from = rfc3339(MONDAY + 14 * DAY);
    let is_live = |event: &Read| event.json()["time"].as_str() >= Some(&*live_from);
    let (live, history): (Vec<Read>, Vec<Read>) =
        whole.read("events").into_iter().partition(is_live);
    assert!(live.len() > 100 && history.len() > 100);

    let seeded = Line::new("seeded", PARTITIONS).with(OBSERVED).created();
    let inputs = (0..PARTITIONS as i32).map(|partition| {
        let path = seeded.path(&format!("history-{partition}.ndjson"));
        let of = history.iter().filter(|event| event.partition == partition);
        let lines: Vec<&str> = of.map(Read::text).collect();
        fs::write(&path, lines.join("\n")).expect("written");
        path.display().to_string()
    });
    let inputs: Vec<String> = inputs.collect();
    let mut export = vec!["replay", "--config", "plumbline.toml", "--out", "learnt"];
    export.extend(["--export-state", "--input"]);
    export.extend(inputs.iter().map(String::as_str));
    let said = seeded.run(&export).well().stderr;
    assert!(said.contains("state written"), "{said}");
    let history: BTreeSet<String> = ["findings", "commands"]
        .iter()
        .flat_map(|name| {
            let path = seeded.path(&format!("learnt/{name}.ndjson"));
            let text = fs::read_to_string(path).expect("results");
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();

    let raw: Vec<Raw> = live
        .iter()
        .map(|event| Raw::new(&event.key, event.value.clone()))
        .collect();
    seeded.writer.write(&seeded.topic("events"), &raw);
    seeded.run_until_end(&[]);
    let (of_all, of_live) = (told(&whole), told(&seeded));
    assert!(!history.is_empty() && history.is_subset(&of_all));
    let expected: BTreeSet<String> = of_all.difference(&history).cloned().collect();
    assert!(expected.len() > 5, "{} outputs", expected.len());
    assert_eq!(of_live, expected);

    // What a service knows is not written over.
    seeded
        .run(&export)
        .refused(2, &["holds state already", "kafka.topics.state"]);
}
