//! Publishing: from the signals of one event to findings, and to the command they justify.

mod breaker;

use plumbline_schemas::command::{Action, Command, CommandReason, Mode, Target};
use plumbline_schemas::event::Event;
use plumbline_schemas::finding::{Finding, Severity, Subject};
use plumbline_schemas::time::EventTime;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::acknowledge::Awaited;
use crate::config::{DetectorMode, PolicyMode, PolicyRule};
use crate::detect::{DetectorId, Group, Moment};
use crate::engine::Output;
use crate::facts::Facts;
use crate::policy::breaker::{Breaker, Commanded};
use crate::policy::standing::{Standing, StandingCommands};
use crate::policy::{self, Answer, Case, Ground, rules};
use crate::risk::{self, DetectorSet, IdentityLedger, Told};
use crate::session::Session;
use crate::signal::{About, Demand, Signal, bounded, said};
use crate::timers::{Timer, Timers, Wait};
use crate::units::Bits;
use crate::witness::{Account, Decision, Due, Weighed};

/// Above the threshold by this much, a finding is grave by itself.
const HIGH_BEYOND_BITS: f64 = 10.0;

/// What publishing needs of the engine, of one identity and of its session.
pub(crate) struct Publisher<'p> {
    pub(crate) moment: &'p Moment<'p>,
    pub(crate) session: &'p mut Session,
    pub(crate) ledger: &'p mut IdentityLedger,
    pub(crate) standing: &'p mut StandingCommands,
    pub(crate) facts: &'p mut Facts,
    pub(crate) breaker: &'p mut Breaker,
    /// What the breakers of other partitions of the log are to count.
    pub(crate) untold: &'p mut Vec<Commanded>,
    pub(crate) timers: &'p mut Timers,
    /// Number of the identity in the engine, for timers only.
    pub(crate) at: u32,
    /// Hash of the identity, for the breaker only.
    pub(crate) identity: u64,
    pub(crate) identities: usize,
    pub(crate) clock: EventTime,
    /// From when on a bot can have heard of what is published.
    pub(crate) heard_from: EventTime,
    pub(crate) outputs: &'p mut Vec<Output>,
    /// For somebody who asks why.
    pub(crate) account: Option<&'p mut Account>,
}

/// What was commanded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given {
    pub(crate) action: Action,
    pub(crate) is_hygiene: bool,
    pub(crate) is_enforced: bool,
}

/// What the evidence asks for, before what stands already is looked at.
#[derive(Debug)]
struct Decided {
    answer: Answer,
    mode: Mode,
    /// Whether it is less, since the identity must never be locked out.
    is_break_glass: bool,
    /// Whether it is more than what stands already.
    is_stronger: bool,
}

impl Decided {
    /// The same for whoever asks.
    fn due(&self) -> Due {
        Due {
            action: self.answer.action,
            mode: self.mode,
            ground: self.answer.ground.clone(),
            is_break_glass: self.is_break_glass,
        }
    }
}

impl<'p> Publisher<'p> {
    /// Publishes what the signals come to; what was commanded, if anything.
    pub(crate) fn publish(&mut self, signals: &mut Vec<Signal>) -> Option<Given> {
        let first = self.outputs.len();
        let given = self.publish_signals(signals);
        if let Some(account) = self.account.as_deref_mut() {
            account.published(&self.outputs[first..]);
        }
        given
    }

    fn publish_signals(&mut self, signals: &mut Vec<Signal>) -> Option<Given> {
        let now = self.moment.event.time;
        self.account_before(now);
        self.keep_countable(signals);
        let ruling = self.raise(signals);
        let first = self.outputs.len();
        let due = match ruling.exempts {
            Some(_) => None,
            None => self.decide(signals, ruling),
        };
        self.account_for(ruling, due.as_ref());
        let decided = due.filter(|due| due.is_stronger);
        let by_rule = decided
            .as_ref()
            .is_some_and(|decided| decided.answer.ground.rule().is_some());
        for signal in signals.iter_mut() {
            if let Some(rule) = ruling.rule() {
                signal.evidence.insert("rule".to_owned(), json!(rule.name));
            }
            // What is commanded is told, however often it was told before.
            let again = decided.is_some() && (by_rule || signal.demand.is_some());
            self.tell(signal, again);
        }
        self.remember_tactics(signals, decided.is_some(), ruling.exempts.is_some());
        let decided = decided?;
        let answer = &decided.answer;
        let given_as = self.command(answer, decided.mode, signals, first);
        // A question about the session leaves open what is to become of the action.
        if answer.action == Action::StepUp
            && let Some(denial) = self.denial(signals)
        {
            self.command(&denial, given_as, signals, first);
            if let Some(account) = self.account.as_deref_mut() {
                account.refuses = denial.detectors.first().copied();
            }
        }
        if let Some(account) = self.account.as_deref_mut() {
            account.decision = Decision::Commanded(decided.due(), given_as);
        }
        Some(Given {
            action: answer.action,
            is_hygiene: answer.is_hygiene,
            is_enforced: given_as == Mode::Enforce,
        })
    }

    /// Remembers which detectors were answered. A question of good order that stands answers what is demanded as well:
    /// it is no less a tactic.
    fn remember_tactics(&mut self, signals: &[Signal], is_commanded: bool, is_exempt: bool) {
        let now = self.moment.event.time;
        let credential = self.moment.bearer.credential;
        let stands = self.standing.strongest(self.session.key, credential, now);
        let is_covered = !is_exempt && stands.is_some_and(|standing| standing.is_hygiene);
        let tactics = signals
            .iter()
            .filter(|signal| signal.detector.group() != Group::Hygiene)
            .filter(|signal| is_commanded || is_covered && signal.demand.is_some())
            .fold(0, |set: DetectorSet, signal| set | signal.detector.bit());
        if tactics != 0 {
            self.facts.answered(tactics, now);
        }
    }

    /// Tells who asks what there was before any of this.
    fn account_before(&mut self, now: EventTime) {
        let Some(account) = self.account.as_deref_mut() else {
            return;
        };
        account.before(&self.session.ledger, self.ledger, now);
        let credential = self.moment.bearer.credential;
        let stood = self.standing.strongest(self.session.key, credential, now);
        account.stood = stood.map(|standing| (standing.action, standing.mode));
    }

    /// Tells who asks what the policy has made of it, as long as nothing is commanded.
    fn account_for(&mut self, ruling: rules::Ruling<'_>, due: Option<&Decided>) {
        if let Some(account) = self.account.as_deref_mut() {
            account.decision = match (ruling.exempts, due) {
                (Some(rule), _) => Decision::Exempt(rule.name.clone()),
                (None, Some(due)) => Decision::NoStronger(due.due()),
                (None, None) => Decision::TooLittle,
            };
        }
    }

    /// What is to be refused by itself, unless it is refused already.
    fn denial(&self, signals: &[Signal]) -> Option<Answer> {
        let config = self.moment.config;
        if policy::is_break_glass(&config.policy, &self.moment.event.identity.id) {
            return None;
        }
        let denies = |signal: &&Signal| {
            let mode = signal.detector.mode(&config.detectors);
            let is_enforced = mode == DetectorMode::Enforce;
            let demand = signal.demand.as_ref();
            is_enforced && demand.is_some_and(|demand| demand.action == Action::Deny)
        };
        let signal = signals.iter().find(denies)?;
        let demand = signal.demand.as_ref()?;
        let About::Resource(resource) = demand.about else {
            return None;
        };
        let target = (self.session.key, self.moment.bearer.credential, resource);
        let stands = self
            .standing
            .strongest_for_resource(target, self.moment.time());
        stands.is_none().then(|| Answer {
            action: demand.action,
            about: demand.about,
            params: demand.params.clone(),
            detectors: vec![signal.detector],
            is_hygiene: signal.detector.group() == Group::Hygiene,
            ground: Ground::Demanded(signal.detector),
        })
    }

    /// Raises the risk, and asks the operator's rules. What they exempt raises none: it would lead to a
    /// command with the next thing that is found.
    fn raise(&mut self, signals: &[Signal]) -> rules::Ruling<'p> {
        let now = self.moment.event.time;
        let has_rules = !self.moment.config.policy.rule.is_empty();
        let before = has_rules.then(|| (self.session.ledger.each(now), self.ledger.each(now)));
        for signal in signals {
            self.session.ledger.raise(signal.detector, signal.bits, now);
            self.ledger.raise(signal.detector, signal.bits, now);
        }
        let ruling = self.ask_rules(signals, DetectorSet::MAX);
        if let (Some(_), Some((session, identity))) = (ruling.exempts, before) {
            self.session.ledger.take_back(session);
            self.ledger.take_back(identity);
        }
        if let Some(account) = self.account.as_deref_mut() {
            account.after(&self.session.ledger, self.ledger, now);
        }
        ruling
    }

    fn ask_rules(&self, signals: &[Signal], of: DetectorSet) -> rules::Ruling<'p> {
        let risk = risk::shown(&self.session.ledger, self.ledger, self.moment.time());
        rules::rule(self.moment, self.session, risk, signals, of)
    }

    /// Drops what is too little to say, and what is suppressed after having said so.
    fn keep_countable(&mut self, signals: &mut Vec<Signal>) {
        let (moment, ledger) = (self.moment, &*self.ledger);
        let suppression = |detector| {
            let (identity, time) = (&*moment.event.identity.id, moment.event.time);
            policy::suppression(&moment.config.policy, detector, identity, time)
        };
        // What one event brings together corroborates each other as what came one after the other does.
        let heard = signals
            .iter()
            .filter(|signal| suppression(signal.detector).is_none());
        let reached = policy::reached(heard, moment.threshold);
        let least = |signal: &Signal| {
            let alone = (moment.threshold, moment.time());
            policy::threshold(ledger, signal.detector, reached, alone)
        };
        let counts = |signal: &Signal| signal.demand.is_some() || signal.bits >= least(signal);
        if let Some(account) = self.account.as_deref_mut() {
            let weighed = signals.iter().map(|signal| Weighed {
                detector: signal.detector,
                bits: signal.bits.rounded(),
                counts_from: least(signal).rounded(),
                demands: signal.demand.as_ref().map(|demand| demand.action),
                is_suppressed: suppression(signal.detector).is_some(),
            });
            account.weighed = weighed.collect();
        }
        let (counted, slight): (Vec<Signal>, Vec<Signal>) =
            signals.drain(..).partition(|signal| counts(signal));
        *signals = counted;
        // A change that is too little to count is told all the same: something may follow it.
        for mut signal in slight.into_iter().filter(|signal| signal.is_notable) {
            self.publish_finding(&mut signal, Severity::Low, false);
        }
        let mut kept = Vec::with_capacity(signals.len());
        for mut signal in signals.drain(..) {
            match suppression(signal.detector) {
                Some(rule) => {
                    let suppressed = json!({ "until": rule.until, "reason": rule.reason });
                    signal.evidence.insert("suppressed".to_owned(), suppressed);
                    self.publish_finding(&mut signal, Severity::Info, false);
                }
                None => kept.push(signal),
            }
        }
        *signals = kept;
    }

    /// Publishes a finding unless the same was said before.
    fn tell(&mut self, signal: &mut Signal, again: bool) {
        let beyond = signal.bits.0 - self.moment.threshold.0;
        let severity = match beyond {
            _ if beyond >= HIGH_BEYOND_BITS => Severity::High,
            _ if beyond >= 0.0 => Severity::Medium,
            _ => Severity::Low,
        };
        self.publish_finding(signal, severity, again);
    }

    fn publish_finding(&mut self, signal: &mut Signal, severity: Severity, again: bool) {
        if !again
            && self
                .session
                .ledger
                .is_told(signal.detector, signal.bits, self.moment.time())
        {
            return;
        }
        let bits = signal.bits.0 as f32;
        let event = self.moment.event;
        let number = number_of(event, signal.detector.name());
        let told = Told {
            detector: signal.detector,
            bits,
            said: bits,
            finding: number,
        };
        self.session.ledger.tell(told);
        self.ledger.tell(told);
        let mut event_ids = std::mem::take(&mut signal.other_events);
        if !self.moment.is_timer {
            event_ids.push(event.id.as_ref().to_owned());
        }
        event_ids.dedup();
        self.outputs.push(Output::Finding(Box::new(Finding {
            id: finding_id(number),
            time: event.time,
            tenant: event.tenant().to_owned(),
            identity: Subject {
                id: event.identity.id.as_ref().to_owned(),
                kind: self.moment.kind,
            },
            session_id: event.session.id.as_deref().map(str::to_owned),
            credential_id: event.credential.id.as_deref().map(str::to_owned),
            detector: signal.detector.name().to_owned(),
            severity,
            surprise_bits: signal.bits.rounded(),
            risk: risk::shown(&self.session.ledger, self.ledger, self.moment.time()),
            technique: signal.technique.iter().map(|id| (*id).to_owned()).collect(),
            summary: said(&signal.summary),
            evidence: bounded(std::mem::take(&mut signal.evidence)),
            event_ids,
        })));
    }

    /// The answer, and whether it is to be enforced.
    fn decide(&self, signals: &[Signal], ruling: rules::Ruling<'p>) -> Option<Decided> {
        let event = self.moment.event;
        let credential = self.moment.bearer.credential;
        let standing = self
            .standing
            .strongest(self.session.key, credential, event.time);
        let case = Case {
            kind: self.moment.kind,
            ledger: self.ledger,
            signals,
            standing,
            tactics: self.facts.tactics(),
            now: event.time,
            has_session: event.session.id.is_some(),
            has_credential: event.credential.id.is_some(),
            threshold: self.moment.threshold,
        };
        let config = self.moment.config;
        let enforcing = DetectorId::ALL
            .iter()
            .filter(|detector| detector.mode(&config.detectors) == DetectorMode::Enforce)
            .fold(0, |set: DetectorSet, detector| set | detector.bit());
        let enforced = match config.policy.mode {
            PolicyMode::Enforce => {
                let demands = self.enforced_demand(signals, ruling, enforcing);
                let answer = policy::answer(&case, enforcing);
                let answer = rules::at_least(answer, demands, event, signals);
                answer.map(|answer| (answer, Mode::Enforce))
            }
            PolicyMode::Observe => None,
        };
        let (mut answer, mode) = enforced.or_else(|| {
            let answer = policy::answer(&case, DetectorSet::MAX);
            let answer = rules::at_least(answer, ruling.demands, event, signals);
            answer.map(|answer| (answer, Mode::Observe))
        })?;
        let is_break_glass = answer.action != Action::StepUp
            && policy::is_break_glass(&config.policy, &event.identity.id);
        if is_break_glass {
            let demand = Demand::of(Action::StepUp);
            (answer.action, answer.about) = (demand.action, demand.about);
            answer.params = demand.params;
        }
        let standing = match answer.about {
            About::Resource(resource) => self
                .standing
                .strongest_for_resource((self.session.key, credential, resource), event.time),
            _ => standing,
        };
        // What the breaker would not let through is no more than what stands observed already.
        let open = self.breaker.is_open(
            &config.policy.breaker,
            self.identity,
            self.identities,
            self.clock,
        );
        let given_as = if open { Mode::Observe } else { mode };
        Some(Decided {
            is_stronger: policy::is_stronger(answer.action, given_as, standing),
            answer,
            mode,
            is_break_glass,
        })
    }

    /// What the rules demand of what enforcing detectors found: what a rule sees with the eyes of one
    /// that only observes is only observed.
    fn enforced_demand(
        &self,
        signals: &[Signal],
        ruling: rules::Ruling<'p>,
        enforcing: DetectorSet,
    ) -> Option<&'p PolicyRule> {
        let enforces = |signal: &Signal| signal.detector.bit() & enforcing != 0;
        match signals.iter().all(enforces) {
            true => ruling.demands,
            false => self.ask_rules(signals, enforcing).demands,
        }
    }

    /// The mode in which it was given at last.
    fn command(&mut self, answer: &Answer, mode: Mode, signals: &[Signal], first: usize) -> Mode {
        let asked = mode;
        let mode = match mode {
            Mode::Enforce => self.ask_breaker(answer),
            Mode::Observe => Mode::Observe,
        };
        let (session, credential, resource) = self.target_keys(answer.about);
        // What the breaker holds back does not take the place of what is enforced.
        if mode != asked
            && self
                .standing
                .has_enforced((session, credential, resource), self.moment.time())
        {
            return mode;
        }
        let event = self.moment.event;
        let action = answer.action;
        for output in &mut self.outputs[first..] {
            if let Output::Finding(finding) = output {
                finding.severity = match action {
                    Action::Narrow | Action::Shorten => finding.severity.max(Severity::Medium),
                    Action::Deny | Action::StepUp => finding.severity.max(Severity::High),
                    _ => Severity::Critical,
                };
            }
        }
        let number = number_of(event, action.as_str());
        let expires_at = event.time.plus_millis(policy::lifetime_ms(action));
        let replaced = self.standing.give(Standing {
            id: number,
            action,
            mode,
            given: event.time,
            expires: expires_at,
            session,
            credential,
            resource,
            is_hygiene: answer.is_hygiene,
            began_in: self.session.key,
            detectors: answer
                .detectors
                .iter()
                .fold(0, |set, detector| set | detector.bit()),
            bits: self
                .ledger
                .by_group(DetectorId::SURPRISES, Bits::ZERO, event.time)
                .1
                .0 as f32,
            awaited: None,
        });
        let reason = self.reason(answer, signals);
        // What is about all of an identity is about no session of it.
        let is_about_all = action == Action::RevokeAll;
        let narrower = |id: Option<&str>| id.filter(|_| !is_about_all).map(str::to_owned);
        let command = Command {
            id: command_id(number),
            time: event.time,
            expires_at,
            action,
            mode,
            target: Target {
                tenant: event.tenant().to_owned(),
                identity: event.identity.id.as_ref().to_owned(),
                kind: self.moment.kind,
                session_id: narrower(event.session.id.as_deref()),
                credential_id: narrower(event.credential.id.as_deref()),
            },
            params: answer.params.clone(),
            reason,
            supersedes: replaced.map(|replaced| command_id(replaced.id)),
        };
        self.wait_for_answer(number, &command);
        self.outputs.push(Output::Command(Box::new(command)));
        mode
    }

    /// Keeps a command that is to be acknowledged, until it is.
    fn wait_for_answer(&mut self, number: u64, command: &Command) {
        let within = self.moment.config.policy.acknowledge.within;
        let Some(within) = within.filter(|_| command.mode == Mode::Enforce) else {
            return;
        };
        let due = self.heard_from.plus_millis(within.as_millis());
        let event_id = match self.moment.is_timer {
            true => self.session.last_event(),
            false => Some(self.moment.event.id.as_ref().to_owned()),
        };
        let awaited = Awaited {
            command: command.clone(),
            event_id,
            due,
            sent: 1,
            is_last: false,
        };
        self.standing.wait_for(number, awaited);
        self.timers.set(Timer {
            due,
            identity: self.at,
            session: self.session.key,
            wait: Wait::Answer,
        });
    }

    /// Session, credential and object that the command is about.
    fn target_keys(&self, about: About) -> (u32, u32, u32) {
        let credential = self.moment.bearer.credential;
        let session = (self.session.key, 0, 0);
        match about {
            About::Credential if credential != 0 => (0, credential, 0),
            About::Identity => (0, 0, 0),
            About::Resource(resource) => (0, 0, resource),
            _ if self.moment.event.session.id.is_some() => session,
            _ => (0, credential, 0),
        }
    }

    fn reason(&self, answer: &Answer, signals: &[Signal]) -> CommandReason {
        let rule = answer.ground.rule().map(|name| format!("rule {name}"));
        let summaries = signals.iter().map(|signal| said(&signal.summary));
        let summaries: Vec<String> = summaries.chain(rule).collect();
        // What raised the risk before this event is told by its finding, of this or another session.
        let mut detectors: Vec<DetectorId> = signals.iter().map(|signal| signal.detector).collect();
        detectors.extend(&answer.detectors);
        detectors.sort();
        detectors.dedup();
        let told = detectors.iter().filter_map(|detector| {
            self.session
                .ledger
                .told(*detector)
                .or_else(|| self.ledger.told(*detector))
        });
        CommandReason {
            summary: summaries.join("; "),
            risk: risk::score(self.session.ledger.total(u32::MAX, self.moment.time())),
            finding_ids: told.map(|told| finding_id(told.finding)).collect(),
            detectors: detectors
                .iter()
                .map(|detector| detector.name().to_owned())
                .collect(),
        }
    }
}

/// A number that is the same for the same event and purpose, in every run.
pub(crate) fn number_of(event: &Event<'_>, purpose: &str) -> u64 {
    let parts = [
        event.tenant(),
        event.source.as_deref().unwrap_or_default(),
        &event.identity.id,
        &event.id,
        purpose,
    ];
    parts.iter().fold(parts.len() as u64, |seed, part| {
        xxh3_64_with_seed(part.as_bytes(), seed)
    })
}

pub(crate) fn finding_id(number: u64) -> String {
    format!("f-{number:016x}")
}

pub(crate) fn command_id(number: u64) -> String {
    format!("c-{number:016x}")
}
