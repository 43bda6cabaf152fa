//! A stolen token is used elsewhere while its owner works on with it.

use plumbline_schemas::command::Action::RevokeCredential;

use super::tale::{Tale, ms};
use super::{Row, Variant, pipeline, service};
use crate::clock::{MINUTE, SECOND};
use crate::profile::Role;
use crate::world::REGIONS;

pub(super) const ROW: Row = Row {
    id: "A6",
    variants: &[
        Variant {
            name: "another host",
            accepts: &[RevokeCredential],
            suits: service,
            attack: |tale| replay(tale, false),
            twin_suits: service,
            twin: owner_moves,
        },
        Variant {
            name: "another region of the cloud",
            accepts: &[RevokeCredential],
            suits: service,
            attack: |tale| replay(tale, true),
            twin_suits: service,
            twin: owner_moves,
        },
        Variant {
            name: "a pipeline's key on another host",
            accepts: &[RevokeCredential],
            suits: pipeline,
            attack: |tale| replay(tale, false),
            twin_suits: pipeline,
            twin: |tale| {
                let bout = tale.bout_of(tale.who, |_| true)?;
                for event in tale.usual(tale.who, &bout) {
                    let mut again = tale.again(&event, ms(&event) + 40 * MINUTE);
                    again.workload.host = Some("runner-us-east-1-41".into());
                    tale.then(again);
                }
                Some("the same build again, on another runner of the pool".to_owned())
            },
        },
    ],
};

fn replay(tale: &mut Tale<'_>, in_cloud: bool) -> Option<String> {
    let bout = tale.bout_of(tale.who, |bout| bout.work > 1 && !bout.special)?;
    let events = tale.usual(tale.who, &bout);
    let city = tale.hideout();
    let mut thief = events.first()?.clone();
    if in_cloud {
        let Role::Native(native) = &tale.who.role else {
            return None;
        };
        let known = [native.region, native.second_region];
        let region = (0..REGIONS.len()).find(|it| !known.contains(&(*it as u8)))?;
        tale.through(&mut thief, REGIONS[region].1);
        thief.workload.region = Some(REGIONS[region].0.into());
        thief.workload.host = Some("node-new-7".into());
    } else {
        tale.stolen(&mut thief, city);
    }
    for event in events.iter().take(12) {
        // The owner's own calls go on in between.
        let mut copy = tale.again(event, ms(event) + 2 * SECOND);
        copy.network = thief.network.clone();
        copy.device = thief.device.clone();
        copy.workload = thief.workload.clone();
        tale.then(copy);
        let own = tale.again(event, ms(event) + 9 * SECOND);
        tale.before(own);
    }
    let from = if in_cloud { "a third region" } else { city };
    Some(format!(
        "the token is used from {from} while its owner uses it"
    ))
}

/// The old place falls silent, the second one takes over.
fn owner_moves(tale: &mut Tale<'_>) -> Option<String> {
    let Role::Native(native) = &tale.who.role else {
        return None;
    };
    let second = native.second_region;
    let away = tale.bout_of(tale.who, |bout| bout.setting.region == second)?;
    tale.instead_of(&away);
    for event in tale.usual(tale.who, &away) {
        let again = tale.again(&event, ms(&event) + 11 * MINUTE);
        tale.then(again);
    }
    Some("the token goes on in the account's second region".to_owned())
}
