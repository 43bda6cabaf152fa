//! Whether bots have done what they were told: `[policy.acknowledge]`, and what failed.
//!
//! A command that nobody acknowledges is sent once more, the same bytes under the same id, so that a bot
//! that did get it acts once. When that is not acknowledged either, it is said loudly: what was to be
//! locked out is not.

use plumbline_schemas::command::{Command, Mode};
use plumbline_schemas::event::{Event, Verdict};
use plumbline_schemas::finding::{Finding, Severity, Subject};
use plumbline_schemas::time::EventTime;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::answer::{command_id, finding_id, number_of};
use crate::config::Span;
use crate::engine::{Engine, Output};
use crate::feedback::{acknowledge, meant};
use crate::identity::Identity;
use crate::policy::standing::Standing;
use crate::risk::{self, SessionLedger};
use crate::signal::evidence;
use crate::state::codec::{as_json, stored};
use crate::timers::Timer;
use crate::units::Bits;

/// Published under these names, like `breaker`: they say nothing of what an identity did.
const UNACKNOWLEDGED: &str = "unacknowledged_command";
const FAILED: &str = "enforcement_failed";

/// A command that waits for a bot to say that it has acted.
#[derive(Debug)]
pub(crate) struct Awaited {
    pub(crate) command: Command,
    /// The event that led to it, or the last one of a session that the passing of time ends.
    pub(crate) event_id: Option<String>,
    /// Until when it waits.
    pub(crate) due: EventTime,
    /// How often it has been published.
    pub(crate) sent: u8,
    /// Whether it has waited in vain once.
    pub(crate) is_last: bool,
}
stored!(Awaited { command: via as_json, event_id, due, sent, is_last });

impl Awaited {
    /// Bytes held, all of it.
    pub(crate) fn bytes(&self) -> usize {
        let (command, reason) = (&self.command, &self.command.reason);
        let target = &command.target;
        let texts = [
            &command.id,
            &target.tenant,
            &target.identity,
            &reason.summary,
        ];
        let optional = [
            &target.session_id,
            &target.credential_id,
            &command.supersedes,
            &self.event_id,
        ];
        let texts = texts.into_iter().chain(optional.into_iter().flatten());
        let listed = reason.detectors.iter().chain(&reason.finding_ids);
        let listed = listed.map(|text| size_of::<String>() + text.capacity());
        size_of::<Self>() + texts.map(String::capacity).sum::<usize>() + listed.sum::<usize>()
    }
}

impl Engine {
    /// The time in which commands that began in this session were to be acknowledged is over.
    pub(crate) fn miss(&mut self, timer: Timer, clock: EventTime, outputs: &mut Vec<Output>) {
        let Some(within) = self.config.policy.acknowledge.within else {
            return;
        };
        // What has stopped enforcement does not send a command again. That nobody acted is told.
        let breaker = &self.config.policy.breaker;
        let known = self.known_identities();
        let at = timer.identity as usize;
        let hash = self.hashes[at];
        let is_stopped = self.breaker.is_open(breaker, hash, known, clock);
        let identity = self.identities.change(at, &self.names);
        let mut missed: Vec<Box<Awaited>> = Vec::new();
        for standing in identity.standing.iter_mut() {
            let is_due = |awaited: &mut Box<Awaited>| awaited.due == timer.due;
            if standing.began_in != timer.session {
                continue;
            }
            let Some(mut awaited) = standing.awaited.take_if(is_due) else {
                continue;
            };
            if standing.expires <= timer.due {
                continue;
            }
            if awaited.is_last {
                missed.push(awaited);
                continue;
            }
            if !is_stopped {
                outputs.push(Output::Command(Box::new(awaited.command.clone())));
                awaited.sent += 1;
            }
            awaited.is_last = true;
            // Counted from the first time and not from the clock, which others move.
            awaited.due = timer.due.plus_millis(within.as_millis());
            let due = awaited.due;
            self.timers.set(Timer { due, ..timer });
            standing.awaited = Some(awaited);
        }
        for awaited in missed {
            let finding = unacknowledged(identity, &awaited, timer.due, within);
            outputs.push(Output::Finding(Box::new(finding)));
        }
    }

    /// A bot says that it has done, or could not do, what it was told.
    pub(crate) fn hear_bot(&mut self, at: usize, event: &Event<'_>, outputs: &mut Vec<Output>) {
        let identity = self.identities.change(at, &self.names);
        let verdict = event.feedback.verdict.known();
        let mut failed: Vec<u64> = Vec::new();
        for standing in identity.standing.iter_mut() {
            if !meant(standing, event) {
                continue;
            }
            standing.awaited = None;
            // Nobody was to act on what is only observed, or has expired.
            if standing.mode == Mode::Enforce && standing.expires > event.time {
                failed.push(standing.id);
            }
        }
        match verdict {
            Some(Verdict::Acked) => acknowledge(identity, event),
            Some(Verdict::Failed) => {
                let failed = identity
                    .standing
                    .iter()
                    .filter(|standing| failed.contains(&standing.id));
                let findings = failed.map(|standing| enforcement_failed(identity, standing, event));
                outputs.extend(findings.map(|finding| Output::Finding(Box::new(finding))));
            }
            _ => {}
        }
    }
}

/// Nobody has acknowledged a command.
fn unacknowledged(
    identity: &Identity,
    awaited: &Awaited,
    time: EventTime,
    within: Span,
) -> Finding {
    let Awaited { command, sent, .. } = awaited;
    let times = match sent {
        1 => "once".to_owned(),
        sent => format!("{sent} times"),
    };
    let summary = format!(
        "No bot has acknowledged {} of {}, sent {times}: it may still be able to act",
        command.action, command.target.identity
    );
    let evidence = json!({
        "command_id": command.id, "action": command.action, "commanded_at": command.time,
        "expires_at": command.expires_at, "sent": sent, "within": within.to_string(),
        "finding_ids": command.reason.finding_ids,
        "silent_if": format!("a bot had said acked or failed of {} within {within}", command.id),
    });
    let number = xxh3_64_with_seed(
        UNACKNOWLEDGED.as_bytes(),
        xxh3_64_with_seed(command.id.as_bytes(), 0),
    );
    let target = &command.target;
    let began = identity
        .standing
        .iter()
        .find(|standing| command_id(standing.id) == command.id);
    Finding {
        session_id: target.session_id.clone(),
        credential_id: target.credential_id.clone(),
        event_ids: awaited.event_id.iter().cloned().collect(),
        ..about(
            identity,
            began,
            (UNACKNOWLEDGED, number, time),
            summary,
            evidence,
        )
    }
}

/// A bot could not do what it was told.
fn enforcement_failed(identity: &Identity, standing: &Standing, event: &Event<'_>) -> Finding {
    let (action, command) = (standing.action, command_id(standing.id));
    let by = event.feedback.by.as_deref();
    let bot = by.unwrap_or("a bot");
    let summary = format!(
        "{bot} could not enforce {action} of {}: it may still be able to act",
        identity.id()
    );
    let evidence = json!({
        "command_id": command, "action": action, "commanded_at": standing.given,
        "expires_at": standing.expires, "by": by,
        "silent_if": format!("the bot had said acked of {command}"),
    });
    let began = identity
        .sessions
        .iter()
        .find(|session| session.key == standing.began_in);
    let began = began.and_then(|session| session.id.as_ref());
    let stated = event.session.id.as_deref().map(str::to_owned);
    let number = number_of(event, FAILED) ^ standing.id.rotate_left(17);
    Finding {
        session_id: began.map(ToString::to_string).or(stated),
        credential_id: event.credential.id.as_deref().map(str::to_owned),
        event_ids: vec![event.id.as_ref().to_owned()],
        ..about(
            identity,
            Some(standing),
            (FAILED, number, event.time),
            summary,
            evidence,
        )
    }
}

/// What both findings have in common.
fn about(
    identity: &Identity,
    standing: Option<&Standing>,
    (detector, number, time): (&str, u64, EventTime),
    summary: String,
    said: Value,
) -> Finding {
    let began = |key: u32| identity.sessions.iter().find(|session| session.key == key);
    let session = standing.and_then(|standing| began(standing.began_in));
    let forgotten = SessionLedger::default();
    let ledger = session.map_or(&forgotten, |session| &session.ledger);
    Finding {
        id: finding_id(number),
        time,
        tenant: identity.tenant().to_owned(),
        identity: Subject {
            id: identity.id().to_owned(),
            kind: identity.kind,
        },
        session_id: None,
        credential_id: None,
        detector: detector.to_owned(),
        severity: Severity::High,
        surprise_bits: Bits::ZERO.0,
        risk: risk::shown(ledger, &identity.ledger, time),
        technique: Vec::new(),
        summary,
        evidence: evidence(said),
        event_ids: Vec::new(),
    }
}
