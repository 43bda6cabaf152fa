//! A console session that lives too long: idle, on a device that is no longer in order, or travelling.

use plumbline_schemas::command::Action::RevokeSession;
use plumbline_schemas::event::{Event, Posture};

use super::tale::{Tale, ms};
use super::{Row, Variant, operator};
use crate::catalogue::deeds::{CONFIG_READ, CONFIG_WRITE, LOGOUT, POSTURE};
use crate::clock::MINUTE;

const fn variant(name: &'static str, attack: super::Telling) -> Variant {
    Variant {
        name,
        accepts: &[RevokeSession],
        suits: operator,
        attack,
        twin_suits: operator,
        twin: idle_within_the_limit,
    }
}

pub(super) const ROW: Row = Row {
    id: "E4",
    variants: &[
        variant("idle", |tale| {
            let (live, time) = console(tale)?;
            let last = tale.done(&live, time, &CONFIG_WRITE, 4);
            tale.then(last);
            Some("the session is left open after an administrator's work".to_owned())
        }),
        variant("posture", |tale| {
            let (mut live, time) = console(tale)?;
            live.device.posture = Posture::NonCompliant.into();
            let said = tale.done(&live, time, &POSTURE, 0);
            tale.then(said);
            goes_on(tale, &live, time + MINUTE);
            Some("in mid-session the device is no longer in order".to_owned())
        }),
        variant("travel", |tale| {
            let (mut live, time) = console(tale)?;
            let city = tale.hideout();
            tale.through(&mut live, city);
            goes_on(tale, &live, time);
            Some(format!("minutes later the session is in {city}"))
        }),
    ],
};

/// A console session in use: what is done in it is like the event, and when the next would be due.
fn console(tale: &mut Tale<'_>) -> Option<(Event<'static>, i64)> {
    let pattern = tale.pattern_of(tale.who, |bout| bout.setting.device != crate::draft::PHONE)?;
    let start = ms(&pattern) + 15 * MINUTE;
    let live = tale.session(&pattern, start);
    for nth in 1..5_u32 {
        let deed = if nth == 2 {
            &CONFIG_WRITE
        } else {
            &CONFIG_READ
        };
        let event = tale.done(&live, start + i64::from(nth) * MINUTE, deed, nth);
        tale.before(event);
    }
    Some((live, start + 6 * MINUTE))
}

fn goes_on(tale: &mut Tale<'_>, live: &Event<'static>, start: i64) {
    for nth in 0..5_u32 {
        let deed = if nth == 3 {
            &CONFIG_WRITE
        } else {
            &CONFIG_READ
        };
        let event = tale.done(live, start + i64::from(nth) * MINUTE, deed, nth);
        tale.then(event);
    }
}

fn idle_within_the_limit(tale: &mut Tale<'_>) -> Option<String> {
    let (live, time) = console(tale)?;
    let later = tale.done(&live, time + 22 * MINUTE, &CONFIG_READ, 4);
    tale.then(later);
    let logout = tale.done(&live, time + 24 * MINUTE, &LOGOUT, 0);
    tale.then(logout);
    Some("24 minutes of rest, then a log-out".to_owned())
}
