//! The life of a command after it was given, and commands about sessions that no event of their own
//! leads to: what people and bots answer, what an approval resumes, what is related to something stolen.

use plumbline_schemas::command::{Action, Command, CommandReason, Params, Target};
use plumbline_schemas::event::{ActionClass, Event, Verdict};
use plumbline_schemas::time::EventTime;

use crate::answer::{Publisher, command_id, number_of};
use crate::detect::{Moment, against, related};
use crate::engine::{Engine, Output};
use crate::facts::task_key;
use crate::feedback;
use crate::identity::Identity;
use crate::names::Space;
use crate::objects::Change;
use crate::policy::standing::Standing;
use crate::profile::habits::Trait;
use crate::profile::places::Bearer;
use crate::setting::Setting;
use crate::signal::Signal;
use crate::timers::Trigger;

/// How long a command that lifts another is to be obeyed.
const LIFT_LIFETIME_MS: i64 = 24 * 3_600_000;

impl Engine {
    /// What a person or a bot says.
    pub(crate) fn hear(
        &mut self,
        at: usize,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        let identity = &mut self.identities[at];
        match event.feedback.verdict.known() {
            Some(Verdict::Approved) => {
                let lifted = match feedback::command_meant(event) {
                    Some(command) => identity.standing.end(|standing| standing.id == command),
                    None => {
                        identity.facts.approve(event);
                        Vec::new()
                    }
                };
                self.lift(at, event, lifted, outputs);
                self.resume_approved(at, event, outputs);
            }
            Some(Verdict::Rejected) => identity.facts.refuse(event),
            Some(Verdict::Acked) => feedback::acknowledge(identity, event),
            Some(Verdict::TruePositive) => {
                feedback::condemn(identity, event);
                self.suspect_related(at, event, clock, outputs);
            }
            Some(Verdict::FalsePositive) => {
                let ended = feedback::apply(identity, event);
                self.lift(at, event, ended, outputs);
            }
            _ => {
                feedback::apply(identity, event);
            }
        }
    }

    /// An approval resumes what waited for it.
    pub(crate) fn resume_approved(
        &mut self,
        at: usize,
        event: &Event<'_>,
        outputs: &mut Vec<Output>,
    ) {
        let identity = &mut self.identities[at];
        let session = Bearer::of(event).session;
        let within = self.config.policy.approval.within.as_millis();
        let approved = identity
            .facts
            .approval(event.time, session, task_key(event), within);
        // Only the approval that this event is.
        if approved.is_none_or(|approval| approval.time != event.time) {
            return;
        }
        let named = event.session.id.is_some();
        let waits = |standing: &Standing| {
            standing.action == Action::Pause
                && standing.given <= event.time
                && (!named || standing.began_in == session || standing.covers(session, 0))
        };
        let lifted = identity.standing.end(waits);
        self.lift(at, event, lifted, outputs);
    }

    /// Publishes what undoes these commands, where it has to be undone.
    fn lift(
        &mut self,
        at: usize,
        event: &Event<'_>,
        ended: Vec<Standing>,
        outputs: &mut Vec<Output>,
    ) {
        let identity = &self.identities[at];
        for standing in ended {
            let action = match standing.action {
                Action::Pause => Action::Resume,
                // A challenge or a refusal leaves nothing behind.
                Action::StepUp | Action::Deny => continue,
                _ => Action::Restore,
            };
            let began = identity
                .sessions
                .iter()
                .find(|session| session.key == standing.began_in);
            let session = began.and_then(|session| session.id.as_ref());
            let number = number_of(event, action.as_str()) ^ standing.id.rotate_left(17);
            let verdict = event.feedback.verdict.known();
            let by = event.feedback.by.as_deref();
            let by = by.or(event.delegation.first().map(|approver| &*approver.id));
            let said = verdict.map_or("approved", Verdict::as_str).replace('_', " ");
            let summary = match by {
                Some(by) => format!("{said} by {by}"),
                None => said,
            };
            outputs.push(Output::Command(Box::new(Command {
                id: command_id(number),
                time: event.time,
                expires_at: event.time.plus_millis(LIFT_LIFETIME_MS),
                action,
                mode: standing.mode,
                target: Target {
                    tenant: identity.tenant().to_owned(),
                    identity: identity.id().to_owned(),
                    kind: identity.kind,
                    session_id: session.map(ToString::to_string),
                    credential_id: event.credential.id.as_deref().map(str::to_owned),
                },
                params: Params::default(),
                reason: CommandReason {
                    summary,
                    risk: 0,
                    detectors: Vec::new(),
                    finding_ids: Vec::new(),
                },
                supersedes: Some(command_id(standing.id)),
            })));
        }
    }

    /// Something of this identity is in other hands: whatever of it is live and related is asked, or
    /// ended where it is the same.
    pub(crate) fn suspect_related(
        &mut self,
        at: usize,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        let identity = &self.identities[at];
        let bearer = Bearer::of(event);
        let named = event.session.id.is_some();
        let source = identity
            .sessions
            .iter()
            .find(|session| named && session.key == bearer.session);
        let stated = Setting::of(event, false).get(Trait::Device);
        let device = source.map_or(stated, |session| session.setting.get(Trait::Device));
        let credential = match bearer.credential {
            0 => source.map_or(0, |session| session.credential),
            credential => credential,
        };
        let by_feedback = crate::facts::is_compromise(event);
        let mut suspects: Vec<(usize, Trigger, Signal)> = Vec::new();
        for (number, session) in identity.sessions.iter().enumerate() {
            let is_source = named && session.key == bearer.session;
            if !session.is_live(event.time) || (is_source && !by_feedback) {
                continue;
            }
            let same_credential = credential != 0 && session.credential == credential;
            let same_device = device != 0 && session.setting.get(Trait::Device) == device;
            let Some(signal) = related(event, is_source, same_credential, same_device) else {
                continue;
            };
            let trigger = Trigger {
                purpose: "related",
                time: event.time,
                session: session.id.as_ref().map(ToString::to_string),
                clock,
            };
            suspects.push((number, trigger, signal));
        }
        for (number, trigger, signal) in suspects {
            self.publish_elsewhere(at, number, &trigger, vec![signal], outputs);
        }
    }

    /// A person has changed what machines were changing: those wait.
    pub(crate) fn stop_contenders(
        &mut self,
        human: &Change,
        machines: &[Change],
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        for machine in machines {
            let sessions = &self.identities[machine.at].sessions;
            let Some(number) = sessions.position(machine.session) else {
                continue;
            };
            let id = sessions.iter().nth(number).and_then(|session| session.id.as_ref());
            let trigger = Trigger {
                purpose: "contention",
                time: human.time,
                session: id.map(ToString::to_string),
                clock,
            };
            let signals = vec![against(machine, human)];
            self.publish_elsewhere(machine.at, number, &trigger, signals, outputs);
        }
    }

    /// Publishes signals about a session that no event of its own leads to.
    pub(crate) fn publish_elsewhere(
        &mut self,
        at: usize,
        number: usize,
        trigger: &Trigger,
        mut signals: Vec<Signal>,
        outputs: &mut Vec<Output>,
    ) {
        signals.retain(|signal| {
            signal.detector.mode(&self.config.detectors) != crate::config::DetectorMode::Off
        });
        if signals.is_empty() {
            return;
        }
        let identities = self.identities.len();
        let (endpoint, _) = self.names.intern(Space::Endpoint, trigger.purpose);
        let (described, _) = self.names.intern(Space::Setting, "");
        let Identity {
            kind,
            sessions,
            ledger,
            standing,
            facts,
            key,
            tenant_bytes,
            ..
        } = &mut self.identities[at];
        let (tenant, id) = (
            &key[..*tenant_bytes as usize],
            &key[*tenant_bytes as usize + 1..],
        );
        let event = trigger.event(tenant, id);
        let (session, _) = sessions.split(number);
        let mut bearer = Bearer::of(&event);
        bearer.session = session.key;
        bearer.credential = session.credential;
        let moment = Moment {
            event: &event,
            kind: *kind,
            class: ActionClass::Other,
            endpoint,
            symbol: 0,
            tokens: &[],
            place: None,
            bearer,
            setting: Setting::default(),
            described,
            tenant: None,
            contender: None,
            begins: false,
            is_timer: true,
            is_egress: false,
            weight: 1.0,
            excess: None,
            names: &self.names,
            config: &self.config,
            threshold: self.threshold,
        };
        let mut publisher = Publisher {
            moment: &moment,
            session,
            ledger,
            standing,
            facts,
            breaker: &mut self.breaker,
            identity: at as u32,
            identities,
            clock: trigger.clock,
            outputs,
        };
        publisher.publish(&mut signals);
    }
}
