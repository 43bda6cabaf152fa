//! What came out of a story, and the questions the catalogue asks of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use plumbline_schemas::command::{Action, Command, Mode};
use plumbline_schemas::finding::Finding;

use crate::clock::{self, MINUTE};

/// The findings and commands of a story.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Row and seed, for whoever reads a failure.
    title: String,
    begins: Option<i64>,
    /// In the order in which they were published.
    pub findings: Vec<Finding>,
    /// In the order in which they were published.
    pub commands: Vec<Command>,
}

/// A command that must be there.
#[derive(Clone, Debug)]
pub struct Expect<'r> {
    ran: &'r Ran,
    identity: String,
    session: Option<String>,
    credential: Option<String>,
    from: i64,
    until: i64,
}

impl Ran {
    pub(crate) fn new(row: &str, seed: u64, begins: Option<i64>) -> Self {
        Self {
            title: format!("row {row}, seed {seed}"),
            begins,
            findings: Vec::new(),
            commands: Vec::new(),
        }
    }

    /// When the story began, after ordinary life.
    pub fn begins(&self) -> Option<i64> {
        self.begins
    }

    /// The benign twin: no command at all.
    pub fn silent(&self) {
        self.nothing(|_| true, "no command was to come");
    }

    /// No command from a time on.
    pub fn silent_since(&self, time: i64) {
        self.nothing(
            |command| command.time.as_millis() >= time,
            &format!("no command was to come from {} on", clock::written(time)),
        );
    }

    /// No command for an identity.
    pub fn silent_for(&self, identity: &str) {
        self.nothing(
            |command| command.target.identity == identity,
            &format!("no command was to come for {identity}"),
        );
    }

    /// No command between two times, the second excluded.
    pub fn silent_between(&self, from: i64, until: i64) {
        self.nothing(
            |command| (from..until).contains(&command.time.as_millis()),
            &format!(
                "no command was to come from {} until {}",
                clock::written(from),
                clock::written(until)
            ),
        );
    }

    /// Ordinary life before the story began was silent.
    pub fn history_silent(&self) {
        let begins = self.begins.unwrap_or(i64::MIN);
        self.nothing(
            |command| command.time.as_millis() < begins,
            "ordinary life was to be silent",
        );
    }

    fn nothing(&self, is_meant: impl Fn(&Command) -> bool, promise: &str) {
        let came: Vec<&Command> = self
            .commands
            .iter()
            .filter(|command| is_meant(command))
            .collect();
        if let Some(first) = came.first() {
            self.fail(&format!(
                "{promise}, but {} came, the first: {}",
                came.len(),
                shown(first)
            ));
        }
    }

    /// A command for an identity, since the story began; ordinary life before it was silent.
    pub fn expect(&self, identity: &str) -> Expect<'_> {
        self.history_silent();
        self.expect_anyway(identity)
    }

    /// As `expect`, where commands in the history are no matter.
    pub fn expect_anyway(&self, identity: &str) -> Expect<'_> {
        Expect {
            ran: self,
            identity: identity.to_owned(),
            session: None,
            credential: None,
            from: self.begins.unwrap_or(i64::MIN),
            until: i64::MAX,
        }
    }

    /// The findings that a command names.
    pub fn findings_of(&self, command: &Command) -> Vec<&Finding> {
        self.findings
            .iter()
            .filter(|finding| command.reason.finding_ids.contains(&finding.id))
            .collect()
    }

    /// Whether the findings of a command name each of these, in words, evidence or event ids.
    pub fn names(&self, command: &Command, what: &[&[&str]]) {
        let text: String = self
            .findings_of(command)
            .iter()
            .map(|finding| {
                let evidence = serde_json::to_string(&finding.evidence).unwrap_or_default();
                format!("{} {evidence} {:?} ", finding.summary, finding.event_ids)
            })
            .collect();
        for words in what {
            if !words.iter().any(|word| text.contains(word)) {
                self.fail(&format!(
                    "the findings of {} name none of {words:?}",
                    shown(command)
                ));
            }
        }
    }

    /// The findings on an identity since the story began.
    pub fn findings_on(&self, identity: &str) -> Vec<&Finding> {
        let begins = self.begins.unwrap_or(i64::MIN);
        self.findings
            .iter()
            .filter(|finding| finding.identity.id == identity)
            .filter(|finding| finding.time.as_millis() >= begins)
            .collect()
    }

    /// The strongest action for an identity between two times; `None` is weaker than any.
    pub fn strongest(&self, identity: &str, from: i64, until: i64) -> Option<Action> {
        self.commands
            .iter()
            .filter(|command| command.target.identity == identity)
            .filter(|command| (from..until).contains(&command.time.as_millis()))
            .map(|command| command.action)
            .filter(|action| action.strength().is_some())
            .max()
    }

    /// How many commands with this action an identity got.
    pub fn count(&self, identity: &str, action: Action) -> usize {
        self.commands
            .iter()
            .filter(|command| command.target.identity == identity && command.action == action)
            .count()
    }

    /// Findings and commands on an identity, as they are written to the topics.
    pub fn written(&self, identity: &str) -> Vec<String> {
        let findings = self
            .findings
            .iter()
            .filter(|finding| finding.identity.id == identity)
            .map(|finding| serde_json::to_string(finding).expect("a finding is JSON"));
        let commands = self
            .commands
            .iter()
            .filter(|command| command.target.identity == identity)
            .map(|command| serde_json::to_string(command).expect("a command is JSON"));
        findings.chain(commands).collect()
    }

    /// What was commanded, of whom.
    pub fn answers(&self) -> BTreeSet<String> {
        // A contradiction that is complete at once is revoked at once, without a question before it.
        let mut strongest: BTreeMap<&str, Action> = BTreeMap::new();
        for command in &self.commands {
            let action = strongest
                .entry(&command.target.identity)
                .or_insert(command.action);
            *action = command.action.max(*action);
        }
        let told = strongest.into_iter();
        told.map(|(identity, action)| format!("{action} {identity}"))
            .collect()
    }

    /// Ends the test, and shows what came.
    pub fn fail(&self, what: &str) -> ! {
        let begins = self.begins.map_or_else(|| "?".to_owned(), clock::written);
        let mut text = format!("{}: {what}\nthe story begins {begins}\n", self.title);
        let shown_from = self.begins.map_or(i64::MIN, |begins| begins - MINUTE);
        let _ = writeln!(text, "{} commands:", self.commands.len());
        for command in self.commands.iter().take(20) {
            let _ = writeln!(text, "  {}", shown(command));
        }
        let _ = writeln!(text, "{} findings, since then:", self.findings.len());
        let since = |finding: &&Finding| finding.time.as_millis() >= shown_from;
        for finding in self.findings.iter().filter(since).take(20) {
            let _ = writeln!(
                text,
                "  {} {} {} {:.0} bits, risk {}: {} {:?}",
                finding.time,
                finding.identity.id,
                finding.detector,
                finding.surprise_bits,
                finding.risk.session,
                finding.summary,
                finding.event_ids
            );
        }
        panic!("{text}");
    }
}

impl<'r> Expect<'r> {
    /// About this session.
    pub fn session(mut self, session: &str) -> Self {
        self.session = Some(session.to_owned());
        self
    }

    /// About this credential.
    pub fn credential(mut self, credential: &str) -> Self {
        self.credential = Some(credential.to_owned());
        self
    }

    /// Not before this time.
    pub fn since(mut self, time: i64) -> Self {
        self.from = time;
        self
    }

    /// At this time at the latest.
    pub fn by(mut self, time: i64) -> Self {
        self.until = time.saturating_add(1);
        self
    }

    /// At exactly this time.
    pub fn on_the_event_of(self, time: i64) -> Self {
        self.since(time).by(time)
    }

    fn missing(&self, actions: &[Action]) -> String {
        let words: Vec<&str> = actions.iter().map(|action| action.as_str()).collect();
        let mut text = format!("{} was to come for {}", words.join(" or "), self.identity);
        if let Some(session) = &self.session {
            let _ = write!(text, ", session {session}");
        }
        if let Some(credential) = &self.credential {
            let _ = write!(text, ", credential {credential}");
        }
        if self.from > i64::MIN {
            let _ = write!(text, ", from {}", clock::written(self.from));
        }
        if self.until < i64::MAX {
            let _ = write!(text, ", by {}", clock::written(self.until - 1));
        }
        text
    }

    /// One of these actions must have come: the first that did, complete as the catalogue demands.
    pub fn answer(self, actions: &[Action]) -> &'r Command {
        let found = self.ran.commands.iter().find(|command| {
            let time = command.time.as_millis();
            let target = &command.target;
            target.identity == self.identity
                && actions.contains(&command.action)
                && (self.from..self.until).contains(&time)
                && (self.session.is_none() || self.session == target.session_id)
                && (self.credential.is_none() || self.credential == target.credential_id)
        });
        let Some(command) = found else {
            self.ran.fail(&self.missing(actions));
        };
        self.ran.complete(command);
        command
    }
}

impl Ran {
    /// What every answer carries; what only lifts another needs no findings of its own.
    fn complete(&self, command: &Command) {
        let findings = self.findings_of(command);
        let named: BTreeSet<&String> = command.reason.finding_ids.iter().collect();
        let lifts = command.action.strength().is_none();
        let demands = [
            (command.mode == Mode::Enforce, "is enforced"),
            (command.expires_at > command.time, "expires after it came"),
            (!command.reason.summary.is_empty(), "says why"),
            (
                lifts || !command.reason.detectors.is_empty(),
                "names its detectors",
            ),
            (lifts || !findings.is_empty(), "names findings"),
            (findings.len() == named.len(), "names findings that exist"),
        ];
        for (is_met, demand) in demands {
            if !is_met {
                self.fail(&format!("a command {demand}: {}", shown(command)));
            }
        }
        for finding in findings {
            let demands = [
                (!finding.summary.is_empty(), "has a summary"),
                (!finding.evidence.is_empty(), "has evidence"),
                (!finding.event_ids.is_empty(), "names its events"),
                (!finding.technique.is_empty(), "names a technique"),
                (finding.surprise_bits >= 0.0, "says how surprising it is"),
            ];
            for (is_met, demand) in demands {
                if !is_met {
                    self.fail(&format!("a finding {demand}: {finding:?}"));
                }
            }
        }
    }
}

fn shown(command: &Command) -> String {
    let target = &command.target;
    format!(
        "{} {} {} session {} credential {}: {} (until {}, {:?})",
        command.time,
        command.action,
        target.identity,
        target.session_id.as_deref().unwrap_or("-"),
        target.credential_id.as_deref().unwrap_or("-"),
        command.reason.summary,
        command.expires_at,
        command.params
    )
}
