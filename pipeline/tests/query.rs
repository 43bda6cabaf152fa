//! Questions in SQL and their answers, from the results of a small replay.

#![cfg(feature = "analyst")]
#![allow(clippy::unwrap_used, missing_docs)]

mod theft;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plumbline::explain::access;
use plumbline::trace::trace;
use theft::{Place, theft};

/// Exit status, stdout and stderr of `plumbline query`.
fn ended(arguments: &[&str], data: &Path) -> (i32, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    program.arg("query").args(arguments).env_clear();
    let output = program.env("PLUMBLINE_DATA", data).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    (status, text(output.stdout), text(output.stderr))
}

fn answer(arguments: &[&str], data: &Path) -> String {
    let (status, stdout, stderr) = ended(arguments, data);
    assert_eq!((status, stderr.as_str()), (0, ""), "{arguments:?}");
    stdout
}

/// A directory with the lines of a replay and without its tables.
fn lines_only(place: &Place, data: &Path) -> PathBuf {
    let directory = place.0.path().join("lines");
    fs::create_dir(&directory).unwrap();
    for name in ["findings.ndjson", "commands.ndjson"] {
        fs::copy(data.join(name), directory.join(name)).unwrap();
    }
    directory
}

const FINDINGS: &str = "SELECT * FROM findings ORDER BY time, id";

#[test]
fn questions_are_answered_in_every_format() {
    let place = Place::new();
    let data = place.replay(&theft());
    let sql = "SELECT time, network_city, device_id, action_name, action_scopes FROM events \
               WHERE time >= '2026-11-16' ORDER BY \"offset\"";
    insta::assert_snapshot!("table", answer(&[sql], &data));
    insta::assert_snapshot!("csv", answer(&[sql, "--format", "csv"], &data));
    insta::assert_snapshot!("json", answer(&[sql, "--format", "json"], &data));
    let file = place.0.path().join("answer.parquet");
    let path = file.display().to_string();
    let (status, stdout, stderr) = ended(&[sql, "--format", "parquet", "--out", &path], &data);
    assert_eq!(
        (status, stdout.as_str(), stderr.as_str()),
        (0, "", "3 rows\n")
    );
    assert_eq!(fs::read(&file).unwrap()[..4], *b"PAR1");
}

#[test]
fn every_session_is_a_row() {
    let place = Place::new();
    let data = place.replay(&theft());
    let sql = "SELECT * FROM sessions ORDER BY started_at DESC LIMIT 2";
    insta::assert_snapshot!("sessions", answer(&[sql, "--format", "json"], &data));
}

#[test]
fn the_columns_can_be_asked_for() {
    let place = Place::new();
    let data = place.replay(&theft());
    let columns = |table: &str| answer(&[&format!("DESCRIBE {table}"), "--format", "csv"], &data);
    let all = ["events", "findings", "commands", "sessions"].map(columns);
    insta::assert_snapshot!("columns", all.join("\n"));
}

#[test]
fn an_answer_of_nothing_is_no_failure() {
    let place = Place::new();
    let data = place.replay(&theft());
    let sql = "SELECT id, time FROM events WHERE identity_id = 'nobody'";
    let answers = ["table", "csv", "json"].map(|format| answer(&[sql, "--format", format], &data));
    insta::assert_snapshot!("nothing", answers.join("---\n"));
}

#[test]
fn lines_are_read_where_there_are_no_tables() {
    let place = Place::new();
    let data = place.replay(&theft());
    let lines = lines_only(&place, &data);
    for sql in [FINDINGS, "SELECT * FROM commands ORDER BY time, id"] {
        let rows = answer(&[sql, "--format", "json"], &data);
        assert!(!rows.is_empty());
        assert_eq!(rows, answer(&[sql, "--format", "json"], &lines), "{sql}");
    }
    // Several results are one table, whatever they are kept as.
    let sql = "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM findings";
    let both = [
        "--data",
        lines.to_str().unwrap(),
        "--data",
        data.to_str().unwrap(),
    ];
    let arguments = [&both[..], &[sql, "--format", "csv"]].concat();
    let one = answer(&["SELECT count(*) FROM findings", "--format", "csv"], &data);
    let one: u64 = one.lines().last().unwrap().parse().unwrap();
    assert_eq!(
        answer(&arguments, &data),
        format!("n,ids\n{},{one}\n", 2 * one)
    );
}

#[test]
fn mistakes_are_told_with_their_place_and_what_would_be_right() {
    let place = Place::new();
    let data = place.replay(&theft());
    let lines = lines_only(&place, &data);
    let nowhere = place.0.path().join("nowhere");
    let mut told = Vec::new();
    for (sql, data) in [
        ("SELECT FROM", &data),
        (
            "SELECT time,\n       network_ip FORM events\nLIMIT 3",
            &data,
        ),
        ("SELECT 'open FROM events", &data),
        ("SELECT detectr FROM findings", &data),
        ("SELECT f.bits FROM findings f", &data),
        ("SELECT * FROM event", &data),
        ("SELECT * FROM events", &lines),
        ("SELECT * FROM sessions", &lines),
        ("SELECT geo_distance(1, 2, 3, 4)", &data),
        ("SELECT cidr_match('10/8', '10.1.2.3')", &data),
        ("SELECT CAST(id AS BIGINT) FROM events", &data),
        ("SELECT 1; SELECT 2", &data),
        ("", &data),
        ("DROP TABLE events", &data),
        (
            "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
            &data,
        ),
        ("COPY events TO 'x.csv'", &data),
        ("SELECT * FROM '/etc/passwd'", &data),
        ("SELECT 1", &nowhere),
        ("SELECT 1", &place.0.path().to_owned()),
    ] {
        let (status, stdout, stderr) = ended(&[sql], data);
        assert_eq!(stdout, "", "{sql}");
        told.push(format!("{sql}\n-> {status} {}", place.said(&stderr)));
    }
    insta::assert_snapshot!("mistakes", told.join("\n"));
}

#[test]
fn functions_say_what_the_documentation_says() {
    let place = Place::new();
    let data = place.replay(&theft());
    let sql = "SELECT round(geo_distance_km(59.91, 10.75, -12.05, -77.04)) AS oslo_lima, \
               geo_distance_km(91, 0, 0, 0) AS nowhere, \
               is_reserved_ip('10.1.2.3') AS private, is_reserved_ip('1.1.1.1:443') AS public, \
               is_reserved_ip('example.com') AS name, \
               cidr_match('203.0.113.0/24', '203.0.113.9') AS inside, \
               cidr_match('203.0.113.0/24', '203.0.114.9') AS outside, \
               cidr_match('2001:db8::/32', '2001:db8::7') AS inside6, \
               cidr_match('0.0.0.0/0', '8.8.8.8') AS all4, cidr_match('0.0.0.0/0', '::1') AS other, \
               cidr_match('10.0.0.0/8', NULL) AS unknown, \
               round(surprise(0, 1000), 3) AS never, surprise(1, 0) AS impossible, \
               json_get('{\"a\":{\"b\":[1,\"x\"]}}', 'a.b.1') AS text, \
               json_get('{\"a\":{\"b\":[1]}}', 'a') AS object, json_get('no', 'a') AS none";
    insta::assert_snapshot!("functions", answer(&[sql, "--format", "json"], &data));
    // Over columns as well as over constants.
    let sql = "SELECT round(geo_distance_km(network_lat, network_lon, 59.91, 10.75)) AS km, count(*) AS n \
               FROM events GROUP BY km ORDER BY km";
    insta::assert_snapshot!("distances", answer(&[sql, "--format", "csv"], &data));
    let sql = "SELECT json_get(evidence, 'here.place') AS place FROM findings \
               WHERE detector = 'impossible_travel'";
    insta::assert_snapshot!("evidence", answer(&[sql, "--format", "csv"], &data));
}

#[test]
fn nothing_of_a_log_reaches_the_terminal_as_it_is() {
    let place = Place::new();
    let data = place.replay(&theft());
    let sql = "SELECT action_name FROM events ORDER BY \"offset\" DESC LIMIT 1";
    insta::assert_snapshot!("escaped", answer(&[sql], &data));
    let sql = "SELECT CAST(max(action_name) AS BIGINT) FROM events \
               WHERE action_name LIKE 'mail.forward%'";
    let (_, _, said) = ended(&[sql], &data);
    assert!(said.contains("\\u{1b}"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
    let told = trace("s-14", &[data]).unwrap();
    assert!(
        !told.contains(|c: char| c.is_control() && c != '\n'),
        "{told}"
    );
}

/// Exit status, stdout and stderr of a query that is read from stdin.
fn ended_from_stdin(
    text: impl AsRef<[u8]>,
    arguments: &[&str],
    data: &Path,
) -> (i32, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .arg("query")
        .args(arguments)
        .arg("--data")
        .arg(data)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = program.stdin.take().unwrap();
    stdin.write_all(text.as_ref()).unwrap();
    drop(stdin);
    let output = program.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    (status, text(output.stdout), text(output.stderr))
}

#[test]
fn the_query_can_come_from_stdin() {
    let place = Place::new();
    let data = place.replay(&theft());
    let sql = "SELECT count(*) AS n\nFROM events";
    for arguments in [&["-", "--format", "csv"][..], &["--format", "csv"]] {
        let ended = ended_from_stdin(sql, arguments, &data);
        assert_eq!(ended, (0, "n\n163\n".to_owned(), String::new()));
    }
}

#[test]
fn several_queries_from_stdin_are_answered_up_to_the_first_that_cannot_be() {
    let place = Place::new();
    let data = place.replay(&theft());
    let text = "-- first;\nSELECT 'a;b' AS x;\n\nSELECT count(*) AS n FROM events;\nSELECT\n  nope\nFROM events;\nSELECT 4;";
    let (status, stdout, stderr) = ended_from_stdin(text, &["--format", "csv"], &data);
    assert_eq!((status, stdout.as_str()), (2, "x\na;b\nn\n163\n"));
    let place_of = |line: &str| stderr.lines().any(|said| said == line);
    assert!(stderr.contains("there is no column `nope`"), "{stderr}");
    assert!(
        place_of("  6 |   nope"),
        "the line is that of stdin: {stderr}"
    );
    // A file holds one answer.
    let file = place.0.path().join("answer.csv").display().to_string();
    let arguments = ["--format", "csv", "--out", &file];
    let (status, _, stderr) = ended_from_stdin("SELECT 1; SELECT 2;", &arguments, &data);
    assert_eq!(status, 2);
    assert!(stderr.contains("more than one statement"), "{stderr}");
    let (status, _, stderr) = ended_from_stdin(" ; -- nothing", &[], &data);
    assert_eq!(status, 2);
    assert!(stderr.contains("the query is empty"), "{stderr}");
}

#[test]
fn what_ends_no_statement_splits_none() {
    let place = Place::new();
    let data = place.replay(&theft());
    let text =
        "SELECT $$a;b$$ AS x;\nSELECT $t$a;$$b$t$ AS x;\nSELECT E'it\\'s;' AS x; -- the last;\n";
    let ended = ended_from_stdin(text, &["--format", "csv"], &data);
    let answers = "x\na;b\nx\na;$$b\nx\nit's;\n".to_owned();
    assert_eq!(ended, (0, answers, String::new()));
    // What stands after the one query of a file, or of an argument, is none.
    let file = place.0.path().join("answer.csv").display().to_string();
    let one = "SELECT 1 AS x; -- done;";
    let (status, _, stderr) = ended_from_stdin(one, &["--format", "csv", "--out", &file], &data);
    assert_eq!((status, stderr.as_str()), (0, "1 row\n"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "x\n1\n");
    assert_eq!(answer(&[one, "--format", "csv"], &data), "x\n1\n");
}

#[test]
fn what_is_no_text_is_told_with_its_line_and_what_stands_before_it_is_answered() {
    let place = Place::new();
    let data = place.replay(&theft());
    let text = b"SELECT 1 AS x;\nSELECT 2 AS x; SELECT\n'caf\xe9' AS x;\nSELECT 4 AS x;";
    let (status, stdout, stderr) = ended_from_stdin(text, &["--format", "csv"], &data);
    assert_eq!((status, stdout.as_str()), (2, "x\n1\nx\n2\n"));
    insta::assert_snapshot!(stderr.trim_end(), @"error: line 3 of stdin is not UTF-8 text: its query and those after it are not answered; convert the text, for example with `iconv -t utf-8`");
    // A file holds one answer, or none.
    let file = place.0.path().join("answer.csv");
    let arguments = ["--format", "csv", "--out", file.to_str().unwrap()];
    let (status, _, _) = ended_from_stdin(text, &arguments, &data);
    assert_eq!((status, file.exists()), (2, false));
    let (status, stdout, _) = ended_from_stdin(b"SELECT '\xe9'", &[], &data);
    assert_eq!((status, stdout.as_str()), (2, ""));
}

#[test]
fn a_session_is_told_from_its_start_to_its_end() {
    let place = Place::new();
    let data = place.replay(&theft());
    insta::assert_snapshot!("trace", trace("s-14", std::slice::from_ref(&data)).unwrap());
    let error = trace("s-'", &[data]).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    insta::assert_snapshot!(error, @"there is no event of a session `s-'`; `SELECT * FROM sessions` with `plumbline query` lists those there are");
}

#[test]
fn what_an_identity_is_granted_is_told_against_what_it_uses() {
    let place = Place::new();
    let data = place.replay(&theft());
    insta::assert_snapshot!("access", access("ann", &data).unwrap());
    let error = access("finance", &data).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    insta::assert_snapshot!(place.said(&error), @"there is no identity `finance` in TMP/out/access.ndjson (1 lines), which lists those whose events named scopes");
}
