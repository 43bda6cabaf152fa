//! The program from outside: exit status, and what goes to stdout and what to stderr.

#![expect(clippy::expect_used, reason = "a test that cannot start is to fail")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn plumbline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(arguments).env_clear();
    command
}

fn ended(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("started");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        status.code().expect("not killed"),
        text(stdout),
        text(stderr),
    )
}

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/config")
        .join(name);
    path.display().to_string()
}

#[test]
fn a_right_configuration_ends_with_0_and_its_summary_on_stdout() {
    let file = fixture("full.toml");
    let (status, stdout, stderr) = ended(&mut plumbline(&["check", &file]));
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with(&format!("{file}: ok\n")), "{stdout}");
}

#[test]
fn the_file_can_be_named_by_a_variable() {
    let file = fixture("full.toml");
    let (status, _, stderr) = ended(plumbline(&["check"]).env("PLUMBLINE_CONFIG", file));
    assert_eq!((status, stderr.as_str()), (0, ""));
}

#[test]
fn a_wrong_configuration_ends_with_2_and_its_mistakes_on_stderr() {
    let file = fixture("mistakes.toml");
    let (status, stdout, stderr) = ended(&mut plumbline(&["check", &file]));
    assert_eq!((status, stdout.as_str()), (2, ""));
    let place = format!("{file}:2:1");
    assert!(stderr.contains(&place), "{stderr}");
}

#[test]
fn a_missing_configuration_ends_with_2_and_its_cause() {
    let (status, stdout, stderr) = ended(&mut plumbline(&["check", "nowhere.toml"]));
    assert_eq!((status, stdout.as_str()), (2, ""));
    insta::assert_snapshot!(stderr);
}

#[test]
fn wrong_usage_ends_with_2_on_stderr() {
    for arguments in [&[][..], &["chekc"], &["check"], &["check", "a", "b"]] {
        let (status, stdout, stderr) = ended(&mut plumbline(arguments));
        assert_eq!((status, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains("Usage: plumbline"), "{stderr}");
    }
}

#[test]
fn help_and_version_end_with_0_on_stdout() {
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["--version"],
        &["check", "--help"],
    ] {
        let (status, stdout, stderr) = ended(&mut plumbline(arguments));
        assert_eq!((status, stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(stdout.contains("plumbline"), "{stdout}");
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    for arguments in [&["check", &fixture("full.toml")][..], &["--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = plumbline(arguments)
            .stdout(Stdio::from(writer))
            .output()
            .expect("started");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
    }
}
