//! `plumbline report` from outside.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::theft::{Place, theft};

fn ended(arguments: &[&str], data: &Path, out: &Path) -> (i32, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    program.arg("report").args(arguments).env_clear();
    program
        .env("PLUMBLINE_DATA", data)
        .env("PLUMBLINE_REPORT_OUT", out);
    let output = program.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_page_is_written_and_only_a_page_is_replaced() {
    let place = Place::new();
    let data = place.replay(&theft());
    let out = place.0.path().join("report.html");
    let (status, stdout, stderr) = ended(&["--title", "Acme <week 46>"], &data, &out);
    assert_eq!((status, stdout.as_str()), (0, ""));
    assert!(stderr.contains("findings about 1 identity, "), "{stderr}");
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("<title>Acme &lt;week 46&gt;</title>"));
    assert_eq!(ended(&[], &data, &out).0, 0, "it is its own");

    fs::write(&out, "my notes").unwrap();
    let (status, _, stderr) = ended(&[], &data, &out);
    assert_eq!(status, 2);
    insta::assert_snapshot!(place.said(&stderr), @"error: TMP/report.html would be replaced, and `plumbline report` has not written it; name another --out, or give --overwrite");
    assert_eq!(fs::read_to_string(&out).unwrap(), "my notes");
    assert_eq!(ended(&["--overwrite"], &data, &out).0, 0);
    assert_ne!(fs::read_to_string(&out).unwrap(), "my notes");
}

#[test]
fn wrong_usage_is_told_and_leaves_nothing() {
    let place = Place::new();
    let out = place.0.path().join("report.html");
    let nowhere = place.0.path().join("nowhere");
    let (status, _, stderr) = ended(&[], &nowhere, &out);
    assert_eq!(status, 2);
    assert!(stderr.contains("there is no directory"), "{stderr}");
    let backwards = ["--from", "2026-11-16", "--to", "2026-11-15"];
    let (status, _, stderr) = ended(&backwards, &nowhere, &out);
    assert_eq!(status, 2);
    assert!(stderr.contains("--to comes after --from"), "{stderr}");
    assert!(!out.exists());
}
