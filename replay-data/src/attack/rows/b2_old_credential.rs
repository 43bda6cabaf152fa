//! A credential is renewed in mid-session, and the next call still carries the old one.

use plumbline_schemas::command::Action::Deny;
use plumbline_schemas::time::EventTime;

use super::tale::Tale;
use super::{Row, Variant, service};
use crate::catalogue::deeds::ROTATE;
use crate::clock::{DAY, MINUTE, SECOND};

const fn variant(name: &'static str, attack: super::Telling) -> Variant {
    Variant {
        name,
        accepts: &[Deny],
        suits: service,
        attack,
        twin_suits: service,
        twin: |tale| rotate(tale, None),
    }
}

pub(super) const ROW: Row = Row {
    id: "B2",
    variants: &[
        variant("half a minute later", |tale| {
            rotate(tale, Some(30 * SECOND))
        }),
        variant("minutes later", |tale| rotate(tale, Some(5 * MINUTE))),
    ],
};

/// A second credential of the account, so that its ordinary life goes on with the first.
fn rotate(tale: &mut Tale<'_>, old_after: Option<i64>) -> Option<String> {
    let bout = tale.bout_of(tale.who, |bout| !bout.special && bout.work > 1)?;
    let usual = tale.usual(tale.who, &bout);
    let calls: Vec<_> = usual
        .into_iter()
        .filter(|event| event.action.scopes.len() == 1)
        .take(6)
        .collect();
    let start = bout.start + 8 * MINUTE;
    let mut session = tale.fresh(calls.first()?, start);
    session.credential.id = Some(format!("sha256:old{:013x}", tale.plant).into());
    session.credential.issued_at = Some(EventTime::from_millis(start - 20 * DAY));
    let fresh = format!("sha256:new{:013x}", tale.plant);
    let mut time = start;
    for nth in 0..2 * calls.len() {
        let half = nth == calls.len();
        if half {
            let mut rotation = tale.done(&session, time, &ROTATE, 0);
            rotation.action.resource = Some(fresh.clone().into());
            tale.before(rotation);
            time += old_after.unwrap_or(3 * SECOND);
            if old_after.is_none() {
                session.credential.id = Some(fresh.clone().into());
                session.credential.issued_at = Some(EventTime::from_millis(time));
            }
        }
        let mut call = tale.again(&calls[nth % calls.len()], time);
        call.session = session.session.clone();
        call.credential = session.credential.clone();
        if nth < calls.len() {
            tale.before(call);
        } else {
            tale.then(call);
        }
        time += tale.about(3);
    }
    Some(match old_after {
        Some(_) => "after the renewal calls still carry the old credential".to_owned(),
        None => "after the renewal calls carry the new credential".to_owned(),
    })
}
