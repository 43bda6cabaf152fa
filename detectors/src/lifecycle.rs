//! The life of a command after it was given, and commands about sessions that no event of their own
//! leads to: what people and bots answer, what an approval resumes, what is related to something stolen.

use plumbline_schemas::command::{Action, Command, CommandReason, Params, Target};
use plumbline_schemas::event::{ActionClass, Event, Verdict};
use plumbline_schemas::time::EventTime;

use crate::answer::{Publisher, command_id, number_of};
use crate::context::{News, Traces};
use crate::detect::{
    DetectorId, Moment, Relation, against, gap_before, refused_approvals, related,
};
use crate::engine::{Engine, Output};
use crate::facts::{is_by_itself, task_key};
use crate::feedback;
use crate::identity::Identity;
use crate::names::Space;
use crate::objects::Change;
use crate::policy::standing::Standing;
use crate::profile::habits::Trait;
use crate::profile::places::Bearer;
use crate::session::{Entered, Session};
use crate::setting::{Setting, key};
use crate::signal::Signal;
use crate::timers::Trigger;

/// How long a command that lifts another is to be obeyed.
const LIFT_LIFETIME_MS: i64 = 24 * 3_600_000;

/// What is in other hands.
struct Compromise {
    /// The session that is named, of the identity itself.
    session: Option<u32>,
    traces: Traces,
    identity: u32,
    /// Whether a person says so: then the named session ends too.
    is_told: bool,
}

impl Compromise {
    /// Nothing has to be known of the identity: others may have its credential.
    fn of(identity: Option<&Identity>, event: &Event<'_>) -> Self {
        let bearer = Bearer::of(event);
        let named = event.session.id.as_ref().map(|_| bearer.session);
        let mut sessions = identity
            .iter()
            .flat_map(|identity| identity.sessions.iter());
        let source = sessions.find(|session| named == Some(session.key));
        let stated = Setting::of(event, false).get(Trait::Device);
        Self {
            session: named,
            traces: Traces {
                credential: match bearer.credential {
                    0 => source.map_or(0, |session| session.credential),
                    credential => credential,
                },
                device: source.map_or(stated, |session| session.setting.remembered(Trait::Device)),
                behalf: source.map_or([0; 2], Session::behalf),
            },
            identity: key(&event.identity.id),
            is_told: crate::facts::is_compromise(event),
        }
    }

    fn relation(&self, session: &Session, own: bool, event: &Event<'_>) -> Option<Relation> {
        // What has no id cannot be ended: its credential or identity is.
        if session.id.is_none() || !session.is_live(event.time) {
            return None;
        }
        if own && self.session == Some(session.key) {
            return self.is_told.then_some(Relation::Same);
        }
        let traces = &self.traces;
        if traces.credential != 0 && session.credential == traces.credential {
            return Some(Relation::Credential);
        }
        if traces.device != 0 && session.setting.get(Trait::Device) == traces.device {
            return Some(Relation::Device);
        }
        let is_chain = |link: &u32| *link == self.identity || traces.behalf.contains(link);
        let behalf = session.behalf();
        let mut links = behalf.iter().filter(|link| **link != 0);
        links.any(is_chain).then_some(Relation::Delegation)
    }
}

impl Engine {
    /// What a person or a bot says.
    pub(crate) fn hear(
        &mut self,
        at: usize,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        let identity = self.identities.change(at, &self.names);
        match event.feedback.verdict.known() {
            Some(Verdict::Approved) if event.feedback.command_id.is_none() => {
                if !is_by_itself(event) {
                    identity.facts.approve(event);
                    self.resume_approved(at, event, outputs);
                }
            }
            Some(Verdict::Rejected) => {
                identity.facts.refuse(event);
                self.count_refused(at, event, clock, outputs);
            }
            // Who failed a challenge was challenged.
            Some(Verdict::Acked | Verdict::Failed | Verdict::StepUpFailed) => {
                self.hear_bot(at, event, outputs);
                self.find_gaps(at, event, clock, outputs);
            }
            Some(Verdict::TruePositive) => {
                feedback::condemn(identity, event);
                self.suspect_related(Some(at), event, clock, outputs);
            }
            // Who approves what was commanded about says that it may be.
            Some(Verdict::FalsePositive | Verdict::Approved) => {
                let ended = feedback::apply(identity, &self.names, event);
                self.lift(at, event, ended, outputs);
            }
            _ => {
                feedback::apply(identity, &self.names, event);
            }
        }
    }

    /// Approvals that are refused again and again end the session for which they were asked, the last one where none
    /// is named.
    fn count_refused(
        &mut self,
        at: usize,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        let identity = &self.identities[at];
        let Some(signal) = refused_approvals(&identity.facts, event.time, None) else {
            return;
        };
        let named = event.session.id.as_ref().map(|_| Bearer::of(event).session);
        let sessions = identity.sessions.iter().enumerate();
        let meant = sessions.filter(|(_, session)| named.is_none_or(|key| session.key == key));
        let Some((number, session)) = meant.max_by_key(|(_, session)| session.last()) else {
            return;
        };
        let trigger = Trigger::about(Some(session), "approvals", event.time, clock);
        self.publish_elsewhere(at, number, &trigger, vec![signal], outputs);
    }

    /// An approval resumes what waited for it.
    pub(crate) fn resume_approved(
        &mut self,
        at: usize,
        event: &Event<'_>,
        outputs: &mut Vec<Output>,
    ) {
        let identity = self.identities.change(at, &self.names);
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
        // It may arrive after what it covers.
        let covered = event.time.plus_millis(within);
        // Where a person and a program change the same thing, nobody waits for leave to use a tool.
        let contends = DetectorId::Contention.bit();
        let waits = |standing: &Standing| {
            standing.action == Action::Pause
                && standing.detectors & !contends != 0
                && standing.given <= covered
                && (!named || standing.began_in == session || standing.covers(session, 0))
        };
        let lifted = identity.standing.end(waits);
        self.lift(at, event, lifted, outputs);
    }

    /// Holds what an event has revoked against what succeeded after it, and has arrived before.
    pub(crate) fn find_gaps(
        &mut self,
        at: usize,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        let identity = &self.identities[at];
        let told = identity.facts.revoked().iter();
        let told: Vec<_> = told.filter(|revoked| revoked.time == event.time).collect();
        let mut gaps = Vec::new();
        for (number, session) in identity.sessions.iter().enumerate() {
            let gap = told.iter().find_map(|revoked| gap_before(revoked, session));
            let trigger = || Trigger::about(Some(session), "gap", session.last(), clock);
            gaps.extend(gap.map(|signal| (number, trigger(), signal)));
        }
        for (number, trigger, signal) in gaps {
            self.publish_elsewhere(at, number, &trigger, vec![signal], outputs);
        }
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
            let said = verdict
                .map_or("approved", Verdict::as_str)
                .replace('_', " ");
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
                    detectors: DetectorId::ALL
                        .iter()
                        .filter(|detector| detector.bit() & standing.detectors != 0)
                        .map(|detector| detector.name().to_owned())
                        .collect(),
                    finding_ids: Vec::new(),
                },
                supersedes: Some(command_id(standing.id)),
            })));
        }
    }

    /// Something of this identity is in other hands: whatever of it is live and related, of this identity
    /// or another of the tenant, is asked, or ended where it is the same.
    pub(crate) fn suspect_related(
        &mut self,
        at: Option<usize>,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        let compromise = Compromise::of(at.map(|at| &self.identities[at]), event);
        self.tell_others(News::Compromised(compromise.traces), event, outputs);
        self.suspect_all(at, &compromise, event, clock, outputs);
    }

    /// The same of an identity in another partition.
    pub(crate) fn suspect_elsewhere(
        &mut self,
        event: &Event<'_>,
        traces: Traces,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        let compromise = Compromise {
            session: None,
            traces,
            identity: key(&event.identity.id),
            is_told: false,
        };
        self.suspect_all(None, &compromise, event, clock, outputs);
    }

    fn suspect_all(
        &mut self,
        at: Option<usize>,
        compromise: &Compromise,
        event: &Event<'_>,
        clock: EventTime,
        outputs: &mut Vec<Output>,
    ) {
        let mut found: Vec<(usize, usize, Relation)> = Vec::new();
        // All are looked at: this is rare, and an index would cost every session.
        for (other, identity) in self.identities.numbered() {
            if identity.tenant() != event.tenant() {
                continue;
            }
            for (number, session) in identity.sessions.iter().enumerate() {
                let relation = compromise.relation(session, Some(other) == at, event);
                found.extend(relation.map(|relation| (other, number, relation)));
            }
        }
        let identities = &self.identities;
        found.sort_by(|a, b| {
            identities[a.0]
                .key()
                .cmp(identities[b.0].key())
                .then(a.1.cmp(&b.1))
        });
        for (other, number, relation) in found {
            let session = self.identities[other].sessions.iter().nth(number);
            let trigger = Trigger::about(session, "related", event.time, clock);
            let signals = vec![related(event, relation)];
            self.publish_elsewhere(other, number, &trigger, signals, outputs);
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
            // A machine of another partition is stopped there.
            let Some(at) = machine.at else { continue };
            let sessions = &self.identities[at].sessions;
            let Some(number) = sessions.position(machine.session) else {
                continue;
            };
            let session = sessions.iter().nth(number);
            let trigger = Trigger::about(session, "contention", human.time, clock);
            let signals = vec![against(machine, human)];
            self.publish_elsewhere(at, number, &trigger, signals, outputs);
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
        let identities = self.known_identities();
        let (endpoint, _) = self.names.intern(Space::Endpoint, trigger.purpose);
        let (described, _) = self.names.intern(Space::Setting, "");
        let Identity {
            kind,
            sessions,
            ledger,
            standing,
            facts,
            key: name,
            tenant_bytes,
            ..
        } = self.identities.change(at, &self.names);
        let (tenant, id) = (
            &name[..*tenant_bytes as usize],
            &name[*tenant_bytes as usize + 1..],
        );
        let event = trigger.event(tenant, id);
        let (session, _) = sessions.split(number);
        let mut bearer = Bearer::of(&event);
        bearer.session = session.key;
        // About this session alone: what stands for its credential does not answer for it.
        bearer.credential = 0;
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
            entered: Entered {
                begins: false,
                in_order: true,
                rested_ms: 0,
                was_privileged: false,
            },
            is_timer: true,
            is_outage: false,
            peers_do: false,
            is_abroad: false,
            is_egress: false,
            is_listed: false,
            weight: 1.0,
            step: None,
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
            untold: &mut self.untold,
            timers: &mut self.timers,
            at: at as u32,
            identity: self.hashes[at],
            identities,
            clock: trigger.clock,
            heard_from: trigger.heard_from(),
            outputs,
            account: None,
        };
        publisher.publish(&mut signals);
    }
}
