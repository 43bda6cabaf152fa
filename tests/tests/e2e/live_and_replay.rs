//! Live and replay are the same program: the same log gives the same bytes.

use plumbline_tests::cluster::Raw;
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::outputs::Outputs;
use plumbline_tests::story::{DAY, MONDAY, Machine, Person, Told, in_order};
use plumbline_tests::vendor::{LONDON, OSLO, rfc3339};
use plumbline_tests::{Line, feed};
use serde_json::Value;

/// Two sources, a person and two machines, and everything that comes twice, late, or out of order.
fn untidy_story() -> Vec<Told> {
    let ann = Person::new("00u-ann", OSLO);
    let bob = Person::new("00u-bob", LONDON);
    let exporter = Machine::Role("billing-exporter".to_owned());
    let backup = Machine::Role("backup".to_owned());
    let mut story = in_order([
        ann.days(0..17, 12),
        bob.days(0..18, 12),
        exporter.days(0..18),
        backup.days(0..18),
        ann.is_impersonated(17),
        bob.is_impersonated(12),
        exporter.is_stolen(17),
    ]);
    // One of seven comes again some records later, as after a restart of whoever sends it.
    let again: Vec<Told> = story.iter().step_by(7).cloned().collect();
    for (number, told) in again.into_iter().enumerate() {
        let at = (number * 8 + 20).min(story.len());
        story.insert(at, told);
    }
    // Neighbours change places.
    for at in (3..story.len() - 1).step_by(11) {
        story.swap(at, at + 1);
    }
    // Three days late.
    let late = Person::new("00u-cleo", OSLO).days(0..1, 3);
    let behind = MONDAY + 4 * DAY;
    let from = story
        .iter()
        .position(|told| told.at > behind)
        .expect("later days");
    story.splice(from..from, late);
    story
}

/// Feedback on a command, as a bot writes it.
fn feedback(id: &str, command: &Value, verdict: &str) -> Raw {
    let target = &command["target"];
    let time = command["time"].as_str().expect("a time");
    let value = serde_json::json!({
        "id": id, "time": time, "kind": "feedback", "source": "bot", "tenant": target["tenant"],
        "identity": {"id": target["identity"], "kind": target["kind"]},
        "session": {"id": target["session_id"]}, "credential": {"id": target["credential_id"]},
        "action": {"name": "feedback"},
        "feedback": {"verdict": verdict, "command_id": command["id"], "by": "bot"},
    });
    let key = format!(
        "{}/{}",
        target["tenant"].as_str().unwrap(),
        target["identity"].as_str().unwrap()
    );
    Raw::new(&key, value.to_string())
}

#[test]
fn the_log_of_a_live_run_replays_to_the_same_bytes() {
    let line = Line::new("live", 3)
        .source("okta")
        .source("cloudtrail")
        .created();
    let story = untidy_story();
    let service = line.start_service(&["--workers", "2"]);
    feed_untidy(&line, &story);
    line.await_detected();
    let commands = line.read("control");
    for (number, command) in commands.iter().enumerate() {
        let command = command.json();
        let verdict = ["acked", "false_positive"][number % 2];
        let record = feedback(&format!("fb-{number}"), &command, verdict);
        line.writer.write(&line.topic("feedback"), &[record]);
    }
    line.await_log(story.len() + commands.len());
    // What comes after the feedback is judged with it.
    let exporter = Machine::Role("billing-exporter".to_owned());
    let after = in_order([
        exporter.is_stolen(18),
        Person::new("00u-bob", LONDON).is_impersonated(18),
    ]);
    feed::write(&line, &after);
    line.await_log(story.len() + commands.len() + after.len());
    line.await_detected();
    service.terminate();
    let ended = service.wait(WORK_LIMIT).well();

    let live = Outputs::of(&line);
    live.assert_none_twice();
    live.assert_same(&line.replay());
    let summary = std::fs::read(line.path("replayed/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    assert_ne!(summary["duplicates"], 0, "{summary}");
    assert_ne!(summary["late"], 0, "{summary}");
    let counted = ended.stderr.lines().rfind(|text| text.contains("stopped"));
    let counted = counted.expect("the counts at the end");
    for count in ["duplicates", "late"] {
        let same = format!("{count}={}", summary[count]);
        assert!(counted.contains(&same), "{same} is not in {counted}");
    }
    assert!(
        summary["event_time_first"].as_str() >= Some(&rfc3339(MONDAY)),
        "{summary}"
    );
}

/// In pieces of a day's work: sources do not overtake each other by more.
fn feed_untidy(line: &Line, story: &[Told]) {
    let mut written = 0;
    for piece in story.chunks(120) {
        feed::write(line, piece);
        written += piece.len();
        line.await_log(written);
    }
}
