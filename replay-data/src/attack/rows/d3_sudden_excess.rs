//! Scopes escalate, data leaves in unusual volume, or approvals fail again and again.

use plumbline_schemas::command::Action::RevokeSession;
use plumbline_schemas::event::Outcome;

use super::tale::{Tale, ms};
use super::{Row, Variant, agent, finance, service, triage_agent};
use crate::catalogue::deeds::{
    AGENT_APPROVAL, BULK_EXPORT, Deed, KEY_LIST, LEDGER_EXPORT, LOGOUT, SA_SECRET, USER_ADMIN,
    USER_LIST,
};
use crate::clock::{MINUTE, SECOND};

pub(super) const ROW: Row = Row {
    id: "D3",
    variants: &[
        Variant {
            name: "scopes",
            accepts: &[RevokeSession],
            suits: service,
            attack: escalates,
            twin_suits: service,
            twin: |tale| {
                let bout = tale.bout_of(tale.who, |bout| !bout.special)?;
                for event in tale.usual(tale.who, &bout) {
                    let again = tale.again(&event, ms(&event) + 8 * MINUTE);
                    tale.then(again);
                }
                Some("a round with the scopes of every round".to_owned())
            },
        },
        Variant {
            name: "an export of customers",
            accepts: &[RevokeSession],
            suits: finance,
            attack: |tale| exports(tale, &BULK_EXPORT, 40, 40),
            twin_suits: finance,
            twin: |tale| exports(tale, &LEDGER_EXPORT, 2, 2),
        },
        Variant {
            name: "the usual export, fifty times its size",
            accepts: &[RevokeSession],
            suits: finance,
            attack: |tale| exports(tale, &LEDGER_EXPORT, 3, 50),
            twin_suits: finance,
            twin: |tale| exports(tale, &LEDGER_EXPORT, 3, 1),
        },
        Variant {
            name: "approvals",
            accepts: &[RevokeSession],
            suits: agent,
            attack: |tale| approvals(tale, 7),
            twin_suits: triage_agent,
            twin: |tale| approvals(tale, 1),
        },
    ],
};

fn escalates(tale: &mut Tale<'_>) -> Option<String> {
    let pattern = tale.pattern()?;
    let mut session = pattern.clone();
    let mut time = ms(&pattern) + 2 * MINUTE;
    for deed in [&USER_LIST, &KEY_LIST, &USER_ADMIN, &SA_SECRET, &BULK_EXPORT] {
        session.credential.scopes.push(deed.scope.into());
        for nth in 0..3 {
            let call = tale.done(&session, time, deed, nth);
            tale.then(call);
            time += tale.about(8);
        }
    }
    Some("one scope after another that the account never had".to_owned())
}

/// In a session of its own, with a fresh proof.
fn exports(tale: &mut Tale<'_>, deed: &'static Deed, count: u32, times: u64) -> Option<String> {
    let pattern = tale.pattern()?;
    let start = ms(&pattern) + 18 * MINUTE;
    let live = tale.session(&pattern, start);
    let mut time = start + MINUTE;
    let mut bytes = 0;
    for nth in 0..count {
        let mut export = tale.done(&live, time, deed, nth);
        let grow =
            |value: Option<u64>| value.map(|value| value * times / u64::from(count).max(1) + 1);
        if times > u64::from(count) {
            export.action.bytes_out = grow(export.action.bytes_out);
            export.action.records = grow(export.action.records);
        }
        bytes += export.action.bytes_out.unwrap_or(0);
        tale.then(export);
        time += tale.about(10);
    }
    let logout = tale.done(&live, time + MINUTE, &LOGOUT, 0);
    tale.before(logout);
    Some(format!("{count} exports, {} MB", bytes / 1_000_000))
}

fn approvals(tale: &mut Tale<'_>, failures: i64) -> Option<String> {
    let pattern = tale.task()?;
    let start = ms(&pattern) + 2 * SECOND;
    for nth in 0..failures {
        let mut approval = tale.done(&pattern, start + nth * 9 * SECOND, &AGENT_APPROVAL, 0);
        approval.action.outcome = if nth % 3 == 2 {
            Outcome::Failure.into()
        } else {
            Outcome::Denied.into()
        };
        tale.then(approval);
    }
    if failures == 1 {
        let approval = tale.done(&pattern, start + 20 * SECOND, &AGENT_APPROVAL, 0);
        tale.then(approval);
    }
    Some(format!("{failures} approvals fail"))
}
