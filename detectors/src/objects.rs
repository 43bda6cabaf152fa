//! Objects that people and machines change: who did so lately.

use std::collections::VecDeque;
use std::ops::Range;

use plumbline_schemas::event::{ActionClass, Event, IdentityKind};
use plumbline_schemas::time::EventTime;

use crate::config::{ContentionRule, PolicyConfig};
use crate::glob;
use crate::state::codec::stored;

/// More changes than this are not kept, however long a rule looks back.
const MOST_CHANGES: usize = 65_536;

/// What is older than this, and than any rule looks back, is not kept.
const LEAST_KEPT_MS: i64 = 3_600_000;

/// How far apart changes must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Within {
    /// Those of one object,
    ms: i64,
    /// and those of any object.
    longest_ms: i64,
}

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

stored!(Change {
    tenant, resource, identity, kind, action, behalf, at: via whether, session, time, event_id,
});

/// Numbers of identities are of this process: whether there was one is written.
mod whether {
    use crate::state::codec::{Damaged, Reader, Stored, Writer};

    pub(super) fn put(at: &Option<usize>, to: &mut Writer<'_>) {
        at.is_some().put(to);
    }

    pub(super) fn take(from: &mut Reader<'_, '_>) -> Result<Option<usize>, Damaged> {
        Ok(bool::take(from)?.then_some(0))
    }
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
pub(crate) struct Objects {
    changes: VecDeque<Change>,
    /// Number of the first of them: each keeps its own.
    first: u64,
    /// Those that are written down.
    saved: Range<u64>,
}

/// How far apart changes of the object of this event must be, if any rule is about it.
pub(crate) fn contended_within(
    policy: &PolicyConfig,
    event: &Event<'_>,
    class: ActionClass,
) -> Option<Within> {
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
pub(crate) fn within(policy: &PolicyConfig, resource: &str) -> Option<Within> {
    let rules = policy.contention.iter();
    let of_resource = |rule: &&ContentionRule| glob::matches(&rule.resource, resource);
    let span = |rule: &ContentionRule| rule.within.as_millis();
    Some(Within {
        ms: rules.clone().filter(of_resource).map(span).max()?,
        longest_ms: rules.map(span).fold(LEAST_KEPT_MS, i64::max),
    })
}

impl Objects {
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.changes.iter().map(|change| {
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
        self.changes.capacity() * size_of::<Change>() + texts.sum::<usize>()
    }

    /// Takes a change in, and gives those by the other sort of identity that it contends with.
    pub(crate) fn change(
        &mut self,
        change: Change,
        within: Within,
        clock: EventTime,
    ) -> Vec<Change> {
        let contends = |other: &&Change| {
            let both = other.tenant == change.tenant && other.resource == change.resource;
            let (human, machine) = match change.is_human() {
                true => (&change, *other),
                false => (*other, &change),
            };
            both && change.is_human() != other.is_human()
                && change.time.since(other.time).abs() <= within.ms
                && !machine.behalf.contains(&human.identity)
        };
        let found = self.changes.iter().filter(contends).cloned().collect();
        let oldest = clock.plus_millis(-within.longest_ms);
        while self
            .changes
            .front()
            .is_some_and(|first| first.time < oldest)
            || self.changes.len() >= MOST_CHANGES
        {
            self.changes.pop_front();
            self.first += 1;
        }
        self.changes.push_back(change);
        found
    }

    /// What has changed since it was last asked: numbers that are gone, and those that came.
    pub(crate) fn take_changed(&mut self) -> (Range<u64>, impl Iterator<Item = (u64, &Change)>) {
        let end = self.first + self.changes.len() as u64;
        let gone = self.saved.start..self.first.min(self.saved.end);
        let new = self.saved.end.max(self.first) - self.first;
        self.saved = self.first..end;
        let came = (self.first + new..end).zip(self.changes.iter().skip(new as usize));
        (gone, came)
    }

    /// As if nothing of it had ever been asked for.
    pub(crate) fn mark_all(&mut self) {
        self.saved = self.first..self.first;
    }

    /// Number of the oldest that is kept.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Takes back what was written, from this number on.
    pub(crate) fn restore(&mut self, first: u64, changes: VecDeque<Change>) {
        self.saved = first..first + changes.len() as u64;
        (self.first, self.changes) = (first, changes);
    }

    /// The numbers of identities are no more those of before.
    pub(crate) fn renumber(&mut self, number: impl Fn(&Change) -> Option<usize>) {
        for change in &mut self.changes {
            change.at = number(change);
        }
    }
}
