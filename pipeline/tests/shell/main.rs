//! `plumbline query` on a terminal.

#![cfg(all(feature = "analyst", unix))]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod terminal;
#[path = "../theft/mod.rs"]
#[allow(dead_code, reason = "no error is told here")]
mod theft;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use terminal::Terminal;
use theft::{Place, theft};

const CTRL_D: &str = "\u{4}";

fn program(arguments: &[&str], data: &Path, state: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    program.arg("query").args(arguments).env_clear();
    program
        .env("PLUMBLINE_DATA", data)
        .env("TERM", "xterm")
        .env("XDG_STATE_HOME", state);
    program
}

/// A shell that waits for a question.
fn shell(arguments: &[&str], place: &Place, data: &Path) -> Terminal {
    let mut terminal = Terminal::start(program(arguments, data, &state(place)), true);
    terminal.wait_for("\\? says more");
    terminal.wait_for("plumbline> ");
    terminal
}

fn state(place: &Place) -> PathBuf {
    place.0.path().join("state")
}

#[test]
fn one_question_after_another_is_answered() {
    let place = Place::new();
    let data = place.replay(&theft());
    let mut shell = shell(&[], &place, &data);
    shell.type_in("SELECT count(*) AS n\rFROM events;\r");
    shell.wait_for("| 163 |");
    shell.wait_for("1 row\r\n");
    // A mistake ends nothing.
    shell.type_in("SELECT nope FROM events;\r");
    shell.wait_for("error: ");
    shell.wait_for("there is no column `nope`");
    shell.type_in("\\d\r");
    shell.wait_for("events\r\nfindings\r\nsessions\r\n");
    shell.type_in("\\d sessions\r");
    shell.wait_for("risk_peak");
    shell.type_in("\\f csv\r");
    // A comment after the end is no second question, and a `;` in text no end.
    shell.type_in("SELECT $$a;b$$ AS x; /* done */\r");
    shell.wait_for("x\r\na;b\r\n1 row\r\n");
    // Tab completes a name.
    shell.type_in("SELECT 'of ' || count(*) AS x FROM sess\t");
    shell.wait_for("sessions");
    shell.type_in(";\r");
    shell.wait_for("x\r\nof 11\r\n1 row\r\n");
    shell.type_in("\\nonsense\r");
    shell.wait_for("there is no command `\\nonsense`");
    shell.wait_for("plumbline> ");
    shell.type_in(CTRL_D);
    assert_eq!(shell.end().0, Some(0));
}

#[test]
fn what_is_typed_ahead_is_answered_in_its_turn() {
    let place = Place::new();
    let data = place.replay(&theft());
    let mut shell = shell(&["--format", "csv"], &place, &data);
    shell.type_in("SELECT 'one' AS x;\rSELECT 'two' AS x;\rSELECT 'three'\rAS x;\r\\q\r");
    for answer in ["one", "two", "three"] {
        shell.wait_for(&format!("x\r\n{answer}\r\n1 row\r\n"));
    }
    assert_eq!(shell.end().0, Some(0));
}

#[test]
fn what_is_no_text_is_told_and_the_next_question_answered() {
    let place = Place::new();
    let data = place.replay(&theft());
    let mut shell = shell(&["--format", "csv"], &place, &data);
    shell.type_in("SELECT 'one' AS x;\r");
    shell.wait_for("x\r\none\r\n1 row\r\n");
    shell.wait_for("plumbline> ");
    // As a terminal sends it that is set to Latin-1.
    shell.type_in(b"SELECT 'caf\xe9' AS x;\r");
    shell.wait_for("error: that is not UTF-8 text");
    shell.wait_for("plumbline> ");
    shell.type_in("SELECT 'two' AS x;\r");
    shell.wait_for("x\r\ntwo\r\n1 row\r\n");
    shell.wait_for("plumbline> ");
    shell.type_in(CTRL_D);
    assert_eq!(shell.end().0, Some(0));
}

#[test]
fn the_history_keeps_what_did_not_begin_with_a_space_for_its_user_only() {
    let place = Place::new();
    let data = place.replay(&theft());
    let mut first = shell(&["--format", "csv"], &place, &data);
    first.type_in("SELECT 'kept' AS x;\r");
    first.wait_for("x\r\nkept\r\n");
    first.type_in(" SELECT 'secret' AS x;\r");
    first.wait_for("x\r\nsecret\r\n");
    first.wait_for("plumbline> ");
    // The question before is there again with the upper arrow: the one that was kept.
    first.type_in("\u{1b}[A");
    first.wait_for("SELECT 'kept' AS x;");
    first.type_in("\r");
    first.wait_for("x\r\nkept\r\n");
    first.type_in("\\q\r");
    assert_eq!(first.end().0, Some(0));
    let file = state(&place).join("plumbline/query-history");
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.contains("'kept'"), "{kept}");
    assert!(!kept.contains("secret"), "{kept}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);
    let mut second = shell(&["--format", "csv"], &place, &data);
    second.type_in("\u{1b}[A\u{1b}[A");
    second.wait_for("SELECT 'kept' AS x;");
    second.type_in("\r");
    second.wait_for("x\r\nkept\r\n");
}

#[test]
fn an_interrupt_ends_the_query_and_not_the_shell() {
    let place = Place::new();
    let data = place.replay(&theft());
    let mut shell = shell(&["--format", "csv"], &place, &data);
    shell.type_in("SELECT 'begun' AS x; SELECT count(*) FROM events a, events b, events c, events d WHERE a.id || b.id || c.id <> d.id;\r");
    shell.wait_for("x\r\nbegun\r\n1 row\r\n");
    shell.interrupt();
    shell.wait_for("ended; there may be more rows");
    shell.wait_for("plumbline> ");
    shell.type_in("SELECT 'alive' AS x;\r");
    shell.wait_for("x\r\nalive\r\n1 row\r\n");
    shell.wait_for("plumbline> ");
    shell.type_in(CTRL_D);
    assert_eq!(shell.end().0, Some(0));
}

#[test]
fn no_answer_can_do_anything_to_a_terminal_and_every_other_reader_gets_it_as_it_is() {
    let place = Place::new();
    let data = place.replay(&theft());
    let raw = "a\u{1b}[2J\u{9b}b\u{202e}c";
    let sql = "SELECT concat('a', chr(27), '[2J', chr(155), 'b', chr(8238), 'c') AS \"x\u{1b}[7m\", \
               make_array(chr(27)) AS list, 7 AS n";
    for (format, shown, exact) in [
        (
            "table",
            "| a\\u{1b}[2J\\u{9b}b\\u{202e}c | [\\u{1b}] | 7 |",
            None,
        ),
        (
            "csv",
            "x\\u{1b}[7m,list,n\r\na\\u{1b}[2J\\u{9b}b\\u{202e}c,[\\u{1b}],7\r\n",
            Some(format!("x\u{1b}[7m,list,n\n{raw},[\u{1b}],7\n")),
        ),
        (
            "json",
            r#"{"x\u001b[7m":"a\u001b[2J\u009bb\u202ec","list":["\u001b"],"n":7}"#,
            Some(format!(
                "{{\"x\\u001b[7m\":\"{}\",\"list\":[\"\\u001b\"],\"n\":7}}\n",
                raw.replace('\u{1b}', "\\u001b")
            )),
        ),
    ] {
        let arguments = [sql, "--format", format];
        let on_terminal = Terminal::start(program(&arguments, &data, &state(&place)), false);
        let (status, text) = on_terminal.end();
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains(shown), "{text:?}");
        let is_hidden = |c: char| c.is_control() && c != '\r' && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(is_hidden), "{text:?}");
        if let Some(exact) = exact {
            let output = program(&arguments, &data, &state(&place)).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), exact);
        }
    }
}
