//! Access that was lent for two hours is still used, or only still open, when its time is over.

use plumbline_schemas::command::Action::RevokeSession;
use plumbline_schemas::time::EventTime;

use super::tale::{Tale, ms};
use super::{Row, Variant, on_call};
use crate::catalogue::deeds::{CONFIG_READ, LOGOUT, RESTART};
use crate::clock::{HOUR, MINUTE};

const fn variant(name: &'static str, attack: super::Telling) -> Variant {
    Variant {
        name,
        accepts: &[RevokeSession],
        suits: on_call,
        attack,
        twin_suits: on_call,
        twin: |tale| lent(tale, 100, false),
    }
}

pub(super) const ROW: Row = Row {
    id: "D4",
    variants: &[
        variant("used after its end", |tale| lent(tale, 130, true)),
        variant("left open", |tale| lent(tale, 110, true)),
    ],
};

fn lent(tale: &mut Tale<'_>, minutes: i64, stays: bool) -> Option<String> {
    let pattern = tale.pattern_of(tale.who, |bout| bout.begins_session && !bout.special)?;
    let start = ms(&pattern) + 10 * MINUTE;
    let mut live = tale.session(&pattern, start);
    live.session.jit_until = Some(EventTime::from_millis(start + 2 * HOUR));
    let mut time = start + MINUTE;
    let mut nth = 0;
    while time < start + minutes * MINUTE {
        let deed = if nth % 3 == 1 { &RESTART } else { &CONFIG_READ };
        let call = tale.done(&live, time, deed, nth);
        // The attack is what is done last, and that it is not over: from before the window ends, when the
        // answer is due.
        if time + 25 * MINUTE < start + minutes * MINUTE {
            tale.before(call);
        } else {
            tale.then(call);
        }
        time += tale.about(8 * 60).clamp(4 * MINUTE, 11 * MINUTE);
        nth += 1;
    }
    if !stays {
        let logout = tale.done(&live, time, &LOGOUT, 0);
        tale.then(logout);
    }
    Some(format!(
        "{minutes} minutes of an access that was lent for 120"
    ))
}
