//! What the emitters write is what the formats read.

use plumbline_schemas::event::Event;
use plumbline_schemas::formats::{self, Decoded, Source};

use super::{Emitter, Output};
use crate::{Options, Simulation};

/// What a raw format carries of an event, in words that show what differs.
fn carried(event: &Event<'_>) -> Vec<String> {
    let action = &event.action;
    vec![
        format!("id {}", event.id),
        format!("time {}", event.time),
        format!("kind {}", event.kind),
        format!("source {:?}", event.source),
        format!("tenant {}", event.tenant()),
        format!("identity {} {}", event.identity.id, event.identity_kind()),
        format!(
            "session {:?} {:?} {:?}",
            event.session.id, event.session.mfa, event.session.assurance
        ),
        format!(
            "credential {:?} {:?}",
            event.credential.id, event.credential.kind
        ),
        format!("ip {:?}", event.network.ip),
        format!("user agent {:?}", event.device.user_agent),
        format!("device {:?} {:?}", event.device.id, event.device.posture),
        format!(
            "action {} {:?} {}",
            action.name,
            action.class,
            event.outcome()
        ),
        format!(
            "resource {:?} {:?} {:?}",
            action.resource, action.bytes_out, action.status
        ),
    ]
}

fn compare(options: &Options) {
    for output in [
        Output::Okta,
        Output::CloudTrail,
        Output::Kong,
        Output::Native,
    ] {
        let format = formats::by_name(output.name()).unwrap();
        let mut expected = Vec::new();
        let mut decoded = Vec::new();
        let mut read = |line: &str| -> Result<(), String> {
            let source = Source {
                tenant: Some("acme"),
            };
            format.decode(line.as_bytes(), source, &mut |it| match it {
                Decoded::Event(event) => decoded.push(carried(&event)),
                other => panic!("{line}: {other:?}"),
            });
            Ok(())
        };
        let mut emitter = Emitter::new(output);
        for arrival in Simulation::new(options).unwrap() {
            if Output::of(&arrival.event) == output {
                expected.push(carried(&arrival.event));
                emitter.push(&arrival.event, &mut read).unwrap();
            }
        }
        emitter.finish(&mut read).unwrap();
        assert_eq!(decoded.len(), expected.len(), "{output:?}");
        for (decoded, expected) in decoded.iter().zip(&expected) {
            assert_eq!(decoded, expected, "{output:?}");
        }
        assert!(!expected.is_empty(), "{output:?}");
    }
}

#[test]
fn raw_records_read_as_the_events_they_were_written_from() {
    compare(&Options {
        identities: 80,
        days: 6,
        seed: 5,
        ..Options::default()
    });
}

#[test]
fn attacks_too_in_a_larger_organisation() {
    compare(&Options {
        identities: 400,
        days: 1,
        seed: 9,
        ..Options::default()
    });
}

#[test]
fn labels_name_identities_and_events_as_the_normaliser_does() {
    let options = Options {
        identities: 120,
        days: 5,
        ..Options::default()
    };
    let mut simulation = Simulation::new(&options).unwrap();
    let attacked: Vec<Event<'_>> = simulation
        .by_ref()
        .map(|arrival| arrival.event)
        .filter(|event| event.labels.attack.is_some())
        .collect();
    let labels = simulation.labels();
    for kind in [
        "impossible_travel",
        "scope_drift",
        "endpoint_sequence",
        "call_volume",
    ] {
        let count = labels.iter().filter(|label| label.attack == kind).count();
        assert!(count >= 2, "{count} of {kind}");
    }
    for label in &labels {
        assert!(label.event_ids.len() >= 4, "{label:?}");
        for id in &label.event_ids {
            let event = attacked.iter().find(|event| event.id == *id).unwrap();
            assert_eq!(event.identity.id, label.identity);
            assert_eq!(event.labels.attack.as_deref(), Some(&*label.attack));
            assert!((label.start..=label.end).contains(&event.time));
        }
    }
}
