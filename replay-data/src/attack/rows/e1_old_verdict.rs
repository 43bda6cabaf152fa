//! A payment or a change of privilege is about to clear on an old verdict.

use plumbline_schemas::command::Action::StepUp;

use super::tale::{Tale, ms};
use super::{Row, Variant, finance, operator};
use crate::catalogue::deeds::{DASHBOARD, Deed, GRANT, LOGOUT, PAYMENT};
use crate::clock::MINUTE;

pub(super) const ROW: Row = Row {
    id: "E1",
    variants: &[
        Variant {
            name: "a payment",
            accepts: &[StepUp],
            suits: finance,
            attack: |tale| clears(tale, 12, &PAYMENT),
            twin_suits: finance,
            twin: |tale| clears(tale, 3, &PAYMENT),
        },
        Variant {
            name: "a privilege",
            accepts: &[StepUp],
            suits: operator,
            attack: |tale| clears(tale, 35, &GRANT),
            twin_suits: finance,
            twin: |tale| clears(tale, 2, &PAYMENT),
        },
    ],
};

fn clears(tale: &mut Tale<'_>, minutes: i64, deed: &'static Deed) -> Option<String> {
    let pattern = tale.pattern()?;
    let start = ms(&pattern) + 22 * MINUTE;
    let live = tale.session(&pattern, start);
    for nth in 1..minutes / 2 {
        let look = tale.done(&live, start + nth * 2 * MINUTE, &DASHBOARD, nth as u32 % 4);
        tale.before(look);
    }
    let act = tale.done(&live, start + minutes * MINUTE, deed, 8);
    tale.then(act);
    let logout = tale.done(&live, start + (minutes + 1) * MINUTE, &LOGOUT, 0);
    tale.before(logout);
    Some(format!(
        "{} on a verdict of {minutes} minutes ago",
        deed.name
    ))
}
