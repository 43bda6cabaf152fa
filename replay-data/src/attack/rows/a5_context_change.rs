//! The context of a live session changes, and then something follows that weighs.

use plumbline_schemas::command::Action::{RevokeSession, StepUp};
use plumbline_schemas::event::{Event, Posture};

use super::tale::{Tale, ms};
use super::{Row, Variant, operator};
use crate::catalogue::deeds::{CONFIG_READ, CONFIG_WRITE, DASHBOARD, HUMAN_DEPLOY};
use crate::clock::MINUTE;

type Change = fn(&mut Tale<'_>, &mut Event<'static>);

const fn variant(name: &'static str, attack: super::Telling) -> Variant {
    Variant {
        name,
        accepts: &[StepUp, RevokeSession],
        suits: operator,
        attack,
        twin_suits: operator,
        twin: to_the_phone_network,
    }
}

pub(super) const ROW: Row = Row {
    id: "A5",
    variants: &[
        variant("network and device", |tale| {
            changes(tale, |tale, event| tale.stolen(event, "Warsaw"))
        }),
        variant("posture", |tale| {
            changes(tale, |_, event| {
                event.device.posture = Posture::NonCompliant.into()
            })
        }),
        variant("assurance", |tale| {
            changes(tale, |_, event| {
                event.session.assurance = Some("aal1".into());
                event.session.mfa = Some(false);
            })
        }),
    ],
};

fn changes(tale: &mut Tale<'_>, change: Change) -> Option<String> {
    let pattern = tale.pattern()?;
    let start = ms(&pattern) + 25 * MINUTE;
    let mut session = tale.session(&pattern, start);
    for nth in 0..3_u32 {
        let event = tale.done(
            &session,
            start + i64::from(nth + 1) * MINUTE / 2,
            &CONFIG_READ,
            nth,
        );
        tale.before(event);
    }
    change(tale, &mut session);
    let after = start + 2 * MINUTE;
    let change = tale.done(&session, after, &DASHBOARD, 1);
    tale.then(change);
    for (nth, deed) in [&CONFIG_WRITE, &HUMAN_DEPLOY].into_iter().enumerate() {
        let event = tale.done(&session, after + (nth as i64 + 1) * MINUTE / 2, deed, 2);
        tale.then(event);
    }
    Some("in mid-session the context changes; a change of production follows".to_owned())
}

/// From the desk to the carrier that the phone is always on; nothing that weighs.
fn to_the_phone_network(tale: &mut Tale<'_>) -> Option<String> {
    let pattern = tale.pattern()?;
    let phone = tale.pattern_of(tale.who, |bout| bout.setting.device == crate::draft::PHONE)?;
    let mut time = ms(&pattern) + 5 * MINUTE;
    let mut session = pattern;
    session.network = phone.network;
    for nth in 0..4 {
        let event = tale.done(&session, time, &DASHBOARD, nth);
        tale.then(event);
        time += tale.about(60);
    }
    Some("the laptop goes on over the phone".to_owned())
}
