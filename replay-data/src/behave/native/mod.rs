//! Identities whose own systems write native events.

mod human;
mod machine;

use rand::RngExt as _;

use super::{Bout, Pen};
use crate::catalogue::deeds::Deed;
use crate::draft::{Act, End};
use crate::native::Native;
use crate::profile::Profile;
use crate::random::{chance, lognormal};
use crate::world::World;

pub(super) fn bouts(
    world: &World,
    who: &Profile,
    native: &Native,
    from: i64,
    to: i64,
    out: &mut Vec<Bout>,
) {
    if native.office.is_human() {
        human::bouts(world, who, native, from, to, out);
    } else {
        machine::bouts(world, who, native, from, to, out);
    }
}

pub(super) fn perform(
    world: &World,
    who: &Profile,
    native: &Native,
    bout: &Bout,
    pen: &mut Pen<'_>,
) {
    if native.office.is_human() {
        human::perform(world, native, bout, pen);
    } else {
        machine::perform(world, who, native, bout, pen);
    }
}

/// Does something, once in a few hundred times in vain at first.
fn act(native: &Native, deed: &'static Deed, time: i64, pen: &mut Pen<'_>) {
    let object = pen.rng.random_range(0..400);
    let tenant = match deed.record_bytes {
        0 => 0,
        _ => native.tenants.0 + pen.rng.random_range(0..native.tenants.1),
    };
    act_on(deed, (object, tenant), 1.0, time, pen);
}

fn act_on(
    deed: &'static Deed,
    (object, tenant): (u32, u32),
    size: f64,
    time: i64,
    pen: &mut Pen<'_>,
) {
    let act = Act::Deed {
        deed,
        object,
        tenant,
    };
    let mut time = time;
    if chance(&mut pen.rng, 0.004) {
        pen.write_as(time, act, 0, End::Failure);
        time += 400;
    }
    let bytes = lognormal(&mut pen.rng, f64::from(deed.bytes) * size, 0.3) as u32;
    pen.write_as(time, act, bytes, End::Success);
}
