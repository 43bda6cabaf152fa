//! What is kept of what lately happened.

use plumbline_schemas::event::{ActionClass, Event};
use plumbline_schemas::time::EventTime;
use thin_vec::ThinVec;

use crate::event_id::EventId;
use crate::names::Name;
use crate::packed_time::{PackedTime, whole, whole_if_any};
use crate::risk::DetectorSet;
use crate::setting::{self, Setting};
use crate::state::codec::stored;
use crate::state::detectors::set;

/// Two uses of a credential at once.
#[derive(Debug)]
pub(crate) struct Rival {
    pub(crate) setting: Setting,
    pub(crate) described: Name,
    pub(crate) first: EventTime,
    pub(crate) last: EventTime,
    pub(crate) event_id: EventId,
    pub(crate) bits: f32,
}
stored!(Rival {
    setting,
    described,
    first,
    last,
    event_id,
    bits
});

/// One credential of a machine, or one that was rotated.
#[derive(Debug)]
pub(crate) struct Credential {
    pub(crate) key: u32,
    last: PackedTime,
    /// Where it is used, and the event that said so first.
    pub(crate) setting: Setting,
    pub(crate) described: Option<Name>,
    pub(crate) event_id: EventId,
    pub(crate) rival: Option<Box<Rival>>,
    /// What a bound token was bound to when it was first used.
    pub(crate) bound: Option<Box<Setting>>,
    pub(crate) bound_to: u32,
    used: PackedTime,
    /// When the lifecycle was last spoken of.
    told: Option<PackedTime>,
}
stored!(Credential {
    key,
    last: via whole,
    setting,
    described,
    event_id,
    rival,
    bound,
    bound_to,
    used: via whole,
    told: via whole_if_any
});

impl Credential {
    pub(super) fn new(key: u32, event: &Event<'_>, setting: &Setting, described: Name) -> Self {
        let time = PackedTime::new(event.time);
        let bound_to = event.credential.bound_to.as_deref();
        Self {
            key,
            last: time,
            setting: *setting,
            described: Some(described),
            event_id: EventId::new(&event.id),
            rival: None,
            bound: None,
            bound_to: bound_to.map_or(0, setting::key),
            used: time,
            told: None,
        }
    }

    /// When it was last used where it is at home.
    pub(crate) fn last(&self) -> EventTime {
        self.last.get()
    }

    pub(crate) fn set_last(&mut self, time: EventTime) {
        self.last = PackedTime::new(time);
    }

    /// Takes in that it is used, and says when it was before.
    pub(crate) fn use_at(&mut self, time: EventTime) -> EventTime {
        let before = self.used.get();
        self.used = PackedTime::new(before.max(time));
        before
    }

    /// When its lifecycle was last spoken of.
    pub(crate) fn told(&self) -> Option<EventTime> {
        self.told.map(PackedTime::get)
    }

    pub(crate) fn tell(&mut self, time: EventTime) {
        self.told = Some(PackedTime::new(time));
    }
}

/// A rotation: the old credential is retired.
#[derive(Debug)]
pub(crate) struct Rotation {
    pub(crate) old: u32,
    pub(crate) new: u32,
    pub(crate) session: u32,
    pub(crate) time: EventTime,
    pub(crate) event_id: EventId,
    /// When the new one was first seen to work.
    pub(crate) worked: Option<EventTime>,
}
stored!(Rotation {
    old,
    new,
    session,
    time,
    event_id,
    worked
});

/// Something of this identity that was revoked.
#[derive(Debug)]
pub(crate) struct Revoked {
    /// 0 where it was not about one.
    pub(crate) session: u32,
    pub(crate) credential: u32,
    pub(crate) time: EventTime,
    pub(crate) event_id: EventId,
}
stored!(Revoked {
    session,
    credential,
    time,
    event_id
});

/// An approval of what follows.
#[derive(Debug)]
pub(crate) struct Approval {
    pub(crate) time: EventTime,
    pub(crate) session: u32,
    pub(crate) task: u32,
    pub(crate) event_id: EventId,
}
stored!(Approval {
    time,
    session,
    task,
    event_id
});

/// A failed authentication.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) time: EventTime,
    pub(crate) mfa: bool,
    /// Whether it came from a device, or else a network, that is usual.
    pub(crate) usual: bool,
    pub(crate) event_id: EventId,
}
stored!(Failure {
    time,
    mfa,
    usual,
    event_id
});

/// A privilege that was gained.
#[derive(Debug)]
pub(crate) struct Gain {
    pub(crate) privilege: u32,
    pub(crate) label: Name,
    pub(crate) time: EventTime,
    pub(crate) event_id: EventId,
    pub(crate) session: u32,
}
stored!(Gain {
    privilege,
    label,
    time,
    event_id,
    session: since 4
});

/// An action that must not be combined with another.
#[derive(Debug)]
pub(crate) struct Duty {
    pub(crate) rule: u32,
    pub(crate) part: u32,
    pub(crate) action: Name,
    pub(crate) time: EventTime,
    pub(crate) session: u32,
    pub(crate) event_id: EventId,
}
stored!(Duty {
    rule,
    part,
    action,
    time,
    session,
    event_id
});

/// A task that ended.
#[derive(Debug)]
pub(crate) struct EndedTask {
    /// 0 where it had no id.
    pub(crate) task: u32,
    pub(crate) session: u32,
    pub(crate) time: EventTime,
    pub(crate) event_id: EventId,
}
stored!(EndedTask {
    task,
    session,
    time,
    event_id
});

/// How old the authentications are on which a machine usually does something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AgeHabit {
    pub(super) class: ActionClass,
    pub(crate) days: u8,
    pub(super) last_day: u16,
    pub(crate) oldest_ms: i64,
    /// Whether what began it was asked about.
    pub(crate) was_asked: bool,
}
stored!(AgeHabit {
    class,
    days,
    last_day,
    oldest_ms,
    was_asked: since 4
});

/// The detectors behind what was answered, and when.
#[derive(Debug)]
pub(crate) struct Tactic {
    pub(crate) detectors: DetectorSet,
    pub(crate) time: EventTime,
}
stored!(Tactic { detectors: via set, time });

/// What lately happened.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    pub(crate) rotations: ThinVec<Rotation>,
    pub(crate) revoked: ThinVec<Revoked>,
    pub(crate) approvals: ThinVec<Approval>,
    pub(crate) failed_approvals: ThinVec<(EventTime, EventId)>,
    pub(crate) failures: ThinVec<Failure>,
    pub(crate) gains: ThinVec<Gain>,
    pub(crate) duties: ThinVec<Duty>,
    pub(crate) ended_tasks: ThinVec<EndedTask>,
    pub(crate) tactics: ThinVec<Tactic>,
}
stored!(Recent {
    rotations,
    revoked,
    approvals,
    failed_approvals,
    failures,
    gains,
    duties,
    ended_tasks,
    tactics
});
