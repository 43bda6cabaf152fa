//! A job that always runs at fixed times runs outside them.

use plumbline_schemas::command::Action::StepUp;
use rand::RngExt as _;

use super::tale::{Tale, ms};
use super::{Row, Variant, scheduled};
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::profile::{Profile, Role};

pub(super) const ROW: Row = Row {
    id: "C4",
    variants: &[
        Variant {
            name: "a daily job",
            accepts: &[StepUp],
            suits: daily,
            attack: |tale| runs(tale, 5 * HOUR, 9 * HOUR),
            twin_suits: daily,
            twin: late,
        },
        Variant {
            name: "a job of every six hours",
            accepts: &[StepUp],
            suits: six_hourly,
            attack: |tale| runs(tale, 2 * HOUR, 4 * HOUR),
            twin_suits: six_hourly,
            twin: late,
        },
    ],
};

fn daily(who: &Profile) -> bool {
    scheduled(who) && matches!(&who.role, Role::Native(native) if native.period == DAY)
}

fn six_hourly(who: &Profile) -> bool {
    scheduled(who) && matches!(&who.role, Role::Native(native) if native.period < DAY)
}

fn runs(tale: &mut Tale<'_>, from: i64, to: i64) -> Option<String> {
    let shift = tale.rng.random_range(from..to);
    run_shifted(tale, shift)?;
    Some(format!(
        "the job runs {} minutes after its time",
        shift / MINUTE
    ))
}

/// Later than it was due by what its scheduler has shown before.
fn late(tale: &mut Tale<'_>) -> Option<String> {
    let Role::Native(native) = &tale.who.role else {
        return None;
    };
    let shift = native.jitter as i64;
    run_shifted(tale, shift)?;
    Some(format!(
        "a run {} seconds later than it would have been",
        shift / SECOND
    ))
}

fn run_shifted(tale: &mut Tale<'_>, shift: i64) -> Option<()> {
    let bout = tale.bout_of(tale.who, |_| true)?;
    tale.instead_of(&bout);
    let events = tale.usual(tale.who, &bout);
    let session = tale.fresh(events.first()?, bout.start + shift);
    for event in &events {
        let mut again = tale.again(event, ms(event) + shift);
        again.session = session.session.clone();
        tale.then(again);
    }
    Some(())
}
