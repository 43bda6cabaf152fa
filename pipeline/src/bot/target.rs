//! One target: which commands are its business, what became of each, and its means.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::Uri;
use plumbline_detectors::glob;
use plumbline_schemas::command::{Command, Mode};
use plumbline_schemas::event::Verdict;
use plumbline_schemas::log_key;
use plumbline_schemas::reject::Reject;
use plumbline_schemas::time::EventTime;
use rdkafka::error::KafkaError;

use super::BotError;
use super::feedback::feedback;
use super::keycloak::{self, Keycloak};
use super::memory::{LONGEST, Memory};
use super::revocation::Revocation;
use super::webhook::Webhook;
use crate::config::{Config, TargetConfig, TargetKind, resolve};
use crate::deliver::{
    Answer, Count, Counters, DeliverError, Http, Job, Outbox, Session, SessionError, Told, Turn,
    Window, Work, bearer, command_of, now, time_left,
};
use crate::run::span;

/// A command, and the record it was read from.
#[derive(Debug)]
pub(super) struct Order {
    command: Command,
    subject: String,
    record: Vec<u8>,
}

impl Job for Order {
    fn id(&self) -> &str {
        &self.command.id
    }

    fn subject(&self) -> &str {
        &self.subject
    }

    fn expires_at(&self) -> EventTime {
        self.command.expires_at
    }

    fn record(&self) -> &[u8] {
        &self.record
    }
}

/// What a command becomes.
enum Deed {
    Keycloak(Keycloak, Vec<keycloak::Step>),
    Webhook(Webhook),
    Revocation(Revocation, serde_json::Value),
}

/// With what commands are carried out.
enum Means {
    Keycloak(Keycloak),
    Webhook(Webhook),
    Revocation(Revocation),
}

/// One target. Its thread alone uses it.
pub(super) struct Target {
    config: TargetConfig,
    feedback: String,
    rehearses: bool,
    means: Means,
    counters: Arc<Counters>,
    window: Mutex<Window<Order>>,
    memory: Mutex<Memory>,
}

impl Target {
    pub(super) fn new(target: &TargetConfig, config: &Config) -> Result<Self, BotError> {
        Ok(Self {
            config: target.clone(),
            feedback: config.kafka.topics.feedback.clone(),
            rehearses: config.bot.dry_run,
            means: means(target, config)?,
            counters: Arc::new(Counters::new(&target.name)),
            window: Mutex::default(),
            memory: Mutex::default(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is to obey this command at all. What is only observed is nobody's business.
    fn is_concerned(&self, command: &Command) -> bool {
        let mut tenants = self.config.tenants.iter();
        command.mode == Mode::Enforce
            && self.config.wants(command.action)
            && tenants.any(|tenant| glob::matches(tenant, &command.target.tenant))
    }

    /// The command that this one undoes or replaces: it need not be carried out any more. What is replaced by
    /// something that is not carried out is better than nothing.
    fn withdrawn(&self, command: &Command) -> Option<String> {
        let undoes = command.action.strength().is_none();
        let replaces = self.is_concerned(command)
            && self.config.kind.can(command.action)
            && command.expires_at > now();
        let superseded = command.supersedes.clone();
        superseded.filter(|_| replaces || (undoes && command.mode == Mode::Enforce))
    }

    /// What the command becomes; none where there are no means to carry it out.
    fn deed(&self, command: &Command) -> Option<Deed> {
        match &self.means {
            Means::Keycloak(keycloak) => {
                let lifting = self.memory().lifting(command, now());
                let steps = keycloak::plan(command, lifting)?;
                Some(Deed::Keycloak(keycloak.clone(), steps))
            }
            Means::Webhook(webhook) => Some(Deed::Webhook(webhook.clone())),
            Means::Revocation(revocation) => {
                let can = self.config.kind.can(command.action);
                let subject = can.then(|| revocation.subject(&command.target)).flatten()?;
                Some(Deed::Revocation(revocation.clone(), subject))
            }
        }
    }

    /// Writes what became of the command, and remembers it.
    fn say(
        &self,
        command: &Command,
        verdict: Verdict,
        outbox: &Outbox<'_>,
    ) -> Result<(), KafkaError> {
        let key = log_key(&command.target.tenant, &command.target.identity);
        let event = feedback(command, verdict, self.name(), now());
        self.remember(command, verdict);
        outbox.send(&self.feedback, key.as_bytes(), event.as_bytes(), &[])
    }

    fn remember(&self, command: &Command, verdict: Verdict) {
        let mut memory = self.memory();
        memory.say(command, verdict);
        if verdict == Verdict::Acked {
            memory.lift(command);
        }
    }

    /// Whether there is nothing to do: the command has been dealt with, or there are no means to carry it out.
    /// Either is said.
    fn is_decided(&self, command: &Command, outbox: &Outbox<'_>) -> Result<bool, KafkaError> {
        let said = self.memory().said_of(&command.id);
        if let Some(verdict) = said {
            // It was sent again since nobody had heard of it.
            self.say(command, verdict, outbox)?;
            return Ok(true);
        }
        if self.deed(command).is_some() {
            return Ok(false);
        }
        self.counters.add(Count::Impossible);
        let (target, id, action) = (self.name(), &command.id, command.action.as_str());
        tracing::warn!(target, id, action, "there are no means to carry it out");
        self.say(command, Verdict::Failed, outbox)?;
        Ok(true)
    }

    /// Tells what would be done.
    fn rehearse(&self, order: &Order) {
        let command = &order.command;
        let deed = self.deed(command);
        let deed = deed.map_or_else(|| "not possible".to_owned(), |deed| deed.tell(command));
        let (name, id, action, subject) =
            (self.name(), &command.id, command.action, &order.subject);
        // A reader that has gone away wants no more.
        let _ = writeln!(io::stdout(), "{name}: {id} {action} of {subject}: {deed}");
        self.remember(command, Verdict::Acked);
    }
}

fn means(target: &TargetConfig, config: &Config) -> Result<Means, BotError> {
    let owner = format!("target `{}`", target.name);
    let directory = &config.kafka.directory;
    let http = Http::new(span(config.bot.timeout)).map_err(DeliverError::from)?;
    let secret = || resolve(target.secret.as_ref(), directory, &owner, "secret");
    // What is missing here was refused when the file was read.
    let said = |value: &Option<String>| value.clone().unwrap_or_default();
    let url = || target.url.parse::<Uri>().unwrap_or_default();
    Ok(match target.kind {
        TargetKind::Keycloak => Means::Keycloak(Keycloak::new(
            http,
            &target.url,
            &said(&target.realm),
            &said(&target.client_id),
            secret()?.unwrap_or_default(),
        )),
        TargetKind::Webhook => {
            let secret = secret()?.unwrap_or_default();
            Means::Webhook(Webhook::new(http, url(), &secret))
        }
        TargetKind::GlobalTokenRevocation => {
            let token = resolve(target.token.as_ref(), directory, &owner, "token")?;
            let wrong = || BotError::Token(target.name.clone());
            let authorization = token.map(|token| bearer(&token).ok_or_else(wrong));
            Means::Revocation(Revocation {
                http,
                url: url(),
                authorization: authorization.transpose()?,
                format: target.subject,
                issuer: said(&target.subject_issuer),
            })
        }
    })
}

impl Deed {
    fn tell(&self, command: &Command) -> String {
        match self {
            Self::Keycloak(_, steps) => keycloak::tell(steps),
            Self::Webhook(webhook) => webhook.tell(command),
            Self::Revocation(revocation, subject) => revocation.tell(subject),
        }
    }

    fn carry_out(self, order: &Order) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        let left = time_left(order);
        match self {
            Self::Keycloak(keycloak, steps) => Box::pin(keycloak.carry_out(steps, left)),
            Self::Webhook(webhook) => {
                let (id, record) = (order.command.id.clone(), order.record.clone());
                Box::pin(webhook.carry_out(id, record, left))
            }
            Self::Revocation(revocation, subject) => Box::pin(revocation.carry_out(subject, left)),
        }
    }
}

impl Work for Target {
    type Job = Order;

    fn name(&self) -> (&'static str, &str) {
        ("target", &self.config.name)
    }

    fn header(&self) -> &'static str {
        "plumbline_target"
    }

    fn window(&self) -> MutexGuard<'_, Window<Order>> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn read(&self, record: &[u8], _published: EventTime) -> Result<Told<Order>, Reject> {
        let command = command_of(record)?;
        let withdrawn = self.withdrawn(&command);
        let job = self.is_concerned(&command).then(|| {
            self.memory().note(&command, now());
            Order {
                subject: log_key(&command.target.tenant, &command.target.identity),
                command,
                record: record.to_vec(),
            }
        });
        Ok(Told { job, withdrawn })
    }

    fn looks_back(&self) -> Option<Duration> {
        Some(LONGEST)
    }

    fn recall(&self, record: &[u8]) {
        // What cannot be read was a dead letter then.
        let Ok(command) = command_of(record) else {
            return;
        };
        if self.is_concerned(&command) {
            let mut memory = self.memory();
            memory.note(&command, now());
            memory.lift(&command);
        }
    }

    fn hand_on(
        &self,
        session: &mut Session<'_, Self>,
        turns: Vec<Turn<Order>>,
    ) -> Result<(), SessionError> {
        let (mut settled, mut waiting) = (Vec::new(), Vec::new());
        for turn in turns {
            if self.rehearses {
                self.rehearse(&turn.job);
                settled.push(turn.place);
            } else if self.is_decided(&turn.job.command, session.outbox())? {
                settled.push(turn.place);
            } else {
                waiting.push(turn);
            }
        }
        session.settle(&settled)?;
        session.request(waiting, |order| {
            let deed = self.deed(&order.command);
            let gone = || SessionError::Broken("the means of a command are gone".to_owned());
            Ok(deed.ok_or_else(gone)?.carry_out(order))
        })?;
        session.take_answers()
    }

    fn done(&self, order: &Order, outbox: &Outbox<'_>) -> Result<(), KafkaError> {
        self.counters.add(Count::Done);
        self.say(&order.command, Verdict::Acked, outbox)
    }

    fn gave_up(&self, order: &Order, outbox: &Outbox<'_>) -> Result<(), KafkaError> {
        self.say(&order.command, Verdict::Failed, outbox)
    }
}
