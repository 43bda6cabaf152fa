//! What a device's manager says of the device holds for the sessions on it, though it names none.

use plumbline_schemas::event::{ActionClass, Event};
use plumbline_schemas::time::EventTime;

use crate::detect::posture_fell;
use crate::engine::{Engine, Output};
use crate::identity::Identity;
use crate::judge::described;
use crate::profile::habits::Trait;
use crate::session::Session;
use crate::setting::{NON_COMPLIANT, Setting};
use crate::timers::Trigger;

impl Engine {
    /// The sessions on a device that is said to be compliant no more; before what is said is learnt.
    pub(crate) fn sessions_on_device(
        &self,
        at: usize,
        event: &Event<'_>,
        setting: &Setting,
    ) -> Vec<u32> {
        let is_told = event.action.class.known() == Some(ActionClass::Posture)
            && event.session.id.is_none()
            && setting.posture() == NON_COMPLIANT;
        let device = setting.get(Trait::Device);
        if !is_told || device == 0 {
            return Vec::new();
        }
        let Identity {
            profile, sessions, ..
        } = &self.identities[at];
        let has_fallen = |session: &&Session| {
            let before = match session.setting.posture() {
                0 => profile.posture,
                stated => stated,
            };
            session.setting.get(Trait::Device) == device
                && !session.ended
                && before != NON_COMPLIANT
        };
        let on_it = sessions.iter().filter(has_fallen);
        on_it.map(|session| session.key).collect()
    }

    /// For these sessions it has changed as if they said so themselves. From where the manager says so is no
    /// circumstance of theirs.
    pub(crate) fn distrust_device(
        &mut self,
        at: usize,
        sessions: &[u32],
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        for key in sessions {
            let identity = self.identities.change(at, &self.names);
            let Some(number) = identity.sessions.position(*key) else {
                continue;
            };
            let kind = identity.kind;
            let (session, _) = identity.sessions.split(number);
            let fallen = Setting::stated([].into_iter(), NON_COMPLIANT, 0);
            session.setting.update(&fallen);
            let described = described(&mut self.names, session, &fallen, event);
            let signal = posture_fell(session, kind, described, event);
            let trigger = Trigger::about(Some(session), "posture", event.time, clock);
            self.publish_elsewhere(at, number, &trigger, vec![signal], outputs);
        }
    }
}
