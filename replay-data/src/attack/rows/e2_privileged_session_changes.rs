//! In a privileged session of a machine the address, the fingerprint or the way of use changes.

use plumbline_schemas::command::Action::{RevokeCredential, RevokeSession, StepUp};
use plumbline_schemas::event::Event;
use rand::RngExt as _;

use super::tale::{Tale, ms};
use super::{Row, Variant, pipeline, service};
use crate::catalogue::deeds::{CI_DEPLOY, Deed, SA_SECRET};
use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::profile::Profile;

const fn variant(
    name: &'static str,
    suits: fn(&Profile) -> bool,
    attack: super::Telling,
) -> Variant {
    Variant {
        name,
        accepts: &[StepUp, RevokeSession, RevokeCredential],
        suits,
        attack,
        twin_suits: service,
        twin: through_the_pool,
    }
}

pub(super) const ROW: Row = Row {
    id: "E2",
    variants: &[
        variant("address", service, |tale| {
            changes(tale, |tale, event| tale.through(event, "Warsaw"))
        }),
        variant("fingerprint", service, |tale| {
            changes(tale, |_, event| {
                event.device.user_agent = Some("python-requests/2.32.5".into());
                event.device.tls_fingerprint = Some("t13d1812h1_85036bcba153_375ca2c5e164".into());
                event.device.id = Some("dev-other".into());
            })
        }),
        variant("address of a pipeline", pipeline, |tale| {
            changes(tale, |tale, event| tale.through(event, "Helsinki"))
        }),
    ],
};

fn changes(tale: &mut Tale<'_>, change: fn(&mut Tale<'_>, &mut Event<'static>)) -> Option<String> {
    let pattern = tale.pattern()?;
    let start = ms(&pattern) + MINUTE;
    let privileged = if pattern.identity.id.starts_with("ci-") {
        &CI_DEPLOY
    } else {
        fetches_daily(tale, start);
        &SA_SECRET
    };
    let mut live = client(&pattern);
    for call in thrice(tale, &live, start, privileged) {
        tale.before(call);
    }
    change(tale, &mut live);
    for nth in 0..5 {
        let call = tale.done(&live, start + MINUTE + nth * 8 * SECOND, privileged, 5);
        tale.then(call);
    }
    Some("a privileged session goes on from elsewhere".to_owned())
}

/// What privileged calls are made with says what it is.
fn client(pattern: &Event<'static>) -> Event<'static> {
    let mut live = pattern.clone();
    live.device.tls_fingerprint = Some("t13d1516h2_8daaf6152771_02713d6af862".into());
    live.device.id = Some("dev-sdk".into());
    live
}

/// What makes the session a privileged one.
fn thrice(
    tale: &mut Tale<'_>,
    live: &Event<'static>,
    start: i64,
    deed: &'static Deed,
) -> Vec<Event<'static>> {
    (0..3)
        .map(|nth| tale.done(live, start + nth * 8 * SECOND, deed, 5))
        .collect()
}

/// Ordinary accounts do nothing privileged. This one has read its secret once a day since the log began,
/// or the reading would be what is odd.
fn fetches_daily(tale: &mut Tale<'_>, until: i64) {
    let mut day = tale.world.from;
    while day + DAY < until {
        let time = day + tale.rng.random_range(4 * HOUR..DAY);
        let round = tale.pattern_at(tale.who, time, |bout| !bout.special);
        if let Some(round) = round {
            for call in thrice(tale, &client(&round), ms(&round) + 2 * SECOND, &SA_SECRET) {
                tale.always(call);
            }
        }
        day += DAY;
    }
}

/// Privileged calls as ever, then one round more, every second call through another address of the NAT
/// gateway that the account always goes through.
fn through_the_pool(tale: &mut Tale<'_>) -> Option<String> {
    let bout = tale.bout_of(tale.who, |bout| !bout.special)?;
    let region = bout.setting.region;
    let other = tale.bout_of(tale.who, |it| it.setting.region == region)?;
    let network = tale.usual(tale.who, &other).first()?.network.clone();
    let events = tale.usual(tale.who, &bout);
    let first = events.first()?;
    let start = ms(first) + 8 * MINUTE;
    fetches_daily(tale, start);
    for call in thrice(tale, &client(first), start - 30 * SECOND, &SA_SECRET) {
        tale.before(call);
    }
    for (nth, event) in events.iter().enumerate() {
        let mut call = tale.again(event, ms(event) + 8 * MINUTE);
        if nth % 2 == 1 {
            call.network = network.clone();
        }
        tale.then(call);
    }
    Some("from one address of the pool to another".to_owned())
}
