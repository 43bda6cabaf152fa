//! Asking the breaker whether a command may be enforced.

use plumbline_schemas::command::Mode;
use plumbline_schemas::finding::{Finding, Severity, Subject};
use serde_json::json;

use super::{Publisher, finding_id, number_of};
use crate::engine::Output;
use crate::policy::Answer;
use crate::policy::breaker::{Commanded, Ruling};
use crate::risk;
use crate::signal::evidence;
use crate::units::Bits;

impl Publisher<'_> {
    /// Whether the breaker lets the command be enforced; the command too many is said loudly.
    pub(super) fn ask_breaker(&mut self, answer: &Answer) -> Mode {
        let config = &self.moment.config.policy.breaker;
        let command = Commanded {
            identity: self.identity,
            time: self.clock,
        };
        if self.breaker.is_news(config, command, self.identities) {
            self.untold.push(command);
        }
        match self.breaker.rule(config, command, self.identities) {
            Ruling::Closed => Mode::Enforce,
            Ruling::Open => Mode::Observe,
            Ruling::Tripped { commanded, limit } => {
                self.announce(answer, commanded, limit);
                Mode::Observe
            }
        }
    }

    fn announce(&mut self, answer: &Answer, commanded: usize, limit: usize) {
        let event = self.moment.event;
        let config = &self.moment.config.policy.breaker;
        let window = config.window;
        let shown = json!({
            "commanded_identities": commanded, "limit": limit, "known_identities": self.identities,
            "share": config.share, "minimum": config.minimum, "window": window.to_string(),
            "withheld": answer.action,
            "silent_if": format!("fewer than {limit} identities had been commanded within {window}"),
        });
        self.outputs.push(Output::Finding(Box::new(Finding {
            id: finding_id(number_of(event, "breaker")),
            time: event.time,
            tenant: event.tenant().to_owned(),
            identity: Subject { id: event.identity.id.as_ref().to_owned(), kind: self.moment.kind },
            session_id: event.session.id.as_deref().map(str::to_owned),
            credential_id: None,
            detector: "breaker".to_owned(),
            severity: Severity::Critical,
            surprise_bits: Bits::ZERO.0,
            risk: risk::shown(&self.session.ledger, self.ledger, self.moment.time()),
            technique: Vec::new(),
            summary: format!(
                "Enforcement stopped: {commanded} identities commanded within {window}, fewer than {limit} \
                 are expected; commands are published with mode observe until it is fewer again"
            ),
            evidence: evidence(shown),
            event_ids: vec![event.id.as_ref().to_owned()],
        })));
    }
}
