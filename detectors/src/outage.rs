//! Whether many identities fail to authenticate at once: that is an outage, not an attack on each.

use std::collections::VecDeque;

use crate::state::codec::stored;
use plumbline_schemas::time::EventTime;

/// Failures of so many other identities of the tenant within the window are an outage.
const OTHERS: usize = 8;
const WINDOW_MS: i64 = 15 * 60_000;
const MOST: usize = 4096;

/// The identities that lately failed in bursts, in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Outages(VecDeque<(EventTime, u64, u64)>);
stored!(Outages(..));

impl Outages {
    /// Remembers a burst of an identity of this tenant.
    pub(crate) fn burst(&mut self, tenant: u64, identity: u64, time: EventTime) {
        self.0
            .retain(|(at, _, other)| *other != identity && time.since(*at) <= 2 * WINDOW_MS);
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((time, tenant, identity));
    }

    /// Whether so many others of the tenant fail at this time.
    pub(crate) fn is_outage(&self, tenant: u64, identity: u64, time: EventTime) -> bool {
        let others = self.0.iter().filter(|(at, other_tenant, other)| {
            *other_tenant == tenant && *other != identity && time.since(*at).abs() <= WINDOW_MS
        });
        others.count() >= OTHERS
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<(EventTime, u64, u64)>()
    }
}
