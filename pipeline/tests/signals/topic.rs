//! Delivery to a topic.

use crate::support::{AUDIENCE, ISSUER, Line, command};

#[test]
fn tokens_on_a_topic_can_be_routed_without_being_parsed() {
    let line = Line::new(&format!(
        "[[signals.receiver]]\nname = \"bot\"\naudience = \"{AUDIENCE}\"\ndelivery = \"kafka\"\n\
         topic = \"security-events\"\n"
    ));
    let transmitter = line.start();
    line.publish(&[
        command("a-1", "ann", "step_up"),
        command("a-2", "ann", "revoke_session"),
        command("b-1", "bob", "revoke_session"),
    ]);
    let records = line.await_records("security-events", 3);
    let anns = records.iter().filter(|record| record.key == "acme/ann");
    let ids: Vec<&str> = anns.map(|record| record.header("ce_id")).collect();
    assert_eq!(ids, ["a-1.bot", "a-2.bot"]);
    for record in &records {
        let claims = line.verified(&record.value);
        assert_eq!(record.header("ce_id"), claims["jti"]);
        assert_eq!(record.header("ce_source"), ISSUER);
        assert_eq!(record.header("ce_txn"), "f-1");
        assert_eq!(record.header("ce_subject"), record.key);
        assert_eq!(record.header("content-type"), "application/secevent+jwt");
        let events = claims["events"].as_object().unwrap();
        assert!(events.contains_key(record.header("ce_type")));
    }
    // The next process goes on after them.
    transmitter.stop();
    let _next = line.start();
    line.publish(&[command("a-3", "ann", "step_up")]);
    assert_eq!(line.await_records("security-events", 4).len(), 4);
}
