//! `context_change`: something sensitive in a session whose circumstances have changed.
//!
//! **Catches** a hijacked session at the moment it turns to what it was hijacked for (T1563, T1539):
//! network, device, posture or assurance changed to something the identity never uses, and a sensitive
//! action follows. The change alone is a finding of `new_network` or `device_drift` at most.
//!
//! **Model.** A rule on the changes those two have marked; a passed challenge clears the mark; it
//! lasts for twelve hours. **Evidence:** what changed, when, the event, before and after.
//! **Configuration:** mode only. **Blind spots:** what those two cannot see.

use plumbline_schemas::command::Action;
use serde_json::json;

use super::{DetectorId, Moment, Subject};
use crate::signal::{Demand, Signal};

/// A change is forgotten after this.
const WITHIN_MS: i64 = 12 * 3_600_000;

const TECHNIQUE: &[&str] = &["T1563", "T1539"];

pub(super) fn judge(moment: &Moment<'_>, subject: &mut Subject<'_>) -> Option<Signal> {
    let changed = subject.session.changed()?;
    let elapsed = moment.time().since(changed.time);
    let just_now = changed.event_id.to_string() == *moment.event.id;
    if !moment.is_sensitive() || moment.was_refused() || !(0..=WITHIN_MS).contains(&elapsed) {
        return None;
    }
    let what = changed.what.join(", ");
    let name = &moment.event.action.name;
    let after = moment.names.text(changed.after);
    let before = changed.before.map(|name| moment.names.text(name));
    let summary = match just_now {
        true => format!("{name} with a change of {what} in mid-session: now {after}"),
        false => format!("{name} after {what} changed in mid-session: now {after}"),
    };
    let evidence = json!({
        "action": name, "class": moment.class, "changed": changed.what, "changed_at": changed.time,
        "before": before, "after": after, "change_event_id": changed.event_id,
        "change_bits": changed.bits.rounded(),
        "silent_if": format!("{what} had been usual, or the session had authenticated again after the change"),
    });
    let earlier = (!just_now).then(|| changed.event_id.to_string());
    let signal = Signal::rule(
        DetectorId::ContextChange,
        Demand::of(Action::StepUp),
        TECHNIQUE,
        summary,
        evidence,
    );
    Some(signal.weighing(changed.bits).resting_on(earlier))
}
