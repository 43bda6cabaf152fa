//! Context records: what happens to one identity and concerns others, who may be in another partition of
//! the log.
//!
//! An engine that holds the whole log needs none. One of several writes a record for all the others where a
//! rule is about identities that may be anywhere: on a compromise, on a change of a contended object, where somebody
//! is new among those who share a network or do what peers do, fails in a burst, or is commanded. Rare by
//! construction, and records of the log like any other. They do not move the clock: a partition that is days ahead
//! must not make the events of another one late.

use plumbline_schemas::event::{Event, EventKind, IdentityKind};
use plumbline_schemas::time::EventTime;

use crate::answer::number_of;
use crate::engine::{Engine, Output};
use crate::names::stable_hash;
use crate::objects::Change;
use crate::policy::breaker::Commanded;
use crate::shared::{Amounts, amounts};

/// Time goes on: a record for one partition whose identities are quiet.
const TICK: &str = "plumbline.tick";
const COMPROMISED: &str = "plumbline.compromised";
const CHANGED: &str = "plumbline.changed";
const USED: &str = "plumbline.used";
const FAILING: &str = "plumbline.failing";
const COMMANDED: &str = "plumbline.commanded";

/// A record that does nothing but move the clock of one partition.
pub fn tick(time: EventTime) -> Event<'static> {
    Event::bare(
        format!("tick/{time}"),
        time,
        EventKind::Context,
        "plumbline",
        TICK,
    )
}

/// What tells the sessions that are related to a compromised one, and its event may not state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traces {
    pub(crate) device: u32,
    pub(crate) credential: u32,
    /// On whose behalf it acted, nearest first.
    pub(crate) behalf: [u32; 2],
}

/// What is to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News<'t> {
    Compromised(Traces),
    Changed(&'t Change),
    /// A network, or what peers do, by its hash.
    Used(u64, Amounts),
    Failing,
    Commanded(Commanded),
}

impl News<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Compromised(_) => COMPROMISED,
            Self::Changed(_) => CHANGED,
            Self::Used(..) => USED,
            Self::Failing => FAILING,
            Self::Commanded(_) => COMMANDED,
        }
    }

    /// What it is about, where that is only known by a hash.
    fn hash(self) -> u64 {
        match self {
            Self::Used(what, _) => what,
            Self::Commanded(command) => command.identity,
            Self::Compromised(_) | Self::Changed(_) | Self::Failing => 0,
        }
    }
}

impl Engine {
    /// Tells the engines of the other partitions about an event, if there are any.
    pub(crate) fn tell_others(&self, news: News<'_>, event: &Event<'_>, outputs: &mut Vec<Output>) {
        if self.partitions < 2 {
            return;
        }
        let name = news.name();
        // An id has bounds, and that of the event may reach them.
        let id = format!("{name}/{:016x}", number_of(event, name) ^ news.hash());
        let mut record = Event::bare(
            id,
            event.time,
            EventKind::Context,
            &*event.identity.id,
            name,
        );
        record.task.id = Some(event.id.clone());
        record.tenant = Some(event.tenant().into());
        record.identity.kind = event.identity.kind;
        match news {
            News::Compromised(traces) => {
                let [nearest, next] = traces.behalf.map(u64::from);
                record.session.id.clone_from(&event.session.id);
                record.action.bytes_out = Some(u64::from(traces.device));
                record.action.records = Some(u64::from(traces.credential));
                record.action.status = Some(nearest | next << 32);
                record.feedback.verdict = event.feedback.verdict;
            }
            News::Changed(change) => {
                record.identity.kind = change.kind.into();
                record.action.resource = Some(change.resource.as_str().into());
                record.task.objective = Some(change.action.as_str().into());
                record.delegation.clone_from(&event.delegation);
            }
            News::Used(_, [bytes, records]) => {
                record.action.resource = Some(written(news.hash()).into());
                record.action.bytes_out = Some(bytes).filter(|bytes| *bytes > 0);
                record.action.records = Some(records).filter(|records| *records > 0);
            }
            News::Failing => {}
            News::Commanded(command) => {
                record.time = command.time;
                record.action.resource = Some(written(news.hash()).into());
            }
        }
        let json = serde_json::to_vec(&record).unwrap_or_default();
        outputs.push(Output::Context(json));
    }

    /// Has the other partitions count what this record led to.
    pub(crate) fn tell_commanded(&mut self, event: &Event<'_>, outputs: &mut Vec<Output>) {
        let mut untold = std::mem::take(&mut self.untold);
        for command in untold.drain(..) {
            self.tell_others(News::Commanded(command), event, outputs);
        }
        self.untold = untold;
    }

    /// Takes in what another partition's engine tells.
    pub(crate) fn apply_context(
        &mut self,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        // Whoever holds the whole log has seen what it is about.
        if self.partitions < 2 {
            return;
        }
        let number = |number: Option<u64>| u32::try_from(number.unwrap_or(0)).unwrap_or(0);
        match &*event.action.name {
            COMPROMISED => {
                let behalf = event.action.status.unwrap_or(0);
                let traces = Traces {
                    device: number(event.action.bytes_out),
                    credential: number(event.action.records),
                    behalf: [behalf as u32, (behalf >> 32) as u32],
                };
                let mut told = event.clone();
                told.id = original_id(event).to_owned().into();
                told.task.id = None;
                self.suspect_elsewhere(&told, traces, clock, outputs);
            }
            CHANGED => self.changed_elsewhere(event, clock, outputs),
            _ => self.count_elsewhere(event, clock),
        }
    }

    /// Takes in what shows only when many do it.
    fn count_elsewhere(&mut self, event: &Event<'_>, clock: EventTime) {
        let time = event.time;
        let (who, _) = self.find_named(event.tenant(), &event.identity.id);
        let resource = event.action.resource.as_deref();
        let what = resource.and_then(|what| u64::from_str_radix(what, 16).ok());
        match (&*event.action.name, what) {
            (USED, Some(what)) => {
                self.shared.used(what, who, amounts(event), time);
            }
            (FAILING, _) => {
                self.outages.burst(stable_hash(event.tenant()), who, time);
            }
            (COMMANDED, Some(identity)) => {
                let command = Commanded { identity, time };
                let config = &self.config.policy.breaker;
                self.breaker.count(config, command, clock);
            }
            _ => {}
        }
    }

    fn changed_elsewhere(
        &mut self,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        let resource = event.action.resource.as_deref().unwrap_or_default();
        let kind = event.identity.kind.known().unwrap_or(IdentityKind::Human);
        let Some(within) = crate::objects::within(&self.config.policy, resource) else {
            return;
        };
        let mut change = Change::of(event, kind, 0, None);
        change.event_id = original_id(event).to_owned();
        change.action = event
            .task
            .objective
            .as_deref()
            .unwrap_or_default()
            .to_owned();
        let machines = self.objects.change(change.clone(), within, clock);
        if kind == IdentityKind::Human {
            self.stop_contenders(&change, &machines, clock, outputs);
        }
    }
}

/// The id of the event that a record tells of.
fn original_id<'e>(event: &'e Event<'_>) -> &'e str {
    event.task.id.as_deref().unwrap_or(&event.id)
}

fn written(hash: u64) -> String {
    format!("{hash:016x}")
}

/// Whether it is what another partition tells, which says nothing of how far time has come in this one.
pub fn is_news(event: &Event<'_>) -> bool {
    event.kind == EventKind::Context && event.action.name != TICK
}
