//! What holds of any two configurations.

use std::collections::BTreeSet;

use plumbline::compare::{Counts, Tally};
use plumbline::replay::replay;
use proptest::prelude::*;

use crate::at_the_office;

const FILES: [&str; 5] = [
    "findings.ndjson",
    "commands.ndjson",
    "access.ndjson",
    "deadletter.ndjson",
    "labels.ndjson",
];

fn configuration() -> impl Strategy<Value = String> {
    let mode = prop::sample::select(vec!["enforce", "observe", "off"]);
    let speed = prop::sample::select(vec![300, 500, 1000, 100_000]);
    let alarms = prop::sample::select(vec!["0.01", "0.1", "20.0"]);
    let policy = prop::sample::select(vec!["", "mode = 'observe'", "break_glass = ['a*', 'bob']"]);
    (mode, speed, alarms, policy).prop_map(|(mode, speed, alarms, policy)| {
        format!(
            "[engine]\nfalse_alarms_per_identity_year = {alarms}\n\
             [detectors.impossible_travel]\nmode = '{mode}'\nmax_speed_kmh = {speed}\n[policy]\n{policy}\n"
        )
    })
}

fn swapped(tally: Tally) -> Tally {
    let swap = |counts: Counts| Counts {
        a: counts.b,
        b: counts.a,
        gained: counts.lost,
        lost: counts.gained,
        changed: counts.changed,
    };
    Tally {
        findings: swap(tally.findings),
        commands: swap(tally.commands),
        enforced: swap(tally.enforced),
    }
}

fn adds_up(counts: &Counts) -> bool {
    counts.b + counts.lost == counts.a + counts.gained
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn both_sides_are_what_replays_of_their_own_write(a in configuration(), b in configuration()) {
        let place = at_the_office();
        place.both(&a, &b, "out");
        for (text, alone, side) in [(&a, "a", "out"), (&b, "b", "out/compare")] {
            replay(&place.config(text, alone)).unwrap();
            for file in FILES {
                prop_assert_eq!(
                    place.read(&format!("{alone}/{file}")),
                    place.read(&format!("{side}/{file}"))
                );
            }
        }
        place.compare("a", "b", "later");
        for file in ["comparison.json", "differences.ndjson"] {
            prop_assert_eq!(place.read(&format!("out/{file}")), place.read(&format!("later/{file}")));
        }
    }

    #[test]
    fn a_run_is_no_different_from_itself(a in configuration()) {
        let place = at_the_office();
        let comparison = place.both(&a, &a, "out");
        prop_assert!(!comparison.total.differs());
        prop_assert!(comparison.by_identity.is_empty() && comparison.turned.is_empty());
        prop_assert_eq!(&comparison.enforced.a, &comparison.enforced.b);
        prop_assert_eq!(place.read("out/differences.ndjson"), "");
    }

    #[test]
    fn the_other_way_round_what_was_gained_is_lost(a in configuration(), b in configuration()) {
        let place = at_the_office();
        let one = place.both(&a, &b, "out");
        let other = place.compare("out/compare", "out", "back");
        prop_assert_eq!(one.total, swapped(other.total));
        prop_assert_eq!((one.stronger, one.weaker), (other.weaker, other.stronger));
        prop_assert_eq!(one.changed_fields, other.changed_fields);
        prop_assert_eq!(one.by_detector.len(), other.by_detector.len());
        let tallies = one.by_detector.iter().zip(&other.by_detector);
        for (one, other) in tallies {
            prop_assert_eq!(&one.detector, &other.detector);
            prop_assert_eq!(one.tally, swapped(other.tally));
        }
        prop_assert_eq!(one.enforced.a, other.enforced.b);
        let ids = |file: &str| -> BTreeSet<(String, String)> {
            let swap = |change: &str| match change {
                "gained" => "lost",
                "lost" => "gained",
                other => other,
            }
            .to_owned();
            place.lines(file).iter().map(|line| {
                let change = line["change"].as_str().unwrap();
                let change = if file.starts_with("back") { swap(change) } else { change.to_owned() };
                let b = line["id_b"].as_str().unwrap_or(line["id"].as_str().unwrap());
                let id = if file.starts_with("back") { b } else { line["id"].as_str().unwrap() };
                (change, id.to_owned())
            }).collect()
        };
        prop_assert_eq!(ids("out/differences.ndjson"), ids("back/differences.ndjson"));
    }

    #[test]
    fn every_group_adds_up(a in configuration(), b in configuration()) {
        let place = at_the_office();
        let it = place.both(&a, &b, "out");
        let tallies = it.by_detector.iter().map(|group| &group.tally)
            .chain(it.by_identity_kind.iter().map(|group| &group.tally))
            .chain(it.by_identity.iter().map(|group| &group.tally))
            .chain([&it.total]);
        for tally in tallies {
            for counts in [&tally.findings, &tally.commands, &tally.enforced] {
                prop_assert!(adds_up(counts), "{:?}", counts);
            }
        }
        for group in &it.by_action {
            prop_assert!(adds_up(&group.commands), "{:?}", group);
        }
        let of_b: u64 = it.by_action.iter().map(|group| group.commands.b).sum();
        prop_assert_eq!(of_b, it.total.commands.b);
        prop_assert_eq!(it.total.commands.b, place.lines("out/compare/commands.ndjson").len() as u64);
    }
}
