//! The attacker passes a challenge and goes on with other means.

use plumbline_schemas::command::Action::{Pause, RevokeAll, RevokeCredential, RevokeSession};

use super::tale::{Tale, ms};
use super::{Row, Variant, operator};
use crate::catalogue::deeds::{BULK_EXPORT, DASHBOARD, DOC_READ, MFA, SECRET_READ, USER_LIST};
use crate::clock::{MINUTE, SECOND};

const fn variant(name: &'static str, attack: super::Telling) -> Variant {
    Variant {
        name,
        // Stronger than the second tactic would be answered alone.
        accepts: &[Pause, RevokeSession, RevokeCredential, RevokeAll],
        suits: operator,
        attack,
        twin_suits: operator,
        twin: passes_and_works_on,
    }
}

pub(super) const ROW: Row = Row {
    id: "C6",
    variants: &[
        variant("from travel to secrets", |tale| {
            tactics(tale, &[&SECRET_READ, &USER_LIST, &SECRET_READ])
        }),
        variant("from travel to an export", |tale| {
            tactics(tale, &[&USER_LIST, &BULK_EXPORT, &BULK_EXPORT])
        }),
    ],
};

fn tactics(
    tale: &mut Tale<'_>,
    second: &[&'static crate::catalogue::deeds::Deed],
) -> Option<String> {
    let pattern = tale.pattern_of(tale.who, |bout| bout.work > 1 && !bout.special)?;
    let city = tale.hideout();
    let mut session = pattern.clone();
    tale.stolen(&mut session, city);
    let mut time = ms(&pattern) + 10 * MINUTE;
    for nth in 0..3 {
        let look = tale.done(&session, time, &DASHBOARD, nth);
        tale.then(look);
        time += tale.about(20);
    }
    // Somebody accepted the prompt.
    time += MINUTE;
    session = tale.done(&session, time, &MFA, 0);
    tale.then(session.clone());
    for nth in 0..12_u32 {
        time += tale.about(12) + SECOND;
        let deed = second[nth as usize % second.len()];
        let call = tale.done(&session, time, deed, nth);
        tale.then(call);
    }
    Some(format!(
        "the session is used from {city}, passes a challenge and turns to something else"
    ))
}

/// One challenge, and then as always.
fn passes_and_works_on(tale: &mut Tale<'_>) -> Option<String> {
    let pattern = tale.pattern_of(tale.who, |bout| bout.work > 1 && !bout.special)?;
    let mut time = ms(&pattern) + 2 * MINUTE;
    let session = tale.done(&pattern, time, &MFA, 0);
    tale.then(session.clone());
    for nth in 0..6_u32 {
        time += tale.about(60);
        let deed = if nth % 2 == 0 { &DASHBOARD } else { &DOC_READ };
        let call = tale.done(&session, time, deed, nth);
        tale.then(call);
    }
    Some("a challenge is passed, and the day goes on".to_owned())
}
