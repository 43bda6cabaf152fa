//! What must hold between one key of a `[[bot.target]]` and another.

use plumbline_schemas::command::Action;
use toml::de::DeTable;

use super::bot::TargetKind;
use super::problem::Note;
use super::signal_rules::{names, word};

/// Each kind of target, what it needs, and what else it reads.
const OF_KIND: [(TargetKind, &[&str], &[&str]); 3] = [
    (TargetKind::Keycloak, &["realm", "client_id", "secret"], &[]),
    (TargetKind::Webhook, &["secret"], &[]),
    (
        TargetKind::GlobalTokenRevocation,
        &[],
        &["token", "subject", "subject_issuer"],
    ),
];

/// Everything that is right in itself and wrong beside something else.
pub(super) fn bot(document: &DeTable<'_>, notes: &mut Vec<Note>) {
    let targets = document
        .get("bot")
        .and_then(|bot| bot.get_ref().get("target"))
        .and_then(|list| list.get_ref().as_array());
    let targets: Vec<_> = targets
        .into_iter()
        .flat_map(|list| list.iter())
        .filter_map(|target| target.get_ref().as_table())
        .collect();
    names(
        &targets,
        "target",
        "acknowledgements say whose they are",
        notes,
    );
    for target in &targets {
        let kind = word(target, "kind");
        let of = OF_KIND
            .iter()
            .find(|(known, ..)| kind == Some(known.as_str()));
        if let Some((kind, needs, reads)) = of {
            keys(target, *kind, needs, reads, notes);
            actions(target, *kind, notes);
        }
    }
}

fn keys(
    target: &DeTable<'_>,
    kind: TargetKind,
    needs: &[&str],
    reads: &[&str],
    notes: &mut Vec<Note>,
) {
    let name = kind.as_str();
    let Some(said) = target.get("kind") else {
        return;
    };
    let mut missing = needs.to_vec();
    // Without an issuer nobody is known by an id.
    let is_iss_sub = word(target, "subject").is_none_or(|subject| subject == "iss_sub");
    if kind == TargetKind::GlobalTokenRevocation && is_iss_sub {
        missing.push("subject_issuer");
    }
    missing.retain(|key| target.get(*key).is_none());
    for key in missing {
        notes.push(Note {
            message: format!("kind = \"{name}\" needs `{key}`"),
            help: Some(format!("write {key} = \"…\" in this [[bot.target]]")),
            labels: vec![(said.span(), "of this target".to_owned())],
        });
    }
    let every = OF_KIND.iter();
    let every = every.flat_map(|(_, needs, reads)| needs.iter().chain(*reads));
    let others: Vec<&str> = every
        .copied()
        .filter(|key| !needs.contains(key) && !reads.contains(key))
        .collect();
    let set = target
        .keys()
        .filter(|key| others.contains(&&**key.get_ref()));
    for key in set {
        notes.push(Note {
            message: format!("`{}` means nothing for kind = \"{name}\"", key.get_ref()),
            help: Some("leave it out".to_owned()),
            labels: vec![(key.span(), "not read".to_owned())],
        });
    }
}

/// An action that the target can never carry out is a misunderstanding.
fn actions(target: &DeTable<'_>, kind: TargetKind, notes: &mut Vec<Note>) {
    let list = target
        .get("actions")
        .and_then(|list| list.get_ref().as_array());
    for value in list.into_iter().flat_map(|list| list.iter()) {
        let action = value
            .get_ref()
            .as_str()
            .and_then(|word| word.parse::<Action>().ok());
        let Some(action) = action.filter(|action| !kind.can(*action)) else {
            continue;
        };
        let can = Action::ALL.iter().filter(|action| kind.can(**action));
        let can: Vec<_> = can.map(|action| action.as_str()).collect();
        notes.push(Note {
            message: format!(
                "a target of kind {} cannot carry out `{action}`",
                kind.as_str()
            ),
            help: Some(format!("leave it out. It can {}", can.join(", "))),
            labels: vec![(value.span(), "not possible".to_owned())],
        });
    }
}
