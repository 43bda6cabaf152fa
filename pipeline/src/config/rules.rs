//! What must hold between one entry and another.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::bot_rules::bot;
use super::kafka::TopicsConfig;
use super::problem::Note;
use super::signal_rules::signals;
use crate::kafka::{ClientError, refusal};
use crate::log_format::{SET, VRL};

/// Everything that is right in itself and wrong beside something else.
pub(super) fn across_entries(document: &DeTable<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    let own = own_topics(document, &mut notes);
    source_topics(document, &own, &mut notes);
    programs(document, &mut notes);
    signals(document, &own, &mut notes);
    bot(document, &mut notes);
    let properties = document
        .get("kafka")
        .and_then(|kafka| kafka.get_ref().get("properties"));
    if let Some(DeValue::Table(properties)) = properties.map(Spanned::get_ref) {
        own_properties(properties, "", &mut notes);
    }
    let rules = document
        .get("policy")
        .and_then(|policy| policy.get_ref().get("rule"))
        .and_then(|rules| rules.get_ref().as_array());
    let rules = rules.into_iter().flat_map(|rules| rules.iter());
    policy_rules(
        rules.filter_map(|rule| rule.get_ref().as_table()),
        &mut notes,
    );
    notes
}

/// Settings that only one action of a rule reads.
const OF_ACTION: [(&str, &str); 2] = [("max_age", "step_up"), ("expires_in", "shorten")];

fn policy_rules<'d>(rules: impl Iterator<Item = &'d DeTable<'d>>, notes: &mut Vec<Note>) {
    let mut named: BTreeMap<&str, Range<usize>> = BTreeMap::new();
    for rule in rules {
        let word = |key: &str| rule.get(key).and_then(|value| value.get_ref().as_str());
        let action = word("action").unwrap_or_default();
        for (key, only) in OF_ACTION {
            let set = rule.keys().find(|set| set.get_ref() == key);
            let Some(set) = set.filter(|_| !action.is_empty() && action != only) else {
                continue;
            };
            notes.push(Note {
                message: format!("`policy.rule.{key}` means nothing for {action}"),
                help: Some(format!("leave it out, or write action = \"{only}\"")),
                labels: vec![(set.span(), "not read".to_owned())],
            });
        }
        let (Some(name), Some(value)) = (word("name"), rule.get("name")) else {
            continue;
        };
        if let Some(other) = named.insert(name, value.span()) {
            notes.push(Note {
                message: format!("two rules are named `{name}`"),
                help: Some("give each a name of its own: commands say which it was".to_owned()),
                labels: vec![
                    (value.span(), "the second".to_owned()),
                    (other, "the first".to_owned()),
                ],
            });
        }
    }
}

/// Properties that other settings set, and which.
const SET_ELSEWHERE: [(&str, &str); 5] = [
    ("bootstrap.servers", "set bootstrap_servers in [kafka]"),
    ("metadata.broker.list", "set bootstrap_servers in [kafka]"),
    ("group.id", "set group_id in [kafka]"),
    ("group.instance.id", "set instance in [run]"),
    (
        "transactional.id",
        "it is made of group_id in [kafka] and instance in [run]",
    ),
];

/// Properties that exactly-once rests on, and the only value that each may have.
const FIXED: [(&str, &str); 6] = [
    ("acks", "all"),
    ("allow.auto.create.topics", "false"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.idempotence", "true"),
    ("isolation.level", "read_committed"),
];

fn own_properties(properties: &DeTable<'_>, parent: &str, notes: &mut Vec<Note>) {
    for (key, value) in properties {
        let name = format!("{parent}{}", key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            own_properties(inner, &format!("{name}."), notes);
        } else if let Some(note) = own_property(&name, key.span(), value.get_ref()) {
            notes.push(note);
        }
    }
}

fn own_property(name: &str, span: Range<usize>, value: &DeValue<'_>) -> Option<Note> {
    let of = |list: &'static [(&str, &str)]| list.iter().find(|(property, _)| *property == name);
    let (message, help) = if let Some((_, instead)) = of(&SET_ELSEWHERE) {
        let message = format!("the property `{name}` is set by another setting");
        (message, (*instead).to_owned())
    } else if let Some((_, only)) = of(&FIXED) {
        let as_text = value.as_bool().map(|value| value.to_string());
        if value.as_str().or(as_text.as_deref()) == Some(*only) {
            return None;
        }
        let message =
            format!("the property `{name}` can only be {only}, since exactly-once rests on it");
        (message, "leave it out".to_owned())
    } else {
        return refused_property(name, span, value);
    };
    Some(Note {
        message,
        help: Some(help),
        labels: vec![(span, "not to be set".to_owned())],
    })
}

/// What librdkafka does not know or take, said where it stands and not when the service starts.
fn refused_property(name: &str, span: Range<usize>, value: &DeValue<'_>) -> Option<Note> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Integer(value) => value.to_string(),
        DeValue::Float(value) => value.to_string(),
        _ => return None,
    };
    // What stands for a secret is known where it runs.
    let value = Some(&*text).filter(|text| !text.contains("${"));
    let label = match refusal(name, value)? {
        ClientError::UnknownProperty(_) => "unknown to librdkafka",
        _ => "not taken",
    };
    let message = match label {
        "not taken" => format!("librdkafka refuses the value of the property `{name}`"),
        _ => format!("librdkafka has no property `{name}`"),
    };
    Some(Note {
        message,
        help: Some("its CONFIGURATION.md lists the properties and their values".to_owned()),
        labels: vec![(span, label.to_owned())],
    })
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
    // Unlike the others this one has no name of its own.
    let optional = ("ocsf", "");
    for (key, default) in TopicsConfig::default()
        .named()
        .into_iter()
        .chain([optional])
    {
        let set = set(key);
        let span = set.map(Spanned::span);
        let name = set.and_then(|value| value.get_ref().as_str());
        let name = name.unwrap_or(default).to_owned();
        if name.is_empty() {
            continue;
        }
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

/// Format `vrl` is a program, and needs its file; format `set` needs to know whose tokens to believe.
fn programs(document: &DeTable<'_>, notes: &mut Vec<Note>) {
    let sources = document.get("source");
    let sources = sources.and_then(|list| list.get_ref().as_array());
    for source in sources.into_iter().flatten() {
        let source = source.get_ref();
        let Some(format) = source.get("format") else {
            continue;
        };
        let needs = [
            (
                VRL,
                "program",
                "is a program",
                "name its file, such as program = \"acme.vrl\"",
            ),
            (
                SET,
                "tokens",
                "reads signed tokens",
                "say whose, such as tokens = { issuer = \"https://acme.okta.com\", audience = \"https://plumbline.acme.com\", \
                 keys = \"okta-jwks.json\" }",
            ),
        ];
        for (name, key, is, help) in needs {
            if format.get_ref().as_str() == Some(name) && source.get(key).is_none() {
                notes.push(Note {
                    message: format!("the log format `{name}` {is}"),
                    help: Some(help.to_owned()),
                    labels: vec![(format.span(), format!("without `{key}`"))],
                });
            }
        }
    }
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
