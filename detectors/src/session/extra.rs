//! What few sessions have.

use std::borrow::Cow;

use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use crate::event_id::EventId;
use crate::memory::thin_bytes;
use crate::names::Name;
use crate::packed_time::{PackedTime, whole_if_any};
use crate::setting::Setting;
use crate::state::codec::stored;
use crate::units::Bits;

/// A change of the circumstances of a session to something that is not usual.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Changed {
    pub(crate) what: Vec<Cow<'static, str>>,
    pub(crate) bits: Bits,
    pub(crate) time: EventTime,
    pub(crate) before: Option<Name>,
    pub(crate) after: Name,
    pub(crate) event_id: EventId,
    /// To what.
    pub(crate) setting: Setting,
}
stored!(Changed {
    what,
    bits,
    time,
    before,
    after,
    event_id,
    setting: since 4
});

/// What few sessions have.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Extra {
    /// The end of its just-in-time window.
    pub(super) jit_until: Option<PackedTime>,
    pub(super) expires_at: Option<PackedTime>,
    /// Until when a timer waits for its window.
    pub(crate) waits_until: Option<PackedTime>,
    /// Its last event; kept of those that timers are for.
    pub(crate) last_event: Option<EventId>,
    pub(crate) changed: Option<Box<Changed>>,
    /// How late its events come at most, of a session that timers are for, in minutes.
    pub(crate) late_minutes: u16,
    /// Calls outside the task's objective so far.
    pub(crate) drifted: u8,
    /// On whose behalf it last acted, nearest first.
    pub(crate) behalf: [u32; 2],
    /// Tenants that it was the first to reach.
    pub(crate) tenants: ThinVec<(Name, EventId)>,
    /// Tenants it had reached when it was last asked about them.
    pub(crate) tenants_asked: u8,
}
stored!(Extra {
    jit_until: via whole_if_any,
    expires_at: via whole_if_any,
    waits_until: via whole_if_any,
    last_event,
    changed,
    late_minutes: since 3,
    drifted,
    behalf: since 5,
    tenants,
    tenants_asked
});

impl Extra {
    /// Whether nothing is lost that matters when it is forgotten: the next event says on whose behalf it is.
    pub(super) fn is_slight(&self) -> bool {
        let behalf = self.behalf;
        *self
            == Self {
                behalf,
                ..Self::default()
            }
    }

    pub(super) fn bytes(&self) -> usize {
        let changed = self.changed.as_ref().map_or(0, |_| size_of::<Changed>());
        let last = self.last_event.as_ref().map_or(0, EventId::heap_bytes);
        size_of::<Self>() + thin_bytes(&self.tenants) + changed + last
    }
}
