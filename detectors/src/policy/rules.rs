//! The operator's rules: what they demand of an event of which something was found, and what they
//! exempt from being answered.
//!
//! They are asked after the detectors and before the policy decides, and only where there is a finding:
//! an event that nobody finds odd costs nothing.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::Event;
use plumbline_schemas::finding::Risk;

use super::circumstances::circumstances;
use super::{Answer, Ground};
use crate::config::{PolicyRule, Span};
use crate::detect::{DetectorId, Group, Moment, reading_scopes};
use crate::risk::DetectorSet;
use crate::session::Session;
use crate::setting::key;
use crate::signal::{About, Demand, Signal};

/// What is left of a session that a rule shortens without saying to what.
const EXPIRES_IN: Span = Span::minutes(15);

/// The rules that apply to an event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ruling<'c> {
    /// The one that exempts it.
    pub(crate) exempts: Option<&'c PolicyRule>,
    /// The one that demands most.
    pub(crate) demands: Option<&'c PolicyRule>,
}

impl<'c> Ruling<'c> {
    /// The rule that counts: an exemption goes before every demand.
    pub(crate) fn rule(&self) -> Option<&'c PolicyRule> {
        self.exempts.or(self.demands)
    }
}

/// Asks the rules about what these detectors found.
pub(crate) fn rule<'c>(
    moment: &Moment<'c>,
    session: &Session,
    risk: Risk,
    signals: &[Signal],
    of: DetectorSet,
) -> Ruling<'c> {
    let mut ruling = Ruling::default();
    let signals = signals
        .iter()
        .filter(|signal| signal.detector.bit() & of != 0);
    let signals: Vec<&Signal> = signals.collect();
    let rules = &moment.config.policy.rule;
    if rules.is_empty() || signals.is_empty() {
        return ruling;
    }
    // What cannot be the same person or program is nothing that anybody can exempt beforehand.
    let may_exempt = signals
        .iter()
        .all(|signal| signal.detector.group() != Group::Fact);
    let context = circumstances(moment, session, risk, &signals);
    for rule in rules.iter().filter(|rule| rule.when.holds(&context)) {
        let demanded = ruling.demands.map(|other| other.action.command());
        match rule.action.command() {
            None if may_exempt => ruling.exempts = ruling.exempts.or(Some(rule)),
            action if action > demanded.flatten() => ruling.demands = Some(rule),
            _ => {}
        }
    }
    ruling
}

/// The stronger of the ordinary answer and of what the rule demands.
pub(crate) fn at_least(
    answer: Option<Answer>,
    rule: Option<&PolicyRule>,
    event: &Event<'_>,
    signals: &[Signal],
) -> Option<Answer> {
    let Some((rule, demand)) = rule.and_then(|rule| Some((rule, demand(rule, event)?))) else {
        return answer;
    };
    let ground = Ground::Rule(rule.name.clone());
    let mut detectors: Vec<DetectorId> = signals.iter().map(|signal| signal.detector).collect();
    match answer {
        Some(answer) if answer.action > demand.action => Some(answer),
        Some(mut answer) if answer.action == demand.action => {
            // Both ask for the same: the shorter time of the two.
            let stricter = |one: Option<u64>, other| one.into_iter().chain(other).min();
            answer.params.max_age = stricter(answer.params.max_age, demand.params.max_age);
            answer.params.expires_in = stricter(answer.params.expires_in, demand.params.expires_in);
            answer.ground = ground;
            Some(answer)
        }
        weaker => {
            detectors.extend(weaker.into_iter().flat_map(|answer| answer.detectors));
            detectors.sort();
            detectors.dedup();
            let is_hygiene = signals
                .iter()
                .all(|signal| signal.detector.group() == Group::Hygiene);
            Some(Answer {
                action: demand.action,
                about: demand.about,
                params: demand.params,
                detectors,
                is_hygiene,
                ground,
            })
        }
    }
}

fn demand(rule: &PolicyRule, event: &Event<'_>) -> Option<Demand> {
    let seconds = |span: Span| u64::try_from(span.as_millis() / 1000).unwrap_or_default();
    let mut demand = Demand::of(rule.action.command()?);
    let params = &mut demand.params;
    match demand.action {
        Action::StepUp => params.max_age = Some(rule.max_age.map_or(0, seconds)),
        Action::Shorten => {
            params.expires_in = Some(seconds(rule.expires_in.unwrap_or(EXPIRES_IN)).max(1));
        }
        Action::Narrow => {
            let scopes = event.credential.scopes.iter().map(|scope| &**scope);
            params.scopes = Some(reading_scopes(scopes));
        }
        Action::Deny => {
            let name = &*event.action.name;
            let object = event.action.resource.as_deref().unwrap_or(name);
            params.resource = Some(object.to_owned());
            demand.about = About::Resource(key(object) ^ key(name).rotate_left(9) | 1);
        }
        _ => {}
    }
    Some(demand)
}
