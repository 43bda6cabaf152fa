//! An account that calls one internal API is used elsewhere, and goes through the API in another order.

use plumbline_schemas::command::Action::{RevokeCredential, StepUp};
use rand::RngExt as _;

use super::tale::{Tale, ms};
use super::{Row, Variant, service};
use crate::catalogue::deeds::CLIENT_LINES;
use crate::clock::MINUTE;
use crate::profile::Role;

const fn variant(name: &'static str, attack: super::Telling) -> Variant {
    Variant {
        name,
        accepts: &[RevokeCredential, StepUp],
        suits: service,
        attack,
        twin_suits: service,
        twin: fails_over,
    }
}

pub(super) const ROW: Row = Row {
    id: "A3",
    variants: &[
        variant("place, speed and order", |tale| enumerate(tale, true)),
        variant("order alone", |tale| enumerate(tale, false)),
    ],
};

fn enumerate(tale: &mut Tale<'_>, elsewhere: bool) -> Option<String> {
    let Role::Native(native) = &tale.who.role else {
        return None;
    };
    let steps = CLIENT_LINES[usize::from(native.line) % CLIENT_LINES.len()];
    let pattern = tale.pattern()?;
    let mut time = ms(&pattern) + 4 * MINUTE;
    let mut session = pattern;
    let city = tale.hideout();
    if elsewhere {
        tale.stolen(&mut session, city);
        session = tale.fresh(&session, time);
    }
    let count = tale.rng.random_range(30..60);
    for nth in 0..count {
        // The last step first, each for many records in turn.
        let deed = steps[2 - nth * 3 / count];
        let event = tale.done(&session, time, deed, 500 + nth as u32);
        tale.then(event);
        time += tale.about(4);
    }
    Some(match elsewhere {
        true => {
            format!("{count} calls to its own API from {city}, backwards, minutes after its own")
        }
        false => format!("{count} calls to its own API from its own host, backwards"),
    })
}

/// Its second region, where one run in twelve is.
fn fails_over(tale: &mut Tale<'_>) -> Option<String> {
    let Role::Native(native) = &tale.who.role else {
        return None;
    };
    let second = native.second_region;
    let away = tale.bout_of(tale.who, |bout| bout.setting.region == second)?;
    tale.instead_of(&away);
    let events = tale.usual(tale.who, &away);
    for event in &events {
        let again = tale.again(event, ms(event) + 10 * MINUTE);
        tale.then(again);
    }
    Some("a round in the account's second region, later than it would have been".to_owned())
}
