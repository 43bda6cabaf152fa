//! What the reader accepts, and the words in which it refuses.

use std::path::{Path, PathBuf};

use miette::GraphicalTheme;
use plumbline_detectors::config::{DetectorMode, RuleAction, Span};
use plumbline_schemas::command::Action;
use plumbline_schemas::event::ActionClass;
use proptest::prelude::*;

use super::*;

/// As `ConfigFile::read`, without a file.
fn read_text(text: &str) -> Result<Config, InvalidFile> {
    let reading = read::read(text);
    reading
        .config
        .ok_or_else(|| InvalidFile::new(Path::new("plumbline.toml"), text, reading.notes))
}

fn refused(text: &str) -> String {
    read_text(text)
        .expect_err("refused")
        .render(GraphicalTheme::none(), 100)
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(read_text("").expect("accepted"), Config::default());
}

#[test]
fn every_section_of_a_full_file_is_read() {
    let config = read_text(include_str!("../../tests/config/full.toml")).expect("accepted");
    assert_eq!(config.source[0].format, "okta");
    assert_eq!(config.geo.city, [PathBuf::from("GeoLite2-City.mmdb")]);
    assert_eq!(
        config.detectors.impossible_travel.mode,
        DetectorMode::Enforce
    );
    assert_eq!(config.policy.suppress[0].reason, "migration");
    assert_eq!(
        config.policy.freshness.0[&ActionClass::Admin],
        Span::hours(1)
    );
}

#[test]
fn a_limit_of_freshness_leaves_the_others_as_they_are() {
    let config = read_text("[policy.freshness]\npayment = '1m'\nread = '8h'").expect("accepted");
    let limits = &config.policy.freshness.0;
    assert_eq!(limits[&ActionClass::Payment], Span::minutes(1));
    assert_eq!(limits[&ActionClass::Read], Span::hours(8));
    assert_eq!(limits[&ActionClass::Deploy], Span::minutes(15));
}

#[test]
fn a_rule_is_read_with_its_condition() {
    let config = read_text(
        "[[policy.rule]]\nname = 'x'\nwhen = 'risk.session > 80'\naction = 'step_up'\nmax_age = '5m'",
    )
    .expect("accepted");
    let rule = &config.policy.rule[0];
    assert_eq!(rule.when.as_str(), "risk.session > 80");
    assert_eq!(rule.action, RuleAction::StepUp);
    assert_eq!(rule.max_age, Some(Span::minutes(5)));
    assert_eq!(config.policy.acknowledge.within, None);
}

#[test]
fn an_unquoted_date_is_a_date() {
    let config = read_text("[[policy.suppress]]\nuntil = 2026-12-31T00:00:00Z").expect("accepted");
    assert_eq!(
        config.policy.suppress[0].until.to_string(),
        "2026-12-31T00:00:00.000Z"
    );
}

#[test]
fn one_path_is_a_list_of_one() {
    let config = read_text("[geo]\ncity = 'a.mmdb'\nasn = ['b.mmdb', 'c.mmdb']").expect("accepted");
    assert_eq!(config.geo.city, [PathBuf::from("a.mmdb")]);
    assert_eq!(config.geo.asn.len(), 2);
}

#[test]
fn paths_are_relative_to_the_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("plumbline.toml");
    let text = "[geo]\ncity = 'a.mmdb'\nasn = '/b.mmdb'\n\
                [kafka.properties]\n'sasl.password' = '${file:password}'\n";
    std::fs::write(&path, text).expect("written");
    std::fs::write(directory.path().join("password"), "hunter2\n").expect("written");
    let config = Config::load(Some(&path)).expect("accepted");
    assert_eq!(config.geo.city, [directory.path().join("a.mmdb")]);
    assert_eq!(config.geo.asn, [PathBuf::from("/b.mmdb")]);
    let properties = config.kafka.client_properties().expect("resolved");
    assert!(properties.contains(&("sasl.password".to_owned(), "hunter2".to_owned())));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn properties_are_text_numbers_or_booleans_and_need_no_quotes_around_their_names() {
    let config = read_text(
        "[kafka.properties]\nsasl.mechanism = 'PLAIN'\n'sasl.username' = 'ann'\n\
         socket.nagle.disable = true\n'fetch.wait.max.ms' = 10",
    )
    .expect("accepted");
    let properties = config.kafka.client_properties().expect("resolved");
    let text: Vec<_> = properties.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(
        text,
        [
            "bootstrap.servers=localhost:9092",
            "fetch.wait.max.ms=10",
            "sasl.mechanism=PLAIN",
            "sasl.username=ann",
            "socket.nagle.disable=true",
        ]
    );
}

#[test]
fn a_property_that_exactly_once_rests_on_may_be_said_but_not_changed() {
    let text =
        "[kafka.properties]\nenable.idempotence = true\n'isolation.level' = 'read_committed'";
    assert!(read_text(text).is_ok());
    assert!(read_text("[kafka.properties]\nenable.idempotence = 'false'").is_err());
    assert!(read_text("[kafka.properties]\nacks = 1").is_err());
}

#[test]
fn a_property_that_librdkafka_does_not_take_is_shown_where_it_stands() {
    let text = refused(
        "[kafka.properties]\nsasl.mechanismz = 'PLAIN'\nsecurity.protocol = 'SASL_PLAIN'\n\
         sasl.passwort = 'hunter2'\nfetch.wait.max.ms = -1\nsasl.username = '${env:NOT_SET}'\n",
    );
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_property_that_cannot_be_resolved_is_named_without_its_value() {
    let config = read_text("[kafka.properties]\nsasl.password = 'hunter2${env:PLUMBLINE_NOT_SET}'")
        .expect("accepted");
    let error = config.kafka.client_properties().expect_err("not set");
    let text = format!(
        "{error}: {}",
        std::error::Error::source(&error).expect("a cause")
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_missing_file_is_said_with_its_path() {
    let error = Config::load(Some(Path::new("nowhere/plumbline.toml"))).expect_err("missing");
    insta::assert_snapshot!(error);
}

#[test]
fn every_mistake_is_found_at_once() {
    insta::assert_snapshot!(refused(include_str!("../../tests/config/mistakes.toml")));
}

#[test]
fn every_mistake_is_one_line_in_a_log() {
    let error = read_text(include_str!("../../tests/config/mistakes.toml")).expect_err("refused");
    insta::assert_snapshot!(error);
}

#[test]
fn every_mistake_in_a_rule_is_found_too() {
    let text = include_str!("../../tests/config/rule-mistakes.toml");
    let error = read_text(text).expect_err("refused");
    insta::assert_snapshot!(error);
    insta::assert_snapshot!(refused(text));
}

#[test]
fn every_mistake_in_a_receiver_is_found_too() {
    let text = include_str!("../../tests/config/signal-mistakes.toml");
    insta::assert_snapshot!(read_text(text).expect_err("refused"));
}

#[test]
fn every_mistake_in_a_target_is_found_too() {
    let text = include_str!("../../tests/config/bot-mistakes.toml");
    let error = read_text(text).expect_err("refused").to_string();
    assert!(!error.contains("hunter2"), "{error}");
    insta::assert_snapshot!(error);
}

#[test]
fn targets_are_read() {
    let text = include_str!("../../tests/config/bot.toml");
    let targets = read_text(text).expect("accepted").bot.target;
    assert_eq!(targets.len(), 3);
    assert!(targets[0].wants(Action::Narrow) && !targets[1].wants(Action::Pause));
    assert!(!format!("{targets:?}").contains("hunter2"));
}

#[test]
fn receivers_are_read_and_their_keys_are_relative_to_the_file() {
    let text = include_str!("../../tests/config/signals.toml");
    let mut signals = read_text(text).expect("accepted").signals;
    assert_eq!(signals.receiver.len(), 3);
    assert_eq!(signals.receiver[1].tenants, ["*"]);
    signals.rebase(Path::new("/etc/plumbline"));
    assert_eq!(signals.keys, [PathBuf::from("/etc/plumbline/missing.pem")]);
}

#[test]
fn an_unknown_format_is_told_every_known_one() {
    for text in [
        "[[source]]\ntopic = 'x'\nformat = 'okto'",
        "[[source]]\ntopic = 'x'",
        "[replay]\nformat = 'okto'",
    ] {
        let said = read_text(text).expect_err("refused").to_string();
        assert!(
            said.ends_with(&sections::format_names().join(", ")),
            "{said}"
        );
    }
}

#[test]
fn a_value_of_the_wrong_type_is_told_the_right_one() {
    insta::assert_snapshot!(refused(
        "log.level = 7\n[source]\ntopic = 'x'\n[geo]\ncity = ['a', 3]\n\
         [detectors]\ncall_volume = 'off'\n[kafka]\nbootstrap_servers = ['a', 'b']\n"
    ));
}

#[test]
fn what_is_not_toml_is_shown_with_its_place() {
    insta::assert_snapshot!(refused(
        "[policy]\nmode = observe\nbreak_glass = [\"root-*\"\n"
    ));
}

#[test]
fn secrets_are_blanked_in_the_lines_that_are_shown() {
    let text = refused(
        "[kafka]\n\"sasl.password\" = \"hunter2\"\n[kafka.properties]\nsasl.password = [\"hunter2\"]\n",
    );
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_file_of_something_else_ends() {
    let text: String = (0..500).map(|n| format!("unheard_of_{n} = 1\n")).collect();
    let shown = refused(&text);
    assert!(
        shown.ends_with("plumbline.toml: 40 mistakes; there may be more\n"),
        "{shown}"
    );
}

/// The example, with the comment signs removed from its defaults, and from its examples too.
fn example(examples: bool) -> String {
    let bare = |line: &'static str| match line.strip_prefix("##") {
        Some(_) if !examples => "",
        Some(bare) => bare,
        None => match line.strip_prefix('#') {
            Some(bare) if !bare.is_empty() && !bare.starts_with(' ') => bare,
            _ => line,
        },
    };
    let lines = include_str!("../../plumbline.example.toml").lines();
    lines.map(|line| format!("{}\n", bare(line))).collect()
}

#[test]
fn the_example_shows_the_defaults() {
    let mut config = read_text(&example(false)).expect("accepted");
    // A build without the analysts' part writes no tables.
    config.replay.parquet &= crate::analyst::IS_BUILT_IN;
    assert_eq!(config, Config::default());
}

#[test]
fn the_example_names_everything_that_can_be_set() {
    let text = example(true);
    read_text(&text).expect("accepted");
    let named = read::read(&text).set;
    for (section, keys) in sections_and_keys("") {
        for key in keys {
            let name = read::join(&section, &key);
            assert!(named.contains(&name), "{name} is not in the example");
        }
    }
}

/// Every section and the keys in it, as the reader names them when it meets one that it does not know.
fn sections_and_keys(section: &str) -> Vec<(String, Vec<String>)> {
    let text = match section {
        "" => "x = 0".to_owned(),
        _ => format!("{section} = {{ x = 0 }}"),
    };
    let keys_of = |text: &str| -> Option<Vec<String>> {
        let error = toml::from_str::<Config>(text).err()?;
        let known = error
            .message()
            .strip_prefix("unknown field `x`, expected ")?;
        Some(
            known
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect(),
        )
    };
    // A list of tables is a section too.
    let list = text.replace("{ x = 0 }", "[{ x = 0 }]");
    let Some(keys) = keys_of(&text).or_else(|| keys_of(&list)) else {
        return Vec::new();
    };
    let inner = keys
        .iter()
        .flat_map(|key| sections_and_keys(&read::join(section, key)));
    let mut all: Vec<_> = inner.collect();
    all.push((section.to_owned(), keys.clone()));
    all
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        text in r#"(\PC{0,3}|\[{1,2}(kafka|source|policy\.suppress|kafka\.properties)\]{1,2}|(topic|until|mode|x\.y) ?= ?("a"|'ü'|1979-05-27|\[\{|7|\{ ?|nan)|\n){0,30}"#,
    ) {
        if let Err(invalid) = read_text(&text) {
            let shown = invalid.render(GraphicalTheme::none(), 100);
            prop_assert!(shown.contains("plumbline.toml"));
            prop_assert!(!invalid.to_string().is_empty());
        }
    }
}

#[test]
fn the_example_lists_every_log_format() {
    let text = include_str!("../../plumbline.example.toml");
    for format in sections::format_names() {
        assert!(
            text.contains(&format!("{format:?}")),
            "{format} is not in the example"
        );
    }
}
