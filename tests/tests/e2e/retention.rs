//! How long the log is kept: state is restored from it.

use std::fs;

use plumbline_tests::Line;

#[test]
fn the_log_is_created_to_be_kept_and_told_of_where_it_keeps_less() {
    let line = Line::new("retention", 1).created();
    let told = || {
        line.run(&["topics", "--config", "plumbline.toml"])
            .well()
            .stdout
    };
    let text = told();
    assert!(!text.contains("warning"), "{text}");

    let file = line.path("plumbline.toml");
    let config = fs::read_to_string(&file).expect("the configuration");
    let longer = config.replacen("partitions", "retention = \"180d\"\npartitions", 1);
    fs::write(&file, longer).expect("the configuration");
    let text = told();
    let words = "keeps its records for 90d and kafka.retention is 180d";
    assert!(text.contains(words), "{text}");
    assert!(
        text.contains("retention.ms = 15552000000 of the topic"),
        "{text}"
    );
}
