//! A federated workload tries to raise its privilege inside its session.

use plumbline_schemas::command::Action::{RevokeSession, StepUp};
use plumbline_schemas::event::Outcome;

use super::tale::{Tale, ms};
use super::{Row, Variant, deployer};
use crate::catalogue::deeds::{ASSUME_OWNER, ATTACH_POLICY};
use crate::clock::{MINUTE, SECOND};

pub(super) const ROW: Row = Row {
    id: "C5",
    variants: &[
        Variant {
            name: "in vain",
            accepts: &[StepUp],
            suits: deployer,
            attack: |tale| raise(tale, Outcome::Denied),
            twin_suits: deployer,
            twin: one_more,
        },
        Variant {
            name: "with success",
            accepts: &[RevokeSession],
            suits: deployer,
            attack: |tale| raise(tale, Outcome::Success),
            twin_suits: deployer,
            twin: one_more,
        },
    ],
};

fn raise(tale: &mut Tale<'_>, outcome: Outcome) -> Option<String> {
    let pattern = tale.pattern()?;
    let mut time = ms(&pattern) + 5 * SECOND;
    for deed in [&ASSUME_OWNER, &ATTACH_POLICY, &ASSUME_OWNER] {
        let mut attempt = tale.done(&pattern, time, deed, 0);
        attempt.action.outcome = outcome.into();
        tale.then(attempt);
        time += tale.about(15);
    }
    Some(format!(
        "the deployment tries to become the organisation's owner: {outcome}"
    ))
}

/// A deployment like the others, with its role.
fn one_more(tale: &mut Tale<'_>) -> Option<String> {
    let bout = tale.bout_of(tale.who, |_| true)?;
    let events = tale.usual(tale.who, &bout);
    let session = tale.fresh(events.first()?, bout.start + 25 * MINUTE);
    for event in &events {
        let mut again = tale.again(event, ms(event) + 25 * MINUTE);
        again.session = session.session.clone();
        tale.then(again);
    }
    Some("one deployment more, with the role of every deployment".to_owned())
}
