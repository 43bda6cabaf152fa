//! On the log of a simulated organisation: what was planted is found, and all of it agrees with a
//! comparison that holds everything at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use plumbline::replay::replay;
use plumbline_replay_data::{Options, Simulation, geo};
use serde_json::Value;

use crate::{Place, ndjson, office};

/// The office among others, in a fortnight.
fn organisation() -> Vec<Value> {
    let options = Options {
        identities: 40,
        days: 14,
        start: plumbline_schemas::time::EventTime::parse("2026-11-02T00:00:00Z").unwrap(),
        ..Options::default()
    };
    let simulated = Simulation::new(&options).unwrap();
    let mut log: Vec<Value> = simulated
        .map(|arrival| serde_json::to_value(&arrival.event).unwrap())
        .collect();
    log.extend(office());
    log.sort_by_key(|event| event["time"].as_str().unwrap().to_owned());
    log
}

fn place() -> Place {
    let place = Place::new();
    place.write("log.ndjson", &ndjson(&organisation()));
    place
}

type Items = BTreeMap<String, Value>;

fn items(place: &Place, file: &str) -> Items {
    let lines = place.lines(file).into_iter();
    lines
        .map(|line| (line["id"].as_str().unwrap().to_owned(), line))
        .collect()
}

/// The ids that were gained, lost and changed, from all findings at once.
fn expected(a: &Items, b: &Items) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (id, item) in a {
        match b.get(id) {
            None => found.insert(("lost".to_owned(), id.clone())),
            Some(other) if other != item => found.insert(("changed".to_owned(), id.clone())),
            Some(_) => false,
        };
    }
    let gained = b.keys().filter(|id| !a.contains_key(*id));
    found.extend(gained.map(|id| ("gained".to_owned(), id.clone())));
    found
}

fn told(differences: &[Value], what: &str) -> BTreeSet<(String, String)> {
    let of_this_sort = differences.iter().filter(|line| line["what"] == what);
    of_this_sort
        .map(|line| {
            let word = |key: &str| line[key].as_str().unwrap().to_owned();
            (word("change"), word("id"))
        })
        .collect()
}

/// Checks the findings against the simple comparison, and gives the differences.
fn differences(place: &Place, second: &str) -> Vec<Value> {
    place.both("", second, "out");
    let differences = place.lines("out/differences.ndjson");
    let a = items(place, "out/findings.ndjson");
    let b = items(place, "out/compare/findings.ndjson");
    assert!(a.len() > 20, "too few to say anything: {}", a.len());
    assert_eq!(told(&differences, "finding"), expected(&a, &b), "{second}");
    // Of commands those of one action; another action has another id.
    let a = items(place, "out/commands.ndjson");
    let b = items(place, "out/compare/commands.ndjson");
    let mut singly = expected(&a, &b);
    for line in differences.iter().filter(|line| line["id_b"].is_string()) {
        let word = |key: &str| line[key].as_str().unwrap().to_owned();
        assert!(singly.remove(&("lost".to_owned(), word("id"))), "{line}");
        assert!(
            singly.remove(&("gained".to_owned(), word("id_b"))),
            "{line}"
        );
        singly.insert(("changed".to_owned(), word("id")));
    }
    assert_eq!(told(&differences, "command"), singly, "{second}");
    differences
}

fn field<'d>(line: &'d Value, name: &str) -> Option<&'d Value> {
    let mut fields = line["fields"].as_array()?.iter();
    fields.find(|field| field["field"] == name)
}

#[test]
fn a_lower_speed_finds_the_planted_flight_and_loses_nothing() {
    let place = place();
    let second = "[detectors.impossible_travel]\nmax_speed_kmh = 500";
    let differences = differences(&place, second);
    let of = |change: &str| -> Vec<(&str, &str)> {
        let lines = differences.iter().filter(|line| line["change"] == change);
        lines
            .map(|line| {
                (
                    line["identity"].as_str().unwrap(),
                    line["what"].as_str().unwrap(),
                )
            })
            .collect()
    };
    assert!(
        of("gained").contains(&("bob", "finding")),
        "{:?}",
        of("gained")
    );
    assert_eq!(of("lost"), []);
    let gained = differences.iter().filter(|line| line["change"] == "gained");
    for line in gained.filter(|line| line["what"] == "finding") {
        assert_eq!(line["detectors"][0], "impossible_travel", "{line}");
    }
}

#[test]
fn a_detector_in_observe_mode_takes_its_commands_out_of_force_and_no_others() {
    let place = place();
    let differences = differences(&place, "[detectors.impossible_travel]\nmode = 'observe'");
    let base = items(&place, "out/commands.ndjson");
    let alone = |command: &&Value| {
        command["mode"] == "enforce"
            && command["reason"]["detectors"] == serde_json::json!(["impossible_travel"])
    };
    let planted: BTreeSet<&str> = base
        .values()
        .filter(alone)
        .map(|command| command["id"].as_str().unwrap())
        .collect();
    assert!(!planted.is_empty());
    let mut observed = BTreeSet::new();
    for line in differences.iter().filter(|line| line["what"] == "command") {
        let detectors = line["detectors"].as_array().unwrap();
        assert!(detectors.contains(&"impossible_travel".into()), "{line}");
        if let Some(mode) = field(line, "mode") {
            assert_eq!(
                (&mode["a"], &mode["b"]),
                (&"enforce".into(), &"observe".into())
            );
            observed.insert(line["id"].as_str().unwrap());
        }
    }
    assert!(planted.is_subset(&observed), "{planted:?} {observed:?}");
}

#[test]
fn a_break_glass_identity_is_asked_instead_and_nobody_else_is() {
    let place = place();
    let differences = differences(&place, "[policy]\nbreak_glass = ['ann']");
    let commands: Vec<&Value> = differences
        .iter()
        .filter(|line| line["what"] == "command")
        .collect();
    assert!(!commands.is_empty());
    for line in &differences {
        assert_eq!(line["identity"], "ann", "{line}");
    }
    let first = commands[0];
    let action = field(first, "action").unwrap();
    assert_eq!(first["change"], "changed");
    assert_eq!(
        (&action["a"], &action["b"]),
        (&"revoke_session".into(), &"step_up".into())
    );
}

#[test]
fn a_detector_that_is_off_loses_all_its_findings() {
    let place = place();
    let differences = differences(&place, "[detectors.scope_drift]\nmode = 'off'");
    let base = items(&place, "out/findings.ndjson");
    let of_detector = base
        .values()
        .filter(|finding| finding["detector"] == "scope_drift");
    let ids: BTreeSet<String> = of_detector
        .map(|finding| finding["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(!ids.is_empty());
    let lost = told(&differences, "finding").into_iter();
    let lost: BTreeSet<String> = lost
        .filter_map(|(change, id)| (change == "lost").then_some(id))
        .collect();
    assert!(ids.is_subset(&lost));
}

/// The same log without places, which each side adds for itself.
#[test]
fn sides_with_other_places_are_what_replays_of_their_own_write() {
    let place = Place::new();
    let mut log = organisation();
    for event in &mut log {
        for field in [
            "lat",
            "lon",
            "accuracy_km",
            "city",
            "country",
            "asn",
            "as_org",
        ] {
            event["network"].as_object_mut().unwrap().remove(field);
        }
    }
    place.write("log.ndjson", &ndjson(&log));
    fs::write(place.path("city.mmdb"), geo::city().unwrap()).unwrap();
    let with_places = "[geo]\ncity = 'city.mmdb'";
    let comparison = place.both("", with_places, "out");
    assert!(comparison.total.findings.differs());
    replay(&place.config("", "a")).unwrap();
    replay(&place.config(with_places, "b")).unwrap();
    for file in ["findings.ndjson", "commands.ndjson", "access.ndjson"] {
        assert_eq!(
            place.read(&format!("a/{file}")),
            place.read(&format!("out/{file}"))
        );
        let second = format!("out/compare/{file}");
        assert_eq!(place.read(&format!("b/{file}")), place.read(&second));
    }
}

#[test]
fn every_value_of_a_sweep_is_what_a_replay_of_its_own_writes() {
    use plumbline::compare::{Sweep, replay_swept};
    let place = place();
    let sweep = Sweep::parse("policy.break_glass=['ann'],[]").unwrap();
    let config = place.config("", "out");
    let (_, swept, _) = replay_swept(&config, Some(&place.path("config.toml")), &sweep).unwrap();
    let counts = |at: usize| swept.values[at].against_base;
    assert!(counts(0).commands.differs() && !counts(1).differs());
    replay(&place.config("[policy]\nbreak_glass = ['ann']", "alone")).unwrap();
    for file in ["findings.ndjson", "commands.ndjson"] {
        let first = format!("out/sweep/1/{file}");
        assert_eq!(place.read(&format!("alone/{file}")), place.read(&first));
    }
}
