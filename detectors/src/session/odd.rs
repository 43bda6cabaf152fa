//! What was odd about a session.

use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use crate::event_id::EventId;
use crate::memory::thin_bytes;
use crate::names::Name;
use crate::profile::sequence::{Context, Symbol};
use crate::risk::BitsEach;
use crate::state::codec::{Damaged, Reader, Stored, Writer, stored};
use crate::state::detectors::bits_each;

/// Something new that a session did.
#[derive(Clone, Debug)]
pub(crate) struct Novel {
    pub(crate) name: Name,
    pub(crate) class: u8,
    pub(crate) bits: f32,
    pub(crate) event_id: EventId,
}
stored!(Novel {
    name,
    class,
    bits,
    event_id
});

/// A step out of the usual order.
#[derive(Clone, Debug)]
pub(crate) struct OddStep {
    pub(crate) from: Option<Name>,
    pub(crate) to: Name,
    pub(crate) chance: f32,
    /// How often the step was taken before, and the one it comes from, decayed.
    pub(crate) taken: f32,
    pub(crate) seen: f32,
    pub(crate) bits: f32,
    pub(crate) event_id: EventId,
    /// What was called after what, and whether it was not learnt at once.
    pub(crate) context: Context,
    pub(crate) symbol: Symbol,
    pub(crate) is_held: bool,
}
stored!(OddStep {
    from,
    to,
    chance,
    taken,
    seen,
    bits,
    event_id,
    context,
    symbol,
    is_held
});

/// What somebody has vouched for: a passed challenge, or a person who says that it was nothing.
#[derive(Debug, Default)]
pub(super) struct Vouched {
    pub(super) until: EventTime,
    /// Up to so many bits of each detector.
    pub(super) bits: BitsEach,
}
stored!(Vouched { until, bits: via bits_each });

/// What was odd about a session.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    /// Steps out of order, as long as they add up.
    pub(super) steps: ThinVec<OddStep>,
    /// New endpoints, scopes and tenants, and what they weigh together.
    pub(super) novel: ThinVec<Novel>,
    pub(super) drift_bits: f32,
    pub(super) vouched: Option<Box<Vouched>>,
}
stored!(Oddities {
    steps,
    novel,
    drift_bits,
    vouched: via vouched
});

impl Oddities {
    pub(super) fn is_vouched_for(&self, time: EventTime) -> bool {
        let vouched = self.vouched.as_ref();
        vouched.is_some_and(|vouched| time < vouched.until)
    }

    pub(super) fn bytes(&self) -> usize {
        let novel = self.novel.iter().map(|novel| novel.event_id.heap_bytes());
        let steps = self.steps.iter().map(|step| step.event_id.heap_bytes());
        let ids = novel.chain(steps).sum::<usize>();
        let vouched = self.vouched.as_ref().map_or(0, |_| size_of::<Vouched>());
        size_of::<Self>() + vouched + ids + thin_bytes(&self.novel) + thin_bytes(&self.steps)
    }
}

/// Up to version 4 there was always one.
mod vouched {
    use super::*;

    pub(super) fn put(vouched: &Option<Box<Vouched>>, to: &mut Writer<'_>) {
        vouched.put(to);
    }

    pub(super) fn take(from: &mut Reader<'_, '_>) -> Result<Option<Box<Vouched>>, Damaged> {
        if from.version() >= 5 {
            return Stored::take(from);
        }
        let vouched = Vouched::take(from)?;
        let is_one = vouched.until != EventTime::default();
        Ok(is_one.then(|| Box::new(vouched)))
    }
}
