//! What one identity usually does, in bounded memory, decayed over event time.

pub(crate) mod places;
pub(crate) mod scope;
pub(crate) mod sequence;
pub(crate) mod volume;

use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;

use crate::decay::Landmark;
use crate::names::Name;
use places::Places;
use scope::ScopeProfile;
use sequence::SequenceProfile;
use volume::VolumeProfile;

/// What was usual so far.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) landmark: Landmark,
    pub(crate) places: Places,
    pub(crate) scope: ScopeProfile,
    pub(crate) sequence: SequenceProfile,
    pub(crate) volume: VolumeProfile,
}

impl Profile {
    pub(crate) fn new(kind: IdentityKind, time: EventTime) -> Self {
        Self {
            landmark: Landmark::at(time),
            places: Places::default(),
            scope: ScopeProfile::default(),
            sequence: SequenceProfile::new(kind),
            volume: VolumeProfile::default(),
        }
    }

    /// Keeps the weights within what their numbers hold.
    pub(crate) fn renew(&mut self, now: EventTime) {
        if let Some(factor) = self.landmark.renew(now) {
            self.places.scale(factor);
            self.scope.scale(factor);
            self.sequence.scale(factor);
            self.volume.scale(factor);
        }
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        self.places.each_name(mark);
        self.scope.each_name(mark);
    }

    /// Bytes held beyond the struct itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.places.heap_bytes()
            + self.scope.heap_bytes()
            + self.sequence.heap_bytes()
            + self.volume.heap_bytes()
    }
}

/// Days since 1970, in UTC. Sixteen bits last until 2149.
pub(crate) fn day(time: EventTime) -> u16 {
    time.as_millis()
        .div_euclid(86_400_000)
        .clamp(0, i64::from(u16::MAX)) as u16
}

/// Hours since 1970.
pub(crate) fn hour(time: EventTime) -> u32 {
    time.as_millis()
        .div_euclid(3_600_000)
        .clamp(0, i64::from(u32::MAX)) as u32
}
