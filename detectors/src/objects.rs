//! Objects that people and machines change: who did so lately.

use std::collections::VecDeque;

use plumbline_schemas::event::{ActionClass, Event, IdentityKind};
use plumbline_schemas::time::EventTime;

use crate::config::PolicyConfig;
use crate::glob;

/// More changes than this are not kept, however long a rule looks back.
const MOST_CHANGES: usize = 65_536;

/// One change of an object.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) tenant: String,
    pub(crate) resource: String,
    pub(crate) identity: String,
    pub(crate) kind: IdentityKind,
    pub(crate) action: String,
    /// On whose behalf.
    pub(crate) behalf: Vec<String>,
    /// Number of the identity in the engine, if it is in this partition, and its session.
    pub(crate) at: Option<usize>,
    pub(crate) session: u32,
    pub(crate) time: EventTime,
    pub(crate) event_id: String,
}

impl Change {
    pub(crate) fn of(
        event: &Event<'_>,
        kind: IdentityKind,
        session: u32,
        at: Option<usize>,
    ) -> Self {
        Self {
            tenant: event.tenant().to_owned(),
            resource: event
                .action
                .resource
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
            identity: event.identity.id.as_ref().to_owned(),
            kind,
            action: event.action.name.as_ref().to_owned(),
            behalf: event
                .delegation
                .iter()
                .map(|link| link.id.as_ref().to_owned())
                .collect(),
            at,
            session,
            time: event.time,
            event_id: event.id.as_ref().to_owned(),
        }
    }

    fn is_human(&self) -> bool {
        self.kind == IdentityKind::Human
    }
}

/// The changes within the time that any rule looks back, in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Objects(VecDeque<Change>);

/// How far apart changes of the object of this event must be, if any rule is about it.
pub(crate) fn contended_within(
    policy: &PolicyConfig,
    event: &Event<'_>,
    class: ActionClass,
) -> Option<i64> {
    let changes = matches!(
        class,
        ActionClass::Write
            | ActionClass::Delete
            | ActionClass::Deploy
            | ActionClass::Admin
            | ActionClass::Privilege
    );
    let in_production = event.action.environment.as_deref() == Some("production");
    let resource = event.action.resource.as_deref()?;
    if !changes || !in_production || policy.contention.is_empty() {
        return None;
    }
    within(policy, resource)
}

/// How far apart changes of this object must be, if any rule is about it.
pub(crate) fn within(policy: &PolicyConfig, resource: &str) -> Option<i64> {
    let rules = policy.contention.iter();
    rules
        .filter(|rule| glob::matches(&rule.resource, resource))
        .map(|rule| rule.within.as_millis())
        .max()
}

impl Objects {
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.0.iter().map(|change| {
            let texts = [
                &change.tenant,
                &change.resource,
                &change.identity,
                &change.action,
            ];
            let behalf = change.behalf.iter().chain([&change.event_id]);
            texts
                .into_iter()
                .chain(behalf)
                .map(String::capacity)
                .sum::<usize>()
        });
        self.0.capacity() * size_of::<Change>() + texts.sum::<usize>()
    }

    /// Takes a change in, and gives those by the other sort of identity that it contends with.
    pub(crate) fn change(
        &mut self,
        change: Change,
        within_ms: i64,
        clock: EventTime,
    ) -> Vec<Change> {
        let contends = |other: &&Change| {
            let both = other.tenant == change.tenant && other.resource == change.resource;
            let (human, machine) = match change.is_human() {
                true => (&change, *other),
                false => (*other, &change),
            };
            both && change.is_human() != other.is_human()
                && change.time.since(other.time).abs() <= within_ms
                && !machine.behalf.contains(&human.identity)
        };
        let found = self.0.iter().filter(contends).cloned().collect();
        // An hour covers any rule that is meant; what is older goes.
        let oldest = clock.plus_millis(-within_ms.max(3_600_000));
        while self.0.front().is_some_and(|first| first.time < oldest)
            || self.0.len() >= MOST_CHANGES
        {
            self.0.pop_front();
        }
        self.0.push_back(change);
        found
    }
}
