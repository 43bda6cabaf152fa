//! `related_compromise`: what is related to something compromised.
//!
//! **Catches** the other live sessions of a secret that somebody calls stolen, or that Plumbline has revoked
//! itself (T1078). The compromised session and those with the same credential end; those on the same device
//! are asked.
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

/// The signal about one live session, if it is related.
pub(crate) fn related(
    event: &Event<'_>,
    is_source: bool,
    same_credential: bool,
    same_device: bool,
) -> Option<Signal> {
    let (action, how) = match (is_source, same_credential, same_device) {
        (true, _, _) => (Action::RevokeSession, "it is the compromised session"),
        (_, true, _) => (Action::RevokeSession, "it uses the same credential"),
        (_, _, true) => (Action::StepUp, "it runs on the same device"),
        _ => return None,
    };
    let evidence = json!({
        "related": how, "compromise_event_id": event.id, "compromise_time": event.time,
        "same_credential": same_credential, "same_device": same_device,
        "silent_if": "it had neither session, credential nor device in common with what is compromised",
    });
    let signal = Signal::rule(
        DetectorId::RelatedCompromise,
        Demand::of(action),
        TECHNIQUE,
        format!("a live session must be re-evaluated: {how}"),
        evidence,
    );
    Some(signal.resting_on([event.id.as_ref().to_owned()]))
}
