//! Ground truth: what was planted, written beside the events.

use std::collections::HashSet;

use plumbline_schemas::command::Action;
use plumbline_schemas::event::{Event, IdentityKind};
use plumbline_schemas::time::EventTime;
use serde::{Deserialize, Serialize};

use crate::attack::Planted;
use crate::world::World;

/// One planted attack: a line of `labels.ndjson`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// Kind of attack, named as the detector that is to find it, or the row of the catalogue.
    pub attack: String,
    /// Variant of the row's story.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Whether it is the benign twin of the attack: nothing of it is to be answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_twin: bool,
    /// Actions that answer it; any, where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Action>,
    /// Id of the identity as its source's log gives it.
    pub identity: String,
    /// What the identity is.
    pub identity_kind: IdentityKind,
    /// Format of the log in which the events are.
    pub source: String,
    /// Session of the first event, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Credential of the first event that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// Time of the first event.
    pub start: EventTime,
    /// Time of the last event.
    pub end: EventTime,
    /// Every event of the attack, in order of arrival.
    pub event_ids: Vec<String>,
    /// What happens, in one sentence.
    pub story: String,
}

/// Collects the labels while the events go by.
pub(crate) struct Book {
    planted: Vec<Planted>,
    labels: Vec<Option<Label>>,
    seen: HashSet<String>,
}

impl Book {
    pub(crate) fn new(planted: Vec<Planted>) -> Self {
        let labels = planted.iter().map(|_| None).collect();
        Self {
            planted,
            labels,
            seen: HashSet::new(),
        }
    }

    /// What the events of an attack are labelled with; those of a twin are not.
    pub(crate) fn name(&self, attack: u32) -> Option<&'static str> {
        let index = attack.checked_sub(1)? as usize;
        let planted = self.planted.get(index)?;
        let is_twin = planted.row.as_ref().is_some_and(|row| row.is_twin);
        (!is_twin).then_some(planted.name)
    }

    /// Notes an event of an attack.
    pub(crate) fn note(&mut self, world: &World, attack: u32, event: &Event<'_>) {
        let Some(index) = attack.checked_sub(1).map(|index| index as usize) else {
            return;
        };
        let Some(planted) = self.planted.get(index) else {
            return;
        };
        let text = |text: &Option<plumbline_schemas::known::Text<'_>>| {
            text.as_ref().map(|text| text.to_string())
        };
        let row = planted.row.as_ref();
        let label = self.labels[index].get_or_insert_with(|| Label {
            attack: planted.name.to_owned(),
            variant: row.map(|row| row.variant.to_owned()),
            is_twin: row.is_some_and(|row| row.is_twin),
            accepted: row.map(|row| row.accepts.to_vec()).unwrap_or_default(),
            identity: match row.and_then(|row| row.target.clone()) {
                Some(target) => target,
                None => event.identity.id.to_string(),
            },
            identity_kind: world.profiles[planted.victim as usize].kind(),
            source: event.source.as_deref().unwrap_or_default().to_owned(),
            session_id: text(&event.session.id),
            credential_id: None,
            start: event.time,
            end: event.time,
            event_ids: Vec::new(),
            story: planted.story.clone(),
        });
        label.start = label.start.min(event.time);
        label.end = label.end.max(event.time);
        if label.credential_id.is_none() {
            label.credential_id = text(&event.credential.id);
        }
        // Some are delivered twice.
        if self.seen.insert(event.id.to_string()) {
            label.event_ids.push(event.id.to_string());
        }
    }

    /// The labels of what has been seen so far, in the order of their first events.
    pub(crate) fn labels(&self) -> Vec<Label> {
        let mut labels: Vec<Label> = self.labels.iter().flatten().cloned().collect();
        labels.sort_by(|a, b| (a.start, &a.identity).cmp(&(b.start, &b.identity)));
        labels
    }
}
