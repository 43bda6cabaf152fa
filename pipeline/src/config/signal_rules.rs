//! What must hold between one entry of `[signals]` and another.

use std::collections::BTreeMap;
use std::ops::Range;

use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::signals::Profile;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Note;

/// Each way of delivery, what it needs, and what only it reads.
const OF_DELIVERY: [(&str, &str, &[&str]); 3] = [
    ("push", "endpoint", &["endpoint", "endpoint_token"]),
    ("poll", "access_token", &[]),
    ("kafka", "topic", &["topic"]),
];

/// Everything that is right in itself and wrong beside something else. `own`: Plumbline's topics, with what
/// each is for.
pub(super) fn signals(
    document: &DeTable<'_>,
    own: &BTreeMap<String, (&'static str, Option<Range<usize>>)>,
    notes: &mut Vec<Note>,
) {
    let Some(signals) = document.get("signals") else {
        return;
    };
    let Some(table) = signals.get_ref().as_table() else {
        return;
    };
    let receivers = table
        .get("receiver")
        .and_then(|list| list.get_ref().as_array());
    let receivers: Vec<_> = receivers
        .into_iter()
        .flat_map(|list| list.iter())
        .filter_map(|receiver| receiver.get_ref().as_table())
        .collect();
    names(&receivers, "receiver", "it is the id of its stream", notes);
    for receiver in &receivers {
        delivery(receiver, notes);
        actions(receiver, notes);
        topic(receiver, own, notes);
    }
    let first = receivers.first().and_then(|receiver| receiver.get("name"));
    let Some(first) = first else {
        return;
    };
    for (key, help) in [
        (
            "issuer",
            "write in [signals] the https URL at which receivers find this transmitter",
        ),
        (
            "keys",
            "name in [signals] a PEM file with an RSA key; `openssl genrsa -out signals.pem 2048` makes one",
        ),
    ] {
        let value = table.get(key).map(Spanned::get_ref);
        let is_empty = |value: &DeValue<'_>| value.as_array().is_some_and(|list| list.is_empty());
        if value.is_none_or(is_empty) {
            notes.push(Note {
                message: format!("a receiver needs `signals.{key}`"),
                help: Some(help.to_owned()),
                labels: vec![(first.span(), "for this receiver".to_owned())],
            });
        }
    }
}

pub(super) fn word<'d>(table: &'d DeTable<'_>, key: &str) -> Option<&'d str> {
    table.get(key).and_then(|value| value.get_ref().as_str())
}

/// Names are unique. `what` has them, and `why` each needs its own.
pub(super) fn names(tables: &[&DeTable<'_>], what: &str, why: &str, notes: &mut Vec<Note>) {
    let mut seen: BTreeMap<&str, Range<usize>> = BTreeMap::new();
    for table in tables {
        let Some(value) = table.get("name") else {
            continue;
        };
        let Some(name) = value.get_ref().as_str() else {
            continue;
        };
        if let Some(first) = seen.insert(name, value.span()) {
            notes.push(Note {
                message: format!("two {what}s are named `{name}`"),
                help: Some(format!("give each a name of its own: {why}")),
                labels: vec![
                    (value.span(), "the second".to_owned()),
                    (first, "the first".to_owned()),
                ],
            });
        }
    }
}

fn delivery(receiver: &DeTable<'_>, notes: &mut Vec<Note>) {
    let Some(value) = receiver.get("delivery") else {
        return;
    };
    let of = |way: &&(&str, &str, &[&str])| value.get_ref().as_str() == Some(way.0);
    let Some((way, needs, _)) = OF_DELIVERY.iter().find(of) else {
        return;
    };
    if receiver.get(*needs).is_none() {
        notes.push(Note {
            message: format!("delivery = \"{way}\" needs `{needs}`"),
            help: Some(format!(
                "write {needs} = \"…\" in this [[signals.receiver]]"
            )),
            labels: vec![(value.span(), "of this receiver".to_owned())],
        });
    }
    for (other, _, reads) in OF_DELIVERY.iter().filter(|(other, ..)| other != way) {
        for (key, _) in receiver
            .iter()
            .filter(|(key, _)| reads.contains(&&**key.get_ref()))
        {
            notes.push(Note {
                message: format!("`{}` means nothing for delivery = \"{way}\"", key.get_ref()),
                help: Some(format!("leave it out, or write delivery = \"{other}\"")),
                labels: vec![(key.span(), "not read".to_owned())],
            });
        }
    }
}

/// An action of which the receiver can never be told is a misunderstanding.
fn actions(receiver: &DeTable<'_>, notes: &mut Vec<Note>) {
    let profile = word(receiver, "profile").unwrap_or(Profile::Ssf.as_str());
    let Ok(profile) = profile.parse::<Profile>() else {
        return;
    };
    let list = receiver
        .get("actions")
        .and_then(|list| list.get_ref().as_array());
    for value in list.into_iter().flat_map(|list| list.iter()) {
        let action = value
            .get_ref()
            .as_str()
            .and_then(|word| word.parse::<Action>().ok());
        let Some(action) = action else {
            continue;
        };
        if profile.event_type(action, Mode::Enforce).is_none() {
            let told: Vec<_> = profile.actions().map(Action::as_str).collect();
            notes.push(Note {
                message: format!("a receiver of profile {profile} cannot be told of `{action}`"),
                help: Some(format!(
                    "there is no event for it; leave it out. Told are {}",
                    told.join(", ")
                )),
                labels: vec![(value.span(), "no event".to_owned())],
            });
        }
    }
}

fn topic(
    receiver: &DeTable<'_>,
    own: &BTreeMap<String, (&'static str, Option<Range<usize>>)>,
    notes: &mut Vec<Note>,
) {
    let topic: Option<&Spanned<DeValue<'_>>> = receiver.get("topic");
    let Some((topic, name)) = topic.and_then(|topic| Some((topic, topic.get_ref().as_str()?)))
    else {
        return;
    };
    if let Some((role, _)) = own.get(name) {
        notes.push(Note {
            message: format!("`{name}` is Plumbline's own topic for {role}"),
            help: Some("give the tokens a topic of their own".to_owned()),
            labels: vec![(topic.span(), "not for tokens".to_owned())],
        });
    }
}
