//! State that is written and read again is the state that was: for any checkpoints, any crashes and however
//! the writing is spread, the same outputs and the same bytes of state.

#![allow(clippy::expect_used, missing_docs)]

use std::sync::{Arc, LazyLock};

use plumbline_catalogue::{Before, Left, durably, undisturbed};
use plumbline_detectors::config::{Config, Span};
use plumbline_detectors::state::{Entry, EntryError, Restorer, VERSION};
use plumbline_detectors::{Engine, Output};
use plumbline_replay_data::{Options, Simulation};
use plumbline_schemas::event::Event;
use proptest::prelude::*;

/// A small organisation in which every kind of attack happens, and its busy machines.
static LOG: LazyLock<Vec<Event<'static>>> = LazyLock::new(|| {
    let options = Options {
        identities: 60,
        days: 16,
        seed: 5,
        catalogue: true,
        ..Options::default()
    };
    let simulation = Simulation::new(&options).expect("right options");
    simulation.map(|arrival| arrival.event).collect()
});

/// Short memories, so that what is forgotten is forgotten here.
fn forgetful() -> Arc<Config> {
    let mut config = Config::default();
    config.engine.lateness = Span::hours(2);
    config.engine.retention = Span::hours(30);
    config.policy.acknowledge.within = Some(Span::minutes(30));
    config.policy.session.inactivity = Span::minutes(10);
    config.policy.breaker.minimum = 2;
    Arc::new(config)
}

fn differs(a: &Left, b: &Left) -> Option<String> {
    if a == b {
        return None;
    }
    let outputs = a.outputs.iter().zip(&b.outputs).find(|(a, b)| a != b);
    let state = a.state.iter().zip(&b.state).find(|(a, b)| a != b);
    let keys = state.map(|((a, _), (b, _))| (a, b));
    let sizes = (
        a.outputs.len(),
        b.outputs.len(),
        a.state.len(),
        b.state.len(),
    );
    Some(format!("outputs {outputs:?}, state {keys:?}, of {sizes:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_lost_and_whenever_the_same_follows(
        from in 0.0_f64..0.9,
        length in 200_usize..6000,
        every in 2_usize..900,
        writes in prop_oneof![0_usize..3, 1_usize..100],
        crashes in prop::collection::vec(any::<prop::sample::Index>(), 0..7),
        is_forgetful in any::<bool>(),
    ) {
        let log = &*LOG;
        let first = (log.len() as f64 * from) as usize;
        let events = &log[first..(first + length).min(log.len())];
        let config = if is_forgetful { forgetful() } else { Arc::default() };
        let crashes: Vec<_> = crashes.iter().map(|crash| crash.index(events.len())).collect();
        let disturbed = durably(&config, events, |at| Before {
            begins: at % every == every - 1,
            writes,
            crashes: crashes.contains(&at),
        });
        prop_assert_eq!(differs(&undisturbed(&config, events), &disturbed), None);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        key in prop::sample::select(vec!["engine", "identity/a/b", "ids/0", "object/0", "shared/0", "x"]),
        content in prop::collection::vec(any::<u8>(), 0..200),
        cut in any::<prop::sample::Index>(),
        flip in any::<u8>(),
    ) {
        let mut restorer = Restorer::new(Arc::default(), 1);
        prop_assert!(key == "x" || restorer.take(key.as_bytes(), Some(&content)).is_err());
        for Entry { key, value } in entries_of(400) {
            let mut value = value.expect("nothing was forgotten");
            let at = cut.index(value.len());
            value[at] ^= flip;
            let taken = restorer.take(key.as_bytes(), Some(&value));
            prop_assert_eq!(taken.is_ok(), flip == 0);
        }
        let _ = restorer.finish();
    }
}

fn entries_of(events: usize) -> Vec<Entry> {
    let mut engine = Engine::new(Arc::default());
    engine.keep_account();
    for event in &LOG[..events] {
        engine.apply(event, &mut Vec::new());
    }
    let mut entries = engine.begin_checkpoint(events as i64);
    while let Some(more) = engine.write_checkpoint(10) {
        entries.extend(more);
    }
    entries
}

#[test]
fn a_long_life_with_many_crashes_leaves_what_an_undisturbed_one_does() {
    for config in [forgetful(), Arc::default()] {
        let mut crashes = 0;
        let disturbed = durably(&config, &LOG, |at| {
            let crashes_now = at % 7919 == 7918;
            crashes += usize::from(crashes_now);
            Before {
                begins: at % 1000 == 0,
                writes: 1,
                crashes: crashes_now,
            }
        });
        assert!(crashes > 5, "{crashes} of {}", LOG.len());
        let undisturbed = undisturbed(&config, &LOG);
        assert_eq!(differs(&undisturbed, &disturbed), None);
        let is_command = |output: &&Output| matches!(output, Output::Command(_));
        let commands = undisturbed.outputs.iter().filter(is_command).count();
        let ids = undisturbed.state.iter().filter(|(key, _)| key == "ids");
        assert!(commands > 20, "{commands} commands");
        assert!(ids.count() > 0 || config == forgetful(), "no busy identity");
    }
}

#[test]
fn who_stands_by_for_long_holds_no_more_than_there_is() {
    let mut engine = Engine::new(Arc::default());
    engine.keep_account();
    let mut follower = Restorer::new(Arc::default(), 1);
    let mut event = LOG[0].clone();
    let begun = event.time;
    for number in 0..250_000 {
        event.id = format!("e-{number}").into();
        event.time = begun.plus_millis(number * 60_000);
        event.device.id = Some(format!("device-{number}-with-a-name-that-counts").into());
        engine.apply(&event, &mut Vec::new());
        if number % 2 == 0 {
            let mut entries = engine.begin_checkpoint(number);
            while let Some(more) = engine.write_checkpoint(10) {
                entries.extend(more);
            }
            for Entry { key, value } in entries {
                let taken = follower.take(key.as_bytes(), value.as_deref());
                taken.expect("an entry as it was written");
            }
        }
    }
    let (followed, whole) = (follower.state_bytes(), engine.state_bytes());
    // The engine too lets names become many before it looks which of them are still of use.
    assert!(followed < whole / 2 * 3, "{followed} bytes of {whole}");
}

#[test]
fn what_is_newer_is_refused_and_what_is_damaged_is_named() {
    let entries = entries_of(100);
    let first = |prefix: &str| {
        let found = entries.iter().find(|entry| entry.key.starts_with(prefix));
        found.cloned().expect("one of each")
    };
    let Entry { key, value } = first("identity/");
    let mut value = value.expect("a value");
    value[2..4].copy_from_slice(&(VERSION + 1).to_le_bytes());
    let taken = Restorer::new(Arc::default(), 1).take(key.as_bytes(), Some(&value));
    let newer = EntryError::Newer {
        key: key.clone(),
        found: VERSION + 1,
    };
    assert_eq!(taken, Err(newer));
    // Whole, but under the key of another.
    let Entry { value, .. } = first("identity/");
    let taken = Restorer::new(Arc::default(), 1).take(b"identity/default/other", value.as_deref());
    assert!(
        matches!(taken, Err(EntryError::Damaged { .. })),
        "{taken:?}"
    );
}

#[test]
fn a_log_that_is_divided_otherwise_is_refused() {
    let mut restorer = Restorer::new(Arc::default(), 6);
    for Entry { key, value } in entries_of(50) {
        let taken = restorer.take(key.as_bytes(), value.as_deref());
        taken.expect("an entry as it was written");
    }
    let finished = restorer.finish().map(|_| ());
    let partitions = EntryError::Partitions { written: 1, now: 6 };
    assert_eq!(finished, Err(partitions));
}

#[test]
fn without_a_checkpoint_there_is_no_state() {
    let restored = Restorer::new(Arc::default(), 1).finish();
    assert!(restored.expect("nothing is wrong").is_none());
}
