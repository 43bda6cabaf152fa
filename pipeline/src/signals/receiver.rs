//! One receiver: what it is told, what waits for it, and whether its stream flows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plumbline_detectors::glob;
use plumbline_schemas::command::{Action, Command, Mode};
use plumbline_schemas::log_key;
use plumbline_schemas::reject::Reject;
use plumbline_schemas::signals::{Claims, Stream, Untold, claims, jti, verification};
use plumbline_schemas::time::EventTime;
use tokio::sync::Notify;

use crate::config::{Delivery, ReceiverConfig};
use crate::deliver::{Count, Counters, Told, Window, command_of, now};
use crate::serve::answer::Latch;

/// How long a verification is kept for who asked for it.
const VERIFICATION_LIFE_MILLIS: i64 = 3_600_000;
/// How often one may be asked for, in seconds.
pub(super) const VERIFICATION_INTERVAL: i64 = 10;

/// Whether a stream flows (SSF 1.0, section 8.1.2).
///
/// In order of strictness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// Tokens are sent.
    #[default]
    Enabled,
    /// They are kept until it flows again.
    Paused,
    /// They are dropped.
    Disabled,
}

impl Status {
    const ALL: [Self; 3] = [Self::Enabled, Self::Paused, Self::Disabled];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// The status as the receiver has set it, and what is to be done about it.
#[derive(Debug, Default)]
struct Flow {
    status: Status,
    /// Whether it has been changed since it was last committed.
    changed: bool,
    verified: Option<i64>,
    verifications: u64,
}

/// A token that is to reach the receiver, and the command it is made of.
#[derive(Debug)]
pub(super) struct Signal {
    pub(super) claims: Claims,
    /// Tenant and identity.
    pub(super) subject: String,
    pub(super) expires_at: EventTime,
    pub(super) record: Vec<u8>,
}

/// One receiver. Its thread reads and commits; who serves HTTP looks into the same window.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) config: ReceiverConfig,
    pub(super) stream: Stream,
    pub(super) counters: Arc<Counters>,
    /// Somebody may wait for a token that has come.
    pub(super) arrived: Notify,
    access: Option<Latch>,
    window: Mutex<Window<Signal>>,
    flow: Mutex<Flow>,
}

impl Receiver {
    /// `access`: what its access token stands for.
    pub(super) fn new(config: &ReceiverConfig, issuer: &str, access: Option<&str>) -> Self {
        let subject_issuer = config.subject_issuer.as_deref().unwrap_or(issuer);
        let stream = Stream {
            id: config.name.clone(),
            issuer: issuer.to_owned(),
            audience: config.audience.clone(),
            profile: config.profile,
            subject: config.subject,
            subject_issuer: subject_issuer.to_owned(),
            subject_in_event: config.subject_in_event,
        };
        Self {
            config: config.clone(),
            stream,
            counters: Arc::new(Counters::new(&config.name)),
            arrived: Notify::new(),
            access: access.map(Latch::new),
            window: Mutex::default(),
            flow: Mutex::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    /// Whether this bearer token is its own.
    pub(super) fn is_let_in(&self, token: &str) -> bool {
        let access = self.access.as_ref();
        access.is_some_and(|access| access.opens_to(token))
    }

    pub(super) fn window(&self) -> MutexGuard<'_, Window<Signal>> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> Status {
        self.flow().status
    }

    /// The receiver wants it so.
    pub(super) fn set_status(&self, status: Status) {
        let mut flow = self.flow();
        flow.changed |= flow.status != status;
        flow.status = status;
    }

    /// So it was when the offsets of a partition were last committed. The strictest counts: the offsets may
    /// come from a process that was never told to pause.
    pub(super) fn recall_status(&self, status: Status) {
        let mut flow = self.flow();
        if !flow.changed {
            flow.status = flow.status.max(status);
        }
    }

    /// The status, and whether it is yet to be committed.
    pub(super) fn status_to_keep(&self) -> (Status, bool) {
        let flow = self.flow();
        (flow.status, flow.changed)
    }

    /// This status is committed.
    pub(super) fn status_kept(&self, status: Status) {
        let mut flow = self.flow();
        if flow.status == status {
            flow.changed = false;
        }
    }

    /// Puts a verification among what is to be sent, unless one was asked for a moment ago.
    pub(super) fn verify(&self, state: Option<&str>) -> bool {
        let now = now();
        let seconds = now.as_millis() / 1000;
        let mut flow = self.flow();
        if flow
            .verified
            .is_some_and(|at| seconds - at < VERIFICATION_INTERVAL)
        {
            return false;
        }
        flow.verified = Some(seconds);
        flow.verifications += 1;
        let jti = format!(
            "v-{}-{}.{}",
            now.as_millis(),
            flow.verifications,
            self.name()
        );
        drop(flow);
        self.window().read_aside(Signal {
            claims: verification(&self.stream, jti, seconds, state),
            subject: String::new(),
            expires_at: now.plus_millis(VERIFICATION_LIFE_MILLIS),
            record: Vec::new(),
        });
        self.arrived.notify_waiters();
        true
    }

    /// What this record of the control topic, written at that time, is to the receiver.
    pub(super) fn told_of(
        &self,
        record: &[u8],
        published: EventTime,
    ) -> Result<Told<Signal>, Reject> {
        let command = command_of(record)?;
        let job = self.signal(&command, record, published);
        let withdrawn = self.withdrawn(&command, job.is_some());
        Ok(Told { job, withdrawn })
    }

    fn signal(&self, command: &Command, record: &[u8], published: EventTime) -> Option<Signal> {
        if !self.is_concerned(command) || self.status() == Status::Disabled {
            return None;
        }
        match claims(command, &self.stream, published) {
            Ok(claims) => Some(Signal {
                claims,
                subject: log_key(&command.target.tenant, &command.target.identity),
                expires_at: command.expires_at,
                record: record.to_vec(),
            }),
            Err(Untold::NoEvent) => None,
            Err(Untold::NoSubject) => {
                self.counters.add(Count::Impossible);
                tracing::debug!(
                    receiver = self.name(),
                    command = command.id,
                    "nobody to tell of"
                );
                None
            }
        }
    }

    /// The token of the command that this one undoes or replaces. What is replaced by something of which the
    /// receiver is not told, or not in time, or not as an order, is better than nothing.
    fn withdrawn(&self, command: &Command, is_told: bool) -> Option<String> {
        let undoes = command.action.strength().is_none();
        let replaces = is_told && command.mode == Mode::Enforce && command.expires_at > now();
        let superseded = command.supersedes.as_deref();
        let superseded = superseded.filter(|_| undoes || replaces)?;
        Some(jti(superseded, &self.stream))
    }

    fn is_concerned(&self, command: &Command) -> bool {
        let mut tenants = self.config.tenants.iter();
        (command.mode == Mode::Enforce || self.config.observe)
            && self.config.wants(command.action)
            && tenants.any(|tenant| glob::matches(tenant, &command.target.tenant))
    }

    /// The actions it is told of, in the order of the vocabulary.
    pub(super) fn actions(&self) -> impl Iterator<Item = Action> {
        let told = self.config.profile.actions();
        told.filter(|action| self.config.wants(*action))
    }

    pub(super) fn is_polling(&self) -> bool {
        self.config.delivery == Delivery::Poll
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn receiver(more: &str) -> Receiver {
        let text = format!("name = 'bot'\naudience = 'a'\ndelivery = 'kafka'\n{more}");
        let config = toml::from_str(&text).expect("read");
        Receiver::new(&config, "https://signals.example.com", None)
    }

    fn told(
        receiver: &Receiver,
        id: &str,
        action: &str,
        mode: &str,
        expires: &str,
    ) -> Told<Signal> {
        let command: Value = json!({
            "id": id, "time": "2026-11-16T09:26:00Z", "expires_at": expires,
            "action": action, "mode": mode, "supersedes": "c-0",
            "target": { "tenant": "acme", "identity": "ann", "kind": "human", "session_id": "s-1" },
            "reason": { "summary": "x", "risk": 8, "detectors": [], "finding_ids": [] },
        });
        let told = receiver.told_of(command.to_string().as_bytes(), now());
        told.expect("a command")
    }

    #[test]
    fn only_what_undoes_or_is_told_instead_withdraws() {
        let receiver = receiver("observe = true\nactions = ['step_up', 'revoke_session']");
        let (later, past) = ("2096-11-16T09:26:00Z", "2026-11-16T10:26:00Z");
        for (action, mode, expires, expected) in [
            ("restore", "enforce", later, true),
            ("resume", "enforce", past, true),
            ("restore", "observe", later, true),
            ("revoke_session", "enforce", later, true),
            ("revoke_session", "enforce", past, false),
            ("revoke_session", "observe", later, false),
            ("revoke_all", "enforce", later, false),
        ] {
            let told = told(&receiver, "c-1", action, mode, expires);
            let withdrawn = expected.then(|| "c-0.bot".to_owned());
            assert_eq!(told.withdrawn, withdrawn, "{action} {mode} {expires}");
        }
    }

    #[test]
    fn the_strictest_status_that_is_recalled_counts_until_the_receiver_says_otherwise() {
        let receiver = receiver("");
        for (recalled, expected) in [
            (Status::Enabled, Status::Enabled),
            (Status::Paused, Status::Paused),
            (Status::Enabled, Status::Paused),
            (Status::Disabled, Status::Disabled),
            (Status::Paused, Status::Disabled),
        ] {
            receiver.recall_status(recalled);
            assert_eq!(receiver.status(), expected, "{recalled:?}");
        }
        receiver.set_status(Status::Enabled);
        receiver.recall_status(Status::Paused);
        assert_eq!(receiver.status(), Status::Enabled);
    }
}
