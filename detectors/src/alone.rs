//! One odd thing, and everything else as ever.
//!
//! What was answered is not learnt. But who does the same thing on day after day would be answered for ever: with what
//! and from where it always does everything it does something new, or a machine does what it always does somewhere
//! else. Such a thing is on probation like what nobody was asked about: it is usual after several days of it. Where a
//! session was ended for a privilege or a token revoked for a move, and it goes on the next day and the day after
//! that, in the same way and with nothing else odd, whoever was told of it has let it go on.
//!
//! Where somebody has called something of the identity an attack, nothing does for a month.
//!
//! What is odd in both ways, what is odd in a third as well, and what was answered more strongly than that, never
//! becomes usual by itself, but for data, on its third day or at the end of a month (`profile/data.rs`).

use plumbline_schemas::command::Action;
use plumbline_schemas::time::EventTime;

use crate::detect::{DetectorId, Group, Moment};
use crate::policy::CORROBORATION_BITS;
use crate::profile::Profile;
use crate::risk::{DetectorSet, IdentityLedger};
use crate::session::Session;
use crate::setting::{Setting, TRAITS};
use crate::units::Bits;

/// What may become a habit although it was asked about. Those of one set are about the same: what is new may take
/// data with it, or be what a privilege was gained for; and many calls take much.
const MAY_BE_HABIT: [DetectorSet; 5] = [
    DetectorId::ScopeDrift.bit()
        | DetectorId::DataExtraction.bit()
        | DetectorId::FreshPrivilege.bit()
        | DetectorId::PrivilegeEscalation.bit()
        | DetectorId::UnapprovedElevation.bit()
        | DetectorId::TaskDrift.bit(),
    DetectorId::EndpointSequence.bit(),
    DetectorId::CallVolume.bit(),
    DetectorId::CallVolume.bit() | DetectorId::DataExtraction.bit(),
    DetectorId::OffSchedule.bit(),
];
/// What a machine's move to another place may be found by.
const MOVES: DetectorSet = DetectorId::ImpossibleTravel.bit()
    | DetectorId::NewNetwork.bit()
    | DetectorId::DeviceDrift.bit()
    | DetectorId::BindingChange.bit()
    | DetectorId::UntrustedEnvironment.bit();
/// Circumstances of so many earlier days, or of all there were, are the identity's own.
const ESTABLISHED_DAYS: u16 = 3;
/// Less surprising than this is a value among many that come and go, such as the addresses of a pool.
const ROTATES_BITS: f64 = 2.0;

/// What is odd about an event, and what was done about it.
pub(crate) struct Odd {
    /// The detectors that found something of the event,
    pub(crate) found: DetectorSet,
    /// what was commanded for it,
    pub(crate) given: Option<Action>,
    /// and what already stood for its session or credential, with the detectors behind it.
    pub(crate) standing: Option<(Action, DetectorSet)>,
}

/// What is odd alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Only {
    /// The detectors that found it, where it was asked about at most.
    pub(crate) asked: DetectorSet,
    /// Whether a session was ended or a credential revoked for it, of which data was taken out.
    pub(crate) is_ended: bool,
    /// Whether a machine does somewhere else what it always does.
    pub(crate) is_moved: bool,
}

/// The strongest answer after which this may still become usual.
fn most(odd: DetectorSet) -> Action {
    let rules = [
        (DetectorId::BindingChange, Action::RevokeCredential),
        (DetectorId::PrivilegeEscalation, Action::RevokeSession),
        (DetectorId::UnapprovedElevation, Action::Pause),
        (DetectorId::TaskDrift, Action::Pause),
    ];
    let found = rules.iter().find(|(detector, _)| odd & detector.bit() != 0);
    found.map_or(Action::StepUp, |(_, action)| *action)
}

impl Odd {
    /// The detectors that find one thing odd, where nothing else is; else none. What was answered with more than a
    /// question is none of them, but for data, of which [`Only::is_ended`] says so.
    pub(crate) fn only(
        &self,
        moment: &Moment<'_>,
        profile: &Profile,
        session: &Session,
        ledger: &IdentityLedger,
    ) -> Only {
        let standing = self.standing.map_or(0, |(_, detectors)| detectors);
        let odd = (self.found | standing) & !DetectorId::of_group(Group::Hygiene);
        let commanded = self.standing.map(|(action, _)| action).max(self.given);
        let is_answered_more = commanded > Some(most(odd));
        // What is about the same and was said before is no second oddity.
        let has_others = |alike: DetectorSet| {
            let least = Bits(moment.threshold.0 - CORROBORATION_BITS);
            let others = DetectorId::SURPRISES & !alike;
            ledger.active(others, least, moment.time()).next().is_some()
        };
        let is_within = |alike: DetectorSet| odd != 0 && odd & !alike == 0;
        if is_within(MOVES)
            && !is_answered_more
            && !has_others(MOVES)
            && acts_as_ever(moment, profile)
        {
            return Only {
                is_moved: true,
                ..Only::default()
            };
        }
        let is_one_thing = MAY_BE_HABIT
            .into_iter()
            .any(|alike| is_within(alike) && !has_others(alike));
        let is_data = odd & DetectorId::DataExtraction.bit() != 0;
        let ends = [Some(Action::RevokeSession), Some(Action::RevokeCredential)];
        let is_ended = is_answered_more && ends.contains(&commanded) && is_data;
        // What an objective does not name, it does not name on any day.
        let is_outside =
            odd & DetectorId::TaskDrift.bit() != 0 && !moment.event.task.allowed.is_empty();
        let is_usual = is_one_thing
            && !is_outside
            && (!is_answered_more || is_ended)
            && session.changed().is_none()
            && comes_as_ever(&moment.setting, profile, moment.time());
        match is_usual {
            true => Only {
                asked: if is_ended { 0 } else { odd },
                is_ended,
                is_moved: false,
            },
            false => Only::default(),
        }
    }
}

/// Whether a machine does what it did on earlier days, be it somewhere else, with a token that is bound to nothing.
fn acts_as_ever(moment: &Moment<'_>, profile: &Profile) -> bool {
    moment.is_machine()
        && moment.event.credential.bound_to.is_none()
        && profile.scope.is_usual(moment.endpoint)
        && profile.scope.days(moment.endpoint, moment.time()) > 0
}

/// Whether all that an event states of its circumstances is well known, or changes all the time. What came
/// yesterday is not: whoever comes from there may be the same as yesterday.
fn comes_as_ever(setting: &Setting, profile: &Profile, time: EventTime) -> bool {
    let habits = &profile.habits;
    let established = profile.earlier_days(time).min(ESTABLISHED_DAYS);
    let is_well_known = |what| {
        let key = setting.get(what);
        setting.is_known(what, habits, time)
            && (key == 0 || u16::from(habits.days(what, key, time)) >= established)
    };
    let mut traits = TRAITS.into_iter();
    traits.all(|what| is_well_known(what) || habits.strange(what).bits.0 < ROTATES_BITS)
}
