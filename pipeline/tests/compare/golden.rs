//! What is printed and written, word for word.

use crate::program::plumbline;
use crate::{Place, at_the_office};

/// `ann` can only be asked, and travel is not believed to be as fast.
const CANDIDATE: &str =
    "[detectors.impossible_travel]\nmax_speed_kmh = 500\n[policy]\nbreak_glass = ['ann']\n";
/// The detector only watches.
const OBSERVING: &str = "[detectors.impossible_travel]\nmode = 'observe'\n";

fn compared(second: &str) -> (Place, String) {
    let place = at_the_office();
    place.write("second.toml", second);
    let (status, stdout, stderr) = plumbline(
        &place,
        &[
            "replay",
            "--input",
            "log.ndjson",
            "--compare",
            "second.toml",
            "--out",
            "out",
        ],
    );
    assert_eq!(status, 0, "{stderr}");
    (place, stdout)
}

#[test]
fn another_speed_and_a_break_glass_identity_are_told() {
    let (place, stdout) = compared(CANDIDATE);
    insta::assert_snapshot!("candidate_report", stdout);
    insta::assert_snapshot!("candidate_comparison", place.read("out/comparison.json"));
    insta::assert_snapshot!(
        "candidate_differences",
        place.read("out/differences.ndjson")
    );
}

#[test]
fn a_detector_that_only_observes_is_told() {
    let (_, stdout) = compared(OBSERVING);
    insta::assert_snapshot!("observing_report", stdout);
}

#[test]
fn the_same_configuration_makes_no_difference() {
    let (place, stdout) = compared("");
    insta::assert_snapshot!("same_report", stdout);
    assert_eq!(place.read("out/differences.ndjson"), "");
}

#[test]
fn a_sweep_is_a_table() {
    let place = at_the_office();
    let key = "detectors.impossible_travel.max_speed_kmh=500,1000,60000";
    let (status, stdout, stderr) = plumbline(
        &place,
        &[
            "replay",
            "--input",
            "log.ndjson",
            "--sweep",
            key,
            "--out",
            "out",
        ],
    );
    assert_eq!(status, 0, "{stderr}");
    insta::assert_snapshot!("sweep_table", stdout);
    insta::assert_snapshot!("sweep_json", place.read("out/sweep.json"));
}

#[test]
fn a_command_that_is_sent_again_is_one_command() {
    let place = at_the_office();
    let comparison = place.both("", "[policy.acknowledge]\nwithin = '2m'\n", "out");
    let lines = |file: &str| place.lines(file).len() as u64;
    let (once, again) = (
        lines("out/commands.ndjson"),
        lines("out/compare/commands.ndjson"),
    );
    assert!(again > once, "{again} {once}");
    assert_eq!(comparison.total.commands.b, once);
    assert!(!comparison.total.commands.differs());
    assert_eq!(comparison.enforced.b.alarms, comparison.enforced.a.alarms);
}
