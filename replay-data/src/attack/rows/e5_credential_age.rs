//! A credential that is too old, that was replaced, or that slept for long.

use plumbline_schemas::command::Action::{Deny, RevokeCredential, StepUp};
use plumbline_schemas::event::Event;
use plumbline_schemas::time::EventTime;

use super::tale::{Tale, ms};
use super::{Row, Variant, pipeline, service};
use crate::catalogue::deeds::ROTATE;
use crate::clock::{DAY, HOUR, MINUTE, SECOND};

pub(super) const ROW: Row = Row {
    id: "E5",
    variants: &[
        Variant {
            name: "over-age",
            accepts: &[StepUp, RevokeCredential],
            suits: service,
            attack: |tale| aged(tale, 200),
            twin_suits: service,
            twin: |tale| aged(tale, 12),
        },
        Variant {
            name: "after its renewal",
            accepts: &[StepUp, RevokeCredential, Deny],
            suits: service,
            attack: replaced,
            twin_suits: service,
            twin: |tale| aged(tale, 40),
        },
        Variant {
            name: "after long sleep",
            accepts: &[StepUp, RevokeCredential],
            suits: pipeline,
            attack: wakes,
            twin_suits: pipeline,
            twin: |tale| aged(tale, 20),
        },
    ],
};

/// A second credential, issued so long ago.
fn spare(tale: &mut Tale<'_>, word: &str, days: i64) -> Option<Event<'static>> {
    let pattern = tale.pattern()?;
    let time = ms(&pattern) + 7 * MINUTE;
    let mut event = tale.fresh(&pattern, time);
    event.time = EventTime::from_millis(time);
    event.credential.id = Some(format!("sha256:{word}{:09x}", tale.plant).into());
    event.credential.issued_at = Some(EventTime::from_millis(time - days * DAY));
    Some(event)
}

fn calls(tale: &mut Tale<'_>, live: &Event<'static>, start: i64) {
    for nth in 0..4 {
        let call = tale.again(live, start + nth * 6 * SECOND);
        tale.then(call);
    }
}

fn aged(tale: &mut Tale<'_>, days: i64) -> Option<String> {
    let live = spare(tale, "aged", days)?;
    calls(tale, &live, ms(&live));
    Some(format!("a credential of {days} days"))
}

/// Hours after the new one took over.
fn replaced(tale: &mut Tale<'_>) -> Option<String> {
    let live = spare(tale, "repl", 30)?;
    let start = ms(&live);
    let call = tale.again(&live, start);
    tale.before(call);
    let mut rotation = tale.done(&live, start + 5 * SECOND, &ROTATE, 0);
    let fresh = format!("sha256:next{:09x}", tale.plant);
    rotation.action.resource = Some(fresh.clone().into());
    tale.before(rotation);
    let mut new = live.clone();
    new.credential.id = Some(fresh.into());
    new.credential.issued_at = Some(EventTime::from_millis(start + 5 * SECOND));
    for nth in 1..5 {
        let call = tale.again(&new, start + nth * 15 * SECOND);
        tale.before(call);
    }
    calls(tale, &live, start + 3 * HOUR);
    Some("the old credential, hours after the new one took over".to_owned())
}

/// Used once when the log began, and then not for two months.
fn wakes(tale: &mut Tale<'_>) -> Option<String> {
    let live = spare(tale, "sleeper", 80)?;
    let began = tale.world.from + 9 * HOUR;
    if ms(&live) - began < 61 * DAY {
        return None;
    }
    let mut first = tale.again(&live, began);
    first.session = Default::default();
    tale.before(first);
    calls(tale, &live, ms(&live));
    Some("a credential that slept for two months".to_owned())
}
