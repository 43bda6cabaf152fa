//! The words of every help, and which setting wins.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn help(command: &[&str]) -> String {
    let arguments = ["plumbline"].iter().chain(command).chain(&["--help"]);
    let command = Cli::command().term_width(100);
    let shown = command.try_get_matches_from(arguments).expect_err("help");
    assert_eq!(shown.kind(), ErrorKind::DisplayHelp);
    shown.to_string()
}

#[test]
fn the_commands_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_help_says_what_a_command_does_and_shows_an_example() {
    insta::assert_snapshot!("plumbline", help(&[]));
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let text = help(&[name]);
        assert!(text.contains("Example"), "{name}");
        insta::assert_snapshot!(format!("plumbline_{name}"), text);
    }
}
