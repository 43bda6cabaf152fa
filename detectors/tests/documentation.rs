//! What is written of the detectors is what there is: the README, and the documentation of each module.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use plumbline_detectors::DetectorId;

const README: &str = include_str!("../README.md");

/// What every detector tells of itself.
const TOLD: [&str; 5] = [
    "**Catches**",
    "**Model.**",
    "**Evidence:**",
    "**Configuration:**",
    "**Blind spots:**",
];

/// The rows of the table under a heading, each as its cells.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = README
        .split_once(&format!("\n## {heading}\n"))
        .expect("the heading is there");
    let section = section.split("\n## ").next().unwrap();
    let table = section.lines().filter(|line| line.starts_with('|'));
    table
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// The source of a detector's module, and its documentation.
fn module(detector: DetectorId) -> (String, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/detect")
        .join(detector.name())
        .with_extension("rs");
    let source = std::fs::read_to_string(path).expect("each detector has a file of its name");
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let documentation: Vec<&str> = lines.map(str::trim).collect();
    let documentation = documentation.join(" ");
    (source, documentation)
}

/// The techniques that a detector's findings carry.
fn techniques(source: &str) -> Vec<&str> {
    let (_, list) = source
        .split_once("const TECHNIQUE: &[&str] = &[")
        .expect("each detector names its techniques");
    let (list, _) = list.split_once(']').unwrap();
    list.split(',')
        .map(|id| id.trim().trim_matches('"'))
        .collect()
}

/// The words of a text that stand between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_table_lists_every_detector_in_the_order_in_which_they_judge() {
    let listed: Vec<&str> = rows("The detectors")
        .iter()
        .map(|cells| cells[0].trim_matches('`'))
        .collect();
    let known: Vec<&str> = DetectorId::ALL.iter().map(|id| id.name()).collect();
    assert_eq!(listed, known);
}

#[test]
fn the_table_names_the_group_and_the_techniques_of_each_detector() {
    let list = include_str!("../src/detect/mod.rs");
    for (detector, cells) in DetectorId::ALL.iter().zip(rows("The detectors")) {
        let name = detector.name();
        let registered = format!("= {name} in {}", cells[1]);
        assert!(
            list.contains(&format!("{registered},"))
                || list.contains(&format!("{registered} with ")),
            "{name} is not in the group {}",
            cells[1]
        );
        let (source, _) = module(*detector);
        assert_eq!(cells[5], techniques(&source).join(", "), "{name}");
    }
}

#[test]
fn every_row_of_the_catalogue_is_served_and_every_detector_serves_one() {
    let catalogue: Vec<&str> = rows("The catalogue").iter().map(|cells| cells[0]).collect();
    let table = rows("The detectors");
    let mut served: Vec<&str> = table
        .iter()
        .flat_map(|cells| cells[6].split(", "))
        .collect();
    // It is the policy that remembers over tactics.
    served.push("C6");
    served.sort_unstable();
    served.dedup();
    assert_eq!(served, catalogue);
}

#[test]
fn the_catalogue_names_detectors_that_there_are() {
    for cells in rows("The catalogue") {
        for name in quoted(cells[3]) {
            let known = DetectorId::ALL.iter().any(|id| id.name() == name);
            assert!(known, "{}: there is no detector `{name}`", cells[0]);
        }
    }
}

#[test]
fn every_module_says_what_it_catches_and_where_it_is_blind() {
    for detector in DetectorId::ALL {
        let (source, documentation) = module(*detector);
        let name = detector.name();
        assert!(documentation.starts_with(&format!("`{name}`: ")), "{name}");
        for word in TOLD {
            assert!(documentation.contains(word), "{name} does not tell {word}");
        }
        for technique in techniques(&source) {
            assert!(
                documentation.contains(technique),
                "{name} does not tell {technique}"
            );
        }
    }
}

#[test]
fn every_finding_says_what_would_have_kept_it_silent() {
    for detector in DetectorId::ALL {
        let (source, _) = module(*detector);
        assert!(source.contains("\"silent_if\""), "{}", detector.name());
    }
}
