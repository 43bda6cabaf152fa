//! Log-ins or prompts fail in a burst, and then one succeeds.

use plumbline_schemas::command::Action::{RevokeSession, StepUp};
use plumbline_schemas::event::Outcome;
use rand::RngExt as _;

use super::tale::{Tale, ms};
use super::{Row, Variant, operator};
use crate::catalogue::deeds::{DASHBOARD, Deed, LOGIN, LOGOUT, MFA, RESET};
use crate::clock::{MINUTE, SECOND};

const fn variant(
    name: &'static str,
    accepts: &'static [plumbline_schemas::command::Action],
    attack: super::Telling,
) -> Variant {
    Variant {
        name,
        accepts,
        suits: operator,
        attack,
        twin_suits: operator,
        twin: forgotten,
    }
}

pub(super) const ROW: Row = Row {
    id: "D6",
    variants: &[
        variant(
            "passwords, from the usual network",
            &[StepUp, RevokeSession],
            |tale| burst(tale, &LOGIN, false),
        ),
        variant("passwords, from a new context", &[RevokeSession], |tale| {
            burst(tale, &LOGIN, true)
        }),
        variant("prompts, from a new context", &[RevokeSession], |tale| {
            burst(tale, &MFA, true)
        }),
    ],
};

fn burst(tale: &mut Tale<'_>, deed: &'static Deed, is_new: bool) -> Option<String> {
    let mut pattern = tale.pattern()?;
    if is_new {
        tale.stolen(&mut pattern, "Madrid");
    }
    let mut time = ms(&pattern) + 30 * MINUTE;
    let failures = tale.rng.random_range(18..40);
    let mut outside = tale.fresh(&pattern, time);
    if deed.name == LOGIN.name {
        // A failed log-in has no session yet.
        outside.session = Default::default();
        outside.credential = Default::default();
    } else {
        let login = tale.done(&outside, time - 2 * SECOND, &LOGIN, 0);
        tale.then(login);
    }
    for _ in 0..failures {
        let mut failed = tale.done(&outside, time, deed, 0);
        failed.session.authenticated_at = None;
        failed.action.outcome = Outcome::Failure.into();
        tale.then(failed);
        time += tale.about(7);
    }
    let session = tale.fresh(&pattern, time);
    let success = tale.done(&session, time, deed, 0);
    tale.then(success.clone());
    for nth in 1..4_u32 {
        let look = tale.done(
            &success,
            time + i64::from(nth) * 15 * SECOND,
            &DASHBOARD,
            nth,
        );
        tale.then(look);
    }
    Some(format!(
        "{failures} times {} fails, then it succeeds",
        deed.name
    ))
}

/// A forgotten password, from the device and the network as ever.
fn forgotten(tale: &mut Tale<'_>) -> Option<String> {
    let pattern = tale.pattern_of(tale.who, |bout| bout.setting.device == crate::draft::LAPTOP)?;
    let mut time = ms(&pattern) + 30 * MINUTE;
    let mut outside = tale.fresh(&pattern, time);
    outside.session = Default::default();
    outside.credential = Default::default();
    for _ in 0..4 {
        let mut failed = tale.done(&outside, time, &LOGIN, 0);
        failed.session.authenticated_at = None;
        failed.action.outcome = Outcome::Failure.into();
        tale.then(failed);
        time += tale.about(12);
    }
    let reset = tale.done(&outside, time + MINUTE, &RESET, 0);
    tale.then(reset);
    time += 2 * MINUTE;
    let live = tale.fresh(&pattern, time);
    for (nth, deed) in [&LOGIN, &MFA, &DASHBOARD, &LOGOUT].into_iter().enumerate() {
        let event = tale.done(&live, time + nth as i64 * 9 * SECOND, deed, 0);
        tale.then(event);
    }
    Some("a forgotten password, reset and used".to_owned())
}
