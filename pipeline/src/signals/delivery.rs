//! How a receiver gets its tokens: posted, written to a topic, or when it polls.

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use plumbline_schemas::reject::Reject;
use plumbline_schemas::signals::Claims;
use plumbline_schemas::time::EventTime;
use rdkafka::message::{Message, OwnedMessage};

use super::keys::Keys;
use super::push::Pusher;
use super::receiver::{Receiver, Signal, Status};
use crate::deliver::{
    Count, Counters, Job, Session, SessionError, Told, Turn, Window, Work, time_left,
};

impl Job for Signal {
    fn id(&self) -> &str {
        &self.claims.jti
    }

    fn subject(&self) -> &str {
        &self.subject
    }

    fn expires_at(&self) -> EventTime {
        self.expires_at
    }

    fn record(&self) -> &[u8] {
        &self.record
    }
}

/// A receiver, and what its thread needs beside it.
pub(super) struct Desk {
    pub(super) receiver: Arc<Receiver>,
    pub(super) keys: Arc<Keys>,
    /// Where its delivery is by push.
    pub(super) pusher: Option<Pusher>,
    pub(super) give_up_after: Duration,
}

impl Work for Desk {
    type Job = Signal;

    fn name(&self) -> (&'static str, &str) {
        ("receiver", self.receiver.name())
    }

    fn header(&self) -> &'static str {
        "plumbline_receiver"
    }

    fn window(&self) -> MutexGuard<'_, Window<Signal>> {
        self.receiver.window()
    }

    fn counters(&self) -> &Counters {
        &self.receiver.counters
    }

    fn read(&self, record: &[u8], published: EventTime) -> Result<Told<Signal>, Reject> {
        self.receiver.told_of(record, published)
    }

    fn arrived(&self) {
        self.receiver.arrived.notify_waiters();
    }

    fn hand_on(
        &self,
        session: &mut Session<'_, Self>,
        turns: Vec<Turn<Signal>>,
    ) -> Result<(), SessionError> {
        let status = self.receiver.status();
        let flows = status == Status::Enabled;
        if status == Status::Disabled {
            let mut window = self.receiver.window();
            turns.iter().for_each(|turn| window.settle(turn.place));
        }
        match (&self.pusher, &self.receiver.config.topic) {
            (Some(pusher), _) => {
                if flows {
                    session.request(turns, |signal| {
                        let token = self.sign(signal)?;
                        Ok(pusher.clone().push(token, time_left(signal)))
                    })?;
                }
                session.take_answers()
            }
            (None, Some(topic)) if flows => self.write(session, topic, turns),
            // It polls.
            (None, None) if flows => {
                self.give_up_unacknowledged(&turns);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn mark(&self) -> (&'static str, bool) {
        let (status, changed) = self.receiver.status_to_keep();
        (status.as_str(), changed)
    }

    fn recall_mark(&self, word: &str) {
        if let Some(status) = Status::parse(word) {
            self.receiver.recall_status(status);
        }
    }

    fn mark_kept(&self, word: &str) {
        if let Some(status) = Status::parse(word) {
            self.receiver.status_kept(status);
        }
    }
}

impl Desk {
    fn sign(&self, signal: &Signal) -> Result<String, SessionError> {
        let signed = self.keys.sign(&signal.claims);
        signed.map_err(|error| SessionError::Broken(error.to_string()))
    }

    /// Delivers to a topic: all that have their turn at once.
    fn write(
        &self,
        session: &Session<'_, Self>,
        topic: &str,
        turns: Vec<Turn<Signal>>,
    ) -> Result<(), SessionError> {
        let mut sent = Vec::with_capacity(turns.len());
        for turn in turns {
            let token = self.sign(&turn.job)?;
            let Signal {
                claims, subject, ..
            } = &*turn.job;
            let pairs = cloud_event(subject, claims);
            let outbox = session.outbox();
            outbox.send(topic, subject.as_bytes(), token.as_bytes(), &pairs)?;
            sent.push((turn, token));
        }
        if sent.is_empty() {
            return Ok(());
        }
        let refused = session.outbox().deliver()?;
        let receiver = &self.receiver;
        for (turn, token) in sent {
            if refused.iter().any(|message| holds(message, &token)) {
                receiver.counters.add(Count::Failures);
                let reason = "the token is larger than its topic takes".to_owned();
                receiver.window().give_up(turn.place, reason);
            } else {
                receiver.counters.add(Count::Done);
                receiver.window().settle(turn.place);
            }
        }
        Ok(())
    }

    /// Who fetches a token again and again and never says that he has it keeps all others about the same
    /// identity from himself.
    fn give_up_unacknowledged(&self, turns: &[Turn<Signal>]) {
        for turn in turns {
            let since = turn.tries.since;
            if since.is_some_and(|since| since.elapsed() >= self.give_up_after) {
                let times = turn.tries.failed;
                let reason = format!("not acknowledged, handed out {times} times");
                self.receiver.window().give_up(turn.place, reason);
            }
        }
    }
}

/// Whether this is the record of that token.
fn holds(message: &OwnedMessage, token: &str) -> bool {
    message.payload() == Some(token.as_bytes())
}

/// There is no standard for tokens on Kafka. A CloudEvent can be routed and told from an earlier one
/// without the token being parsed.
fn cloud_event(subject: &str, claims: &Claims) -> Vec<(&'static str, String)> {
    let issued = EventTime::from_millis(claims.iat.saturating_mul(1000));
    let mut pairs = vec![
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", claims.jti.clone()),
        ("ce_source", claims.iss.clone()),
        ("ce_type", claims.event_type().to_owned()),
        ("ce_time", issued.to_string()),
        ("ce_subject", subject.to_owned()),
        ("content-type", "application/secevent+jwt".to_owned()),
    ];
    if let Some(txn) = &claims.txn {
        pairs.push(("ce_txn", txn.clone()));
    }
    pairs
}
