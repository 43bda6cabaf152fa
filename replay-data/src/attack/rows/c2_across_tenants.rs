//! From its known host an account calls across tenants it never touched, at a volume it never had.

use plumbline_schemas::command::Action::{RevokeSession, StepUp};
use rand::RngExt as _;

use super::tale::{Tale, ms};
use super::{Row, Variant, service};
use crate::catalogue::deeds::CLIENT_LINES;
use crate::clock::MINUTE;
use crate::profile::Role;

pub(super) const ROW: Row = Row {
    id: "C2",
    variants: &[
        Variant {
            name: "tenants one by one, then all at once",
            accepts: &[StepUp, RevokeSession],
            suits: service,
            attack: |tale| harvest(tale, 400, 30),
            twin_suits: service,
            twin: peak,
        },
        Variant {
            name: "a few tenants, slowly",
            accepts: &[StepUp, RevokeSession],
            suits: service,
            attack: |tale| harvest(tale, 120, 6),
            twin_suits: service,
            twin: peak,
        },
    ],
};

fn harvest(tale: &mut Tale<'_>, calls: u32, tenants: u32) -> Option<String> {
    let Role::Native(native) = &tale.who.role else {
        return None;
    };
    let steps = CLIENT_LINES[usize::from(native.line) % CLIENT_LINES.len()];
    let pattern = tale.pattern()?;
    let mut time = ms(&pattern) + MINUTE;
    for nth in 0..calls {
        let deed = steps[usize::from(nth % 8 != 0)];
        let mut call = tale.done(&pattern, time, deed, 9_000 + nth);
        let tenant = 20_000 + nth * tenants / calls;
        call.action.target_tenant = Some(format!("tenant-{tenant}").into());
        tale.then(call);
        // It begins slowly: the risk is to climb with each step.
        time += tale.about(if nth < 20 { 12 } else { 2 });
    }
    Some(format!(
        "{calls} reads across {tenants} tenants that are not the account's"
    ))
}

/// A busy hour: three rounds' work on the account's own tenants, in the usual order.
fn peak(tale: &mut Tale<'_>) -> Option<String> {
    let bout = tale.bout_of(tale.who, |bout| bout.work > 0 && !bout.special)?;
    let events = tale.usual(tale.who, &bout);
    let shift = tale.rng.random_range(7..11) * MINUTE;
    for round in 1..3 {
        for event in events
            .iter()
            .filter(|event| !event.action.scopes.is_empty())
        {
            let again = tale.again(event, ms(event) + round * shift);
            tale.then(again);
        }
    }
    Some("three rounds instead of one, for the account's own tenants".to_owned())
}
