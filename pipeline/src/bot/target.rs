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
use plumbline_schemas::shown::plain;
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

    /// Whether it is about somebody whom this target knows. What is only observed is nobody's business.
    fn is_known(&self, command: &Command) -> bool {
        let mut tenants = self.config.tenants.iter();
        command.mode == Mode::Enforce
            && tenants.any(|tenant| glob::matches(tenant, &command.target.tenant))
    }

    /// Whether it is to obey this command at all.
    fn is_concerned(&self, command: &Command) -> bool {
        self.is_known(command) && self.config.wants(command.action)
    }

    /// Remembers that this command stands. One that somebody else carries out does too: it may replace one that
    /// was carried out here, and what lifts it then is to lift that.
    fn note(&self, command: &Command) {
        if self.is_known(command) {
            let is_obeyed = self.is_concerned(command);
            self.memory().note(command, is_obeyed, now());
        }
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

    /// What the command becomes, or why it cannot be carried out.
    fn deed(&self, command: &Command) -> Result<Deed, &'static str> {
        match &self.means {
            Means::Keycloak(keycloak) => {
                let lifting = self.memory().lifting(command, now());
                let steps = keycloak.plan(command, lifting)?;
                Ok(Deed::Keycloak(keycloak.clone(), steps))
            }
            Means::Webhook(webhook) => Ok(Deed::Webhook(webhook.clone())),
            Means::Revocation(revocation) => {
                if !self.config.kind.can(command.action) {
                    return Err("Global Token Revocation has no means for it");
                }
                let subject = revocation.subject(&command.target);
                let subject = subject.ok_or("its subject cannot be named in that format")?;
                Ok(Deed::Revocation(revocation.clone(), subject))
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

    /// Whether there is nothing to do: the command has been dealt with, or cannot be carried out.
    /// Either is said.
    fn is_decided(&self, command: &Command, outbox: &Outbox<'_>) -> Result<bool, KafkaError> {
        let said = self.memory().said_of(&command.id);
        if let Some(verdict) = said {
            // It was sent again since nobody had heard of it.
            self.say(command, verdict, outbox)?;
            return Ok(true);
        }
        let Err(reason) = self.deed(command) else {
            return Ok(false);
        };
        self.counters.add(Count::Impossible);
        let (target, id, action) = (self.name(), &command.id, command.action.as_str());
        tracing::warn!(target, id, action, reason, "it cannot be carried out");
        self.say(command, Verdict::Failed, outbox)?;
        Ok(true)
    }

    /// Tells what would be done.
    fn rehearse(&self, order: &Order) {
        // A reader that has gone away wants no more.
        let _ = writeln!(io::stdout(), "{}", self.tell(order));
        self.remember(&order.command, Verdict::Acked);
    }

    /// What would be done, in a line. Ids come from logs.
    fn tell(&self, order: &Order) -> String {
        let command = &order.command;
        let deed = match self.deed(command) {
            Ok(deed) => deed.tell(command),
            Err(reason) => format!("not possible: {reason}"),
        };
        let (name, id, action, subject) =
            (self.name(), &command.id, command.action, &order.subject);
        plain(&format!("{name}: {id} {action} of {subject}: {deed}"))
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
        self.note(&command);
        let job = self.is_concerned(&command).then(|| Order {
            subject: log_key(&command.target.tenant, &command.target.identity),
            command,
            record: record.to_vec(),
        });
        Ok(Told { job, withdrawn })
    }

    /// Only where something is undone is it asked what stands.
    fn looks_back(&self) -> Option<Duration> {
        matches!(self.means, Means::Keycloak(_)).then_some(LONGEST)
    }

    fn recall(&self, record: &[u8]) {
        // What cannot be read was a dead letter then.
        let Ok(command) = command_of(record) else {
            return;
        };
        self.note(&command);
        if self.is_concerned(&command) {
            self.memory().lift(&command);
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
            let gone =
                |reason: &str| SessionError::Broken(format!("{}: {reason}", order.command.id));
            Ok(deed.map_err(gone)?.carry_out(order))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::memory::tests::command;

    fn target(more: &str) -> Target {
        let text = format!(
            "[[bot.target]]\nname = 'sso'\nurl = 'https://sso.example.com'\nsecret = 's'\n{more}"
        );
        let config: Config = toml::from_str(&text).expect("read");
        Target::new(&config.bot.target[0], &config).expect("a target")
    }

    fn keycloak(more: &str) -> Target {
        target(&format!(
            "kind = 'keycloak'\nrealm = 'acme'\nclient_id = 'bot'\n{more}"
        ))
    }

    /// As the session has it read: with what is withdrawn taken away.
    fn read(target: &Target, offset: i64, command: &Command) {
        let record = serde_json::to_vec(command).expect("JSON");
        let told = target.read(&record, now()).expect("a command");
        let mut window = target.window();
        if let Some(id) = told.withdrawn {
            window.withdraw(&id);
        }
        window.read((0, offset), told.job);
    }

    fn would(target: &Target, command: &Command) -> String {
        let deed = target.deed(command);
        deed.map_or_else(|reason| reason.to_owned(), |deed| deed.tell(command))
    }

    #[test]
    fn what_somebody_else_carries_out_hands_the_lock_on_that_it_has_replaced() {
        let target = keycloak("actions = ['pause', 'resume', 'restore']");
        let pause = command("c-1", "pause", None);
        read(&target, 0, &pause);
        target.window().settle((0, 0));
        target.remember(&pause, Verdict::Acked);
        read(&target, 1, &command("c-2", "revoke_all", Some("c-1")));
        assert_eq!(target.window().len(), 0);
        let restore = command("c-3", "restore", Some("c-2"));
        assert_eq!(would(&target, &restore), "enable user ann");
        // The same after a start.
        let target = keycloak("actions = ['pause', 'resume', 'restore']");
        for command in [pause, command("c-2", "revoke_all", Some("c-1"))] {
            target.recall(&serde_json::to_vec(&command).expect("JSON"));
        }
        assert_eq!(would(&target, &restore), "enable user ann");
    }

    #[test]
    fn what_is_not_known_is_not_restored() {
        let target = keycloak("");
        let restore = command("c-2", "restore", Some("c-1"));
        assert!(would(&target, &restore).contains("not known"));
        let resume = command("c-3", "resume", Some("c-1"));
        assert_eq!(would(&target, &resume), "enable user ann");
    }

    #[test]
    fn an_id_moves_no_cursor_of_who_looks_at_a_rehearsal() {
        let target = keycloak("");
        let mut command = command("c-1", "revoke_session", None);
        command.target.session_id = Some("s\u{1b}[2J\nsso: c-2".to_owned());
        command.target.identity = "ann\u{202e}".to_owned();
        let order = Order {
            subject: log_key(&command.target.tenant, &command.target.identity),
            record: Vec::new(),
            command,
        };
        assert_eq!(
            target.tell(&order),
            r"sso: c-1 revoke_session of acme/ann\u{202e}: end session s\u{1b}[2J\nsso: c-2"
        );
    }

    #[test]
    fn only_who_undoes_something_reads_back() {
        assert_eq!(keycloak("").looks_back(), Some(LONGEST));
        assert_eq!(target("kind = 'webhook'").looks_back(), None);
    }
}
