//! The program from outside: exit status and errors.

use std::process::Command;

use serde_json::{Value, json};

use crate::{Place, at_the_office, ndjson, office};

/// Runs the program in the place; paths in what it says are relative to it.
pub(crate) fn plumbline(place: &Place, arguments: &[&str]) -> (i32, String, String) {
    run(Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args(arguments)
        .env_clear()
        .current_dir(place.path("")))
}

fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The office, replayed under the defaults and under one that enforces less.
fn replayed() -> Place {
    let place = at_the_office();
    place.write("second.toml", "[policy]\nmode = 'observe'\n");
    let (status, ..) = plumbline(
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
    assert_eq!(status, 0);
    place
}

#[test]
fn a_condition_that_holds_ends_with_1_and_says_which_and_its_numbers() {
    let place = replayed();
    let arguments = [
        "compare",
        "out",
        "out/compare",
        "--fail-if",
        "lost_enforced > 0 || new_enforced > 10",
        "--fail-if",
        "recall < base_recall",
        "--fail-if",
        "new_findings > 0",
        "--fail-if",
        "precision < 0.5",
    ];
    let (status, stdout, stderr) = plumbline(&place, &arguments);
    assert_eq!(status, 1, "{stderr}");
    assert!(stdout.starts_with("A  out\nB  out/compare\n"), "{stdout}");
    insta::assert_snapshot!(stderr);
}

#[test]
fn a_condition_that_does_not_hold_ends_with_0() {
    let place = replayed();
    let condition = "new_enforced > 0 || recall > 1.0 || (attacks == 0 && precision < 0.5)";
    let arguments = ["compare", "out", "out/compare", "--fail-if", condition];
    let (status, _, stderr) = plumbline(&place, &arguments);
    assert_eq!((status, stderr.as_str()), (0, ""));
}

#[test]
fn a_condition_on_results_of_two_logs_cannot_be_told() {
    let place = replayed();
    let half: Vec<Value> = office().into_iter().take(500).collect();
    place.write("log.ndjson", &ndjson(&half));
    plumbline::replay::replay(&place.config("", "half")).unwrap();
    let arguments = ["compare", "out", "half", "--fail-if", "new_enforced > 10"];
    let (status, _, stderr) = plumbline(&place, &arguments);
    assert_eq!(status, 1);
    assert!(
        stderr.contains("cannot be told: the two results are not of the same log"),
        "{stderr}"
    );
}

#[test]
fn nothing_of_a_log_reaches_the_terminal_as_it_is() {
    let place = Place::new();
    let mut events = office();
    for event in &mut events {
        event["identity"]["id"] = json!(format!(
            "{}\u{1b}[2J",
            event["identity"]["id"].as_str().unwrap()
        ));
    }
    place.write("log.ndjson", &ndjson(&events));
    place.both("", "[detectors.impossible_travel]\nmode = 'off'", "out");
    let (status, stdout, _) = plumbline(&place, &["compare", "out", "out/compare"]);
    assert_eq!(status, 0);
    assert!(stdout.contains("ann\\u{1b}[2J"), "{stdout}");
    assert!(!stdout.contains('\u{1b}'), "{stdout}");
}

#[test]
fn a_condition_of_a_sweep_names_the_value() {
    let place = at_the_office();
    let (status, _, stderr) = plumbline(
        &place,
        &[
            "replay",
            "--input",
            "log.ndjson",
            "--out",
            "out",
            "--sweep",
            "detectors.impossible_travel.mode=enforce,off",
            "--fail-if",
            "lost_findings > 0",
        ],
    );
    let last = stderr.lines().last().unwrap();
    assert_eq!(status, 1);
    insta::assert_snapshot!(last);
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_would_be_right() {
    let place = replayed();
    place.write("broken.csv", "event_id,attack\nann-1,\n");
    place.write("short.csv", "event_id,attack\nann-1,A6\n");
    place.write(
        "broken.toml",
        "[compare]\nfail_if = ['new_enforcd > 1']\ntop = 0\n",
    );
    let replay = ["replay", "--input", "log.ndjson", "--out", "other"];
    let cases: [(&str, Vec<&str>); 12] = [
        ("no directory", vec!["compare", "out", "nowhere"]),
        ("no results", vec!["compare", "out", "."]),
        (
            "unknown name",
            vec!["compare", "out", "out", "--fail-if", "new_enforcd > 1"],
        ),
        (
            "not CEL",
            vec!["compare", "out", "out", "--fail-if", "new_enforced >"],
        ),
        (
            "labels without times",
            vec!["compare", "out", "out", "--labels", "short.csv"],
        ),
        (
            "labels without a name",
            [&replay[..], &["--labels", "broken.csv"]].concat(),
        ),
        (
            "a key nobody knows",
            [&replay[..], &["--sweep", "detectors.call_volum.mode=off"]].concat(),
        ),
        (
            "a value nobody knows",
            [&replay[..], &["--sweep", "policy.mode=off"]].concat(),
        ),
        (
            "a key that replay does not read",
            [&replay[..], &["--sweep", "run.workers=1,2"]].concat(),
        ),
        (
            "two comparisons",
            [
                &replay[..],
                &["--sweep", "policy.mode=observe", "--compare", "second.toml"],
            ]
            .concat(),
        ),
        (
            "nothing to compare",
            [&replay[..], &["--fail-if", "new_enforced > 1"]].concat(),
        ),
        (
            "a wrong file",
            [&replay[..], &["--compare", "broken.toml"]].concat(),
        ),
    ];
    let mut said = String::new();
    for (what, arguments) in cases {
        let (status, stdout, stderr) = plumbline(&place, &arguments);
        assert_eq!((status, stdout.as_str()), (2, ""), "{what}: {stderr}");
        said.push_str(&format!("=== {what}\n{stderr}\n"));
    }
    insta::assert_snapshot!(said);
    assert!(!place.path("other").join("findings.ndjson").exists());
}

#[test]
fn flags_variables_and_file_say_the_same() {
    let place = replayed();
    place.write(
        "ci.toml",
        "[compare]\nfail_if = ['lost_enforced > 0']\ntop = 1\nout = 'told'\n",
    );
    let by_file = plumbline(
        &place,
        &["compare", "out", "out/compare", "--config", "ci.toml"],
    );
    let told = place.read("told/comparison.json");
    let by_variables = run(Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args(["compare", "out", "out/compare"])
        .env_clear()
        .envs([
            ("PLUMBLINE_FAIL_IF", "lost_enforced > 0"),
            ("PLUMBLINE_TOP", "1"),
            ("PLUMBLINE_OUT", "told"),
        ])
        .current_dir(place.path("")));
    let by_flags = plumbline(
        &place,
        &[
            "compare",
            "out",
            "out/compare",
            "--fail-if",
            "lost_enforced > 0",
            "--top",
            "1",
            "--out",
            "told",
        ],
    );
    assert_eq!(by_file.0, 1);
    assert_eq!(by_file, by_variables);
    assert_eq!(by_file, by_flags);
    assert_eq!(told, place.read("told/comparison.json"));
}

#[test]
fn what_a_replay_of_another_release_or_log_left_is_told() {
    let place = replayed();
    let shorter: Vec<_> = crate::office().into_iter().take(300).collect();
    place.write("log.ndjson", &crate::ndjson(&shorter));
    let (status, ..) = plumbline(
        &place,
        &["replay", "--input", "log.ndjson", "--out", "short"],
    );
    assert_eq!(status, 0);
    let (status, stdout, _) = plumbline(&place, &["compare", "out", "short"]);
    assert_eq!(status, 0);
    assert!(
        stdout.contains("not the same log: B has 300 events"),
        "{stdout}"
    );
    place.write("short/findings.ndjson", "{\"id\": 7}\n");
    let (status, _, stderr) = plumbline(&place, &["compare", "out", "short"]);
    assert_eq!(status, 1);
    assert!(stderr.contains("short/findings.ndjson, line 1"), "{stderr}");
}
