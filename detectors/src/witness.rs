//! What led to the answer to an event, kept for somebody who asks: what was usual before it, every signal, also those
//! that were too little to be told, the risk before and after them, and on what ground the policy answered.
//!
//! Nothing is judged otherwise because somebody asks: a witness only looks.

use plumbline_schemas::command::{Action, Mode};
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;

use crate::detect::DetectorId;
use crate::engine::{Engine, Output};
use crate::names::Names;
pub use crate::policy::Ground;
use crate::profile::Profile;
use crate::profile::habits::Trait;
use crate::risk::{IdentityLedger, Ledger, SessionLedger, score};

/// So many of the usual actions are named.
const MOST_ACTIONS: usize = 8;
/// So many accounts are kept: an identity may do thousands of things within a millisecond.
const MOST_ACCOUNTS: usize = 256;

/// What is asked about: all that an identity does at a time. What is published of an event carries its time, but not
/// always its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The tenant.
    pub tenant: String,
    /// The identity.
    pub identity: String,
    /// The time of the event.
    pub time: EventTime,
}

/// What was usual of an identity before an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Baseline {
    /// Distinct days with events before that of the event.
    pub days: u16,
    /// Its most used actions and scopes, most used first.
    pub usual_actions: Vec<String>,
    /// The hours of the day in which it is usually seen, UTC; of machines only.
    pub usual_hours: Vec<u8>,
    /// Places known of it.
    pub places: usize,
    /// Networks known of it.
    pub networks: usize,
    /// Devices known of it.
    pub devices: usize,
    /// Hosts known of it.
    pub hosts: usize,
}

/// What a detector said.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// Which.
    pub detector: DetectorId,
    /// Its surprise.
    pub bits: f64,
    /// From so many bits on it counts, given what else was seen.
    pub counts_from: f64,
    /// What its rule asks for, however surprising it is.
    pub demands: Option<Action>,
    /// Whether the operator has silenced it for this identity.
    pub is_suppressed: bool,
}

/// The risk at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Risks {
    /// In bits, of the detectors of which anything is left.
    pub each: Vec<(DetectorId, f64)>,
    /// All of it as a number from 0 to 100.
    pub score: u8,
}

/// The risk of a session or an identity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RiskChange {
    /// What was left of what was seen before.
    pub before: Risks,
    /// With what was seen now.
    pub after: Risks,
}

/// What the evidence came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// What is to be done.
    pub action: Action,
    /// Whether bots are to act on it.
    pub mode: Mode,
    /// Why this and nothing less.
    pub ground: Ground,
    /// Whether it is less than that, since the identity must never be locked out.
    pub is_break_glass: bool,
}

/// What the policy made of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Decision {
    /// It was too little to act on.
    #[default]
    TooLittle,
    /// This rule of the operator lets it be.
    Exempt(String),
    /// What was due is no more than what stood already.
    NoStronger(Due),
    /// It was commanded, in this mode: the breaker may have held it back.
    Commanded(Due, Mode),
}

/// What led to the answer to an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Which event.
    pub event_id: String,
    /// What was usual.
    pub baseline: Baseline,
    /// What the detectors said, in the order in which they were asked.
    pub weighed: Vec<Weighed>,
    /// Of the session.
    pub session: RiskChange,
    /// Of the identity.
    pub identity: RiskChange,
    /// The command that stood already.
    pub stood: Option<(Action, Mode)>,
    /// What came of it.
    pub decision: Decision,
    /// The detector whose rule has the one action refused beside that.
    pub refuses: Option<DetectorId>,
    /// The ids of the findings and commands that were published.
    pub published: Vec<String>,
}

/// Who is asked, and what there is to say.
#[derive(Debug)]
pub(crate) struct Witness {
    question: Question,
    accounts: Vec<Account>,
}

impl Engine {
    /// From now on keeps an account of what is asked about, in place of what was asked before.
    pub fn ask(&mut self, question: Question) {
        self.witness = Some(Box::new(Witness {
            question,
            accounts: Vec::new(),
        }));
    }

    /// The accounts of what was asked about, in the order of the events.
    pub fn accounts(&self) -> &[Account] {
        self.witness.as_ref().map_or(&[], |it| &it.accounts)
    }
}

impl Witness {
    /// Begins an account of an event that somebody asks about, with what is known before it is learnt.
    pub(crate) fn hear(
        &mut self,
        event: &Event<'_>,
        profile: &Profile,
        names: &Names,
    ) -> Option<&mut Account> {
        let Question {
            tenant,
            identity,
            time,
        } = &self.question;
        let is_asked = *time == event.time
            && *identity == *event.identity.id
            && *tenant == event.tenant()
            && self.accounts.len() < MOST_ACCOUNTS;
        is_asked.then(|| {
            self.accounts.push_mut(Account {
                event_id: event.id.as_ref().to_owned(),
                baseline: baseline(profile, names, event.time),
                weighed: Vec::new(),
                session: RiskChange::default(),
                identity: RiskChange::default(),
                stood: None,
                decision: Decision::default(),
                refuses: None,
                published: Vec::new(),
            })
        })
    }
}

fn baseline(profile: &Profile, names: &Names, time: EventTime) -> Baseline {
    let usual = profile.scope.usual(MOST_ACTIONS).into_iter();
    let (_, places) = profile.places.observations(profile.landmark.weight(time));
    let known = |what| profile.habits.distinct(what);
    Baseline {
        days: profile.earlier_days(time),
        usual_actions: usual.map(|name| names.text(name).to_owned()).collect(),
        usual_hours: profile.schedule.usual_hours(),
        places,
        networks: known(Trait::Network),
        devices: known(Trait::Device),
        hosts: known(Trait::Host),
    }
}

impl Account {
    /// The risk before any of the signals raises it.
    pub(crate) fn before(
        &mut self,
        session: &SessionLedger,
        identity: &IdentityLedger,
        now: EventTime,
    ) {
        self.session.before = risks(session, now);
        self.identity.before = risks(identity, now);
    }

    /// What it has become.
    pub(crate) fn after(
        &mut self,
        session: &SessionLedger,
        identity: &IdentityLedger,
        now: EventTime,
    ) {
        self.session.after = risks(session, now);
        self.identity.after = risks(identity, now);
    }

    /// What has been published since it began.
    pub(crate) fn published(&mut self, outputs: &[Output]) {
        self.published = outputs.iter().filter_map(id).map(str::to_owned).collect();
    }
}

fn id(output: &Output) -> Option<&str> {
    match output {
        Output::Finding(finding) => Some(&finding.id),
        Output::Command(command) => Some(&command.id),
        Output::Context(_) => None,
    }
}

fn risks<const HALF_LIFE_MS: i64>(ledger: &Ledger<HALF_LIFE_MS>, now: EventTime) -> Risks {
    let left = ledger.left(now);
    let rounded = left.map(|(detector, bits)| (detector, bits.rounded()));
    Risks {
        each: rounded.filter(|(_, bits)| *bits > 0.0).collect(),
        score: score(ledger.total(u32::MAX, now)),
    }
}
