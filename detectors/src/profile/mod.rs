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
use sequence::SequenceProfile;
use volume::VolumeProfile;

/// So long a person's ways are still being learnt.
const LEARNING_MS: i64 = 5 * 86_400_000;

/// What was usual so far.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) landmark: Landmark,
    pub(crate) places: Places,
    pub(crate) scope: ScopeProfile,
    pub(crate) sequence: SequenceProfile,
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

    /// Whether these are somebody's first days.
    pub(crate) fn is_young(&self, time: EventTime) -> bool {
        self.landmark.is_within(LEARNING_MS, time)
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
