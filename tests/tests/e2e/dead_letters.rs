//! What cannot be read ends in the dead letter, as it came, and nothing stops for it.

use plumbline_tests::Line;
use plumbline_tests::cluster::{Raw, Read};
use plumbline_tests::vendor::rfc3339;

const GOOD: &str = r#"{"id":"ID","time":"2026-03-02T09:00:00Z","kind":"api","tenant":"acme",
    "identity":{"id":"svc"},"action":{"name":"GET /orders"}}"#;

fn good(id: &str) -> Raw {
    Raw::new("acme/svc", GOOD.replace("ID", id))
}

/// A good record with one thing changed.
fn changed(from: &str, to: &str) -> Vec<u8> {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replace(from, to).into_bytes()
}

/// Every way in which a record can be broken, and the reason that is given for it.
fn poisoned() -> Vec<(&'static str, Option<Vec<u8>>)> {
    let days_ahead = jiff::Timestamp::now().as_millisecond() + 3 * 86_400_000;
    let long = "x".repeat(5_000);
    let deep = format!(r#""deep":{}{},"kind""#, "[".repeat(200), "]".repeat(200));
    let padding = format!(r#""padding":"{}","kind""#, "x".repeat(1_200_000));
    let record = |bytes: Vec<u8>| Some(bytes);
    vec![
        ("not_json", record(b"GET /orders 200".to_vec())),
        ("not_json", record(changed("}}", "}"))),
        ("not_json", record(Vec::new())),
        ("not_json", None),
        ("wrong_type", record(changed("\"GET /orders\"", "17"))),
        ("wrong_type", record(b"[1, 2, 3]".to_vec())),
        ("too_large", record(changed("\"kind\"", &padding))),
        (
            "too_long",
            record(changed("\"ID\"", &format!("\"{}\"", "i".repeat(129)))),
        ),
        ("too_long", record(changed("GET /orders", &long))),
        ("unknown_kind", record(changed("\"api\"", "\"rumour\""))),
        ("missing_field", record(changed("\"id\":\"ID\",", ""))),
        ("missing_field", record(changed("\"svc\"", "null"))),
        (
            "duplicate_field",
            record(changed("\"kind\"", "\"kind\":\"api\",\"kind\"")),
        ),
        (
            "bad_time",
            record(changed("2026-03-02T09:00:00Z", "yesterday")),
        ),
        (
            "time_too_early",
            record(changed("2026-03-02T09:00:00Z", "1999-12-31T23:59:59Z")),
        ),
        (
            "time_ahead",
            record(changed("2026-03-02T09:00:00Z", &rfc3339(days_ahead))),
        ),
        (
            "not_utf8",
            record([b"{\"id\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat()),
        ),
        ("too_deep", record(changed("\"kind\"", &deep))),
    ]
}

/// Puts each poisoned record between two good ones into this topic, and has them worked off.
fn worked_off(line: &Line, topic: &str) {
    let mut records = vec![good("first")];
    for (number, (_, value)) in poisoned().into_iter().enumerate() {
        records.push(Raw {
            key: Some("acme/svc".to_owned()),
            value,
            partition: None,
        });
        records.push(good(&format!("after-{number}")));
    }
    line.writer.write(topic, &records);
    line.run_until_end(&[]);
}

fn check(topic: &str, letters: &[Read]) {
    let poisoned = poisoned();
    let reasons: Vec<&str> = letters
        .iter()
        .map(|letter| letter.header("plumbline_reason"))
        .collect();
    let expected: Vec<&str> = poisoned.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(reasons, expected);
    let mut last = 0;
    for (letter, (reason, value)) in letters.iter().zip(&poisoned) {
        assert_eq!(letter.header("plumbline_source_topic"), topic);
        assert_eq!(letter.header("plumbline_source_partition"), "0");
        let offset: i64 = letter
            .header("plumbline_source_offset")
            .parse()
            .expect("an offset");
        assert!(offset > last, "{offset} after {last}");
        last = offset;
        assert!(!letter.header("plumbline_detail").is_empty(), "{reason}");
        assert_eq!(letter.key, "acme/svc");
        let raw = value.as_deref().unwrap_or_default();
        if let Some(length) = letter.headers.get("plumbline_truncated_from") {
            assert_eq!(*length, raw.len().to_string());
            assert!(raw.starts_with(&letter.value) && letter.value.len() > 1_000_000);
        } else if *reason != "time_ahead" {
            assert_eq!(letter.value, raw, "{reason}");
        }
    }
}

#[test]
fn poisoned_raw_records_become_dead_letters_and_the_line_goes_on() {
    let line = Line::new("poisoned", 1).source("native").created();
    let topic = line.topic("raw-native");
    worked_off(&line, &topic);
    check(&topic, &line.read("deadletter"));
    assert_eq!(line.read("events").len(), poisoned().len() + 1);
}

#[test]
fn poisoned_records_in_the_log_itself_become_dead_letters_too() {
    let line = Line::new("poisoned-log", 1).created();
    let topic = line.topic("events");
    worked_off(&line, &topic);
    check(&topic, &line.read("deadletter"));
    line.await_detected();
}

#[test]
fn one_bad_part_of_a_vendor_record_does_not_take_the_others_with_it() {
    let line = Line::new("parts", 1).source("okta").created();
    let event = |id: &str, time: &str| {
        format!(
            r#"{{"uuid":"{id}","published":"{time}","eventType":"user.session.start","actor":{{"id":"00u","type":"User"}}}}"#
        )
    };
    let good = event("one", "2026-03-02T09:00:00Z");
    let batch = format!(
        "[{good},{},17,{}]",
        event("two", "noon"),
        good.replace("one", "three")
    );
    line.write_raw("okta", &[Raw::new("k", batch.clone())]);
    line.run_until_end(&[]);
    let letters = line.read("deadletter");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("plumbline_refused"), "2");
    assert_eq!(letters[0].text(), batch);
    let ids: Vec<_> = line
        .read("events")
        .iter()
        .map(|event| event.json()["id"].clone())
        .collect();
    assert_eq!(ids, ["one", "three"]);
}
