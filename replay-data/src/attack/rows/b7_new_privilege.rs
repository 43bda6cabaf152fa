//! A privilege that was gained minutes ago is used at once for something that weighs.

use plumbline_schemas::command::Action::{RevokeSession, StepUp};
use plumbline_schemas::event::{Delegate, Event, IdentityKind};

use super::tale::{Tale, ms};
use super::{Row, Variant, operator, service};
use crate::catalogue::deeds::{CONFIG_WRITE, GRANT, SA_SECRET, SECRET_READ};
use crate::clock::{DAY, MINUTE};

pub(super) const ROW: Row = Row {
    id: "B7",
    variants: &[
        Variant {
            name: "a person",
            accepts: &[StepUp, RevokeSession],
            suits: operator,
            attack: |tale| person(tale, 2 * MINUTE),
            twin_suits: operator,
            twin: a_week_later,
        },
        Variant {
            name: "a service account",
            accepts: &[StepUp, RevokeSession],
            suits: service,
            attack: account,
            twin_suits: operator,
            twin: a_week_later,
        },
    ],
};

/// Somebody else grants it, as the rules want.
fn granted(tale: &mut Tale<'_>, live: &Event<'static>, time: i64) -> Option<Event<'static>> {
    let by = tale.another(operator)?;
    let mut grant = tale.done(live, time, &GRANT, 0);
    grant.delegation = vec![Delegate {
        id: by.id().into(),
        kind: IdentityKind::Human.into(),
    }];
    Some(grant)
}

fn person(tale: &mut Tale<'_>, later: i64) -> Option<String> {
    let pattern = tale.pattern()?;
    let start = ms(&pattern) + 12 * MINUTE;
    let live = tale.session(&pattern, start);
    let grant = granted(tale, &live, start + MINUTE)?;
    tale.then(grant);
    for nth in 0..4 {
        let read = tale.done(
            &live,
            start + MINUTE + later + i64::from(nth) * MINUTE / 4,
            &SECRET_READ,
            nth,
        );
        tale.then(read);
    }
    Some("a role is granted; two minutes later secrets are read with it".to_owned())
}

fn account(tale: &mut Tale<'_>) -> Option<String> {
    let live = tale.pattern()?;
    let start = ms(&live) + 2 * MINUTE;
    let grant = granted(tale, &live, start)?;
    tale.then(grant);
    for nth in 0..4 {
        let read = tale.done(
            &live,
            start + i64::from(nth + 4) * MINUTE / 4,
            &SA_SECRET,
            nth,
        );
        tale.then(read);
    }
    Some("the account gains a role and reads secrets with it".to_owned())
}

/// Granted on one day, used on another for what the person does anyway.
fn a_week_later(tale: &mut Tale<'_>) -> Option<String> {
    let pattern = tale.pattern()?;
    let start = ms(&pattern) + 12 * MINUTE;
    let live = tale.session(&pattern, start);
    // The use is the twin, not the week between.
    let grant = granted(tale, &live, start + MINUTE)?;
    tale.before(grant);
    end(tale, &live, start + 2 * MINUTE);
    let start = start + 7 * DAY;
    let pattern = tale.pattern_at(tale.who, start, |_| true)?;
    let live = tale.session(&pattern, start);
    let change = tale.done(&live, start + MINUTE, &CONFIG_WRITE, 5);
    tale.then(change);
    end(tale, &live, start + 2 * MINUTE);
    Some("a role is granted, and used a week later in the usual way".to_owned())
}

fn end(tale: &mut Tale<'_>, live: &Event<'static>, time: i64) {
    let logout = tale.done(live, time, &crate::catalogue::deeds::LOGOUT, 0);
    tale.before(logout);
}
