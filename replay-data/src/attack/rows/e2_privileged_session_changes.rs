//! In a privileged session of a machine the address, the fingerprint or the way of use changes.

use plumbline_schemas::command::Action::{RevokeCredential, RevokeSession, StepUp};
use plumbline_schemas::event::Event;

use super::tale::{Tale, ms};
use super::{Row, Variant, pipeline, service};
use crate::catalogue::deeds::CI_DEPLOY;
use crate::clock::{MINUTE, SECOND};

/// Of ordinary accounts only the pipelines do something privileged every day.
const fn variant(name: &'static str, attack: super::Telling) -> Variant {
    Variant {
        name,
        accepts: &[StepUp, RevokeSession, RevokeCredential],
        suits: pipeline,
        attack,
        twin_suits: service,
        twin: through_the_pool,
    }
}

pub(super) const ROW: Row = Row {
    id: "E2",
    variants: &[
        variant("address", |tale| {
            changes(tale, |tale, event| tale.through(event, "Warsaw"))
        }),
        variant("fingerprint", |tale| {
            changes(tale, |_, event| {
                event.device.user_agent = Some("python-requests/2.32.5".into());
                event.device.tls_fingerprint = Some("t13d1812h1_85036bcba153_375ca2c5e164".into());
                event.device.id = Some("dev-other".into());
            })
        }),
    ],
};

fn changes(tale: &mut Tale<'_>, change: fn(&mut Tale<'_>, &mut Event<'static>)) -> Option<String> {
    let pattern = tale.pattern()?;
    let start = ms(&pattern) + MINUTE;
    let mut live = pattern.clone();
    live.device.tls_fingerprint = Some("t13d1516h2_8daaf6152771_02713d6af862".into());
    live.device.id = Some("dev-sdk".into());
    for nth in 0..3 {
        let call = tale.done(&live, start + nth * 8 * SECOND, &CI_DEPLOY, 5);
        tale.before(call);
    }
    change(tale, &mut live);
    for nth in 0..5 {
        let call = tale.done(&live, start + MINUTE + nth * 8 * SECOND, &CI_DEPLOY, 5);
        tale.then(call);
    }
    Some("a privileged session goes on from elsewhere".to_owned())
}

/// One round more, every second call through another address of the NAT gateway that the account
/// always goes through.
fn through_the_pool(tale: &mut Tale<'_>) -> Option<String> {
    let bout = tale.bout_of(tale.who, |bout| !bout.special)?;
    let region = bout.setting.region;
    let other = tale.bout_of(tale.who, |it| it.setting.region == region)?;
    let network = tale.usual(tale.who, &other).first()?.network.clone();
    for (nth, event) in tale.usual(tale.who, &bout).iter().enumerate() {
        let mut call = tale.again(event, ms(event) + 8 * MINUTE);
        if nth % 2 == 1 {
            call.network = network.clone();
        }
        tale.then(call);
    }
    Some("from one address of the pool to another".to_owned())
}
