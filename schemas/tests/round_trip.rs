//! What is written is read back, and no bytes make the reader panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::borrow::Cow;

use plumbline_schemas::event::{
    Action, Credential, Delegate, Device, Event, EventKind, Feedback, Identity, Labels, Network,
    Session, Task, Workload,
};
use plumbline_schemas::flat::Flat;
use plumbline_schemas::known::Text;
use plumbline_schemas::time::EventTime;
use plumbline_schemas::{Vocabulary, Word};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn text() -> impl Strategy<Value = Text<'static>> {
    // Quotes, escapes, brackets, control characters and characters outside the first plane.
    let odd = "[a-z\"\\\\{}\\[\\],:\u{0}-\u{1f}é\u{1f512} ]{1,20}";
    prop_oneof![3 => "[a-z0-9:_./-]{1,24}", 1 => odd]
        .prop_filter("not known", |text| {
            !plumbline_schemas::known::is_not_known(text)
        })
        .prop_map(Cow::Owned)
}

fn texts() -> impl Strategy<Value = Vec<Text<'static>>> {
    proptest::collection::vec(text(), 0..4)
}

fn time() -> impl Strategy<Value = EventTime> {
    (946_684_800_000_i64..4_102_444_800_000).prop_map(EventTime::from_millis)
}

fn word<T: Vocabulary + std::fmt::Debug + 'static>() -> impl Strategy<Value = Word<T>> {
    of(select(T::WORDS).prop_map(|word| T::parse(word).unwrap())).prop_map(Word::from)
}

fn finite(from: f64, to: f64) -> impl Strategy<Value = Option<f64>> {
    of(from..=to)
}

prop_compose! {
    fn session()(
        id in of(text()), times in [of(time()), of(time()), of(time()), of(time())],
        assurance in of(text()), mfa in of(any::<bool>()),
    ) -> Session<'static> {
        let [started_at, authenticated_at, expires_at, jit_until] = times;
        Session { id, started_at, authenticated_at, assurance, mfa, expires_at, jit_until }
    }
}

prop_compose! {
    fn credential()(
        id in of(text()), kind in word(), issued_at in of(time()), scopes in texts(),
        bound_to in of(text()),
    ) -> Credential<'static> {
        Credential { id, kind, issued_at, scopes, bound_to }
    }
}

prop_compose! {
    fn network()(
        ip in of(text()), lat in finite(-90.0, 90.0), lon in finite(-180.0, 180.0),
        accuracy_km in finite(0.0, 20_000.0), country in of(text()), city in of(text()),
        asn in of(any::<u64>()), as_org in of(text()), anonymizer in word(),
    ) -> Network<'static> {
        Network { ip, lat, lon, accuracy_km, country, city, asn, as_org, anonymizer }
    }
}

prop_compose! {
    fn place()(
        device in (of(text()), of(text()), word(), of(text())),
        workload in [of(text()), of(text()), of(text()), of(text())],
    ) -> (Device<'static>, Workload<'static>) {
        let (id, user_agent, posture, tls_fingerprint) = device;
        let [runtime, environment, region, host] = workload;
        (
            Device { id, user_agent, posture, tls_fingerprint },
            Workload { runtime, environment, region, host },
        )
    }
}

prop_compose! {
    fn action()(
        name in text(), class in word(), outcome in word(),
        texts in [of(text()), of(text()), of(text())], scopes in texts(),
        counts in [of(any::<u64>()), of(any::<u64>()), of(any::<u64>())],
    ) -> Action<'static> {
        let [resource, environment, target_tenant] = texts;
        let [bytes_out, records, status] = counts;
        Action {
            name, class, outcome, resource, environment, scopes, target_tenant, bytes_out,
            records, status,
        }
    }
}

prop_compose! {
    fn around()(
        task in (of(text()), of(text()), texts()),
        delegation in proptest::collection::vec((text(), word()), 0..3),
        verdict in word(), said in [of(text()), of(text()), of(text())], attack in of(text()),
    ) -> (Task<'static>, Vec<Delegate<'static>>, Feedback<'static>, Labels<'static>) {
        let (id, objective, allowed) = task;
        let [command_id, finding_id, by] = said;
        (
            Task { id, objective, allowed },
            delegation.into_iter().map(|(id, kind)| Delegate { id, kind }).collect(),
            Feedback { verdict, command_id, finding_id, by },
            Labels { attack },
        )
    }
}

prop_compose! {
    fn event()(
        (id, time, kind) in (text(), time(), select(EventKind::ALL)),
        source in of(text()), tenant in of(text()),
        identity in (text(), word(), texts()),
        session in session(), credential in credential(), network in network(),
        (device, workload) in place(), action in action(),
        (task, delegation, feedback, labels) in around(),
    ) -> Event<'static> {
        let (identity_id, identity_kind, groups) = identity;
        Event {
            id, time, kind, source, tenant,
            identity: Identity { id: identity_id, kind: identity_kind, groups },
            session, credential, network, device, workload, action, task, delegation, feedback,
            labels,
        }
    }
}

/// What is left to check of whatever was read: writing it and reading that changes nothing more.
fn assert_stable(raw: &[u8]) {
    let Ok(event) = Event::parse(raw) else { return };
    let written = serde_json::to_vec(&event).unwrap();
    let again = Event::parse(&written).expect("what was read once is read again");
    // A word outside its vocabulary is counted when it is read; once written it is not known, and
    // may leave an empty object behind.
    if event.unrecognised_words() == 0 {
        assert_eq!(again, event);
        return;
    }
    assert_eq!(again.unrecognised_words(), 0);
    let written = serde_json::to_vec(&again).unwrap();
    assert_eq!(Event::parse(&written), Ok(again));
}

proptest! {
    #[test]
    fn an_event_is_read_back_as_it_was_written(event in event()) {
        let written = serde_json::to_vec(&event).unwrap();
        prop_assert_eq!(&Event::parse(&written).unwrap(), &event);
        // Both writers and both readers agree.
        prop_assert_eq!(sonic_rs::to_vec(&event).unwrap(), written.clone());
        let slow: Event<'_> = serde_json::from_slice(&written).unwrap();
        prop_assert_eq!(&slow, &event);
        // A reader may not depend on the layout.
        let pretty = serde_json::to_vec_pretty(&event).unwrap();
        prop_assert_eq!(&Event::parse(&pretty).unwrap(), &event);
    }

    #[test]
    fn events_in_a_row_come_out_as_they_went_in(
        mut events in proptest::collection::vec(event(), 0..4), strange in any::<bool>(),
    ) {
        if let Some(event) = events.first_mut().filter(|_| strange) {
            event.action.class = Word::Unrecognised;
        }
        let mut flat = Flat::default();
        events.iter().for_each(|event| flat.push(event));
        prop_assert_eq!(flat.events().collect::<Vec<_>>(), events);
    }

    #[test]
    fn mutated_records_never_panic_and_are_stable_once_read(
        event in event(),
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut raw = serde_json::to_vec(&event).unwrap();
        for (at, byte) in edits {
            let at = at.index(raw.len());
            raw[at] = byte;
        }
        assert_stable(&raw);
    }

    #[test]
    fn values_in_the_wrong_place_never_panic_and_are_stable_once_read(
        (path, _) in select(support::FIELDS),
        value in select(vec![
            "null", "true", "-0", "-5", "0.1", "1e22", "1e400", "18446744073709551615",
            "18446744073709551616", "\"\"", "\"unknown\"", "\"x\"", "\"2026-11-20T10:15:30+23:59\"",
            "\"9999-12-31T23:59:60-23:59\"", "\"0000-01-01T00:00:00Z\"", "[]", "[null]", "[[]]",
            "{}", "{\"id\":\"x\"}", "{\"id\":null}", "[{\"id\":\"x\",\"kind\":\"y\"}]",
            "\"\\ud83d\\udd12\"", "\"\\u0000\"",
        ]),
    ) {
        let mut raw = support::full();
        support::set(&mut raw, path, "@".into());
        assert_stable(raw.to_string().replace("\"@\"", value).as_bytes());
    }

    #[test]
    fn any_bytes_at_all_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
        assert_stable(&raw);
    }

    #[test]
    fn json_that_the_fast_reader_takes_the_slow_one_takes_too(
        event in event(),
        (at, byte) in (any::<proptest::sample::Index>(), select(&b"\"{}[],:0-e.\\n \x00\x1f\x7f\xff"[..])),
    ) {
        let mut raw = serde_json::to_vec(&event).unwrap();
        let at = at.index(raw.len());
        raw[at] = byte;
        let fast: Option<Event<'_>> = sonic_rs::from_slice(&raw).ok();
        let slow: Option<Event<'_>> = serde_json::from_slice(&raw).ok();
        if fast.is_some() {
            prop_assert_eq!(fast, slow);
        }
    }
}
