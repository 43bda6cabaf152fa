//! The readers, and what each promises whatever it is given.

use std::path::Path;
use std::sync::Arc;

use plumbline::config::ConfigFile;
use plumbline_detectors::state::{Entry, Restorer};
use plumbline_detectors::{Engine, Output};
use plumbline_schemas::event::Event;
use plumbline_schemas::formats::{self, ALL, Decoded, Source, read_event};

/// What is read as an event is the same event when it is written and read again.
pub fn event(data: &[u8]) {
    let Ok(event) = read_event(data) else { return };
    same_when_written(&event);
}

fn same_when_written(event: &Event<'_>) {
    let written = serde_json::to_vec(event).expect("an event can be written");
    let read = read_event(&written).unwrap_or_else(|reject| {
        panic!("{reject} in {}", String::from_utf8_lossy(&written));
    });
    // A value that nobody knows is not written: what is written is compared.
    let again = serde_json::to_vec(&read).expect("an event can be written");
    assert_eq!(
        String::from_utf8_lossy(&again),
        String::from_utf8_lossy(&written),
        "another event when written and read again"
    );
}

/// Every format makes of a record events within the bounds, rejections or reasons to skip it, at least one of
/// them, and keeps no secret.
pub fn formats(data: &[u8]) {
    let tenant = Some("acme");
    for format in ALL {
        let mut outcomes = 0;
        format.decode(data, Source { tenant }, &mut |decoded| {
            outcomes += 1;
            if let Decoded::Event(event) = decoded {
                same_when_written(&event);
            }
        });
        assert!(outcomes > 0, "{}: nothing came of it", format.name());
    }
    formats::secret::scrub(data);
}

/// Entries of state are taken or refused. What is taken and written again is the same from then on.
pub fn state(data: &[u8]) {
    let entries = entries(data);
    let mut restorer = Restorer::new(Arc::default(), 1);
    for (key, value) in &entries {
        // As it came, and as it would be with the right checksum.
        let _ = restorer.take(key.as_bytes(), value.as_deref());
        let sealed = value.as_deref().map(|content| Entry::sealed(key, content));
        let _ = restorer.take(key.as_bytes(), sealed.as_deref());
    }
    let Ok(Some((mut engine, position))) = restorer.finish() else {
        return;
    };
    let once = written(&mut engine, position);
    let (mut again, at) = read(&once);
    assert_eq!(at, position, "of another part of the log");
    assert_eq!(
        written(&mut again, at),
        once,
        "another state when read again"
    );
}

/// The entries of an input: a length, the key, a length, the content; `0xFFFF` for none.
fn entries(mut data: &[u8]) -> Vec<(String, Option<Vec<u8>>)> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let Some((key, rest)) = rest.split_at_checked(usize::from(*length)) else {
            break;
        };
        let key = String::from_utf8_lossy(key).into_owned();
        let Some((length, rest)) = rest.split_first_chunk() else {
            break;
        };
        let (content, rest) = match u16::from_le_bytes(*length) {
            u16::MAX => (None, rest),
            length => {
                let (content, rest) = rest.split_at(rest.len().min(usize::from(length)));
                (Some(content.to_vec()), rest)
            }
        };
        entries.push((key, content));
        data = rest;
    }
    entries
}

/// Everything an engine knows, by key; but for ids, which are numbered anew.
pub(crate) fn written(engine: &mut Engine, position: i64) -> Vec<Entry> {
    engine.keep_account();
    let mut entries = engine.begin_checkpoint(position);
    while let Some(more) = engine.write_checkpoint(100) {
        entries.extend(more);
    }
    entries.retain(|entry| !entry.key.starts_with("ids/"));
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    entries
}

fn read(entries: &[Entry]) -> (Engine, i64) {
    let mut restorer = Restorer::new(Arc::default(), 1);
    for entry in entries {
        let taken = restorer.take(entry.key.as_bytes(), entry.value.as_deref());
        taken.expect("what was written can be read");
    }
    let restored = restorer.finish().expect("it is whole");
    restored.expect("there was a checkpoint")
}

/// Lines of events through the engine: the same again when told again, and none that it cannot take.
pub fn engine(data: &[u8]) {
    let events: Vec<Event<'_>> = data
        .split(|byte| *byte == b'\n')
        .filter_map(|line| read_event(line).ok())
        .collect();
    assert_eq!(
        told(&events),
        told(&events),
        "another answer to the same log"
    );
}

fn told(events: &[Event<'_>]) -> (Vec<Output>, Vec<Entry>) {
    let mut engine = Engine::new(Arc::default());
    let mut outputs = Vec::new();
    for event in events {
        engine.apply(event, &mut outputs);
    }
    (outputs, written(&mut engine, 0))
}

/// A configuration is read, or all that is wrong with it is shown.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(error) = ConfigFile::parse(Path::new("fuzzed.toml"), text) {
        assert!(!error.to_string().is_empty(), "an error without a word");
    }
}
