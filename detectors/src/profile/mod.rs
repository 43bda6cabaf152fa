//! What one identity usually does, in bounded memory, decayed over event time.

pub(crate) mod data;
pub(crate) mod habits;
pub(crate) mod peaks;
pub(crate) mod places;
pub(crate) mod schedule;
pub(crate) mod scope;
pub(crate) mod sequence;
pub(crate) mod spot;
pub(crate) mod turns;
pub(crate) mod volume;

use plumbline_schemas::event::IdentityKind;
use plumbline_schemas::time::EventTime;

use crate::decay::Landmark;
use crate::names::Name;
use crate::state::codec::stored;
use data::DataProfile;
use habits::Habits;
use peaks::Peaks;
use places::Places;
use schedule::Schedule;
use scope::ScopeProfile;
use sequence::{SequenceProfile, Step};
use volume::VolumeProfile;

/// How much an identity's order of calls tells of its next call: bits per call that the order saves,
/// against the same endpoints without their order. Somebody who has no order cannot break one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Order(f32);
stored!(Order(..));

/// The mean runs over about so many calls: the few dozen of an attack hardly move it.
const ORDER_CALLS: f32 = 512.0;
/// Of so many calls before the first, the order saved nothing.
const PRIOR_CALLS: f32 = 16.0;
/// No call says more than this.
const MOST_ORDER_BITS: f64 = 4.0;

impl Order {
    pub(crate) fn learn(&mut self, step: &Step) {
        let saved = (step.in_order / step.without_order).log2();
        let saved = saved.clamp(-MOST_ORDER_BITS, MOST_ORDER_BITS) as f32;
        let calls = step.calls as f32 + PRIOR_CALLS;
        self.0 += (saved - self.0) / calls.min(ORDER_CALLS);
    }

    /// Bits per call.
    pub(crate) fn bits(self) -> f64 {
        f64::from(self.0)
    }
}

/// What was usual so far.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) landmark: Landmark,
    pub(crate) places: Places,
    pub(crate) scope: ScopeProfile,
    pub(crate) sequence: SequenceProfile,
    pub(crate) order: Order,
    pub(crate) volume: VolumeProfile,
    pub(crate) peaks: Peaks,
    pub(crate) habits: Habits,
    pub(crate) data: DataProfile,
    pub(crate) schedule: Schedule,
    /// Distinct days with events, and the last of them.
    pub(crate) days: u16,
    last_day: u16,
    /// The most sessions that were ever in use at once.
    pub(crate) most_parallel: u8,
    /// The posture last stated, as [`Setting`](crate::setting::Setting) has it.
    pub(crate) posture: u8,
}
stored!(Profile {
    landmark,
    places,
    scope,
    sequence,
    order,
    volume,
    peaks,
    habits,
    data,
    schedule,
    days,
    last_day,
    most_parallel,
    posture
});

impl Profile {
    pub(crate) fn new(kind: IdentityKind, time: EventTime) -> Self {
        Self {
            landmark: Landmark::at(time),
            places: Places::default(),
            scope: ScopeProfile::default(),
            sequence: SequenceProfile::new(kind),
            order: Order::default(),
            volume: VolumeProfile::default(),
            peaks: Peaks::default(),
            habits: Habits::default(),
            data: DataProfile::default(),
            schedule: Schedule::default(),
            days: 0,
            last_day: 0,
            most_parallel: 0,
            posture: 0,
        }
    }

    /// Counts the days on which something was done.
    pub(crate) fn active(&mut self, time: EventTime) {
        let today = day(time);
        if today > self.last_day {
            self.last_day = today;
            self.days = self.days.saturating_add(1);
        }
    }

    /// Days with events before this one.
    pub(crate) fn earlier_days(&self, time: EventTime) -> u16 {
        self.days
            .saturating_sub(u16::from(day(time) <= self.last_day))
    }

    /// Keeps the weights within what their numbers hold.
    pub(crate) fn renew(&mut self, now: EventTime) {
        if let Some(factor) = self.landmark.renew(now) {
            self.places.scale(factor);
            self.scope.scale(factor);
            self.sequence.scale(factor);
            self.volume.scale(factor);
            self.peaks.scale(factor);
        }
    }

    pub(crate) fn each_name(&self, mark: &mut dyn FnMut(Name)) {
        self.places.each_name(mark);
        self.scope.each_name(mark);
    }

    /// Has its memory brought near.
    pub(crate) fn warm(&self) -> u32 {
        self.places.warm()
            ^ self.scope.warm()
            ^ self.sequence.warm()
            ^ self.habits.warm()
            ^ self.data.warm()
            ^ u32::from(self.schedule.days())
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
