//! What the files for deployment say has to be true of the program.

#![allow(missing_docs, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FILES: [&str; 3] = ["plumbline@.service", "Containerfile", "kubernetes.yaml"];

fn deploy(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn plumbline(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(arguments).env("KAFKA_PASSWORD", "anything");
    command.output().expect("it can be started")
}

/// The words of a text that begin so, without quotes and what follows an `=`.
fn words<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    let told = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    told.flat_map(|line| line.split([' ', '"', ',', '=', '[', ']', '\t']))
        .filter(|word| word.starts_with(start) && word.len() > start.len())
        .collect()
}

#[test]
fn flags_and_variables_are_those_of_the_service() {
    let help = String::from_utf8(plumbline(&["run", "--help"]).stdout).expect("text");
    let mut known = words(&help, "--");
    known.push("--help");
    // Those of every command, and of no flag.
    let variables = ["PLUMBLINE_INSTANCE", "PLUMBLINE_LOG_FORMAT"];
    for file in FILES {
        let text = deploy(file);
        let run = text
            .lines()
            .filter(|line| line.contains("\"run\"") || line.contains(" run --config"));
        for flag in run.flat_map(|line| words(line, "--")) {
            assert!(known.contains(&flag), "{file}: {flag}");
        }
        for variable in words(&text, "PLUMBLINE_") {
            let is_known = help.contains(variable) || variables.contains(&variable);
            assert!(is_known, "{file}: {variable}");
        }
    }
}

#[test]
fn the_configuration_for_kubernetes_is_right() {
    let manifest = deploy("kubernetes.yaml");
    let (_, rest) = manifest
        .split_once("plumbline.toml: |\n")
        .expect("a configuration");
    let lines = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    let text: Vec<&str> = lines
        .map(|line| line.get(4..).unwrap_or_default())
        .collect();
    assert!(text.len() > 10, "{text:?}");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("plumbline.toml");
    fs::write(&path, text.join("\n")).expect("a file");
    let checked = plumbline(&["check", &path.to_string_lossy()]);
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}
