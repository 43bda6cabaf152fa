//! Whether many identities fail to authenticate at once: that is an outage, not an attack on each.

use std::collections::VecDeque;

use crate::state::codec::stored;
use plumbline_schemas::time::EventTime;

/// Failures of so many other identities of the tenant within the window are an outage.
const OTHERS: usize = 8;
const WINDOW_MS: i64 = 15 * 60_000;
/// For so long it is not noted anew that somebody fails.
const KNOWN_FOR_MS: i64 = 60_000;
const MOST: usize = 4096;

/// The identities that lately failed in bursts, in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Outages(VecDeque<(EventTime, u64, u64)>);
stored!(Outages(..));

impl Outages {
    /// Remembers a burst of an identity of this tenant; whether that is news to other partitions of the log, where
    /// twice as many as make an outage are enough.
    pub(crate) fn burst(&mut self, tenant: u64, identity: u64, time: EventTime) -> bool {
        let is_known = |(at, _, other): &(EventTime, u64, u64)| {
            *other == identity && time.since(*at).abs() < KNOWN_FOR_MS
        };
        if self.0.iter().any(is_known) {
            return false;
        }
        self.0
            .retain(|(at, _, other)| *other != identity && time.since(*at) <= 2 * WINDOW_MS);
        let is_news = self.others(tenant, identity, time, WINDOW_MS / 2) < 2 * OTHERS;
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((time, tenant, identity));
        is_news
    }

    /// Whether so many others of the tenant fail at this time.
    pub(crate) fn is_outage(&self, tenant: u64, identity: u64, time: EventTime) -> bool {
        self.others(tenant, identity, time, WINDOW_MS) >= OTHERS
    }

    fn others(&self, tenant: u64, identity: u64, time: EventTime, within_ms: i64) -> usize {
        let others = self.0.iter().filter(|(at, other_tenant, other)| {
            *other_tenant == tenant && *other != identity && time.since(*at).abs() <= within_ms
        });
        others.count()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<(EventTime, u64, u64)>()
    }
}
