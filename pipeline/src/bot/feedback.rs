//! What the bot says of a command: an event of kind `feedback`.

use plumbline_schemas::command::Command;
use plumbline_schemas::event::{Outcome, Verdict};
use plumbline_schemas::time::EventTime;
use serde_json::{Map, Value, json};

/// The event. Said again of the same command, in the same words, it has the same id: the engine hears it once.
pub(super) fn feedback(command: &Command, verdict: Verdict, by: &str, now: EventTime) -> String {
    let target = &command.target;
    let outcome = match verdict {
        Verdict::Acked => Outcome::Success,
        _ => Outcome::Failure,
    };
    let mut event = Map::from_iter([
        (
            "id".to_owned(),
            json!(format!("{}.{by}.{verdict}", command.id)),
        ),
        ("time".to_owned(), json!(now)),
        ("kind".to_owned(), json!("feedback")),
        ("source".to_owned(), json!("plumbline-bot")),
        ("tenant".to_owned(), json!(target.tenant)),
        (
            "identity".to_owned(),
            json!({ "id": target.identity, "kind": target.kind }),
        ),
        (
            "action".to_owned(),
            json!({ "name": command.action, "outcome": outcome.as_str() }),
        ),
        (
            "feedback".to_owned(),
            json!({ "verdict": verdict.as_str(), "command_id": command.id, "by": by }),
        ),
    ]);
    let parts = [
        ("session", &target.session_id),
        ("credential", &target.credential_id),
    ];
    for (part, id) in parts {
        if let Some(id) = id {
            event.insert(part.to_owned(), json!({ "id": id }));
        }
    }
    Value::Object(event).to_string()
}

#[cfg(test)]
mod tests {
    use plumbline_schemas::event::Event;

    use super::*;
    use crate::bot::memory::tests::command;

    #[test]
    fn the_engine_reads_what_is_said() {
        let mut command = command("c-1", "revoke_session", None);
        command.target.credential_id = Some("sha256:5e88".to_owned());
        let now = EventTime::from_millis(1_794_821_160_000);
        let said = feedback(&command, Verdict::Acked, "sso", now);
        let event: Event<'_> = serde_json::from_str(&said).expect("an event");
        assert_eq!(event.feedback.verdict.known(), Some(Verdict::Acked));
        insta::assert_snapshot!(said);
        let failed = feedback(&command, Verdict::Failed, "sso", now);
        assert!(failed.contains(r#""id":"c-1.sso.failed""#), "{failed}");
    }
}
