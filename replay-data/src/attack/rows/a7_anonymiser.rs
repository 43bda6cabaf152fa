//! An address on a list of anonymisers, with a second signal.

use plumbline_schemas::command::Action::{RevokeCredential, RevokeSession, StepUp};

use super::tale::{Tale, ms};
use super::{Row, Variant, on_commercial_vpn, operator, service};
use crate::catalogue::deeds::{DASHBOARD, DOC_READ, KEY_LIST, LOGIN, MFA, USER_LIST};
use crate::clock::{MINUTE, SECOND};

pub(super) const ROW: Row = Row {
    id: "A7",
    variants: &[
        Variant {
            name: "a person on Tor with a new device",
            accepts: &[StepUp, RevokeSession],
            suits: operator,
            attack: person,
            twin_suits: on_commercial_vpn,
            twin: as_ever,
        },
        Variant {
            name: "an account on a VPN with new calls",
            accepts: &[StepUp, RevokeSession, RevokeCredential],
            suits: service,
            attack: account,
            twin_suits: on_commercial_vpn,
            twin: as_ever,
        },
    ],
};

fn person(tale: &mut Tale<'_>) -> Option<String> {
    let mut pattern = tale.pattern()?;
    tale.stolen(&mut pattern, "Amsterdam");
    let start = ms(&pattern) + 70 * MINUTE;
    let session = tale.fresh(&pattern, start);
    let login = tale.done(&session, start, &LOGIN, 0);
    tale.then(login);
    let session = tale.done(&session, start + 6 * SECOND, &MFA, 0);
    tale.then(session.clone());
    let mut time = start + MINUTE;
    for nth in 0..6_u32 {
        let deed = if nth % 2 == 0 { &DASHBOARD } else { &DOC_READ };
        let event = tale.done(&session, time, deed, nth);
        tale.then(event);
        time += tale.about(30);
    }
    Some("a session over Tor on a device that was never seen".to_owned())
}

fn account(tale: &mut Tale<'_>) -> Option<String> {
    let mut session = tale.pattern()?;
    let mut time = ms(&session) + 8 * MINUTE;
    tale.through(&mut session, "Zurich");
    for nth in 0..6_u32 {
        let deed = if nth % 2 == 0 { &USER_LIST } else { &KEY_LIST };
        let event = tale.done(&session, time, deed, nth);
        tale.then(event);
        time += tale.about(10);
    }
    Some("calls that the account never made, over a VPN that anybody can buy".to_owned())
}

/// Through the same VPN as always, by another exit.
fn as_ever(tale: &mut Tale<'_>) -> Option<String> {
    let mut session = tale.pattern()?;
    tale.through(&mut session, "Zurich");
    let mut time = ms(&session) + 5 * MINUTE;
    for nth in 0..5_u32 {
        let event = tale.done(&session, time, &DASHBOARD, nth);
        tale.then(event);
        time += tale.about(60);
    }
    Some("the VPN that is always on".to_owned())
}
