//! `related_compromise`: what is related to something compromised.
//!
//! **Catches** the other live sessions of a secret that somebody calls stolen, or that Plumbline has revoked
//! itself (T1078). The compromised session and those with the same credential end; those on the same device, on
//! its behalf, or on behalf of the same identity as it, are asked.
//!
//! **Model.** A rule over the identity's live sessions. **Evidence:** how they are related, and the event
//! that told of the compromise. **Configuration:** mode only. **Blind spots:** relations that no event states.

use plumbline_schemas::command::Action;
use plumbline_schemas::event::Event;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::signal::{Demand, Signal};

const TECHNIQUE: &[&str] = &["T1078"];

/// No event of the identity by itself: it is judged when a compromise becomes known.
pub(super) fn judge(_: &Moment<'_>, _: &mut Subject<'_>) -> Option<Signal> {
    None
}

/// How a live session is related to what is compromised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// It is the session that somebody named.
    Same,
    Credential,
    Device,
    /// It acts on behalf of the identity.
    Delegation,
}

/// The signal about one live session.
pub(crate) fn related(event: &Event<'_>, relation: Relation) -> Signal {
    let (action, how) = match relation {
        Relation::Same => (Action::RevokeSession, "it is the compromised session"),
        Relation::Credential => (Action::RevokeSession, "it uses the same credential"),
        Relation::Device => (Action::StepUp, "it runs on the same device"),
        Relation::Delegation => (Action::StepUp, "it acts on behalf of it, or of the same identity"),
    };
    let evidence = json!({
        "related": how, "compromised_identity": event.identity.id, "compromised_session": event.session.id,
        "compromise_event_id": event.id, "compromise_time": event.time,
        "silent_if": "it had neither session, credential, device nor delegation in common with what is compromised",
    });
    let signal = Signal::rule(
        DetectorId::RelatedCompromise,
        Demand::of(action),
        TECHNIQUE,
        format!("{} is compromised, and this session is related: {how}", event.identity.id),
        evidence,
    );
    signal.resting_on([event.id.as_ref().to_owned()])
}
