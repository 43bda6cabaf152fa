//! What must hold between one entry and another.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::kafka::TopicsConfig;
use super::problem::Note;

/// Everything that is right in itself and wrong beside something else.
pub(super) fn across_entries(document: &DeTable<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    let own = own_topics(document, &mut notes);
    source_topics(document, &own, &mut notes);
    let properties = document
        .get("kafka")
        .and_then(|kafka| kafka.get_ref().get("properties"));
    if let Some(DeValue::Table(properties)) = properties.map(Spanned::get_ref) {
        own_properties(properties, "", &mut notes);
    }
    notes
}

/// Properties that Plumbline sets itself, and what to set instead.
const OWN_PROPERTIES: [(&str, &str); 8] = [
    ("bootstrap.servers", "set bootstrap_servers in [kafka]"),
    ("group.id", "set group_id in [kafka]"),
    ("group.instance.id", "set instance in [run]"),
    (
        "transactional.id",
        "it is made of the group and of instance in [run]; leave it out",
    ),
    (
        "enable.auto.commit",
        "offsets are committed with the outputs, exactly once; leave it out",
    ),
    (
        "enable.auto.offset.store",
        "offsets are committed with the outputs, exactly once; leave it out",
    ),
    (
        "enable.idempotence",
        "outputs are written exactly once, which needs it; leave it out",
    ),
    (
        "isolation.level",
        "only committed records are read; leave it out",
    ),
];

fn own_properties(properties: &DeTable<'_>, parent: &str, notes: &mut Vec<Note>) {
    for (key, value) in properties {
        let name = format!("{parent}{}", key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            own_properties(inner, &format!("{name}."), notes);
            continue;
        }
        let own = OWN_PROPERTIES
            .iter()
            .find(|(property, _)| *property == name);
        if let Some((_, instead)) = own {
            notes.push(Note {
                message: format!("the property `{name}` is Plumbline's own"),
                help: Some((*instead).to_owned()),
                labels: vec![(key.span(), "not to be set".to_owned())],
            });
        }
    }
}

/// The names of Plumbline's own topics, with what each is for and where it is set.
fn own_topics<'a>(
    document: &'a DeTable<'_>,
    notes: &mut Vec<Note>,
) -> BTreeMap<String, (&'static str, Option<Range<usize>>)> {
    let set = |key: &str| -> Option<&'a Spanned<DeValue<'_>>> {
        let kafka = document.get("kafka")?.get_ref();
        kafka.get("topics")?.get_ref().get(key)
    };
    let mut own = BTreeMap::new();
    for (key, default) in TopicsConfig::default().named() {
        let set = set(key);
        let span = set.map(Spanned::span);
        let name = set.and_then(|value| value.get_ref().as_str());
        let name = name.unwrap_or(default).to_owned();
        let Some((other, other_span)) = own.insert(name.clone(), (key, span.clone())) else {
            continue;
        };
        let labels = [(span, key), (other_span, other)];
        let labels = labels
            .into_iter()
            .filter_map(|(span, key)| Some((span?, format!("the topic of `{key}`"))));
        notes.push(Note {
            message: format!("`{name}` is the topic of `{other}` and of `{key}`"),
            help: Some("give each a topic of its own in [kafka.topics]".to_owned()),
            labels: labels.collect(),
        });
    }
    own
}

fn source_topics(
    document: &DeTable<'_>,
    own: &BTreeMap<String, (&'static str, Option<Range<usize>>)>,
    notes: &mut Vec<Note>,
) {
    let sources = document
        .get("source")
        .and_then(|list| list.get_ref().as_array());
    let mut seen: BTreeMap<&str, Range<usize>> = BTreeMap::new();
    for source in sources.into_iter().flatten() {
        let Some(topic) = source.get_ref().get("topic") else {
            continue;
        };
        let Some(name) = topic.get_ref().as_str() else {
            continue;
        };
        let span = topic.span();
        if let Some((key, _)) = own.get(name) {
            notes.push(Note {
                message: format!("source `{name}` is Plumbline's own topic for {key}"),
                help: Some("a source is a topic of raw logs: what speaks the event schema already is written to the events topic and needs no source".to_owned()),
                labels: vec![(span.clone(), "not a source".to_owned())],
            });
        }
        if let Some(first) = seen.insert(name, span.clone()) {
            notes.push(Note {
                message: format!("two sources read the topic `{name}`"),
                help: Some(
                    "a topic has one format and one tenant: remove one of the two".to_owned(),
                ),
                labels: vec![(span, "again".to_owned()), (first, "first here".to_owned())],
            });
        }
    }
}
