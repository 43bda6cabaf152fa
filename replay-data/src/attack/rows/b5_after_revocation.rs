//! What was revoked still succeeds.

use plumbline_schemas::command::Action::RevokeAll;
use plumbline_schemas::event::Outcome;

use super::tale::{Tale, ms};
use super::{Row, Variant, operator, service};
use crate::catalogue::deeds::{DASHBOARD, REVOKE};
use crate::clock::{MINUTE, SECOND};

pub(super) const ROW: Row = Row {
    id: "B5",
    variants: &[
        Variant {
            name: "a session",
            accepts: &[RevokeAll],
            suits: operator,
            attack: |tale| session(tale, true),
            twin_suits: operator,
            twin: |tale| session(tale, false),
        },
        Variant {
            name: "a credential",
            accepts: &[RevokeAll],
            suits: service,
            attack: |tale| credential(tale, true),
            twin_suits: service,
            twin: |tale| credential(tale, false),
        },
    ],
};

fn session(tale: &mut Tale<'_>, succeeds: bool) -> Option<String> {
    let pattern = tale.pattern()?;
    let start = ms(&pattern) + 10 * MINUTE;
    let live = tale.session(&pattern, start);
    let revoked = tale.done(&live, start + 3 * MINUTE, &REVOKE, 0);
    tale.before(revoked);
    let mut time = start + 4 * MINUTE;
    for nth in 0..3 {
        let mut call = tale.done(&live, time, &DASHBOARD, nth);
        if !succeeds {
            call.action.outcome = Outcome::Denied.into();
        }
        tale.then(call);
        time += tale.about(20);
    }
    Some(format!(
        "the session was revoked and is used; succeeds: {succeeds}"
    ))
}

/// Another credential of the account, so that its ordinary one lives on.
fn credential(tale: &mut Tale<'_>, succeeds: bool) -> Option<String> {
    let pattern = tale.pattern()?;
    let mut spare = tale.fresh(&pattern, ms(&pattern));
    spare.credential.id = Some(format!("sha256:spare{:011x}", tale.plant).into());
    let start = ms(&pattern) + 3 * MINUTE;
    for nth in 0..3 {
        let call = tale.again(&spare, start + nth * 5 * SECOND);
        tale.before(call);
    }
    let revoked = tale.done(&spare, start + MINUTE, &REVOKE, 0);
    tale.before(revoked);
    for nth in 0..3 {
        let mut call = tale.again(&spare, start + 2 * MINUTE + nth * 7 * SECOND);
        if !succeeds {
            call.action.outcome = Outcome::Denied.into();
        }
        tale.then(call);
    }
    Some(format!(
        "the credential was revoked and is used; succeeds: {succeeds}"
    ))
}
