//! Which events belong to attacks, and what is made of them.

use std::fs;

use plumbline::replay::{ReplayError, replay};
use serde_json::{Value, json};

use crate::{DAY, Place, at_the_office, event, names, ndjson, office};

#[test]
fn labelled_events_are_named_once_with_who_and_when() {
    let place = Place::new();
    let mut log = office();
    log.push(log[log.len() - 2].clone());
    place.write("log.ndjson", &ndjson(&log));
    replay(&place.config("", "out")).unwrap();
    insta::assert_snapshot!(place.read("out/labels.ndjson"));
}

#[test]
fn without_labels_there_is_no_file_and_none_of_an_earlier_replay_stays() {
    let place = at_the_office();
    place.both("", "[policy]\nmode = 'observe'", "out");
    let with = names(&place.path("out"));
    assert!(with.contains(&"labels.ndjson".to_owned()), "{with:?}");
    let log: Vec<Value> = office().into_iter().take(100).collect();
    place.write("log.ndjson", &ndjson(&log));
    replay(&place.config("", "out")).unwrap();
    let expected = [
        "access.ndjson",
        "commands.ndjson",
        "compare",
        "deadletter.ndjson",
        "findings.ndjson",
        "summary.json",
    ];
    let mut left = names(&place.path("out"));
    // Where they are built in, the tables for SQL are there too.
    left.retain(|name| !["commands", "events", "findings"].contains(&&**name));
    assert_eq!(left, expected);
}

#[test]
fn labels_of_somebody_else_are_not_replaced() {
    let place = at_the_office();
    fs::create_dir(place.path("out")).unwrap();
    let simulated = "{\"attack\":\"A6\",\"event_ids\":[\"e-1\"]}\n";
    place.write("out/labels.ndjson", simulated);
    let error = replay(&place.config("", "out")).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(
        error
            .to_string()
            .contains("labels.ndjson would be replaced"),
        "{error}"
    );
    assert_eq!(place.read("out/labels.ndjson"), simulated);
    assert_eq!(names(&place.path("out")), ["labels.ndjson"]);
}

#[test]
fn a_file_of_labels_decides_alone() {
    let place = at_the_office();
    let bob = format!("bob-{}", 11 * DAY + 491);
    let file = place.write(
        "labels.csv",
        &format!("attack,event_id,note\nB1,{bob},\"x, y\"\nB1,gone,\n"),
    );
    let mut config = place.config("", "out");
    config.compare.labels = Some(file);
    replay(&config).unwrap();
    let labels = place.lines("out/labels.ndjson");
    assert_eq!(labels.len(), 1);
    assert_eq!(labels[0]["identity"], "bob");
    assert_eq!(labels[0]["attack"], "B1");
}

#[test]
fn a_file_of_labels_can_tell_two_tenants_apart() {
    let place = Place::new();
    let mut other = event("ann", 0, crate::OSLO);
    other["tenant"] = json!("globex");
    place.write(
        "log.ndjson",
        &ndjson(&[event("ann", 0, crate::OSLO), other]),
    );
    let mut config = place.config("", "out");
    config.compare.labels =
        Some(place.write("labels.csv", "event_id,attack,tenant\nann-0,A,globex\n"));
    replay(&config).unwrap();
    let labels = place.lines("out/labels.ndjson");
    assert_eq!((labels.len(), &labels[0]["tenant"]), (1, &json!("globex")));
}

#[test]
fn a_missing_file_of_labels_is_wrong_usage() {
    let place = at_the_office();
    let mut config = place.config("", "out");
    config.compare.labels = Some(place.path("nowhere.csv"));
    let error = replay(&config).unwrap_err();
    assert!(matches!(&error, ReplayError::Labels(_)), "{error}");
    assert_eq!(error.exit_code(), 2);
}

/// `ann` is attacked, answered on the first of three events; `cid` is attacked, and nobody notices.
#[test]
fn precision_recall_and_delay_are_what_can_be_counted_by_hand() {
    let place = Place::new();
    let mut log = office();
    for hour in [100, 101] {
        let mut quiet = event("cid", hour * 60, crate::OSLO);
        quiet["labels"] = json!({ "attack": "C4" });
        log.insert(0, quiet);
    }
    log.sort_by_key(|event| event["time"].as_str().unwrap().to_owned());
    place.write("log.ndjson", &ndjson(&log));
    let comparison = place.both("", "[policy]\nmode = 'observe'", "out");
    let commands = place.lines("out/commands.ndjson");
    let about_ann = commands
        .iter()
        .filter(|it| it["target"]["identity"] == "ann")
        .count() as u64;
    let [a, b] = [&comparison.enforced.a, &comparison.enforced.b];
    let judged = a.judged.as_ref().unwrap();
    assert_eq!(comparison.attacks.len(), 2);
    assert_eq!(
        (a.alarms, judged.true_alarms),
        (commands.len() as u64, about_ann)
    );
    assert_eq!((judged.answered, judged.recall), (1, Some(0.5)));
    assert_eq!(judged.delay_events.unwrap().median, 1.0);
    assert_eq!(judged.delay_seconds.unwrap().max, 0.0);
    let judged = b.judged.as_ref().unwrap();
    assert_eq!(
        (b.alarms, judged.precision, judged.recall),
        (0, None, Some(0.0))
    );
    assert_eq!(judged.delay_events, None);
    let published = comparison.published.b.judged.as_ref().unwrap();
    assert_eq!(published.recall, Some(0.5));
}
