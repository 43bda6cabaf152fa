//! The main job: raw vendor logs in, commands for the bots out.

use plumbline_tests::cluster::Read;
use plumbline_tests::line::WORK_LIMIT;
use plumbline_tests::story::{Machine, Person, in_order};
use plumbline_tests::vendor::{LONDON, OSLO};
use plumbline_tests::{Line, feed};
use serde_json::Value;

const BEARER: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzdmMtb3JkZXJzIn0.dGVzdHMtb2YtcGx1bWJsaW5l";

#[test]
fn stolen_identities_are_commanded_and_the_others_left_alone() {
    let line = Line::new("main-job", 3)
        .source("okta")
        .source("cloudtrail")
        .source("kong")
        .created();
    let (ann, bob) = (Person::new("00u-ann", OSLO), Person::new("00u-bob", LONDON));
    let exporter = Machine::Role("billing-exporter".to_owned());
    let backup = Machine::Role("backup".to_owned());
    let orders = Machine::Service("svc-orders".to_owned(), BEARER.to_owned());
    let story = in_order([
        ann.days(0..17, 16),
        bob.days(0..18, 16),
        exporter.days(0..18),
        backup.days(0..18),
        orders.days(0..18),
        ann.is_impersonated(17),
        exporter.is_stolen(17),
        orders.is_stolen(17),
    ]);

    let service = line.start_service(&[]);
    feed::day_by_day(&line, &story);
    line.await_detected();
    let commands = line.reader.await_count(&line.topic("control"), 3, WORK_LIMIT);
    let findings = line.read("findings");
    service.terminate();
    service.wait(WORK_LIMIT).well();
    for c in &commands { eprintln!("{}", c.text()); }
    for c in &findings { eprintln!("{}", c.text()); }
    let _ = (commands, findings);
    let _: Option<(Read, Value)> = None;
}
