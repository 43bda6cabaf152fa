//! An administrator changes or exports with an authentication older than the limit.

use plumbline_schemas::command::Action::StepUp;

use super::tale::{Tale, ms};
use super::{Row, Variant, finance, operator};
use crate::catalogue::deeds::{CONFIG_WRITE, DASHBOARD, Deed, HUMAN_DEPLOY, LEDGER_EXPORT, LOGOUT};
use crate::clock::MINUTE;

const fn variant(
    name: &'static str,
    suits: fn(&crate::profile::Profile) -> bool,
    attack: super::Telling,
    twin: super::Telling,
) -> Variant {
    Variant {
        name,
        accepts: &[StepUp],
        suits,
        attack,
        twin_suits: suits,
        twin,
    }
}

pub(super) const ROW: Row = Row {
    id: "D1",
    variants: &[
        variant(
            "administration after 75 minutes",
            operator,
            |tale| after(tale, 75, &CONFIG_WRITE),
            |tale| after(tale, 40, &CONFIG_WRITE),
        ),
        variant(
            "an export after 25 minutes",
            finance,
            |tale| after(tale, 25, &LEDGER_EXPORT),
            |tale| after(tale, 9, &LEDGER_EXPORT),
        ),
        variant(
            "a deployment after three hours",
            operator,
            |tale| after(tale, 180, &HUMAN_DEPLOY),
            |tale| after(tale, 8, &HUMAN_DEPLOY),
        ),
    ],
};

fn after(tale: &mut Tale<'_>, minutes: i64, deed: &'static Deed) -> Option<String> {
    let pattern = tale.pattern_of(tale.who, |bout| bout.begins_session && !bout.special)?;
    let start = ms(&pattern) + 10 * MINUTE;
    let live = tale.session(&pattern, start);
    // Busy all the time, so that nothing is idle.
    for nth in 1..minutes / 8 {
        let look = tale.done(&live, start + nth * 8 * MINUTE, &DASHBOARD, nth as u32 % 5);
        tale.before(look);
    }
    let time = start + minutes * MINUTE;
    let act = tale.done(&live, time, deed, 3);
    tale.then(act);
    let logout = tale.done(&live, time + 2 * MINUTE, &LOGOUT, 0);
    tale.before(logout);
    Some(format!(
        "{} {minutes} minutes after the last proof",
        deed.name
    ))
}
