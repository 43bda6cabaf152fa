//! A token that is bound to a workload turns up in another region, runtime or device.

use plumbline_schemas::command::Action::RevokeCredential;
use plumbline_schemas::event::Event;

use super::tale::{Tale, ms};
use super::{Row, Variant, deployer, pipeline};
use crate::clock::{MINUTE, SECOND};
use crate::profile::{Profile, Role};
use crate::world::REGIONS;

const fn variant(
    name: &'static str,
    suits: fn(&Profile) -> bool,
    attack: super::Telling,
) -> Variant {
    Variant {
        name,
        accepts: &[RevokeCredential],
        suits,
        attack,
        twin_suits: suits,
        twin: |tale| {
            moves(tale, |_, event| {
                event.workload.host = Some("node-redeployed-2".into());
            })
        },
    }
}

pub(super) const ROW: Row = Row {
    id: "D2",
    variants: &[
        variant("region", deployer, |tale| moves(tale, to_a_third_region)),
        variant("runtime", pipeline, |tale| {
            moves(tale, |_, event| {
                event.workload.runtime = Some("bare-metal".into());
                event.workload.host = Some("build-box-3".into());
            })
        }),
        variant("device", deployer, |tale| {
            moves(tale, |tale, event| {
                tale.stolen(event, "Warsaw");
                event.device.id = Some("dev-unknown-laptop".into());
                event.workload.runtime = Some("shell".into());
            })
        }),
    ],
};

fn to_a_third_region(tale: &mut Tale<'_>, event: &mut Event<'static>) {
    let Role::Native(native) = &tale.who.role else {
        return;
    };
    let known = [native.region, native.second_region];
    for (index, (region, city)) in REGIONS.iter().enumerate() {
        if !known.contains(&(index as u8)) {
            event.workload.region = Some((*region).into());
            tale.through(event, city);
        }
    }
}

fn moves(tale: &mut Tale<'_>, change: fn(&mut Tale<'_>, &mut Event<'static>)) -> Option<String> {
    let bout = tale.bout_of(tale.who, |bout| bout.work > 1 && !bout.special)?;
    let events = tale.usual(tale.who, &bout);
    // After the owner is done: one token, one place at a time, and yet another place.
    let last = ms(events.last()?);
    let mut moved = events.first()?.clone();
    change(tale, &mut moved);
    for (nth, event) in events
        .iter()
        .filter(|it| !it.action.scopes.is_empty())
        .take(8)
        .enumerate()
    {
        let mut call = tale.again(event, last + 3 * MINUTE + nth as i64 * 6 * SECOND);
        call.network = moved.network.clone();
        call.device = moved.device.clone();
        call.workload = moved.workload.clone();
        tale.then(call);
    }
    let place = |event: &Event<'_>| {
        let known = |text: &Option<plumbline_schemas::known::Text<'_>>| {
            text.as_deref().unwrap_or("?").to_owned()
        };
        format!(
            "{} {} {}",
            known(&event.workload.runtime),
            known(&event.workload.region),
            known(&event.workload.host)
        )
    };
    Some(format!(
        "from {} to {}",
        place(events.first()?),
        place(&moved)
    ))
}
